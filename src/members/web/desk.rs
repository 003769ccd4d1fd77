//! `/operator/joining`: how the house is open, who asks, and who came by whose invitation.

use askama::Template;
use axum::extract::{Form, Path, State};
use axum::response::IntoResponse;
use http::StatusCode;

use crate::app::App;
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
    problems: Vec<Problem>,
    now: Time,
}

async fn page(app: &App, ui: Ui, problems: Vec<Problem>) -> Result<DeskPage> {
    let joining = joining::get(app).await?;
    Ok(DeskPage {
        now: ui.now,
        ui,
        modes: Mode::ALL.map(|mode| (mode.name(), mode == joining.mode)),
        joining,
        requests: requests::list(app).await?,
        invitations: invitations::list(app, None).await?,
        tree: invitations::tree(app).await?,
        problems,
    })
}

/// `GET /operator/joining`
pub async fn show(State(app): State<App>, Admitter(_, visitor): Admitter) -> PageResult {
    Ok(Page(page(&app, visitor.ui, Vec::new()).await?).into_response())
}

async fn outcome(app: &App, ui: Ui, result: Result<()>) -> PageResult {
    match result {
        Ok(()) => Ok(see_other("/operator/joining")),
        Err(Error::Invalid(problems)) => {
            let page = page(app, ui, problems).await?;
            Ok(with_status(StatusCode::UNPROCESSABLE_ENTITY, page))
        }
        Err(error) => Err(error.into()),
    }
}

/// `POST /operator/joining`
pub async fn update(
    State(app): State<App>,
    Admitter(_, visitor): Admitter,
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
    let result = joining::set(&app, &joining).await;
    outcome(&app, visitor.ui, result).await
}

/// `POST /operator/requests/{id}/{verb}`
pub async fn decide(
    State(app): State<App>,
    Admitter(_, visitor): Admitter,
    Path((id, verb)): Path<(i64, String)>,
) -> PageResult {
    let result = match verb.as_str() {
        "accept" => requests::accept(&app, id).await.map(|_| ()),
        "refuse" => requests::refuse(&app, id).await,
        _ => return Err(Error::NotFound.into()),
    };
    outcome(&app, visitor.ui, result).await
}

/// `POST /operator/invitations/{id}/{verb}`: takes one back, or everything that grew from it.
pub async fn revoke(
    State(app): State<App>,
    Admitter(_, visitor): Admitter,
    Path((id, verb)): Path<(i64, String)>,
) -> PageResult {
    if !["revoke", "revoke-branch"].contains(&verb.as_str()) {
        return Err(Error::NotFound.into());
    }
    let result = invitations::revoke(&app, id, verb == "revoke-branch").await;
    outcome(&app, visitor.ui, result).await
}
