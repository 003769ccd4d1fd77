//! Which function performs which job, and the loops that let them run.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::task::JoinSet;

use crate::accounts::{self, letters};
use crate::app::App;
use crate::federation::activities::{
    accept, announce, block, create, delete, flag, follow, like, moved, pin, quote, reject, update,
};
use crate::federation::{
    actor, backfill, delivery, fetch::Budget, inbox, nodeinfo, objects, sync, webfinger,
};
use crate::jobs::{self, Claimed, Job};
use crate::kernel::db::sql;
use crate::posts::{self, polls};
use crate::{media, notifications};

/// Performs one job.
///
/// # Errors
/// Why it should be tried again.
#[expect(
    clippy::too_many_lines,
    reason = "the table of all jobs, one line each"
)]
async fn perform(app: &App, job: Job) -> anyhow::Result<()> {
    match job {
        Job::SendFollow(id) => follow::send(app, id).await,
        Job::FollowHandle { account, handle } => {
            follow::look_up_and_follow(app, account, &handle).await
        }
        Job::SendUnfollow {
            uri,
            follower,
            followee,
        } => follow::send_undo(app, &uri, follower, followee).await,
        Job::SendAccept {
            uri,
            follower,
            followee,
        } => accept::send(app, &uri, follower, followee).await,
        Job::SendReject {
            uri,
            follower,
            followee,
        } => reject::send(app, &uri, follower, followee).await,
        Job::SendPost(id) => create::send(app, id).await,
        Job::SendEdit { post, version } => update::send_post(app, post, version).await,
        Job::SendDelete {
            account,
            uri,
            reach,
        } => delete::send(app, account, &uri, reach).await,
        Job::SendBoost(id) => announce::send(app, id).await,
        Job::SendUnboost {
            account,
            uri,
            object,
            author,
        } => announce::send_undo(app, account, &uri, &object, author).await,
        Job::SendFavourite { account, post } => like::send(app, account, post).await,
        Job::SendUnfavourite {
            account,
            uri,
            object,
            author,
        } => like::send_undo(app, account, &uri, &object, author).await,
        Job::SendVotes { account, post } => create::send_votes(app, account, post).await,
        Job::SendBlock {
            account,
            target,
            uri,
        } => block::send(app, account, target, &uri, false).await,
        Job::SendUnblock {
            account,
            target,
            uri,
        } => block::send(app, account, target, &uri, true).await,
        Job::SendReport(id) => flag::send(app, id).await,
        Job::SendProfile { account, version } => update::send_profile(app, account, version).await,
        Job::SendFarewell(id) => delete::send_farewell(app, id).await,
        Job::SendMove(id) => moved::send(app, id).await,
        Job::SendPin {
            account,
            post_uri,
            pinned,
            at,
        } => pin::send(app, account, &post_uri, pinned, at).await,
        Job::SendQuoteRequest(id) => quote::send_request(app, id).await,
        Job::SendQuoteAnswer {
            account,
            to,
            request,
            stamp,
        } => quote::send_answer(app, account, to, &request, stamp).await,
        Job::SendStampDelete { account, stamp, to } => {
            quote::send_revocation(app, account, stamp, to).await
        }
        Job::ClosePoll(id) => match posts::find(app, id).await? {
            Some(post) => Ok(polls::close(app, &post).await?),
            None => Ok(()),
        },
        Job::Backfill(id) => Ok(backfill::account(app, id).await?),
        Job::FetchParent(id) => match posts::find(app, id).await? {
            Some(post) => Ok(objects::complete_thread(app, &post, None, &Budget::inbound()).await?),
            None => Ok(()),
        },
        Job::FetchReplies(id) => Ok(backfill::replies(app, id).await?),
        Job::FetchQuote(id) => quote::check(app, id).await,
        Job::CheckHandle(id) => Ok(webfinger::check(app, &accounts::get(app, id).await?).await?),
        Job::FollowMove(id) => moved::follow_along(app, id).await,
        Job::FetchNodeInfo(id) => {
            let row = sql("SELECT host FROM nodes WHERE id = $1")
                .bind(id)
                .optional(&app.db)
                .await?;
            match row {
                Some(row) => Ok(nodeinfo::learn(app, id, &row.get::<String>("host")?).await?),
                None => Ok(()),
            }
        }
        Job::Refresh(id) => refresh(app, id).await,
        Job::SyncFollowers {
            account,
            url,
            digest,
        } => Ok(sync::compare(app, &accounts::get(app, account).await?, &url, &digest).await?),
        Job::Notify {
            account,
            kind,
            from,
            post,
        } => Ok(notifications::notify(app, account, kind, from, post).await?),
        Job::SendMail(id) => letters::send(app, id).await,
    }
}

/// Asks for a remote account anew; one that its host says is gone ends here too.
async fn refresh(app: &App, id: crate::kernel::id::AccountId) -> anyhow::Result<()> {
    let account = accounts::get(app, id).await?;
    match actor::refresh(app, &account.uri, &Budget::inbound()).await {
        Err(error) if error.is_gone() && !account.is_local() => {
            let mut tx = app.db.begin().await?;
            accounts::remove::mark(&mut tx, &account, app.clock.now()).await?;
            accounts::remove::sever(&mut tx, id).await?;
            tx.commit().await?;
            while posts::remove::erase_some_of(app, &account).await? {}
            Ok(())
        }
        _ => Ok(()),
    }
}

/// Performs a claimed job and notes what came of it; one that panics is put back like one that failed.
async fn run_job(app: App, claimed: Claimed) {
    let now = app.clock.now();
    let work = {
        let (app, job) = (app.clone(), claimed.job.clone());
        spawn(async move { perform(&app, job).await })
    };
    let outcome = match work.await {
        Ok(outcome) => outcome,
        Err(_) => Err(anyhow::anyhow!("it broke down")),
    };
    let noted = match outcome {
        Ok(()) => jobs::finish(&app.db, claimed.id).await,
        Err(error) => {
            tracing::warn!(job = claimed.job.name(), %error, "a job failed");
            jobs::give_back(&app.db, now, &claimed, &error.to_string()).await
        }
    };
    if let Err(error) = noted {
        tracing::error!(%error, "the outcome of a job could not be noted");
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "the worker is where tasks are started; each is waited for"
)]
fn spawn<T: Send + 'static>(
    work: impl Future<Output = T> + Send + 'static,
) -> tokio::task::JoinHandle<T> {
    tokio::spawn(work)
}

/// Starts claimed jobs: those that leave the node in order, the others beside each other.
fn start_jobs(app: &App, claimed: Vec<Claimed>, tasks: &mut JoinSet<()>) {
    let (leaving, others): (Vec<_>, Vec<_>) = claimed
        .into_iter()
        .partition(|claimed| claimed.job.leaves());
    for job in others {
        tasks.spawn(run_job(app.clone(), job));
    }
    if !leaving.is_empty() {
        let app = app.clone();
        tasks.spawn(async move {
            let _turn = app.leaving.lock().await;
            for job in leaving {
                run_job(app.clone(), job).await;
            }
        });
    }
}

/// Processes what one sender sent, in order.
async fn run_received(app: App, items: Vec<inbox::Taken>) {
    for item in items {
        let (id, attempts) = item.row();
        let work = {
            let app = app.clone();
            spawn(async move { inbox::process(&app, item).await })
        };
        if !matches!(work.await, Ok(Ok(()))) {
            tracing::error!("processing an activity broke down");
            let _ = inbox::broke_down(&app, id, attempts).await;
        }
    }
}

async fn run_host(app: App, node: crate::kernel::id::NodeId) {
    if let Err(error) = delivery::serve_host(&app, node).await {
        tracing::error!(%error, "deliveries to a host broke off");
    }
}

/// Does everything that is due now, once; whether there was anything.
///
/// # Errors
/// What the database says.
pub async fn turn(app: &App) -> anyhow::Result<bool> {
    let mut tasks = JoinSet::new();
    let received = inbox::claim(app, 32).await?;
    let mut by_sender: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for item in received {
        by_sender.entry(item.sender()).or_default().push(item);
    }
    for items in by_sender.into_values() {
        tasks.spawn(run_received(app.clone(), items));
    }
    start_jobs(
        app,
        jobs::claim(&app.db, app.clock.now(), 32).await?,
        &mut tasks,
    );
    for node in delivery::claim(app, 16).await? {
        tasks.spawn(run_host(app.clone(), node));
    }
    let busy = !tasks.is_empty();
    while tasks.join_next().await.is_some() {}
    Ok(busy)
}

/// Does everything that is due, until nothing is; for tests and the command line.
///
/// # Errors
/// What the database says.
pub async fn drain(app: &App) -> anyhow::Result<()> {
    while turn(app).await? {}
    Ok(())
}

/// The three loops of a serving node: what arrived, what is to be done, what is to be sent.
pub async fn run(app: App, stop: Arc<AtomicBool>) {
    let mut loops = JoinSet::new();
    loops.spawn(received_loop(app.clone(), stop.clone()));
    loops.spawn(job_loop(app.clone(), stop.clone()));
    loops.spawn(delivery_loop(app.clone(), stop.clone()));
    loops.spawn(sweep_loop(app, stop));
    while loops.join_next().await.is_some() {}
}

/// Waits until something may be due: rung, or a second later (another process may have written).
async fn rest(app: &App, stop: &AtomicBool) -> bool {
    let _ = tokio::time::timeout(Duration::from_secs(1), app.wake.notified()).await;
    !stop.load(Ordering::SeqCst)
}

async fn received_loop(app: App, stop: Arc<AtomicBool>) {
    while !stop.load(Ordering::SeqCst) {
        let items = inbox::claim(&app, 64).await.unwrap_or_default();
        if items.is_empty() {
            if !rest(&app, &stop).await {
                break;
            }
            continue;
        }
        let mut by_sender: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for item in items {
            by_sender.entry(item.sender()).or_default().push(item);
        }
        let mut tasks: JoinSet<()> = by_sender
            .into_values()
            .map(|items| run_received(app.clone(), items))
            .collect();
        while tasks.join_next().await.is_some() {}
        app.wake.notify_waiters();
    }
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
    while tasks.join_next().await.is_some() {}
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
    let _ = tokio::time::timeout(Duration::from_secs(12), async {
        while tasks.join_next().await.is_some() {}
    })
    .await;
}

/// Housekeeping, once an hour.
async fn sweep_loop(app: App, stop: Arc<AtomicBool>) {
    let mut next = app.clock.now();
    while !stop.load(Ordering::SeqCst) {
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
    let day = app.clock.now().minus(Duration::from_secs(7 * 86_400));
    let rows =
        sql("SELECT id FROM nodes WHERE suspended_at IS NULL AND (nodeinfo_at IS NULL OR nodeinfo_at < $1) AND failures = 0 LIMIT 50")
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
