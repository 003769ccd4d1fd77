//! Sending: an activity is written once, its recipients as one small row for each inbox, in one transaction.

use serde_json::{Value, json};

use super::jcs;
use crate::accounts::{Account, keys};
use crate::app::App;
use crate::kernel::crypt;
use crate::kernel::db::{Tx, ids, sql};
use crate::kernel::id::{AccountId, ActivityId, InboxId};
use crate::nodes::setup;

/// Who an activity goes to.
#[derive(Clone, Debug, Default)]
pub struct Recipients {
    /// The remote followers of the sender, by their nodes' shared inboxes.
    pub followers: bool,
    /// Named accounts; those whose home is here are skipped. Who is locked out hears of the house itself alone, such as
    /// why.
    pub people: Vec<AccountId>,
    /// Whether named accounts are reached at their own inbox, not their node's.
    pub personal: bool,
}

impl Recipients {
    /// One account, at its own inbox.
    pub fn one(account: AccountId) -> Self {
        Self {
            followers: false,
            people: vec![account],
            personal: true,
        }
    }
}

/// An activity that is to leave.
#[derive(Debug)]
pub struct Outgoing<'a> {
    /// Who acts.
    pub sender: &'a Account,
    /// Its type.
    pub kind: &'static str,
    /// Its id; the same id is sent once.
    pub uri: String,
    /// The id of what it is about, by which later activities replace earlier ones that still wait.
    pub about: String,
    /// The activity; context, id, type, actor and proof are added.
    pub body: Value,
    /// Who gets it.
    pub to: Recipients,
    /// Whether it is for followers, so that their nodes may compare who they are (FEP-8fcf).
    pub syncs_followers: bool,
}

/// Writes an activity and its deliveries. A `Delete` or `Undo` cancels what still waits about the same thing, an
/// `Update` replaces an earlier one.
///
/// # Errors
/// What the database says, or when the sender has no keys.
pub async fn publish(app: &App, outgoing: Outgoing<'_>) -> anyhow::Result<()> {
    let sender = outgoing.sender;
    let (_, ed25519) = keys::signer(app, sender).await?;
    let now = app.clock.now();
    let mut body = outgoing.body;
    if body.get("@context").is_none() {
        body["@context"] = json!([
            "https://www.w3.org/ns/activitystreams",
            "https://w3id.org/security/data-integrity/v1"
        ]);
    }
    body["id"] = json!(outgoing.uri);
    body["type"] = json!(outgoing.kind);
    body["actor"] = json!(sender.uri);
    jcs::prove(
        &mut body,
        &ed25519,
        sender.ed25519_key_id.as_deref().unwrap_or_default(),
        now,
    );
    let text = body.to_string();
    let id = ActivityId::mint(now);
    let mut tx = app.db.begin().await?;
    let touched = sql("INSERT INTO activities (id, uri, account_id, kind, object_uri, body, digest, followers_of, created_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT (uri) DO NOTHING")
        .bind(id)
        .bind(&outgoing.uri)
        .bind(sender.id)
        .bind(outgoing.kind)
        .bind(&outgoing.about)
        .bind(&text)
        .bind(crypt::sha256_base64(text.as_bytes()))
        .bind(outgoing.syncs_followers.then_some(sender.id.0))
        .bind(now)
        .run(&mut tx)
        .await?;
    if touched == 0 {
        // It is on its way already; what was put off goes now.
        sql("UPDATE deliveries SET parked_until = 0 WHERE activity_id IN (SELECT id FROM activities WHERE uri = $1)")
            .bind(&outgoing.uri)
            .run(&mut tx)
            .await?;
        tx.commit().await?;
        return Ok(());
    }
    let never = replace_earlier(&mut tx, outgoing.kind, &outgoing.about, id).await?;
    let mut rows = address(&mut tx, id, sender.id, &outgoing.to).await?;
    if !never.is_empty() {
        // Who never got a thing hears nothing of its end.
        rows -= sql("DELETE FROM deliveries WHERE activity_id = $1 AND inbox_id IN (SELECT value FROM json_each($2))")
            .bind(id)
            .bind(ids(never))
            .run(&mut tx)
            .await?;
    }
    tx.commit().await?;
    if rows > 0 {
        setup::note_known_elsewhere(app).await?;
        app.wake.notify_waiters();
    }
    Ok(())
}

/// Lets an activity be sent once more under its id: what its author was asked about goes to everybody now.
///
/// # Errors
/// What the database says.
pub async fn send_again(app: &App, uri: &str) -> sqlx::Result<()> {
    sql("UPDATE activities SET uri = $2 WHERE uri = $1")
        .bind(uri)
        .bind(format!("{uri}#asked"))
        .run(&app.db)
        .await?;
    Ok(())
}

/// Drops waiting deliveries about the same thing that the new activity makes pointless; the inboxes that never got it
/// and need not hear of its end.
async fn replace_earlier(
    tx: &mut Tx,
    kind: &str,
    about: &str,
    id: ActivityId,
) -> sqlx::Result<Vec<InboxId>> {
    let never_left = match kind {
        "Delete" => sql(
            "DELETE FROM deliveries WHERE begun_at IS NULL AND activity_id IN (SELECT id FROM activities WHERE object_uri = $1 AND kind = 'Create' AND id <> $2) RETURNING inbox_id",
        ),
        "Undo" => sql(
            "DELETE FROM deliveries WHERE begun_at IS NULL AND activity_id IN (SELECT id FROM activities WHERE object_uri = $1 AND kind IN ('Announce', 'Like', 'Follow', 'Block') AND id <> $2) RETURNING inbox_id",
        ),
        "Update" => {
            sql(
                "DELETE FROM deliveries WHERE begun_at IS NULL AND activity_id IN (SELECT id FROM activities WHERE object_uri = $1 AND kind = 'Update' AND id <> $2)",
            )
            .bind(about)
            .bind(id)
            .run(&mut *tx)
            .await?;
            return Ok(Vec::new());
        }
        _ => return Ok(Vec::new()),
    };
    let rows = never_left.bind(about).bind(id).all(&mut *tx).await?;
    if kind == "Delete" {
        // What is gone does not leave any more, though it may have arrived before.
        sql("DELETE FROM deliveries WHERE activity_id IN (SELECT id FROM activities WHERE object_uri = $1 AND kind IN ('Create', 'Update') AND id <> $2)")
            .bind(about)
            .bind(id)
            .run(&mut *tx)
            .await?;
    }
    rows.iter().map(|row| row.get("inbox_id")).collect()
}

/// Writes one row for each distinct inbox, set-wise.
async fn address(
    tx: &mut Tx,
    activity: ActivityId,
    sender: AccountId,
    to: &Recipients,
) -> sqlx::Result<u64> {
    let mut rows = 0;
    if to.followers {
        rows += sql("INSERT INTO deliveries (activity_id, inbox_id, node_id) SELECT CAST($1 AS BIGINT), t.inbox_id, inboxes.node_id FROM (SELECT DISTINCT COALESCE(accounts.shared_inbox_id, accounts.inbox_id) AS inbox_id FROM follows JOIN accounts ON accounts.id = follows.follower_id WHERE follows.followee_id = $2 AND follows.accepted_at IS NOT NULL AND accounts.kind = 'remote' AND accounts.deleted_at IS NULL AND accounts.disabled_at IS NULL) t JOIN inboxes ON inboxes.id = t.inbox_id WHERE NOT EXISTS (SELECT 1 FROM nodes JOIN node_blocks ON node_blocks.host = nodes.host AND node_blocks.severity = 'suspend' WHERE nodes.id = inboxes.node_id) ON CONFLICT (activity_id, inbox_id) DO NOTHING")
            .bind(activity)
            .bind(sender)
            .run(&mut *tx)
            .await?;
    }
    if !to.people.is_empty() {
        rows += sql("INSERT INTO deliveries (activity_id, inbox_id, node_id) SELECT CAST($1 AS BIGINT), t.inbox_id, inboxes.node_id FROM (SELECT DISTINCT CASE WHEN $3 = 1 THEN COALESCE(accounts.inbox_id, accounts.shared_inbox_id) ELSE COALESCE(accounts.shared_inbox_id, accounts.inbox_id) END AS inbox_id FROM accounts WHERE accounts.kind = 'remote' AND (accounts.disabled_at IS NULL OR EXISTS (SELECT 1 FROM accounts house WHERE house.id = $4 AND house.kind = 'node')) AND accounts.id IN (SELECT value FROM json_each($2))) t JOIN inboxes ON inboxes.id = t.inbox_id WHERE NOT EXISTS (SELECT 1 FROM nodes JOIN node_blocks ON node_blocks.host = nodes.host AND node_blocks.severity = 'suspend' WHERE nodes.id = inboxes.node_id) ON CONFLICT (activity_id, inbox_id) DO NOTHING")
            .bind(activity)
            .bind(ids(to.people.iter().copied()))
            .bind(to.personal)
            .bind(sender)
            .run(&mut *tx)
            .await?;
    }
    Ok(rows)
}

/// A fresh activity id.
pub fn fresh_uri(app: &App) -> String {
    app.origin().at(&format!("/activities/{}", crypt::opaque()))
}
