//! Measures on accounts, with the reasons for whom they are about, and what they answer.

use std::time::Duration;

use crate::accounts::{self, Account, Kind as Lives, remove, sessions, store as account_store};
use crate::app::App;
use crate::error::{Error, Result};
use crate::jobs::{self, Job};
use crate::kernel::clock::Time;
use crate::kernel::db::{Conn, Row, Tx, sql};
use crate::kernel::id::{self, AccountId, ReportId};
use crate::moderation::appeals;

/// The columns of `measures` that are read.
#[macro_export]
macro_rules! measure_columns {
    () => {
        "measures.id, measures.account_id, measures.kind, measures.reasons, measures.created_at, measures.lifted_at, measures.appeal, measures.appealed_at, measures.answer, measures.answered_at"
    };
}

/// Longest reasons and longest appeal.
pub(super) const WORDS: usize = 2_000;
/// After how long what is suspended is removed for good.
const PURGE: Duration = Duration::from_secs(30 * 86_400);

/// What is done about an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// It is told that something is not alright.
    Warn,
    /// Its pictures are hidden at first.
    Sensitive,
    /// Its posts stand on no public list.
    Silence,
    /// It reads, and writes nothing.
    Freeze,
    /// It is locked out and hidden, and removed after 30 days.
    Suspend,
    /// It is removed for good.
    Delete,
}

impl Kind {
    /// All of them, from mild to strict.
    pub const ALL: [Self; 6] = [
        Self::Warn,
        Self::Sensitive,
        Self::Silence,
        Self::Freeze,
        Self::Suspend,
        Self::Delete,
    ];

    /// Its name in the database and in messages.
    pub fn name(self) -> &'static str {
        match self {
            Self::Warn => "warn",
            Self::Sensitive => "sensitive",
            Self::Silence => "silence",
            Self::Freeze => "freeze",
            Self::Suspend => "suspend",
            Self::Delete => "delete",
        }
    }

    /// Reads its name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }
}

/// Something that was done about an account.
#[derive(Clone, Debug)]
pub struct Measure {
    /// Its number.
    pub id: i64,
    /// About whom.
    pub account: AccountId,
    /// What.
    pub kind: Kind,
    /// Why, for whom it is about.
    pub reasons: String,
    /// When.
    pub created_at: Time,
    /// When it was lifted.
    pub lifted_at: Option<Time>,
    /// What they answered.
    pub appeal: String,
    /// When they did.
    pub appealed_at: Option<Time>,
    /// What was answered to that.
    pub answer: String,
    /// When it was.
    pub answered_at: Option<Time>,
}

pub(super) fn read(row: &Row) -> sqlx::Result<Measure> {
    let kind: String = row.get("kind")?;
    Ok(Measure {
        id: row.get("id")?,
        account: row.get("account_id")?,
        kind: Kind::parse(&kind).unwrap_or(Kind::Warn),
        reasons: row.get("reasons")?,
        created_at: row.get("created_at")?,
        lifted_at: row.get("lifted_at")?,
        appeal: row.get("appeal")?,
        appealed_at: row.get("appealed_at")?,
        answer: row.get("answer")?,
        answered_at: row.get("answered_at")?,
    })
}

pub(super) fn check(field: &'static str, words: &str) -> Result<String> {
    if words.trim().is_empty() {
        return Err(Error::invalid(field, "error-reasons"));
    }
    if words.chars().count() > WORDS {
        return Err(Error::invalid_with(field, "error-too-long", WORDS));
    }
    Ok(words.trim().to_owned())
}

/// Does something about an account, and tells them why; a member by mail and on their page.
///
/// # Errors
/// `Invalid` without reasons, `Forbidden` for who belongs to the house.
pub async fn apply(
    app: &App,
    tx: &mut Tx,
    by: &Account,
    account: AccountId,
    (kind, reasons): (Kind, &str),
    report: Option<ReportId>,
) -> Result<Measure> {
    let reasons = check("reasons", reasons)?;
    // Whoever does the same in the same moment waits here.
    let account = account_store::lock(&mut *tx, account).await?;
    let account = &account.ok_or(Error::NotFound)?;
    let ours = account.role != accounts::Role::Member || account.kind == Lives::Node;
    if account.id == by.id || ours || account.deleted_at.is_some() {
        return Err(Error::Forbidden);
    }
    let now = app.clock.now();
    let id = id::mint(now);
    let same = sql("SELECT id FROM measures WHERE account_id = $1 AND kind = $2 AND lifted_at IS NULL AND kind <> 'warn' LIMIT 1")
        .bind(account.id)
        .bind(kind.name())
        .optional(&mut *tx)
        .await?;
    if same.is_some() {
        return Err(Error::invalid("reasons", "error-measure-twice"));
    }
    sql("INSERT INTO measures (id, account_id, kind, reasons, by_id, report_id, created_at) VALUES ($1, $2, $3, $4, $5, $6, $7)")
        .bind(id)
        .bind(account.id)
        .bind(kind.name())
        .bind(&reasons)
        .bind(by.id)
        .bind(report)
        .bind(now)
        .run(&mut *tx)
        .await?;
    // The end of an account throws its address away, and with it what was written there before: where to write is
    // found first, and the reasons are written last.
    let mailbox = appeals::mailbox(&mut *tx, account).await?;
    enforce(&mut *tx, account.id, kind, Some(now)).await?;
    match kind {
        Kind::Delete => end(&mut *tx, account, now).await?,
        Kind::Suspend if account.kind != Lives::Local => {
            jobs::enqueue(&mut *tx, now, Job::EndGuest(account.id)).await?;
        }
        _ => {}
    }
    appeals::tell(app, &mut *tx, (account, mailbox), (id, kind, &reasons)).await?;
    get(tx, id).await
}

/// Puts a measure into force, or lifts it.
async fn enforce(
    tx: &mut Tx,
    account: AccountId,
    kind: Kind,
    since: Option<Time>,
) -> sqlx::Result<()> {
    let statement = match kind {
        Kind::Warn => return Ok(()),
        Kind::Sensitive => {
            sql("UPDATE accounts SET sensitised_at = $1, version = version + 1 WHERE id = $2")
        }
        Kind::Silence => {
            sql("UPDATE accounts SET silenced_at = $1, version = version + 1 WHERE id = $2")
        }
        Kind::Freeze => {
            sql("UPDATE accounts SET frozen_at = $1, version = version + 1 WHERE id = $2")
        }
        Kind::Suspend | Kind::Delete => {
            account_store::set_disabled(&mut *tx, account, since).await?;
            sessions::end_all(&mut *tx, account).await?;
            let waits = since.filter(|_| kind == Kind::Suspend);
            sql("UPDATE accounts SET purge_at = $1 WHERE id = $2")
                .bind(waits.map(|since| since.plus(PURGE)))
                .bind(account)
                .run(tx)
                .await?;
            return Ok(());
        }
    };
    statement.bind(since).bind(account).run(tx).await?;
    Ok(())
}

/// Removes an account for good: a member says farewell, of others everything that is known here goes.
async fn end(tx: &mut Tx, account: &Account, now: Time) -> Result<()> {
    if account.kind == Lives::Local {
        return remove::remove_in(tx, account, now).await;
    }
    remove::mark(&mut *tx, account, now).await?;
    remove::sever(&mut *tx, account.id).await?;
    jobs::enqueue(&mut *tx, now, Job::EndGuest(account.id)).await?;
    jobs::enqueue(tx, now, Job::EraseAccount(account.id)).await?;
    Ok(())
}

/// A measure.
///
/// # Errors
/// `NotFound` when there is none.
pub async fn get(conn: impl Conn, id: i64) -> Result<Measure> {
    let row = sql(concat!(
        "SELECT ",
        crate::measure_columns!(),
        " FROM measures WHERE id = $1"
    ))
    .bind(id)
    .optional(conn)
    .await?;
    Ok(read(&row.ok_or(Error::NotFound)?)?)
}

/// What was done about an account, the newest first.
///
/// # Errors
/// What the database says.
pub async fn of(app: &App, account: AccountId) -> Result<Vec<Measure>> {
    let rows = sql(concat!(
        "SELECT ",
        crate::measure_columns!(),
        " FROM measures WHERE account_id = $1 ORDER BY id DESC LIMIT 100"
    ))
    .bind(account)
    .all(&app.db)
    .await?;
    Ok(rows.iter().map(read).collect::<sqlx::Result<_>>()?)
}

/// Lifts a measure. What was deleted is gone.
///
/// # Errors
/// `NotFound` when it was lifted already.
pub async fn lift(tx: &mut Tx, now: Time, id: i64) -> Result<Measure> {
    let measure = get(&mut *tx, id).await?;
    // Whoever does something about them in the same moment waits here, so that both see what goes on.
    account_store::lock(&mut *tx, measure.account).await?;
    let touched = sql("UPDATE measures SET lifted_at = $1 WHERE id = $2 AND lifted_at IS NULL AND kind <> 'delete'")
        .bind(now)
        .bind(id)
        .run(&mut *tx)
        .await?;
    if touched == 0 {
        return Err(Error::NotFound);
    }
    // Another measure of the same kind goes on.
    let row = sql(
        "SELECT id FROM measures WHERE account_id = $1 AND kind = $2 AND lifted_at IS NULL LIMIT 1",
    )
    .bind(measure.account)
    .bind(measure.kind.name())
    .optional(&mut *tx)
    .await?;
    if row.is_none() {
        enforce(tx, measure.account, measure.kind, None).await?;
    }
    Ok(measure)
}

/// Lets somebody in again who was locked out: every suspension of them is lifted, and they are not removed. Whether
/// that changed anything.
///
/// # Errors
/// `NotFound` when there is no such account.
pub async fn let_in(tx: &mut Tx, now: Time, account: AccountId) -> Result<bool> {
    let opened = accounts::set_disabled(&mut *tx, account, None).await?;
    let lifted = sql("UPDATE measures SET lifted_at = $1 WHERE account_id = $2 AND kind = 'suspend' AND lifted_at IS NULL")
        .bind(now)
        .bind(account)
        .run(&mut *tx)
        .await?;
    let stays = sql("UPDATE accounts SET purge_at = NULL WHERE id = $1 AND purge_at IS NOT NULL")
        .bind(account)
        .run(tx)
        .await?;
    Ok(opened || lifted > 0 || stays > 0)
}

/// Removes for good what was suspended 30 days ago, unless somebody waits for an answer to what they said about it.
///
/// # Errors
/// What the database says.
pub async fn sweep(app: &App) -> anyhow::Result<()> {
    let rows = sql(concat!("SELECT ", crate::account_columns!(), " FROM accounts WHERE purge_at IS NOT NULL AND purge_at <= $1 AND deleted_at IS NULL AND disabled_at IS NOT NULL AND NOT EXISTS (SELECT 1 FROM measures WHERE measures.account_id = accounts.id AND appealed_at IS NOT NULL AND answered_at IS NULL AND lifted_at IS NULL AND kind <> 'delete') LIMIT 100"))
        .bind(app.clock.now())
        .all(&app.db)
        .await?;
    for account in account_store::read_all(&rows)? {
        let mut tx = app.db.begin().await?;
        // Who is let in again in this very moment stays.
        let account = account_store::lock(&mut tx, account.id).await?;
        let locked_out = |one: &Account| one.disabled_at.is_some() && one.deleted_at.is_none();
        if let Some(account) = account.filter(locked_out) {
            end(&mut tx, &account, app.clock.now()).await?;
            tx.commit().await?;
            app.wake.notify_waiters();
        }
    }
    Ok(())
}
