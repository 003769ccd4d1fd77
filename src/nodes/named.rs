//! Named nodes: a house can talk to those alone.

use super::store;
use crate::app::App;
use crate::error::{Error, Result};
use crate::kernel::clock::Time;
use crate::kernel::db::{Tx, sql};
use crate::kernel::origin::{ascii_domain, covering};

/// Whether the house talks to named nodes only.
///
/// # Errors
/// What the database says.
pub async fn is_on(app: &App) -> Result<bool> {
    let kept = store::state(&app.db, "federation.names_only").await?;
    Ok(kept.as_deref() == Some("1"))
}

/// Lets the house talk to named nodes only, or to all that are not suspended. Whether that changed anything.
///
/// # Errors
/// What the database says.
pub async fn set(tx: &mut Tx, only: bool) -> sqlx::Result<bool> {
    let before = store::state(&mut *tx, "federation.names_only").await?;
    let value = if only { "1" } else { "0" };
    store::set_state(tx, "federation.names_only", value).await?;
    Ok(before.as_deref().unwrap_or("0") != value)
}

/// The nodes such a house talks to.
///
/// # Errors
/// What the database says.
pub async fn list(app: &App) -> Result<Vec<String>> {
    let rows = sql("SELECT host FROM node_allows ORDER BY host")
        .all(&app.db)
        .await?;
    Ok(rows
        .iter()
        .map(|row| row.get("host"))
        .collect::<sqlx::Result<_>>()?)
}

/// Names a node, or no longer. Whether that changed anything.
///
/// # Errors
/// `Invalid` when it is no domain.
pub async fn name(tx: &mut Tx, now: Time, host: &str, wanted: bool) -> Result<bool> {
    let host = ascii_domain(host).ok_or_else(|| Error::invalid("named", "error-domain"))?;
    let statement = if wanted {
        sql("INSERT INTO node_allows (host, created_at) VALUES ($1, $2) ON CONFLICT (host) DO NOTHING")
            .bind(host)
            .bind(now)
    } else {
        sql("DELETE FROM node_allows WHERE host = $1").bind(host)
    };
    Ok(statement.run(tx).await? > 0)
}

/// Whether a house that talks to named nodes only talks to this one.
pub(super) async fn has(app: &App, host: &str) -> Result<bool> {
    let names = covering(host);
    Ok(list(app).await?.iter().any(|one| names.contains(one)))
}
