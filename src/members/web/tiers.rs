//! `/operator/tiers`: the levels of membership, who has them, and who might.

use askama::Template;
use axum::extract::{Form, Path, State};
use axum::response::IntoResponse;
use http::StatusCode;
use serde::Deserialize;

use crate::accounts::web::ConfirmPage;
use crate::accounts::{self, Account, store as account_store};
use crate::app::App;
use crate::crew::audit;
use crate::error::{Error, Problem, Result};
use crate::federation::look_up;
use crate::federation::objects::Found;
use crate::kernel::clock::Time;
use crate::kernel::db::Tx;
use crate::kernel::id::{AccountId, AudienceId};
use crate::members::rules::{self, Done};
use crate::members::tiers::{self, Face, Rule, Tier};
use crate::moderation::rules as gate_rules;
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
    /// The tier whose form it was.
    #[serde(skip)]
    of: Option<AudienceId>,
}

impl TiersPage {
    /// How a tier stands in its form: as it was typed where that could not be taken.
    fn face(&self, tier: &Tier) -> Face {
        if self.form.of == Some(tier.id) && !self.form.name.is_empty() {
            self.form.face()
        } else {
            tier.face.clone()
        }
    }

    /// What stands in the form of a new tier.
    fn fresh(&self) -> Face {
        match self.form.of {
            Some(_) => TierForm::default().face(),
            None => self.form.face(),
        }
    }

    /// Whom somebody wanted to give a tier.
    fn handle(&self, tier: &Tier) -> &str {
        match self.form.of {
            Some(id) if id == tier.id => &self.form.handle,
            _ => "",
        }
    }

    /// Whether the form of a tier stands open.
    fn opens(&self, tier: &Tier) -> bool {
        self.form.of == Some(tier.id) && !self.form.name.is_empty()
    }
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
            proposed: rules::proposed(&app.db, app.clock.now(), host.id, &tier).await?,
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

/// What came of a form.
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
    Admitter(me, visitor): Admitter,
    Form(form): Form<TierForm>,
) -> PageResult {
    let done = make(&app, &me, &form).await;
    outcome(&app, visitor.ui, form, done).await
}

async fn make(app: &App, me: &Account, form: &TierForm) -> Result<()> {
    // What is the house's is its first host's, whoever of the hosts makes it.
    let host = accounts::first_host(app).await?.ok_or(Error::NotFound)?;
    let now = app.clock.now();
    let mut tx = app.db.begin().await?;
    tiers::create(&mut tx, now, host.id, form.face()).await?;
    audit::note(&mut tx, now, me.id, "tier-made", form.name.trim()).await?;
    Ok(tx.commit().await?)
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
    Admitter(me, visitor): Admitter,
    Path((id, verb)): Path<(AudienceId, String)>,
    Form(mut form): Form<TierForm>,
) -> PageResult {
    let tier = tiers::get(&app, id).await?;
    form.of = Some(id);
    let done = perform(&app, &me, &tier, (&verb, &form)).await;
    outcome(&app, visitor.ui, form, done).await
}

async fn perform(
    app: &App,
    me: &Account,
    tier: &Tier,
    (verb, form): (&str, &TierForm),
) -> Result<()> {
    let (id, name) = (tier.id, tier.face.name.clone());
    // Who is not known yet is looked up before anything is held.
    let named = match verb {
        "grant" => Some(named(app, form.handle.trim()).await?),
        _ => None,
    };
    let now = app.clock.now();
    let mut tx = app.db.begin().await?;
    let (act, object) = match (verb, named) {
        ("change", _) => {
            tiers::change(&mut tx, id, form.face()).await?;
            ("tier-changed", Some(name))
        }
        ("remove", _) => {
            let removed = tiers::remove(&mut tx, id).await?;
            gate_rules::forget_tier(&mut tx, id).await?;
            ("tier-removed", removed.then_some(name))
        }
        ("rule", _) => {
            let rule = Rule {
                days: form.days.parse().unwrap_or(0),
                answers: form.answers.parse().unwrap_or(0),
            };
            let rule = Some(rule).filter(|_| !form.on.is_empty());
            tiers::set_rule(&mut tx, now, id, rule).await?;
            ("tier-rule", Some(name))
        }
        ("grant", Some(account)) => {
            if rules::refused(&mut tx, id, account.id).await? {
                return Err(Error::invalid("handle", "error-tier-refused"));
            }
            let days = form.days.parse().ok();
            tiers::grant(&mut tx, now, (id, account.id), days, "hand").await?;
            ("tier-given", Some(format!("{name}: @{}", account.acct())))
        }
        ("grant-proposed", _) => {
            let given = give_all(&mut tx, now, tier).await?;
            let said = format!("{name}: {given}");
            ("tier-given", Some(said).filter(|_| given > 0))
        }
        _ => return Err(Error::NotFound),
    };
    if let Some(object) = object {
        audit::note(&mut tx, now, me.id, act, &object).await?;
    }
    Ok(tx.commit().await?)
}

/// Gives a tier to all who are proposed for it; how many.
async fn give_all(tx: &mut Tx, now: Time, tier: &Tier) -> Result<usize> {
    let host = account_store::first_host(&mut *tx).await?;
    let host = host.ok_or(Error::NotFound)?;
    let proposed = rules::proposed(&mut *tx, now, host.id, tier).await?;
    for (account, _) in &proposed {
        tiers::grant(&mut *tx, now, (tier.id, account.id), None, "rule").await?;
    }
    Ok(proposed.len())
}

/// The account of a handle, looked up where it is not known.
async fn named(app: &App, handle: &str) -> Result<Account> {
    match look_up::find(app, handle).await {
        Ok(Found::Account(account)) => Ok(account),
        Ok(Found::Post(_)) => Err(Error::invalid("handle", "error-invite-address")),
        Err(error) => Err(Error::invalid("handle", error.sentence())),
    }
}

/// `POST /operator/tiers/{id}/take/{account}`
pub async fn take(
    State(app): State<App>,
    Admitter(me, _): Admitter,
    Path((id, account)): Path<(AudienceId, AccountId)>,
) -> PageResult {
    take_from(&app, &me, id, account).await?;
    Ok(see_other("/operator/tiers"))
}

async fn take_from(app: &App, me: &Account, id: AudienceId, account: AccountId) -> Result<()> {
    let tier = tiers::get(app, id).await?.face.name;
    let whose = accounts::get(app, account).await?;
    let mut tx = app.db.begin().await?;
    if tiers::take(&mut tx, id, account).await? {
        let said = format!("{tier}: @{}", whose.acct());
        audit::note(&mut tx, app.clock.now(), me.id, "tier-taken", &said).await?;
    }
    Ok(tx.commit().await?)
}
