//! Follow.

use serde_json::json;

use super::Context;
use crate::accounts::{self, Kind};
use crate::app::App;
use crate::federation::doc::Doc;
use crate::federation::outbox::{self, Outgoing, Recipients};
use crate::federation::{Outcome, Refused, look_up};
use crate::kernel::id::{AccountId, FollowId};
use crate::relations::follows;

/// Somebody wants to follow one of ours.
pub async fn receive(app: &App, context: &Context, activity: Doc<'_>) -> Outcome {
    let [object] = activity.ids("object")[..] else {
        return Err(Refused::Drop("not one object"));
    };
    let followee = accounts::find_by_uri(app, object)
        .await?
        .filter(|account| account.kind == Kind::Local && account.is_active());
    let followee = followee.ok_or(Refused::Drop("there is no such account"))?;
    let uri = activity.id().map_or_else(
        || format!("{}#follows/{}", context.sender.uri, followee.id),
        str::to_owned,
    );
    match follows::receive(app, &context.sender, &followee, &uri).await? {
        follows::Received::Refused => Err(Refused::Drop("blocked")),
        _ => Ok(()),
    }
}

/// Sends the Follow of one of ours.
///
/// # Errors
/// What the database says.
pub async fn send(app: &App, id: FollowId) -> anyhow::Result<()> {
    let Some(follow) = follows::get(app, id).await? else {
        return Ok(());
    };
    let (follower, followee) = (
        accounts::get(app, follow.follower).await?,
        accounts::get(app, follow.followee).await?,
    );
    let outgoing = Outgoing {
        sender: &follower,
        kind: "Follow",
        uri: follow.uri.clone(),
        about: follow.uri,
        body: json!({"object": followee.uri, "to": [followee.uri]}),
        to: Recipients::one(followee.id),
        syncs_followers: false,
    };
    outbox::publish(app, outgoing).await
}

/// Sends the Undo of a Follow.
///
/// # Errors
/// What the database says.
pub async fn send_undo(
    app: &App,
    uri: &str,
    follower: AccountId,
    followee: AccountId,
) -> anyhow::Result<()> {
    let (follower, followee) = (
        accounts::get(app, follower).await?,
        accounts::get(app, followee).await?,
    );
    let object =
        json!({"id": uri, "type": "Follow", "actor": follower.uri, "object": followee.uri});
    let outgoing = Outgoing {
        sender: &follower,
        kind: "Undo",
        uri: format!("{uri}/undo"),
        about: uri.to_owned(),
        body: json!({"object": object, "to": [followee.uri]}),
        to: Recipients::one(followee.id),
        syncs_followers: false,
    };
    outbox::publish(app, outgoing).await
}

/// Looks a handle up and follows it, as asked on the command line.
///
/// # Errors
/// When the handle cannot be found; the job tries again.
pub async fn look_up_and_follow(app: &App, account: AccountId, handle: &str) -> anyhow::Result<()> {
    let follower = accounts::get(app, account).await?;
    match look_up::find(app, handle).await? {
        crate::federation::objects::Found::Account(followee) => {
            follows::request(app, &follower, &followee).await?;
            Ok(())
        }
        crate::federation::objects::Found::Post(_) => Ok(()),
    }
}
