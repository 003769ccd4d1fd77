//! Posts that wait for a look: seen by their author alone until somebody lets them through.

use super::{Post, counts, policies, previews, quotes, references, store, telling, words};
use crate::accounts::{self, Account, store as account_store};
use crate::app::App;
use crate::audiences::Audience;
use crate::error::{Error, Result};
use crate::jobs::news::{self, News};
use crate::jobs::{self, Job};
use crate::kernel::clock::Time;
use crate::kernel::db::{Query, Row, Tx, ids, sql};
use crate::kernel::html::to_text;
use crate::kernel::id::{AccountId, PostId};

/// Why a post of ours waits for the word of the author it answers; the house does not look at it.
pub(super) const FOR_APPROVAL: &str = "approval";

/// Why a post of ours waits for good: the author it answers did not let it through.
pub(super) const REFUSED: &str = "refused";

/// A post that waits.
#[derive(Clone, Debug)]
pub struct Held {
    /// The post.
    pub post: Post,
    /// Whose it is.
    pub author: Account,
    /// Why it waits, as the last part of a message.
    pub reason: String,
    /// What it answers, in a few words.
    pub answers: Option<String>,
}

/// Which of what waits is asked for.
#[derive(Clone, Debug, Default)]
pub struct Wished {
    /// Of this author only.
    pub author: Option<AccountId>,
    /// Of people of this node only, empty for the house itself.
    pub host: Option<String>,
}

/// Notes for whom a post is that is written as one that waits, and why it does.
pub(super) async fn note(
    tx: &mut Tx,
    post: PostId,
    audience: Audience,
    reason: &str,
) -> sqlx::Result<bool> {
    let touched = sql("UPDATE posts SET audience = 'held', held_audience = $2, held_for = $3 WHERE id = $1 AND held_audience IS NULL")
        .bind(post)
        .bind(audience.name())
        .bind(reason)
        .run(tx)
        .await?;
    Ok(touched == 1)
}

/// For whom a post is that waits for a look.
///
/// # Errors
/// What the database says.
pub async fn meant(app: &App, post: PostId) -> Result<Audience> {
    let row = sql("SELECT held_audience, audience_id FROM posts WHERE id = $1")
        .bind(post)
        .one(&app.db)
        .await?;
    let name: Option<String> = row.get("held_audience")?;
    Ok(Audience::parse(
        &name.unwrap_or_default(),
        row.get("audience_id")?,
    ))
}

/// Lets a post wait that everybody could see so far.
///
/// # Errors
/// What the database says.
pub async fn hold(app: &App, post: &Post, reason: &str) -> Result<()> {
    let mut tx = app.db.begin().await?;
    hold_in(&mut tx, post, reason, app.clock.now()).await?;
    tx.commit().await?;
    Ok(())
}

/// As [`hold`], together with what else belongs to it.
pub(super) async fn hold_in(tx: &mut Tx, post: &Post, reason: &str, now: Time) -> Result<()> {
    if !note(&mut *tx, post.id, post.audience, reason).await? {
        return Ok(());
    }
    counts::count(&mut *tx, post, -1, None).await?;
    let gone = News::Gone {
        post: post.id,
        author: post.account,
        open: post.audience.is_open(),
    };
    news::tell(tx, now, &gone).await?;
    Ok(())
}

fn wanted(wished: &Wished, limit: i64) -> Query {
    sql(concat!("SELECT ", crate::post_columns!(), ", posts.held_for FROM posts JOIN accounts ON accounts.id = posts.account_id WHERE posts.held_audience IS NOT NULL AND posts.held_for NOT IN ('approval', 'refused') AND posts.dropped_at IS NULL AND ($1 = 0 OR posts.account_id = $1) AND ($2 = 0 OR accounts.host = $3) ORDER BY posts.id LIMIT $4"))
        .bind(wished.author.map_or(0, |author| author.0))
        .bind(wished.host.is_some())
        .bind(wished.host.clone().unwrap_or_default())
        .bind(limit)
}

/// What was let wait for this reason, the oldest first.
///
/// # Errors
/// What the database says.
pub async fn for_reason(app: &App, reason: &str) -> Result<Vec<PostId>> {
    let rows = sql("SELECT id FROM posts WHERE held_for = $1 AND held_audience IS NOT NULL AND dropped_at IS NULL ORDER BY id LIMIT 1000")
        .bind(reason)
        .all(&app.db)
        .await?;
    Ok(read_ids(&rows)?)
}

/// What waits, the oldest first.
///
/// # Errors
/// What the database says.
pub async fn list(app: &App, wished: &Wished, limit: i64) -> Result<Vec<Held>> {
    let rows = wanted(wished, limit).all(&app.db).await?;
    let mut found = Vec::new();
    for row in &rows {
        let post = store::read(row)?;
        let parent = match post.in_reply_to {
            Some(parent) => store::find(&app.db, parent).await?,
            None => None,
        };
        let answers = parent.filter(|parent| parent.audience.is_open());
        found.push(Held {
            author: accounts::get(app, post.account).await?,
            reason: row.get::<Option<String>>("held_for")?.unwrap_or_default(),
            answers: answers.map(|parent| {
                crate::kernel::html::shorten(&to_text(&parent.html).replace('\n', " "), 120)
            }),
            post,
        });
    }
    Ok(found)
}

/// How many wait, in all and of each of the busiest nodes.
///
/// # Errors
/// What the database says.
pub async fn counts(app: &App) -> Result<(i64, Vec<(String, i64)>)> {
    let rows = sql("SELECT accounts.host, COUNT(*) AS n FROM posts JOIN accounts ON accounts.id = posts.account_id WHERE posts.held_audience IS NOT NULL AND posts.held_for NOT IN ('approval', 'refused') AND posts.dropped_at IS NULL GROUP BY accounts.host ORDER BY n DESC, accounts.host")
        .all(&app.db)
        .await?;
    let read = |row: &Row| Ok((row.get("host")?, row.get("n")?));
    let hosts: Vec<(String, i64)> = rows.iter().map(read).collect::<sqlx::Result<_>>()?;
    let total = hosts.iter().map(|(_, count)| count).sum();
    Ok((total, hosts.into_iter().take(10).collect()))
}

fn read_ids(rows: &[Row]) -> sqlx::Result<Vec<PostId>> {
    rows.iter().map(|row| row.get("id")).collect()
}

/// Which of what waits belongs to a wish, at most so many.
///
/// # Errors
/// What the database says.
pub async fn which(app: &App, wished: &Wished, limit: i64) -> Result<Vec<PostId>> {
    let rows = wanted(wished, limit).all(&app.db).await?;
    Ok(read_ids(&rows)?)
}

/// Lets posts through, each in a transaction of its own.
///
/// # Errors
/// What the database says.
pub async fn release(app: &App, which: &[PostId]) -> Result<()> {
    for id in which {
        let mut tx = app.db.begin().await?;
        if release_in(app, &mut tx, *id).await? {
            tx.commit().await?;
            app.wake.notify_waiters();
        }
    }
    Ok(())
}

/// Lets a post through: everybody it is for sees it, is told of it, and gets it. Whether it still waited.
///
/// # Errors
/// What the database says.
pub async fn release_in(app: &App, tx: &mut Tx, id: PostId) -> Result<bool> {
    let row = sql(concat!("UPDATE posts SET audience = held_audience, held_audience = NULL, held_for = NULL, dropped_at = NULL WHERE id = $1 AND held_audience IS NOT NULL RETURNING ", crate::post_columns!()))
        .bind(id)
        .optional(&mut *tx)
        .await?;
    let Some(row) = row else { return Ok(false) };
    let post = store::read(&row)?;
    if post.approval.as_deref() == Some("asked") {
        // The house lets it through; whose post it answers has not been asked yet.
        policies::ask(tx, &post, app.clock.now()).await?;
        return Ok(true);
    }
    announce(app, tx, &post).await?;
    if quotes::has_request(&mut *tx, &post).await? {
        jobs::enqueue(tx, app.clock.now(), Job::TakeUpQuote(post.id)).await?;
    }
    Ok(true)
}

/// Does what did not happen when a post came or was written, because it waited.
async fn announce(app: &App, tx: &mut Tx, post: &Post) -> Result<()> {
    let now = app.clock.now();
    let people = store::people(&mut *tx, post.id).await?;
    let mentioned: Vec<Account> = people
        .into_iter()
        .filter(|(_, mentioned)| *mentioned)
        .map(|(account, _)| account)
        .collect();
    let author = account_store::find(&mut *tx, post.account).await?;
    let author = author.ok_or(Error::NotFound)?;
    words::keep(&mut *tx, &author, post).await?;
    previews::expect(&mut *tx, post, now).await?;
    telling::announce(&mut *tx, post, &mentioned, now).await?;
    if author.is_local() {
        let job = match post.boost_of {
            Some(_) => Job::SendBoost(post.id),
            None => Job::SendPost(post.id),
        };
        jobs::enqueue(&mut *tx, now, job).await?;
        quotes::settle(tx, app, post).await?;
    }
    references::adopt_replies(tx, post, now).await?;
    Ok(())
}

/// Puts posts aside: they wait no longer, and only their author sees them; how many.
///
/// # Errors
/// What the database says.
pub async fn drop(tx: &mut Tx, now: Time, which: &[PostId]) -> sqlx::Result<u64> {
    sql("UPDATE posts SET dropped_at = $1 WHERE held_audience IS NOT NULL AND dropped_at IS NULL AND id IN (SELECT value FROM json_each($2))")
        .bind(now)
        .bind(ids(which.iter().copied()))
        .run(tx)
        .await
}

/// What was put aside last, to be looked at again.
///
/// # Errors
/// What the database says.
pub async fn dropped(app: &App, since: Time, limit: i64) -> Result<Vec<PostId>> {
    let rows = sql("SELECT id FROM posts WHERE held_audience IS NOT NULL AND dropped_at >= $1 ORDER BY id LIMIT $2")
        .bind(since)
        .bind(limit)
        .all(&app.db)
        .await?;
    Ok(read_ids(&rows)?)
}

/// Puts what was put aside back to what waits; how many.
///
/// # Errors
/// What the database says.
pub async fn take_back(tx: &mut Tx, which: &[PostId]) -> sqlx::Result<u64> {
    sql("UPDATE posts SET dropped_at = NULL WHERE held_audience IS NOT NULL AND dropped_at IS NOT NULL AND id IN (SELECT value FROM json_each($1))")
        .bind(ids(which.iter().copied()))
        .run(tx)
        .await
}
