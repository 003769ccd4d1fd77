//! How talking to another node goes: the clock belongs to the host.

use std::time::{Duration, Instant};

use super::Node;
use crate::app::App;
use crate::kernel::clock::Time;
use crate::kernel::crypt;
use crate::kernel::db::{Conn, Tx, sql};
use crate::kernel::id::NodeId;

/// Waits after the first, second … failure in a row; the last goes on.
const SCHEDULE: [u64; 7] = [10, 60, 300, 1800, 7200, 21_600, 43_200];
/// No wait that a peer asks for is longer than this.
const LONGEST_ASKED: Duration = Duration::from_secs(86_400);
/// After failing so long, nothing is sent until the node is heard of.
const SUSPEND_AFTER: Duration = Duration::from_secs(7 * 86_400);

/// How long to wait after `failures` in a row: the schedule with a quarter of chance either way,
/// or what the peer asked for where that is longer.
pub fn wait(failures: i64, asked: Option<Duration>) -> Duration {
    let step = usize::try_from(failures.max(1) - 1)
        .unwrap_or(6)
        .min(SCHEDULE.len() - 1);
    let base = SCHEDULE[step] * 1000;
    let jittered = base * 3 / 4 + crypt::random_below(base / 2);
    Duration::from_millis(jittered).max(asked.unwrap_or_default().min(LONGEST_ASKED))
}

/// Notes that the node took something.
///
/// # Errors
/// What the database says.
pub async fn succeeded(conn: impl Conn, node: NodeId, now: Time) -> sqlx::Result<()> {
    sql("UPDATE nodes SET failures = 0, failing_since = NULL, next_attempt_at = 0, suspended_at = NULL, last_error = NULL, delivered_at = $1 WHERE id = $2")
        .bind(now)
        .bind(node)
        .run(conn)
        .await?;
    Ok(())
}

/// Notes a failure and moves the node's clock; after seven days of them nothing more is sent.
///
/// # Errors
/// What the database says.
pub async fn failed(
    conn: impl Conn,
    node: &Node,
    now: Time,
    error: &str,
    asked: Option<Duration>,
) -> sqlx::Result<()> {
    let failing_since = node.failing_since.unwrap_or(now);
    let suspended_at = node
        .suspended_at
        .or((now.since(failing_since) >= SUSPEND_AFTER).then_some(now));
    sql("UPDATE nodes SET failures = failures + 1, failing_since = $1, next_attempt_at = $2, last_error = $3, last_error_at = $4, suspended_at = $5 WHERE id = $6")
        .bind(failing_since)
        .bind(now.plus(wait(node.failures + 1, asked)))
        .bind(error)
        .bind(now)
        .bind(suspended_at)
        .bind(node.id)
        .run(conn)
        .await?;
    Ok(())
}

/// Sends nothing to a node until then, without a mark against it.
///
/// # Errors
/// What the database says.
pub async fn put_off(conn: impl Conn, node: NodeId, until: Time) -> sqlx::Result<()> {
    sql("UPDATE nodes SET next_attempt_at = $1 WHERE id = $2")
        .bind(until)
        .bind(node)
        .run(conn)
        .await?;
    Ok(())
}

/// Which signatures a node showed that it knows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Shown {
    /// RFC 9421.
    pub rfc9421: bool,
    /// RFC 9421 with Ed25519 keys.
    pub ed25519: bool,
}

/// Notes a signed request of the node: it is alive, so what waits for it may go at once.
///
/// # Errors
/// What the database says.
pub async fn heard(app: &App, host: &str, shown: Shown) -> sqlx::Result<()> {
    let now = app.clock.now();
    // Written at most once a minute, unless there is something to mend.
    sql("UPDATE nodes SET seen_at = $1, failures = 0, failing_since = NULL, next_attempt_at = 0, suspended_at = NULL, rfc9421_at = CASE WHEN $3 = 1 THEN $1 ELSE rfc9421_at END, ed25519_at = CASE WHEN $5 = 1 THEN $1 ELSE ed25519_at END WHERE host = $2 AND (seen_at IS NULL OR seen_at < $4 OR failures > 0 OR suspended_at IS NOT NULL)")
        .bind(now)
        .bind(host)
        .bind(shown.rfc9421)
        .bind(now.minus(Duration::from_secs(60)))
        .bind(shown.ed25519)
        .run(&app.db)
        .await?;
    Ok(())
}

/// Goes back to the older signatures for a week.
///
/// # Errors
/// What the database says.
pub async fn prefer_cavage(conn: impl Conn, node: NodeId, now: Time) -> sqlx::Result<()> {
    sql("UPDATE nodes SET cavage_until = $1 WHERE id = $2")
        .bind(now.plus(SUSPEND_AFTER))
        .bind(node)
        .run(conn)
        .await?;
    Ok(())
}

/// Notes that the node of a host says which signatures it reads; written at most once a day.
///
/// # Errors
/// What the database says.
pub async fn announced(conn: impl Conn, host: &str, shown: Shown, now: Time) -> sqlx::Result<()> {
    sql("UPDATE nodes SET rfc9421_at = CASE WHEN $3 = 1 THEN $1 ELSE rfc9421_at END, ed25519_at = CASE WHEN $4 = 1 THEN $1 ELSE ed25519_at END WHERE host = $2 AND (($3 = 1 AND (rfc9421_at IS NULL OR rfc9421_at < $5)) OR ($4 = 1 AND (ed25519_at IS NULL OR ed25519_at < $5)))")
        .bind(now)
        .bind(host)
        .bind(shown.rfc9421)
        .bind(shown.ed25519)
        .bind(now.minus(Duration::from_secs(86_400)))
        .run(conn)
        .await?;
    Ok(())
}

/// Lets everything that waits for a node, and what was given up, go at once; the node's host, where there is one.
///
/// # Errors
/// What the database says.
pub async fn retry(tx: &mut Tx, node: NodeId) -> sqlx::Result<Option<String>> {
    let row = sql("UPDATE nodes SET failures = 0, failing_since = NULL, next_attempt_at = 0, suspended_at = NULL WHERE id = $1 RETURNING host")
        .bind(node)
        .optional(&mut *tx)
        .await?;
    sql("UPDATE inboxes SET waits_until = 0 WHERE node_id = $1")
        .bind(node)
        .run(&mut *tx)
        .await?;
    sql("UPDATE deliveries SET dead_at = NULL, attempts = 0, parked_until = 0, unknown_since = NULL WHERE node_id = $1")
        .bind(node)
        .run(tx)
        .await?;
    row.map(|row| row.get("host")).transpose()
}

/// Drops what waits for a node; the node's host, where something did.
///
/// # Errors
/// What the database says.
pub async fn give_up(tx: &mut Tx, node: NodeId) -> sqlx::Result<Option<String>> {
    let touched = sql("DELETE FROM deliveries WHERE node_id = $1")
        .bind(node)
        .run(&mut *tx)
        .await?;
    if touched == 0 {
        return Ok(None);
    }
    let row = sql("SELECT host FROM nodes WHERE id = $1")
        .bind(node)
        .optional(tx)
        .await?;
    row.map(|row| row.get("host")).transpose()
}

/// Writes what a node says it runs.
///
/// # Errors
/// What the database says.
pub async fn set_software(
    app: &App,
    node: NodeId,
    software: Option<&str>,
    version: Option<&str>,
) -> sqlx::Result<()> {
    sql("UPDATE nodes SET software = $1, version = $2, nodeinfo_at = $3 WHERE id = $4")
        .bind(software)
        .bind(version)
        .bind(app.clock.now())
        .bind(node)
        .run(&app.db)
        .await?;
    Ok(())
}

/// Tries whether the database keeps what it is told; at most once a second, as anybody may ask.
///
/// # Errors
/// What the database says, or said within the last second.
pub async fn write_probe(app: &App) -> Result<(), String> {
    let mut last = app.probe.lock().await;
    let fresh = |at: &Instant| at.elapsed() < Duration::from_secs(1);
    if let Some((_, outcome)) = last.as_ref().filter(|(at, _)| fresh(at)) {
        return outcome.clone();
    }
    let now = app.clock.now().0.to_string();
    let written = super::store::set_state(&app.db, "probe", &now).await;
    let outcome = written.map_err(|error| error.to_string());
    *last = Some((Instant::now(), outcome.clone()));
    outcome
}

#[cfg(test)]
mod tests {
    use super::{Duration, wait};

    #[test]
    fn waits_follow_the_schedule_and_what_the_peer_asks() {
        for (failures, seconds) in [(1, 10), (2, 60), (3, 300), (7, 43_200), (50, 43_200)] {
            let got = wait(failures, None).as_secs_f64();
            assert!(
                got >= f64::from(seconds) * 0.74 && got <= f64::from(seconds) * 1.26,
                "{failures}: {got}"
            );
        }
        assert!(wait(1, Some(Duration::from_secs(3600))) >= Duration::from_secs(3600));
        assert_eq!(
            wait(1, Some(Duration::from_secs(1_000_000_000))),
            Duration::from_secs(86_400)
        );
    }
}
