//! `/operator/tiers`: the levels of membership, who has them, and who might.

use askama::Template;
use axum::extract::{Form, Path, State};
use axum::response::IntoResponse;
use http::StatusCode;
use serde::Deserialize;

use crate::accounts::web::ConfirmPage;
use crate::accounts::{self, Account};
use crate::app::App;
use crate::error::{Error, Problem, Result};
use crate::federation::objects::Found;
use crate::federation::webfinger;
use crate::kernel::clock::Time;
use crate::kernel::id::{AccountId, AudienceId};
use crate::members::rules::{self, Done};
use crate::members::tiers::{self, Face, Rule, Tier};
use crate::ui::entitled::Admitter;
use crate::ui::page::with_status;
use crate::ui::{Page, PageResult, Ui, see_other};

/// A tier on the page: who has it until when, and who is proposed for what they did.
struct Shown {
    tier: Tier,
    holders: Vec<(Account, Option<Time>)>,
    proposed: Vec<(Account, Done)>,
}

#[derive(Template)]
#[template(path = "members/tiers.html")]
struct TiersPage {
    ui: Ui,
    tiers: Vec<Shown>,
    form: TierForm,
    problems: Vec<Problem>,
}

/// What the forms of the page send.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct TierForm {
    name: String,
    how: String,
    colour: String,
    sign: String,
    handle: String,
    days: String,
    on: String,
    answers: String,
}

impl TierForm {
    fn face(&self) -> Face {
        Face {
            name: self.name.clone(),
            how: self.how.clone(),
            colour: self.colour.clone(),
            sign: self.sign.clone(),
        }
    }
}

async fn page(app: &App, ui: Ui, form: TierForm, problems: Vec<Problem>) -> Result<TiersPage> {
    let mut all = Vec::new();
    let host = accounts::first_host(app).await?.ok_or(Error::NotFound)?;
    for tier in tiers::list(app).await? {
        all.push(Shown {
            holders: tiers::holders(app, tier.id).await?,
            proposed: rules::proposed(app, host.id, &tier).await?,
            tier,
        });
    }
    Ok(TiersPage {
        ui,
        tiers: all,
        form,
        problems,
    })
}

/// `GET /operator/tiers`
pub async fn index(State(app): State<App>, Admitter(_, visitor): Admitter) -> PageResult {
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
    Admitter(_, visitor): Admitter,
    Form(form): Form<TierForm>,
) -> PageResult {
    // What is the house's is its first host's, whoever of the hosts makes it.
    let host = accounts::first_host(&app).await?.ok_or(Error::NotFound)?;
    let made = tiers::create(&app, &host, form.face()).await;
    outcome(&app, visitor.ui, form, made.map(|_| ())).await
}

/// `GET /operator/tiers/{id}/remove`: asks once.
pub async fn ask(
    State(app): State<App>,
    Admitter(_, visitor): Admitter,
    Path((id, verb)): Path<(AudienceId, String)>,
) -> PageResult {
    let tier = tiers::get(&app, id).await?;
    if verb != "remove" {
        return Err(Error::NotFound.into());
    }
    let ui = visitor.ui;
    Ok(Page(ConfirmPage {
        title: ui.tv("tier-remove-title", "tier", tier.face.name.as_str()),
        sentence: ui.t("tier-remove-sentence"),
        action: format!("/operator/tiers/{id}/remove"),
        ask_comment: false,
        hidden: Vec::new(),
        button: ui.t("tier-remove"),
        danger: true,
        back: "/operator/tiers".to_owned(),
        ui,
    })
    .into_response())
}

/// `POST /operator/tiers/{id}/{verb}`: changes a tier, its rule, gives it to somebody or to all who are proposed.
pub async fn act(
    State(app): State<App>,
    Admitter(_, visitor): Admitter,
    Path((id, verb)): Path<(AudienceId, String)>,
    Form(form): Form<TierForm>,
) -> PageResult {
    let tier = tiers::get(&app, id).await?;
    let done = match verb.as_str() {
        "change" => tiers::change(&app, id, form.face()).await,
        "remove" => tiers::remove(&app, id).await,
        "rule" => {
            let rule = Rule {
                days: form.days.parse().unwrap_or(0),
                answers: form.answers.parse().unwrap_or(0),
            };
            tiers::set_rule(&app, id, Some(rule).filter(|_| !form.on.is_empty())).await
        }
        "grant" => give(&app, &tier, &form).await,
        "grant-proposed" => give_all(&app, &tier).await,
        _ => Err(Error::NotFound),
    };
    outcome(&app, visitor.ui, form, done).await
}

async fn give(app: &App, tier: &Tier, form: &TierForm) -> Result<()> {
    let account = named(app, form.handle.trim()).await?;
    if rules::refused(app, tier.id, account.id).await? {
        return Err(Error::invalid("handle", "error-tier-refused"));
    }
    tiers::grant(app, tier.id, account.id, form.days.parse().ok(), "hand").await
}

async fn give_all(app: &App, tier: &Tier) -> Result<()> {
    let host = accounts::first_host(app).await?.ok_or(Error::NotFound)?;
    for (account, _) in rules::proposed(app, host.id, tier).await? {
        tiers::grant(app, tier.id, account.id, None, "rule").await?;
    }
    Ok(())
}

/// The account of a handle, looked up where it is not known.
async fn named(app: &App, handle: &str) -> Result<Account> {
    match webfinger::look_up(app, handle).await {
        Ok(Found::Account(account)) => Ok(account),
        Ok(Found::Post(_)) => Err(Error::invalid("handle", "error-invite-address")),
        Err(error) => Err(Error::invalid("handle", error.sentence())),
    }
}

/// `POST /operator/tiers/{id}/take/{account}`
pub async fn take(
    State(app): State<App>,
    Admitter(..): Admitter,
    Path((id, account)): Path<(AudienceId, AccountId)>,
) -> PageResult {
    tiers::take(&app, id, account).await?;
    Ok(see_other("/operator/tiers"))
}
