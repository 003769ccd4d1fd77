//! Finding people and hashtags that are known here.

pub mod web;

use crate::accounts::{Account, store as account_store};
use crate::app::App;
use crate::error::Result;
use crate::kernel::db::sql;
use crate::kernel::text::fold_tag;

/// The end of every text that begins with another: no sign stands behind this one.
const LAST_SIGN: char = '\u{10ffff}';

/// People whose name begins so, those the viewer follows first; a handle's domain must begin so too.
///
/// # Errors
/// What the database says.
pub async fn people(
    app: &App,
    viewer: Option<&Account>,
    text: &str,
    following: bool,
    (limit, offset): (i64, i64),
) -> Result<Vec<Account>> {
    let text = text.trim().trim_start_matches('@').to_lowercase();
    let (name, domain) = text.split_once('@').unwrap_or((&text, ""));
    if name.is_empty() {
        return Ok(Vec::new());
    }
    let rows = sql(concat!("SELECT ", crate::account_columns!(), " FROM accounts WHERE name_key >= $1 AND name_key < $2 AND domain >= $3 AND domain < $4 AND kind IN ('local', 'remote') AND deleted_at IS NULL AND disabled_at IS NULL AND NOT EXISTS (SELECT 1 FROM blocks WHERE blocks.account_id = accounts.id AND blocks.target_id = $5) AND ($6 = 0 OR EXISTS (SELECT 1 FROM follows WHERE follows.follower_id = $5 AND follows.followee_id = accounts.id AND follows.accepted_at IS NOT NULL)) ORDER BY CASE WHEN EXISTS (SELECT 1 FROM follows WHERE follows.follower_id = $5 AND follows.followee_id = accounts.id) THEN 0 ELSE 1 END, CASE WHEN kind = 'local' THEN 0 ELSE 1 END, followers_count DESC, id LIMIT $7 OFFSET $8"))
        .bind(name)
        .bind(format!("{name}{LAST_SIGN}"))
        .bind(domain)
        .bind(format!("{domain}{LAST_SIGN}"))
        .bind(viewer.map_or(0, |viewer| viewer.id.0))
        .bind(following)
        .bind(limit)
        .bind(offset)
        .all(&app.db)
        .await?;
    Ok(account_store::read_all(&rows)?)
}

/// Hashtags that begin so and stand in public posts, the most used first.
///
/// # Errors
/// What the database says.
pub async fn tags(app: &App, text: &str, limit: i64, offset: i64) -> Result<Vec<String>> {
    let text = fold_tag(text.trim());
    if text.is_empty() {
        return Ok(Vec::new());
    }
    let rows = sql("SELECT post_tags.tag FROM post_tags JOIN posts ON posts.id = post_tags.post_id WHERE post_tags.tag >= $1 AND post_tags.tag < $2 AND posts.audience = 'public' GROUP BY post_tags.tag ORDER BY COUNT(*) DESC, post_tags.tag LIMIT $3 OFFSET $4")
        .bind(&text)
        .bind(format!("{text}{LAST_SIGN}"))
        .bind(limit)
        .bind(offset)
        .all(&app.db)
        .await?;
    Ok(rows
        .iter()
        .map(|row| row.get("tag"))
        .collect::<sqlx::Result<_>>()?)
}

/// People the host and the fans know who want to be found and whom the member does not follow yet.
///
/// # Errors
/// What the database says.
pub async fn suggestions(app: &App, member: &Account, limit: i64) -> Result<Vec<Account>> {
    let rows = sql(concat!("SELECT ", crate::account_columns!(), " FROM accounts WHERE (discoverable = 1 OR (kind = 'local' AND role = 'host')) AND kind IN ('local', 'remote') AND deleted_at IS NULL AND disabled_at IS NULL AND moved_to IS NULL AND id <> $1 AND NOT EXISTS (SELECT 1 FROM follows WHERE follower_id = $1 AND followee_id = accounts.id) AND NOT EXISTS (SELECT 1 FROM blocks WHERE (blocks.account_id = accounts.id AND blocks.target_id = $1) OR (blocks.account_id = $1 AND blocks.target_id = accounts.id)) AND NOT EXISTS (SELECT 1 FROM mutes WHERE mutes.account_id = $1 AND mutes.target_id = accounts.id) ORDER BY CASE WHEN role = 'host' AND kind = 'local' THEN 0 ELSE 1 END, followers_count DESC, id LIMIT $2"))
        .bind(member.id)
        .bind(limit)
        .all(&app.db)
        .await?;
    Ok(account_store::read_all(&rows)?)
}
