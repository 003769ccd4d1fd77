//! The many houses on one page: whom a member follows, with what is new in each.

use super::markers;
use crate::accounts::{Account, store as account_store};
use crate::app::App;
use crate::error::Result;
use crate::kernel::db::sql;
use crate::kernel::id::PostId;
use crate::posts;
use crate::posts::view::{self, View};

/// The name under which it is kept how far a member has looked.
const MARKER: &str = "houses";

/// A house a member follows.
#[derive(Debug)]
pub struct House {
    /// Whose it is.
    pub account: Account,
    /// Posts since the member last looked.
    pub fresh: i64,
    /// Its newest post, where it can be seen.
    pub newest: Option<View>,
}

/// The houses a member follows, those with something new first; at most a hundred. Looking marks them as seen.
///
/// # Errors
/// What the database says.
pub async fn list(app: &App, member: &Account) -> Result<Vec<House>> {
    let seen = markers::list(app, member.id).await?;
    let seen = seen.iter().find(|marker| marker.timeline == MARKER);
    let rows = sql(concat!("SELECT ", crate::account_columns!(), ", (SELECT MAX(posts.id) FROM posts WHERE posts.account_id = accounts.id AND posts.boost_of_id IS NULL AND posts.in_reply_to_uri IS NULL AND posts.audience IN ('public', 'unlisted', 'followers')) AS newest_id, (SELECT COUNT(*) FROM posts WHERE posts.account_id = accounts.id AND posts.id > $2 AND posts.boost_of_id IS NULL AND posts.in_reply_to_uri IS NULL AND posts.audience IN ('public', 'unlisted', 'followers')) AS fresh FROM follows JOIN accounts ON accounts.id = follows.followee_id WHERE follows.follower_id = $1 AND follows.accepted_at IS NOT NULL AND accounts.deleted_at IS NULL ORDER BY newest_id DESC NULLS LAST, accounts.id LIMIT 100"))
        .bind(member.id)
        .bind(seen.map_or(0, |marker| marker.last_read))
        .all(&app.db)
        .await?;
    let mut houses = Vec::new();
    for row in &rows {
        let newest: Option<PostId> = row.get("newest_id")?;
        houses.push((account_store::read(row)?, row.get("fresh")?, newest));
    }
    let which: Vec<PostId> = houses.iter().filter_map(|(_, _, newest)| *newest).collect();
    let found = posts::several_for(app, Some(member), &which).await?;
    let mut views = view::load(app, Some(member), &found).await?;
    if let Some(newest) = which.iter().max() {
        markers::set(app, member.id, MARKER, newest.0).await?;
    }
    let mut take = |id: Option<PostId>| {
        let at = views.iter().position(|view| Some(view.post.id) == id)?;
        Some(views.swap_remove(at))
    };
    Ok(houses
        .into_iter()
        .map(|(account, fresh, newest)| House {
            account,
            fresh,
            newest: take(newest),
        })
        .collect())
}
