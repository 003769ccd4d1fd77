//! `/calendar`: what waits for its moment, and, for who writes for the house, what waits for somebody's word.

use askama::Template;
use axum::extract::{Form, Path, State};
use axum::response::IntoResponse;
use http::StatusCode;
use serde::Deserialize;

use crate::accounts::{self, Account};
use crate::app::App;
use crate::crew::drafts::{self, Prepared};
use crate::crew::{Right, audit};
use crate::error::{Error, Problem, Result};
use crate::kernel::clock::Time;
use crate::kernel::page::Window;
use crate::kernel::zone::Zone;
use crate::posts::scheduled::{self, Scheduled};
use crate::ui::entitled::Writer;
use crate::ui::page::with_status;
use crate::ui::{Page, PageResult, SignedIn, Ui, see_other};

/// Something that waits for its moment; whether it is the house's.
struct Waiting {
    scheduled: Scheduled,
    house: bool,
}

#[derive(Template)]
#[template(path = "crew/calendar.html")]
struct CalendarPage {
    ui: Ui,
    /// Days in order, each with what is published then.
    days: Vec<(String, Vec<Waiting>)>,
    drafts: Vec<Prepared>,
    /// What was written to whom a draft goes back.
    words: String,
    problems: Vec<Problem>,
}

async fn page(
    app: &App,
    ui: Ui,
    member: &Account,
    (words, problems): (String, Vec<Problem>),
) -> Result<CalendarPage> {
    let mut waiting = Vec::new();
    let writes = ui.rights.has(Right::Post) || ui.rights.has(Right::Draft);
    let host = accounts::first_host(app).await?;
    let window = || Window::newest(300);
    for scheduled in scheduled::list(app, member.id, window()).await? {
        let house = host.as_ref().is_some_and(|host| host.id == member.id);
        waiting.push(Waiting { scheduled, house });
    }
    if let Some(host) = host.filter(|host| writes && host.id != member.id) {
        let house = true;
        for scheduled in scheduled::list(app, host.id, window()).await? {
            waiting.push(Waiting { scheduled, house });
        }
    }
    waiting.sort_by_key(|one| one.scheduled.run_at);
    let mut days: Vec<(String, Vec<Waiting>)> = Vec::new();
    for one in waiting {
        let day = ui
            .locale
            .date(one.scheduled.run_at, ui.zone.unwrap_or(Zone::UTC));
        match days.last_mut().filter(|(last, _)| *last == day) {
            Some((_, of_day)) => of_day.push(one),
            None => days.push((day, vec![one])),
        }
    }
    let mut drafts = if writes {
        drafts::list(app).await?
    } else {
        Vec::new()
    };
    drafts.retain(|one| ui.rights.has(Right::Post) || one.by.id == member.id);
    Ok(CalendarPage {
        ui,
        days,
        drafts,
        words,
        problems,
    })
}

/// `GET /calendar`
pub async fn show(State(app): State<App>, SignedIn(member, visitor): SignedIn) -> PageResult {
    let nothing = (String::new(), Vec::new());
    Ok(Page(page(&app, visitor.ui, &member, nothing).await?).into_response())
}

/// `POST /calendar/{id}/cancel`: what was put off is not written; of the house only by who publishes for it.
pub async fn cancel(
    State(app): State<App>,
    SignedIn(member, visitor): SignedIn,
    Path(id): Path<i64>,
) -> PageResult {
    let own = scheduled::cancel(&app, member.id, id).await;
    if let Err(Error::NotFound) = own {
        let host = accounts::first_host(&app).await?.ok_or(Error::NotFound)?;
        if !visitor.ui.rights.has(Right::Post) {
            return Err(Error::NotFound.into());
        }
        let now = app.clock.now();
        let mut tx = app.db.begin().await?;
        let gone = scheduled::cancel_in(&mut tx, now, host.id, id).await?;
        audit::note(&mut tx, now, member.id, "cancelled", &gone.draft.text).await?;
        tx.commit().await?;
    } else {
        own?;
    }
    Ok(see_other("/calendar"))
}

/// What the forms of drafts send.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct DraftForm {
    words: String,
    /// Which version was looked at.
    seen: i64,
}

/// `POST /operator/drafts/{id}/{verb}`: lets a draft through, gives it back, throws it away.
pub async fn act(
    State(app): State<App>,
    Writer(me, visitor): Writer,
    Path((id, verb)): Path<(i64, String)>,
    Form(form): Form<DraftForm>,
) -> PageResult {
    let draft = drafts::get(&app, id).await?;
    let publishes = visitor.ui.rights.has(Right::Post);
    let done = match verb.as_str() {
        "publish" | "return" if publishes => decide(&app, &me, &draft, (&verb, &form)).await,
        "discard" if publishes || draft.by.id == me.id => {
            decide(&app, &me, &draft, (&verb, &form)).await
        }
        "publish" | "return" | "discard" => Err(Error::Forbidden),
        _ => Err(Error::NotFound),
    };
    match done {
        Ok(()) => Ok(see_other("/calendar")),
        Err(Error::Invalid(problems)) => {
            let page = page(&app, visitor.ui, &me, (form.words, problems)).await?;
            Ok(with_status(StatusCode::UNPROCESSABLE_ENTITY, page))
        }
        Err(error) => Err(error.into()),
    }
}

async fn decide(
    app: &App,
    me: &Account,
    draft: &Prepared,
    (verb, form): (&str, &DraftForm),
) -> Result<()> {
    let ready = match verb {
        "publish" => Some(drafts::ready(app, draft.id, Time(form.seen)).await?),
        _ => None,
    };
    let now = app.clock.now();
    let mut tx = app.db.begin().await?;
    let (act, changed) = match (verb, ready) {
        (_, Some(ready)) => {
            drafts::publish(app, &mut tx, ready).await?;
            ("draft-published", true)
        }
        ("return", _) => {
            drafts::give_back(&mut tx, now, draft.id, &form.words).await?;
            ("draft-returned", true)
        }
        _ => {
            let thrown = drafts::discard(&mut tx, draft.id).await?;
            ("draft-discarded", thrown)
        }
    };
    if changed {
        audit::note(&mut tx, now, me.id, act, &draft.draft.text).await?;
    }
    tx.commit().await?;
    app.wake.notify_waiters();
    Ok(())
}
