//! Add and Remove: pinned posts (`featured`).

use serde_json::json;

use super::Context;
use crate::accounts;
use crate::app::App;
use crate::federation::doc::Doc;
use crate::federation::objects;
use crate::federation::outbox::{self, Outgoing, Recipients};
use crate::federation::{Outcome, PUBLIC, Refused};
use crate::kernel::id::AccountId;
use crate::posts::keep;

/// The sender pins a post of theirs or takes it down.
pub async fn receive(app: &App, context: &Context, activity: Doc<'_>, pinned: bool) -> Outcome {
    let sender = &context.sender;
    let target = activity.id_of("target");
    if target.is_none() || target != sender.featured_uri.as_deref() {
        return Err(Refused::Drop("not the sender's pinned posts"));
    }
    let uri = activity.id_of("object").ok_or(Refused::Drop("no object"))?;
    let post = match crate::posts::find_by_uri(app, uri).await? {
        Some(post) => post,
        None if pinned => objects::post(app, uri, None, &context.budget).await?,
        None => return Err(Refused::Drop("there is no such post")),
    };
    if post.account != sender.id {
        return Err(Refused::Drop("not the sender's post"));
    }
    Ok(keep::receive_pin(app, sender, &post, pinned).await?)
}

/// Sends that a post was pinned or taken down.
///
/// # Errors
/// What the database says.
pub async fn send(
    app: &App,
    account: AccountId,
    post_uri: &str,
    pinned: bool,
    at: i64,
) -> anyhow::Result<()> {
    let account = accounts::get(app, account).await?;
    let uri = format!("{}#pins/{at}", account.uri);
    let outgoing = Outgoing {
        sender: &account,
        kind: if pinned { "Add" } else { "Remove" },
        uri: uri.clone(),
        about: uri,
        body: json!({"object": post_uri, "target": account.featured_uri, "to": [PUBLIC], "cc": [account.followers_uri]}),
        to: Recipients {
            followers: true,
            ..Recipients::default()
        },
        syncs_followers: false,
    };
    outbox::publish(app, outgoing).await
}
