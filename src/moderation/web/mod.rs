//! Pages of who keeps the peace: the desk for when a crowd comes, what waits, reports, measures, rules, nodes.

pub mod accounts;
pub mod hosts;
pub mod mine;
pub mod queue;
pub mod reports;
pub mod rules;

use std::time::Duration;

use askama::Template;
use axum::extract::{Form, Query, State};
use axum::response::IntoResponse;
use http::StatusCode;
use serde::Deserialize;

use crate::accounts::Account;
use crate::app::App;
use crate::crew::audit;
use crate::error::{Error, Problem, Result};
use crate::kernel::id::ReportId;
use crate::moderation::appeals;
use crate::moderation::calm::{self, Calm, Kind, Meter};
use crate::moderation::measures::Measure;
use crate::moderation::reports::{self as told, Report};
use crate::posts::held;
use crate::ui::entitled::Moderator;
use crate::ui::page::with_status;
use crate::ui::{Page, PageResult, Ui, see_other};

/// How long something can be done: minutes and the message.
const TIMES: [(u64, &str); 5] = [
    (30, "time-30m"),
    (60, "time-1h"),
    (180, "time-3h"),
    (720, "time-12h"),
    (1440, "time-1d"),
];

#[derive(Template)]
#[template(path = "moderation/peace.html")]
struct PeacePage {
    ui: Ui,
    meter: Meter,
    active: Vec<Calm>,
    kinds: [Kind; 5],
    times: [(u64, &'static str); 5],
    waiting: i64,
    hosts: Vec<(String, i64)>,
    reports: Vec<(Report, Account)>,
    closed: Vec<(Report, Account)>,
    /// After which report more wait.
    more: Option<ReportId>,
    form: CalmForm,
    appeals: Vec<(Measure, Account)>,
    problems: Vec<Problem>,
}

impl PeacePage {
    /// What stands in a field of one measure: what was typed where that could not be taken.
    fn typed<'a>(&'a self, kind: &Kind, field: &'a str, otherwise: &'a str) -> &'a str {
        if self.form.kind != kind.name() {
            return otherwise;
        }
        match field {
            "host" => &self.form.host,
            "minutes" => &self.form.minutes,
            _ => &self.form.lasts,
        }
    }

    /// What stands in the field of the pinned sentence.
    fn sentence(&self) -> &str {
        match self.form.act.as_str() {
            "pin" => &self.form.note,
            _ => &self.ui.house.note,
        }
    }
}

async fn with_targets(app: &App, reports: Vec<Report>) -> Result<Vec<(Report, Account)>> {
    let mut found = Vec::new();
    for report in reports {
        let target = crate::accounts::get(app, report.target).await?;
        found.push((report, target));
    }
    Ok(found)
}

async fn page(
    app: &App,
    ui: Ui,
    (form, after): (CalmForm, Option<i64>),
    problems: Vec<Problem>,
) -> Result<PeacePage> {
    let (waiting, hosts) = held::counts(app).await?;
    let reports = told::waiting(app, after).await?;
    Ok(PeacePage {
        more: reports
            .last()
            .filter(|_| reports.len() >= told::AT_ONCE)
            .map(|last| last.id),
        form,
        ui,
        meter: calm::meter(app).await?,
        active: calm::active(app).await?,
        kinds: Kind::ALL,
        times: TIMES,
        waiting,
        hosts,
        reports: with_targets(app, reports).await?,
        closed: with_targets(app, told::closed(app).await?).await?,
        appeals: appeals::appeals(app).await?,
        problems,
    })
}

/// `GET /operator/peace`
pub async fn show(
    State(app): State<App>,
    Moderator(_, visitor): Moderator,
    Query(wish): Query<Wish>,
) -> PageResult {
    let shown = (CalmForm::default(), wish.after);
    Ok(Page(page(&app, visitor.ui, shown, Vec::new()).await?).into_response())
}

/// What of the page is asked for.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Wish {
    after: Option<i64>,
}

/// What the forms of the desk send.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct CalmForm {
    kind: String,
    host: String,
    minutes: String,
    lasts: String,
    note: String,
    act: String,
}

/// `POST /operator/peace`: does something about a crowd, ends it, pins a sentence, or undoes everything.
pub async fn act(
    State(app): State<App>,
    Moderator(me, visitor): Moderator,
    Form(form): Form<CalmForm>,
) -> PageResult {
    match perform(&app, &me, &form).await {
        Ok(()) => Ok(see_other("/operator/peace")),
        Err(Error::Invalid(problems)) => {
            let page = page(&app, visitor.ui, (form, None), problems).await?;
            Ok(with_status(StatusCode::UNPROCESSABLE_ENTITY, page))
        }
        Err(error) => Err(error.into()),
    }
}

async fn perform(app: &App, me: &Account, form: &CalmForm) -> Result<()> {
    let now = app.clock.now();
    let kind = Kind::parse(&form.kind).ok_or(Error::NotFound);
    let mut tx = app.db.begin().await?;
    let (act, changed, object) = match form.act.as_str() {
        "begin" => {
            let kind = kind?;
            let lasts: u64 = form.lasts.parse().unwrap_or(60);
            let calm = Calm {
                kind,
                host: form.host.clone(),
                minutes: form.minutes.parse().unwrap_or(5).max(1),
                until: now.plus(Duration::from_secs(lasts.clamp(1, 10_080) * 60)),
            };
            calm::begin(&mut tx, now, me, &calm).await?;
            ("calm-begun", true, about(kind, &form.host))
        }
        "end" => {
            let kind = kind?;
            let ended = calm::end(&mut tx, now, Some((kind, &form.host))).await?;
            ("calm-ended", ended, about(kind, &form.host))
        }
        "pin" => {
            let pinned = calm::pin(&mut tx, &form.note).await?;
            ("calm-pinned", pinned, form.note.clone())
        }
        "undo" => {
            let ended = calm::end(&mut tx, now, None).await?;
            ("calm-undone", ended, String::new())
        }
        _ => return Err(Error::NotFound),
    };
    if changed {
        audit::note(&mut tx, now, me.id, act, &object).await?;
    }
    tx.commit().await?;
    app.wake.notify_waiters();
    Ok(())
}

/// What is done about a crowd, in the words of the log.
fn about(kind: Kind, host: &str) -> String {
    match kind {
        Kind::Quarantine => format!("{} {host}", kind.name()),
        _ => kind.name().to_owned(),
    }
}
