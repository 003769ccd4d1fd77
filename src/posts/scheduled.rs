//! Posts that are put off until a moment.

use std::time::Duration;

use super::compose::{self, Draft};
use super::{Screened, store};
use crate::accounts::{self, Account};
use crate::app::App;
use crate::error::{Error, Result};
use crate::jobs::{self, Job};
use crate::kernel::clock::Time;
use crate::kernel::db::{Row, Tx, sql};
use crate::kernel::id::{self, AccountId};
use crate::kernel::page::Window;
use crate::media;

/// The columns of `scheduled_posts` that are read.
macro_rules! scheduled_columns {
    () => {
        "scheduled_posts.id, scheduled_posts.account_id, scheduled_posts.run_at, scheduled_posts.draft, scheduled_posts.failed"
    };
}

/// How far ahead a post must be put off.
const SOONEST: Duration = Duration::from_secs(300);
/// Most posts a member may have put off.
const MOST: i64 = 300;

/// A post that waits for its moment.
#[derive(Clone, Debug)]
pub struct Scheduled {
    /// Its id, not yet the post's.
    pub id: i64,
    /// When it will be written.
    pub run_at: Time,
    /// What will be written.
    pub draft: Draft,
    /// Why it could not be when its moment came, as a message.
    pub failed: Option<String>,
}

fn read(row: &Row) -> sqlx::Result<Scheduled> {
    let draft: String = row.get("draft")?;
    Ok(Scheduled {
        id: row.get("id")?,
        run_at: row.get("run_at")?,
        failed: row.get("failed")?,
        draft: serde_json::from_str(&draft).map_err(|error| sqlx::Error::Decode(error.into()))?,
    })
}

fn check_time(app: &App, run_at: Time) -> Result<()> {
    let soonest = app.clock.now().plus(SOONEST);
    if run_at < soonest {
        return Err(Error::invalid("scheduled_at", "error-scheduled-soon"));
    }
    Ok(())
}

/// Puts a post off; it is checked now, so that nothing is wrong with it then.
///
/// # Errors
/// `Invalid` when the moment is too soon or the post could not be written.
pub async fn create(app: &App, author: &Account, draft: Draft, run_at: Time) -> Result<Scheduled> {
    check(app, author, &draft, run_at).await?;
    let mut tx = app.db.begin().await?;
    let (made, _) = create_in(&mut tx, author.id, draft, (app.clock.now(), run_at)).await?;
    tx.commit().await?;
    Ok(made)
}

/// Whether a post can be put off; [`create_in`] does it.
///
/// # Errors
/// As [`create`].
pub async fn check(app: &App, author: &Account, draft: &Draft, run_at: Time) -> Result<()> {
    check_time(app, run_at)?;
    compose::check(app, draft)?;
    for id in &draft.media {
        media::get(app, author.id, *id)
            .await
            .map_err(|_| Error::invalid("media", "error-media-gone"))?;
    }
    Ok(())
}

/// Puts a post off that was looked at, together with what else belongs to it; and whether it is a new one, for the same
/// key again is the same post.
///
/// # Errors
/// `Invalid` when there are too many.
pub async fn create_in(
    tx: &mut Tx,
    author: AccountId,
    draft: Draft,
    (now, run_at): (Time, Time),
) -> Result<(Scheduled, bool)> {
    let id = id::mint(now);
    let touched = sql("INSERT INTO scheduled_posts (id, account_id, app_id, run_at, draft, idempotency_key) SELECT CAST($1 AS BIGINT), CAST($2 AS BIGINT), CAST($3 AS BIGINT), CAST($4 AS BIGINT), CAST($5 AS TEXT), CAST($7 AS TEXT) WHERE (SELECT COUNT(*) FROM scheduled_posts WHERE account_id = $2) < $6 ON CONFLICT DO NOTHING")
        .bind(id)
        .bind(author)
        .bind(draft.app)
        .bind(run_at)
        .bind(serde_json::to_string(&draft)?)
        .bind(MOST)
        .bind(draft.idempotency_key.clone())
        .run(&mut *tx)
        .await?;
    if touched == 0 {
        // The same key again is the same post; else there are too many.
        let known = sql(concat!(
            "SELECT ",
            scheduled_columns!(),
            " FROM scheduled_posts WHERE account_id = $1 AND idempotency_key = $2"
        ))
        .bind(author)
        .bind(draft.idempotency_key.clone())
        .optional(tx)
        .await?;
        let known = known.as_ref().map(read).transpose()?;
        let known =
            known.ok_or_else(|| Error::invalid_with("scheduled_at", "error-too-many", MOST))?;
        return Ok((known, false));
    }
    media::hold(&mut *tx, author, &draft.media, run_at).await?;
    jobs::enqueue_at(tx, now, run_at, Job::PublishScheduled(id)).await?;
    let made = Scheduled {
        id,
        run_at,
        draft,
        failed: None,
    };
    Ok((made, true))
}

/// What a member has put off, the next one first.
///
/// # Errors
/// What the database says.
pub async fn list(app: &App, member: AccountId, window: Window) -> Result<Vec<Scheduled>> {
    let rows = sql(concat!("SELECT ", scheduled_columns!(), " FROM scheduled_posts WHERE account_id = $1 AND id < $2 AND id > $3 ORDER BY id DESC LIMIT $4"))
        .bind(member)
        .within(window)
        .all(&app.db)
        .await?;
    Ok(rows.iter().map(read).collect::<sqlx::Result<_>>()?)
}

/// One that this member has put off.
///
/// # Errors
/// `NotFound` when it is not theirs or was written already.
pub async fn get(app: &App, member: AccountId, id: i64) -> Result<Scheduled> {
    let row = sql(concat!(
        "SELECT ",
        scheduled_columns!(),
        " FROM scheduled_posts WHERE id = $1 AND account_id = $2"
    ))
    .bind(id)
    .bind(member)
    .optional(&app.db)
    .await?;
    Ok(read(&row.ok_or(Error::NotFound)?)?)
}

/// Puts it off to another moment.
///
/// # Errors
/// `NotFound` when it is not theirs, `Invalid` when the moment is too soon.
pub async fn put_off(app: &App, member: AccountId, id: i64, run_at: Time) -> Result<Scheduled> {
    check_time(app, run_at)?;
    let mut scheduled = get(app, member, id).await?;
    let now = app.clock.now();
    let mut tx = app.db.begin().await?;
    sql("UPDATE scheduled_posts SET run_at = $1, failed = NULL WHERE id = $2")
        .bind(run_at)
        .bind(id)
        .run(&mut tx)
        .await?;
    media::hold(&mut tx, member, &scheduled.draft.media, run_at).await?;
    jobs::enqueue_at(&mut tx, now, run_at, Job::PublishScheduled(id)).await?;
    tx.commit().await?;
    scheduled.run_at = run_at;
    scheduled.failed = None;
    Ok(scheduled)
}

/// Writes it never.
///
/// # Errors
/// `NotFound` when it is not theirs.
pub async fn cancel(app: &App, member: AccountId, id: i64) -> Result<()> {
    let mut tx = app.db.begin().await?;
    cancel_in(&mut tx, app.clock.now(), member, id).await?;
    tx.commit().await?;
    Ok(())
}

/// As [`cancel`], together with what else belongs to it; what was to be written.
///
/// # Errors
/// As [`cancel`].
pub async fn cancel_in(tx: &mut Tx, now: Time, member: AccountId, id: i64) -> Result<Scheduled> {
    let row = sql(concat!(
        "DELETE FROM scheduled_posts WHERE id = $1 AND account_id = $2 RETURNING ",
        scheduled_columns!()
    ))
    .bind(id)
    .bind(member)
    .optional(&mut *tx)
    .await?;
    let gone = read(&row.ok_or(Error::NotFound)?)?;
    media::hold(tx, member, &gone.draft.media, now).await?;
    Ok(gone)
}

/// What is to be written now that its moment has come, and by whom; nothing where it was written already.
///
/// # Errors
/// What the database says.
pub async fn due(app: &App, id: i64) -> Result<Option<(Account, Draft)>> {
    let row = sql(concat!(
        "SELECT ",
        scheduled_columns!(),
        " FROM scheduled_posts WHERE id = $1 AND run_at <= $2 AND failed IS NULL"
    ))
    .bind(id)
    .bind(app.clock.now())
    .optional(&app.db)
    .await?;
    let Some(row) = row else { return Ok(None) };
    let author = accounts::get(app, row.get("account_id")?).await?;
    let mut draft = read(&row)?.draft;
    draft.idempotency_key = Some(key(id));
    Ok(Some((author, draft)))
}

fn key(id: i64) -> String {
    format!("scheduled-{id}")
}

/// Writes the post when its moment has come; twice writes it once.
///
/// # Errors
/// What the database says.
pub async fn publish(app: &App, id: i64, author: &Account, draft: Screened<Draft>) -> Result<()> {
    let written = store::find_idempotent(&app.db, author.id, &key(id)).await?;
    if author.is_active() && written.is_none() {
        match compose::create(app, author, draft).await {
            // What it answered or showed is gone by now; trying again would not bring it back, but the words are kept.
            Err(error @ (Error::NotFound | Error::Invalid(_) | Error::Forbidden)) => {
                let why = match &error {
                    Error::Invalid(problems) => problems.first().map(|one| one.sentence.id),
                    _ => None,
                };
                return put_aside(app, id, why.unwrap_or("error-scheduled-gone")).await;
            }
            written => {
                written?;
            }
        }
    }
    sql("DELETE FROM scheduled_posts WHERE id = $1")
        .bind(id)
        .run(&app.db)
        .await?;
    Ok(())
}

/// Keeps a post that could not be written when its moment came, with the reason, for whoever wrote it.
///
/// # Errors
/// What the database says.
pub async fn put_aside(app: &App, id: i64, why: &str) -> Result<()> {
    sql("UPDATE scheduled_posts SET failed = $2 WHERE id = $1")
        .bind(id)
        .bind(why)
        .run(&app.db)
        .await?;
    Ok(())
}
