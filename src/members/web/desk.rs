//! `/operator/joining`: how the house is open, who asks, and who came by whose invitation.

use askama::Template;
use axum::extract::{Form, Path, Query, State};
use axum::response::IntoResponse;
use http::StatusCode;
use serde::Deserialize;

use crate::accounts::Account;
use crate::app::App;
use crate::crew::audit;
use crate::error::{Error, Problem, Result};
use crate::kernel::clock::Time;
use crate::members::invitations::{self, Coming, Invitation};
use crate::members::requests::{self, Request};
use crate::nodes::joining::{self, Joining, Mode};
use crate::ui::entitled::Admitter;
use crate::ui::page::with_status;
use crate::ui::{Page, PageResult, Ui, see_other};

#[derive(Template)]
#[template(path = "members/desk.html")]
struct DeskPage {
    ui: Ui,
    joining: Joining,
    modes: [(&'static str, bool); 4],
    requests: Vec<Request>,
    invitations: Vec<Invitation>,
    tree: Vec<Coming>,
    /// Where older invitations begin.
    older: Option<i64>,
    problems: Vec<Problem>,
    now: Time,
}

/// What of the page is asked for.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Wish {
    /// The invitations before this one.
    pub before: Option<i64>,
}

async fn page(
    app: &App,
    ui: Ui,
    (typed, before): (Option<Joining>, Option<i64>),
    problems: Vec<Problem>,
) -> Result<DeskPage> {
    let joining = match typed {
        Some(joining) => joining,
        None => joining::get(app).await?,
    };
    let invitations = invitations::list(app, None, before).await?;
    Ok(DeskPage {
        older: invitations::older(&invitations),
        now: ui.now,
        ui,
        modes: Mode::ALL.map(|mode| (mode.name(), mode == joining.mode)),
        joining,
        requests: requests::list(app).await?,
        invitations,
        tree: invitations::tree(app).await?,
        problems,
    })
}

/// `GET /operator/joining`
pub async fn show(
    State(app): State<App>,
    Admitter(_, visitor): Admitter,
    Query(wish): Query<Wish>,
) -> PageResult {
    let page = page(&app, visitor.ui, (None, wish.before), Vec::new()).await?;
    Ok(Page(page).into_response())
}

/// What came of a form.
async fn outcome(app: &App, ui: Ui, typed: Option<Joining>, result: Result<()>) -> PageResult {
    match result {
        Ok(()) => Ok(see_other("/operator/joining")),
        Err(Error::Invalid(problems)) => {
            let page = page(app, ui, (typed, None), problems).await?;
            Ok(with_status(StatusCode::UNPROCESSABLE_ENTITY, page))
        }
        Err(error) => Err(error.into()),
    }
}

/// `POST /operator/joining`
pub async fn update(
    State(app): State<App>,
    Admitter(me, visitor): Admitter,
    Form(form): Form<Vec<(String, String)>>,
) -> PageResult {
    let text = |wanted: &str| {
        let found = form.iter().find(|(name, _)| name == wanted);
        found.map(|(_, value)| value.as_str()).unwrap_or_default()
    };
    let before = joining::get(&app).await?;
    let joining = Joining {
        mode: Mode::parse(text("mode")).unwrap_or(before.mode),
        questions: text("questions")
            .lines()
            .map(str::trim)
            .filter(|line| !line.is_empty())
            .map(str::to_owned)
            .collect(),
        allowance: text("allowance").parse().unwrap_or(before.allowance),
        waiting: !text("waiting").is_empty(),
        waiting_question: text("waiting_question").to_owned(),
    };
    let result = save(&app, &me, &joining).await;
    outcome(&app, visitor.ui, Some(joining), result).await
}

async fn save(app: &App, me: &Account, joining: &Joining) -> Result<()> {
    let mut tx = app.db.begin().await?;
    if joining::set(app, &mut tx, joining).await? {
        let mode = joining.mode.name();
        audit::note(&mut tx, app.clock.now(), me.id, "joining", mode).await?;
    }
    Ok(tx.commit().await?)
}

/// `POST /operator/requests/{id}/{verb}`
pub async fn decide(
    State(app): State<App>,
    Admitter(me, visitor): Admitter,
    Path((id, verb)): Path<(i64, String)>,
) -> PageResult {
    let result = match verb.as_str() {
        "accept" => accept(&app, &me, id).await,
        "refuse" => refuse(&app, &me, id).await,
        _ => return Err(Error::NotFound.into()),
    };
    outcome(&app, visitor.ui, None, result).await
}

async fn accept(app: &App, me: &Account, id: i64) -> Result<()> {
    let welcome = requests::prepare(app, id).await?;
    let mut tx = app.db.begin().await?;
    let account = requests::accept(app, &mut tx, welcome).await?;
    audit::note(&mut tx, app.clock.now(), me.id, "let-in", &account.name).await?;
    tx.commit().await?;
    app.wake.notify_waiters();
    Ok(())
}

async fn refuse(app: &App, me: &Account, id: i64) -> Result<()> {
    let mut tx = app.db.begin().await?;
    if let Some(name) = requests::refuse(app, &mut tx, id).await? {
        audit::note(&mut tx, app.clock.now(), me.id, "not-let-in", &name).await?;
    }
    tx.commit().await?;
    app.wake.notify_waiters();
    Ok(())
}

/// `POST /operator/invitations/{id}/{verb}`: takes one back, or everything that grew from it.
pub async fn revoke(
    State(app): State<App>,
    Admitter(me, visitor): Admitter,
    Path((id, verb)): Path<(i64, String)>,
) -> PageResult {
    if !["revoke", "revoke-branch"].contains(&verb.as_str()) {
        return Err(Error::NotFound.into());
    }
    let result = take_back(&app, &me, id, verb == "revoke-branch").await;
    outcome(&app, visitor.ui, None, result).await
}

async fn take_back(app: &App, me: &Account, id: i64, branch: bool) -> Result<()> {
    let now = app.clock.now();
    let mut tx = app.db.begin().await?;
    let taken = invitations::revoke(&mut tx, now, id, branch).await?;
    if taken > 0 {
        audit::note(&mut tx, now, me.id, "taken-back", &taken.to_string()).await?;
    }
    Ok(tx.commit().await?)
}
