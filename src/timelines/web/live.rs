//! `GET /live`: what changed on the page somebody looks at, by server-sent events.
//!
//! Nothing but hints is told: the browser asks for its page again, with its own rights, and shows what is new.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Extension;
use axum::extract::{Query, State};
use axum::response::sse::{Event, Sse};
use axum::response::{IntoResponse as _, Response};
use futures_util::stream;
use http::request::Parts;
use http::{HeaderMap, StatusCode};
use serde::Deserialize;
use tokio::sync::{broadcast, watch};
use tokio::time::Instant;

use crate::accounts::{self, Account};
use crate::app::App;
use crate::audiences;
use crate::error::{Error, Result};
use crate::guests::web::done::own_wish;
use crate::guests::wishes;
use crate::jobs::news::{News, Reader};
use crate::kernel::clock::Time;
use crate::kernel::id::{AccountId, PostId};
use crate::kernel::slots::Slot;
use crate::kernel::text::fold_tag;
use crate::notifications;
use crate::posts::{self, Post};
use crate::timelines::Wished;
use crate::timelines::places::{self, Place};
use crate::ui::{PageResult, Visitor};

/// How often is looked whether the visitor is still who they were.
const LOOK: Duration = Duration::from_secs(20);

/// The post that was told of last, for everybody who is told: read once, not once for each open page.
#[derive(Clone, Default)]
pub struct Told(Arc<Mutex<Option<Known>>>);

/// A post with when it was read; nothing where it is gone.
type Known = (PostId, Instant, Option<Arc<Post>>);

impl Told {
    async fn of(&self, app: &App, id: PostId) -> Result<Option<Arc<Post>>> {
        let kept = self
            .0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        if let Some((known, at, post)) = kept
            && known == id
            && at.elapsed() < Duration::from_millis(300)
        {
            return Ok(post);
        }
        let post = posts::find(app, id).await?.map(Arc::new);
        let told = (id, Instant::now(), post.clone());
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(told);
        Ok(post)
    }
}

/// What a page shows that may change.
#[derive(Clone, Debug)]
enum Shown {
    /// A list of posts.
    List(Place),
    /// A post and what belongs to its thread.
    Thread(PostId),
    /// What somebody went home to do.
    Wish(wishes::Wish),
    /// Nothing but the count of notifications.
    Frame,
}

/// Which page is looked at.
#[derive(Debug, Default, Deserialize)]
pub struct Looked {
    #[serde(default)]
    page: String,
    /// When the page was drawn, in milliseconds: what came since is told as well.
    #[serde(default)]
    since: i64,
}

async fn shown(
    app: &App,
    viewer: Option<&Account>,
    page: &str,
    headers: &HeaderMap,
) -> Result<Shown> {
    let parts: Vec<&str> = page.trim_matches('/').split('/').collect();
    let list = |place| Ok(Shown::List(place));
    match parts[..] {
        [""] => match accounts::first_host(app).await? {
            Some(host) => list(Place::Account(host.id)),
            None => Ok(Shown::Frame),
        },
        ["home"] => list(Place::Home),
        ["local"] => list(Place::Public(Wished {
            local: true,
            ..Wished::default()
        })),
        ["door", "done", token] => Ok(match own_wish(app, headers, token).await? {
            Some(wish) => Shown::Wish(wish),
            None => Shown::Frame,
        }),
        ["tags", tag] => list(Place::Tag(fold_tag(tag), false)),
        [name] if name.starts_with('@') => {
            match accounts::find_by_handle(app, name.trim_start_matches('@')).await? {
                Some(account) => list(Place::Account(account.id)),
                None => Ok(Shown::Frame),
            }
        }
        [name, id] if name.starts_with('@') => match id.parse() {
            Ok(id) => Ok(match posts::get_for(app, viewer, id).await {
                Ok(post) => Shown::Thread(post.thread),
                Err(Error::NotFound) => Shown::Frame,
                Err(error) => return Err(error),
            }),
            Err(_) => Ok(Shown::Frame),
        },
        _ => Ok(Shown::Frame),
    }
}

/// An open page.
struct Watch {
    app: App,
    parts: Parts,
    viewer: Option<Account>,
    member: Option<AccountId>,
    shown: Shown,
    news: broadcast::Receiver<Arc<str>>,
    closing: watch::Receiver<bool>,
    look_at: Instant,
    first: bool,
    /// What came between the page and its stream.
    missed: VecDeque<Arc<str>>,
    told: Told,
    _seat: Slot,
}

/// `GET /live?page=/home`
pub async fn open(
    State(app): State<App>,
    visitor: Visitor,
    Query(looked): Query<Looked>,
    Extension(told): Extension<Told>,
    parts: Parts,
) -> PageResult {
    let viewer = visitor.viewer().cloned();
    let shown = shown(&app, viewer.as_ref(), &looked.page, &parts.headers).await?;
    // Told so, a browser does not ask again.
    if matches!(shown, Shown::Frame) && viewer.is_none() {
        return Ok(StatusCode::NO_CONTENT.into_response());
    }
    let seat = app
        .open_pages
        .take(visitor.address)
        .ok_or(Error::TooMany(Duration::from_secs(60)))?;
    // Heard first and asked then, so that nothing falls in between; twice is harmless.
    let news = app.news.subscribe();
    let missed = Reader::new(Time(looked.since)).read(&app).await?;
    let watch = Watch {
        _seat: seat,
        told,
        news,
        missed: if looked.since > 0 {
            missed.into()
        } else {
            VecDeque::new()
        },
        closing: app.closing.subscribe(),
        member: visitor.account.as_ref().map(|member| member.id),
        viewer,
        shown,
        parts,
        look_at: Instant::now() + LOOK,
        first: true,
        app,
    };
    Ok(answer(watch))
}

fn answer(watch: Watch) -> Response {
    let events = stream::unfold(watch, async |mut watch| {
        let event = watch.next().await?;
        Some((Ok::<_, std::convert::Infallible>(event), watch))
    });
    Sse::new(events).into_response()
}

/// A hint; one without a value would not be told by browsers.
fn hint(name: &'static str, value: impl ToString) -> Event {
    Event::default().event(name).data(value.to_string())
}

impl Watch {
    /// Waits for the next hint; nothing at the end.
    async fn next(&mut self) -> Option<Event> {
        if std::mem::take(&mut self.first) {
            return Some(match self.unread().await {
                Some(event) => event,
                None => Event::default().comment("open"),
            });
        }
        while let Some(news) = self.missed.pop_front() {
            if let Some(news) = News::parse(&news)
                && let Ok(Some(event)) = self.hear(&news).await
            {
                return Some(event);
            }
        }
        loop {
            let news = tokio::select! {
                news = self.news.recv() => news,
                _ = async { self.closing.wait_for(|closing| *closing).await.is_ok() } => return None,
                () = tokio::time::sleep_until(self.look_at) => {
                    self.look_at = Instant::now() + LOOK;
                    let now = Visitor::of(&self.app, &self.parts).await.ok()?;
                    let same = now.viewer().map(|one| one.id) == self.viewer.as_ref().map(|one| one.id);
                    return same.then(|| Event::default().comment("thump"));
                }
            };
            // Who reads too slowly starts anew.
            let news = News::parse(&news.ok()?)?;
            match self.hear(&news).await {
                Ok(Some(event)) => return Some(event),
                Ok(None) => {}
                Err(error) => tracing::debug!(%error, "an open page could not be told"),
            }
        }
    }

    async fn unread(&self) -> Option<Event> {
        let unread = notifications::unread(&self.app, self.member?).await.ok()?;
        Some(hint("unread", unread))
    }

    async fn hear(&self, news: &News) -> Result<Option<Event>> {
        if let Shown::Wish(wish) = &self.shown {
            let turned = matches!(
                news,
                News::Post(_) | News::Counted(_) | News::Related { .. }
            );
            let waits = !turned || wishes::state(&self.app, wish).await? == wishes::State::Waiting;
            return Ok((!waits).then(|| hint("done", 1)));
        }
        let me = self.viewer.as_ref().map(|viewer| viewer.id);
        Ok(match news {
            News::Post(id) => self.arrived(*id).await?,
            News::Edited(id) | News::Counted(id) => self.changed(*id).await?,
            News::Gone { post, open, .. } => open.then(|| hint("gone", post)),
            News::Notified { account, .. } if Some(*account) == self.member => self.unread().await,
            News::Related { follower, .. } if Some(*follower) == me => Some(hint("related", 1)),
            News::Notified { .. } | News::Related { .. } | News::Filters(_) => None,
        })
    }

    async fn arrived(&self, id: PostId) -> Result<Option<Event>> {
        let Some(post) = self.told.of(&self.app, id).await? else {
            return Ok(None);
        };
        let viewer = self.viewer.as_ref();
        Ok(match &self.shown {
            Shown::List(place) => {
                let mine = viewer.is_some_and(|viewer| viewer.id == post.account);
                let stands = !mine && places::has(&self.app, viewer, place, &post).await?;
                stands.then(|| hint("fresh", id))
            }
            Shown::Thread(thread) if post.thread == *thread && self.sees(&post).await? => {
                Some(hint("thread", id))
            }
            Shown::Thread(_) | Shown::Wish(_) | Shown::Frame => None,
        })
    }

    /// A post reads or counts differently; of narrow ones nobody is told who could not read them.
    async fn changed(&self, id: PostId) -> Result<Option<Event>> {
        if matches!(self.shown, Shown::Frame) {
            return Ok(None);
        }
        let post = self.told.of(&self.app, id).await?;
        let Some(post) = post else { return Ok(None) };
        Ok(self.sees(&post).await?.then(|| hint("changed", id)))
    }

    async fn sees(&self, post: &Post) -> Result<bool> {
        let open = post.audience.is_open() && self.viewer.is_none();
        Ok(open || audiences::may_see(&self.app, self.viewer.as_ref(), post.thing()).await?)
    }
}
