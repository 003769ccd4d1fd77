//! Who of one host follows an account, as a digest (FEP-8fcf): kept beside the follows and changed with each of them,
//! so that no delivery and no arrival reads a list of followers.
//!
//! Whoever changes or writes a digest holds the row of the followed account until the transaction ends.

use super::follows::Follow;
use crate::app::App;
use crate::error::Result;
use crate::kernel::crypt::sha256;
use crate::kernel::db::{Tx, sql};
use crate::kernel::id::AccountId;

/// Followers that are read at once while a digest is made.
const PAGE: i64 = 1_000;

/// A set of followers of one host.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Digest {
    /// The XOR of the SHA-256 of the ids of all of them.
    pub sum: [u8; 32],
    /// How many they are.
    pub followers: i64,
}

impl Digest {
    /// The digest of these ids.
    pub fn of<'a>(ids: impl IntoIterator<Item = &'a str>) -> Self {
        let mut digest = Self::default();
        for id in ids {
            digest.turn(id, 1);
        }
        digest
    }

    /// Puts an id in, or takes it out.
    fn turn(&mut self, id: &str, by: i64) {
        for (sum, byte) in self.sum.iter_mut().zip(sha256(id.as_bytes())) {
            *sum ^= byte;
        }
        self.followers += by;
    }

    fn read(row: &crate::kernel::db::Row) -> sqlx::Result<Self> {
        let sum: Vec<u8> = row.get("digest")?;
        Ok(Self {
            sum: sum.try_into().unwrap_or_default(),
            followers: row.get("followers")?,
        })
    }
}

/// Puts a follower into the digest of their host or takes them out, in the transaction of the follow.
pub(super) async fn change(tx: &mut Tx, follow: &Follow, by: i64) -> sqlx::Result<()> {
    let row = sql("SELECT accounts.uri, accounts.host, follower_digests.digest, follower_digests.followers FROM accounts JOIN follower_digests ON follower_digests.account_id = $1 AND follower_digests.host = accounts.host WHERE accounts.id = $2")
        .bind(follow.followee)
        .bind(follow.follower)
        .optional(&mut *tx)
        .await?;
    // Where there is none yet, the first delivery makes it.
    let Some(row) = row else { return Ok(()) };
    let (uri, host): (String, String) = (row.get("uri")?, row.get("host")?);
    let mut digest = Digest::read(&row)?;
    digest.turn(&uri, by);
    write(tx, follow.followee, &host, digest).await
}

async fn write(tx: &mut Tx, account: AccountId, host: &str, digest: Digest) -> sqlx::Result<()> {
    sql("INSERT INTO follower_digests (account_id, host, digest, followers) VALUES ($1, $2, $3, $4) ON CONFLICT (account_id, host) DO UPDATE SET digest = excluded.digest, followers = excluded.followers")
        .bind(account)
        .bind(host)
        .bind(&digest.sum[..])
        .bind(digest.followers)
        .run(tx)
        .await?;
    Ok(())
}

/// The digest of the followers that an account has on a host; made at the first time.
///
/// # Errors
/// What the database says.
pub async fn get(app: &App, account: AccountId, host: &str) -> Result<Digest> {
    let row =
        sql("SELECT digest, followers FROM follower_digests WHERE account_id = $1 AND host = $2")
            .bind(account)
            .bind(host)
            .optional(&app.db)
            .await?;
    if let Some(row) = row {
        return Ok(Digest::read(&row)?);
    }
    let mut tx = app.db.begin().await?;
    sql("UPDATE accounts SET version = version WHERE id = $1")
        .bind(account)
        .run(&mut tx)
        .await?;
    let digest = made(&mut tx, account, host).await?;
    write(&mut tx, account, host, digest).await?;
    tx.commit().await?;
    Ok(digest)
}

/// Reads the followers, a page at a time.
async fn made(tx: &mut Tx, account: AccountId, host: &str) -> sqlx::Result<Digest> {
    let (mut digest, mut last) = (Digest::default(), 0);
    loop {
        let rows = sql("SELECT accounts.id, accounts.uri FROM accounts WHERE accounts.host = $1 AND accounts.id > $2 AND EXISTS (SELECT 1 FROM follows WHERE follows.follower_id = accounts.id AND follows.followee_id = $3 AND follows.accepted_at IS NOT NULL) ORDER BY accounts.id LIMIT $4")
            .bind(host)
            .bind(last)
            .bind(account)
            .bind(PAGE)
            .all(&mut *tx)
            .await?;
        let Some(end) = rows.last() else {
            return Ok(digest);
        };
        last = end.get("id")?;
        for row in &rows {
            digest.turn(&row.get::<String>("uri")?, 1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Digest;

    #[test]
    fn the_digest_does_not_depend_on_the_order() {
        assert_eq!(Digest::of(["a", "b"]), Digest::of(["b", "a"]));
        assert_ne!(Digest::of(["a"]), Digest::of(["b"]));
    }

    #[test]
    fn who_leaves_is_as_if_they_had_never_come() {
        let mut digest = Digest::of(["a", "b"]);
        digest.turn("b", -1);
        assert_eq!(digest, Digest::of(["a"]));
    }
}
