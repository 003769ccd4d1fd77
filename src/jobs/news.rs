//! News: what open streams are told, written in the transaction of what happened.
//!
//! Every serving process reads them from the table, so it does not matter which one wrote them.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::app::App;
use crate::kernel::clock::Time;
use crate::kernel::db::{Tx, sql};
use crate::kernel::id::{self, AccountId, NotificationId, PostId};

/// How long news are kept.
const KEPT: Duration = Duration::from_secs(60);
/// How far back is looked for news that were committed late.
const LATE: Duration = Duration::from_secs(10);

/// Something that just happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum News {
    /// A post or boost was written, or came.
    Post(PostId),
    /// A post reads differently.
    Edited(PostId),
    /// A post is gone.
    Gone {
        /// Which.
        post: PostId,
        /// Whose it was.
        author: AccountId,
        /// Whether everyone could see it.
        open: bool,
    },
    /// A member was told about something.
    Notified {
        /// Who.
        account: AccountId,
        /// The notification.
        notification: NotificationId,
    },
    /// A post was favourited or boosted, or no longer is.
    Counted(PostId),
    /// Somebody follows, asked to, or no longer does.
    Related {
        /// Who.
        follower: AccountId,
        /// Whom.
        followee: AccountId,
    },
    /// A member's filters changed.
    Filters(AccountId),
}

impl News {
    /// Reads news as the table keeps them.
    pub fn parse(body: &str) -> Option<Self> {
        serde_json::from_str(body).ok()
    }
}

/// Writes news in the transaction of what happened.
///
/// # Errors
/// What the database says.
pub async fn tell(tx: &mut Tx, now: Time, news: &News) -> sqlx::Result<()> {
    let body = serde_json::to_string(news).map_err(|error| sqlx::Error::Encode(error.into()))?;
    sql("INSERT INTO news (id, body, created_at) VALUES ($1, $2, $3)")
        .bind(id::mint(now))
        .bind(body)
        .bind(now)
        .run(&mut *tx)
        .await?;
    // Other processes on the same PostgreSQL hear of it at once.
    sql("SELECT 1 AS told")
        .on_postgres("SELECT pg_notify('news', '') IS NULL AS told")
        .all(&mut *tx)
        .await?;
    Ok(())
}

/// Reads the table from where it stands when made.
#[derive(Debug)]
pub struct Reader {
    since: i64,
    seen: HashSet<i64>,
}

impl Reader {
    /// A reader of what comes from now on.
    pub fn new(now: Time) -> Self {
        Self {
            since: id::first_of(now),
            seen: HashSet::new(),
        }
    }

    /// What came since the last time, also what was committed late.
    ///
    /// # Errors
    /// What the database says.
    pub async fn read(&mut self, app: &App) -> sqlx::Result<Vec<Arc<str>>> {
        let horizon = self.since.max(id::first_of(app.clock.now().minus(LATE)));
        let rows = sql("SELECT id, body FROM news WHERE id >= $1 ORDER BY id LIMIT 1000")
            .bind(horizon)
            .all(&app.db)
            .await?;
        self.seen.retain(|id| *id >= horizon);
        let mut found = Vec::new();
        for row in &rows {
            if self.seen.insert(row.get("id")?) {
                found.push(row.get::<String>("body")?.into());
            }
        }
        Ok(found)
    }
}

/// Forgets old news.
///
/// # Errors
/// What the database says.
pub async fn sweep(app: &App) -> sqlx::Result<()> {
    sql("DELETE FROM news WHERE created_at < $1")
        .bind(app.clock.now().minus(KEPT))
        .run(&app.db)
        .await?;
    Ok(())
}
