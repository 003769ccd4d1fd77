//! Figures of the house: how many, never who.

use std::time::Duration;

use crate::app::App;
use crate::error::Result;
use crate::kernel::db::sql;
use crate::kernel::id::first_of;

/// A figure: the message that names it, how many there are, and how many came within a week where that can be told.
pub type Figure = (&'static str, i64, Option<i64>);

/// The figures as they stand.
///
/// # Errors
/// What the database says.
pub async fn all(app: &App) -> Result<Vec<Figure>> {
    let now = app.clock.now();
    let week = now.minus(Duration::from_secs(7 * 86_400));
    let row = sql("SELECT (SELECT COUNT(*) FROM accounts WHERE kind = 'local' AND deleted_at IS NULL) AS members, (SELECT COUNT(*) FROM accounts WHERE kind = 'local' AND deleted_at IS NULL AND created_at > $1) AS new_members, (SELECT COUNT(*) FROM follows JOIN accounts ON accounts.id = follows.followee_id WHERE accounts.kind = 'local' AND accounts.role = 'host' AND follows.accepted_at IS NOT NULL) AS followers, (SELECT COUNT(*) FROM follows JOIN accounts ON accounts.id = follows.followee_id WHERE accounts.kind = 'local' AND accounts.role = 'host' AND follows.accepted_at > $1) AS new_followers, (SELECT COUNT(DISTINCT follower.host) FROM follows JOIN accounts ON accounts.id = follows.followee_id JOIN accounts follower ON follower.id = follows.follower_id WHERE accounts.kind = 'local' AND accounts.role = 'host' AND follows.accepted_at IS NOT NULL AND follower.kind = 'remote') AS homes, (SELECT COUNT(*) FROM posts WHERE is_local = 1 AND boost_of_id IS NULL) AS posts, (SELECT COUNT(*) FROM posts WHERE is_local = 1 AND boost_of_id IS NULL AND id > $2) AS new_posts, (SELECT COUNT(*) FROM posts JOIN posts root ON root.id = posts.thread_id WHERE root.is_local = 1 AND posts.in_reply_to_id IS NOT NULL AND posts.held_audience IS NULL AND posts.id > $2) AS new_answers, (SELECT COUNT(*) FROM invited) AS invited, (SELECT COUNT(*) FROM invited WHERE created_at > $1) AS new_invited, (SELECT COUNT(*) FROM waiting WHERE verified_at IS NOT NULL AND admitted_at IS NULL) AS waiting")
        .bind(week)
        .bind(first_of(week))
        .one(&app.db)
        .await?;
    let of = |name: &str| row.get::<i64>(name);
    Ok(vec![
        ("figure-members", of("members")?, Some(of("new_members")?)),
        (
            "figure-active",
            crate::accounts::count_active(app).await?,
            None,
        ),
        (
            "figure-followers",
            of("followers")?,
            Some(of("new_followers")?),
        ),
        ("figure-homes", of("homes")?, None),
        ("figure-posts", of("posts")?, Some(of("new_posts")?)),
        ("figure-answers", of("new_answers")?, None),
        ("figure-invited", of("invited")?, Some(of("new_invited")?)),
        ("figure-waiting", of("waiting")?, None),
    ])
}
