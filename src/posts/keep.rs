//! Bookmarks, which nobody sees, and pins, which everybody does.

use super::{Post, store};
use crate::accounts::Account;
use crate::app::App;
use crate::error::{Error, Result};
use crate::jobs::{self, Job};
use crate::kernel::db::sql;
use crate::kernel::id::{self, AccountId, PostId};
use crate::kernel::page::Window;

/// Most posts an account pins.
const MOST_PINS: i64 = 5;

/// Bookmarks a post, or takes it back.
///
/// # Errors
/// What the database says.
pub async fn set_bookmark(app: &App, who: AccountId, post: PostId, wanted: bool) -> Result<()> {
    if wanted {
        sql("INSERT INTO bookmarks (id, account_id, post_id) VALUES ($1, $2, $3) ON CONFLICT (account_id, post_id) DO NOTHING")
            .bind(id::mint(app.clock.now()))
            .bind(who)
            .bind(post)
            .run(&app.db)
            .await?;
    } else {
        sql("DELETE FROM bookmarks WHERE account_id = $1 AND post_id = $2")
            .bind(who)
            .bind(post)
            .run(&app.db)
            .await?;
    }
    Ok(())
}

/// The viewer's bookmarks: the id to page by, and the post; the last kept first.
///
/// # Errors
/// What the database says.
pub async fn bookmarks(app: &App, viewer: &Account, window: Window) -> Result<Vec<(i64, Post)>> {
    let rows = sql(concat!("SELECT ", crate::post_columns!(), ", bookmarks.id AS bookmark_id FROM bookmarks JOIN posts ON posts.id = bookmarks.post_id WHERE bookmarks.account_id = $1 AND ", crate::visible!(), " AND bookmarks.id < $3 AND bookmarks.id > $4 ORDER BY bookmarks.id DESC LIMIT $5"))
        .bind(viewer.id)
        .bind(app.clock.now())
        .within(window)
        .all(&app.db)
        .await?;
    Ok(rows
        .iter()
        .map(|row| Ok((row.get("bookmark_id")?, store::read(row)?)))
        .collect::<sqlx::Result<_>>()?)
}

/// Pins a post of the author to their profile, or takes it down.
///
/// # Errors
/// `NotFound` when it is not the author's, `Invalid` when it cannot be pinned or five are.
pub async fn set_pinned(app: &App, author: &Account, id: PostId, pinned: bool) -> Result<()> {
    let post = store::find(&app.db, id)
        .await?
        .filter(|post| post.account == author.id)
        .ok_or(Error::NotFound)?;
    if pinned && !post.is_boostable_by(author.id) {
        return Err(Error::invalid("post", "error-pin-narrow"));
    }
    let now = app.clock.now();
    let mut tx = app.db.begin().await?;
    if pinned {
        let count: i64 = sql("SELECT COUNT(*) AS n FROM posts WHERE account_id = $1 AND pinned_at IS NOT NULL AND id <> $2")
            .bind(author.id)
            .bind(id)
            .one(&mut tx)
            .await?
            .get("n")?;
        if count >= MOST_PINS {
            return Err(Error::invalid_with("post", "error-pin-many", MOST_PINS));
        }
    }
    sql("UPDATE posts SET pinned_at = $1 WHERE id = $2")
        .bind(pinned.then_some(now))
        .bind(id)
        .run(&mut tx)
        .await?;
    if post.is_boostable() {
        let job = Job::SendPin {
            account: author.id,
            post_uri: post.uri,
            pinned,
            at: now.0,
        };
        jobs::enqueue(&mut tx, now, job).await?;
    }
    tx.commit().await?;
    app.wake.notify_waiters();
    Ok(())
}

/// Another node says which posts of an account are pinned.
///
/// # Errors
/// What the database says.
pub async fn receive_pin(app: &App, author: &Account, post: &Post, pinned: bool) -> Result<()> {
    if post.account == author.id && post.is_boostable() {
        sql("UPDATE posts SET pinned_at = $1 WHERE id = $2")
            .bind(pinned.then(|| app.clock.now()))
            .bind(post.id)
            .run(&app.db)
            .await?;
    }
    Ok(())
}

/// The pinned posts of an account, as far as the viewer may see them; the last pinned first.
///
/// # Errors
/// What the database says.
pub async fn pinned(app: &App, viewer: Option<&Account>, author: AccountId) -> Result<Vec<Post>> {
    let rows = sql(concat!(
        "SELECT ",
        crate::post_columns!(),
        " FROM posts WHERE posts.account_id = $3 AND posts.pinned_at IS NOT NULL AND ",
        crate::visible!(),
        " ORDER BY posts.pinned_at DESC, posts.id DESC LIMIT 20"
    ))
    .bind(viewer.map_or(0, |viewer| viewer.id.0))
    .bind(app.clock.now())
    .bind(author)
    .all(&app.db)
    .await?;
    Ok(store::read_all(&rows)?)
}
