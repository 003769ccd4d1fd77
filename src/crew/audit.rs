//! The log of what anybody did with a right.

use crate::accounts::{Account, store as account_store};
use crate::app::App;
use crate::error::Result;
use crate::kernel::clock::Time;
use crate::kernel::db::{Row, sql};
use crate::kernel::id;
use crate::kernel::page::Window;

/// Something that was done.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Its number.
    pub id: i64,
    /// Who did it.
    pub who: Account,
    /// What, as the last part of a message.
    pub act: String,
    /// To what or whom, in words.
    pub object: String,
    /// When.
    pub created_at: Time,
}

/// Notes that somebody did something with a right.
///
/// # Errors
/// What the database says.
pub async fn note(app: &App, who: &Account, act: &str, object: &str) -> Result<()> {
    let object: String = object.chars().take(300).collect();
    let now = app.clock.now();
    sql("INSERT INTO audit_log (id, account_id, act, object, created_at) VALUES ($1, $2, $3, $4, $5)")
        .bind(id::mint(now))
        .bind(who.id)
        .bind(act)
        .bind(object)
        .bind(now)
        .run(&app.db)
        .await?;
    Ok(())
}

/// What was done, the newest first.
///
/// # Errors
/// What the database says.
pub async fn list(app: &App, window: Window) -> Result<Vec<Entry>> {
    let rows = sql("SELECT accounts.*, audit_log.id AS entry_id, audit_log.act, audit_log.object, audit_log.created_at AS done_at FROM audit_log JOIN accounts ON accounts.id = audit_log.account_id WHERE audit_log.id < $1 AND audit_log.id > $2 ORDER BY audit_log.id DESC LIMIT $3")
        .within(window)
        .all(&app.db)
        .await?;
    let read = |row: &Row| {
        Ok(Entry {
            id: row.get("entry_id")?,
            who: account_store::read(row)?,
            act: row.get("act")?,
            object: row.get("object")?,
            created_at: row.get("done_at")?,
        })
    };
    Ok(rows.iter().map(read).collect::<sqlx::Result<_>>()?)
}
