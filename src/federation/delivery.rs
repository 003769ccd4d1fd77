//! Delivering: a host is leased by one worker at a time, one request in flight for each inbox, up to four inboxes of a host.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use futures_util::StreamExt as _;
use http::{HeaderValue, Method, StatusCode, header};
use url::Url;

use super::sign::{self, Scheme};
use super::{CONTENT_TYPE, sync};
use crate::accounts::{self, Account};
use crate::app::App;
use crate::jobs::{self, Job};
use crate::kernel::clock::Time;
use crate::kernel::crypt;
use crate::kernel::db::{Row, sql};
use crate::kernel::http::{Answer, DOCUMENT};
use crate::kernel::id::{AccountId, ActivityId, InboxId, NodeId};
use crate::nodes::{self, Node, health};

/// How long a host is leased.
const LEASE: Duration = Duration::from_secs(30);
/// Inboxes of one host at a time.
const INBOXES: usize = 4;
/// Rows read at once.
const BATCH: i64 = 64;
/// After how many refusals of one row it is put aside while others succeed.
const TRIES: i64 = 3;
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
    followers_of: Option<i64>,
}

/// What came of one request.
#[derive(Debug)]
enum Result1 {
    Delivered,
    /// The host is not well: everything waits.
    Host {
        error: String,
        asked: Option<Duration>,
    },
    /// This row is not wanted; others may be.
    Row {
        error: String,
        dead: bool,
    },
    /// The inbox is no more.
    Gone {
        error: String,
    },
}

/// Leases up to `most` hosts that something waits for.
///
/// # Errors
/// What the database says.
pub async fn claim(app: &App, most: i64) -> sqlx::Result<Vec<NodeId>> {
    let now = app.clock.now();
    if !app.federates() {
        return Ok(Vec::new());
    }
    let rows = sql("UPDATE nodes SET leased_until = $2, lease = $3 WHERE id IN (SELECT id FROM nodes WHERE next_attempt_at <= $1 AND leased_until <= $1 AND suspended_at IS NULL AND EXISTS (SELECT 1 FROM deliveries WHERE deliveries.node_id = nodes.id AND dead_at IS NULL AND parked_until <= $1) ORDER BY next_attempt_at, id LIMIT $4) RETURNING id")
        .on_postgres("WITH due AS MATERIALIZED (SELECT id FROM nodes WHERE next_attempt_at <= $1 AND leased_until <= $1 AND suspended_at IS NULL AND EXISTS (SELECT 1 FROM deliveries WHERE deliveries.node_id = nodes.id AND dead_at IS NULL AND parked_until <= $1) ORDER BY next_attempt_at, id LIMIT $4 FOR UPDATE SKIP LOCKED) UPDATE nodes SET leased_until = $2, lease = $3 WHERE id IN (SELECT id FROM due) RETURNING id")
        .bind(now)
        .bind(now.plus(LEASE))
        .bind(i64::from(crypt::random_u16()))
        .bind(most)
        .all(&app.db)
        .await?;
    rows.iter().map(|row| row.get("id")).collect()
}

/// Sends what waits for a leased host, batch by batch, and gives the lease back.
///
/// # Errors
/// What the database says.
pub async fn serve_host(app: &App, id: NodeId) -> anyhow::Result<()> {
    loop {
        let now = app.clock.now();
        let row = sql("UPDATE nodes SET leased_until = $1 WHERE id = $2 RETURNING host")
            .bind(now.plus(LEASE))
            .bind(id)
            .optional(&app.db)
            .await?;
        let Some(host) = row.map(|row| row.get::<String>("host")).transpose()? else {
            break;
        };
        let Some(node) = nodes::find(app, &host).await? else {
            break;
        };
        let waiting = batch(app, id, now).await?;
        if waiting.is_empty() || !send_batch(app, &node, waiting).await? {
            break;
        }
    }
    sql("UPDATE nodes SET leased_until = 0 WHERE id = $1")
        .bind(id)
        .run(&app.db)
        .await?;
    Ok(())
}

async fn batch(app: &App, node: NodeId, now: Time) -> sqlx::Result<Vec<Delivery>> {
    let rows = sql("SELECT deliveries.activity_id, deliveries.inbox_id, deliveries.attempts, inboxes.url, activities.account_id, activities.body, activities.followers_of FROM deliveries JOIN activities ON activities.id = deliveries.activity_id JOIN inboxes ON inboxes.id = deliveries.inbox_id WHERE deliveries.node_id = $1 AND deliveries.dead_at IS NULL AND deliveries.parked_until <= $2 ORDER BY deliveries.activity_id LIMIT $3")
        .bind(node)
        .bind(now)
        .bind(BATCH)
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
    let results: Vec<Vec<(Delivery, Result1)>> =
        futures_util::stream::iter(lanes.into_values().map(|lane| send_lane(app, node, lane)))
            .buffer_unordered(INBOXES)
            .collect()
            .await;
    let now = app.clock.now();
    let mut went = true;
    let mut success = false;
    let mut failure = None;
    let mut tx = app.db.begin().await?;
    for (delivery, result) in results.into_iter().flatten() {
        let row = |statement: crate::kernel::db::Query| {
            statement.bind(delivery.activity).bind(delivery.inbox)
        };
        match result {
            Result1::Delivered => {
                success = true;
                row(sql(
                    "DELETE FROM deliveries WHERE activity_id = $1 AND inbox_id = $2",
                ))
                .run(&mut tx)
                .await?;
            }
            Result1::Host { error, asked } => {
                went = false;
                // A row that fails again and again while the host takes others does not hold them up.
                let parked =
                    if node.delivered_at.is_some() && delivery.attempts + 1 >= TRIES && success {
                        now.plus(PARK)
                    } else {
                        Time(0)
                    };
                row(sql("UPDATE deliveries SET attempts = attempts + 1, last_error = $3, parked_until = $4 WHERE activity_id = $1 AND inbox_id = $2")).bind(&error).bind(parked).run(&mut tx).await?;
                failure = Some((error, asked));
            }
            Result1::Row { error, dead } => {
                success = true;
                let dead_at = (dead || delivery.attempts + 1 >= TRIES).then_some(now);
                row(sql("UPDATE deliveries SET attempts = attempts + 1, last_error = $3, dead_at = $4, parked_until = $5 WHERE activity_id = $1 AND inbox_id = $2"))
                    .bind(&error)
                    .bind(dead_at)
                    .bind(now.plus(Duration::from_secs(60)))
                    .run(&mut tx)
                    .await?;
            }
            Result1::Gone { error } => {
                success = true;
                sql("UPDATE deliveries SET dead_at = $1, last_error = $2 WHERE inbox_id = $3")
                    .bind(now)
                    .bind(&error)
                    .bind(delivery.inbox)
                    .run(&mut tx)
                    .await?;
                let rows = sql("SELECT id FROM accounts WHERE kind = 'remote' AND deleted_at IS NULL AND (inbox_id = $1 OR shared_inbox_id = $1) LIMIT 50").bind(delivery.inbox).all(&mut tx).await?;
                for account in rows {
                    jobs::enqueue(&mut tx, now, Job::Refresh(account.get("id")?)).await?;
                }
            }
        }
    }
    match failure {
        Some((error, asked)) => health::failed(&mut tx, node, now, &error, asked).await?,
        None if success => health::succeeded(&mut tx, node.id, now).await?,
        None => {}
    }
    tx.commit().await?;
    Ok(went)
}

/// Sends to one inbox, in order, until something fails.
async fn send_lane(app: &App, node: &Node, lane: Vec<Delivery>) -> Vec<(Delivery, Result1)> {
    let mut done = Vec::new();
    for delivery in lane {
        let result = send(app, node, &delivery).await;
        let stop = matches!(result, Result1::Host { .. } | Result1::Gone { .. });
        done.push((delivery, result));
        if stop {
            break;
        }
    }
    done
}

async fn send(app: &App, node: &Node, delivery: &Delivery) -> Result1 {
    let failed = |error: String| Result1::Host { error, asked: None };
    let (Ok(url), Ok(sender)) = (
        app.http.admit(&delivery.url),
        accounts::get(app, delivery.sender).await,
    ) else {
        return Result1::Row {
            error: "the inbox's address is not allowed".to_owned(),
            dead: true,
        };
    };
    let now = app.clock.now();
    let modern = node.rfc9421_at.is_some() && node.cavage_until <= now;
    let first = if modern {
        Scheme::Rfc9421
    } else {
        Scheme::Cavage
    };
    let mut answer = match post(app, &sender, first, &url, delivery, &node.host).await {
        Ok(answer) => answer,
        Err(error) => return failed(error.to_string()),
    };
    if matches!(
        answer.status,
        StatusCode::BAD_REQUEST | StatusCode::UNAUTHORIZED
    ) {
        let other = if modern {
            Scheme::Cavage
        } else {
            Scheme::Rfc9421
        };
        if let Ok(second) = post(app, &sender, other, &url, delivery, &node.host).await {
            if second.status.is_success() {
                let noted = if modern {
                    health::prefer_cavage(&app.db, node.id, now).await
                } else {
                    health::prefer_rfc9421(&app.db, node.id, now).await
                };
                if let Err(error) = noted {
                    return failed(error.to_string());
                }
            }
            // A peer that reads only one form says about the other what it likes.
            if second.status.is_success() || answer.status == StatusCode::UNAUTHORIZED {
                answer = second;
            }
        }
    }
    classify(&answer, now)
}

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

fn classify(answer: &Answer, now: Time) -> Result1 {
    let status = answer.status;
    let error = format!("it answered {status}");
    match status.as_u16() {
        200..=299 => Result1::Delivered,
        401 | 408 | 429 | 500..=599 => Result1::Host {
            error,
            asked: retry_after(answer, now),
        },
        403 => Result1::Row { error, dead: false },
        404 | 410 => Result1::Gone { error },
        _ => Result1::Row { error, dead: true },
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
    sql("DELETE FROM activities WHERE created_at < $1 AND NOT EXISTS (SELECT 1 FROM deliveries WHERE deliveries.activity_id = activities.id)").bind(before).run(&app.db).await?;
    sql("DELETE FROM received WHERE processed_at IS NOT NULL AND processed_at < $1")
        .bind(before)
        .run(&app.db)
        .await?;
    Ok(())
}
