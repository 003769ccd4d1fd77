//! Hashtags: their posts, followed, featured, and how much they are used.

use std::time::Duration;

use super::{Wished, bound};
use crate::accounts::Account;
use crate::app::App;
use crate::error::{Error, Result};
use crate::kernel::clock::Time;
use crate::kernel::db::sql;
use crate::kernel::id::{self, AccountId};
use crate::kernel::page::Window;
use crate::kernel::text::fold_tag;
use crate::posts::{Post, store};

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

/// The hashtags an account used most in its open posts of the last half year and does not show on its profile; ten.
///
/// # Errors
/// What the database says.
pub async fn used_by(app: &App, account: AccountId) -> Result<Vec<String>> {
    let since = app.clock.now().minus(Duration::from_secs(182 * 86_400));
    let rows = sql("SELECT post_tags.tag FROM posts CROSS JOIN post_tags WHERE post_tags.post_id = posts.id AND posts.account_id = $1 AND posts.id > $2 AND posts.audience IN ('public', 'unlisted') AND post_tags.tag NOT IN (SELECT tag FROM featured_tags WHERE account_id = $1) GROUP BY post_tags.tag ORDER BY COUNT(*) DESC, post_tags.tag LIMIT 10")
        .bind(account)
        .bind(id::first_of(since))
        .all(&app.db)
        .await?;
    Ok(rows
        .iter()
        .map(|row| row.get("tag"))
        .collect::<sqlx::Result<_>>()?)
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

/// Most hashtags in each list of a wish.
pub const NAMED: usize = 4;

/// Which posts with hashtags are wished for.
#[derive(Clone, Debug, Default)]
pub struct Tagged {
    /// With one of these, in the folded form.
    pub any: Vec<String>,
    /// With each of these too, up to [`NAMED`].
    pub all: Vec<String>,
    /// With none of these, up to [`NAMED`].
    pub none: Vec<String>,
    /// Of whom, and with what.
    pub wished: Wished,
}

impl Tagged {
    /// With one hashtag.
    pub fn of(tag: &str) -> Self {
        Self {
            any: vec![tag.to_owned()],
            ..Self::default()
        }
    }
}

/// Public posts by their hashtags.
///
/// # Errors
/// What the database says.
pub async fn tagged(
    app: &App,
    viewer: Option<&Account>,
    wish: &Tagged,
    window: Window,
) -> Result<Vec<Post>> {
    let mut found = Vec::new();
    // Each of them is read from its end, so that the cost does not grow with the table.
    for tag in &wish.any {
        found.extend(of_tag(app, viewer, tag, wish, window).await?);
    }
    if wish.any.len() > 1 {
        found.sort_by_key(|post: &Post| post.id);
        found.dedup_by_key(|post| post.id);
        if !window.oldest_first {
            found.reverse();
        }
        found.truncate(usize::try_from(window.limit).unwrap_or(usize::MAX));
    }
    Ok(found)
}

async fn of_tag(
    app: &App,
    viewer: Option<&Account>,
    tag: &str,
    wish: &Tagged,
    window: Window,
) -> Result<Vec<Post>> {
    let query = sql(concat!(
        "SELECT ",
        crate::post_columns!(),
        " FROM posts JOIN post_tags ON post_tags.post_id = posts.id WHERE post_tags.tag = $6 AND posts.audience = 'public' AND ($7 = 0 OR posts.account_id IN (SELECT id FROM accounts WHERE kind = 'local')) AND ($8 = 0 OR posts.account_id IN (SELECT id FROM accounts WHERE kind = 'remote')) AND ($9 = 0 OR EXISTS (SELECT 1 FROM media WHERE media.post_id = posts.id)) AND (CAST($10 AS BIGINT) = 0 OR (SELECT COUNT(*) FROM post_tags AS others WHERE others.post_id = posts.id AND others.tag IN ($11, $12, $13, $14)) = CAST($10 AS BIGINT)) AND NOT EXISTS (SELECT 1 FROM post_tags AS others WHERE others.post_id = posts.id AND others.tag IN ($15, $16, $17, $18)) AND ",
        crate::visible!(),
        " AND ",
        crate::wanted!(),
        " AND ",
        crate::heard!(),
        " AND posts.id < $3 AND posts.id > $4 ORDER BY posts.id DESC LIMIT $5"
    ));
    let all = wish.all.iter().take(NAMED);
    let mut query = bound(query, app, viewer, window)
        .bind(tag)
        .bind(wish.wished.local)
        .bind(wish.wished.remote)
        .bind(wish.wished.media)
        .bind(i64::try_from(all.len()).unwrap_or(0));
    // No hashtag is empty.
    for list in [&wish.all, &wish.none] {
        for at in 0..NAMED {
            query = query.bind(list.get(at).map_or("", String::as_str));
        }
    }
    let rows = query.all(&app.db).await?;
    Ok(store::read_all(&rows)?)
}
