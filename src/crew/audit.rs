//! The log of what anybody did with a right.

use crate::accounts::{Account, store as account_store};
use crate::app::App;
use crate::error::Result;
use crate::kernel::clock::Time;
use crate::kernel::db::{Row, Tx, sql};
use crate::kernel::id::{self, AccountId};
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

/// Notes that somebody did something with a right, in the transaction in which they did it.
///
/// # Errors
/// What the database says.
pub async fn note(
    tx: &mut Tx,
    now: Time,
    who: AccountId,
    act: &str,
    object: &str,
) -> sqlx::Result<()> {
    write(tx, (id::mint(now), now), who, act, object).await
}

async fn write(
    tx: &mut Tx,
    (entry, now): (i64, Time),
    who: AccountId,
    act: &str,
    object: &str,
) -> sqlx::Result<()> {
    let object: String = object.chars().take(300).collect();
    sql("INSERT INTO audit_log (id, account_id, act, object, created_at) VALUES ($1, $2, $3, $4, $5) ON CONFLICT (id) DO UPDATE SET object = EXCLUDED.object")
        .bind(entry)
        .bind(who)
        .bind(act)
        .bind(object)
        .bind(now)
        .run(tx)
        .await?;
    Ok(())
}

/// One entry about many things, each of which is done in a transaction of its own: it is written with the first and
/// counts one more with each, so that it never says more than was done.
#[derive(Debug)]
pub struct Tally {
    entry: (i64, Time),
    who: AccountId,
    act: &'static str,
    count: usize,
}

impl Tally {
    /// Begins to count; nothing is written yet.
    pub fn new(now: Time, who: AccountId, act: &'static str) -> Self {
        Self {
            entry: (id::mint(now), now),
            who,
            act,
            count: 0,
        }
    }

    /// Counts one more, in the transaction in which it is done.
    ///
    /// # Errors
    /// What the database says.
    pub async fn add(&mut self, tx: &mut Tx) -> sqlx::Result<()> {
        self.count += 1;
        let count = self.count.to_string();
        write(tx, self.entry, self.who, self.act, &count).await
    }
}

/// What was done, the newest first.
///
/// # Errors
/// What the database says.
pub async fn list(app: &App, window: Window) -> Result<Vec<Entry>> {
    let rows = sql(concat!("SELECT ", crate::account_columns!(), ", audit_log.id AS entry_id, audit_log.act, audit_log.object, audit_log.created_at AS done_at FROM audit_log JOIN accounts ON accounts.id = audit_log.account_id WHERE audit_log.id < $1 AND audit_log.id > $2 ORDER BY audit_log.id DESC LIMIT $3"))
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
