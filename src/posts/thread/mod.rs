//! A post with what it answers and what answers it.

mod order;

use super::{Post, store};
use crate::accounts::Account;
use crate::app::App;
use crate::error::Result;
use crate::jobs::{self, Job};
use crate::kernel::clock::Time;
use crate::kernel::db::{Query, Row, ids, sql};
use crate::kernel::id::PostId;
pub use order::Cursor;
use order::{Placed, in_order};

/// Most answers of others that are read at once.
const MOST: usize = 500;
/// Most answers of our members that are read: what others sent never cuts them.
const OWN: i64 = 2_000;
/// Most posts that stand above one.
const ABOVE: i64 = 200;

/// The posts around one, for a viewer: those it answers, oldest first, and those that answer it, in order.
#[derive(Debug, Default)]
pub struct Thread {
    /// From the first post down to the one it answers.
    pub above: Vec<Post>,
    /// Answers, each after what it answers, with how deep it stands.
    pub below: Vec<(Post, usize)>,
    /// From where on there are more answers.
    pub next: Option<Cursor>,
}

/// Reads posts of a thread as a viewer may see them; a statement that goes on with a condition. `$1` and `$2` as in
/// [`visible!`](crate::visible), `$3` the thread.
#[macro_export]
macro_rules! placed {
    () => {
        concat!("SELECT ", $crate::post_columns!(), ", CASE WHEN root.is_local = 1 THEN COALESCE(posts.fetched_at, posts.created_at) ELSE posts.created_at END AS placed_at FROM posts LEFT JOIN posts root ON root.id = $3 WHERE posts.boost_of_id IS NULL AND ")
    };
}

/// The thread around a post, from a place on.
///
/// # Errors
/// What the database says.
pub async fn around(
    app: &App,
    viewer: Option<&Account>,
    post: &Post,
    after: Option<Cursor>,
) -> Result<Thread> {
    let reader = Reader {
        app,
        viewer: viewer.map_or(0, |viewer| viewer.id.0),
        now: app.clock.now(),
        post,
    };
    let mut answers = reader.others(after).await?;
    let more = answers.len() > MOST;
    answers.truncate(MOST);
    let next = answers.last().map(|last| last.cursor).filter(|_| more);
    if after.is_none() {
        answers.extend(reader.own().await?);
    }
    reader.connect(&mut answers).await?;
    Ok(Thread {
        above: reader.above().await?,
        below: in_order(answers, post.id),
        next,
    })
}

/// Reads the thread of a post as its viewer may see it.
struct Reader<'a> {
    app: &'a App,
    viewer: i64,
    now: Time,
    post: &'a Post,
}

fn place(row: &Row) -> sqlx::Result<Placed> {
    let post = store::read(row)?;
    let at = row.get("placed_at")?;
    let cursor = Cursor { at, post: post.id };
    Ok(Placed { post, cursor })
}

impl Reader<'_> {
    async fn read(&self, statement: Query) -> sqlx::Result<Vec<Placed>> {
        let rows = statement.all(&self.app.db).await?;
        rows.iter().map(place).collect()
    }

    fn begin(&self, statement: Query) -> Query {
        statement
            .bind(self.viewer)
            .bind(self.now)
            .bind(self.post.thread)
    }

    /// Answers of others, one more than are shown at once: of the whole thread by an index, below an answer by going
    /// through what answers it.
    async fn others(&self, after: Option<Cursor>) -> sqlx::Result<Vec<Placed>> {
        let (at, last) = after.map_or((i64::MIN, 0), |after| (after.at, after.post.0));
        let whole = self.post.id == self.post.thread;
        let statement = if whole && self.is_ours().await? {
            sql(concat!(
                crate::placed!(),
                crate::visible!(),
                " AND ",
                crate::heard!(),
                " AND posts.thread_id = $3 AND posts.id <> $4 AND (COALESCE(posts.fetched_at, posts.created_at), posts.id) > ($5, $6) ORDER BY COALESCE(posts.fetched_at, posts.created_at), posts.id LIMIT $7"
            ))
        } else if whole {
            sql(concat!(
                crate::placed!(),
                crate::visible!(),
                " AND ",
                crate::heard!(),
                " AND posts.thread_id = $3 AND posts.id <> $4 AND (posts.created_at, posts.id) > ($5, $6) ORDER BY posts.created_at, posts.id LIMIT $7"
            ))
        } else {
            sql(concat!(
                crate::placed!(),
                crate::visible!(),
                " AND ",
                crate::heard!(),
                " AND posts.id IN (WITH RECURSIVE below(id) AS (SELECT answer.id FROM posts answer WHERE answer.in_reply_to_id = $4 UNION SELECT answer.id FROM posts answer JOIN below ON answer.in_reply_to_id = below.id) SELECT id FROM below LIMIT 10000) AND (CASE WHEN root.is_local = 1 THEN COALESCE(posts.fetched_at, posts.created_at) ELSE posts.created_at END, posts.id) > ($5, $6) ORDER BY placed_at, posts.id LIMIT $7"
            ))
        };
        let most = i64::try_from(MOST + 1).unwrap_or(i64::MAX);
        let statement = self.begin(statement).bind(self.post.id).bind(at);
        self.read(statement.bind(last).bind(most)).await
    }

    /// Answers of our members.
    async fn own(&self) -> sqlx::Result<Vec<Placed>> {
        let statement = sql(concat!(
            crate::placed!(),
            crate::visible!(),
            " AND ",
            crate::heard!(),
            " AND posts.thread_id = $3 AND posts.is_local = 1 AND posts.id <> $4 ORDER BY posts.id DESC LIMIT $5"
        ));
        let statement = self.begin(statement).bind(self.post.id).bind(OWN);
        self.read(statement).await
    }

    /// Whether the thread was begun here.
    async fn is_ours(&self) -> sqlx::Result<bool> {
        let row = sql("SELECT id FROM posts WHERE id = $1 AND is_local = 1")
            .bind(self.post.thread)
            .optional(&self.app.db)
            .await?;
        Ok(row.is_some())
    }

    /// Adds what stands between the post and answers whose own parents were not read.
    async fn connect(&self, answers: &mut Vec<Placed>) -> sqlx::Result<()> {
        for _ in 0..ROUNDS {
            let missing = order::missing(answers, self.post.id, MOST);
            if missing.is_empty() {
                return Ok(());
            }
            let statement = sql(concat!(
                crate::placed!(),
                crate::visible!(),
                " AND ",
                crate::heard!(),
                " AND posts.id IN (SELECT value FROM json_each($4))"
            ));
            let found = self.read(self.begin(statement).bind(ids(missing))).await?;
            if found.is_empty() {
                return Ok(());
            }
            answers.extend(found);
        }
        Ok(())
    }

    /// What the post answers, the first one first; it ends where the viewer may see no further.
    async fn above(&self) -> sqlx::Result<Vec<Post>> {
        let statement = sql(concat!(
            crate::placed!(),
            crate::visible!(),
            " AND ",
            crate::heard!(),
            " AND posts.id IN (WITH RECURSIVE chain(id, depth) AS (SELECT answer.in_reply_to_id, 1 FROM posts answer WHERE answer.id = $4 UNION ALL SELECT parent.in_reply_to_id, chain.depth + 1 FROM posts parent JOIN chain ON parent.id = chain.id WHERE chain.depth < $5) SELECT id FROM chain)"
        ));
        let statement = self.begin(statement).bind(self.post.id).bind(ABOVE);
        Ok(order::chain(self.read(statement).await?, self.post))
    }
}

/// How often what is missing between two posts is asked for.
const ROUNDS: usize = 20;

/// The open answers to a post, in the order in which they came, the page from `skip` on; for its collection on the wire.
/// Nobody whom its author blocks is among them.
///
/// # Errors
/// What the database says.
pub async fn open_replies(app: &App, post: &Post, skip: i64, limit: i64) -> Result<Vec<Post>> {
    let rows = sql(concat!("SELECT ", crate::post_columns!(), " FROM posts WHERE in_reply_to_id = $1 AND audience IN ('public', 'unlisted') AND account_id NOT IN (SELECT id FROM accounts WHERE silenced_at IS NOT NULL OR limited_at IS NOT NULL OR disabled_at IS NOT NULL) AND account_id NOT IN (SELECT target_id FROM blocks WHERE account_id = $2) ORDER BY is_local DESC, COALESCE(fetched_at, created_at), id LIMIT $3 OFFSET $4"))
        .bind(post.id)
        .bind(post.account)
        .bind(limit)
        .bind(skip)
        .all(&app.db)
        .await?;
    Ok(store::read_all(&rows)?)
}

/// How many open answers a post has.
///
/// # Errors
/// What the database says.
pub async fn count_open_replies(app: &App, post: &Post) -> Result<i64> {
    let row = sql("SELECT COUNT(*) AS n FROM posts WHERE in_reply_to_id = $1 AND audience IN ('public', 'unlisted') AND account_id NOT IN (SELECT id FROM accounts WHERE silenced_at IS NOT NULL OR limited_at IS NOT NULL OR disabled_at IS NOT NULL) AND account_id NOT IN (SELECT target_id FROM blocks WHERE account_id = $2)")
        .bind(post.id)
        .bind(post.account)
        .one(&app.db)
        .await?;
    Ok(row.get("n")?)
}

/// The open posts of a thread, its first post first, then our members' and then others' in the order in which they
/// came; nothing where the first post is not open. For its collection on the wire.
///
/// # Errors
/// What the database says.
pub async fn open_context(app: &App, thread: PostId, limit: i64) -> Result<Vec<Post>> {
    let rows =
        sql(concat!("SELECT ", crate::post_columns!(), " FROM posts JOIN posts root ON root.id = $1 WHERE posts.thread_id = $1 AND posts.boost_of_id IS NULL AND posts.audience IN ('public', 'unlisted') AND root.audience IN ('public', 'unlisted') AND posts.account_id NOT IN (SELECT id FROM accounts WHERE silenced_at IS NOT NULL OR limited_at IS NOT NULL OR disabled_at IS NOT NULL) AND root.account_id NOT IN (SELECT id FROM accounts WHERE disabled_at IS NOT NULL) AND posts.account_id NOT IN (SELECT target_id FROM blocks WHERE account_id = root.account_id) ORDER BY CASE WHEN posts.id = $1 THEN 0 WHEN posts.is_local = 1 THEN 1 ELSE 2 END, COALESCE(posts.fetched_at, posts.created_at), posts.id LIMIT $2"))
            .bind(thread)
            .bind(limit)
            .all(&app.db)
            .await?;
    Ok(store::read_all(&rows)?)
}

/// Leaves the work to fetch what is missing of a thread.
///
/// # Errors
/// What the database says.
pub async fn complete_later(app: &App, post: PostId) -> Result<()> {
    jobs::enqueue(&app.db, app.clock.now(), Job::FetchReplies(post)).await?;
    app.wake.notify_waiters();
    Ok(())
}

/// Notes that the answers to a post are being fetched; whether nobody did so lately.
///
/// # Errors
/// What the database says.
pub async fn begin_fetch(app: &App, post: PostId) -> Result<bool> {
    let now = app.clock.now();
    let since: Time = now.minus(std::time::Duration::from_secs(900));
    let touched = sql("UPDATE posts SET replies_fetched_at = $1 WHERE id = $2 AND (replies_fetched_at IS NULL OR replies_fetched_at < $3)")
        .bind(now)
        .bind(post)
        .bind(since)
        .run(&app.db)
        .await?;
    Ok(touched == 1)
}
