//! Browsers of guests.

use std::time::Duration;

use super::door::Arrival;
use super::{grants, mail, ways};
use crate::accounts::sessions::Session;
use crate::accounts::{Account, Kind, store};
use crate::app::App;
use crate::error::Result;
use crate::kernel::crypt;
use crate::kernel::db::sql;
use crate::kernel::html::truncate;
use crate::kernel::id::{AccountId, SessionId};
use crate::kernel::origin::host_of_uri;
use crate::nodes;

/// A guest proves anew who they are after this time.
const LONGEST: Duration = Duration::from_secs(30 * 86_400);

/// Lets a proven guest's browser in; returns the token for its cookie, of which only a digest is kept.
///
/// # Errors
/// What the database says.
pub async fn start(app: &App, arrival: &Arrival, browser: &str) -> Result<String> {
    let (token, now) = (crypt::token(), app.clock.now());
    sql("INSERT INTO guest_sessions (id, token_hash, account_id, origin, browser, created_at, seen_at, method) VALUES ($1, $2, $3, $4, $5, $6, $6, $7)")
        .bind(SessionId::mint(now))
        .bind(crypt::token_hash(&token))
        .bind(arrival.guest.id)
        .bind(&arrival.origin)
        .bind(truncate(browser, 300))
        .bind(now)
        .bind(arrival.method)
        .run(&app.db)
        .await?;
    Ok(token)
}

/// Which guest a cookie's token belongs to: not after 30 days, nor once the account ended or its home is blocked.
///
/// # Errors
/// What the database says.
pub async fn find(app: &App, token: &str) -> Result<Option<Account>> {
    let row = sql(concat!("SELECT ", crate::account_columns!(), ", guest_sessions.origin AS proven_by FROM guest_sessions JOIN accounts ON accounts.id = guest_sessions.account_id WHERE guest_sessions.token_hash = $1 AND guest_sessions.created_at > $2"))
        .bind(crypt::token_hash(token))
        .bind(app.clock.now().minus(LONGEST))
        .optional(&app.db)
        .await?;
    let Some(row) = row else {
        return Ok(None);
    };
    let guest = store::read(&row)?;
    let by_mail = guest.kind == Kind::Guest;
    if !guest.is_active() || (guest.is_local() && !by_mail) {
        return Ok(None);
    }
    if by_mail {
        return Ok(Some(guest));
    }
    // Neither the home nor who spoke for it may be blocked meanwhile.
    let proven_by: String = row.get("proven_by")?;
    let speaker = host_of_uri(&proven_by).unwrap_or_default();
    let blocked =
        nodes::is_blocked(app, &guest.host).await? || nodes::is_blocked(app, &speaker).await?;
    Ok((!blocked).then_some(guest))
}

/// The browsers of a guest, the last that came in first.
///
/// # Errors
/// What the database says.
pub async fn list(app: &App, guest: AccountId) -> Result<Vec<Session>> {
    let rows = sql("SELECT id, browser, created_at, seen_at FROM guest_sessions WHERE account_id = $1 ORDER BY created_at DESC, id DESC LIMIT 50")
        .bind(guest)
        .all(&app.db)
        .await?;
    Ok(rows
        .iter()
        .map(|row| {
            Ok(Session {
                id: row.get("id")?,
                browser: row.get("browser")?,
                created_at: row.get("created_at")?,
                seen_at: row.get("seen_at")?,
            })
        })
        .collect::<sqlx::Result<_>>()?)
}

/// Whom of this house a guest follows from home, as accepted here.
///
/// # Errors
/// What the database says.
pub async fn followed(app: &App, guest: AccountId) -> Result<Vec<Account>> {
    let rows = sql(concat!("SELECT ", crate::account_columns!(), " FROM follows JOIN accounts ON accounts.id = follows.followee_id WHERE follows.follower_id = $1 AND follows.accepted_at IS NOT NULL AND accounts.kind = 'local' ORDER BY follows.id DESC LIMIT 100"))
        .bind(guest)
        .all(&app.db)
        .await?;
    Ok(store::read_all(&rows)?)
}

/// Signs one browser of a guest out.
///
/// # Errors
/// What the database says.
pub async fn end(app: &App, token: &str) -> Result<()> {
    sql("DELETE FROM guest_sessions WHERE token_hash = $1")
        .bind(crypt::token_hash(token))
        .run(&app.db)
        .await?;
    Ok(())
}

/// Signs a guest out everywhere and forgets that they were here.
///
/// # Errors
/// What the database says.
pub async fn erase(app: &App, guest: AccountId) -> Result<()> {
    mail::forget(app, guest).await?;
    end_all(app, guest).await
}

/// Signs a guest out everywhere, and lets this house act for them no more.
///
/// # Errors
/// What the database says.
pub async fn end_all(app: &App, guest: AccountId) -> Result<()> {
    grants::give_back(app, guest).await?;
    sql("DELETE FROM guest_sessions WHERE account_id = $1")
        .bind(guest)
        .run(&app.db)
        .await?;
    Ok(())
}

/// Forgets what is over.
///
/// # Errors
/// What the database says.
pub async fn sweep(app: &App) -> Result<()> {
    let now = app.clock.now();
    ways::sweep(app).await?;
    grants::sweep(app).await?;
    sql("DELETE FROM guest_sessions WHERE created_at <= $1")
        .bind(now.minus(LONGEST))
        .run(&app.db)
        .await?;
    sql("DELETE FROM guest_states WHERE created_at <= $1")
        .bind(now.minus(super::door::PATIENCE))
        .run(&app.db)
        .await?;
    // A home nobody came from for a month is registered with anew.
    sql("DELETE FROM guest_apps WHERE worked_at <= $1 AND NOT EXISTS (SELECT 1 FROM guest_states WHERE guest_states.app_id = guest_apps.id) AND NOT EXISTS (SELECT 1 FROM guest_grants WHERE guest_grants.app_id = guest_apps.id)")
        .bind(now.minus(LONGEST))
        .run(&app.db)
        .await?;
    Ok(())
}
