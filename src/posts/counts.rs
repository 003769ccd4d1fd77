//! The counts that stand at a post and a profile.

use super::Post;
use crate::accounts::store as account_store;
use crate::audiences::Audience;
use crate::kernel::clock::Time;
use crate::kernel::db::{Conn, Tx, sql};
use crate::kernel::id::PostId;

/// Counts a post, or counts it no more, with its author and with what it answers. Both counts are seen by whoever sees
/// the profile and the answered post, so that they tell of nothing that is narrower.
pub(super) async fn count(
    tx: &mut Tx,
    post: &Post,
    by: i64,
    last: Option<Time>,
) -> sqlx::Result<()> {
    let open = post.audience.is_open();
    if open {
        account_store::count_posts(&mut *tx, post.account, by, last).await?;
    }
    match post.in_reply_to {
        Some(parent) if post.audience != Audience::Held => {
            count_replies(tx, parent, by, open).await
        }
        _ => Ok(()),
    }
}

pub(super) async fn count_replies(
    conn: impl Conn,
    post: PostId,
    by: i64,
    open: bool,
) -> sqlx::Result<()> {
    sql("UPDATE posts SET replies_count = CASE WHEN replies_count + $1 < 0 THEN 0 ELSE replies_count + $1 END WHERE id = $2 AND ($3 = 1 OR audience NOT IN ('public', 'unlisted'))")
        .bind(by)
        .bind(post)
        .bind(open)
        .run(conn)
        .await?;
    Ok(())
}

/// Counts favourites and boosts anew.
pub(super) async fn recount(tx: &mut Tx, post: PostId) -> sqlx::Result<()> {
    // The row is taken first, so that the counts below see what others committed before.
    sql("UPDATE posts SET version = version WHERE id = $1")
        .bind(post)
        .run(&mut *tx)
        .await?;
    sql("UPDATE posts SET favourites_count = (SELECT COUNT(*) FROM favourites WHERE favourites.post_id = $1), boosts_count = (SELECT COUNT(*) FROM posts b WHERE b.boost_of_id = $1 AND b.audience <> 'held') WHERE id = $1").bind(post).run(&mut *tx).await?;
    Ok(())
}
