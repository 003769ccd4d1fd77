//! Hashtags: followed, featured, and how much they are used.

use std::time::Duration;

use crate::app::App;
use crate::error::{Error, Result};
use crate::kernel::clock::Time;
use crate::kernel::db::sql;
use crate::kernel::id::{self, AccountId};
use crate::kernel::page::Window;
use crate::kernel::text::fold_tag;

/// How a hashtag was used on one day.
#[derive(Clone, Copy, Debug)]
pub struct Day {
    /// When the day began.
    pub at: Time,
    /// In how many posts.
    pub posts: i64,
    /// By how many people.
    pub people: i64,
}

/// A hashtag somebody shows on their profile.
#[derive(Clone, Debug)]
pub struct Featured {
    /// Its id.
    pub id: i64,
    /// The hashtag, folded.
    pub tag: String,
    /// In how many open posts of theirs.
    pub posts: i64,
    /// When it was last used in one.
    pub last_at: Option<Time>,
}

/// A hashtag as it is kept, where it is one.
///
/// # Errors
/// `Invalid` for what is none.
pub fn sound(tag: &str) -> Result<String> {
    let tag = fold_tag(tag);
    let fits = !tag.is_empty()
        && tag.chars().count() <= 100
        && tag
            .chars()
            .all(|c| c.is_alphanumeric() || c == '_' || c == '·');
    if fits {
        Ok(tag)
    } else {
        Err(Error::invalid("name", "error-tag"))
    }
}

/// Follows a hashtag, or no longer.
///
/// # Errors
/// `Invalid` for what is none.
pub async fn set_followed(app: &App, member: AccountId, tag: &str, wanted: bool) -> Result<()> {
    let tag = sound(tag)?;
    if wanted {
        sql("INSERT INTO followed_tags (id, account_id, tag) VALUES ($1, $2, $3) ON CONFLICT (account_id, tag) DO NOTHING")
            .bind(id::mint(app.clock.now()))
            .bind(member)
            .bind(tag)
            .run(&app.db)
            .await?;
    } else {
        sql("DELETE FROM followed_tags WHERE account_id = $1 AND tag = $2")
            .bind(member)
            .bind(tag)
            .run(&app.db)
            .await?;
    }
    Ok(())
}

/// The hashtags a member follows, with the id of each follow.
///
/// # Errors
/// What the database says.
pub async fn followed(app: &App, member: AccountId, window: Window) -> Result<Vec<(i64, String)>> {
    let rows = sql("SELECT id, tag FROM followed_tags WHERE account_id = $1 AND id < $2 AND id > $3 ORDER BY id DESC LIMIT $4")
        .bind(member)
        .within(window)
        .all(&app.db)
        .await?;
    Ok(rows
        .iter()
        .map(|row| Ok((row.get("id")?, row.get("tag")?)))
        .collect::<sqlx::Result<_>>()?)
}

/// Whether a member follows a hashtag.
///
/// # Errors
/// What the database says.
pub async fn is_followed(app: &App, member: AccountId, tag: &str) -> Result<bool> {
    let row = sql("SELECT id FROM followed_tags WHERE account_id = $1 AND tag = $2")
        .bind(member)
        .bind(fold_tag(tag))
        .optional(&app.db)
        .await?;
    Ok(row.is_some())
}

/// How a hashtag was used in public posts on each of the last seven days, the newest first.
///
/// # Errors
/// What the database says.
pub async fn history(app: &App, tag: &str) -> Result<Vec<Day>> {
    const DAY: u64 = 86_400;
    let today = app.clock.now().seconds().div_euclid(86_400) * 86_400_000;
    let mut days = Vec::new();
    for back in 0..7 {
        let from = Time(today).minus(Duration::from_secs(back * DAY));
        let row = sql("SELECT COUNT(*) AS posts, COUNT(DISTINCT posts.account_id) AS people FROM post_tags JOIN posts ON posts.id = post_tags.post_id WHERE post_tags.tag = $1 AND posts.audience = 'public' AND posts.created_at >= $2 AND posts.created_at < $3")
            .bind(fold_tag(tag))
            .bind(from)
            .bind(from.plus(Duration::from_secs(DAY)))
            .one(&app.db)
            .await?;
        days.push(Day {
            at: from,
            posts: row.get("posts")?,
            people: row.get("people")?,
        });
    }
    Ok(days)
}

/// The hashtags most people used in public posts of the last week.
///
/// # Errors
/// What the database says.
pub async fn trending(app: &App, limit: i64, offset: i64) -> Result<Vec<String>> {
    let week = app.clock.now().minus(Duration::from_secs(7 * 86_400));
    let rows = sql("SELECT post_tags.tag FROM posts CROSS JOIN post_tags WHERE post_tags.post_id = posts.id AND posts.audience = 'public' AND posts.id > $1 GROUP BY post_tags.tag ORDER BY COUNT(DISTINCT posts.account_id) DESC, COUNT(*) DESC, post_tags.tag LIMIT $2 OFFSET $3")
        .bind(id::first_of(week))
        .bind(limit)
        .bind(offset)
        .all(&app.db)
        .await?;
    Ok(rows
        .iter()
        .map(|row| row.get("tag"))
        .collect::<sqlx::Result<_>>()?)
}

/// The hashtags somebody shows on their profile.
///
/// # Errors
/// What the database says.
pub async fn featured(app: &App, account: AccountId) -> Result<Vec<Featured>> {
    let rows = sql("SELECT featured_tags.id, featured_tags.tag, (SELECT COUNT(*) FROM post_tags JOIN posts ON posts.id = post_tags.post_id WHERE post_tags.tag = featured_tags.tag AND posts.account_id = $1 AND posts.audience IN ('public', 'unlisted')) AS posts, (SELECT MAX(posts.created_at) FROM post_tags JOIN posts ON posts.id = post_tags.post_id WHERE post_tags.tag = featured_tags.tag AND posts.account_id = $1 AND posts.audience IN ('public', 'unlisted')) AS last_at FROM featured_tags WHERE account_id = $1 ORDER BY id LIMIT 20")
        .bind(account)
        .all(&app.db)
        .await?;
    let read = |row: &crate::kernel::db::Row| {
        Ok(Featured {
            id: row.get("id")?,
            tag: row.get("tag")?,
            posts: row.get("posts")?,
            last_at: row.get("last_at")?,
        })
    };
    Ok(rows.iter().map(read).collect::<sqlx::Result<_>>()?)
}

/// Shows a hashtag on the member's profile; at most ten.
///
/// # Errors
/// `Invalid` for what is none, and beyond ten.
pub async fn feature(app: &App, member: AccountId, tag: &str) -> Result<Featured> {
    let tag = sound(tag)?;
    let known = featured(app, member).await?;
    if known.len() >= 10 && !known.iter().any(|one| one.tag == tag) {
        return Err(Error::invalid_with("name", "error-too-many", 10));
    }
    sql("INSERT INTO featured_tags (id, account_id, tag) VALUES ($1, $2, $3) ON CONFLICT (account_id, tag) DO NOTHING")
        .bind(id::mint(app.clock.now()))
        .bind(member)
        .bind(&tag)
        .run(&app.db)
        .await?;
    let all = featured(app, member).await?;
    all.into_iter()
        .find(|one| one.tag == tag)
        .ok_or(Error::NotFound)
}

/// Shows a hashtag no longer.
///
/// # Errors
/// `NotFound` when it was not shown.
pub async fn unfeature(app: &App, member: AccountId, id: i64) -> Result<()> {
    let touched = sql("DELETE FROM featured_tags WHERE id = $1 AND account_id = $2")
        .bind(id)
        .bind(member)
        .run(&app.db)
        .await?;
    if touched == 1 {
        Ok(())
    } else {
        Err(Error::NotFound)
    }
}
