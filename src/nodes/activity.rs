//! What happened in this house, week by week.

use std::time::Duration;

use crate::app::App;
use crate::error::Result;
use crate::kernel::clock::Time;
use crate::kernel::db::sql;
use crate::kernel::id::first_of;

/// How many weeks are told of.
const WEEKS: u64 = 12;

const WEEK: u64 = 7 * 86_400;

/// One week of the house.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Week {
    /// When it began: a Monday, UTC.
    pub at: Time,
    /// Posts of members, without boosts.
    pub posts: i64,
    /// Members who wrote.
    pub writers: i64,
    /// Members who joined.
    pub joined: i64,
}

/// The last twelve weeks, the one that is under way first.
///
/// # Errors
/// What the database says.
pub async fn weeks(app: &App) -> Result<Vec<Week>> {
    // The first day of 1970 was a Thursday.
    let days = app.clock.now().seconds().div_euclid(86_400);
    let monday = Time((days - (days + 3).rem_euclid(7)) * 86_400_000);
    let mut found = Vec::new();
    for back in 0..WEEKS {
        let at = monday.minus(Duration::from_secs(back * WEEK));
        let end = at.plus(Duration::from_secs(WEEK));
        let row = sql("SELECT COUNT(*) AS posts, COUNT(DISTINCT account_id) AS writers FROM posts WHERE is_local = 1 AND boost_of_id IS NULL AND id >= $1 AND id < $2")
            .bind(first_of(at))
            .bind(first_of(end))
            .one(&app.db)
            .await?;
        let joined = sql("SELECT COUNT(*) AS n FROM accounts WHERE kind = 'local' AND created_at >= $1 AND created_at < $2")
            .bind(at)
            .bind(end)
            .one(&app.db)
            .await?;
        found.push(Week {
            at,
            posts: row.get("posts")?,
            writers: row.get("writers")?,
            joined: joined.get("n")?,
        });
    }
    Ok(found)
}
