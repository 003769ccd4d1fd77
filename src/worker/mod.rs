//! Which function performs which job.

mod loops;
mod pool;

pub use loops::run;

use std::collections::BTreeMap;

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use tokio::task::JoinSet;

use crate::accounts::{self, dispatch, links};
use crate::app::App;
use crate::federation::activities::{
    accept, announce, approval, block, create, delete, flag, follow, leave, letter, like, moved,
    pin, quote, reject, update,
};
use crate::federation::copies;
use crate::federation::delivery::Health;
use crate::federation::{
    actor, backfill, delivery, fetch::Budget, inbox, nodeinfo, objects, restored, sync, webfinger,
};
use crate::guests;
use crate::jobs::lanes::Lane;
use crate::jobs::{self, Claimed, Job};
use crate::kernel::boxed::boxed;
use crate::kernel::db::sql;
use crate::mastodon::push;
use crate::media::upload;
use crate::members::{admitting, import};
use crate::moderation::{calm, gate, writing};
use crate::nodes;
use crate::notifications;
use crate::portable::{archives, imports};
use crate::posts::{self, held, polls, previews, quotes};
use crate::relations::between;

/// How often the lease of a job under way is renewed.
const RENEW: std::time::Duration = std::time::Duration::from_secs(20);

/// Performs one job.
///
/// # Errors
/// Why it should be tried again.
#[expect(
    clippy::too_many_lines,
    reason = "the table of all jobs, one line each"
)]
async fn perform(app: &App, job: Job) -> anyhow::Result<()> {
    let work = match job {
        Job::SendFollow(id) => boxed(async move || follow::send(app, id).await),
        Job::FollowHandle { account, handle } => {
            boxed(async move || follow::look_up_and_follow(app, account, &handle).await)
        }
        Job::SendUnfollow {
            uri,
            follower,
            followee,
        } => boxed(async move || follow::send_undo(app, &uri, follower, followee).await),
        Job::SendAccept {
            uri,
            follower,
            followee,
        } => boxed(async move || accept::send(app, &uri, follower, followee).await),
        Job::SendReject {
            uri,
            follower,
            followee,
        } => boxed(async move || reject::send(app, &uri, follower, followee).await),
        Job::SendPost(id) => boxed(async move || create::send(app, id).await),
        Job::SendEdit { post, version } => {
            boxed(async move || update::send_post(app, post, version).await)
        }
        Job::SendDelete {
            account,
            uri,
            reach,
        } => boxed(async move || delete::send(app, account, &uri, reach).await),
        Job::SendCopiesGone { account, post } => {
            boxed(async move || copies::send_delete(app, account, post).await)
        }
        Job::SendBoost(id) => boxed(async move || announce::send(app, id).await),
        Job::SendUnboost {
            account,
            uri,
            object,
            author,
        } => boxed(async move || announce::send_undo(app, account, &uri, &object, author).await),
        Job::SendFavourite { account, post } => {
            boxed(async move || like::send(app, account, post).await)
        }
        Job::SendUnfavourite {
            account,
            uri,
            object,
            author,
        } => boxed(async move || like::send_undo(app, account, &uri, &object, author).await),
        Job::SendVotes { account, post } => {
            boxed(async move || create::send_votes(app, account, post).await)
        }
        Job::SendBlock {
            account,
            target,
            uri,
        } => boxed(async move || block::send(app, account, target, &uri, false).await),
        Job::SendUnblock {
            account,
            target,
            uri,
        } => boxed(async move || block::send(app, account, target, &uri, true).await),
        Job::SendReport(id) => boxed(async move || flag::send(app, id).await),
        Job::SendProfile { account, version } => {
            boxed(async move || update::send_profile(app, account, version).await)
        }
        Job::SendFarewell(id) => boxed(async move || delete::send_farewell(app, id).await),
        Job::EraseAccount(id) => boxed(async move || {
            let account = accounts::get(app, id).await?;
            while posts::remove::erase_some_of(app, &account).await? {}
            Ok(())
        }),
        Job::SendMove(id) => boxed(async move || moved::send(app, id).await),
        Job::SendPin {
            account,
            post_uri,
            pinned,
            at,
        } => boxed(async move || pin::send(app, account, &post_uri, pinned, at).await),
        Job::AskApproval(id) => boxed(async move || approval::ask(app, id).await),
        Job::SendQuoteRequest(id) => boxed(async move || quote::send_request(app, id).await),
        Job::SendQuoteAnswer {
            account,
            to,
            request,
            stamp,
        } => boxed(async move || quote::send_answer(app, account, to, &request, stamp).await),
        Job::SendStampDelete { account, stamp, to } => {
            boxed(async move || quote::send_revocation(app, account, stamp, to).await)
        }
        Job::ClosePoll(id) => boxed(async move || match posts::find(app, id).await? {
            Some(post) => Ok(polls::close(app, &post).await?),
            None => Ok(()),
        }),
        Job::Backfill(id) => boxed(async move || Ok(backfill::account(app, id).await?)),
        Job::FetchAround { post, fetches } => {
            boxed(async move || objects::fetch_around(app, post, &Budget::of(fetches)).await)
        }
        Job::FetchReplies(id) => boxed(async move || Ok(backfill::replies(app, id).await?)),
        Job::CheckHandle { account, fetches } => boxed(async move || {
            let account = accounts::get(app, account).await?;
            Ok(webfinger::check(app, &account, &Budget::of(fetches)).await?)
        }),
        Job::FollowMove(id) => boxed(async move || moved::follow_along(app, id).await),
        Job::FetchNodeInfo(id) => boxed(async move || {
            let row = sql("SELECT host FROM nodes WHERE id = $1")
                .bind(id)
                .optional(&app.db)
                .await?;
            match row {
                Some(row) => Ok(nodeinfo::learn(app, id, &row.get::<String>("host")?).await?),
                None => Ok(()),
            }
        }),
        Job::AskFollows(id) => boxed(async move || restored::ask(app, id).await),
        Job::Refresh(id) => boxed(async move || actor::bring_up_to_date(app, id).await),
        Job::MendInbox(id) => boxed(async move || delivery::mend_inbox(app, id).await),
        Job::FollowInbox(id) => boxed(async move || delivery::follow_inbox(app, id).await),
        Job::SyncFollowers {
            account,
            url,
            digest,
        } => boxed(async move || {
            Ok(sync::compare(app, &accounts::get(app, account).await?, &url, &digest).await?)
        }),
        Job::Notify {
            account,
            kind,
            from,
            post,
        } => boxed(async move || Ok(notifications::notify(app, account, kind, from, post).await?)),
        Job::EndMute { account, target } => {
            boxed(async move || Ok(between::end_mute(app, account, target).await?))
        }
        Job::PublishScheduled(id) => {
            boxed(async move || Ok(writing::publish_scheduled(app, id).await?))
        }
        Job::TellPolicies => boxed(async move || {
            let mut tx = app.db.begin().await?;
            calm::tell_others(&mut tx, app.clock.now()).await?;
            Ok(tx.commit().await?)
        }),
        Job::Push {
            device,
            notification,
        } => boxed(async move || push::send(app, device, notification).await),
        Job::ProcessMedia(id) => boxed(async move || Ok(upload::process(app, id).await?)),
        Job::FetchPreview(id) => boxed(async move || Ok(previews::fetch(app, id).await?)),
        Job::SendLeave { account, house } => {
            boxed(async move || leave::send(app, account, &house).await)
        }
        Job::EndGuest(id) => boxed(async move || Ok(guests::sessions::end_all(app, id).await?)),
        Job::VerifyLinks(id) => boxed(async move || Ok(links::verify(app, id).await?)),
        Job::Import(id) => boxed(async move || Ok(imports::go_on(app, id).await?)),
        Job::HoldRecent => boxed(async move || Ok(gate::hold_recent(app).await?)),
        Job::EnforceNodes => boxed(async move || Ok(nodes::measures::enforce(app).await?)),
        Job::TakeUpQuote(id) => boxed(async move || Ok(quotes::take_up_request(app, id).await?)),
        Job::ReleasePosts(which) => boxed(async move || {
            held::release(app, &which).await?;
            Ok(())
        }),
        Job::SendMeasure(id) => boxed(async move || letter::tell_measure(app, id).await),
        Job::ReleaseHeld(reason) => boxed(async move || {
            let which = held::for_reason(app, &reason).await?;
            held::release(app, &which).await?;
            Ok(())
        }),
        Job::LookAtPlace(id) => boxed(async move || Ok(writing::look_at_place(app, id).await?)),
        Job::InviteList(id) => boxed(async move || Ok(import::go_on(app, id).await?)),
        Job::SendAdmission(id) => boxed(async move || admitting::tell(app, id).await),
        Job::PackArchive(id) => boxed(async move || Ok(archives::pack(app, id).await?)),
        Job::SendMail(id) => boxed(async move || dispatch::send(app, id).await),
    };
    work.await
}

/// Performs a claimed job and notes what came of it; one that panics is put back like one that failed.
async fn run_job(app: App, claimed: Claimed) {
    let work = {
        let (app, job) = (app.clone(), claimed.job.clone());
        spawn(async move { perform(&app, job).await })
    };
    // Long work keeps its lease; it runs in a task of its own, so renewing waits for nothing it holds.
    tokio::pin!(work);
    let ended = loop {
        tokio::select! {
            ended = &mut work => break ended,
            () = tokio::time::sleep(RENEW) => {
                let _ = jobs::renew(&app.db, app.clock.now(), &claimed).await;
            }
        }
    };
    let outcome = match ended {
        Ok(outcome) => outcome,
        Err(_) => Err(anyhow::anyhow!("it broke down")),
    };
    let noted = match outcome {
        Ok(()) => jobs::finish(&app.db, &claimed).await,
        Err(error) => {
            tracing::warn!(job = claimed.job.name(), %error, "a job failed");
            let now = app.clock.now();
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

/// Performs jobs that leave, one after the other. Those that wait for their turn stay ours meanwhile.
async fn run_leaving(app: App, claimed: Vec<Claimed>) {
    let mut waiting = std::collections::VecDeque::from(claimed);
    while let Some(next) = waiting.pop_front() {
        run_job(app.clone(), next).await;
        for job in &waiting {
            match jobs::renew(&app.db, app.clock.now(), job).await {
                Ok(true) => {}
                // Another process goes on from here.
                _ => return,
            }
        }
    }
}

/// What a lane's claimed jobs are done by: each by a task of its own, but what leaves by one.
fn tasks_of(app: &App, lane: Lane, claimed: Vec<Claimed>) -> Vec<BoxFuture<'static, ()>> {
    if claimed.is_empty() {
        return Vec::new();
    }
    if lane == Lane::Leaving {
        return vec![run_leaving(app.clone(), claimed).boxed()];
    }
    let tasks = claimed.into_iter();
    tasks.map(|job| run_job(app.clone(), job).boxed()).collect()
}

/// Processes what one sender sent, in order.
async fn run_received(app: App, items: Vec<inbox::Taken>) {
    let mut waiting = std::collections::VecDeque::from(items);
    while let Some(item) = waiting.pop_front() {
        let (id, attempts) = item.row();
        let work = {
            let app = app.clone();
            spawn(async move { inbox::process(&app, item).await })
        };
        if !matches!(work.await, Ok(Ok(()))) {
            tracing::error!("processing an activity broke down");
            let _ = inbox::broke_down(&app, id, attempts).await;
        }
        if !matches!(
            inbox::renew(&app, waiting.make_contiguous()).await,
            Ok(true)
        ) {
            // Another process goes on from here.
            return;
        }
    }
}

/// What of one sender was taken, for one task each.
fn by_sender(items: Vec<inbox::Taken>) -> impl Iterator<Item = Vec<inbox::Taken>> {
    let mut found: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for item in items {
        found.entry(item.sender()).or_default().push(item);
    }
    found.into_values()
}

async fn run_host(app: App, lease: delivery::Lease) {
    if let Err(error) = delivery::serve_host(&app, lease).await {
        tracing::error!(%error, "deliveries to a host broke off");
    }
}

/// Does everything that is due now, once; whether there was anything.
///
/// # Errors
/// What the database says.
pub async fn turn(app: &App) -> anyhow::Result<bool> {
    let mut tasks = JoinSet::new();
    for items in by_sender(inbox::claim(app, 32).await?) {
        tasks.spawn(run_received(app.clone(), items));
    }
    for lane in Lane::ALL {
        let claimed = jobs::claim(&app.db, app.clock.now(), lane, 32).await?;
        for task in tasks_of(app, lane, claimed) {
            tasks.spawn(task);
        }
    }
    for health in [Health::Well, Health::Failing] {
        for host in delivery::claim(app, health, 16).await? {
            tasks.spawn(run_host(app.clone(), host));
        }
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
