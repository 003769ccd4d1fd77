//! The loops of a serving node.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use sqlx::postgres::PgListener;
use tokio::task::JoinSet;

use super::pool::WorkerPool;
use super::{by_sender, run_host, run_received, tasks_of};
use crate::accounts::{dispatch, sessions};
use crate::app::App;
use crate::federation::delivery::{self, Health};
use crate::federation::{inbox, restored};
use crate::guests;
use crate::jobs::lanes::Lane;
use crate::jobs::{self, Job, news};
use crate::kernel::db::{Db, sql};
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
    for lane in Lane::ALL {
        loops.spawn(job_loop(app.clone(), stop.clone(), lane));
    }
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

/// What could not be done in a loop, said once in a while and not each second.
#[derive(Default)]
struct LogThrottle(Option<(String, Instant)>);

impl LogThrottle {
    /// The items; none where they could not be had.
    fn unless<T>(&mut self, what: &str, taken: sqlx::Result<Vec<T>>) -> Vec<T> {
        let error = match taken {
            Ok(items) => {
                if self.0.take().is_some() {
                    tracing::info!("{what} can be taken again");
                }
                return items;
            }
            Err(error) => error.to_string(),
        };
        let said = self.0.as_ref();
        if said.is_none_or(|(last, at)| *last != error || at.elapsed() > SAID) {
            tracing::error!(error, "{what} cannot be taken");
            self.0 = Some((error, Instant::now()));
        }
        Vec::new()
    }
}

/// How long the same throttle is not repeated.
const SAID: Duration = Duration::from_secs(60);

/// Waits until something may be taken again; whether the node goes on.
async fn pause(app: &App, stop: &AtomicBool, pool: &mut WorkerPool) -> bool {
    tokio::select! {
        () = pool.one_ended() => true,
        going = rest(app, stop) => going,
    }
}

async fn received_loop(app: App, stop: Arc<AtomicBool>) {
    let mut pool = WorkerPool::new(64, 512);
    let mut throttle = LogThrottle::default();
    while !stop.load(Ordering::SeqCst) {
        let room = i64::try_from(pool.room()).unwrap_or(0);
        let items = throttle.unless("what arrived", inbox::claim(&app, room).await);
        let idle = items.is_empty();
        for items in by_sender(items) {
            let app = app.clone();
            pool.start(async move {
                run_received(app.clone(), items).await;
                app.wake.notify_waiters();
            });
        }
        if (idle || room == 0) && !pause(&app, &stop, &mut pool).await {
            break;
        }
    }
    let _ = tokio::time::timeout(GRACE, pool.all_ended()).await;
}

/// How many of a lane begin at a time, and how many are under way in all.
fn pool_of(lane: Lane) -> WorkerPool {
    match lane {
        Lane::Leaving => WorkerPool::new(1, 1),
        Lane::Local => WorkerPool::new(8, 8),
        Lane::Network => WorkerPool::new(16, 192),
        Lane::Heavy => WorkerPool::new(2, 2),
    }
}

async fn job_loop(app: App, stop: Arc<AtomicBool>, lane: Lane) {
    let mut pool = pool_of(lane);
    let mut throttle = LogThrottle::default();
    while !stop.load(Ordering::SeqCst) {
        let room = match (pool.room(), lane) {
            // One task does them one after the other.
            (1.., Lane::Leaving) => 32,
            (room, _) => i64::try_from(room).unwrap_or(0),
        };
        let claimed = jobs::claim(&app.db, app.clock.now(), lane, room).await;
        let claimed = throttle.unless("work", claimed);
        let idle = claimed.is_empty();
        for task in tasks_of(&app, lane, claimed) {
            let app = app.clone();
            pool.start(async move {
                task.await;
                app.wake.notify_waiters();
            });
        }
        if (idle || room == 0) && !pause(&app, &stop, &mut pool).await {
            break;
        }
    }
    let _ = tokio::time::timeout(GRACE, pool.all_ended()).await;
}

/// Hosts that are well, and beside them a few of those that failed.
async fn delivery_loop(app: App, stop: Arc<AtomicBool>) {
    let (mut well, mut ill) = (WorkerPool::new(64, 256), WorkerPool::new(8, 32));
    let mut throttle = LogThrottle::default();
    while !stop.load(Ordering::SeqCst) {
        let mut idle = true;
        for (pool, health) in [(&mut well, Health::Well), (&mut ill, Health::Failing)] {
            let room = i64::try_from(pool.room()).unwrap_or(0);
            let hosts = delivery::claim(&app, health, room).await;
            for host in throttle.unless("what is to be sent", hosts) {
                idle = false;
                pool.start(run_host(app.clone(), host));
            }
        }
        if idle {
            tokio::select! {
                () = well.one_ended() => {}
                () = ill.one_ended() => {}
                going = rest(&app, &stop) => if !going { break },
            }
        }
    }
    // What is in flight ends within its time; the rest is leased again after the restart.
    let ended = async { tokio::join!(well.all_ended(), ill.all_ended()) };
    let _ = tokio::time::timeout(GRACE, ended).await;
}

/// After how long somebody who cannot listen tries again; until then, and on SQLite, they look each second.
const AGAIN: Duration = Duration::from_secs(5);

async fn listen(db: &Db) -> Option<PgListener> {
    let Db::Postgres(pool) = db else {
        return None;
    };
    let mut listener = PgListener::connect_with(pool).await.ok()?;
    listener.listen("news").await.ok()?;
    Some(listener)
}

/// Reads what happened, in this process or another, and tells the open streams.
async fn news_loop(app: App, stop: Arc<AtomicBool>) {
    let mut reader = news::Reader::new(app.clock.now());
    let mut listener = None;
    let mut tried: Option<Instant> = None;
    while !stop.load(Ordering::SeqCst) {
        // The server may be another one since the last time.
        if listener.is_none() && tried.is_none_or(|at| at.elapsed() > AGAIN) {
            listener = listen(&app.db).await;
            tried = Some(Instant::now());
        }
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
            if let Err(error) = app.db.set_clock(&app.clock).await {
                tracing::debug!(%error, "the database's clock was not read");
            }
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
    restored::ask_all(app).await?;
    delivery::set_right(app).await?;
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
    app.db.look_after().await?;
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
