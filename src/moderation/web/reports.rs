//! `/operator/reports/{id}`: a report with what was reported as it read then, notes, and what comes of it.

use askama::Template;
use axum::extract::{Form, Path, State};
use axum::response::IntoResponse;
use http::StatusCode;
use serde::Deserialize;

use crate::accounts::{self, Account};
use crate::app::App;
use crate::crew::audit;
use crate::error::{Error, Problem, Result};
use crate::kernel::id::ReportId;
use crate::moderation::measures::{self, Kind, Measure};
use crate::moderation::reports::{self, Note, Report};
use crate::moderation::web::accounts::check_sure;
use crate::ui::entitled::Moderator;
use crate::ui::page::with_status;
use crate::ui::{Page, PageResult, Ui, see_other};

#[derive(Template)]
#[template(path = "moderation/report.html")]
struct ReportPage {
    ui: Ui,
    report: Report,
    from: Account,
    target: Account,
    assigned: Option<Account>,
    notes: Vec<Note>,
    /// What was done about them before, and how often they were reported.
    before: Vec<Measure>,
    times: i64,
    kinds: [Kind; 6],
    form: ReportForm,
    problems: Vec<Problem>,
}

async fn page(
    app: &App,
    ui: Ui,
    id: ReportId,
    (form, problems): (ReportForm, Vec<Problem>),
) -> Result<ReportPage> {
    let report = reports::find(app, id).await?.ok_or(Error::NotFound)?;
    let assigned = match report.assigned {
        Some(who) => accounts::find(app, who).await?,
        None => None,
    };
    Ok(ReportPage {
        ui,
        from: accounts::get(app, report.from).await?,
        target: accounts::get(app, report.target).await?,
        assigned,
        notes: reports::notes(app, id).await?,
        before: measures::of(app, report.target).await?,
        times: reports::times(app, report.target).await?,
        kinds: Kind::ALL,
        form,
        problems,
        report,
    })
}

/// `GET /operator/reports/{id}`
pub async fn show(
    State(app): State<App>,
    Moderator(_, visitor): Moderator,
    Path(id): Path<ReportId>,
) -> PageResult {
    Ok(
        Page(page(&app, visitor.ui, id, (ReportForm::default(), Vec::new())).await?)
            .into_response(),
    )
}

/// What the forms of a report send.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct ReportForm {
    text: String,
    kind: String,
    reasons: String,
    sure: String,
}

/// `POST /operator/reports/{id}/{verb}`: takes it on, notes something, does something about whom it is about, closes
/// it, opens it again.
pub async fn act(
    State(app): State<App>,
    Moderator(me, visitor): Moderator,
    Path((id, verb)): Path<(ReportId, String)>,
    Form(form): Form<ReportForm>,
) -> PageResult {
    match perform(&app, &me, id, (&verb, &form)).await {
        Ok(()) => Ok(see_other(&format!("/operator/reports/{id}"))),
        Err(Error::Invalid(problems)) => {
            let page = page(&app, visitor.ui, id, (form, problems)).await?;
            Ok(with_status(StatusCode::UNPROCESSABLE_ENTITY, page))
        }
        Err(error) => Err(error.into()),
    }
}

async fn perform(
    app: &App,
    me: &Account,
    id: ReportId,
    (verb, form): (&str, &ReportForm),
) -> Result<()> {
    let report = reports::find(app, id).await?.ok_or(Error::NotFound)?;
    let target = accounts::get(app, report.target).await?;
    let mut said = format!("@{}", target.handle(&app.origin()));
    let now = app.clock.now();
    let mut tx = app.db.begin().await?;
    let (act, changed) = match verb {
        "assign" => {
            let taken = reports::assign(&mut tx, id, me.id).await?;
            ("report-assigned", taken)
        }
        "note" => {
            reports::add_note(&mut tx, now, id, me.id, &form.text).await?;
            ("report-noted", true)
        }
        "measure" => {
            let kind = Kind::parse(&form.kind).ok_or(Error::NotFound)?;
            check_sure(kind, &form.sure)?;
            // Of two who do something about one report in the same moment, one does.
            if !reports::close(app, &mut tx, id, "measure").await? {
                return Err(Error::invalid("reasons", "error-report-closed"));
            }
            let why = (kind, form.reasons.as_str());
            measures::apply(app, &mut tx, me, target.id, why, Some(id)).await?;
            said = format!("{said} {}", kind.name());
            ("measured", true)
        }
        "close" => {
            let closed = reports::close(app, &mut tx, id, "none").await?;
            ("report-closed", closed)
        }
        "reopen" => ("report-reopened", reports::reopen(&mut tx, id).await?),
        _ => return Err(Error::NotFound),
    };
    if changed {
        audit::note(&mut tx, now, me.id, act, &said).await?;
    }
    tx.commit().await?;
    app.wake.notify_waiters();
    Ok(())
}
