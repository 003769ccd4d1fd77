//! Signed-in browsers.

use std::time::Duration;

use super::{Account, store};
use crate::app::App;
use crate::error::Result;
use crate::kernel::clock::Time;
use crate::kernel::crypt;
use crate::kernel::db::{Tx, sql};
use crate::kernel::id::{AccountId, SessionId};

/// A browser that goes unused this long is signed out.
const IDLE: Duration = Duration::from_secs(14 * 86_400);
/// No browser stays signed in longer than this.
const LONGEST: Duration = Duration::from_secs(90 * 86_400);

/// A signed-in browser.
#[derive(Clone, Debug)]
pub struct Session {
    /// Its id.
    pub id: SessionId,
    /// What it calls itself.
    pub browser: String,
    /// Since when it is signed in.
    pub created_at: Time,
    /// When it was last seen.
    pub seen_at: Time,
}

impl Session {
    /// The browser and what it runs on, as a person calls them; what it says of itself where that is unknown.
    pub fn program(&self) -> String {
        let name = |known: &[(&str, &'static str)]| {
            known
                .iter()
                .find(|(sign, _)| self.browser.contains(sign))
                .map(|(_, name)| *name)
        };
        // The order matters: most browsers also name those they resemble.
        let browser = name(&[
            ("Firefox/", "Firefox"),
            ("Edg/", "Edge"),
            ("OPR/", "Opera"),
            ("SamsungBrowser/", "Samsung Internet"),
            ("Chrome/", "Chrome"),
            ("Safari/", "Safari"),
        ]);
        let system = name(&[
            ("iPhone", "iPhone"),
            ("iPad", "iPad"),
            ("Android", "Android"),
            ("Windows", "Windows"),
            ("Macintosh", "Mac"),
            ("Linux", "Linux"),
        ]);
        match (browser, system) {
            (Some(browser), Some(system)) => format!("{browser} · {system}"),
            (Some(one), None) | (None, Some(one)) => one.to_owned(),
            (None, None) => crate::kernel::html::truncate(&self.browser, 60).to_owned(),
        }
    }
}

/// Signs a browser in; returns the token for its cookie, of which only a digest is kept.
///
/// # Errors
/// What the database says.
pub async fn start(app: &App, account: AccountId, browser: &str) -> Result<String> {
    let token = crypt::token();
    let now = app.clock.now();
    sql("INSERT INTO sessions (id, token_hash, account_id, browser, created_at, seen_at) VALUES ($1, $2, $3, $4, $5, $5)")
        .bind(SessionId::mint(now))
        .bind(crypt::token_hash(&token))
        .bind(account)
        .bind(crate::kernel::html::truncate(browser, 300))
        .bind(now)
        .run(&app.db)
        .await?;
    Ok(token)
}

/// Who a cookie's token belongs to, if its session still counts.
///
/// # Errors
/// What the database says.
pub async fn find(app: &App, token: &str) -> Result<Option<(Account, SessionId)>> {
    let now = app.clock.now();
    let row = sql(concat!("SELECT ", crate::account_columns!(), ", sessions.id AS session_id, sessions.seen_at FROM sessions JOIN accounts ON accounts.id = sessions.account_id WHERE token_hash = $1 AND sessions.seen_at > $2 AND sessions.created_at > $3"))
        .bind(crypt::token_hash(token))
        .bind(now.minus(IDLE))
        .bind(now.minus(LONGEST))
        .optional(&app.db)
        .await?;
    let Some(row) = row else { return Ok(None) };
    let account = store::read(&row)?;
    let id: SessionId = row.get("session_id")?;
    let seen_at: Time = row.get("seen_at")?;
    if now.since(seen_at) > Duration::from_secs(600) {
        sql("UPDATE sessions SET seen_at = $1 WHERE id = $2")
            .bind(now)
            .bind(id)
            .run(&app.db)
            .await?;
    }
    Ok(account.is_active().then_some((account, id)))
}

/// The account's sessions, last used first.
///
/// # Errors
/// What the database says.
pub async fn list(app: &App, account: AccountId) -> Result<Vec<Session>> {
    let rows = sql(
        "SELECT id, browser, created_at, seen_at FROM sessions WHERE account_id = $1 ORDER BY seen_at DESC, id DESC LIMIT 100",
    )
    .bind(account)
    .all(&app.db)
    .await?;
    let read = |row: &crate::kernel::db::Row| {
        Ok(Session {
            id: row.get("id")?,
            browser: row.get("browser")?,
            created_at: row.get("created_at")?,
            seen_at: row.get("seen_at")?,
        })
    };
    Ok(rows.iter().map(read).collect::<sqlx::Result<_>>()?)
}

/// Ends one session of an account.
///
/// # Errors
/// What the database says.
pub async fn end(app: &App, account: AccountId, session: SessionId) -> Result<()> {
    let mut tx = app.db.begin().await?;
    let own = sql("SELECT id FROM sessions WHERE id = $1 AND account_id = $2")
        .bind(session)
        .bind(account)
        .optional(&mut tx)
        .await?;
    if own.is_some() {
        silence(&mut tx, session).await?;
        sql("DELETE FROM sessions WHERE id = $1")
            .bind(session)
            .run(&mut tx)
            .await?;
    }
    tx.commit().await?;
    Ok(())
}

/// Forgets sessions that are over, with what told their browsers about notifications.
///
/// # Errors
/// What the database says.
pub async fn sweep(app: &App) -> Result<()> {
    let now = app.clock.now();
    let mut tx = app.db.begin().await?;
    for statement in [
        sql(
            "DELETE FROM push_subscriptions WHERE token_id IN (SELECT push_token_id FROM sessions WHERE seen_at <= $1 OR created_at <= $2)",
        ),
        sql(
            "DELETE FROM tokens WHERE id IN (SELECT push_token_id FROM sessions WHERE seen_at <= $1 OR created_at <= $2)",
        ),
        sql("DELETE FROM sessions WHERE seen_at <= $1 OR created_at <= $2"),
    ] {
        statement
            .bind(now.minus(IDLE))
            .bind(now.minus(LONGEST))
            .run(&mut tx)
            .await?;
    }
    tx.commit().await?;
    Ok(())
}

/// Lets the browser of a session hear of no notification any more.
///
/// # Errors
/// What the database says.
pub async fn silence(tx: &mut Tx, session: SessionId) -> sqlx::Result<()> {
    for statement in [
        sql(
            "DELETE FROM push_subscriptions WHERE token_id IN (SELECT push_token_id FROM sessions WHERE id = $1)",
        ),
        sql("DELETE FROM tokens WHERE id IN (SELECT push_token_id FROM sessions WHERE id = $1)"),
        sql("UPDATE sessions SET push_token_id = NULL WHERE id = $1"),
    ] {
        statement.bind(session).run(&mut *tx).await?;
    }
    Ok(())
}

/// Ends every session of an account, and lets no app act for it any more.
pub async fn end_all(tx: &mut Tx, account: AccountId) -> sqlx::Result<()> {
    for statement in [
        sql("DELETE FROM sessions WHERE account_id = $1"),
        sql("DELETE FROM push_subscriptions WHERE account_id = $1"),
        sql("DELETE FROM codes WHERE account_id = $1"),
        sql("DELETE FROM tokens WHERE account_id = $1"),
    ] {
        statement.bind(account).run(&mut *tx).await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{Session, SessionId, Time};

    #[test]
    fn browsers_are_called_what_people_call_them() {
        let program = |browser: &str| {
            let session = Session {
                id: SessionId(1),
                browser: browser.to_owned(),
                created_at: Time(0),
                seen_at: Time(0),
            };
            session.program()
        };
        for (agent, name) in [
            (
                "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
                "Firefox · Linux",
            ),
            (
                "Mozilla/5.0 (iPhone; CPU iPhone OS 19_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/19.0 Mobile/15E148 Safari/604.1",
                "Safari · iPhone",
            ),
            (
                "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0 Safari/537.36 Edg/140.0",
                "Edge · Windows",
            ),
            ("curl/8", "curl/8"),
        ] {
            assert_eq!(program(agent), name);
        }
    }
}
