//! A post with what it answers and what answers it.

use super::{Post, store};
use crate::accounts::Account;
use crate::app::App;
use crate::error::Result;
use crate::kernel::clock::Time;
use crate::kernel::db::sql;
use crate::kernel::id::PostId;

/// Most posts of a thread that are read at once.
const MOST: i64 = 500;

/// The posts around one, for a viewer: those it answers, oldest first, and those that answer it, in order.
#[derive(Debug, Default)]
pub struct Thread {
    /// From the first post down to the one it answers.
    pub above: Vec<Post>,
    /// Answers, each after what it answers, with how deep it stands.
    pub below: Vec<(Post, usize)>,
}

/// The thread around a post.
///
/// # Errors
/// What the database says.
pub async fn around(app: &App, viewer: Option<&Account>, post: &Post) -> Result<Thread> {
    let rows = sql(concat!(
        "SELECT posts.* FROM posts WHERE ",
        crate::visible!(),
        " AND ",
        crate::heard!(),
        " AND posts.thread_id = $3 AND posts.boost_of_id IS NULL ORDER BY posts.id LIMIT $4"
    ))
    .bind(viewer.map_or(0, |viewer| viewer.id.0))
    .bind(app.clock.now())
    .bind(post.thread)
    .bind(MOST)
    .all(&app.db)
    .await?;
    let posts = store::read_all(&rows)?;
    let mut above = Vec::new();
    let mut next = post.in_reply_to;
    while let Some(parent) = next.and_then(|id| posts.iter().find(|post| post.id == id)) {
        next = parent
            .in_reply_to
            .filter(|id| !above.iter().any(|seen: &Post| seen.id == *id));
        above.insert(0, parent.clone());
    }
    let mut below = Vec::new();
    descend(&posts, post.id, 0, &mut below);
    Ok(Thread { above, below })
}

fn descend(posts: &[Post], parent: PostId, depth: usize, into: &mut Vec<(Post, usize)>) {
    for post in posts.iter().filter(|post| post.in_reply_to == Some(parent)) {
        if into.iter().any(|(seen, _)| seen.id == post.id) {
            continue;
        }
        into.push((post.clone(), depth));
        if depth < 100 {
            descend(posts, post.id, depth + 1, into);
        }
    }
}

/// The open answers to a post, oldest first, from `after` on; for its collection on the wire.
///
/// # Errors
/// What the database says.
pub async fn open_replies(app: &App, post: PostId, after: i64, limit: i64) -> Result<Vec<Post>> {
    let rows = sql("SELECT * FROM posts WHERE in_reply_to_id = $1 AND audience IN ('public', 'unlisted') AND account_id NOT IN (SELECT id FROM accounts WHERE silenced_at IS NOT NULL OR limited_at IS NOT NULL OR disabled_at IS NOT NULL) AND id > $2 ORDER BY id LIMIT $3")
        .bind(post)
        .bind(after)
        .bind(limit)
        .all(&app.db)
        .await?;
    Ok(store::read_all(&rows)?)
}

/// The open posts of a thread, oldest first; for its collection on the wire.
///
/// # Errors
/// What the database says.
pub async fn open_context(app: &App, thread: PostId, limit: i64) -> Result<Vec<Post>> {
    let rows =
        sql("SELECT * FROM posts WHERE thread_id = $1 AND boost_of_id IS NULL AND audience IN ('public', 'unlisted') AND account_id NOT IN (SELECT id FROM accounts WHERE silenced_at IS NOT NULL OR limited_at IS NOT NULL OR disabled_at IS NOT NULL) ORDER BY id LIMIT $2")
            .bind(thread)
            .bind(limit)
            .all(&app.db)
            .await?;
    Ok(store::read_all(&rows)?)
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
