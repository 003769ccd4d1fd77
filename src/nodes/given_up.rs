//! Activities that were given up: deliveries that a host did not take, and what came from one and could not be
//! processed.

use serde_json::Value;

use crate::error::Result;
use crate::kernel::clock::Time;
use crate::kernel::db::{Conn, Query, Row, Tx, sql};
use crate::kernel::id::{ActivityId, InboxId, ReceivedId};

/// Hosts on one page, and activities on one page of a host.
pub const PAGE: i64 = 30;

/// A host, and how much was given up.
#[derive(Clone, Debug)]
pub struct Host {
    /// Its name.
    pub host: String,
    /// Deliveries it did not take.
    pub sent: i64,
    /// Activities of its people that could not be processed.
    pub received: i64,
    /// When something of either kind was tried last.
    pub last_at: Time,
}

/// Which activity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Which {
    /// A delivery to an inbox.
    Sent(ActivityId, InboxId),
    /// One that came.
    Received(ReceivedId),
}

/// An activity that was given up.
#[derive(Clone, Debug)]
pub struct GivenUp {
    /// Which.
    pub which: Which,
    /// `Create`, `Like` …
    pub kind: String,
    /// Whose it is.
    pub by: String,
    /// Why.
    pub reason: String,
    /// How often it was tried.
    pub attempts: i64,
    /// When it was tried last.
    pub at: Time,
}

/// Binds the last two placeholders: how many rows, and from which on.
fn paged(query: Query, page: i64) -> Query {
    query.bind(PAGE).bind(page.max(0).saturating_mul(PAGE))
}

/// Hosts with something that was given up, the latest first; a page of them, from 0 on.
///
/// # Errors
/// What the database says.
pub async fn hosts(conn: impl Conn, page: i64) -> sqlx::Result<Vec<Host>> {
    let query = sql(
        "SELECT host, CAST(SUM(sent) AS BIGINT) AS sent, CAST(SUM(received) AS BIGINT) AS received, MAX(last_at) AS last_at FROM (SELECT nodes.host, COUNT(*) AS sent, 0 AS received, MAX(deliveries.dead_at) AS last_at FROM deliveries JOIN nodes ON nodes.id = deliveries.node_id WHERE deliveries.dead_at IS NOT NULL GROUP BY nodes.host UNION ALL SELECT accounts.host, 0, COUNT(*), MAX(received.processed_at) FROM received JOIN accounts ON accounts.id = received.actor_id WHERE received.processed_at IS NOT NULL AND received.body IS NOT NULL GROUP BY accounts.host) AS both_ways GROUP BY host ORDER BY last_at DESC, host LIMIT $1 OFFSET $2",
    );
    let rows = paged(query, page).all(conn).await?;
    let read = |row: &Row| {
        Ok(Host {
            host: row.get("host")?,
            sent: row.get("sent")?,
            received: row.get("received")?,
            last_at: row.get("last_at")?,
        })
    };
    rows.iter().map(read).collect()
}

/// Deliveries to a host that were given up, the latest first; a page of them, from 0 on.
///
/// # Errors
/// What the database says.
pub async fn sent(conn: impl Conn, host: &str, page: i64) -> sqlx::Result<Vec<GivenUp>> {
    let query = sql("SELECT deliveries.activity_id, deliveries.inbox_id, deliveries.attempts, deliveries.dead_at, deliveries.last_error, activities.kind, accounts.name FROM nodes JOIN deliveries ON deliveries.node_id = nodes.id JOIN activities ON activities.id = deliveries.activity_id JOIN accounts ON accounts.id = activities.account_id WHERE nodes.host = $1 AND deliveries.dead_at IS NOT NULL ORDER BY deliveries.dead_at DESC, deliveries.activity_id DESC LIMIT $2 OFFSET $3")
        .bind(host);
    let rows = paged(query, page).all(conn).await?;
    let read = |row: &Row| {
        Ok(GivenUp {
            which: Which::Sent(row.get("activity_id")?, row.get("inbox_id")?),
            kind: row.get("kind")?,
            by: format!("@{}", row.get::<String>("name")?),
            reason: row.get::<Option<String>>("last_error")?.unwrap_or_default(),
            attempts: row.get("attempts")?,
            at: row.get("dead_at")?,
        })
    };
    rows.iter().map(read).collect()
}

/// Activities from a host that were given up, the latest first; a page of them, from 0 on.
///
/// # Errors
/// What the database says.
pub async fn received(conn: impl Conn, host: &str, page: i64) -> sqlx::Result<Vec<GivenUp>> {
    let query = sql("SELECT received.id, received.attempts, received.processed_at, received.outcome, received.body, accounts.name, accounts.domain FROM received JOIN accounts ON accounts.id = received.actor_id WHERE accounts.host = $1 AND received.processed_at IS NOT NULL AND received.body IS NOT NULL ORDER BY received.id DESC LIMIT $2 OFFSET $3")
        .bind(host);
    let rows = paged(query, page).all(conn).await?;
    let read = |row: &Row| {
        let body: Value = serde_json::from_str(&row.get::<String>("body")?).unwrap_or_default();
        let outcome = row.get::<Option<String>>("outcome")?.unwrap_or_default();
        Ok(GivenUp {
            which: Which::Received(row.get("id")?),
            kind: body["type"].as_str().unwrap_or_default().to_owned(),
            by: format!(
                "@{}@{}",
                row.get::<String>("name")?,
                row.get::<String>("domain")?
            ),
            reason: outcome.trim_start_matches("given up: ").to_owned(),
            attempts: row.get("attempts")?,
            at: row.get("processed_at")?,
        })
    };
    rows.iter().map(read).collect()
}

/// Tries one activity again; whether it was there.
///
/// # Errors
/// What the database says.
pub async fn retry(tx: &mut Tx, which: Which) -> Result<bool> {
    let touched = match which {
        Which::Sent(activity, inbox) => {
            sql("UPDATE inboxes SET waits_until = 0 WHERE id = $1")
                .bind(inbox)
                .run(&mut *tx)
                .await?;
            sql("UPDATE deliveries SET dead_at = NULL, attempts = 0, parked_until = 0, unknown_since = NULL WHERE activity_id = $1 AND inbox_id = $2 AND dead_at IS NOT NULL")
                .bind(activity)
                .bind(inbox)
                .run(tx)
                .await?
        }
        Which::Received(id) => {
            sql("UPDATE received SET processed_at = NULL, attempts = 0, next_attempt_at = 0, fetches = 5, leased_until = 0 WHERE id = $1 AND processed_at IS NOT NULL AND body IS NOT NULL")
                .bind(id)
                .run(tx)
                .await?
        }
    };
    Ok(touched == 1)
}

/// Drops one activity for good; whether it was there. That it came once is still known.
///
/// # Errors
/// What the database says.
pub async fn forget(tx: &mut Tx, which: Which) -> Result<bool> {
    let query = match which {
        Which::Sent(activity, inbox) => sql("DELETE FROM deliveries WHERE activity_id = $1 AND inbox_id = $2 AND dead_at IS NOT NULL")
            .bind(activity)
            .bind(inbox),
        Which::Received(id) => sql("UPDATE received SET body = NULL WHERE id = $1 AND processed_at IS NOT NULL")
            .bind(id),
    };
    Ok(query.run(tx).await? == 1)
}

/// Tries everything again that was given up of a host, in both directions; how much it was.
///
/// # Errors
/// What the database says.
pub async fn retry_host(tx: &mut Tx, host: &str) -> Result<u64> {
    sql("UPDATE inboxes SET waits_until = 0 WHERE node_id IN (SELECT id FROM nodes WHERE host = $1)")
        .bind(host)
        .run(&mut *tx)
        .await?;
    let sent = sql("UPDATE deliveries SET dead_at = NULL, attempts = 0, parked_until = 0, unknown_since = NULL WHERE dead_at IS NOT NULL AND node_id IN (SELECT id FROM nodes WHERE host = $1)")
        .bind(host)
        .run(&mut *tx)
        .await?;
    let received = sql("UPDATE received SET processed_at = NULL, attempts = 0, next_attempt_at = 0, fetches = 5, leased_until = 0 WHERE processed_at IS NOT NULL AND body IS NOT NULL AND actor_id IN (SELECT id FROM accounts WHERE host = $1)")
        .bind(host)
        .run(tx)
        .await?;
    Ok(sent + received)
}

/// Drops for good what was given up of a host, in both directions; how much it was.
///
/// # Errors
/// What the database says.
pub async fn forget_host(tx: &mut Tx, host: &str) -> Result<u64> {
    let sent = sql("DELETE FROM deliveries WHERE dead_at IS NOT NULL AND node_id IN (SELECT id FROM nodes WHERE host = $1)")
        .bind(host)
        .run(&mut *tx)
        .await?;
    let received = sql("UPDATE received SET body = NULL WHERE processed_at IS NOT NULL AND body IS NOT NULL AND actor_id IN (SELECT id FROM accounts WHERE host = $1)")
        .bind(host)
        .run(tx)
        .await?;
    Ok(sent + received)
}
