//! Delivering: a host is leased by one worker at a time, one request in flight for each inbox, up to four inboxes of a host.

mod mending;
mod sending;
mod waiting;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use futures_util::StreamExt as _;

pub use mending::{follow_inbox, mend_inbox, set_right, sweep};

use sending::{Sent, send};
use waiting::Delivery;

use crate::app::App;
use crate::jobs::{self, Job};
use crate::kernel::clock::Time;
use crate::kernel::crypt;
use crate::kernel::db::{Tx, sql};
use crate::kernel::failpoint;
use crate::kernel::id::{AccountId, InboxId, NodeId};
use crate::nodes::measures::Severity;
use crate::nodes::{self, Node, health};
use crate::relations::digests;

/// How long a host is leased.
const LEASE: Duration = Duration::from_secs(30);
/// How often a lease is renewed.
const RENEW: Duration = Duration::from_secs(10);
/// Inboxes of one host at a time.
const INBOXES: usize = 4;
/// Rows read at once.
const BATCH: i64 = 64;
/// After how many refusals of one row it is put aside while others succeed.
const TRIES: i64 = 3;
/// How long what was refused is left alone before it is tried again.
const PAUSE: Duration = Duration::from_secs(60);
/// How long a signature may be unknown before the row is given up.
const UNKNOWN: Duration = Duration::from_secs(86_400);
/// How long a host waits that could not be sent to for a reason of ours.
const SHORT: Duration = Duration::from_secs(30);
/// How long a row is put aside.
const PARK: Duration = Duration::from_secs(21_600);

/// A host that is ours for a while.
#[derive(Clone, Copy, Debug)]
pub struct Lease {
    node: NodeId,
    number: i64,
}

/// How a host was the last time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Health {
    /// It took what it got.
    Well,
    /// It failed; such hosts have a small share of their own, so that they delay nobody else.
    Failing,
}

/// Leases up to `most` hosts of this health that something waits for.
///
/// # Errors
/// What the database says.
pub async fn claim(app: &App, health: Health, most: i64) -> sqlx::Result<Vec<Lease>> {
    let now = app.clock.now();
    if !app.federates() || most < 1 {
        return Ok(Vec::new());
    }
    let number = i64::from(u32::from_le_bytes(crypt::random()));
    // From one host that something waits for to the next: those that have nothing to get are not looked at.
    let rows = sql("UPDATE nodes SET leased_until = $2, lease = $3 WHERE id IN (WITH RECURSIVE hosts (id) AS (SELECT MIN(node_id) FROM deliveries WHERE dead_at IS NULL UNION ALL SELECT (SELECT MIN(node_id) FROM deliveries WHERE dead_at IS NULL AND node_id > hosts.id) FROM hosts WHERE hosts.id IS NOT NULL) SELECT nodes.id FROM hosts CROSS JOIN nodes WHERE nodes.id = hosts.id AND next_attempt_at <= $1 AND leased_until <= $1 AND suspended_at IS NULL AND (failures > 0) = ($5 = 1) AND EXISTS (SELECT 1 FROM deliveries JOIN inboxes ON inboxes.id = deliveries.inbox_id WHERE deliveries.node_id = nodes.id AND dead_at IS NULL AND parked_until <= $1 AND inboxes.waits_until <= $1) ORDER BY next_attempt_at, nodes.id LIMIT $4) RETURNING id")
        .on_postgres("WITH RECURSIVE hosts (id) AS (SELECT MIN(node_id) FROM deliveries WHERE dead_at IS NULL UNION ALL SELECT (SELECT MIN(node_id) FROM deliveries WHERE dead_at IS NULL AND node_id > hosts.id) FROM hosts WHERE hosts.id IS NOT NULL), due AS MATERIALIZED (SELECT nodes.id FROM hosts JOIN nodes ON nodes.id = hosts.id WHERE next_attempt_at <= $1 AND leased_until <= $1 AND suspended_at IS NULL AND (failures > 0) = ($5 = 1) AND EXISTS (SELECT 1 FROM deliveries JOIN inboxes ON inboxes.id = deliveries.inbox_id WHERE deliveries.node_id = nodes.id AND dead_at IS NULL AND parked_until <= $1 AND inboxes.waits_until <= $1) ORDER BY next_attempt_at, nodes.id LIMIT $4 FOR UPDATE OF nodes SKIP LOCKED) UPDATE nodes SET leased_until = $2, lease = $3 WHERE id IN (SELECT id FROM due) RETURNING id")
        .bind(now)
        .bind(now.plus(LEASE))
        .bind(number)
        .bind(most)
        .bind(health == Health::Failing)
        .all(&app.db)
        .await?;
    rows.iter()
        .map(|row| {
            Ok(Lease {
                node: row.get("id")?,
                number,
            })
        })
        .collect()
}

/// Sends what waits for a leased host, batch by batch, renewing the lease meanwhile, and gives it back.
///
/// # Errors
/// What the database says, or that the host is somebody else's by now.
pub async fn serve_host(app: &App, lease: Lease) -> anyhow::Result<()> {
    let outcome = tokio::select! {
        outcome = serve_batches(app, lease) => outcome,
        outcome = keep(app, lease) => outcome,
    };
    sql("UPDATE nodes SET leased_until = 0 WHERE id = $1 AND lease = $2")
        .bind(lease.node)
        .bind(lease.number)
        .run(&app.db)
        .await?;
    outcome
}

/// Renews the lease again and again; ends only when it was lost.
async fn keep(app: &App, lease: Lease) -> anyhow::Result<()> {
    loop {
        tokio::time::sleep(RENEW).await;
        renew(app, lease).await?;
    }
}

async fn renew(app: &App, lease: Lease) -> anyhow::Result<()> {
    let until = app.clock.now().plus(LEASE);
    let touched = sql("UPDATE nodes SET leased_until = $1 WHERE id = $2 AND lease = $3")
        .bind(until)
        .bind(lease.node)
        .bind(lease.number)
        .run(&app.db)
        .await?;
    anyhow::ensure!(touched == 1, "the host is another worker's by now");
    Ok(())
}

async fn serve_batches(app: &App, lease: Lease) -> anyhow::Result<()> {
    loop {
        renew(app, lease).await?;
        let row = sql("SELECT host FROM nodes WHERE id = $1")
            .bind(lease.node)
            .one(&app.db)
            .await?;
        let host: String = row.get("host")?;
        let Some(node) = nodes::find(app, &host).await? else {
            return Ok(());
        };
        if nodes::is_blocked(app, &host).await? {
            if nodes::measures::about(app, &host).await?.severity < Severity::Suspend {
                // A house that talks to named nodes only keeps what waits for the others.
                sql("UPDATE nodes SET next_attempt_at = $1 WHERE id = $2")
                    .bind(app.clock.now().plus(PARK))
                    .bind(lease.node)
                    .run(&app.db)
                    .await?;
                return Ok(());
            }
            sql("DELETE FROM deliveries WHERE node_id = $1")
                .bind(lease.node)
                .run(&app.db)
                .await?;
            return Ok(());
        }
        // A host that failed five times gets one probe, not a batch.
        let most = if node.failures >= 5 { 1 } else { BATCH };
        let waiting = waiting::batch(app, lease.node, most).await?;
        if waiting.is_empty() || !send_batch(app, &node, waiting).await? {
            return Ok(());
        }
    }
}

/// Sends a batch, inboxes beside each other, each in order; whether the host may get the next one.
async fn send_batch(app: &App, node: &Node, waiting: Vec<Delivery>) -> anyhow::Result<bool> {
    let followed: BTreeSet<AccountId> = waiting
        .iter()
        .filter(|one| one.followers_of.is_some())
        .map(|one| one.sender)
        .collect();
    let mut lanes: BTreeMap<InboxId, Vec<Delivery>> = BTreeMap::new();
    for delivery in waiting {
        lanes.entry(delivery.inbox).or_default().push(delivery);
    }
    // Made before several are sent side by side, which only read it then.
    for sender in followed {
        digests::get(app, sender, &node.host).await?;
    }
    let results: Vec<Vec<(Delivery, Sent)>> =
        futures_util::stream::iter(lanes.into_values().map(|lane| send_lane(app, node, lane)))
            .buffer_unordered(INBOXES)
            .collect()
            .await;
    let now = app.clock.now();
    let results: Vec<(Delivery, Sent)> = results.into_iter().flatten().collect();
    failpoint::reach("delivery.before_outcome", &node.host);
    let success = results.iter().any(|(_, result)| result.is_an_answer());
    let mut verdict = Verdict::Goes;
    let mut tx = app.db.begin().await?;
    for (delivery, result) in results {
        let one = note(&mut tx, &delivery, result, success, now).await?;
        verdict = verdict.and(one);
    }
    match &verdict {
        Verdict::Fails { error, asked } => {
            tracing::warn!(host = node.host, error, "deliveries to a host fail");
            health::failed(&mut tx, node, now, error, *asked).await?;
        }
        Verdict::Ours => health::put_off(&mut tx, node.id, now.plus(SHORT)).await?,
        Verdict::Goes if success => health::succeeded(&mut tx, node.id, now).await?,
        Verdict::Goes => {}
    }
    tx.commit().await?;
    Ok(matches!(verdict, Verdict::Goes))
}

/// What a batch says about its host.
#[derive(Debug)]
enum Verdict {
    /// It takes what it gets.
    Goes,
    /// Nothing more for a while, without a mark against the host: it is we who are not well.
    Ours,
    /// It is not well.
    Fails {
        error: String,
        asked: Option<Duration>,
    },
}

impl Verdict {
    /// Both together: the graver one.
    fn and(self, other: Self) -> Self {
        match (&self, &other) {
            (Self::Fails { .. }, _) | (Self::Ours, Self::Goes) => self,
            _ => other,
        }
    }
}

/// Notes what came of one request.
async fn note(
    tx: &mut Tx,
    delivery: &Delivery,
    result: Sent,
    success: bool,
    now: Time,
) -> anyhow::Result<Verdict> {
    let row = |statement: crate::kernel::db::Query| {
        statement.bind(delivery.activity).bind(delivery.inbox)
    };
    let leads_elsewhere = matches!(result, Sent::Elsewhere { .. });
    match result {
        Sent::Delivered => {
            row(sql(
                "DELETE FROM deliveries WHERE activity_id = $1 AND inbox_id = $2",
            ))
            .run(tx)
            .await?;
        }
        Sent::Host {
            error,
            asked,
            arrived,
        } => {
            // A row that fails again and again while the host takes others does not hold them up.
            let poison = success && delivery.attempts + 1 >= TRIES;
            let parked = if poison { now.plus(PARK) } else { Time(0) };
            row(sql("UPDATE deliveries SET attempts = attempts + 1, last_error = $3, parked_until = $4, unknown_since = NULL, begun_at = CASE WHEN $5 = 1 THEN begun_at ELSE $6 END WHERE activity_id = $1 AND inbox_id = $2"))
                .bind(&error)
                .bind(parked)
                .bind(arrived)
                .bind(delivery.begun_before)
                .run(tx)
                .await?;
            if !poison {
                return Ok(Verdict::Fails { error, asked });
            }
        }
        Sent::Unknown { error } => {
            let since = delivery.unknown_since.unwrap_or(now);
            let dead_at = (now.since(since) >= UNKNOWN).then_some(now);
            row(sql("UPDATE deliveries SET attempts = attempts + 1, last_error = $3, unknown_since = $4, dead_at = $5 WHERE activity_id = $1 AND inbox_id = $2"))
                .bind(&error)
                .bind(since)
                .bind(dead_at)
                .run(tx)
                .await?;
            return Ok(Verdict::Fails { error, asked: None });
        }
        Sent::Ours { error } => {
            tracing::error!(error, "a delivery could not leave");
            return Ok(Verdict::Ours);
        }
        Sent::Row { error, dead } => {
            let dead_at = (dead || delivery.attempts + 1 >= TRIES).then_some(now);
            // It is tried again by itself; others are not held up by what is wrong with this one.
            row(sql("UPDATE deliveries SET attempts = attempts + 1, last_error = $3, dead_at = $4, parked_until = $5 WHERE activity_id = $1 AND inbox_id = $2"))
                .bind(&error)
                .bind(dead_at)
                .bind(now.plus(PAUSE))
                .run(&mut *tx)
                .await?;
        }
        Sent::Gone { error } | Sent::Elsewhere { error } => {
            return note_moved(tx, delivery, leads_elsewhere, error, now).await;
        }
    }
    Ok(Verdict::Goes)
}

/// Notes that an inbox is no more, or leads elsewhere: its owners are asked where it is.
async fn note_moved(
    tx: &mut Tx,
    delivery: &Delivery,
    leads_elsewhere: bool,
    error: String,
    now: Time,
) -> anyhow::Result<Verdict> {
    sql("UPDATE deliveries SET attempts = attempts + 1, last_error = $3 WHERE activity_id = $1 AND inbox_id = $2")
        .bind(delivery.activity)
        .bind(delivery.inbox)
        .bind(&error)
        .run(&mut *tx)
        .await?;
    if leads_elsewhere {
        jobs::enqueue(tx, now, Job::FollowInbox(delivery.inbox)).await?;
        return Ok(Verdict::Fails { error, asked: None });
    }
    // Whoever had this inbox may have another one by now.
    pause(tx, delivery.inbox, now.plus(PARK)).await?;
    jobs::enqueue(tx, now, Job::MendInbox(delivery.inbox)).await?;
    Ok(Verdict::Goes)
}

async fn pause(tx: &mut Tx, inbox: InboxId, until: Time) -> sqlx::Result<()> {
    sql("UPDATE inboxes SET waits_until = $1 WHERE id = $2")
        .bind(until)
        .bind(inbox)
        .run(tx)
        .await?;
    Ok(())
}

/// Sends to one inbox, in order, until something fails. A row that failed again and again is stepped
/// over once, to see whether it is the row or the host.
async fn send_lane(app: &App, node: &Node, lane: Vec<Delivery>) -> Vec<(Delivery, Sent)> {
    let mut done = Vec::new();
    let mut probing = false;
    for delivery in lane {
        let result = send(app, node, &delivery).await;
        let poison = delivery.attempts + 1 >= TRIES && !probing;
        let stop = match result {
            Sent::Host { .. } => !poison,
            Sent::Unknown { .. }
            | Sent::Gone { .. }
            | Sent::Elsewhere { .. }
            | Sent::Ours { .. } => true,
            Sent::Row { dead, .. } => !dead && delivery.attempts + 1 < TRIES,
            Sent::Delivered => false,
        };
        probing |= matches!(result, Sent::Host { .. });
        done.push((delivery, result));
        if stop {
            break;
        }
    }
    done
}
