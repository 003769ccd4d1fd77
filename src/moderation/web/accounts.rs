//! `/operator/accounts/{id}`: what was done about somebody, what they answered, and what can be done.

use askama::Template;
use axum::extract::{Form, Path, State};
use axum::response::IntoResponse;
use http::StatusCode;
use serde::Deserialize;

use crate::accounts::{self, Account, store as account_store};
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
    match measure(&app, &me, &account, (kind, &form)).await {
        Ok(()) => Ok(see_other(&format!("/operator/accounts/{id}"))),
        Err(Error::Invalid(problems)) => {
            let page = page(&app, visitor.ui, account, (form, problems)).await?;
            Ok(with_status(StatusCode::UNPROCESSABLE_ENTITY, page))
        }
        Err(error) => Err(error.into()),
    }
}

async fn measure(
    app: &App,
    me: &Account,
    account: &Account,
    (kind, form): (Kind, &MeasureForm),
) -> Result<()> {
    check_sure(kind, &form.sure)?;
    let said = format!("@{} {}", account.handle(&app.origin()), kind.name());
    let why = (kind, form.reasons.as_str());
    let mut tx = app.db.begin().await?;
    measures::apply(app, &mut tx, me, account.id, why, None).await?;
    audit::note(&mut tx, app.clock.now(), me.id, "measured", &said).await?;
    tx.commit().await?;
    app.wake.notify_waiters();
    Ok(())
}

/// `POST /operator/measures/{id}/{verb}`: lifts a measure, or answers an appeal by lifting or leaving it.
pub async fn act(
    State(app): State<App>,
    Moderator(me, _): Moderator,
    Path((id, verb)): Path<(i64, String)>,
    Form(form): Form<MeasureForm>,
) -> PageResult {
    let account = undo(&app, &me, id, (&verb, &form.words)).await?;
    Ok(see_other(&format!("/operator/accounts/{account}")))
}

async fn undo(app: &App, me: &Account, id: i64, (verb, words): (&str, &str)) -> Result<AccountId> {
    let now = app.clock.now();
    let mut tx = app.db.begin().await?;
    let (act, measure) = match verb {
        "lift" => ("lifted", measures::lift(&mut tx, now, id).await?),
        "grant" | "keep" => {
            let said = (words, verb == "grant");
            let measure = appeals::answer(app, &mut tx, id, said).await?;
            ("appeal-answered", measure)
        }
        _ => return Err(Error::NotFound),
    };
    let account = account_store::find(&mut tx, measure.account).await?;
    let account = account.ok_or(Error::NotFound)?;
    let said = format!("@{} {}", account.handle(&app.origin()), measure.kind.name());
    audit::note(&mut tx, now, me.id, act, &said).await?;
    tx.commit().await?;
    app.wake.notify_waiters();
    Ok(account.id)
}
