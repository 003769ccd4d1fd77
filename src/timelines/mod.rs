//! Lists of posts: home, the house, a profile, a hashtag.

pub mod filters;
pub mod houses;
pub mod lists;
pub mod markers;
pub mod places;
pub mod tags;
pub mod web;

pub use tags::{NAMED, Tagged, tagged};

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
    let rows = bound(query, app, viewer, window).all(&app.db).await?;
    Ok(store::read_all(&rows)?)
}

/// Binds what every list has: `$1` the viewer, `$2` now, `$3` and `$4` the bounds, `$5` how many.
fn bound(query: Query, app: &App, viewer: Option<&Account>, window: Window) -> Query {
    query
        .bind(viewer.map_or(0, |viewer| viewer.id.0))
        .bind(app.clock.now())
        .within(window)
}

/// Up to so many posts, what belongs to a home timeline is gathered source by source (docs/decisions/0010).
const SPARSE: i64 = 5_000;

/// Everything that may belong to a home timeline within the bounds, by the indexes of its sources.
#[macro_export]
macro_rules! home_sources {
    () => {
        "SELECT posts.id FROM follows CROSS JOIN posts WHERE follows.follower_id = $1 AND follows.accepted_at IS NOT NULL AND posts.account_id = follows.followee_id AND posts.id < $3 AND posts.id > $4 UNION ALL SELECT posts.id FROM posts WHERE posts.account_id = $1 AND posts.id < $3 AND posts.id > $4 UNION ALL SELECT post_tags.post_id FROM followed_tags CROSS JOIN post_tags WHERE followed_tags.account_id = $1 AND post_tags.tag = followed_tags.tag AND post_tags.post_id < $3 AND post_tags.post_id > $4"
    };
}

/// What belongs to a home timeline, as a condition on `posts`.
#[macro_export]
macro_rules! at_home {
    () => {
        concat!(
            "(posts.account_id = $1 OR posts.account_id IN (SELECT followee_id FROM follows WHERE follower_id = $1 AND accepted_at IS NOT NULL) OR (posts.audience = 'public' AND posts.boost_of_id IS NULL AND EXISTS (SELECT 1 FROM post_tags JOIN followed_tags ON followed_tags.tag = post_tags.tag WHERE post_tags.post_id = posts.id AND followed_tags.account_id = $1))) AND ",
            $crate::visible!(),
            " AND (posts.boost_of_id IS NULL OR NOT EXISTS (SELECT 1 FROM follows WHERE follows.follower_id = $1 AND follows.followee_id = posts.account_id AND follows.boosts = 0)) AND (posts.language IS NULL OR NOT EXISTS (SELECT 1 FROM follows WHERE follows.follower_id = $1 AND follows.followee_id = posts.account_id AND follows.languages <> '' AND follows.languages NOT LIKE '%,' || posts.language || ',%')) AND NOT EXISTS (SELECT 1 FROM list_members JOIN lists ON lists.id = list_members.list_id WHERE lists.account_id = $1 AND lists.exclusive = 1 AND list_members.account_id = posts.account_id) AND ",
            $crate::wanted!()
        )
    };
}

/// What a member and those they follow wrote and boosted, without muted people and nodes. What others write to them
/// alone is among their conversations.
///
/// # Errors
/// What the database says.
pub async fn home(app: &App, member: &Account, window: Window) -> Result<Vec<Post>> {
    // Whoever follows much has a page full after a few steps back in time; whoever follows little would walk far.
    let query = if is_sparse(app, member, window).await? {
        sql(concat!(
            "SELECT ",
            crate::post_columns!(),
            " FROM (SELECT DISTINCT id FROM (",
            crate::home_sources!(),
            ") AS every_source) AS near CROSS JOIN posts WHERE posts.id = near.id AND ",
            crate::at_home!(),
            " ORDER BY posts.id DESC LIMIT $5"
        ))
    } else {
        sql(concat!(
            "SELECT ",
            crate::post_columns!(),
            " FROM posts WHERE ",
            crate::at_home!(),
            " AND posts.id < $3 AND posts.id > $4 ORDER BY posts.id DESC LIMIT $5"
        ))
    };
    list(app, query, Some(member), window).await
}

/// Whether little within the bounds may belong to a member's home timeline.
async fn is_sparse(app: &App, member: &Account, window: Window) -> Result<bool> {
    // A stream asks about one post.
    if window.before.saturating_sub(window.after) <= 2 {
        return Ok(false);
    }
    let count = sql(concat!(
        "SELECT COUNT(*) AS n FROM (SELECT id FROM (",
        crate::home_sources!(),
        ") AS every_source WHERE $2 = $2 LIMIT $5) AS bounded"
    ));
    let most = Window {
        limit: SPARSE,
        oldest_first: false,
        ..window
    };
    let row = bound(count, app, Some(member), most).one(&app.db).await?;
    Ok(row.get::<i64>("n")? < SPARSE)
}

/// What the house's members wrote for everyone; answers to others left out.
///
/// # Errors
/// What the database says.
pub async fn local(app: &App, viewer: Option<&Account>, window: Window) -> Result<Vec<Post>> {
    let query = sql(concat!(
        "SELECT ",
        crate::post_columns!(),
        " FROM posts WHERE posts.is_local = 1 AND posts.audience = 'public' AND posts.boost_of_id IS NULL AND posts.in_reply_to_uri IS NULL AND NOT EXISTS (SELECT 1 FROM accounts WHERE accounts.id = posts.account_id AND accounts.deleted_at IS NOT NULL) AND ",
        crate::visible!(),
        " AND ",
        crate::wanted!(),
        " AND ",
        crate::heard!(),
        " AND posts.id < $3 AND posts.id > $4 ORDER BY posts.id DESC LIMIT $5"
    ));
    list(app, query, viewer, window).await
}

/// Which public posts are asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Wished {
    /// Those of the house only.
    pub local: bool,
    /// Those of elsewhere only.
    pub remote: bool,
    /// Those with pictures or other files only.
    pub media: bool,
}

/// What is known here and was written for everyone; answers left out.
///
/// # Errors
/// What the database says.
pub async fn public(
    app: &App,
    viewer: Option<&Account>,
    wished: Wished,
    window: Window,
) -> Result<Vec<Post>> {
    if wished.local && !wished.media {
        return local(app, viewer, window).await;
    }
    let query = sql(concat!(
        "SELECT ",
        crate::post_columns!(),
        " FROM posts JOIN accounts ON accounts.id = posts.account_id WHERE posts.audience = 'public' AND posts.boost_of_id IS NULL AND posts.in_reply_to_uri IS NULL AND accounts.deleted_at IS NULL AND ($6 = 0 OR accounts.kind = 'local') AND ($7 = 0 OR accounts.kind = 'remote') AND ($8 = 0 OR EXISTS (SELECT 1 FROM media WHERE media.post_id = posts.id)) AND ",
        crate::visible!(),
        " AND ",
        crate::wanted!(),
        " AND ",
        crate::heard!(),
        " AND posts.id < $3 AND posts.id > $4 ORDER BY posts.id DESC LIMIT $5"
    ));
    let rows = bound(query, app, viewer, window)
        .bind(wished.local)
        .bind(wished.remote)
        .bind(wished.media)
        .all(&app.db)
        .await?;
    Ok(store::read_all(&rows)?)
}

/// Direct posts to and by a member.
///
/// # Errors
/// What the database says.
pub async fn direct(app: &App, member: &Account, window: Window) -> Result<Vec<Post>> {
    let query = sql(concat!(
        "SELECT ",
        crate::post_columns!(),
        " FROM posts WHERE posts.audience = 'people' AND (posts.account_id = $1 OR EXISTS (SELECT 1 FROM post_people WHERE post_people.post_id = posts.id AND post_people.account_id = $1)) AND ",
        crate::visible!(),
        " AND ",
        crate::wanted!(),
        " AND posts.id < $3 AND posts.id > $4 ORDER BY posts.id DESC LIMIT $5"
    ));
    list(app, query, Some(member), window).await
}

/// Which posts of an account are asked for.
#[derive(Clone, Debug, Default)]
pub struct Part {
    /// Those with pictures or other files only.
    pub media: bool,
    /// Without answers to others.
    pub no_replies: bool,
    /// Without boosts.
    pub no_boosts: bool,
    /// Those with this hashtag only; with any where it is empty.
    pub tag: String,
}

/// Some of what an account wrote and boosted, as far as the viewer may see it.
///
/// # Errors
/// What the database says.
pub async fn part_of_account(
    app: &App,
    viewer: Option<&Account>,
    account: AccountId,
    part: &Part,
    window: Window,
) -> Result<Vec<Post>> {
    let query = sql(concat!(
        "SELECT ",
        crate::post_columns!(),
        " FROM posts WHERE posts.account_id = $6 AND ($7 = 0 OR EXISTS (SELECT 1 FROM media WHERE media.post_id = posts.id)) AND ($8 = 0 OR posts.in_reply_to_uri IS NULL OR EXISTS (SELECT 1 FROM posts parent WHERE parent.id = posts.in_reply_to_id AND parent.account_id = posts.account_id)) AND ($9 = 0 OR posts.boost_of_id IS NULL) AND ($10 = '' OR EXISTS (SELECT 1 FROM post_tags WHERE post_tags.post_id = posts.id AND post_tags.tag = $10)) AND ",
        crate::visible!(),
        " AND posts.id < $3 AND posts.id > $4 ORDER BY posts.id DESC LIMIT $5"
    ));
    let rows = bound(query, app, viewer, window)
        .bind(account)
        .bind(part.media)
        .bind(part.no_replies)
        .bind(part.no_boosts)
        .bind(&part.tag)
        .all(&app.db)
        .await?;
    Ok(store::read_all(&rows)?)
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
    let query = sql(concat!(
        "SELECT ",
        crate::post_columns!(),
        " FROM posts WHERE ",
        crate::visible!(),
        " AND posts.id < $3 AND posts.id > $4 AND posts.account_id = $6 ORDER BY posts.id DESC LIMIT $5"
    ));
    let query = bound(query, app, viewer, window).bind(account);
    let rows = query.all(&app.db).await?;
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

/// The public posts of the last three days that were favourited and boosted most.
///
/// # Errors
/// What the database says.
pub async fn trending(
    app: &App,
    viewer: Option<&Account>,
    (limit, offset): (i64, i64),
) -> Result<Vec<Post>> {
    let since = app
        .clock
        .now()
        .minus(std::time::Duration::from_secs(3 * 86_400));
    let rows = sql(concat!("SELECT ", crate::post_columns!(), " FROM posts WHERE posts.id > $3 AND posts.audience = 'public' AND posts.boost_of_id IS NULL AND posts.in_reply_to_uri IS NULL AND posts.favourites_count + posts.boosts_count > 0 AND ", crate::visible!(), " AND ", crate::wanted!(),
        " AND ",
        crate::heard!(), " ORDER BY posts.favourites_count + 2 * posts.boosts_count DESC, posts.id DESC LIMIT $4 OFFSET $5"))
        .bind(viewer.map_or(0, |viewer| viewer.id.0))
        .bind(app.clock.now())
        .bind(crate::kernel::id::first_of(since))
        .bind(limit)
        .bind(offset)
        .all(&app.db)
        .await?;
    Ok(store::read_all(&rows)?)
}

/// The newest post of an account with a sound in it, as far as the viewer may see it; at most one.
///
/// # Errors
/// What the database says.
pub async fn newest_sound(
    app: &App,
    viewer: Option<&Account>,
    account: AccountId,
) -> Result<Vec<Post>> {
    let query = sql(concat!(
        "SELECT ",
        crate::post_columns!(),
        " FROM posts WHERE posts.account_id = $6 AND posts.boost_of_id IS NULL AND EXISTS (SELECT 1 FROM media WHERE media.post_id = posts.id AND media.kind = 'audio') AND ",
        crate::visible!(),
        " AND posts.id < $3 AND posts.id > $4 ORDER BY posts.id DESC LIMIT $5"
    ));
    let query = bound(query, app, viewer, Window::newest(1)).bind(account);
    let rows = query.all(&app.db).await?;
    Ok(store::read_all(&rows)?)
}

/// How many posts an account wrote for its followers alone.
///
/// # Errors
/// What the database says.
pub async fn count_for_followers(app: &App, account: AccountId) -> Result<i64> {
    Ok(
        sql("SELECT COUNT(*) AS n FROM posts WHERE account_id = $1 AND audience = 'followers'")
            .bind(account)
            .one(&app.db)
            .await?
            .get("n")?,
    )
}
