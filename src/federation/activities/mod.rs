//! Activities, one file each, named by the activity: how it is built, and what happens when it arrives.

pub mod accept;
pub mod announce;
pub mod approval;
pub mod block;
pub mod create;
pub mod delete;
pub mod flag;
pub mod follow;
pub mod leave;
pub mod letter;
pub mod like;
pub mod moved;
pub mod pin;
pub mod quote;
pub mod reject;
pub mod undo;
pub mod update;

use std::sync::Arc;

use serde_json::Value;

use super::doc::Doc;
use super::fetch::Budget;
use super::{Outcome, Refused};
use crate::accounts::Account;
use crate::app::App;
use crate::error::Result;
use crate::kernel::boxed::boxed;
use crate::kernel::clock::Time;
use crate::posts::{self, Post};
use crate::relations::undone;

/// Who sent an activity, to whose inbox, and how much it may cause.
#[derive(Debug)]
pub struct Context {
    /// The verified sender.
    pub sender: Account,
    /// The owner of the inbox it came to; nobody for the shared one.
    pub inbox_of: Option<Account>,
    /// The fetches it may cause.
    pub budget: Arc<Budget>,
    /// How often it was tried, this time included.
    pub attempts: i64,
    /// When its request was signed, to the second.
    pub signed_at: Time,
}

impl Context {
    /// Whether what it is about may still be on its way.
    fn early(&self) -> bool {
        self.attempts <= 3
    }
}

/// Lets an activity take effect. What is unknown has none.
///
/// # Errors
/// Why it has none.
pub async fn receive(app: &App, context: &Context, activity: &Value) -> Outcome {
    if context.sender.deleted_at.is_some() {
        return Err(Refused::Drop("the sender ended"));
    }
    let doc = Doc(activity);
    // Whoever was suspended or frozen may still go, and take back what they did.
    let withdraws = ["Delete", "Undo", "Reject", "Block", "Leave"];
    let stopped = context.sender.disabled_at.is_some() || context.sender.frozen_at.is_some();
    if stopped && doc.kind_in(&withdraws).is_none() {
        return Err(Refused::Drop("the sender may not act here"));
    }
    if let Some(id) = doc
        .id()
        .filter(|_| doc.kind_in(&undone::UNDOABLE).is_some())
        && undone::swallows(app, id, context.signed_at).await?
    {
        return Err(Refused::Drop("it was undone before it came"));
    }
    metrics::counter!("afterparty_inbox_activities", "type" => label(doc.kind())).increment(1);
    let effect = match doc.kind().unwrap_or_default() {
        "Follow" => boxed(async move || follow::receive(app, context, doc).await),
        "Accept" => boxed(async move || accept::receive(app, context, doc).await),
        "Reject" => boxed(async move || reject::receive(app, context, doc).await),
        "Undo" => boxed(async move || undo::receive(app, context, doc).await),
        "Create" => boxed(async move || create::receive(app, context, doc).await),
        "Update" => boxed(async move || update::receive(app, context, doc).await),
        "Delete" => boxed(async move || delete::receive(app, context, doc).await),
        "Announce" => boxed(async move || announce::receive(app, context, doc).await),
        "Like" | "EmojiReact" => boxed(async move || like::receive(app, context, doc).await),
        "Block" => boxed(async move || block::receive(app, context, doc).await),
        "Flag" => boxed(async move || flag::receive(app, context, doc).await),
        "Leave" => boxed(async move || leave::receive(app, context, doc).await),
        "Move" => boxed(async move || moved::receive(app, context, doc).await),
        "Add" => boxed(async move || pin::receive(app, context, doc, true).await),
        "Remove" => boxed(async move || pin::receive(app, context, doc, false).await),
        "QuoteRequest" => boxed(async move || quote::receive(app, context, doc).await),
        _ => return Err(Refused::Drop("unknown type")),
    };
    effect.await
}

/// The types that are counted by name.
const KNOWN: [&str; 17] = [
    "Follow",
    "Accept",
    "Reject",
    "Undo",
    "Create",
    "Update",
    "Delete",
    "Announce",
    "Like",
    "EmojiReact",
    "Block",
    "Flag",
    "Leave",
    "Move",
    "Add",
    "Remove",
    "QuoteRequest",
];

/// A type as a label of a figure: what others make up is one label together, however many they make up.
fn label(kind: Option<&str>) -> &'static str {
    let known = KNOWN.iter().find(|known| Some(**known) == kind);
    known.copied().unwrap_or("other")
}

/// A post the sender may see, by its id; others look as if they were not there.
async fn visible_post(app: &App, context: &Context, uri: &str) -> Result<Post, Refused> {
    let origin = app.origin();
    let uri = &*posts::references::id_of_page(&origin, uri);
    let found = posts::find_by_uri(app, uri).await?;
    if found.is_none() && context.early() && !app.origin().owns(uri) {
        return Err(Refused::Retry("its post may be on the way".to_owned()));
    }
    let post = found
        .filter(|post| post.boost_of.is_none())
        .ok_or(Refused::Drop("there is no such post"))?;
    let seen = crate::audiences::may_see(app, Some(&context.sender), post.thing()).await?;
    if seen {
        Ok(post)
    } else {
        Err(Refused::Drop("there is no such post"))
    }
}
