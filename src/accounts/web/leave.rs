//! Leaving: moving here or away, and the end of an account with how far it has come.

use askama::Template;
use axum::extract::{Form, Path, State};
use axum::response::IntoResponse;
use http::StatusCode;
use serde::Deserialize;

use crate::accounts::{Account, profile, sign_in};
use crate::app::App;
use crate::error::{Error, Problem, Result};
use crate::federation::objects::Found;
use crate::federation::{actor, fetch::Budget, look_up};
use crate::portable::farewell::{self, Farewell};
use crate::ui::page::with_status;
use crate::ui::{Page, PageResult, SignedIn, Ui, Visitor, see_other};

#[derive(Template)]
#[template(path = "accounts/leave.html")]
struct LeavePage {
    ui: Ui,
    aliases: String,
    target: String,
    problems: Vec<Problem>,
}

/// `GET /settings/leave`
pub async fn leave(SignedIn(member, visitor): SignedIn) -> PageResult {
    Ok(Page(LeavePage {
        ui: visitor.ui,
        aliases: member.aliases.join("\n"),
        target: String::new(),
        problems: Vec::new(),
    })
    .into_response())
}

/// What the forms of the leaving page send.
#[derive(Debug, Deserialize)]
pub struct LeaveForm {
    aliases: Option<String>,
    #[serde(default)]
    target: String,
    #[serde(default)]
    current: String,
}

fn problem_page(member: &Account, ui: Ui, form: LeaveForm, error: Error) -> PageResult {
    match error {
        Error::Invalid(problems) => Ok(with_status(
            StatusCode::UNPROCESSABLE_ENTITY,
            LeavePage {
                ui,
                aliases: form.aliases.unwrap_or_else(|| member.aliases.join("\n")),
                target: form.target,
                problems,
            },
        )),
        error => Err(error.into()),
    }
}

/// An account for a handle or an address, asked for anew where it lives elsewhere.
async fn fresh_account(app: &App, text: &str, field: &'static str) -> Result<Account> {
    match look_up::find(app, text).await {
        Ok(Found::Account(account)) if account.is_local() => Ok(account),
        Ok(Found::Account(account)) => Ok(actor::refresh(app, &account.uri, &Budget::person())
            .await
            .unwrap_or(account)),
        Ok(Found::Post(_)) => Err(Error::invalid(field, "error-alias")),
        Err(error) => Err(Error::invalid(field, error.sentence())),
    }
}

/// `POST /settings/aliases`: handles or addresses, one a line.
pub async fn aliases(
    State(app): State<App>,
    SignedIn(member, visitor): SignedIn,
    Form(form): Form<LeaveForm>,
) -> PageResult {
    let typed = form.aliases.as_deref().unwrap_or_default();
    match name_aliases(&app, &member, typed).await {
        Ok(()) => Ok(see_other("/settings/leave")),
        Err(error) => problem_page(&member, visitor.ui, form, error),
    }
}

async fn name_aliases(app: &App, member: &Account, typed: &str) -> Result<()> {
    let mut aliases = Vec::new();
    let lines = typed.lines().map(str::trim).filter(|line| !line.is_empty());
    for line in lines.take(10) {
        aliases.push(fresh_account(app, line, "aliases").await?.uri);
    }
    profile::set_aliases(app, member, aliases).await?;
    Ok(())
}

/// `POST /settings/move`
pub async fn move_away(
    State(app): State<App>,
    SignedIn(member, visitor): SignedIn,
    Form(form): Form<LeaveForm>,
) -> PageResult {
    let moved = async {
        sign_in::ask_again(&app, &member, &form.current, "target").await?;
        let target = fresh_account(&app, &form.target, "target").await?;
        profile::move_to(&app, &member, &target).await
    };
    match moved.await {
        Ok(()) => Ok(see_other(&member.path())),
        Err(error) => problem_page(&member, visitor.ui, form, error),
    }
}

/// `POST /settings/delete`
pub async fn delete(
    State(app): State<App>,
    SignedIn(member, visitor): SignedIn,
    Form(form): Form<LeaveForm>,
) -> PageResult {
    let ended = async {
        sign_in::ask_again(&app, &member, &form.current, "delete").await?;
        farewell::begin(&app, &member).await
    };
    match ended.await {
        Ok(token) => Ok(see_other(&format!("/farewell/{token}"))),
        Err(error) => problem_page(&member, visitor.ui, form, error),
    }
}

#[derive(Template)]
#[template(path = "accounts/farewell.html")]
struct FarewellPage {
    ui: Ui,
    farewell: Farewell,
}

/// `GET /farewell/{token}`: how far the end of an account has come.
pub async fn bid(
    State(app): State<App>,
    visitor: Visitor,
    Path(token): Path<String>,
) -> PageResult {
    Ok(Page(FarewellPage {
        farewell: farewell::find(&app, &token).await?,
        ui: visitor.ui,
    })
    .into_response())
}
