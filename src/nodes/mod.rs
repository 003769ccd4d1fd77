//! This node's own state, and what it knows of other nodes.

pub mod activity;
pub mod announcements;
pub mod given_up;
pub mod health;
pub mod house;
pub mod joining;
pub mod lists;
pub mod measures;
pub mod named;
pub mod restored;
pub mod setup;
pub(crate) mod store;
pub mod web;

use crate::app::App;
use crate::error::Result;
use crate::kernel::clock::Time;
use crate::kernel::db::{Conn, Tx, sql};
use crate::kernel::id::{InboxId, NodeId};
use crate::kernel::origin::host_of_uri;
use measures::{Measure, Severity};

/// Another node, and how talking to it goes.
#[derive(Clone, Debug)]
pub struct Node {
    /// Its id.
    pub id: NodeId,
    /// Its host, with the port where that is unusual.
    pub host: String,
    /// The software it runs, where known.
    pub software: Option<String>,
    /// The software's version.
    pub version: Option<String>,
    /// When it last sent a request that verified.
    pub seen_at: Option<Time>,
    /// When it was last asked what it runs.
    pub nodeinfo_at: Option<Time>,
    /// When it showed that it reads RFC 9421 signatures.
    pub rfc9421_at: Option<Time>,
    /// When it showed that it reads Ed25519 signatures.
    pub ed25519_at: Option<Time>,
    /// Until when it gets the older signatures whatever it showed.
    pub cavage_until: Time,
    /// Failures in a row.
    pub failures: i64,
    /// Since when it fails.
    pub failing_since: Option<Time>,
    /// When it may be tried again.
    pub next_attempt_at: Time,
    /// What went wrong last.
    pub last_error: Option<String>,
    /// When it last took something.
    pub delivered_at: Option<Time>,
    /// Since when nothing is sent to it.
    pub suspended_at: Option<Time>,
}

/// The node of a host; made known where it was not.
///
/// # Errors
/// What the database says.
pub async fn find_or_insert(tx: &mut Tx, host: &str, now: Time) -> sqlx::Result<NodeId> {
    if let Some(row) = sql("SELECT id FROM nodes WHERE host = $1")
        .bind(host)
        .optional(&mut *tx)
        .await?
    {
        return row.get("id");
    }
    sql("INSERT INTO nodes (id, host, created_at) VALUES ($1, $2, $3) ON CONFLICT (host) DO NOTHING")
        .bind(NodeId::mint(now))
        .bind(host)
        .bind(now)
        .run(&mut *tx)
        .await?;
    sql("SELECT id FROM nodes WHERE host = $1")
        .bind(host)
        .one(&mut *tx)
        .await?
        .get("id")
}

/// The address of an inbox.
///
/// # Errors
/// What the database says.
pub async fn inbox_url(conn: impl Conn, id: InboxId) -> sqlx::Result<Option<String>> {
    sql("SELECT url FROM inboxes WHERE id = $1")
        .bind(id)
        .optional(conn)
        .await?
        .map(|row| row.get("url"))
        .transpose()
}

/// The row of an inbox address; made known where it was not.
///
/// # Errors
/// What the database says, or a decoding error when the address is none.
pub async fn find_or_insert_inbox(tx: &mut Tx, url: &str, now: Time) -> sqlx::Result<InboxId> {
    if let Some(row) = sql("SELECT id FROM inboxes WHERE url = $1")
        .bind(url)
        .optional(&mut *tx)
        .await?
    {
        return row.get("id");
    }
    let host =
        host_of_uri(url).ok_or_else(|| sqlx::Error::Encode("not an inbox address".into()))?;
    let node = find_or_insert(&mut *tx, &host, now).await?;
    sql("INSERT INTO inboxes (id, url, node_id) VALUES ($1, $2, $3) ON CONFLICT (url) DO NOTHING")
        .bind(InboxId::mint(now))
        .bind(url)
        .bind(node)
        .run(&mut *tx)
        .await?;
    sql("SELECT id FROM inboxes WHERE url = $1")
        .bind(url)
        .one(&mut *tx)
        .await?
        .get("id")
}

/// The node of a host, if known.
///
/// # Errors
/// What the database says.
pub async fn find(app: &App, host: &str) -> Result<Option<Node>> {
    Ok(store::find(&app.db, host).await?)
}

/// Every known node: those that need attention first.
///
/// # Errors
/// What the database says.
pub async fn list(app: &App) -> Result<Vec<(Node, i64, i64)>> {
    Ok(store::list(&app.db).await?)
}

/// Whether the operator blocks a host, by its name or one above it.
///
/// # Errors
/// What the database says.
pub async fn is_blocked(app: &App, host: &str) -> Result<bool> {
    if measures::about(app, host).await?.severity == Severity::Suspend {
        return Ok(true);
    }
    Ok(named::is_on(app).await? && !named::has(app, host).await?)
}

/// Suspends a host and everything below it: nothing is taken from it, fetched from it or sent to it, and its people's
/// follows end.
///
/// # Errors
/// `Invalid` when it is no domain or our own.
pub async fn block(app: &App, domain: &str) -> Result<()> {
    let measure = Measure {
        host: domain.to_owned(),
        severity: Severity::Suspend,
        reject_media: false,
        reject_reports: false,
        comment: String::new(),
    };
    let mut tx = app.db.begin().await?;
    measures::set(app, &mut tx, &measure).await?;
    tx.commit().await?;
    measures::enforce(app).await
}

/// Something of the node's own that is kept sealed.
///
/// # Errors
/// What the database says, or that the key file is another one.
pub async fn secret_state(app: &App, key: &str) -> Result<Option<Vec<u8>>> {
    let Some(kept) = store::state(&app.db, key).await? else {
        return Ok(None);
    };
    let sealed = crate::kernel::crypt::from_base64(&kept).unwrap_or_default();
    let opened = app.secret.open(&sealed).map_err(anyhow::Error::from)?;
    Ok(Some(opened))
}

/// Keeps something of the node's own sealed, unless it is kept already.
///
/// # Errors
/// What the database says.
pub async fn set_secret_state(app: &App, key: &str, value: &[u8]) -> Result<()> {
    let sealed = crate::kernel::crypt::base64(&app.secret.seal(value));
    sql("INSERT INTO node_state (key, value) VALUES ($1, $2) ON CONFLICT (key) DO NOTHING")
        .bind(key)
        .bind(sealed)
        .run(&app.db)
        .await?;
    Ok(())
}
