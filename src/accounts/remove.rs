//! The end of an account.

use super::sign_in;
use super::{Account, Kind, sessions, store};
use crate::app::App;
use crate::error::{Error, Result};
use crate::jobs::{self, Job};
use crate::kernel::clock::Time;
use crate::kernel::db::{Conn, Tx, sql};
use crate::kernel::id::AccountId;

/// Ends a local account: it can no longer sign in, its page and posts are gone, its name stays taken.
///
/// The posts themselves are removed by `posts::remove_all`, which the job calls once the farewell is written.
///
/// # Errors
/// `Conflict` when it is the last host.
pub async fn remove(app: &App, account: &Account) -> Result<()> {
    let mut tx = app.db.begin().await?;
    remove_in(&mut tx, account, app.clock.now()).await?;
    tx.commit().await?;
    app.wake.notify_waiters();
    Ok(())
}

/// As [`remove`], together with what else belongs to it. What was written to its address before is thrown away; a last
/// word is written after this.
///
/// # Errors
/// As [`remove`].
pub async fn remove_in(tx: &mut Tx, account: &Account, now: Time) -> Result<()> {
    if account.is_host() && !store::another_host(&mut *tx, account.id).await? {
        return Err(Error::conflict("error-last-host"));
    }
    sql("DELETE FROM mails WHERE recipient IN (SELECT email FROM credentials WHERE account_id = $1)")
        .bind(account.id)
        .run(&mut *tx)
        .await?;
    // The houses they entered as a guest are left as well; that list goes with the account.
    let entered = sql("DELETE FROM entered_houses WHERE account_id = $1 RETURNING origin")
        .bind(account.id)
        .all(&mut *tx)
        .await?;
    for row in entered {
        let leave = Job::SendLeave {
            account: account.id,
            house: row.get("origin")?,
        };
        jobs::enqueue(&mut *tx, now, leave).await?;
    }
    sessions::end_all(&mut *tx, account.id).await?;
    sign_in::store::delete(&mut *tx, account.id).await?;
    mark(&mut *tx, account, now).await?;
    jobs::enqueue(tx, now, Job::SendFarewell(account.id)).await?;
    Ok(())
}

/// Empties an account's profile and notes its end; its pictures go with its posts.
///
/// # Errors
/// What the database says.
pub async fn mark(tx: &mut Tx, account: &Account, now: Time) -> sqlx::Result<()> {
    sql("UPDATE accounts SET deleted_at = $1, display_name = '', bio = '', fields = '[]', emojis = '[]', aliases = '[]', avatar_url = NULL, header_url = NULL, version = version + 1 WHERE id = $2")
        .bind(now)
        .bind(account.id)
        .run(&mut *tx)
        .await?;
    remember(
        &mut *tx,
        &account.uri,
        &account.host,
        account.kind == Kind::Local,
        now,
    )
    .await
}

/// Removes what stands between an account and others, and what it kept to itself.
///
/// # Errors
/// What the database says.
pub async fn sever(tx: &mut Tx, id: AccountId) -> sqlx::Result<()> {
    sql("UPDATE accounts SET followers_count = CASE WHEN followers_count > 0 THEN followers_count - 1 ELSE 0 END WHERE id IN (SELECT followee_id FROM follows WHERE follower_id = $1 AND accepted_at IS NOT NULL)").bind(id).run(&mut *tx).await?;
    sql("UPDATE accounts SET following_count = CASE WHEN following_count > 0 THEN following_count - 1 ELSE 0 END WHERE id IN (SELECT follower_id FROM follows WHERE followee_id = $1 AND accepted_at IS NOT NULL)").bind(id).run(&mut *tx).await?;
    sql("DELETE FROM follower_digests WHERE account_id = $1 OR (host = (SELECT host FROM accounts WHERE id = $1) AND account_id IN (SELECT followee_id FROM follows WHERE follower_id = $1))").bind(id).run(&mut *tx).await?;
    sql("DELETE FROM follows WHERE follower_id = $1 OR followee_id = $1")
        .bind(id)
        .run(&mut *tx)
        .await?;
    sql("UPDATE posts SET favourites_count = favourites_count - 1 WHERE favourites_count > 0 AND id IN (SELECT post_id FROM favourites WHERE account_id = $1)").bind(id).run(&mut *tx).await?;
    for statement in [
        sql("DELETE FROM favourites WHERE account_id = $1"),
        sql("DELETE FROM poll_votes WHERE account_id = $1"),
        sql("DELETE FROM audience_members WHERE account_id = $1"),
        sql("DELETE FROM tier_refusals WHERE account_id = $1"),
        sql("DELETE FROM imports WHERE account_id = $1"),
        sql("DELETE FROM waiting WHERE account_id = $1"),
        sql("UPDATE invitations SET address = NULL, note = '' WHERE inviter_id = $1"),
        sql("UPDATE media SET held_until = 0 WHERE account_id = $1 AND post_id IS NULL"),
        sql("DELETE FROM blocks WHERE account_id = $1"),
        sql("DELETE FROM mutes WHERE account_id = $1 OR target_id = $1"),
        sql("DELETE FROM muted_nodes WHERE account_id = $1"),
        sql("DELETE FROM muted_threads WHERE account_id = $1"),
        sql("DELETE FROM conversation_marks WHERE account_id = $1"),
        sql("DELETE FROM personal_notes WHERE account_id = $1 OR target_id = $1"),
        sql("DELETE FROM endorsements WHERE account_id = $1 OR target_id = $1"),
        sql(
            "DELETE FROM list_members WHERE account_id = $1 OR list_id IN (SELECT id FROM lists WHERE lists.account_id = $1)",
        ),
        sql("DELETE FROM lists WHERE account_id = $1"),
        sql(
            "DELETE FROM filter_keywords WHERE filter_id IN (SELECT id FROM filters WHERE account_id = $1)",
        ),
        sql(
            "DELETE FROM filter_posts WHERE filter_id IN (SELECT id FROM filters WHERE account_id = $1)",
        ),
        sql("DELETE FROM filters WHERE account_id = $1"),
        sql("DELETE FROM followed_tags WHERE account_id = $1"),
        sql("DELETE FROM featured_tags WHERE account_id = $1"),
        sql("DELETE FROM scheduled_posts WHERE account_id = $1"),
        sql("DELETE FROM preferences WHERE account_id = $1"),
        sql("DELETE FROM markers WHERE account_id = $1"),
        sql("DELETE FROM announcement_reads WHERE account_id = $1"),
        sql("DELETE FROM announcement_reactions WHERE account_id = $1"),
        sql("DELETE FROM bookmarks WHERE account_id = $1"),
    ] {
        statement.bind(id).run(&mut *tx).await?;
    }
    sql("DELETE FROM notifications WHERE account_id = $1 OR from_id = $1")
        .bind(id)
        .run(&mut *tx)
        .await?;
    sql("UPDATE accounts SET followers_count = 0, following_count = 0 WHERE id = $1")
        .bind(id)
        .run(&mut *tx)
        .await?;
    Ok(())
}

/// Leaves a tombstone, so that what comes late does not bring the thing back.
///
/// # Errors
/// What the database says.
pub async fn remember(
    conn: impl Conn,
    uri: &str,
    host: &str,
    local: bool,
    now: Time,
) -> sqlx::Result<()> {
    sql("INSERT INTO tombstones (uri, host, local, created_at) VALUES ($1, $2, $3, $4) ON CONFLICT (uri) DO NOTHING")
        .bind(uri)
        .bind(host)
        .bind(local)
        .bind(now)
        .run(conn)
        .await?;
    Ok(())
}

/// Whether a tombstone stands for this id.
///
/// # Errors
/// What the database says.
pub async fn is_gone(conn: impl Conn, uri: &str) -> sqlx::Result<bool> {
    Ok(sql("SELECT uri FROM tombstones WHERE uri = $1")
        .bind(uri)
        .optional(conn)
        .await?
        .is_some())
}
