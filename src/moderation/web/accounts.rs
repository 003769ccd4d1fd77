//! `/operator/accounts/{id}`: what was done about somebody, what they answered, and what can be done.

use askama::Template;
use axum::extract::{Form, Path, State};
use axum::response::IntoResponse;
use http::StatusCode;
use serde::Deserialize;

use crate::accounts::{self, Account};
use crate::app::App;
use crate::crew::audit;
use crate::error::{Error, Problem, Result};
use crate::kernel::id::AccountId;
use crate::moderation::appeals;
use crate::moderation::measures::{self, Kind, Measure};
use crate::moderation::reports;
use crate::ui::entitled::Moderator;
use crate::ui::page::with_status;
use crate::ui::{Page, PageResult, Ui, see_other};

#[derive(Template)]
#[template(path = "moderation/account.html")]
struct AccountPage {
    ui: Ui,
    account: Account,
    measures: Vec<Measure>,
    times: i64,
    kinds: [Kind; 6],
    chosen: String,
    reasons: String,
    problems: Vec<Problem>,
}

async fn page(
    app: &App,
    ui: Ui,
    account: Account,
    (form, problems): (MeasureForm, Vec<Problem>),
) -> Result<AccountPage> {
    Ok(AccountPage {
        ui,
        measures: measures::of(app, account.id).await?,
        times: reports::times(app, account.id).await?,
        kinds: Kind::ALL,
        account,
        chosen: form.kind,
        reasons: form.reasons,
        problems,
    })
}

/// `GET /operator/accounts/{id}`
pub async fn show(
    State(app): State<App>,
    Moderator(_, visitor): Moderator,
    Path(id): Path<AccountId>,
) -> PageResult {
    let account = accounts::get(&app, id).await?;
    let page = page(
        &app,
        visitor.ui,
        account,
        (MeasureForm::default(), Vec::new()),
    )
    .await?;
    Ok(Page(page).into_response())
}

/// What the form of a measure sends.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct MeasureForm {
    kind: String,
    reasons: String,
    words: String,
    sure: String,
}

/// What cannot be undone is done only by somebody who says that they know.
///
/// # Errors
/// `Invalid` where they do not.
pub(super) fn check_sure(kind: Kind, sure: &str) -> Result<()> {
    if kind == Kind::Delete && sure.is_empty() {
        return Err(Error::invalid("reasons", "error-measure-sure"));
    }
    Ok(())
}

/// `POST /operator/accounts/{id}`: does something about somebody.
pub async fn apply(
    State(app): State<App>,
    Moderator(me, visitor): Moderator,
    Path(id): Path<AccountId>,
    Form(form): Form<MeasureForm>,
) -> PageResult {
    let account = accounts::get(&app, id).await?;
    let kind = Kind::parse(&form.kind).ok_or(Error::NotFound)?;
    let done = match check_sure(kind, &form.sure) {
        Ok(()) => measures::apply(&app, &me, &account, (kind, &form.reasons), None).await,
        Err(error) => Err(error),
    };
    match done {
        Ok(_) => {
            let said = format!("@{} {}", account.handle(&app.origin()), kind.name());
            audit::note(&app, &me, "measured", &said).await?;
            Ok(see_other(&format!("/operator/accounts/{id}")))
        }
        Err(Error::Invalid(problems)) => {
            let page = page(&app, visitor.ui, account, (form, problems)).await?;
            Ok(with_status(StatusCode::UNPROCESSABLE_ENTITY, page))
        }
        Err(error) => Err(error.into()),
    }
}

/// `POST /operator/measures/{id}/{verb}`: lifts a measure, or answers an appeal by lifting or leaving it.
pub async fn act(
    State(app): State<App>,
    Moderator(me, _): Moderator,
    Path((id, verb)): Path<(i64, String)>,
    Form(form): Form<MeasureForm>,
) -> PageResult {
    let measure = measures::get(&app, id).await?;
    let account = accounts::get(&app, measure.account).await?;
    let act = match verb.as_str() {
        "lift" => {
            measures::lift(&app, id).await?;
            "lifted"
        }
        "grant" | "keep" => {
            appeals::answer(&app, id, &form.words, verb == "grant").await?;
            "appeal-answered"
        }
        _ => return Err(Error::NotFound.into()),
    };
    let said = format!("@{} {}", account.handle(&app.origin()), measure.kind.name());
    audit::note(&app, &me, act, &said).await?;
    Ok(see_other(&format!("/operator/accounts/{}", account.id)))
}
