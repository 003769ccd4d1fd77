//! Update: of a post or an actor.

use serde_json::json;

use super::{Context, approval, create};
use crate::accounts;
use crate::app::App;
use crate::federation::copies;
use crate::federation::doc::Doc;
use crate::federation::objects::note;
use crate::federation::outbox::{self, Outgoing, Recipients};
use crate::federation::{Outcome, Refused, actor};
use crate::kernel::db::sql;
use crate::kernel::id::{AccountId, PostId};
use crate::kernel::origin::same_origin;
use crate::moderation::{rules, writing};
use crate::nodes::measures;
use crate::posts::{self, arrive};

/// The sender changed something of theirs. What is not known here is not made by an Update.
pub async fn receive(app: &App, context: &Context, activity: Doc<'_>) -> Outcome {
    let object = activity
        .each("object")
        .into_iter()
        .next()
        .ok_or(Refused::Drop("no object"))?;
    let id = object.id().ok_or(Refused::Drop("the object has no id"))?;
    if id == context.sender.uri {
        // The signature vouches for what is inside; a bare id is fetched.
        if object.kind_in(&actor::TYPES).is_some() {
            actor::write(app, object.0, &context.budget).await?;
        } else {
            actor::refresh(app, id, &context.budget).await?;
        }
        return Ok(());
    }
    if object.kind() == Some("Group") {
        // Groups are changed by those who run them: the group's own host has the word.
        let known = accounts::find_by_uri(app, id)
            .await?
            .filter(|known| !known.is_local());
        let known = known.ok_or(Refused::Drop("no such actor"))?;
        let often = app.limits.group_refresh.take(&known.uri, app.clock.now());
        often.map_err(|_| Refused::Drop("it was looked at lately"))?;
        actor::refresh(app, id, &context.budget).await?;
        return Ok(());
    }
    let before = posts::find_by_uri(app, id)
        .await?
        .filter(|post| post.account == context.sender.id && post.boost_of.is_none());
    if before.is_none() && context.early() && same_origin(id, &context.sender.uri) {
        return Err(Refused::Retry("its Create may be on the way".to_owned()));
    }
    let before = before.ok_or(Refused::Drop("no such post of the sender"))?;
    let fetched;
    let document = if note::kind_of(object).is_some() {
        object.0
    } else {
        fetched =
            crate::federation::fetch::object(app, id, context.inbox_of.as_ref(), &context.budget)
                .await?;
        &fetched
    };
    let mut arrived = note::read(app, document, &context.sender)
        .await?
        .ok_or(Refused::Drop("not a post of the sender"))?;
    // What was hidden by the house stays hidden, and what it does not take it takes by no edit.
    let by_the_house = context.sender.sensitised_at.is_some() || rules::get(app).await?.blur;
    arrived.sensitive |= before.sensitive && by_the_house;
    if measures::about(app, &context.sender.host)
        .await?
        .reject_media
    {
        arrived.media.clear();
    }
    writing::look_again(app, &context.sender, &before, &mut arrived).await?;
    let fetches = context.budget.left();
    arrive::update(app, &context.sender, &before, &arrived, fetches).await?;
    Ok(())
}

/// Sends a post that changed; also when the counts of its poll did (`version` −1).
///
/// # Errors
/// What the database says.
pub async fn send_post(app: &App, id: PostId, version: i64) -> anyhow::Result<()> {
    let Some(post) = posts::find(app, id)
        .await?
        .filter(|post| app.origin().owns(&post.uri))
    else {
        return Ok(());
    };
    if version >= 0 && version < post.version {
        return Ok(());
    }
    if post.audience == crate::audiences::Audience::Held {
        return approval::send_edit(app, &post).await;
    }
    if post.is_for_grant() {
        return copies::send_edit(app, &post).await;
    }
    let author = accounts::get(app, post.account).await?;
    let mut to = create::recipients(app, &post).await?;
    if post.kind == "question" {
        let rows = sql("SELECT DISTINCT account_id FROM poll_votes WHERE post_id = $1 LIMIT 5000")
            .bind(post.id)
            .all(&app.db)
            .await?;
        to.people.extend(
            rows.iter()
                .filter_map(|row| row.get::<AccountId>("account_id").ok()),
        );
    }
    let body = create::wrap(app, &author, &post).await?;
    let outgoing = Outgoing {
        sender: &author,
        kind: "Update",
        uri: outbox::fresh_uri(app),
        about: post.uri.clone(),
        body,
        to,
        syncs_followers: false,
    };
    outbox::publish(app, outgoing).await
}

/// Sends a profile that changed, unless it changed again since.
///
/// # Errors
/// What the database says.
pub async fn send_profile(app: &App, id: AccountId, version: i64) -> anyhow::Result<()> {
    let account = accounts::get(app, id).await?;
    if account.version > version || account.deleted_at.is_some() {
        return Ok(());
    }
    let mut document = actor::build(app, &account);
    let context = document
        .as_object_mut()
        .and_then(|document| document.remove("@context"))
        .unwrap_or_default();
    let outgoing = Outgoing {
        sender: &account,
        kind: "Update",
        uri: outbox::fresh_uri(app),
        about: account.uri.clone(),
        body: json!({"@context": context, "object": document, "to": [crate::federation::PUBLIC], "cc": [account.followers_uri]}),
        to: Recipients {
            followers: true,
            ..Recipients::default()
        },
        syncs_followers: false,
    };
    outbox::publish(app, outgoing).await
}
