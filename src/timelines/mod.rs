//! Lists of posts: home, the house, a profile, a hashtag.

pub mod web;

use crate::accounts::Account;
use crate::app::App;
use crate::error::Result;
use crate::kernel::db::{Query, sql};
use crate::kernel::id::AccountId;
use crate::kernel::page::Window;
use crate::posts::{Post, store};

async fn list(
    app: &App,
    query: Query,
    viewer: Option<&Account>,
    window: Window,
) -> Result<Vec<Post>> {
    let rows = query
        .bind(viewer.map_or(0, |viewer| viewer.id.0))
        .bind(app.clock.now())
        .bind(window.before)
        .bind(window.after)
        .bind(window.limit)
        .all(&app.db)
        .await?;
    Ok(store::read_all(&rows)?)
}

/// What a member and those they follow wrote and boosted, without muted people and nodes.
///
/// # Errors
/// What the database says.
pub async fn home(app: &App, member: &Account, window: Window) -> Result<Vec<Post>> {
    let query = sql(concat!(
        "SELECT posts.* FROM posts WHERE (posts.account_id = $1 OR posts.account_id IN (SELECT followee_id FROM follows WHERE follower_id = $1 AND accepted_at IS NOT NULL) OR (posts.audience = 'people' AND EXISTS (SELECT 1 FROM post_people WHERE post_people.post_id = posts.id AND post_people.account_id = $1))) AND ",
        crate::visible!(),
        " AND NOT EXISTS (SELECT 1 FROM mutes WHERE mutes.account_id = $1 AND mutes.target_id = posts.account_id) AND NOT EXISTS (SELECT 1 FROM posts boosted WHERE boosted.id = posts.boost_of_id AND (EXISTS (SELECT 1 FROM mutes WHERE mutes.account_id = $1 AND mutes.target_id = boosted.account_id) OR EXISTS (SELECT 1 FROM blocks WHERE (blocks.account_id = $1 AND blocks.target_id = boosted.account_id) OR (blocks.account_id = boosted.account_id AND blocks.target_id = $1)))) AND NOT EXISTS (SELECT 1 FROM muted_nodes JOIN accounts author ON author.host = muted_nodes.host WHERE muted_nodes.account_id = $1 AND author.id = posts.account_id) AND posts.id < $3 AND posts.id > $4 ORDER BY posts.id DESC LIMIT $5"
    ));
    list(app, query, Some(member), window).await
}

/// What the house's members wrote for everyone; answers to others left out.
///
/// # Errors
/// What the database says.
pub async fn local(app: &App, viewer: Option<&Account>, window: Window) -> Result<Vec<Post>> {
    let query = sql(concat!(
        "SELECT posts.* FROM posts WHERE posts.audience = 'public' AND posts.boost_of_id IS NULL AND posts.in_reply_to_uri IS NULL AND posts.account_id IN (SELECT id FROM accounts WHERE kind = 'local' AND deleted_at IS NULL) AND ",
        crate::visible!(),
        " AND NOT EXISTS (SELECT 1 FROM mutes WHERE mutes.account_id = $1 AND mutes.target_id = posts.account_id) AND posts.id < $3 AND posts.id > $4 ORDER BY posts.id DESC LIMIT $5"
    ));
    list(app, query, viewer, window).await
}

/// What an account wrote and boosted, as far as the viewer may see it.
///
/// # Errors
/// What the database says.
pub async fn of_account(
    app: &App,
    viewer: Option<&Account>,
    account: AccountId,
    window: Window,
) -> Result<Vec<Post>> {
    let rows = sql(concat!(
        "SELECT posts.* FROM posts WHERE ",
        crate::visible!(),
        " AND posts.id < $3 AND posts.id > $4 AND posts.account_id = $5 ORDER BY posts.id DESC LIMIT $6"
    ))
    .bind(viewer.map_or(0, |viewer| viewer.id.0))
    .bind(app.clock.now())
    .bind(window.before)
    .bind(window.after)
    .bind(account)
    .bind(window.limit)
    .all(&app.db)
    .await?;
    Ok(store::read_all(&rows)?)
}

/// Public posts with a hashtag.
///
/// # Errors
/// What the database says.
pub async fn tagged(
    app: &App,
    viewer: Option<&Account>,
    tag: &str,
    window: Window,
) -> Result<Vec<Post>> {
    let rows = sql(concat!("SELECT posts.* FROM posts JOIN post_tags ON post_tags.post_id = posts.id WHERE post_tags.tag = $5 AND posts.audience = 'public' AND ", crate::visible!(), " AND posts.id < $3 AND posts.id > $4 ORDER BY posts.id DESC LIMIT $6"))
        .bind(viewer.map_or(0, |viewer| viewer.id.0))
        .bind(app.clock.now())
        .bind(window.before)
        .bind(window.after)
        .bind(tag)
        .bind(window.limit)
        .all(&app.db)
        .await?;
    Ok(store::read_all(&rows)?)
}

/// How many open posts and boosts an account has, for its outbox.
///
/// # Errors
/// What the database says.
pub async fn count_open(app: &App, account: AccountId) -> Result<i64> {
    Ok(
        sql("SELECT COUNT(*) AS n FROM posts WHERE account_id = $1 AND audience IN ('public', 'unlisted')")
            .bind(account)
            .one(&app.db)
            .await?
            .get("n")?,
    )
}
