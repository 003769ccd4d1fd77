//! What is known of the backup that this house was restored from.

use std::time::Duration;

use super::store;
use crate::app::{App, Restored};
use crate::kernel::clock::Time;
use crate::kernel::db::{Conn, Db, Tx, sql};
use crate::kernel::id::NodeId;

/// So long after a restore, other houses are asked for what was forgotten.
const ASKS_FOR: Duration = Duration::from_secs(30 * 86_400);
/// After so long a house that did not answer is asked again; its job tries again meanwhile.
const ROUND_TAKES: Duration = Duration::from_secs(86_400);
/// Where it is kept when the round began, and which house was the last in it.
const ROUND: &str = "restored.round";

/// Notes that the house came back: who follows it since then, others know.
///
/// # Errors
/// What the database says.
pub async fn note(db: &Db, made_at: Time, now: Time) -> sqlx::Result<()> {
    let mut tx = db.begin().await?;
    store::set_state(&mut tx, "restored.made_at", &made_at.0.to_string()).await?;
    store::set_state(&mut tx, "restored.at", &now.0.to_string()).await?;
    store::set_state(&mut tx, ROUND, "0 0").await?;
    sql("UPDATE nodes SET follows_asked_at = NULL")
        .run(&mut tx)
        .await?;
    tx.commit().await
}

/// The restore that is kept in the database, if any.
///
/// # Errors
/// What the database says.
pub async fn find(db: &Db) -> sqlx::Result<Option<Restored>> {
    let made_at = store::state(db, "restored.made_at").await?;
    let at = store::state(db, "restored.at").await?;
    let time = |value: Option<String>| value.and_then(|value| value.parse().ok()).map(Time);
    let (made_at, at) = (time(made_at), time(at));
    Ok(made_at
        .zip(at)
        .map(|(made_at, at)| Restored { made_at, at }))
}

/// The restore, while others are asked for what was forgotten.
pub fn recent(app: &App) -> Option<Restored> {
    let now = app.clock.now();
    app.restored
        .filter(|restored| now < restored.at.plus(ASKS_FOR))
}

/// The next houses that are to be asked whom their people follow here, at most so many: those the backup knew, so that
/// nobody who comes afterwards can tell us what we followed. Each is named once in a day, however few answer.
///
/// # Errors
/// What the database says.
pub async fn next_unasked(
    tx: &mut Tx,
    since: Restored,
    now: Time,
    limit: i64,
) -> sqlx::Result<Vec<NodeId>> {
    let round = store::state(&mut *tx, ROUND).await?.unwrap_or_default();
    let (begun, after) = round.split_once(' ').unwrap_or_default();
    let (mut begun, mut after) = (Time(begun.parse().unwrap_or(0)), after.parse().unwrap_or(0));
    if now.since(begun) >= ROUND_TAKES {
        (begun, after) = (now, 0);
    }
    let rows = sql("SELECT id FROM nodes WHERE software = 'afterparty' AND follows_asked_at IS NULL AND suspended_at IS NULL AND created_at <= $2 AND id > $3 ORDER BY id LIMIT $1")
        .bind(limit)
        .bind(since.made_at)
        .bind(NodeId(after))
        .all(&mut *tx)
        .await?;
    let found: Vec<NodeId> = rows
        .iter()
        .map(|row| row.get("id"))
        .collect::<sqlx::Result<_>>()?;
    let last = found.last().map_or(after, |node| node.0);
    store::set_state(tx, ROUND, &format!("{} {last}", begun.0)).await?;
    Ok(found)
}

/// The host of a node that was not asked yet.
///
/// # Errors
/// What the database says.
pub async fn host_of_unasked(conn: impl Conn, node: NodeId) -> sqlx::Result<Option<String>> {
    let row = sql("SELECT host FROM nodes WHERE id = $1 AND follows_asked_at IS NULL")
        .bind(node)
        .optional(conn)
        .await?;
    row.map(|row| row.get("host")).transpose()
}

/// Notes that a node was asked.
///
/// # Errors
/// What the database says.
pub async fn asked(conn: impl Conn, node: NodeId, now: Time) -> sqlx::Result<()> {
    sql("UPDATE nodes SET follows_asked_at = $1 WHERE id = $2")
        .bind(now)
        .bind(node)
        .run(conn)
        .await?;
    Ok(())
}

/// Whether who follows us on a host is known again, so that it may be compared.
///
/// # Errors
/// What the database says.
pub async fn knows_followers_on(app: &App, host: &str) -> sqlx::Result<bool> {
    if recent(app).is_none() {
        return Ok(true);
    }
    let row = sql("SELECT id FROM nodes WHERE host = $1 AND follows_asked_at IS NOT NULL")
        .bind(host)
        .optional(&app.db)
        .await?;
    Ok(row.is_some())
}
