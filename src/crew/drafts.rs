//! Posts of the house that somebody prepared, until somebody lets them through or gives them back.

use crate::accounts::{self, Account, store as account_store};
use crate::app::App;
use crate::error::{Error, Result};
use crate::kernel::clock::Time;
use crate::kernel::db::{Row, Tx, sql};
use crate::kernel::id;
use crate::media;
use crate::moderation::writing;
use crate::posts::compose::{self, Draft};
use crate::posts::scheduled;

/// Longest sentence with which a draft is given back.
const WORDS: usize = 500;

/// A prepared post.
#[derive(Clone, Debug)]
pub struct Prepared {
    /// Its number.
    pub id: i64,
    /// Who prepared it.
    pub by: Account,
    /// What is to be written.
    pub draft: Draft,
    /// `waiting`, or `returned` with what is to be changed.
    pub state: String,
    /// Why it was given back.
    pub returned: String,
    /// When it is to be published, if not at once.
    pub run_at: Option<Time>,
    /// When it last changed.
    pub updated_at: Time,
}

fn read(row: &Row) -> sqlx::Result<Prepared> {
    let draft: String = row.get("draft")?;
    Ok(Prepared {
        id: row.get("draft_id")?,
        by: account_store::read(row)?,
        draft: serde_json::from_str(&draft).map_err(|error| sqlx::Error::Decode(error.into()))?,
        state: row.get("state")?,
        returned: row.get("returned")?,
        run_at: row.get("wished_at")?,
        updated_at: row.get("touched_at")?,
    })
}

/// Prepares a post of the house, or what they, or with `any` anybody, prepared before in other words; it waits for somebody who may publish.
///
/// # Errors
/// `Invalid` when it could not be published as it is.
pub async fn prepare(
    app: &App,
    (by, any): (&Account, bool),
    draft: &Draft,
    (again, run_at): (Option<i64>, Option<Time>),
) -> Result<()> {
    compose::check(app, draft)?;
    let host = accounts::first_host(app).await?.ok_or(Error::NotFound)?;
    let now = app.clock.now();
    let body = serde_json::to_string(draft)?;
    let kept = now.plus(std::time::Duration::from_secs(365 * 86_400));
    let mut tx = app.db.begin().await?;
    media::hold(&mut tx, host.id, &draft.media, kept).await?;
    let touched = match again {
        Some(id) => sql("UPDATE house_drafts SET draft = $2, state = 'waiting', run_at = $3, updated_at = $4 WHERE id = $1 AND (account_id = $5 OR $6 = 1)")
            .bind(id)
            .bind(&body)
            .bind(run_at)
            .bind(now)
            .bind(by.id)
            .bind(any)
            .run(&mut tx)
            .await?,
        None => sql("INSERT INTO house_drafts (id, account_id, draft, state, run_at, created_at, updated_at) VALUES ($1, $2, $3, 'waiting', $4, $5, $5)")
            .bind(id::mint(now))
            .bind(by.id)
            .bind(&body)
            .bind(run_at)
            .bind(now)
            .run(&mut tx)
            .await?,
    };
    if touched == 0 {
        return Err(Error::invalid("text", "error-draft-gone"));
    }
    tx.commit().await?;
    Ok(())
}

macro_rules! prepared {
    () => {
        concat!("SELECT ", crate::account_columns!(), ", house_drafts.id AS draft_id, house_drafts.draft, house_drafts.state, house_drafts.returned, house_drafts.run_at AS wished_at, house_drafts.updated_at AS touched_at FROM house_drafts JOIN accounts ON accounts.id = house_drafts.account_id")
    };
}

/// What is prepared, the oldest first.
///
/// # Errors
/// What the database says.
pub async fn list(app: &App) -> Result<Vec<Prepared>> {
    let rows = sql(concat!(prepared!(), " ORDER BY house_drafts.id LIMIT 500"))
        .all(&app.db)
        .await?;
    Ok(rows.iter().map(read).collect::<sqlx::Result<_>>()?)
}

/// Something that is prepared.
///
/// # Errors
/// `NotFound` when it was published or thrown away meanwhile.
pub async fn get(app: &App, id: i64) -> Result<Prepared> {
    let row = sql(concat!(prepared!(), " WHERE house_drafts.id = $1"))
        .bind(id)
        .optional(&app.db)
        .await?;
    Ok(read(&row.ok_or(Error::NotFound)?)?)
}

/// Something prepared that may be published as it was looked at; whatever is read for it stands outside of the
/// transaction.
pub struct Ready {
    id: i64,
    seen: Time,
    host: Account,
    post: Moment,
}

enum Moment {
    Now(compose::Prepared),
    Later(Box<Draft>, Time),
}

/// Looks whether something prepared can be let through: now, or at the moment it is meant for. [`publish`] does it.
///
/// # Errors
/// `NotFound` when somebody else decided, `Invalid` when it reads differently than when it was looked at, or cannot be
/// published any more.
pub async fn ready(app: &App, id: i64, seen: Time) -> Result<Ready> {
    let prepared = get(app, id).await?;
    if prepared.updated_at != seen {
        return Err(Error::invalid("words", "error-draft-changed"));
    }
    let host = accounts::first_host(app).await?.ok_or(Error::NotFound)?;
    let mut draft = prepared.draft;
    // However often it is tried, it becomes one post.
    draft.idempotency_key = Some(format!("draft-{id}"));
    let later = prepared.run_at.filter(|at| *at > app.clock.now());
    let post = match later {
        Some(at) => {
            scheduled::check(app, &host, &draft, at).await?;
            Moment::Later(Box::new(draft), at)
        }
        None => {
            let draft = writing::screen(app, &host, draft).await?;
            Moment::Now(compose::prepare(app, &host, draft).await?)
        }
    };
    Ok(Ready {
        id,
        seen,
        host,
        post,
    })
}

/// Lets something prepared through: it is published, or put off until the moment it is meant for.
///
/// # Errors
/// `NotFound` when somebody else decided or changed it in the same moment.
pub async fn publish(app: &App, tx: &mut Tx, ready: Ready) -> Result<()> {
    // First of all, so that of two who press at the same moment one publishes, and nothing but what was looked at.
    let touched = sql("DELETE FROM house_drafts WHERE id = $1 AND updated_at = $2")
        .bind(ready.id)
        .bind(ready.seen)
        .run(&mut *tx)
        .await?;
    if touched == 0 {
        return Err(Error::NotFound);
    }
    match ready.post {
        Moment::Now(post) => {
            compose::write(app, tx, &ready.host, post).await?;
        }
        Moment::Later(draft, at) => {
            let moments = (app.clock.now(), at);
            scheduled::create_in(tx, ready.host.id, *draft, moments).await?;
        }
    }
    Ok(())
}

/// Gives something prepared back, with what is to be changed.
///
/// # Errors
/// `Invalid` when that is too long, `NotFound` when somebody else decided.
pub async fn give_back(tx: &mut Tx, now: Time, id: i64, words: &str) -> Result<()> {
    if words.chars().count() > WORDS {
        return Err(Error::invalid_with("words", "error-too-long", WORDS));
    }
    let touched = sql(
        "UPDATE house_drafts SET state = 'returned', returned = $2, updated_at = $3 WHERE id = $1",
    )
    .bind(id)
    .bind(words.trim())
    .bind(now)
    .run(tx)
    .await?;
    if touched == 0 {
        return Err(Error::NotFound);
    }
    Ok(())
}

/// Throws something prepared away. Whether it was still there.
///
/// # Errors
/// What the database says.
pub async fn discard(tx: &mut Tx, id: i64) -> sqlx::Result<bool> {
    let touched = sql("DELETE FROM house_drafts WHERE id = $1")
        .bind(id)
        .run(tx)
        .await?;
    Ok(touched == 1)
}
