//! How far the end of an account has come, for the one who left and cannot sign in any more.

use std::time::Duration;

use crate::accounts::{Account, remove};
use crate::app::App;
use crate::error::{Error, Result};
use crate::kernel::clock::Time;
use crate::kernel::crypt;
use crate::kernel::db::sql;
use crate::kernel::id::AccountId;

/// How long it can be looked at.
const KEPT: Duration = Duration::from_secs(30 * 86_400);

/// How far the end of an account has come.
#[derive(Clone, Debug)]
pub struct Farewell {
    /// How many posts there were.
    pub posts: i64,
    /// How many are removed.
    pub removed: i64,
    /// Whether the farewell is written.
    pub written: bool,
    /// How many inboxes elsewhere still wait for it.
    pub waiting: i64,
    /// How many of them did not answer so far; they are asked again for days.
    pub silent: i64,
}

impl Farewell {
    /// Whether all of it is done.
    pub fn is_over(&self) -> bool {
        self.written && self.waiting == 0 && self.removed >= self.posts
    }
}

/// Ends an account ([`remove::remove`]); the token with which its owner sees how far that is.
///
/// # Errors
/// `Conflict` when it is the last host.
pub async fn begin(app: &App, member: &Account) -> Result<String> {
    let token = crypt::opaque();
    let counted = sql("SELECT COUNT(*) AS n FROM posts WHERE account_id = $1")
        .bind(member.id)
        .one(&app.db)
        .await?;
    sql(
        "INSERT INTO farewells (token_hash, account_id, posts, created_at) VALUES ($1, $2, $3, $4)",
    )
    .bind(crypt::token_hash(&token))
    .bind(member.id)
    .bind(counted.get::<i64>("n")?)
    .bind(app.clock.now())
    .run(&app.db)
    .await?;
    // Where it is refused, nobody has the token, and it is forgotten in time.
    remove::remove(app, member).await?;
    Ok(token)
}

/// How far it has come.
///
/// # Errors
/// `NotFound` for a token that is none.
pub async fn find(app: &App, token: &str) -> Result<Farewell> {
    let row = sql("SELECT farewells.account_id, farewells.posts, (SELECT COUNT(*) FROM posts WHERE posts.account_id = farewells.account_id) AS remaining, accounts.uri FROM farewells JOIN accounts ON accounts.id = farewells.account_id WHERE farewells.token_hash = $1")
        .bind(crypt::token_hash(token))
        .optional(&app.db)
        .await?
        .ok_or(Error::NotFound)?;
    let account: AccountId = row.get("account_id")?;
    let posts: i64 = row.get("posts")?;
    let told = sql("SELECT COUNT(*) AS n FROM activities WHERE account_id = $1 AND kind = 'Delete' AND object_uri = $2")
        .bind(account)
        .bind(row.get::<String>("uri")?)
        .one(&app.db)
        .await?;
    let left = sql("SELECT COUNT(*) AS n, CAST(COALESCE(SUM(CASE WHEN deliveries.attempts > 0 THEN 1 ELSE 0 END), 0) AS BIGINT) AS silent FROM deliveries JOIN activities ON activities.id = deliveries.activity_id WHERE activities.account_id = $1 AND activities.kind = 'Delete' AND activities.object_uri = $2 AND deliveries.dead_at IS NULL")
        .bind(account)
        .bind(row.get::<String>("uri")?)
        .one(&app.db)
        .await?;
    Ok(Farewell {
        posts,
        removed: (posts - row.get::<i64>("remaining")?).max(0),
        written: told.get::<i64>("n")? > 0,
        waiting: left.get("n")?,
        silent: left.get("silent")?,
    })
}

/// Forgets what was looked at long enough.
///
/// # Errors
/// What the database says.
pub async fn sweep(app: &App) -> Result<()> {
    let before: Time = app.clock.now().minus(KEPT);
    sql("DELETE FROM farewells WHERE created_at < $1")
        .bind(before)
        .run(&app.db)
        .await?;
    Ok(())
}
