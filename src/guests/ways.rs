//! Ways through the door that are under way: bound to one browser, good for one time and a short while.

use std::time::Duration;

use super::{Attempt, Closed};
use crate::app::App;
use crate::error::Result;
use crate::kernel::clock::Time;
use crate::kernel::crypt;
use crate::kernel::db::sql;

/// By which means somebody comes in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Means {
    /// OpenWebAuth at the home (FEP-61cf).
    Magic,
    /// MiAuth at the home.
    Miauth,
    /// A link in a direct message.
    Letter,
    /// A code in a mail.
    Mail,
    /// A code in a direct message, after MiAuth.
    Confirm,
}

impl Means {
    /// Its name in the database.
    pub fn name(self) -> &'static str {
        match self {
            Self::Magic => "magic",
            Self::Miauth => "miauth",
            Self::Letter => "letter",
            Self::Mail => "mail",
            Self::Confirm => "confirm",
        }
    }

    fn life(self) -> Duration {
        let minutes = match self {
            Self::Magic | Self::Miauth => 10,
            Self::Letter => 60,
            Self::Mail | Self::Confirm => 15,
        };
        Duration::from_secs(minutes * 60)
    }
}

/// A way that was begun.
#[derive(Clone, Debug)]
pub struct Way {
    /// The home's origin, or the mail address.
    pub home: String,
    /// The actor that was named.
    pub wanted: Option<String>,
    /// Where to go afterwards.
    pub next: String,
}

/// What a way begins with.
#[derive(Clone, Copy, Debug)]
pub struct Start<'a> {
    /// What comes back with the person.
    pub state: &'a str,
    /// The home's origin, or the mail address.
    pub home: &'a str,
    /// The actor that was named.
    pub wanted: Option<&'a str>,
    /// What is typed on the way, where something is.
    pub code: Option<&'a str>,
    /// Where to go afterwards.
    pub next: &'a str,
}

/// What tells the cookies of several ways apart: each tab has its own.
pub fn cookie_name(state: &str) -> String {
    let hash = crypt::token_hash(state);
    let short: String = hash
        .chars()
        .filter(char::is_ascii_alphanumeric)
        .take(10)
        .collect();
    format!("door-{short}")
}

/// Begins a way; returns what the browser is to remember.
///
/// # Errors
/// What the database says.
pub async fn begin(app: &App, means: Means, start: Start<'_>) -> Result<String> {
    let cookie = crypt::token();
    sql("INSERT INTO guest_ways (state_hash, kind, browser_hash, home, wanted, code_hash, tries, next, created_at) VALUES ($1, $2, $3, $4, $5, $6, 0, $7, $8)")
        .bind(crypt::token_hash(start.state))
        .bind(means.name())
        .bind(crypt::token_hash(&cookie))
        .bind(start.home)
        .bind(start.wanted.map(str::to_owned))
        .bind(start.code.map(|code| code_hash(start.state, code)))
        .bind(start.next)
        .bind(app.clock.now())
        .run(&app.db)
        .await?;
    Ok(cookie)
}

/// A short code is kept with the way it belongs to, so that its digest alone says nothing.
fn code_hash(state: &str, code: &str) -> String {
    crypt::token_hash(&format!("{state}.{code}"))
}

/// Whether a way is open for this browser; nothing is used up by looking.
///
/// # Errors
/// What the database says.
pub async fn is_open(app: &App, means: Means, state: &str, cookie: Option<&str>) -> Result<bool> {
    let row = sql("SELECT browser_hash FROM guest_ways WHERE state_hash = $1 AND kind = $2 AND created_at > $3")
        .bind(crypt::token_hash(state))
        .bind(means.name())
        .bind(app.clock.now().minus(means.life()))
        .optional(&app.db)
        .await?;
    let kept: Option<String> = row.map(|row| row.get("browser_hash")).transpose()?;
    Ok(kept.is_some_and(|kept| is_same(&kept, cookie)))
}

fn is_same(kept: &str, cookie: Option<&str>) -> bool {
    cookie.is_some_and(|cookie| crypt::equal(kept.as_bytes(), crypt::token_hash(cookie).as_bytes()))
}

/// Ends a way; it is used up, whatever comes of it. A code that was to be typed may be wrong a few times.
///
/// # Errors
/// What the database says; `Closed` when it is another browser's, too old, used, or the code is wrong.
pub async fn end(
    app: &App,
    means: Means,
    state: &str,
    cookie: Option<&str>,
    code: Option<&str>,
) -> Attempt<Way> {
    if let Some(code) = code {
        let row = sql("UPDATE guest_ways SET tries = tries + 1 WHERE state_hash = $1 AND kind = $2 AND tries < 5 RETURNING code_hash")
            .bind(crypt::token_hash(state))
            .bind(means.name())
            .optional(&app.db)
            .await?;
        let kept: Option<String> = match row {
            Some(row) => row.get("code_hash")?,
            None => return Ok(Err(Closed::Stale)),
        };
        let typed = code_hash(state, code);
        if !kept.is_some_and(|kept| crypt::equal(kept.as_bytes(), typed.as_bytes())) {
            return Ok(Err(Closed::WrongCode));
        }
    }
    let row = sql("DELETE FROM guest_ways WHERE state_hash = $1 AND kind = $2 RETURNING browser_hash, home, wanted, code_hash, next, created_at")
        .bind(crypt::token_hash(state))
        .bind(means.name())
        .optional(&app.db)
        .await?;
    let Some(row) = row else {
        return Ok(Err(Closed::Stale));
    };
    let (browser, at): (String, Time) = (row.get("browser_hash")?, row.get("created_at")?);
    if !is_same(&browser, cookie) || app.clock.now().since(at) > means.life() {
        return Ok(Err(Closed::Stale));
    }
    Ok(Ok(Way {
        home: row.get("home")?,
        wanted: row.get("wanted")?,
        next: row.get("next")?,
    }))
}

/// Forgets what nobody ended.
///
/// # Errors
/// What the database says.
pub async fn sweep(app: &App) -> Result<()> {
    let now = app.clock.now();
    for statement in [
        sql("DELETE FROM guest_ways WHERE created_at <= $1"),
        sql("DELETE FROM guest_tickets WHERE created_at <= $1"),
        sql("DELETE FROM guest_wishes WHERE created_at <= $1"),
    ] {
        statement
            .bind(now.minus(Means::Letter.life()))
            .run(&app.db)
            .await?;
    }
    Ok(())
}
