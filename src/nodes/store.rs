//! SQL of nodes.

use super::Node;
use crate::kernel::db::{Conn, Row, Tx, sql};

/// The columns of `nodes` that are read.
macro_rules! node_columns {
    () => {
        "nodes.id, nodes.host, nodes.software, nodes.version, nodes.seen_at, nodes.nodeinfo_at, nodes.rfc9421_at, nodes.cavage_until, nodes.failures, nodes.failing_since, nodes.next_attempt_at, nodes.last_error, nodes.delivered_at, nodes.suspended_at, nodes.ed25519_at"
    };
}

fn read(row: &Row) -> sqlx::Result<Node> {
    Ok(Node {
        id: row.get("id")?,
        host: row.get("host")?,
        software: row.get("software")?,
        version: row.get("version")?,
        seen_at: row.get("seen_at")?,
        nodeinfo_at: row.get("nodeinfo_at")?,
        rfc9421_at: row.get("rfc9421_at")?,
        ed25519_at: row.get("ed25519_at")?,
        cavage_until: row.get("cavage_until")?,
        failures: row.get("failures")?,
        failing_since: row.get("failing_since")?,
        next_attempt_at: row.get("next_attempt_at")?,
        last_error: row.get("last_error")?,
        delivered_at: row.get("delivered_at")?,
        suspended_at: row.get("suspended_at")?,
    })
}

pub async fn find(conn: impl Conn, host: &str) -> sqlx::Result<Option<Node>> {
    sql(concat!(
        "SELECT ",
        node_columns!(),
        " FROM nodes WHERE host = $1"
    ))
    .bind(host)
    .optional(conn)
    .await?
    .as_ref()
    .map(read)
    .transpose()
}

/// Nodes with what waits for them and what was given up.
pub async fn list(conn: impl Conn) -> sqlx::Result<Vec<(Node, i64, i64)>> {
    let rows = sql(concat!("SELECT ", node_columns!(), ", (SELECT COUNT(*) FROM deliveries WHERE deliveries.node_id = nodes.id AND dead_at IS NULL) AS waiting, (SELECT COUNT(*) FROM deliveries WHERE deliveries.node_id = nodes.id AND dead_at IS NOT NULL) AS dead FROM nodes ORDER BY failures DESC, host LIMIT 500"))
        .all(conn)
        .await?;
    rows.iter()
        .map(|row| Ok((read(row)?, row.get("waiting")?, row.get("dead")?)))
        .collect()
}

/// Ends the follows of a host's people, and what waits to be sent there.
pub async fn sever(tx: &mut Tx, host: &str) -> sqlx::Result<()> {
    // Whoever makes a digest of their followers waits until they are gone.
    sql("UPDATE accounts SET version = version WHERE host = $1 OR id IN (SELECT followee_id FROM follows WHERE follower_id IN (SELECT id FROM accounts WHERE host = $1))").bind(host).run(&mut *tx).await?;
    sql("DELETE FROM follower_digests WHERE host = $1 OR account_id IN (SELECT id FROM accounts WHERE host = $1)").bind(host).run(&mut *tx).await?;
    sql("DELETE FROM follows WHERE follower_id IN (SELECT id FROM accounts WHERE host = $1) OR followee_id IN (SELECT id FROM accounts WHERE host = $1)").bind(host).run(&mut *tx).await?;
    sql("DELETE FROM deliveries WHERE node_id IN (SELECT id FROM nodes WHERE host = $1)")
        .bind(host)
        .run(tx)
        .await?;
    Ok(())
}

/// Counts the follows of everybody here anew.
pub async fn recount_follows(tx: &mut Tx) -> sqlx::Result<()> {
    sql("UPDATE accounts SET followers_count = (SELECT COUNT(*) FROM follows WHERE followee_id = accounts.id AND accepted_at IS NOT NULL), following_count = (SELECT COUNT(*) FROM follows WHERE follower_id = accounts.id AND accepted_at IS NOT NULL) WHERE kind = 'local'").run(tx).await?;
    Ok(())
}

pub async fn state(conn: impl Conn, key: &str) -> sqlx::Result<Option<String>> {
    sql("SELECT value FROM node_state WHERE key = $1")
        .bind(key)
        .optional(conn)
        .await?
        .map(|row| row.get("value"))
        .transpose()
}

pub async fn set_state(conn: impl Conn, key: &str, value: &str) -> sqlx::Result<()> {
    sql("INSERT INTO node_state (key, value) VALUES ($1, $2) ON CONFLICT (key) DO UPDATE SET value = EXCLUDED.value")
        .bind(key)
        .bind(value)
        .run(conn)
        .await?;
    Ok(())
}
