//! Blocks and mutes, of accounts and, by a member, of whole nodes.

use super::{follows, undone};
use std::collections::HashMap;

use crate::accounts::{Account, store as account_store};
use crate::app::App;
use crate::error::{Error, Result};
use crate::jobs::{self, Job};
use crate::kernel::clock::Time;
use crate::kernel::crypt;
use crate::kernel::db::{Conn, Tx, sql};
use crate::kernel::id::AccountId;

/// Whether one account blocks another.
///
/// # Errors
/// What the database says.
pub async fn blocks(conn: impl Conn, who: AccountId, whom: AccountId) -> sqlx::Result<bool> {
    Ok(
        sql("SELECT target_id FROM blocks WHERE account_id = $1 AND target_id = $2")
            .bind(who)
            .bind(whom)
            .optional(conn)
            .await?
            .is_some(),
    )
}

/// Whether a block stands between two accounts, whoever made it.
///
/// # Errors
/// What the database says.
pub async fn between(conn: impl Conn, a: AccountId, b: AccountId) -> sqlx::Result<bool> {
    let row =
        sql("SELECT target_id FROM blocks WHERE (account_id = $1 AND target_id = $2) OR (account_id = $2 AND target_id = $1) LIMIT 1")
            .bind(a)
            .bind(b)
            .optional(conn)
            .await?;
    Ok(row.is_some())
}

/// Whom an account blocks by the Block with this id.
///
/// # Errors
/// What the database says.
pub async fn find_by_uri(
    conn: impl Conn,
    who: AccountId,
    uri: &str,
) -> sqlx::Result<Option<AccountId>> {
    let row = sql("SELECT target_id FROM blocks WHERE account_id = $1 AND uri = $2 LIMIT 1")
        .bind(who)
        .bind(uri)
        .optional(conn)
        .await?;
    row.map(|row| row.get("target_id")).transpose()
}

/// Whether a viewer mutes an account, its notifications included.
///
/// # Errors
/// What the database says.
pub async fn mutes_notifications(
    conn: impl Conn,
    viewer: AccountId,
    other: &Account,
) -> sqlx::Result<bool> {
    Ok(
        sql("SELECT target_id FROM mutes WHERE account_id = $1 AND target_id = $2 AND notifications = 1")
            .bind(viewer)
            .bind(other.id)
            .optional(conn)
            .await?
            .is_some(),
    )
}

/// Whether a viewer mutes a whole node.
///
/// # Errors
/// What the database says.
pub async fn is_node_muted(conn: impl Conn, viewer: AccountId, host: &str) -> sqlx::Result<bool> {
    Ok(
        sql("SELECT host FROM muted_nodes WHERE account_id = $1 AND host = $2")
            .bind(viewer)
            .bind(host)
            .optional(conn)
            .await?
            .is_some(),
    )
}

/// A member blocks somebody: follows end both ways and the other's node is told.
///
/// # Errors
/// `Invalid` for oneself.
pub async fn block(app: &App, who: &Account, whom: &Account) -> Result<()> {
    if who.id == whom.id {
        return Err(Error::invalid("account", "error-block-self"));
    }
    let now = app.clock.now();
    let uri = app.origin().at(&format!("/activities/{}", crypt::opaque()));
    let mut tx = app.db.begin().await?;
    let remote = !whom.is_local();
    if remote {
        tell_of_ends(&mut tx, now, who, whom).await?;
    }
    if write(&mut tx, app, who, whom, &uri).await? && remote {
        jobs::enqueue(
            &mut tx,
            now,
            Job::SendBlock {
                account: who.id,
                target: whom.id,
                uri,
            },
        )
        .await?;
    }
    tx.commit().await?;
    app.wake.notify_waiters();
    Ok(())
}

/// Says to somebody elsewhere, before they are blocked, that no follow stands in either direction: a Block alone ends
/// none of them at some, and then nobody can follow again when it is taken back.
async fn tell_of_ends(tx: &mut Tx, now: Time, who: &Account, whom: &Account) -> sqlx::Result<()> {
    if let Some(follow) = follows::find(&mut *tx, who.id, whom.id).await? {
        let undo = Job::SendUnfollow {
            uri: follow.uri,
            follower: who.id,
            followee: whom.id,
        };
        jobs::enqueue(&mut *tx, now, undo).await?;
    }
    if let Some(follow) = follows::find(&mut *tx, whom.id, who.id).await? {
        let reject = Job::SendReject {
            uri: follow.uri,
            follower: whom.id,
            followee: who.id,
        };
        jobs::enqueue(tx, now, reject).await?;
    }
    Ok(())
}

/// A Block arrived: somebody elsewhere blocks one of ours.
///
/// # Errors
/// What the database says.
pub async fn receive(app: &App, who: &Account, whom: &Account, uri: &str) -> Result<()> {
    let mut tx = app.db.begin().await?;
    write(&mut tx, app, who, whom, uri).await?;
    tx.commit().await?;
    Ok(())
}

async fn write(tx: &mut Tx, app: &App, who: &Account, whom: &Account, uri: &str) -> Result<bool> {
    sql("DELETE FROM notifications WHERE (account_id = $1 AND from_id = $2) OR (account_id = $2 AND from_id = $1)")
        .bind(who.id)
        .bind(whom.id)
        .run(&mut *tx)
        .await?;
    let touched = sql("INSERT INTO blocks (account_id, target_id, uri, created_at) VALUES ($1, $2, $3, $4) ON CONFLICT (account_id, target_id) DO NOTHING")
        .bind(who.id)
        .bind(whom.id)
        .bind(uri)
        .bind(app.clock.now())
        .run(&mut *tx)
        .await?;
    for (follower, followee) in [(who.id, whom.id), (whom.id, who.id)] {
        if let Some(follow) = follows::find(&mut *tx, follower, followee).await? {
            follows::delete(&mut *tx, &follow).await?;
            undone::ended(&mut *tx, &follow.uri, app.clock.now()).await?;
        }
    }
    Ok(touched == 1)
}

/// Takes a block back; whoever made it.
///
/// # Errors
/// What the database says.
pub async fn unblock(app: &App, who: &Account, whom: &Account) -> Result<()> {
    let now = app.clock.now();
    let mut tx = app.db.begin().await?;
    let row = sql("DELETE FROM blocks WHERE account_id = $1 AND target_id = $2 RETURNING uri")
        .bind(who.id)
        .bind(whom.id)
        .optional(&mut tx)
        .await?;
    if let Some(row) = row
        && who.is_local()
        && !whom.is_local()
    {
        jobs::enqueue(
            &mut tx,
            now,
            Job::SendUnblock {
                account: who.id,
                target: whom.id,
                uri: row.get("uri")?,
            },
        )
        .await?;
    }
    tx.commit().await?;
    app.wake.notify_waiters();
    Ok(())
}

/// How somebody is muted.
#[derive(Clone, Copy, Debug)]
pub struct Mute {
    /// Whether their notifications are muted too.
    pub notifications: bool,
    /// Until when; for good where it is not told.
    pub until: Option<Time>,
}

impl Mute {
    /// Everything of theirs, for good.
    pub const WHOLE: Self = Self {
        notifications: true,
        until: None,
    };
}

/// A member mutes somebody, or hears them again; nobody is told.
///
/// # Errors
/// `Invalid` for oneself.
pub async fn set_muted(app: &App, who: &Account, whom: &Account, mute: Option<Mute>) -> Result<()> {
    if who.id == whom.id {
        return Err(Error::invalid("account", "error-block-self"));
    }
    if let Some(mute) = mute {
        let now = app.clock.now();
        let mut tx = app.db.begin().await?;
        sql("INSERT INTO mutes (account_id, target_id, created_at, notifications, until) VALUES ($1, $2, $3, $4, $5) ON CONFLICT (account_id, target_id) DO UPDATE SET notifications = EXCLUDED.notifications, until = EXCLUDED.until")
            .bind(who.id)
            .bind(whom.id)
            .bind(now)
            .bind(mute.notifications)
            .bind(mute.until)
            .run(&mut tx)
            .await?;
        if let Some(until) = mute.until {
            let job = Job::EndMute {
                account: who.id,
                target: whom.id,
            };
            jobs::enqueue_at(&mut tx, now, until, job).await?;
        }
        tx.commit().await?;
    } else {
        sql("DELETE FROM mutes WHERE account_id = $1 AND target_id = $2")
            .bind(who.id)
            .bind(whom.id)
            .run(&app.db)
            .await?;
    }
    Ok(())
}

/// A member mutes a whole node, or hears it again.
///
/// # Errors
/// What the database says.
pub async fn set_node_muted(app: &App, who: AccountId, host: &str, muted: bool) -> Result<()> {
    if muted {
        sql("INSERT INTO muted_nodes (account_id, host, created_at) VALUES ($1, $2, $3) ON CONFLICT (account_id, host) DO NOTHING")
            .bind(who)
            .bind(host)
            .bind(app.clock.now())
            .run(&app.db)
            .await?;
    } else {
        sql("DELETE FROM muted_nodes WHERE account_id = $1 AND host = $2")
            .bind(who)
            .bind(host)
            .run(&app.db)
            .await?;
    }
    Ok(())
}

/// Until when a member mutes somebody, of those whom they do not mute for good.
///
/// # Errors
/// What the database says.
pub async fn mutes_that_end(app: &App, who: AccountId) -> Result<HashMap<AccountId, Time>> {
    let rows = sql("SELECT target_id, until FROM mutes WHERE account_id = $1 AND until IS NOT NULL ORDER BY created_at DESC LIMIT 500")
        .bind(who)
        .all(&app.db)
        .await?;
    let pairs = rows
        .iter()
        .map(|row| Ok((row.get("target_id")?, row.get("until")?)));
    Ok(pairs.collect::<sqlx::Result<_>>()?)
}

/// Whom a member blocks and mutes, and the nodes they mute.
///
/// # Errors
/// What the database says.
pub async fn list(app: &App, who: AccountId) -> Result<(Vec<Account>, Vec<Account>, Vec<String>)> {
    let blocked = sql(concat!("SELECT ", crate::account_columns!(), " FROM blocks JOIN accounts ON accounts.id = blocks.target_id WHERE blocks.account_id = $1 ORDER BY blocks.created_at DESC LIMIT 500")).bind(who).all(&app.db).await?;
    let muted = sql(concat!("SELECT ", crate::account_columns!(), " FROM mutes JOIN accounts ON accounts.id = mutes.target_id WHERE mutes.account_id = $1 ORDER BY mutes.created_at DESC LIMIT 500")).bind(who).all(&app.db).await?;
    let nodes = sql("SELECT host FROM muted_nodes WHERE account_id = $1 ORDER BY host")
        .bind(who)
        .all(&app.db)
        .await?;
    Ok((
        account_store::read_all(&blocked)?,
        account_store::read_all(&muted)?,
        nodes
            .iter()
            .map(|row| row.get("host"))
            .collect::<sqlx::Result<_>>()?,
    ))
}
