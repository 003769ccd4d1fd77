//! Following: asked for, accepted, refused, withdrawn.

use std::collections::HashMap;

use crate::accounts::{self, Account, store as account_store};
use crate::app::App;
use crate::error::{Error, Result};
use crate::jobs::news::{self, News};
use crate::jobs::{self, Job, Notice};
use crate::kernel::clock::Time;
use crate::kernel::crypt;
use crate::kernel::db::{Conn, Row, Tx, sql};
use crate::kernel::id::{AccountId, FollowId};
use crate::kernel::page::Window;
use crate::relations::{blocks, digests, undone};

/// The columns of `follows` that are read.
macro_rules! follow_columns {
    () => {
        "follows.id, follows.follower_id, follows.followee_id, follows.uri, follows.created_at, follows.accepted_at, follows.asked_at"
    };
}

/// A follow, asked for or accepted.
#[derive(Clone, Debug)]
pub struct Follow {
    /// Its id.
    pub id: FollowId,
    /// Who follows.
    pub follower: AccountId,
    /// Who is followed.
    pub followee: AccountId,
    /// The Follow activity's id.
    pub uri: String,
    /// When it was asked for.
    pub created_at: Time,
    /// When it was accepted.
    pub accepted_at: Option<Time>,
    /// When it was asked for again, by who had it already.
    pub asked_at: Option<Time>,
}

/// What became of a request that arrived.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Received {
    /// It counts at once; an Accept follows.
    Accepted,
    /// Somebody has to decide.
    Pending,
    /// It was known already.
    Known,
    /// It is refused, silently.
    Refused,
}

fn read(row: &Row) -> sqlx::Result<Follow> {
    Ok(Follow {
        id: row.get("id")?,
        follower: row.get("follower_id")?,
        followee: row.get("followee_id")?,
        uri: row.get("uri")?,
        created_at: row.get("created_at")?,
        accepted_at: row.get("accepted_at")?,
        asked_at: row.get("asked_at")?,
    })
}

async fn insert(
    tx: &mut Tx,
    follower: AccountId,
    followee: AccountId,
    uri: &str,
    now: Time,
    accepted: bool,
) -> sqlx::Result<Option<Follow>> {
    let row = sql(concat!("INSERT INTO follows (id, follower_id, followee_id, uri, created_at, accepted_at) VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (follower_id, followee_id) DO NOTHING RETURNING ", follow_columns!()))
        .bind(FollowId::mint(now))
        .bind(follower)
        .bind(followee)
        .bind(uri)
        .bind(now)
        .bind(accepted.then_some(now))
        .optional(&mut *tx)
        .await?;
    row.as_ref().map(read).transpose()
}

/// The follow between two accounts, if any.
///
/// # Errors
/// What the database says.
pub async fn find(
    conn: impl Conn,
    follower: AccountId,
    followee: AccountId,
) -> sqlx::Result<Option<Follow>> {
    let row = sql(concat!(
        "SELECT ",
        follow_columns!(),
        " FROM follows WHERE follower_id = $1 AND followee_id = $2"
    ))
    .bind(follower)
    .bind(followee)
    .optional(conn)
    .await?;
    row.as_ref().map(read).transpose()
}

/// The follow with this id, if any.
///
/// # Errors
/// What the database says.
pub async fn get(app: &App, id: FollowId) -> Result<Option<Follow>> {
    Ok(sql(concat!(
        "SELECT ",
        follow_columns!(),
        " FROM follows WHERE id = $1"
    ))
    .bind(id)
    .optional(&app.db)
    .await?
    .as_ref()
    .map(read)
    .transpose()?)
}

/// The follow whose Follow activity has this id, if any.
///
/// # Errors
/// What the database says.
pub async fn find_by_uri(app: &App, uri: &str) -> Result<Option<Follow>> {
    Ok(sql(concat!(
        "SELECT ",
        follow_columns!(),
        " FROM follows WHERE uri = $1"
    ))
    .bind(uri)
    .optional(&app.db)
    .await?
    .as_ref()
    .map(read)
    .transpose()?)
}

/// Whether one follows the other and was accepted.
///
/// # Errors
/// What the database says.
pub async fn is_following(
    conn: impl Conn,
    follower: AccountId,
    followee: AccountId,
) -> sqlx::Result<bool> {
    Ok(find(conn, follower, followee)
        .await?
        .is_some_and(|follow| follow.accepted_at.is_some()))
}

/// A member asks to follow somebody; a second request is the same as the first.
///
/// # Errors
/// `Invalid` for oneself, `Forbidden` where a block stands between.
pub async fn request(app: &App, follower: &Account, followee: &Account) -> Result<Follow> {
    if follower.id == followee.id {
        return Err(Error::invalid("account", "error-follow-self"));
    }
    if followee.deleted_at.is_some() {
        return Err(Error::NotFound);
    }
    let now = app.clock.now();
    let uri = app.origin().at(&format!("/activities/{}", crypt::opaque()));
    let mut tx = app.db.begin().await?;
    if blocks::between(&mut tx, follower.id, followee.id).await? {
        return Err(Error::Forbidden);
    }
    let direct = followee.is_local() && !followee.locked;
    let Some(follow) = insert(&mut tx, follower.id, followee.id, &uri, now, direct).await? else {
        drop(tx);
        return find(&app.db, follower.id, followee.id)
            .await?
            .ok_or(Error::NotFound);
    };
    if followee.is_local() {
        settle(&mut tx, &follow, direct, now).await?;
    } else {
        jobs::enqueue(&mut tx, now, Job::SendFollow(follow.id)).await?;
    }
    tx.commit().await?;
    app.wake.notify_waiters();
    Ok(follow)
}

/// Remembers a follow of somebody elsewhere that a restored backup did not know.
///
/// # Errors
/// What the database says.
pub async fn remember(app: &App, follower: &Account, followee: &Account) -> Result<()> {
    let now = app.clock.now();
    let uri = app.origin().at(&format!("/activities/{}", crypt::opaque()));
    let mut tx = app.db.begin().await?;
    if blocks::between(&mut tx, follower.id, followee.id).await? {
        return Ok(());
    }
    let remembered = match insert(&mut tx, follower.id, followee.id, &uri, now, true).await? {
        Some(follow) => Some(follow),
        // It was asked for before the backup, and accepted after it.
        None => {
            let touched = sql("UPDATE follows SET accepted_at = $1 WHERE follower_id = $2 AND followee_id = $3 AND accepted_at IS NULL")
                .bind(now)
                .bind(follower.id)
                .bind(followee.id)
                .run(&mut tx)
                .await?;
            let known = find(&mut tx, follower.id, followee.id).await?;
            known.filter(|_| touched == 1)
        }
    };
    if let Some(follow) = remembered {
        recount(&mut tx, &follow).await?;
        digests::change(&mut tx, &follow, 1).await?;
        tell(&mut tx, &follow, now).await?;
    }
    tx.commit().await?;
    Ok(())
}

/// A member follows, or says once more that they do: whoever waits for it over there is told in any case.
///
/// # Errors
/// As [`request`].
pub async fn say(app: &App, follower: &Account, followee: &Account) -> Result<()> {
    let known = find(&app.db, follower.id, followee.id).await?;
    let Some(known) = known.filter(|_| !followee.is_local()) else {
        request(app, follower, followee).await?;
        return Ok(());
    };
    let uri = app.origin().at(&format!("/activities/{}", crypt::opaque()));
    let now = app.clock.now();
    let mut tx = app.db.begin().await?;
    sql("UPDATE follows SET uri = $1 WHERE id = $2")
        .bind(uri)
        .bind(known.id)
        .run(&mut tx)
        .await?;
    jobs::enqueue(&mut tx, now, Job::SendFollow(known.id)).await?;
    tx.commit().await?;
    app.wake.notify_waiters();
    Ok(())
}

/// A Follow arrived from another node for one of ours.
///
/// # Errors
/// What the database says.
pub async fn receive(
    app: &App,
    follower: &Account,
    followee: &Account,
    uri: &str,
) -> Result<Received> {
    let now = app.clock.now();
    let mut tx = app.db.begin().await?;
    if follower.id == followee.id || blocks::between(&mut tx, follower.id, followee.id).await? {
        return Ok(Received::Refused);
    }
    let direct = !followee.locked;
    let received = match insert(&mut tx, follower.id, followee.id, uri, now, direct).await? {
        Some(follow) => {
            settle(&mut tx, &follow, direct, now).await?;
            if direct {
                Received::Accepted
            } else {
                Received::Pending
            }
        }
        None => Received::Known,
    };
    // Who asks again did not hear the answer: the id of the newest request counts, and it is answered once more.
    let known = find(&mut tx, follower.id, followee.id).await?;
    if received == Received::Known {
        sql("UPDATE follows SET uri = $1, asked_at = $4 WHERE follower_id = $2 AND followee_id = $3")
            .bind(uri)
            .bind(follower.id)
            .bind(followee.id)
            .bind(now)
            .run(&mut tx)
            .await?;
        if let Some(follow) = &known {
            tell(&mut tx, follow, now).await?;
        }
    }
    if known.is_some_and(|follow| follow.accepted_at.is_some()) {
        let job = Job::SendAccept {
            uri: uri.to_owned(),
            follower: follower.id,
            followee: followee.id,
        };
        jobs::enqueue(&mut tx, now, job).await?;
    }
    tx.commit().await?;
    app.wake.notify_waiters();
    Ok(received)
}

/// Counts an accepted follow and tells the followed, in the transaction of the change.
async fn settle(tx: &mut Tx, follow: &Follow, accepted: bool, now: Time) -> Result<()> {
    if accepted {
        recount(tx, follow).await?;
        digests::change(tx, follow, 1).await?;
    }
    tell(tx, follow, now).await?;
    let kind = if accepted {
        Notice::Follow
    } else {
        Notice::FollowRequest
    };
    jobs::enqueue(
        &mut *tx,
        now,
        Job::Notify {
            account: follow.followee,
            kind,
            from: follow.follower,
            post: None,
        },
    )
    .await?;
    Ok(())
}

/// Open pages learn how it stands between two accounts.
async fn tell(tx: &mut Tx, follow: &Follow, now: Time) -> sqlx::Result<()> {
    let news = News::Related {
        follower: follow.follower,
        followee: follow.followee,
    };
    news::tell(tx, now, &news).await
}

async fn recount(tx: &mut Tx, follow: &Follow) -> sqlx::Result<()> {
    // Both rows are taken first and always in one order, so that the counts see what others
    // committed before and two of these never wait for each other.
    let (low, high) = (
        follow.follower.min(follow.followee),
        follow.follower.max(follow.followee),
    );
    for id in [low, high] {
        sql("UPDATE accounts SET version = version WHERE id = $1")
            .bind(id)
            .run(&mut *tx)
            .await?;
    }
    account_store::recount_follows(&mut *tx, follow.follower).await?;
    account_store::recount_follows(&mut *tx, follow.followee).await
}

/// The followed says yes: a member on their page, or another node by its Accept.
///
/// # Errors
/// What the database says.
pub async fn accept(app: &App, follow: &Follow) -> Result<()> {
    let now = app.clock.now();
    let follower = accounts::get(app, follow.follower).await?;
    let mut tx = app.db.begin().await?;
    let touched = sql("UPDATE follows SET accepted_at = $1 WHERE id = $2 AND accepted_at IS NULL")
        .bind(now)
        .bind(follow.id)
        .run(&mut tx)
        .await?;
    if touched == 1 {
        recount(&mut tx, follow).await?;
        digests::change(&mut tx, follow, 1).await?;
        tell(&mut tx, follow, now).await?;
        if follower.is_local() {
            jobs::enqueue(&mut tx, now, Job::Backfill(follow.followee)).await?;
        } else {
            sql("DELETE FROM notifications WHERE account_id = $1 AND kind = 'follow_request' AND from_id = $2")
                .bind(follow.followee)
                .bind(follow.follower)
                .run(&mut tx)
                .await?;
            let told = Job::Notify {
                account: follow.followee,
                kind: Notice::Follow,
                from: follow.follower,
                post: None,
            };
            jobs::enqueue(&mut tx, now, told).await?;
            let job = Job::SendAccept {
                uri: follow.uri.clone(),
                follower: follow.follower,
                followee: follow.followee,
            };
            jobs::enqueue(&mut tx, now, job).await?;
        }
    }
    tx.commit().await?;
    app.wake.notify_waiters();
    Ok(())
}

/// A follow ends by the followed: refused, or removed later; or another node says so by its Reject.
///
/// # Errors
/// What the database says.
pub async fn reject(app: &App, follow: &Follow) -> Result<()> {
    let now = app.clock.now();
    let follower = accounts::get(app, follow.follower).await?;
    let mut tx = app.db.begin().await?;
    let deleted = delete(&mut tx, follow).await?;
    undone::ended(&mut tx, &follow.uri, now).await?;
    tell(&mut tx, follow, now).await?;
    if deleted && !follower.is_local() {
        let job = Job::SendReject {
            uri: follow.uri.clone(),
            follower: follow.follower,
            followee: follow.followee,
        };
        jobs::enqueue(&mut tx, now, job).await?;
    }
    tx.commit().await?;
    app.wake.notify_waiters();
    Ok(())
}

/// A member lets a request lie: it is gone from their list, and who asked is told nothing, now or when they ask again.
///
/// # Errors
/// What the database says.
pub async fn ignore(app: &App, follow: &Follow) -> Result<()> {
    sql("UPDATE follows SET ignored_at = $1 WHERE id = $2 AND accepted_at IS NULL")
        .bind(app.clock.now())
        .bind(follow.id)
        .run(&app.db)
        .await?;
    Ok(())
}

/// A member stops following; or another node says so by its Undo.
///
/// # Errors
/// What the database says.
pub async fn withdraw(app: &App, follow: &Follow) -> Result<()> {
    let now = app.clock.now();
    let (follower, followee) = (
        accounts::get(app, follow.follower).await?,
        accounts::get(app, follow.followee).await?,
    );
    let mut tx = app.db.begin().await?;
    let deleted = delete(&mut tx, follow).await?;
    tell(&mut tx, follow, now).await?;
    if deleted && follower.is_local() && !followee.is_local() {
        let job = Job::SendUnfollow {
            uri: follow.uri.clone(),
            follower: follow.follower,
            followee: follow.followee,
        };
        jobs::enqueue(&mut tx, now, job).await?;
    }
    tx.commit().await?;
    app.wake.notify_waiters();
    Ok(())
}

/// Removes a follow and counts anew; whether it was there.
pub(super) async fn delete(tx: &mut Tx, follow: &Follow) -> sqlx::Result<bool> {
    let deleted = sql("DELETE FROM follows WHERE id = $1 RETURNING accepted_at")
        .bind(follow.id)
        .optional(&mut *tx)
        .await?;
    sql("DELETE FROM notifications WHERE account_id = $1 AND kind IN ('follow', 'follow_request') AND from_id = $2")
        .bind(follow.followee)
        .bind(follow.follower)
        .run(&mut *tx)
        .await?;
    sql("DELETE FROM audience_members WHERE account_id = $1 AND audience_id IN (SELECT audience_id FROM lists WHERE lists.account_id = $2)")
        .bind(follow.followee)
        .bind(follow.follower)
        .run(&mut *tx)
        .await?;
    sql("DELETE FROM list_members WHERE account_id = $1 AND list_id IN (SELECT id FROM lists WHERE lists.account_id = $2)")
        .bind(follow.followee)
        .bind(follow.follower)
        .run(&mut *tx)
        .await?;
    recount(tx, follow).await?;
    let Some(deleted) = deleted else {
        return Ok(false);
    };
    if deleted.get::<Option<Time>>("accepted_at")?.is_some() {
        digests::change(tx, follow, -1).await?;
    }
    Ok(true)
}

/// Who follows an account, the newest first; with the id to page by.
///
/// # Errors
/// What the database says.
pub async fn followers(
    app: &App,
    of: AccountId,
    window: Window,
) -> Result<Vec<(FollowId, Account)>> {
    let query = sql(concat!(
        "SELECT ",
        crate::account_columns!(),
        ", follows.id AS follow_id FROM follows JOIN accounts ON accounts.id = follows.follower_id WHERE followee_id = $1 AND accepted_at IS NOT NULL AND follows.id < $2 AND follows.id > $3 ORDER BY follows.id DESC LIMIT $4"
    ));
    people(app, query, of, window).await
}

/// Whom an account follows, the newest first.
///
/// # Errors
/// What the database says.
pub async fn following(
    app: &App,
    of: AccountId,
    window: Window,
) -> Result<Vec<(FollowId, Account)>> {
    let query = sql(concat!(
        "SELECT ",
        crate::account_columns!(),
        ", follows.id AS follow_id FROM follows JOIN accounts ON accounts.id = follows.followee_id WHERE follower_id = $1 AND accepted_at IS NOT NULL AND follows.id < $2 AND follows.id > $3 ORDER BY follows.id DESC LIMIT $4"
    ));
    people(app, query, of, window).await
}

/// Who asks to follow an account, the newest first.
///
/// # Errors
/// What the database says.
pub async fn requests(
    app: &App,
    of: AccountId,
    window: Window,
) -> Result<Vec<(FollowId, Account)>> {
    let query = sql(concat!(
        "SELECT ",
        crate::account_columns!(),
        ", follows.id AS follow_id FROM follows JOIN accounts ON accounts.id = follows.follower_id WHERE followee_id = $1 AND accepted_at IS NULL AND ignored_at IS NULL AND follows.id < $2 AND follows.id > $3 ORDER BY follows.id DESC LIMIT $4"
    ));
    people(app, query, of, window).await
}

async fn people(
    app: &App,
    query: crate::kernel::db::Query,
    of: AccountId,
    window: Window,
) -> Result<Vec<(FollowId, Account)>> {
    let rows = query.bind(of).within(window).all(&app.db).await?;
    Ok(rows
        .iter()
        .map(|row| Ok((row.get("follow_id")?, account_store::read(row)?)))
        .collect::<sqlx::Result<_>>()?)
}

/// The local followers of an account, at most 10,000.
///
/// # Errors
/// What the database says.
pub async fn local_followers(conn: impl Conn, of: AccountId) -> sqlx::Result<Vec<AccountId>> {
    let rows = sql("SELECT follower_id FROM follows JOIN accounts ON accounts.id = follows.follower_id WHERE followee_id = $1 AND accepted_at IS NOT NULL AND accounts.kind = 'local' LIMIT 10000")
        .bind(of)
        .all(conn)
        .await?;
    rows.iter().map(|row| row.get("follower_id")).collect()
}

/// The uris of an account's followers whose home is one host, in order, at most so many; for comparing with that node.
///
/// # Errors
/// What the database says.
pub async fn follower_uris_on(
    conn: impl Conn,
    of: AccountId,
    host: &str,
    most: i64,
) -> sqlx::Result<Vec<String>> {
    let rows = sql("SELECT uri FROM accounts WHERE host = $2 AND id IN (SELECT follower_id FROM follows WHERE followee_id = $1 AND accepted_at IS NOT NULL) ORDER BY uri LIMIT $3")
        .bind(of)
        .bind(host)
        .bind(most)
        .all(conn)
        .await?;
    rows.iter().map(|row| row.get("uri")).collect()
}

/// The local accounts that follow a remote one and were accepted, with the follow.
///
/// # Errors
/// What the database says.
pub async fn local_follows_of(app: &App, followee: AccountId) -> Result<Vec<(Follow, Account)>> {
    let rows =
        sql(concat!("SELECT ", follow_columns!(), " FROM follows WHERE followee_id = $1 AND follower_id IN (SELECT id FROM accounts WHERE kind = 'local') LIMIT 10000"))
            .bind(followee)
            .all(&app.db)
            .await?;
    let all: Vec<Follow> = rows.iter().map(read).collect::<sqlx::Result<_>>()?;
    let followers: Vec<AccountId> = all.iter().map(|follow| follow.follower).collect();
    let followers = account_store::list(&app.db, &followers).await?;
    let mut of: HashMap<AccountId, Account> = followers
        .into_iter()
        .map(|account| (account.id, account))
        .collect();
    let found = all.into_iter().filter_map(|follow| {
        of.remove(&follow.follower)
            .map(|follower| (follow, follower))
    });
    Ok(found.collect())
}
