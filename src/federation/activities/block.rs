//! Block.

use serde_json::json;

use super::Context;
use crate::accounts;
use crate::app::App;
use crate::federation::doc::Doc;
use crate::federation::outbox::{self, Outgoing, Recipients};
use crate::federation::{Outcome, Refused};
use crate::kernel::id::AccountId;
use crate::relations::blocks;

/// Somebody blocks one of ours.
pub async fn receive(app: &App, context: &Context, activity: Doc<'_>) -> Outcome {
    let object = activity.id_of("object").ok_or(Refused::Drop("no object"))?;
    let whom = accounts::find_by_uri(app, object)
        .await?
        .filter(accounts::Account::is_local)
        .ok_or(Refused::Drop("there is no such account"))?;
    let uri = activity.id().map_or_else(
        || format!("{}#blocks/{}", context.sender.uri, whom.id),
        str::to_owned,
    );
    Ok(blocks::receive(app, &context.sender, &whom, &uri).await?)
}

/// Sends a Block, or its Undo.
///
/// # Errors
/// What the database says.
pub async fn send(
    app: &App,
    account: AccountId,
    target: AccountId,
    uri: &str,
    undo: bool,
) -> anyhow::Result<()> {
    let (account, target) = (
        accounts::get(app, account).await?,
        accounts::get(app, target).await?,
    );
    let body = if undo {
        json!({"object": {"id": uri, "type": "Block", "actor": account.uri, "object": target.uri}, "to": [target.uri]})
    } else {
        json!({"object": target.uri, "to": [target.uri]})
    };
    let outgoing = Outgoing {
        sender: &account,
        kind: if undo { "Undo" } else { "Block" },
        uri: if undo {
            format!("{uri}/undo")
        } else {
            uri.to_owned()
        },
        about: uri.to_owned(),
        body,
        to: Recipients::one(target.id),
        syncs_followers: false,
    };
    outbox::publish(app, outgoing).await
}
