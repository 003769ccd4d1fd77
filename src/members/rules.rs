//! Superfan rules: what people did in this house, how far they are to a tier, and whom the host might give it.

use std::time::Duration;

use super::tiers::{Rule, Tier};
use crate::accounts::{Account, store as account_store};
use crate::app::App;
use crate::error::Result;
use crate::kernel::clock::Time;
use crate::kernel::db::{Conn, Row, sql};
use crate::kernel::id::{AccountId, AudienceId};

/// Most people who are proposed at once.
const MOST: i64 = 100;

/// What somebody did here.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Done {
    /// For how many days they are a member, or follow the host.
    pub days: i64,
    /// How many of their answers in the host's threads somebody else favourited.
    pub answers: i64,
}

impl Done {
    /// Whether it is enough.
    pub fn fulfils(self, rule: Rule) -> bool {
        self.days >= rule.days && self.answers >= rule.answers
    }
}

fn read(row: &Row, now: Time) -> sqlx::Result<Done> {
    let since: Option<Time> = row.get("here_since")?;
    let days = since.map_or(0, |since| now.since(since).as_secs() / 86_400);
    Ok(Done {
        days: i64::try_from(days).unwrap_or(i64::MAX),
        answers: row.get("answers")?,
    })
}

/// What somebody did here, from the host's point of view.
///
/// # Errors
/// What the database says.
pub async fn done(app: &App, host: AccountId, account: AccountId) -> Result<Done> {
    let row = sql("SELECT CASE WHEN accounts.kind = 'local' THEN accounts.created_at ELSE (SELECT follows.accepted_at FROM follows WHERE follows.follower_id = accounts.id AND follows.followee_id = $1) END AS here_since, (SELECT COUNT(*) FROM posts JOIN posts root ON root.id = posts.thread_id WHERE posts.account_id = accounts.id AND root.account_id = $1 AND posts.in_reply_to_id IS NOT NULL AND posts.audience IN ('public', 'unlisted') AND EXISTS (SELECT 1 FROM favourites WHERE favourites.post_id = posts.id AND favourites.account_id <> posts.account_id)) AS answers FROM accounts WHERE accounts.id = $2")
        .bind(host)
        .bind(account)
        .one(&app.db)
        .await?;
    Ok(read(&row, app.clock.now())?)
}

/// Who did what a tier's rule asks for, has it not and did not refuse it; with what they did.
///
/// # Errors
/// What the database says.
pub async fn proposed(
    conn: impl Conn,
    now: Time,
    host: AccountId,
    tier: &Tier,
) -> sqlx::Result<Vec<(Account, Done)>> {
    let Some(rule) = tier.rule else {
        return Ok(Vec::new());
    };
    let days = u64::try_from(rule.days).unwrap_or(0);
    let rows = sql(concat!("SELECT ", crate::account_columns!(), ", accounts.here_since, accounts.answers FROM (SELECT ", crate::account_columns!(), ", CASE WHEN accounts.kind = 'local' THEN accounts.created_at ELSE follows.accepted_at END AS here_since, (SELECT COUNT(*) FROM posts JOIN posts root ON root.id = posts.thread_id WHERE posts.account_id = accounts.id AND root.account_id = $1 AND posts.in_reply_to_id IS NOT NULL AND posts.audience IN ('public', 'unlisted') AND EXISTS (SELECT 1 FROM favourites WHERE favourites.post_id = posts.id AND favourites.account_id <> posts.account_id)) AS answers FROM accounts LEFT JOIN follows ON follows.follower_id = accounts.id AND follows.followee_id = $1 WHERE accounts.id <> $1 AND (accounts.kind = 'local' OR (accounts.kind = 'remote' AND follows.accepted_at IS NOT NULL)) AND accounts.deleted_at IS NULL AND accounts.disabled_at IS NULL AND NOT EXISTS (SELECT 1 FROM audience_members WHERE audience_members.audience_id = $2 AND audience_members.account_id = accounts.id AND (audience_members.until IS NULL OR audience_members.until > $3)) AND NOT EXISTS (SELECT 1 FROM tier_refusals WHERE tier_refusals.audience_id = $2 AND tier_refusals.account_id = accounts.id)) AS accounts WHERE here_since <= $4 AND answers >= $5 ORDER BY answers DESC, here_since, id LIMIT $6"))
        .bind(host)
        .bind(tier.id)
        .bind(now)
        .bind(now.minus(Duration::from_secs(days * 86_400)))
        .bind(rule.answers)
        .bind(MOST)
        .all(conn)
        .await?;
    let read = |row: &Row| Ok((account_store::read(row)?, read(row, now)?));
    rows.iter().map(read).collect()
}

/// Whether somebody does not want a tier.
///
/// # Errors
/// What the database says.
pub async fn refused(conn: impl Conn, tier: AudienceId, account: AccountId) -> sqlx::Result<bool> {
    let row =
        sql("SELECT account_id FROM tier_refusals WHERE audience_id = $1 AND account_id = $2")
            .bind(tier)
            .bind(account)
            .optional(conn)
            .await?;
    Ok(row.is_some())
}

/// Somebody does not want a tier: they give it back where they have it, and are not proposed for it; or no longer so.
///
/// # Errors
/// What the database says.
pub async fn refuse(app: &App, tier: AudienceId, account: AccountId, no: bool) -> Result<()> {
    let mut tx = app.db.begin().await?;
    if no {
        sql("INSERT INTO tier_refusals (audience_id, account_id, created_at) VALUES ($1, $2, $3) ON CONFLICT (audience_id, account_id) DO NOTHING")
            .bind(tier)
            .bind(account)
            .bind(app.clock.now())
            .run(&mut tx)
            .await?;
        crate::audiences::remove_member(&mut tx, tier, account).await?;
    } else {
        sql("DELETE FROM tier_refusals WHERE audience_id = $1 AND account_id = $2")
            .bind(tier)
            .bind(account)
            .run(&mut tx)
            .await?;
    }
    tx.commit().await?;
    Ok(())
}
