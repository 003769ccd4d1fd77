//! Favourites.

use super::policies::{self, Interaction, Permission};
use super::{Post, counts};
use crate::accounts::Account;
use crate::app::App;
use crate::error::{Error, Result};
use crate::jobs::news::{self, News};
use crate::jobs::{self, Job, Notice};
use crate::kernel::crypt;
use crate::kernel::db::{Conn, sql};
use crate::kernel::id::{self, AccountId, PostId};
use crate::kernel::page::Window;

/// A member favourites a post, or takes it back; twice is the same as once.
///
/// # Errors
/// `Invalid` where its author does not let them.
pub async fn set(app: &App, who: &Account, post: &Post, wanted: bool) -> Result<()> {
    let uri = app.origin().at(&format!("/activities/{}", crypt::opaque()));
    if wanted {
        // The author is told anyway, and takes it back where it is not wanted.
        let permission = policies::permission(app, who, post, Interaction::Favourite).await?;
        if permission == Permission::Refused {
            return Err(Error::invalid("post", "error-favourite-refused"));
        }
        add(app, who, post, &uri).await
    } else {
        remove(app, who, post).await
    }
}

/// Notes a favourite; of a member, or by a Like that arrived under `uri`.
///
/// # Errors
/// What the database says.
pub async fn add(app: &App, who: &Account, post: &Post, uri: &str) -> Result<()> {
    let now = app.clock.now();
    let mut tx = app.db.begin().await?;
    let touched = sql("INSERT INTO favourites (id, account_id, post_id, uri, created_at) VALUES ($1, $2, $3, $4, $5) ON CONFLICT (post_id, account_id) DO NOTHING")
        .bind(id::mint(now))
        .bind(who.id)
        .bind(post.id)
        .bind(uri)
        .bind(now)
        .run(&mut tx)
        .await?;
    if touched == 1 {
        counts::recount(&mut tx, post.id).await?;
        news::tell(&mut tx, now, &News::Counted(post.id)).await?;
        if who.is_local() {
            jobs::enqueue(
                &mut tx,
                now,
                Job::SendFavourite {
                    account: who.id,
                    post: post.id,
                },
            )
            .await?;
        }
        if post.account != who.id {
            let job = Job::Notify {
                account: post.account,
                kind: Notice::Favourite,
                from: who.id,
                post: Some(post.id),
            };
            jobs::enqueue(&mut tx, now, job).await?;
        }
    }
    tx.commit().await?;
    app.wake.notify_waiters();
    Ok(())
}

/// Takes a favourite back.
///
/// # Errors
/// What the database says.
pub async fn remove(app: &App, who: &Account, post: &Post) -> Result<()> {
    let now = app.clock.now();
    let mut tx = app.db.begin().await?;
    let row = sql("DELETE FROM favourites WHERE account_id = $1 AND post_id = $2 RETURNING uri")
        .bind(who.id)
        .bind(post.id)
        .optional(&mut tx)
        .await?;
    if let Some(row) = row {
        sql("DELETE FROM notifications WHERE kind = 'favourite' AND from_id = $1 AND post_id = $2")
            .bind(who.id)
            .bind(post.id)
            .run(&mut tx)
            .await?;
        counts::recount(&mut tx, post.id).await?;
        news::tell(&mut tx, now, &News::Counted(post.id)).await?;
        if who.is_local() {
            let job = Job::SendUnfavourite {
                account: who.id,
                uri: row.get("uri")?,
                object: post.uri.clone(),
                author: post.account,
            };
            jobs::enqueue(&mut tx, now, job).await?;
        }
    }
    tx.commit().await?;
    app.wake.notify_waiters();
    Ok(())
}

/// The id on the wire of a favourite, if there is one.
///
/// # Errors
/// What the database says.
pub async fn find_uri(
    conn: impl Conn,
    who: AccountId,
    post: PostId,
) -> sqlx::Result<Option<String>> {
    sql("SELECT uri FROM favourites WHERE account_id = $1 AND post_id = $2")
        .bind(who)
        .bind(post)
        .optional(conn)
        .await?
        .map(|row| row.get("uri"))
        .transpose()
}

/// The post a Like was for, by the Like's id and who sent it.
///
/// # Errors
/// What the database says.
pub async fn find_by_uri(
    conn: impl Conn,
    who: AccountId,
    uri: &str,
) -> sqlx::Result<Option<PostId>> {
    sql("SELECT post_id FROM favourites WHERE account_id = $1 AND uri = $2")
        .bind(who)
        .bind(uri)
        .optional(conn)
        .await?
        .map(|row| row.get("post_id"))
        .transpose()
}

/// Whose favourite of a post by this author has this id on the wire.
///
/// # Errors
/// What the database says.
pub async fn find_ours(app: &App, uri: &str, author: AccountId) -> Result<Option<(Account, Post)>> {
    let row = sql("SELECT favourites.account_id, favourites.post_id FROM favourites JOIN posts ON posts.id = favourites.post_id WHERE favourites.uri = $1 AND posts.account_id = $2")
        .bind(uri)
        .bind(author)
        .optional(&app.db)
        .await?;
    let Some(row) = row else { return Ok(None) };
    let who = crate::accounts::get(app, row.get("account_id")?).await?;
    let post = super::store::find(&app.db, row.get("post_id")?).await?;
    Ok(post.map(|post| (who, post)))
}

/// Who favourited a post, with the id to page by; the last first.
///
/// # Errors
/// What the database says.
pub async fn people(app: &App, post: PostId, window: Window) -> Result<Vec<(i64, Account)>> {
    let rows = sql(concat!("SELECT ", crate::account_columns!(), ", favourites.id AS row_id FROM favourites JOIN accounts ON accounts.id = favourites.account_id WHERE favourites.post_id = $1 AND accounts.deleted_at IS NULL AND favourites.id < $2 AND favourites.id > $3 ORDER BY favourites.id DESC LIMIT $4"))
        .bind(post)
        .within(window)
        .all(&app.db)
        .await?;
    Ok(rows
        .iter()
        .map(|row| Ok((row.get("row_id")?, crate::accounts::store::read(row)?)))
        .collect::<sqlx::Result<_>>()?)
}

/// What a member favourited and may still see, with the id to page by; the last first.
///
/// # Errors
/// What the database says.
pub async fn of_account(app: &App, member: &Account, window: Window) -> Result<Vec<(i64, Post)>> {
    let rows = sql(concat!("SELECT ", crate::post_columns!(), ", favourites.id AS row_id FROM favourites JOIN posts ON posts.id = favourites.post_id WHERE favourites.account_id = $1 AND ", crate::visible!(), " AND favourites.id < $3 AND favourites.id > $4 ORDER BY favourites.id DESC LIMIT $5"))
        .bind(member.id)
        .bind(app.clock.now())
        .within(window)
        .all(&app.db)
        .await?;
    Ok(rows
        .iter()
        .map(|row| Ok((row.get("row_id")?, super::store::read(row)?)))
        .collect::<sqlx::Result<_>>()?)
}
