//! Later work: written in the transaction of the change it follows from, done by `worker.rs`.
//!
//! A job carries ids and is safe to run twice; its performer reloads and stops quietly where nothing is left to do.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::kernel::clock::Time;
use crate::kernel::db::{Conn, Db, Row, ids, sql};
use crate::kernel::id::{AccountId, FollowId, JobId, MailId, NodeId, PostId, ReportId, StampId};

/// Who gets to hear of something whose row is gone when the job runs.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Reach {
    /// The author's followers.
    pub followers: bool,
    /// Named accounts.
    pub people: Vec<AccountId>,
}

/// What a notification is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Notice {
    /// A post names the account.
    Mention,
    /// Somebody follows.
    Follow,
    /// Somebody asks to follow.
    FollowRequest,
    /// A post is somebody's favourite.
    Favourite,
    /// A post was boosted.
    Boost,
    /// A poll ended.
    Poll,
    /// A boosted post was edited.
    Edit,
    /// A post was quoted.
    Quote,
}

impl Notice {
    /// Its name in the database.
    pub fn name(self) -> &'static str {
        match self {
            Self::Mention => "mention",
            Self::Follow => "follow",
            Self::FollowRequest => "follow_request",
            Self::Favourite => "favourite",
            Self::Boost => "boost",
            Self::Poll => "poll",
            Self::Edit => "edit",
            Self::Quote => "quote",
        }
    }

    /// Reads its name.
    pub fn parse(name: &str) -> Option<Self> {
        [
            Self::Mention,
            Self::Follow,
            Self::FollowRequest,
            Self::Favourite,
            Self::Boost,
            Self::Poll,
            Self::Edit,
            Self::Quote,
        ]
        .into_iter()
        .find(|notice| notice.name() == name)
    }
}

/// A unit of later work.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Job {
    /// Send a Follow.
    SendFollow(FollowId),
    /// Look an account up and follow it, as asked on the command line.
    FollowHandle { account: AccountId, handle: String },
    /// Send the Undo of a Follow.
    SendUnfollow {
        uri: String,
        follower: AccountId,
        followee: AccountId,
    },
    /// Send the Accept of a Follow.
    SendAccept {
        uri: String,
        follower: AccountId,
        followee: AccountId,
    },
    /// Send the Reject of a Follow.
    SendReject {
        uri: String,
        follower: AccountId,
        followee: AccountId,
    },
    /// Send a new post.
    SendPost(PostId),
    /// Send a post that changed.
    SendEdit { post: PostId, version: i64 },
    /// Send the Delete of a post.
    SendDelete {
        account: AccountId,
        uri: String,
        reach: Reach,
    },
    /// Send a boost.
    SendBoost(PostId),
    /// Send the Undo of a boost.
    SendUnboost {
        account: AccountId,
        uri: String,
        object: String,
        author: AccountId,
    },
    /// Send a favourite.
    SendFavourite { account: AccountId, post: PostId },
    /// Send the Undo of a favourite.
    SendUnfavourite {
        account: AccountId,
        uri: String,
        object: String,
        author: AccountId,
    },
    /// Send votes.
    SendVotes { account: AccountId, post: PostId },
    /// Send a Block.
    SendBlock {
        account: AccountId,
        target: AccountId,
        uri: String,
    },
    /// Send the Undo of a Block.
    SendUnblock {
        account: AccountId,
        target: AccountId,
        uri: String,
    },
    /// Forward a report to the node of the reported account.
    SendReport(ReportId),
    /// Send a profile that changed.
    SendProfile { account: AccountId, version: i64 },
    /// Send the Delete of an account.
    SendFarewell(AccountId),
    /// Remove what an ended remote account left.
    EraseAccount(AccountId),
    /// Send the Move of an account.
    SendMove(AccountId),
    /// Send that a post was pinned or unpinned.
    SendPin {
        account: AccountId,
        post_uri: String,
        pinned: bool,
        at: i64,
    },
    /// Ask to quote.
    SendQuoteRequest(PostId),
    /// Answer a request to quote: with the consent's id, or with none.
    SendQuoteAnswer {
        account: AccountId,
        to: AccountId,
        request: serde_json::Value,
        stamp: Option<StampId>,
    },
    /// Send that a consent to be quoted was taken back.
    SendStampDelete {
        account: AccountId,
        stamp: StampId,
        to: AccountId,
    },
    /// Close a poll and tell who voted.
    ClosePoll(PostId),
    /// Fetch the older public posts of a newly followed account.
    Backfill(AccountId),
    /// Fetch what a post answers.
    FetchParent(PostId),
    /// Fetch what answers a post.
    FetchReplies(PostId),
    /// Fetch a quoted post and check the consent.
    FetchQuote(PostId),
    /// Check the domain of a remote account's handle.
    CheckHandle(AccountId),
    /// Let the followers of a moved account follow the new one.
    FollowMove(AccountId),
    /// Learn what software a node runs.
    FetchNodeInfo(NodeId),
    /// Bring a remote account up to date.
    Refresh(AccountId),
    /// Compare the followers another node has in mind with ours (FEP-8fcf).
    SyncFollowers {
        account: AccountId,
        url: String,
        digest: String,
    },
    /// Tell a local account about something.
    Notify {
        account: AccountId,
        kind: Notice,
        from: AccountId,
        post: Option<PostId>,
    },
    /// Send a mail.
    SendMail(MailId),
}

impl Job {
    /// Whether it writes activities that leave; those are performed in the order they were enqueued.
    pub fn leaves(&self) -> bool {
        self.name().starts_with("send_") && !matches!(self, Self::SendMail(_))
    }

    /// The job's name, for the operator's page.
    pub fn name(&self) -> String {
        match serde_json::to_value(self) {
            Ok(serde_json::Value::Object(map)) => map.keys().next().cloned().unwrap_or_default(),
            _ => String::new(),
        }
    }
}

/// A job taken by a worker.
#[derive(Debug)]
pub struct Claimed {
    /// Its row.
    pub id: JobId,
    /// What is to be done.
    pub job: Job,
    /// How often it was tried, this time included.
    pub attempts: i64,
}

/// How long a worker may take before another may try.
const LEASE: Duration = Duration::from_secs(120);
/// After how many tries a job is put aside.
const TRIES: i64 = 8;

/// Writes a job that is due now.
///
/// # Errors
/// What the database says.
pub async fn enqueue(conn: impl Conn, now: Time, job: Job) -> sqlx::Result<()> {
    enqueue_at(conn, now, now, job).await
}

/// Writes a job that is due at `run_at`.
///
/// # Errors
/// What the database says.
pub async fn enqueue_at(conn: impl Conn, now: Time, run_at: Time, job: Job) -> sqlx::Result<()> {
    let body = serde_json::to_string(&job).map_err(|error| sqlx::Error::Encode(error.into()))?;
    sql("INSERT INTO jobs (id, kind, body, run_at) VALUES ($1, $2, $3, $4)")
        .bind(JobId::mint(now))
        .bind(job.name())
        .bind(body)
        .bind(run_at)
        .run(conn)
        .await?;
    Ok(())
}

/// Takes up to `most` jobs that are due; nobody else gets them for a while.
///
/// # Errors
/// What the database says.
pub async fn claim(db: &Db, now: Time, most: i64) -> sqlx::Result<Vec<Claimed>> {
    let rows = sql("UPDATE jobs SET leased_until = $3, attempts = attempts + 1 WHERE id IN (SELECT id FROM jobs WHERE dead_at IS NULL AND run_at <= $1 AND leased_until <= $1 ORDER BY run_at, id LIMIT $2) RETURNING *")
        .on_postgres("WITH due AS MATERIALIZED (SELECT id FROM jobs WHERE dead_at IS NULL AND run_at <= $1 AND leased_until <= $1 ORDER BY run_at, id LIMIT $2 FOR UPDATE SKIP LOCKED) UPDATE jobs SET leased_until = $3, attempts = attempts + 1 WHERE id IN (SELECT id FROM due) RETURNING *")
        .bind(now)
        .bind(most)
        .bind(now.plus(LEASE))
        .all(db)
        .await?;
    let mut claimed = Vec::new();
    for row in &rows {
        match read(row) {
            Ok(job) => claimed.push(job),
            // Written by another version of the program: kept aside, the others go on.
            Err(error) => {
                sql("UPDATE jobs SET dead_at = $1, last_error = $2 WHERE id = $3")
                    .bind(now)
                    .bind(error.to_string())
                    .bind(row.get::<JobId>("id")?)
                    .run(db)
                    .await?;
            }
        }
    }
    claimed.sort_by_key(|job| job.id);
    Ok(claimed)
}

fn read(row: &Row) -> sqlx::Result<Claimed> {
    let body: String = row.get("body")?;
    let job = serde_json::from_str(&body).map_err(|error| sqlx::Error::Decode(error.into()))?;
    Ok(Claimed {
        id: row.get("id")?,
        job,
        attempts: row.get("attempts")?,
    })
}

/// Keeps a job that is under way.
///
/// # Errors
/// What the database says.
pub async fn renew(conn: impl Conn, now: Time, id: JobId) -> sqlx::Result<()> {
    sql("UPDATE jobs SET leased_until = $1 WHERE id = $2")
        .bind(now.plus(LEASE))
        .bind(id)
        .run(conn)
        .await?;
    Ok(())
}

/// Removes a job that is done.
///
/// # Errors
/// What the database says.
pub async fn finish(conn: impl Conn, id: JobId) -> sqlx::Result<()> {
    sql("DELETE FROM jobs WHERE id = $1")
        .bind(id)
        .run(conn)
        .await?;
    Ok(())
}

/// Puts a failed job back for later, or aside for the operator when it was tried often enough.
///
/// # Errors
/// What the database says.
pub async fn give_back(conn: impl Conn, now: Time, job: &Claimed, error: &str) -> sqlx::Result<()> {
    let wait = [10, 60, 300, 1800, 7200, 21600, 43200]
        [usize::try_from(job.attempts - 1).unwrap_or(0).min(6)];
    let dead_at = (job.attempts >= TRIES).then_some(now);
    sql("UPDATE jobs SET run_at = $1, leased_until = 0, last_error = $2, dead_at = $3 WHERE id = $4")
        .bind(now.plus(Duration::from_secs(wait)))
        .bind(error)
        .bind(dead_at)
        .bind(job.id)
        .run(conn)
        .await?;
    Ok(())
}

/// Voids what a predecessor had taken; on SQLite exactly one process serves.
///
/// # Errors
/// What the database says.
pub async fn void_leases(db: &Db) -> sqlx::Result<()> {
    sql("UPDATE jobs SET leased_until = 0 WHERE leased_until > 0")
        .run(db)
        .await?;
    sql("UPDATE received SET leased_until = 0 WHERE leased_until > 0")
        .run(db)
        .await?;
    sql("UPDATE nodes SET leased_until = 0 WHERE leased_until > 0")
        .run(db)
        .await?;
    Ok(())
}

/// How many jobs wait, and how many were put aside.
///
/// # Errors
/// What the database says.
pub async fn counts(db: &Db) -> sqlx::Result<(i64, i64)> {
    let row = sql("SELECT COUNT(*) AS waiting, COUNT(dead_at) AS dead FROM jobs")
        .one(db)
        .await?;
    let (all, dead): (i64, i64) = (row.get("waiting")?, row.get("dead")?);
    Ok((all - dead, dead))
}

/// Lets jobs that were put aside try again.
///
/// # Errors
/// What the database says.
pub async fn retry_dead(db: &Db, now: Time, which: &[JobId]) -> sqlx::Result<u64> {
    sql("UPDATE jobs SET dead_at = NULL, attempts = 0, run_at = $1 WHERE dead_at IS NOT NULL AND id IN (SELECT value FROM json_each($2))")
        .bind(now)
        .bind(ids(which.iter().copied()))
        .run(db)
        .await
}
