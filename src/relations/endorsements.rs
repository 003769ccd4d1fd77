//! Whom a member recommends on their profile.

use crate::accounts::{Account, store as account_store};
use crate::app::App;
use crate::error::{Error, Result};
use crate::kernel::db::sql;
use crate::kernel::id::{self, AccountId};
use crate::kernel::page::Window;
use crate::relations::follows;

/// Recommends an account the member follows, or no longer.
///
/// # Errors
/// `Invalid` for whom they do not follow.
pub async fn set(app: &App, member: &Account, other: AccountId, wanted: bool) -> Result<()> {
    if !wanted {
        sql("DELETE FROM endorsements WHERE account_id = $1 AND target_id = $2")
            .bind(member.id)
            .bind(other)
            .run(&app.db)
            .await?;
        return Ok(());
    }
    if !follows::is_following(&app.db, member.id, other).await? {
        return Err(Error::invalid("id", "error-endorse-unfollowed"));
    }
    sql("INSERT INTO endorsements (id, account_id, target_id) VALUES ($1, $2, $3) ON CONFLICT (account_id, target_id) DO NOTHING")
        .bind(id::mint(app.clock.now()))
        .bind(member.id)
        .bind(other)
        .run(&app.db)
        .await?;
    Ok(())
}

/// Whom an account recommends and still follows, with the id to page by; the last first.
///
/// # Errors
/// What the database says.
pub async fn list(app: &App, member: AccountId, window: Window) -> Result<Vec<(i64, Account)>> {
    let rows = sql(concat!("SELECT ", crate::account_columns!(), ", endorsements.id AS row_id FROM endorsements JOIN accounts ON accounts.id = endorsements.target_id JOIN follows ON follows.follower_id = endorsements.account_id AND follows.followee_id = endorsements.target_id WHERE endorsements.account_id = $1 AND follows.accepted_at IS NOT NULL AND accounts.deleted_at IS NULL AND accounts.disabled_at IS NULL AND endorsements.id < $2 AND endorsements.id > $3 ORDER BY endorsements.id DESC LIMIT $4"))
        .bind(member)
        .within(window)
        .all(&app.db)
        .await?;
    let read = |row: &crate::kernel::db::Row| Ok((row.get("row_id")?, account_store::read(row)?));
    Ok(rows.iter().map(read).collect::<sqlx::Result<_>>()?)
}
