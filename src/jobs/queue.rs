//! The queue: written, taken, done, put back or aside.

use std::time::Duration;

use super::Job;
use super::lanes::Lane;
use crate::kernel::clock::Time;
use crate::kernel::db::{Conn, Db, Row, Tx, ids, sql};
use crate::kernel::id::JobId;

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
const LEASE: Duration = Duration::from_secs(60);
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
    sql("INSERT INTO jobs (id, kind, lane, body, run_at) VALUES ($1, $2, $3, $4, $5)")
        .bind(JobId::mint(now))
        .bind(job.name())
        .bind(job.lane().name())
        .bind(body)
        .bind(run_at)
        .run(conn)
        .await?;
    Ok(())
}

/// Writes a job that is due at `run_at`, unless the same one waits already.
///
/// # Errors
/// What the database says.
pub async fn enqueue_once(tx: &mut Tx, now: Time, run_at: Time, job: Job) -> sqlx::Result<()> {
    let body = serde_json::to_string(&job).map_err(|error| sqlx::Error::Encode(error.into()))?;
    let waiting = sql("SELECT id FROM jobs WHERE kind = $1 AND body = $2 AND attempts = 0 AND dead_at IS NULL AND run_at > $3 LIMIT 1")
        .bind(job.name())
        .bind(body)
        .bind(now)
        .optional(&mut *tx)
        .await?;
    if waiting.is_none() {
        enqueue_at(&mut *tx, now, run_at, job).await?;
    }
    Ok(())
}

/// Takes up to `most` jobs of a lane that are due; nobody else gets them for a while. What leaves is taken by nobody
/// while somebody, in whichever process, is at what left before.
///
/// # Errors
/// What the database says.
pub async fn claim(db: &Db, now: Time, lane: Lane, most: i64) -> sqlx::Result<Vec<Claimed>> {
    // Whoever only looks does not write.
    let due = sql("SELECT id FROM jobs WHERE lane = $1 AND dead_at IS NULL AND run_at <= $2 AND leased_until <= $2 LIMIT 1")
        .bind(lane.name())
        .bind(now)
        .optional(db)
        .await?;
    if due.is_none() || most < 1 {
        return Ok(Vec::new());
    }
    let mut tx = db.begin().await?;
    if lane == Lane::Leaving {
        tx.hold(&["jobs that leave"]).await?;
        let busy = sql(
            "SELECT id FROM jobs WHERE lane = $1 AND dead_at IS NULL AND leased_until > $2 LIMIT 1",
        )
        .bind(lane.name())
        .bind(now)
        .optional(&mut tx)
        .await?;
        if busy.is_some() {
            return Ok(Vec::new());
        }
    }
    let rows = sql("UPDATE jobs SET leased_until = $3, attempts = attempts + 1 WHERE id IN (SELECT id FROM jobs WHERE lane = $4 AND dead_at IS NULL AND run_at <= $1 AND leased_until <= $1 ORDER BY run_at, id LIMIT $2) RETURNING id, body, attempts")
        .on_postgres("WITH due AS MATERIALIZED (SELECT id FROM jobs WHERE lane = $4 AND dead_at IS NULL AND run_at <= $1 AND leased_until <= $1 ORDER BY run_at, id LIMIT $2 FOR UPDATE SKIP LOCKED) UPDATE jobs SET leased_until = $3, attempts = attempts + 1 WHERE id IN (SELECT id FROM due) RETURNING id, body, attempts")
        .bind(now)
        .bind(most)
        .bind(now.plus(LEASE))
        .bind(lane.name())
        .all(&mut tx)
        .await?;
    tx.commit().await?;
    let mut claimed = Vec::new();
    for row in &rows {
        match read(row) {
            // Nobody gave it back so often: it ends the program, and would do so at each start.
            Ok(job) if job.attempts > TRIES => {
                sql("UPDATE jobs SET dead_at = $1, last_error = 'the program ended while it was done' WHERE id = $2")
                    .bind(now)
                    .bind(job.id)
                    .run(db)
                    .await?;
            }
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

/// Keeps a job that is under way, or waits for its turn; whether it is still ours.
///
/// # Errors
/// What the database says.
pub async fn renew(conn: impl Conn, now: Time, job: &Claimed) -> sqlx::Result<bool> {
    let touched = sql(
        "UPDATE jobs SET leased_until = $1 WHERE id = $2 AND attempts = $3 AND leased_until > 0",
    )
    .bind(now.plus(LEASE))
    .bind(job.id)
    .bind(job.attempts)
    .run(conn)
    .await?;
    Ok(touched == 1)
}

/// Removes a job that is done, unless somebody else took it meanwhile.
///
/// # Errors
/// What the database says.
pub async fn finish(conn: impl Conn, job: &Claimed) -> sqlx::Result<()> {
    sql("DELETE FROM jobs WHERE id = $1 AND attempts = $2")
        .bind(job.id)
        .bind(job.attempts)
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
    sql("UPDATE jobs SET run_at = $1, leased_until = 0, last_error = $2, dead_at = $3 WHERE id = $4 AND attempts = $5")
        .bind(now.plus(Duration::from_secs(wait)))
        .bind(error)
        .bind(dead_at)
        .bind(job.id)
        .bind(job.attempts)
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
    sql("UPDATE received SET leased_until = 0 WHERE processed_at IS NULL AND leased_until > 0")
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

/// Lets jobs that were put aside try again; how many.
///
/// # Errors
/// What the database says.
pub async fn retry_dead(conn: impl Conn, now: Time, which: &[JobId]) -> sqlx::Result<u64> {
    sql("UPDATE jobs SET dead_at = NULL, attempts = 0, run_at = $1 WHERE dead_at IS NOT NULL AND id IN (SELECT value FROM json_each($2))")
        .bind(now)
        .bind(ids(which.iter().copied()))
        .run(conn)
        .await
}
