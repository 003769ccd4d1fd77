//! Pictures, sound and video that hang on posts.

mod addresses;
mod animation;
mod colours;
mod decode;
pub mod files;
pub mod icon;
pub mod incoming;
mod item;
pub mod kinds;
pub mod pictures;
pub mod proxy;
pub mod sound;
pub mod upload;
pub mod video;
pub mod web;

pub use addresses::{SIGNED, key, opens, renew_addresses};
use item::read;
pub use item::{Media, Remote};

use crate::app::App;
use crate::error::{Error, Result};
use crate::kernel::clock::Time;
use crate::kernel::db::{Conn, Tx, ids, sql};
use crate::kernel::id::{AccountId, MediaId, PostId};

/// Whether one of several files waits for a look, as the scanner said.
///
/// # Errors
/// What the database says.
pub async fn any_suspect(app: &App, which: &[MediaId]) -> Result<bool> {
    let row = sql("SELECT id FROM media WHERE suspect = 1 AND id IN (SELECT value FROM json_each($1)) LIMIT 1")
        .bind(ids(which.iter().copied()))
        .optional(&app.db)
        .await?;
    Ok(row.is_some())
}

/// An upload of this account that stands in no post yet.
///
/// # Errors
/// `NotFound` when there is none.
pub async fn get(app: &App, account: AccountId, id: MediaId) -> Result<Media> {
    let row = sql(concat!(
        "SELECT ",
        crate::media_columns!(),
        " FROM media WHERE id = $1 AND account_id = $2 AND post_id IS NULL"
    ))
    .bind(id)
    .bind(account)
    .optional(&app.db)
    .await?;
    Ok(read(&row.ok_or(Error::NotFound)?)?)
}

/// An attachment of this account, whether it stands in a post or not.
///
/// # Errors
/// What the database says.
pub async fn find_own(app: &App, account: AccountId, id: MediaId) -> Result<Option<Media>> {
    let row = sql(concat!(
        "SELECT ",
        crate::media_columns!(),
        " FROM media WHERE id = $1 AND account_id = $2"
    ))
    .bind(id)
    .bind(account)
    .optional(&app.db)
    .await?;
    Ok(row.as_ref().map(read).transpose()?)
}

/// Keeps uploads that stand in no post yet until some time after a moment, for a post that is put off.
///
/// # Errors
/// What the database says.
pub async fn hold(
    tx: &mut Tx,
    account: AccountId,
    which: &[MediaId],
    until: Time,
) -> sqlx::Result<()> {
    sql("UPDATE media SET held_until = $1 WHERE account_id = $2 AND id IN (SELECT value FROM json_each($3))")
        .bind(until.plus(std::time::Duration::from_secs(86_400)))
        .bind(account)
        .bind(ids(which.iter().copied()))
        .run(tx)
        .await?;
    Ok(())
}

/// Whether a post that is put off waits for an upload.
///
/// # Errors
/// What the database says.
pub async fn is_held(app: &App, id: MediaId) -> Result<bool> {
    let row = sql("SELECT id FROM media WHERE id = $1 AND held_until > $2")
        .bind(id)
        .bind(app.clock.now())
        .optional(&app.db)
        .await?;
    Ok(row.is_some())
}

/// Removes an upload that stands in no post, with its files.
///
/// # Errors
/// What the database says.
pub async fn discard(app: &App, media: &Media) -> Result<()> {
    let touched = sql("DELETE FROM media WHERE id = $1 AND post_id IS NULL")
        .bind(media.id)
        .run(&app.db)
        .await?;
    if touched == 1 {
        for file in [&media.file, &media.preview].into_iter().flatten() {
            files::remove(app, file).await?;
        }
    }
    Ok(())
}

/// Makes these the attachments of an edited post: new ones come in, others are taken out, all in this order.
///
/// # Errors
/// `Invalid` when one is not the author's or stands in another post.
pub async fn rearrange(
    tx: &mut Tx,
    account: AccountId,
    post: PostId,
    which: &[MediaId],
) -> Result<()> {
    sql("UPDATE media SET post_id = NULL WHERE post_id = $1")
        .bind(post)
        .run(&mut *tx)
        .await?;
    attach(tx, account, post, which).await
}

/// What a file shows, in its author's words, and what of it must stay in view.
#[derive(Clone, Debug)]
pub struct Described {
    /// Which.
    pub id: MediaId,
    /// What it shows.
    pub description: String,
    /// Thousandths from the middle, right and up.
    pub focus: (i64, i64),
}

/// Describes an upload that stands in no post yet.
///
/// # Errors
/// What the database says.
pub async fn describe(app: &App, account: AccountId, described: &Described) -> Result<()> {
    write_description(&app.db, account, None, described).await
}

/// Describes a file of a post, together with what else is changed of it.
///
/// # Errors
/// What the database says.
pub async fn describe_in(
    tx: &mut Tx,
    account: AccountId,
    post: PostId,
    described: &Described,
) -> Result<()> {
    write_description(tx, account, Some(post), described).await
}

async fn write_description(
    conn: impl Conn,
    account: AccountId,
    post: Option<PostId>,
    described: &Described,
) -> Result<()> {
    sql("UPDATE media SET description = $1, focus_x = $2, focus_y = $3 WHERE id = $4 AND account_id = $5 AND COALESCE(post_id, 0) = $6")
        .bind(described.description.trim())
        .bind(described.focus.0.clamp(-1000, 1000))
        .bind(described.focus.1.clamp(-1000, 1000))
        .bind(described.id)
        .bind(account)
        .bind(post.map_or(0, |post| post.0))
        .run(conn)
        .await?;
    Ok(())
}

/// Puts uploads into a post, in order.
///
/// # Errors
/// `Invalid` when one is not the author's, stands in a post already or is not ready, and when a sound or a video
/// does not stand alone.
pub async fn attach(
    tx: &mut Tx,
    account: AccountId,
    post: PostId,
    which: &[MediaId],
) -> Result<()> {
    for (position, id) in (0_i64..).zip(which) {
        let touched = sql("UPDATE media SET post_id = $1, position = $2 WHERE id = $3 AND account_id = $4 AND post_id IS NULL")
            .bind(post)
            .bind(position)
            .bind(*id)
            .bind(account)
            .run(&mut *tx)
            .await?;
        if touched != 1 {
            return Err(Error::invalid("media", "error-media-gone"));
        }
    }
    let waits = sql("SELECT id FROM media WHERE post_id = $1 AND processing > 0")
        .bind(post)
        .optional(&mut *tx)
        .await?;
    if waits.is_some() {
        return Err(Error::invalid("media", "error-media-processing"));
    }
    // A music post has exactly one attachment: other programs play it only so.
    let loud = sql("SELECT id FROM media WHERE post_id = $1 AND kind <> 'image' LIMIT 1")
        .bind(post)
        .optional(&mut *tx)
        .await?;
    if loud.is_some() && which.len() > 1 {
        return Err(Error::invalid("media", "error-media-mixed"));
    }
    Ok(())
}

/// Writes the attachments of a remote post anew.
///
/// # Errors
/// What the database says.
pub async fn replace_remote(
    tx: &mut Tx,
    account: AccountId,
    post: PostId,
    media: &[Remote],
    now: Time,
) -> sqlx::Result<()> {
    sql("DELETE FROM media WHERE post_id = $1")
        .bind(post)
        .run(&mut *tx)
        .await?;
    for (position, item) in (0_i64..).zip(media) {
        sql("INSERT INTO media (id, account_id, post_id, position, kind, media_type, remote_url, icon_url, width, height, duration_ms, blurhash, description, focus_x, focus_y, created_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)")
            .bind(MediaId::mint(now))
            .bind(account)
            .bind(post)
            .bind(position)
            .bind(item.kind)
            .bind(&item.media_type)
            .bind(&item.url)
            .bind(item.icon_url.clone())
            .bind(item.size.map(|(width, _)| width))
            .bind(item.size.map(|(_, height)| height))
            .bind(item.duration_ms)
            .bind(item.blurhash.clone())
            .bind(&item.description)
            .bind(item.focus.0)
            .bind(item.focus.1)
            .bind(now)
            .run(&mut *tx)
            .await?;
    }
    Ok(())
}

/// The attachments of a post, in order.
///
/// # Errors
/// What the database says.
pub async fn of_post(app: &App, post: PostId) -> Result<Vec<Media>> {
    of_posts(app, &[post]).await
}

/// The attachments of several posts, in order.
///
/// # Errors
/// What the database says.
pub async fn of_posts(app: &App, posts: &[PostId]) -> Result<Vec<Media>> {
    if posts.is_empty() {
        return Ok(Vec::new());
    }
    let rows = sql(concat!(
        "SELECT ",
        crate::media_columns!(),
        " FROM media WHERE post_id IN (SELECT value FROM json_each($1)) ORDER BY post_id, position"
    ))
    .bind(ids(posts.iter().copied()))
    .all(&app.db)
    .await?;
    Ok(rows.iter().map(read).collect::<sqlx::Result<_>>()?)
}

/// The attachment a file of ours belongs to, if any.
///
/// # Errors
/// What the database says.
pub async fn find_by_file(app: &App, file: &str) -> Result<Option<Media>> {
    let row = sql(concat!(
        "SELECT ",
        crate::media_columns!(),
        " FROM media WHERE file = $1 UNION ALL SELECT ",
        crate::media_columns!(),
        " FROM media WHERE preview = $1 LIMIT 1"
    ))
    .bind(file)
    .optional(&app.db)
    .await?;
    Ok(row.as_ref().map(read).transpose()?)
}

/// Whether a file is the picture of a profile.
///
/// # Errors
/// What the database says.
pub async fn is_on_a_profile(app: &App, file: &str) -> Result<bool> {
    let row = sql("SELECT id FROM accounts WHERE avatar = $1 UNION ALL SELECT id FROM accounts WHERE header = $1 LIMIT 1")
        .bind(file)
        .optional(&app.db)
        .await?;
    Ok(row.is_some())
}

/// Removes uploads that stood in no post for a day, with their files.
///
/// # Errors
/// What the database says.
pub async fn sweep(app: &App) -> Result<()> {
    let before = app
        .clock
        .now()
        .minus(std::time::Duration::from_secs(86_400));
    let rows =
        sql("DELETE FROM media WHERE post_id IS NULL AND created_at < $1 AND held_until < $2 RETURNING file, preview")
            .bind(before)
            .bind(app.clock.now())
            .all(&app.db)
            .await?;
    for row in rows {
        for name in ["file", "preview"] {
            if let Some(file) = row.get::<Option<String>>(name)?
                && let Err(error) = files::remove(app, &file).await
            {
                tracing::warn!(file, %error, "a file of an upload that was left could not be removed yet");
            }
        }
    }
    Ok(())
}
