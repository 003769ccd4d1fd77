//! Deleting posts, and everything that hangs on them.

use super::{Post, counts, store, words};
use crate::accounts::{Account, remove as tombs};
use crate::app::App;
use crate::error::{Error, Result};
use crate::jobs::news::{self, News};
use crate::jobs::{self, Job, Reach};
use crate::kernel::clock::Time;
use crate::kernel::db::{Tx, sql};
use crate::kernel::id::{AccountId, PostId};
use crate::media::files;

/// Deletes a post of the author and tells everyone who has it.
///
/// # Errors
/// `NotFound` when it is not the author's.
pub async fn delete(app: &App, author: &Account, id: PostId) -> Result<()> {
    delete_with(app, author, id, false).await
}

/// As [`delete`], but its files stay for a day, for its author to use them in another.
///
/// # Errors
/// As [`delete`].
pub async fn delete_for_another(app: &App, author: &Account, id: PostId) -> Result<()> {
    delete_with(app, author, id, true).await
}

async fn delete_with(app: &App, author: &Account, id: PostId, keep_files: bool) -> Result<()> {
    let post = store::find(&app.db, id)
        .await?
        .filter(|post| post.account == author.id && post.boost_of.is_none())
        .ok_or(Error::NotFound)?;
    let now = app.clock.now();
    let mut tx = app.db.begin().await?;
    let people = who_has(&mut tx, &post).await?;
    if keep_files {
        // As if it had just been sent.
        sql("UPDATE media SET post_id = NULL, created_at = $2 WHERE post_id = $1")
            .bind(id)
            .bind(now)
            .run(&mut tx)
            .await?;
    }
    let files = erase(&mut tx, &post, true, now).await?;
    let reach = Reach {
        followers: !matches!(
            post.audience,
            crate::audiences::Audience::People | crate::audiences::Audience::Grant(_)
        ),
        people,
    };
    let job = if post.is_for_grant() {
        Job::SendCopiesGone {
            account: author.id,
            post: id,
        }
    } else {
        Job::SendDelete {
            account: author.id,
            uri: post.uri.clone(),
            reach,
        }
    };
    jobs::enqueue(&mut tx, now, job).await?;
    tx.commit().await?;
    remove_files(app, files).await;
    app.wake.notify_waiters();
    Ok(())
}

/// The author's node says that a remote post is gone.
///
/// # Errors
/// What the database says.
pub async fn receive(app: &App, post: &Post) -> Result<()> {
    let now = app.clock.now();
    let mut tx = app.db.begin().await?;
    let files = erase(&mut tx, post, false, now).await?;
    tx.commit().await?;
    remove_files(app, files).await;
    Ok(())
}

/// Erases up to 200 posts of an account that ended; whether more are left.
///
/// # Errors
/// What the database says.
pub async fn erase_some_of(app: &App, account: &Account) -> Result<bool> {
    let now = app.clock.now();
    let rows = sql(concat!(
        "SELECT ",
        crate::post_columns!(),
        " FROM posts WHERE account_id = $1 ORDER BY id LIMIT 200"
    ))
    .bind(account.id)
    .all(&app.db)
    .await?;
    let posts = store::read_all(&rows)?;
    for post in &posts {
        let mut tx = app.db.begin().await?;
        let files = erase(&mut tx, post, account.is_local(), now).await?;
        tx.commit().await?;
        remove_files(app, files).await;
    }
    if posts.len() == 200 {
        return Ok(true);
    }
    remove_pictures(app, account).await?;
    Ok(false)
}

/// Removes the pictures of a profile that ended.
async fn remove_pictures(app: &App, account: &Account) -> Result<()> {
    let bare = Account {
        avatar: None,
        header: None,
        ..account.clone()
    };
    files::replaced(app, account, &bare).await?;
    sql("UPDATE accounts SET avatar = NULL, header = NULL WHERE id = $1")
        .bind(account.id)
        .run(&app.db)
        .await?;
    Ok(())
}

/// Remote accounts that may hold a copy: named in it, or who favourited, boosted or answered it, or whom it answers; at most 5,000.
async fn who_has(tx: &mut Tx, post: &Post) -> sqlx::Result<Vec<AccountId>> {
    let rows = sql("SELECT id FROM accounts WHERE kind = 'remote' AND id IN (SELECT account_id FROM post_people WHERE post_id = $1 UNION SELECT account_id FROM favourites WHERE post_id = $1 UNION SELECT account_id FROM posts WHERE boost_of_id = $1 UNION SELECT account_id FROM posts WHERE in_reply_to_id = $1 UNION SELECT account_id FROM posts WHERE id = (SELECT in_reply_to_id FROM posts WHERE id = $1)) LIMIT 5000")
        .bind(post.id)
        .all(&mut *tx)
        .await?;
    rows.iter().map(|row| row.get("id")).collect()
}

/// Removes a post's rows and leaves a tombstone; returns the files that nobody needs once this is committed.
async fn erase(tx: &mut Tx, post: &Post, local: bool, now: Time) -> Result<Vec<String>> {
    let host = crate::kernel::origin::host_of_uri(&post.uri).unwrap_or_default();
    tombs::remember(&mut *tx, &post.uri, &host, local, now).await?;
    let gone = News::Gone {
        post: post.id,
        author: post.account,
        open: post.audience.is_open(),
    };
    news::tell(&mut *tx, now, &gone).await?;
    // Boosts of it go with it.
    let boosts = sql(concat!(
        "SELECT ",
        crate::post_columns!(),
        " FROM posts WHERE boost_of_id = $1"
    ))
    .bind(post.id)
    .all(&mut *tx)
    .await?;
    for boost in store::read_all(&boosts)? {
        counts::count(&mut *tx, &boost, -1, None).await?;
        erase_rows(&mut *tx, boost.id).await?;
    }
    let media = sql("DELETE FROM media WHERE post_id = $1 RETURNING file, preview")
        .bind(post.id)
        .all(&mut *tx)
        .await?;
    let mut files = Vec::new();
    for row in &media {
        for name in ["file", "preview"] {
            if let Some(name) = row.get::<Option<String>>(name)? {
                files.extend(files::release(&mut *tx, &name).await?);
            }
        }
    }
    erase_rows(&mut *tx, post.id).await?;
    if let Some(boosted) = post.boost_of {
        counts::recount(&mut *tx, boosted).await?;
    }
    counts::count(&mut *tx, post, -1, None).await?;
    Ok(files)
}

/// Removes a post's row and everything that points at it.
pub(super) async fn erase_rows(tx: &mut Tx, id: PostId) -> sqlx::Result<()> {
    words::remove(&mut *tx, id).await?;
    let statements = [
        sql("DELETE FROM notifications WHERE post_id = $1"),
        sql("DELETE FROM post_people WHERE post_id = $1"),
        sql("DELETE FROM post_tags WHERE post_id = $1"),
        sql("DELETE FROM post_edits WHERE post_id = $1"),
        sql("DELETE FROM poll_votes WHERE post_id = $1"),
        sql("DELETE FROM poll_options WHERE post_id = $1"),
        sql("DELETE FROM polls WHERE post_id = $1"),
        sql("DELETE FROM media WHERE post_id = $1"),
        sql("DELETE FROM favourites WHERE post_id = $1"),
        sql("DELETE FROM bookmarks WHERE post_id = $1"),
        sql("DELETE FROM quote_stamps WHERE post_id = $1"),
        sql(
            "UPDATE posts SET approval = 'refused', held_for = 'refused' WHERE in_reply_to_id = $1 AND held_for = 'approval'",
        ),
        sql("UPDATE posts SET in_reply_to_id = NULL WHERE in_reply_to_id = $1"),
        sql("UPDATE posts SET quote_of_id = NULL WHERE quote_of_id = $1"),
        sql("DELETE FROM posts WHERE id = $1"),
    ];
    for statement in statements {
        statement.bind(id).run(&mut *tx).await?;
    }
    Ok(())
}

async fn remove_files(app: &App, files: Vec<String>) {
    for file in files {
        if let Err(error) = files::drop_released(app, &file).await {
            tracing::warn!(file, %error, "a file of a deleted post could not be removed");
        }
    }
}
