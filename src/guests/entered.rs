//! As a home: the houses our members entered, which need not ask them again, and which they can leave.

use crate::app::App;
use crate::error::Result;
use crate::jobs::{self, Job};
use crate::kernel::clock::Time;
use crate::kernel::db::sql;
use crate::kernel::id::AccountId;
use crate::kernel::origin::{host_of_uri, origin_of, parse_url};
use crate::oauth::{apps, tokens};

/// A house a member entered.
#[derive(Clone, Debug)]
pub struct House {
    /// Scheme, host and port.
    pub origin: String,
    /// What it called itself.
    pub name: String,
    /// Since when.
    pub created_at: Time,
    /// When the member was last sent there.
    pub seen_at: Time,
}

/// The house an address belongs to, if it is one on the web.
pub fn house_of(address: &str) -> Option<String> {
    parse_url(address).as_ref().and_then(origin_of)
}

/// What a house is called by when it came by OpenWebAuth, where it has no client id.
pub const BY_MAGIC: &str = "openwebauth";

/// Notes that a member enters a house, as the client it came as.
///
/// # Errors
/// What the database says.
pub async fn note(app: &App, member: AccountId, origin: &str, client: &str) -> Result<()> {
    let name = host_of_uri(origin).unwrap_or_default();
    sql("INSERT INTO entered_houses (account_id, origin, client, name, created_at, seen_at) VALUES ($1, $2, $3, $4, $5, $5) ON CONFLICT (account_id, origin, client) DO UPDATE SET seen_at = EXCLUDED.seen_at")
        .bind(member)
        .bind(origin)
        .bind(client)
        .bind(name)
        .bind(app.clock.now())
        .run(&app.db)
        .await?;
    Ok(())
}

/// Whether a member said before that this house, as this client, may know who they are.
///
/// # Errors
/// What the database says.
pub async fn knows(app: &App, member: AccountId, origin: &str, client: &str) -> Result<bool> {
    let row = sql(
        "SELECT origin FROM entered_houses WHERE account_id = $1 AND origin = $2 AND client = $3",
    )
    .bind(member)
    .bind(origin)
    .bind(client)
    .optional(&app.db)
    .await?;
    Ok(row.is_some())
}

/// The houses a member entered, the last one first.
///
/// # Errors
/// What the database says.
pub async fn list(app: &App, member: AccountId) -> Result<Vec<House>> {
    let rows = sql("SELECT origin, MIN(name) AS name, MIN(created_at) AS created_at, MAX(seen_at) AS seen_at FROM entered_houses WHERE account_id = $1 GROUP BY origin ORDER BY MAX(seen_at) DESC, origin LIMIT 500")
        .bind(member)
        .all(&app.db)
        .await?;
    let read = |row: &crate::kernel::db::Row| {
        Ok(House {
            origin: row.get("origin")?,
            name: row.get("name")?,
            created_at: row.get("created_at")?,
            seen_at: row.get("seen_at")?,
        })
    };
    Ok(rows.iter().map(read).collect::<sqlx::Result<_>>()?)
}

/// Leaves a house: it has to ask again, its tokens end, and it is told so that the member's browsers are out.
///
/// # Errors
/// What the database says.
pub async fn leave(app: &App, member: AccountId, origin: &str) -> Result<()> {
    let now = app.clock.now();
    let mut tx = app.db.begin().await?;
    let touched = sql("DELETE FROM entered_houses WHERE account_id = $1 AND origin = $2")
        .bind(member)
        .bind(origin)
        .run(&mut tx)
        .await?;
    if touched > 0 {
        let job = Job::SendLeave {
            account: member,
            house: origin.to_owned(),
        };
        jobs::enqueue(&mut tx, now, job).await?;
    }
    tx.commit().await?;
    for client in apps::of_member(app, member).await? {
        let there = |uri: &String| house_of(uri).as_deref() == Some(origin);
        if client.redirect_uris.iter().any(there) {
            tokens::end_app(app, member, client.id).await?;
        }
    }
    app.wake.notify_waiters();
    Ok(())
}

/// Forgets that the houses an app leads back to may come in without asking, once the app was shown the door.
///
/// # Errors
/// What the database says.
pub async fn forget(app: &App, member: AccountId, client: &str) -> Result<()> {
    sql("DELETE FROM entered_houses WHERE account_id = $1 AND client = $2")
        .bind(member)
        .bind(client)
        .run(&app.db)
        .await?;
    Ok(())
}
