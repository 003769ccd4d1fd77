//! Delete: of a post or an actor. A tombstone stays, so that what comes late does not bring it back.

use serde_json::{Value, json};

use super::Context;
use crate::accounts::{self, Account, remove as tombs};
use crate::app::App;
use crate::federation::PUBLIC;
use crate::federation::doc::Doc;
use crate::federation::outbox::{self, Outgoing, Recipients};
use crate::federation::{Outcome, Refused};
use crate::jobs::{self, Job, Reach};
use crate::kernel::db::sql;
use crate::kernel::id::AccountId;
use crate::kernel::origin::same_origin;
use crate::posts::{self, quotes, remove};

/// The sender deleted something of theirs.
pub async fn receive(app: &App, context: &Context, activity: Doc<'_>) -> Outcome {
    let id = activity.id_of("object").ok_or(Refused::Drop("no object"))?;
    if !same_origin(id, &context.sender.uri) {
        return Err(Refused::Drop("not on the sender's host"));
    }
    let now = app.clock.now();
    if id == context.sender.uri {
        let mut tx = app.db.begin().await?;
        tombs::mark(&mut tx, &context.sender, now).await?;
        tombs::sever(&mut tx, context.sender.id).await?;
        jobs::enqueue(&mut tx, now, Job::EraseAccount(context.sender.id)).await?;
        tx.commit().await?;
        return Ok(());
    }
    match posts::find_by_uri(app, id).await? {
        Some(post) if post.account == context.sender.id => Ok(remove::receive(app, &post).await?),
        Some(_) => Err(Refused::Drop("not the sender's to delete")),
        None => {
            quotes::receive_revocation(app, &context.sender, id).await?;
            bury(app, context, id).await
        }
    }
}

/// Remembers the end of what is not known: it may come later than that, or in the same moment.
async fn bury(app: &App, context: &Context, id: &str) -> Outcome {
    if accounts::find_by_uri(app, id).await?.is_some() {
        return Ok(());
    }
    let now = app.clock.now();
    let mut tx = app.db.begin().await?;
    tx.hold(&[id]).await?;
    let came = posts::store::find_by_uri(&mut tx, id).await?;
    if came.is_none() {
        tombs::remember(&mut tx, id, &context.sender.host, false, now).await?;
    }
    tx.commit().await?;
    match came {
        Some(post) if post.account == context.sender.id => Ok(remove::receive(app, &post).await?),
        _ => Ok(()),
    }
}

/// Sends the Delete of a post.
///
/// # Errors
/// What the database says.
pub async fn send(app: &App, account: AccountId, uri: &str, reach: Reach) -> anyhow::Result<()> {
    let account = accounts::get(app, account).await?;
    let recipients = Recipients {
        followers: reach.followers,
        people: reach.people,
        personal: false,
    };
    publish(app, &account, uri, json!([PUBLIC]), recipients).await
}

/// Sends that an object is gone to those it is addressed to.
///
/// # Errors
/// What the database says.
pub async fn publish(
    app: &App,
    sender: &Account,
    uri: &str,
    to: Value,
    recipients: Recipients,
) -> anyhow::Result<()> {
    let outgoing = Outgoing {
        sender,
        kind: "Delete",
        uri: format!("{uri}#delete"),
        about: uri.to_owned(),
        body: json!({"object": {"id": uri, "type": "Tombstone"}, "to": to}),
        to: recipients,
        syncs_followers: false,
    };
    outbox::publish(app, outgoing).await
}

/// Sends the Delete of an account to every node that knows it, then removes what it left.
///
/// # Errors
/// What the database says.
pub async fn send_farewell(app: &App, id: AccountId) -> anyhow::Result<()> {
    let account = accounts::get(app, id).await?;
    // One account of each node is enough: the shared inbox tells the whole node.
    let rows = sql("SELECT MIN(id) AS id FROM accounts WHERE kind = 'remote' AND deleted_at IS NULL AND disabled_at IS NULL GROUP BY COALESCE(shared_inbox_id, inbox_id) LIMIT 20000").all(&app.db).await?;
    let people = rows
        .iter()
        .filter_map(|row| row.get::<AccountId>("id").ok())
        .collect();
    let outgoing = Outgoing {
        sender: &account,
        kind: "Delete",
        uri: format!("{}#delete", account.uri),
        about: account.uri.clone(),
        body: json!({"object": account.uri, "to": [PUBLIC]}),
        to: Recipients {
            followers: true,
            people,
            personal: false,
        },
        syncs_followers: false,
    };
    outbox::publish(app, outgoing).await?;
    let mut tx = app.db.begin().await?;
    tombs::sever(&mut tx, id).await?;
    tx.commit().await?;
    while remove::erase_some_of(app, &account).await? {}
    Ok(())
}
