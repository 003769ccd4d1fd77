//! The loops of a serving node.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use sqlx::postgres::PgListener;
use tokio::task::JoinSet;

use super::{run_host, run_received, start_jobs};
use crate::accounts::{dispatch, sessions};
use crate::app::App;
use crate::federation::{delivery, inbox};
use crate::guests;
use crate::jobs::{self, Job, news};
use crate::kernel::db::{Db, sql};
use crate::kernel::id::AccountId;
use crate::media::{self, files, incoming};
use crate::members::{admitting, import};
use crate::moderation::{calm, measures, reports};
use crate::oauth::tokens;
use crate::portable::{archives, farewell};
use crate::posts::previews;

/// How long work under way may take once the node is to stop; its leases run out after that.
const GRACE: Duration = Duration::from_secs(12);

/// The loops of a serving node: what arrived, what is to be done, what is to be sent, what streams hear of.
pub async fn run(app: App, stop: Arc<AtomicBool>) {
    let mut loops = JoinSet::new();
    loops.spawn(received_loop(app.clone(), stop.clone()));
    loops.spawn(job_loop(app.clone(), stop.clone()));
    loops.spawn(delivery_loop(app.clone(), stop.clone()));
    loops.spawn(news_loop(app.clone(), stop.clone()));
    loops.spawn(sweep_loop(app, stop));
    while loops.join_next().await.is_some() {}
}

/// Waits until something may be due: rung, or a second later (another process may have written).
async fn rest(app: &App, stop: &AtomicBool) -> bool {
    let _ = tokio::time::timeout(Duration::from_secs(1), app.wake.notified()).await;
    !stop.load(Ordering::SeqCst)
}

async fn received_loop(app: App, stop: Arc<AtomicBool>) {
    let mut tasks = JoinSet::new();
    // One sender's activities wait for each other, nobody else's for them.
    let mut lanes: HashMap<AccountId, Arc<tokio::sync::Mutex<()>>> = HashMap::new();
    while !stop.load(Ordering::SeqCst) {
        let room = i64::try_from(64_usize.saturating_sub(tasks.len())).unwrap_or(0);
        let items = inbox::claim(&app, room).await.unwrap_or_default();
        let idle = items.is_empty();
        let mut by_sender: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for item in items {
            by_sender.entry(item.sender()).or_default().push(item);
        }
        for (sender, items) in by_sender {
            let lane = lanes.entry(sender).or_default().clone();
            let app = app.clone();
            tasks.spawn(async move {
                let _turn = lane.lock().await;
                run_received(app.clone(), items).await;
                app.wake.notify_waiters();
            });
        }
        lanes.retain(|_, lane| Arc::strong_count(lane) > 1);
        if idle || room == 0 {
            tokio::select! {
                Some(_) = tasks.join_next() => {}
                going = rest(&app, &stop) => if !going { break },
            }
        }
    }
    let _ = tokio::time::timeout(GRACE, async { while tasks.join_next().await.is_some() {} }).await;
}

async fn job_loop(app: App, stop: Arc<AtomicBool>) {
    let mut tasks = JoinSet::new();
    while !stop.load(Ordering::SeqCst) {
        let room = 16_usize.saturating_sub(tasks.len());
        let claimed = jobs::claim(&app.db, app.clock.now(), i64::try_from(room).unwrap_or(0))
            .await
            .unwrap_or_default();
        let idle = claimed.is_empty();
        start_jobs(&app, claimed, &mut tasks);
        if idle || tasks.len() >= 16 {
            tokio::select! {
                Some(_) = tasks.join_next() => {}
                going = rest(&app, &stop) => if !going { break },
            }
        }
    }
    let _ = tokio::time::timeout(GRACE, async { while tasks.join_next().await.is_some() {} }).await;
}

async fn delivery_loop(app: App, stop: Arc<AtomicBool>) {
    let mut tasks = JoinSet::new();
    while !stop.load(Ordering::SeqCst) {
        let room = 16_usize.saturating_sub(tasks.len());
        let nodes = if room == 0 {
            Vec::new()
        } else {
            delivery::claim(&app, i64::try_from(room).unwrap_or(0))
                .await
                .unwrap_or_default()
        };
        let idle = nodes.is_empty();
        for node in nodes {
            tasks.spawn(run_host(app.clone(), node));
        }
        if idle {
            tokio::select! {
                Some(_) = tasks.join_next() => {}
                going = rest(&app, &stop) => if !going { break },
            }
        }
    }
    // What is in flight ends within its time; the rest is leased again after the restart.
    let _ = tokio::time::timeout(GRACE, async { while tasks.join_next().await.is_some() {} }).await;
}

/// Reads what happened, in this process or another, and tells the open streams.
async fn news_loop(app: App, stop: Arc<AtomicBool>) {
    let mut reader = news::Reader::new(app.clock.now());
    let mut listener = match &app.db {
        Db::Postgres(pool) => PgListener::connect_with(pool).await.ok(),
        Db::Sqlite { .. } => None,
    };
    if let Some(listening) = &mut listener
        && listening.listen("news").await.is_err()
    {
        listener = None;
    }
    while !stop.load(Ordering::SeqCst) {
        match &mut listener {
            Some(listening) => {
                tokio::select! {
                    heard = listening.recv() => if heard.is_err() { listener = None; },
                    going = rest(&app, &stop) => if !going { break },
                }
            }
            None if !rest(&app, &stop).await => break,
            None => {}
        }
        if app.news.receiver_count() == 0 {
            // Who comes now hears of what comes from now on.
            reader = news::Reader::new(app.clock.now());
            continue;
        }
        for one in reader.read(&app).await.unwrap_or_default() {
            let _ = app.news.send(one);
        }
    }
}

/// Housekeeping, once an hour.
async fn sweep_loop(app: App, stop: Arc<AtomicBool>) {
    let mut next = app.clock.now();
    let mut old_news = next;
    while !stop.load(Ordering::SeqCst) {
        if app.clock.now() >= old_news {
            old_news = app.clock.now().plus(Duration::from_secs(60));
            if let Err(error) = news::sweep(&app).await {
                tracing::debug!(%error, "old news were kept");
            }
        }
        if app.clock.now() >= next {
            next = app.clock.now().plus(Duration::from_secs(3600));
            if let Err(error) = sweep(&app).await {
                tracing::warn!(%error, "housekeeping was put off");
            }
        }
        rest(&app, &stop).await;
    }
}

async fn sweep(app: &App) -> anyhow::Result<()> {
    delivery::sweep(app).await?;
    media::sweep(app).await?;
    files::sweep(app).await?;
    incoming::sweep(app)?;
    sessions::sweep(app).await?;
    guests::sessions::sweep(app).await?;
    previews::sweep(app).await?;
    calm::sweep(app).await?;
    admitting::sweep(app).await?;
    import::sweep(app).await?;
    measures::sweep(app).await?;
    reports::sweep(app).await?;
    archives::sweep(app).await?;
    dispatch::sweep(app).await?;
    farewell::sweep(app).await?;
    tokens::sweep(&app.db, app.clock.now()).await?;
    let day = app.clock.now().minus(Duration::from_secs(7 * 86_400));
    let rows =
        sql("SELECT id FROM nodes WHERE suspended_at IS NULL AND (seen_at IS NOT NULL OR delivered_at IS NOT NULL) AND (nodeinfo_at IS NULL OR nodeinfo_at < $1) AND failures = 0 LIMIT 50")
            .bind(day)
            .all(&app.db)
            .await?;
    for row in rows {
        jobs::enqueue(&app.db, app.clock.now(), Job::FetchNodeInfo(row.get("id")?)).await?;
    }
    sql("DELETE FROM mail_tokens WHERE expires_at < $1")
        .bind(app.clock.now())
        .run(&app.db)
        .await?;
    Ok(())
}
