//! Posts of the house that somebody prepared, until somebody lets them through or gives them back.

use crate::accounts::{self, Account, store as account_store};
use crate::app::App;
use crate::error::{Error, Result};
use crate::kernel::clock::Time;
use crate::kernel::db::{Row, sql};
use crate::kernel::id;
use crate::media;
use crate::posts::compose::{self, Draft};
use crate::posts::{Post, scheduled};

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
        "SELECT accounts.*, house_drafts.id AS draft_id, house_drafts.draft, house_drafts.state, house_drafts.returned, house_drafts.run_at AS wished_at, house_drafts.updated_at AS touched_at FROM house_drafts JOIN accounts ON accounts.id = house_drafts.account_id"
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

/// Lets something prepared through: it is published now, or put off until the moment it is meant for.
///
/// # Errors
/// `NotFound` when somebody else decided, `Invalid` when it reads differently than when it was looked at, or cannot be
/// published any more.
pub async fn publish(app: &App, id: i64, seen: Time) -> Result<Option<Post>> {
    let prepared = get(app, id).await?;
    if prepared.updated_at != seen {
        return Err(Error::invalid("words", "error-draft-changed"));
    }
    let host = accounts::first_host(app).await?.ok_or(Error::NotFound)?;
    let mut draft = prepared.draft;
    // Two who press at the same moment publish one post.
    draft.idempotency_key = Some(format!("draft-{id}"));
    let later = prepared.run_at.filter(|at| *at > app.clock.now());
    let post = match later {
        Some(at) => {
            scheduled::create(app, &host, draft, at).await?;
            None
        }
        None => Some(compose::create(app, &host, draft).await?),
    };
    // Words that came in between are not what was published; they stay.
    sql("DELETE FROM house_drafts WHERE id = $1 AND updated_at = $2")
        .bind(id)
        .bind(seen)
        .run(&app.db)
        .await?;
    Ok(post)
}

/// Gives something prepared back, with what is to be changed.
///
/// # Errors
/// `Invalid` when that is too long.
pub async fn give_back(app: &App, id: i64, words: &str) -> Result<()> {
    if words.chars().count() > WORDS {
        return Err(Error::invalid_with("words", "error-too-long", WORDS));
    }
    sql("UPDATE house_drafts SET state = 'returned', returned = $2, updated_at = $3 WHERE id = $1")
        .bind(id)
        .bind(words.trim())
        .bind(app.clock.now())
        .run(&app.db)
        .await?;
    Ok(())
}

/// Throws something prepared away.
///
/// # Errors
/// What the database says.
pub async fn discard(app: &App, id: i64) -> Result<()> {
    sql("DELETE FROM house_drafts WHERE id = $1")
        .bind(id)
        .run(&app.db)
        .await?;
    Ok(())
}
