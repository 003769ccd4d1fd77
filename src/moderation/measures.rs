//! Measures on accounts, with the reasons for whom they are about, and what they answer.

use std::time::Duration;

use crate::accounts::{
    self, Account, Kind as Lives, letters, remove, sessions, sign_in, store as account_store,
};
use crate::app::App;
use crate::error::{Error, Result};
use crate::jobs::{self, Job};
use crate::kernel::clock::Time;
use crate::kernel::crypt;
use crate::kernel::db::{Row, Tx, sql};
use crate::kernel::id::{self, AccountId, ReportId};
use crate::locale::Locale;
use crate::nodes::house;

/// Longest reasons and longest appeal.
const WORDS: usize = 2_000;
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

fn read(row: &Row) -> sqlx::Result<Measure> {
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

fn check(field: &'static str, words: &str) -> Result<String> {
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
    by: &Account,
    account: &Account,
    (kind, reasons): (Kind, &str),
    report: Option<ReportId>,
) -> Result<Measure> {
    let reasons = check("reasons", reasons)?;
    let ours = account.role != accounts::Role::Member || account.kind == Lives::Node;
    if account.id == by.id || ours || account.deleted_at.is_some() {
        return Err(Error::Forbidden);
    }
    let now = app.clock.now();
    let id = id::mint(now);
    let mut tx = app.db.begin().await?;
    sql("INSERT INTO measures (id, account_id, kind, reasons, by_id, report_id, created_at) VALUES ($1, $2, $3, $4, $5, $6, $7)")
        .bind(id)
        .bind(account.id)
        .bind(kind.name())
        .bind(&reasons)
        .bind(by.id)
        .bind(report)
        .bind(now)
        .run(&mut tx)
        .await?;
    tell(app, &mut tx, account, (id, kind, &reasons)).await?;
    enforce(&mut tx, account, kind, Some(now)).await?;
    tx.commit().await?;
    match kind {
        Kind::Delete => end(app, account).await?,
        Kind::Suspend if account.kind != Lives::Local => {
            jobs::enqueue(&app.db, now, Job::EndGuest(account.id)).await?;
        }
        _ => {}
    }
    app.wake.notify_waiters();
    get(app, id).await
}

/// Puts a measure into force, or lifts it.
async fn enforce(
    tx: &mut Tx,
    account: &Account,
    kind: Kind,
    since: Option<Time>,
) -> sqlx::Result<()> {
    let statement = match kind {
        Kind::Warn | Kind::Delete => return Ok(()),
        Kind::Sensitive => {
            sql("UPDATE accounts SET sensitised_at = $1, version = version + 1 WHERE id = $2")
        }
        Kind::Silence => {
            sql("UPDATE accounts SET silenced_at = $1, version = version + 1 WHERE id = $2")
        }
        Kind::Freeze => {
            sql("UPDATE accounts SET frozen_at = $1, version = version + 1 WHERE id = $2")
        }
        Kind::Suspend => {
            account_store::set_disabled(&mut *tx, account.id, since).await?;
            sessions::end_all(&mut *tx, account.id).await?;
            sql("UPDATE accounts SET purge_at = $1 WHERE id = $2")
                .bind(since.map(|since| since.plus(PURGE)))
                .bind(account.id)
                .run(&mut *tx)
                .await?;
            return Ok(());
        }
    };
    statement.bind(since).bind(account.id).run(tx).await?;
    Ok(())
}

/// What opens the page of one measure to whom it is about, also where they cannot sign in any more.
fn key(app: &App, id: i64) -> String {
    app.secret.sign_address(&format!("appeal {id}"))
}

/// The measure such a link is about.
///
/// # Errors
/// `NotFound` when the link is none of ours.
pub async fn by_link(app: &App, id: i64, given: &str) -> Result<Measure> {
    if !crypt::equal(given.as_bytes(), key(app, id).as_bytes()) {
        return Err(Error::NotFound);
    }
    get(app, id).await
}

/// Tells a member what is done and why, with where to answer.
async fn tell(
    app: &App,
    tx: &mut Tx,
    account: &Account,
    (id, kind, reasons): (i64, Kind, &str),
) -> Result<()> {
    let Some((address, locale)) = sign_in::store::address(&mut *tx, account.id).await? else {
        return Ok(());
    };
    let locale = Locale::of_header(&locale.unwrap_or_default());
    let house = house::get(app).await?.name;
    let subject = locale.text_with("mail-measure-subject", "house", house);
    let link = app.origin().at(&format!("/appeal/{id}/{}", key(app, id)));
    let text = locale
        .text("mail-measure-text")
        .replace(
            "{what}",
            &locale.text(&format!("measure-did-{}", kind.name())),
        )
        .replace("{reasons}", reasons)
        .replace("{link}", &link);
    letters::write(app, tx, &address, &subject, &text).await
}

/// Removes an account for good: a member says farewell, of others everything that is known here goes.
async fn end(app: &App, account: &Account) -> Result<()> {
    if account.kind == Lives::Local {
        return remove::remove(app, account).await;
    }
    let now = app.clock.now();
    let mut tx = app.db.begin().await?;
    remove::mark(&mut tx, account, now).await?;
    remove::sever(&mut tx, account.id).await?;
    jobs::enqueue(&mut tx, now, Job::EndGuest(account.id)).await?;
    jobs::enqueue(&mut tx, now, Job::EraseAccount(account.id)).await?;
    tx.commit().await?;
    Ok(())
}

/// A measure.
///
/// # Errors
/// `NotFound` when there is none.
pub async fn get(app: &App, id: i64) -> Result<Measure> {
    let row = sql("SELECT * FROM measures WHERE id = $1")
        .bind(id)
        .optional(&app.db)
        .await?;
    Ok(read(&row.ok_or(Error::NotFound)?)?)
}

/// What was done about an account, the newest first.
///
/// # Errors
/// What the database says.
pub async fn of(app: &App, account: AccountId) -> Result<Vec<Measure>> {
    let rows = sql("SELECT * FROM measures WHERE account_id = $1 ORDER BY id DESC LIMIT 100")
        .bind(account)
        .all(&app.db)
        .await?;
    Ok(rows.iter().map(read).collect::<sqlx::Result<_>>()?)
}

/// Lifts a measure. What was deleted is gone.
///
/// # Errors
/// `NotFound` when it was lifted already.
pub async fn lift(app: &App, id: i64) -> Result<Measure> {
    let measure = get(app, id).await?;
    let account = accounts::get(app, measure.account).await?;
    let mut tx = app.db.begin().await?;
    let touched = sql("UPDATE measures SET lifted_at = $1 WHERE id = $2 AND lifted_at IS NULL AND kind <> 'delete'")
        .bind(app.clock.now())
        .bind(id)
        .run(&mut tx)
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
    .optional(&mut tx)
    .await?;
    if row.is_none() {
        enforce(&mut tx, &account, measure.kind, None).await?;
    }
    tx.commit().await?;
    Ok(measure)
}

/// Lifts every suspension of somebody who is let in again.
///
/// # Errors
/// What the database says.
pub async fn let_in_again(app: &App, account: AccountId) -> Result<()> {
    let mut tx = app.db.begin().await?;
    sql("UPDATE measures SET lifted_at = $1 WHERE account_id = $2 AND kind = 'suspend' AND lifted_at IS NULL")
        .bind(app.clock.now())
        .bind(account)
        .run(&mut tx)
        .await?;
    sql("UPDATE accounts SET purge_at = NULL WHERE id = $1")
        .bind(account)
        .run(&mut tx)
        .await?;
    tx.commit().await?;
    Ok(())
}

/// Somebody answers what was done about them, once.
///
/// # Errors
/// `NotFound` when it is not theirs or was answered already, `Invalid` without words.
pub async fn appeal(app: &App, account: AccountId, id: i64, words: &str) -> Result<()> {
    let words = check("appeal", words)?;
    let touched = sql("UPDATE measures SET appeal = $1, appealed_at = $2 WHERE id = $3 AND account_id = $4 AND appealed_at IS NULL AND lifted_at IS NULL")
        .bind(words)
        .bind(app.clock.now())
        .bind(id)
        .bind(account)
        .run(&app.db)
        .await?;
    if touched == 0 {
        return Err(Error::NotFound);
    }
    Ok(())
}

/// Answers an appeal: the measure is lifted, or stays; they read why.
///
/// # Errors
/// `NotFound` when it was answered already.
pub async fn answer(app: &App, id: i64, words: &str, lifts: bool) -> Result<()> {
    let touched = sql("UPDATE measures SET answer = $1, answered_at = $2 WHERE id = $3 AND appealed_at IS NOT NULL AND answered_at IS NULL")
        .bind(words.chars().take(WORDS).collect::<String>())
        .bind(app.clock.now())
        .bind(id)
        .run(&app.db)
        .await?;
    if touched == 0 {
        return Err(Error::NotFound);
    }
    if lifts {
        lift(app, id).await?;
    }
    Ok(())
}

/// Appeals that wait for an answer, with whose they are.
///
/// # Errors
/// What the database says.
pub async fn appeals(app: &App) -> Result<Vec<(Measure, Account)>> {
    let rows = sql("SELECT * FROM measures WHERE appealed_at IS NOT NULL AND answered_at IS NULL AND lifted_at IS NULL ORDER BY appealed_at LIMIT 100")
        .all(&app.db)
        .await?;
    let mut found = Vec::new();
    for row in &rows {
        let measure = read(row)?;
        found.push((measure.clone(), accounts::get(app, measure.account).await?));
    }
    Ok(found)
}

/// Removes for good what was suspended 30 days ago.
///
/// # Errors
/// What the database says.
pub async fn sweep(app: &App) -> anyhow::Result<()> {
    let rows = sql("SELECT * FROM accounts WHERE purge_at IS NOT NULL AND purge_at < $1 AND deleted_at IS NULL AND disabled_at IS NOT NULL LIMIT 100")
        .bind(app.clock.now())
        .all(&app.db)
        .await?;
    for account in account_store::read_all(&rows)? {
        end(app, &account).await?;
    }
    Ok(())
}
