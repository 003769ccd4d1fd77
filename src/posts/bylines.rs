//! Bylines: who of the crew wrote a post in the name of its author.

use crate::accounts::{Account, store as account_store};
use crate::kernel::db::{Conn, Tx, sql};
use crate::kernel::id::{AccountId, PostId};

/// Notes who of the crew wrote a post in the name of its author.
pub(super) async fn set(
    tx: &mut Tx,
    id: PostId,
    byline: Option<(AccountId, bool)>,
) -> sqlx::Result<()> {
    if let Some((who, signed)) = byline {
        sql("UPDATE posts SET written_by_id = $1, signed = $2 WHERE id = $3")
            .bind(who)
            .bind(signed)
            .bind(id)
            .run(&mut *tx)
            .await?;
    }
    Ok(())
}

/// Who of the crew wrote several posts, as far as a reader may know: the crew all of them, others those that are signed.
pub(super) async fn of_posts(
    conn: impl Conn,
    which: &str,
    crew: bool,
) -> sqlx::Result<Vec<(PostId, Account)>> {
    let rows = sql(concat!("SELECT posts.id AS post_id, ", crate::account_columns!(), " FROM posts JOIN accounts ON accounts.id = posts.written_by_id WHERE posts.id IN (SELECT value FROM json_each($1)) AND (posts.signed = 1 OR $2 = 1)"))
        .bind(which)
        .bind(crew)
        .all(conn)
        .await?;
    rows.iter()
        .map(|row| Ok((row.get("post_id")?, account_store::read(row)?)))
        .collect()
}
