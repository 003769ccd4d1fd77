//! Delivering: a host is leased by one worker at a time, one request in flight for each inbox, up to four inboxes of a host.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use futures_util::StreamExt as _;
use http::{HeaderValue, Method, StatusCode, header};
use url::Url;

use super::sign::{self, Scheme};
use super::{CONTENT_TYPE, actor, sync};
use crate::accounts::{self, Account};
use crate::app::App;
use crate::jobs::{self, Job};
use crate::kernel::clock::Time;
use crate::kernel::crypt;
use crate::kernel::db::{Row, Tx, ids, sql};
use crate::kernel::http::{Answer, DOCUMENT, FetchError};
use crate::kernel::id::{AccountId, ActivityId, InboxId, NodeId};
use crate::nodes::measures::Severity;
use crate::nodes::{self, Node, health};

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
/// How long an inbox is left alone after it forbade something.
const PAUSE: Duration = Duration::from_secs(60);
/// How long a signature may be unknown before the row is given up.
const UNKNOWN: Duration = Duration::from_secs(86_400);
/// How long a row is put aside.
const PARK: Duration = Duration::from_secs(21_600);

/// One activity on its way to one inbox.
#[derive(Clone, Debug)]
struct Delivery {
    activity: ActivityId,
    inbox: InboxId,
    url: String,
    sender: AccountId,
    body: String,
    attempts: i64,
    unknown_since: Option<Time>,
    followers_of: Option<i64>,
}

/// What came of one request.
#[derive(Debug)]
enum Sent {
    Delivered,
    /// The host is not well: everything waits.
    Host {
        error: String,
        asked: Option<Duration>,
    },
    /// The host does not know the signature: everything waits, for a day.
    Unknown {
        error: String,
    },
    /// This row is not wanted; others may be.
    Row {
        error: String,
        dead: bool,
    },
    /// Something of ours is not well; the host has no part in it.
    Ours {
        error: String,
    },
    /// The inbox is no more.
    Gone {
        error: String,
    },
}

impl Sent {
    /// Whether the host is there and minds its business.
    fn is_an_answer(&self) -> bool {
        matches!(self, Self::Delivered | Self::Row { .. } | Self::Gone { .. })
    }
}

/// A host that is ours for a while.
#[derive(Clone, Copy, Debug)]
pub struct Lease {
    node: NodeId,
    number: i64,
}

/// Leases up to `most` hosts that something waits for.
///
/// # Errors
/// What the database says.
pub async fn claim(app: &App, most: i64) -> sqlx::Result<Vec<Lease>> {
    let now = app.clock.now();
    if !app.federates() {
        return Ok(Vec::new());
    }
    let number = i64::from(u32::from_le_bytes(crypt::random()));
    let rows = sql("UPDATE nodes SET leased_until = $2, lease = $3 WHERE id IN (SELECT id FROM nodes WHERE next_attempt_at <= $1 AND leased_until <= $1 AND suspended_at IS NULL AND EXISTS (SELECT 1 FROM deliveries JOIN inboxes ON inboxes.id = deliveries.inbox_id WHERE deliveries.node_id = nodes.id AND dead_at IS NULL AND parked_until <= $1 AND inboxes.waits_until <= $1) ORDER BY next_attempt_at, id LIMIT $4) RETURNING id")
        .on_postgres("WITH due AS MATERIALIZED (SELECT id FROM nodes WHERE next_attempt_at <= $1 AND leased_until <= $1 AND suspended_at IS NULL AND EXISTS (SELECT 1 FROM deliveries JOIN inboxes ON inboxes.id = deliveries.inbox_id WHERE deliveries.node_id = nodes.id AND dead_at IS NULL AND parked_until <= $1 AND inboxes.waits_until <= $1) ORDER BY next_attempt_at, id LIMIT $4 FOR UPDATE SKIP LOCKED) UPDATE nodes SET leased_until = $2, lease = $3 WHERE id IN (SELECT id FROM due) RETURNING id")
        .bind(now)
        .bind(now.plus(LEASE))
        .bind(number)
        .bind(most)
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
        let waiting = batch(app, lease.node, app.clock.now(), most).await?;
        if waiting.is_empty() || !send_batch(app, &node, waiting).await? {
            return Ok(());
        }
    }
}

async fn batch(app: &App, node: NodeId, now: Time, most: i64) -> sqlx::Result<Vec<Delivery>> {
    let rows = sql("SELECT deliveries.activity_id, deliveries.inbox_id, deliveries.attempts, deliveries.unknown_since, inboxes.url, activities.account_id, activities.body, activities.followers_of FROM deliveries JOIN activities ON activities.id = deliveries.activity_id JOIN inboxes ON inboxes.id = deliveries.inbox_id WHERE deliveries.node_id = $1 AND deliveries.dead_at IS NULL AND deliveries.parked_until <= $2 AND inboxes.waits_until <= $2 ORDER BY deliveries.activity_id LIMIT $3")
        .bind(node)
        .bind(now)
        .bind(most)
        .all(&app.db)
        .await?;
    let read = |row: &Row| {
        Ok(Delivery {
            activity: row.get("activity_id")?,
            inbox: row.get("inbox_id")?,
            url: row.get("url")?,
            sender: row.get("account_id")?,
            body: row.get("body")?,
            attempts: row.get("attempts")?,
            unknown_since: row.get("unknown_since")?,
            followers_of: row.get("followers_of")?,
        })
    };
    rows.iter().map(read).collect()
}

/// Sends a batch, inboxes beside each other, each in order; whether the host may get the next one.
async fn send_batch(app: &App, node: &Node, waiting: Vec<Delivery>) -> anyhow::Result<bool> {
    let mut lanes: BTreeMap<InboxId, Vec<Delivery>> = BTreeMap::new();
    for delivery in waiting {
        lanes.entry(delivery.inbox).or_default().push(delivery);
    }
    let results: Vec<Vec<(Delivery, Sent)>> =
        futures_util::stream::iter(lanes.into_values().map(|lane| send_lane(app, node, lane)))
            .buffer_unordered(INBOXES)
            .collect()
            .await;
    let now = app.clock.now();
    let results: Vec<(Delivery, Sent)> = results.into_iter().flatten().collect();
    let success = results.iter().any(|(_, result)| result.is_an_answer());
    let mut verdict = Verdict::Goes;
    let mut tx = app.db.begin().await?;
    for (delivery, result) in results {
        let one = note(&mut tx, &delivery, result, success, now).await?;
        verdict = verdict.and(one);
    }
    match &verdict {
        Verdict::Fails { error, asked } => {
            health::failed(&mut tx, node, now, error, *asked).await?;
        }
        _ if success => health::succeeded(&mut tx, node.id, now).await?,
        _ => {}
    }
    tx.commit().await?;
    Ok(matches!(verdict, Verdict::Goes))
}

/// What a batch says about its host.
#[derive(Debug)]
enum Verdict {
    /// It takes what it gets.
    Goes,
    /// Nothing more for now, without a mark against the host.
    Waits,
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
            (Self::Fails { .. }, _) | (Self::Waits, Self::Goes) => self,
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
    match result {
        Sent::Delivered => {
            row(sql(
                "DELETE FROM deliveries WHERE activity_id = $1 AND inbox_id = $2",
            ))
            .run(tx)
            .await?;
        }
        Sent::Host { error, asked } => {
            // A row that fails again and again while the host takes others does not hold them up.
            let poison = success && delivery.attempts + 1 >= TRIES;
            let parked = if poison { now.plus(PARK) } else { Time(0) };
            row(sql("UPDATE deliveries SET attempts = attempts + 1, last_error = $3, parked_until = $4, unknown_since = NULL WHERE activity_id = $1 AND inbox_id = $2"))
                .bind(&error)
                .bind(parked)
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
            tracing::error!(error, "a delivery could not be prepared");
            return Ok(Verdict::Waits);
        }
        Sent::Row { error, dead } => {
            let dead_at = (dead || delivery.attempts + 1 >= TRIES).then_some(now);
            row(sql("UPDATE deliveries SET attempts = attempts + 1, last_error = $3, dead_at = $4 WHERE activity_id = $1 AND inbox_id = $2"))
                .bind(&error)
                .bind(dead_at)
                .run(&mut *tx)
                .await?;
            if dead_at.is_none() {
                // What comes after it waits too, so that the order holds.
                pause(tx, delivery.inbox, now.plus(PAUSE)).await?;
            }
        }
        Sent::Gone { error } => {
            row(sql("UPDATE deliveries SET attempts = attempts + 1, last_error = $3 WHERE activity_id = $1 AND inbox_id = $2"))
                .bind(&error)
                .run(&mut *tx)
                .await?;
            // Whoever had this inbox may have another one by now.
            pause(tx, delivery.inbox, now.plus(PARK)).await?;
            jobs::enqueue(tx, now, Job::MendInbox(delivery.inbox)).await?;
        }
    }
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

/// Asks the owners of an inbox that is no more for their new one; what waited goes there, or is given up.
///
/// # Errors
/// What the database says.
pub async fn mend_inbox(app: &App, inbox: InboxId) -> anyhow::Result<()> {
    let owners = sql("SELECT id, uri FROM accounts WHERE kind = 'remote' AND deleted_at IS NULL AND (inbox_id = $1 OR shared_inbox_id = $1) ORDER BY id LIMIT 50")
        .bind(inbox)
        .all(&app.db)
        .await?;
    let mut asked = Vec::new();
    for owner in &owners {
        let id: AccountId = owner.get("id")?;
        actor::bring_up_to_date(app, id).await?;
        asked.push(id);
    }
    let now = app.clock.now();
    let mut tx = app.db.begin().await?;
    sql("INSERT INTO deliveries (activity_id, inbox_id, node_id) SELECT deliveries.activity_id, t.inbox_id, inboxes.node_id FROM deliveries JOIN (SELECT DISTINCT COALESCE(shared_inbox_id, inbox_id) AS inbox_id FROM accounts WHERE deleted_at IS NULL AND id IN (SELECT value FROM json_each($2))) t ON t.inbox_id <> $1 JOIN inboxes ON inboxes.id = t.inbox_id WHERE deliveries.inbox_id = $1 AND deliveries.dead_at IS NULL ON CONFLICT (activity_id, inbox_id) DO NOTHING")
        .bind(inbox)
        .bind(ids(asked))
        .run(&mut tx)
        .await?;
    sql("UPDATE deliveries SET dead_at = $2 WHERE inbox_id = $1 AND dead_at IS NULL")
        .bind(inbox)
        .bind(now)
        .run(&mut tx)
        .await?;
    pause(&mut tx, inbox, Time(0)).await?;
    tx.commit().await?;
    app.wake.notify_waiters();
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
            Sent::Unknown { .. } | Sent::Gone { .. } | Sent::Ours { .. } => true,
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

async fn send(app: &App, node: &Node, delivery: &Delivery) -> Sent {
    let Ok(url) = app.http.admit(&delivery.url) else {
        return Sent::Row {
            error: "the inbox's address is not allowed".to_owned(),
            dead: true,
        };
    };
    match try_both(app, node, &url, delivery).await {
        Ok(answer) => classify(&answer, app.clock.now()),
        Err(error) if error.is::<FetchError>() => Sent::Host {
            error: error.to_string(),
            asked: None,
        },
        Err(error) => Sent::Ours {
            error: error.to_string(),
        },
    }
}

/// Sends with the signature the host is known to read, and once with the other where that is refused.
async fn try_both(
    app: &App,
    node: &Node,
    url: &Url,
    delivery: &Delivery,
) -> anyhow::Result<Answer> {
    let sender = accounts::get(app, delivery.sender).await?;
    let now = app.clock.now();
    let (first, other) = sign::schemes(Some(node), now);
    let answer = post(app, &sender, first, url, delivery, &node.host).await?;
    if answer.headers.contains_key("accept-signature") {
        health::announced(&app.db, &node.host, RFC9421, now).await?;
    }
    let refused = [StatusCode::BAD_REQUEST, StatusCode::UNAUTHORIZED].contains(&answer.status);
    if !refused {
        return Ok(answer);
    }
    let Ok(second) = post(app, &sender, other, url, delivery, &node.host).await else {
        return Ok(answer);
    };
    if second.status.is_success() && other == Scheme::Cavage {
        health::prefer_cavage(&app.db, node.id, now).await?;
    } else if second.status.is_success() {
        health::announced(&app.db, &node.host, RFC9421, now).await?;
    }
    // A peer that reads only one form says about the other what it likes.
    let counts = second.status.is_success() || answer.status == StatusCode::UNAUTHORIZED;
    Ok(if counts { second } else { answer })
}

/// That a host reads RFC 9421.
const RFC9421: health::Shown = health::Shown {
    rfc9421: true,
    ed25519: false,
};

async fn post(
    app: &App,
    sender: &Account,
    scheme: Scheme,
    url: &Url,
    delivery: &Delivery,
    host: &str,
) -> anyhow::Result<Answer> {
    let body = delivery.body.as_bytes();
    let mut headers = sign::headers(app, sender, scheme, &Method::POST, url, Some(body)).await?;
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(CONTENT_TYPE));
    headers.insert(header::ACCEPT, HeaderValue::from_static(CONTENT_TYPE));
    if delivery.followers_of.is_some()
        && let Some(value) = sync::header(app, sender, host).await?
    {
        headers.insert(sync::HEADER, value);
    }
    Ok(app
        .http
        .send(
            Method::POST,
            url,
            headers,
            Bytes::copy_from_slice(body),
            DOCUMENT,
        )
        .await?)
}

fn classify(answer: &Answer, now: Time) -> Sent {
    let status = answer.status;
    let error = format!("it answered {status}");
    match status.as_u16() {
        200..=299 => Sent::Delivered,
        401 => Sent::Unknown { error },
        408 | 429 | 500..=599 => Sent::Host {
            error,
            asked: retry_after(answer, now),
        },
        403 => Sent::Row { error, dead: false },
        404 | 410 => Sent::Gone { error },
        _ => Sent::Row { error, dead: true },
    }
}

/// How long the peer asks to be left alone (RFC 9110 §10.2.3): seconds or a date.
fn retry_after(answer: &Answer, now: Time) -> Option<Duration> {
    let value = answer
        .headers
        .get(header::RETRY_AFTER)?
        .to_str()
        .ok()?
        .trim();
    if let Ok(seconds) = value.parse::<u64>() {
        return Some(Duration::from_secs(seconds));
    }
    if value.chars().all(|c| c.is_ascii_digit()) && !value.is_empty() {
        return Some(Duration::MAX);
    }
    Time::parse_http_date(value).map(|at| at.since(now))
}

/// Removes sent activities nobody waits for any more, and what was given up a month ago.
///
/// # Errors
/// What the database says.
pub async fn sweep(app: &App) -> sqlx::Result<()> {
    let before = app.clock.now().minus(Duration::from_secs(30 * 86_400));
    sql("DELETE FROM deliveries WHERE dead_at IS NOT NULL AND dead_at < $1")
        .bind(before)
        .run(&app.db)
        .await?;
    sql("DELETE FROM deliveries WHERE node_id IN (SELECT id FROM nodes WHERE suspended_at IS NOT NULL AND suspended_at < $1)")
        .bind(before)
        .run(&app.db)
        .await?;
    sql("DELETE FROM activities WHERE created_at < $1 AND NOT EXISTS (SELECT 1 FROM deliveries WHERE deliveries.activity_id = activities.id)").bind(before).run(&app.db).await?;
    sql("DELETE FROM received WHERE processed_at IS NOT NULL AND processed_at < $1")
        .bind(before)
        .run(&app.db)
        .await?;
    Ok(())
}
