//! `/operator/tiers`: the levels of membership, and who has them.

use askama::Template;
use axum::extract::{Form, Path, State};
use axum::response::IntoResponse;
use http::StatusCode;
use serde::Deserialize;

use crate::accounts::{self, Account};
use crate::app::App;
use crate::error::{Error, Problem, Result};
use crate::federation::objects::Found;
use crate::federation::webfinger;
use crate::kernel::clock::Time;
use crate::kernel::id::{AccountId, AudienceId};
use crate::members::tiers::{self, Tier};
use crate::ui::page::with_status;
use crate::ui::visitor::Operator;
use crate::ui::{Page, PageResult, Ui, see_other};

/// Who has a tier, and until when.
type Holders = Vec<(Account, Option<Time>)>;

#[derive(Template)]
#[template(path = "members/tiers.html")]
struct TiersPage {
    ui: Ui,
    tiers: Vec<(Tier, Holders)>,
    form: TierForm,
    problems: Vec<Problem>,
}

/// What the forms of the page send.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct TierForm {
    name: String,
    how: String,
    handle: String,
    days: String,
}

async fn page(app: &App, ui: Ui, form: TierForm, problems: Vec<Problem>) -> Result<TiersPage> {
    let mut all = Vec::new();
    for tier in tiers::list(app).await? {
        let holders = tiers::holders(app, tier.id).await?;
        all.push((tier, holders));
    }
    Ok(TiersPage {
        ui,
        tiers: all,
        form,
        problems,
    })
}

/// `GET /operator/tiers`
pub async fn index(State(app): State<App>, Operator(_, visitor): Operator) -> PageResult {
    let page = page(&app, visitor.ui, TierForm::default(), Vec::new()).await?;
    Ok(Page(page).into_response())
}

async fn outcome(app: &App, ui: Ui, form: TierForm, result: Result<()>) -> PageResult {
    match result {
        Ok(()) => Ok(see_other("/operator/tiers")),
        Err(Error::Invalid(problems)) => {
            let page = page(app, ui, form, problems).await?;
            Ok(with_status(StatusCode::UNPROCESSABLE_ENTITY, page))
        }
        Err(error) => Err(error.into()),
    }
}

/// `POST /operator/tiers`
pub async fn create(
    State(app): State<App>,
    Operator(host, visitor): Operator,
    Form(form): Form<TierForm>,
) -> PageResult {
    let made = tiers::create(&app, &host, &form.name, &form.how).await;
    outcome(&app, visitor.ui, form, made.map(|_| ())).await
}

/// `POST /operator/tiers/{id}/grant`: to a member, or to anybody by their handle.
pub async fn grant(
    State(app): State<App>,
    Operator(_, visitor): Operator,
    Path(id): Path<AudienceId>,
    Form(form): Form<TierForm>,
) -> PageResult {
    let tier = tiers::get(&app, id).await?;
    let given = async {
        let account = named(&app, form.handle.trim()).await?;
        tiers::grant(&app, tier.id, account.id, form.days.parse().ok()).await
    };
    let given = given.await;
    outcome(&app, visitor.ui, form, given).await
}

async fn named(app: &App, handle: &str) -> Result<Account> {
    let known = accounts::find_by_handle(app, handle.trim_start_matches('@')).await?;
    if let Some(account) = known.filter(Account::is_active) {
        return Ok(account);
    }
    match webfinger::look_up(app, handle).await {
        Ok(Found::Account(account)) => Ok(account),
        Ok(Found::Post(_)) => Err(Error::invalid("handle", "error-invite-address")),
        Err(error) => Err(Error::invalid("handle", error.sentence())),
    }
}

/// `POST /operator/tiers/{id}/take/{account}`
pub async fn take(
    State(app): State<App>,
    Operator(..): Operator,
    Path((id, account)): Path<(AudienceId, AccountId)>,
) -> PageResult {
    tiers::take(&app, id, account).await?;
    Ok(see_other("/operator/tiers"))
}
