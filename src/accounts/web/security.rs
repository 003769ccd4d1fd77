//! Settings: password, address, second factor, sessions.

use askama::Template;
use axum::extract::{Form, Path, Query, State};
use axum::response::IntoResponse;
use http::StatusCode;
use serde::Deserialize;

use super::{MessagePage, door, mail};
use crate::accounts::second_factor::{self, Offer};
use crate::accounts::sessions::{self, Session};
use crate::accounts::{Account, sign_in};
use crate::app::App;
use crate::error::{Error, Problem, Result};
use crate::kernel::id::SessionId;
use crate::members;
use crate::ui::page::{Saved, with_status};
use crate::ui::{Page, PageResult, SignedIn, Ui, Visitor, see_other};

#[derive(Template)]
#[template(path = "accounts/security.html")]
struct SecurityPage {
    ui: Ui,
    email: String,
    has_factor: bool,
    sessions: Vec<Session>,
    current: i64,
    saved: bool,
    problems: Vec<Problem>,
}

async fn page(
    app: &App,
    member: &Account,
    visitor: Visitor,
    saved: bool,
    problems: Vec<Problem>,
) -> Result<SecurityPage> {
    Ok(SecurityPage {
        email: sign_in::email(app, member.id).await?.unwrap_or_default(),
        has_factor: second_factor::is_set(app, member).await?,
        sessions: sessions::list(app, member.id).await?,
        current: visitor.session.map_or(0, |session| session.0),
        ui: visitor.ui,
        saved,
        problems,
    })
}

async fn problem(app: &App, member: &Account, visitor: Visitor, error: Error) -> PageResult {
    match error {
        Error::Invalid(problems) => Ok(with_status(
            StatusCode::UNPROCESSABLE_ENTITY,
            page(app, member, visitor, false, problems).await?,
        )),
        error => Err(error.into()),
    }
}

/// `GET /settings/security`
pub async fn show(
    State(app): State<App>,
    SignedIn(member, visitor): SignedIn,
    Query(saved): Query<Saved>,
) -> PageResult {
    Ok(Page(page(&app, &member, visitor, saved.is_some(), Vec::new()).await?).into_response())
}

/// What the forms of this page send.
#[derive(Debug, Deserialize)]
pub struct SecurityForm {
    #[serde(default)]
    current: String,
    #[serde(default)]
    password: String,
    #[serde(default)]
    email: String,
    #[serde(default)]
    code: String,
}

/// `POST /settings/password`: every session ends but a fresh one for this browser.
pub async fn password(
    State(app): State<App>,
    SignedIn(member, visitor): SignedIn,
    Form(form): Form<SecurityForm>,
) -> PageResult {
    let changed = async {
        sign_in::ask_again(&app, &member, &form.current, "current").await?;
        sign_in::set_password(&app, member.id, &form.password).await
    };
    match changed.await {
        Ok(()) => {
            let next = "/settings/security?saved=1";
            Ok(door::signed_in(&app, &visitor, member.id, next).await?)
        }
        Err(error) => problem(&app, &member, visitor, error).await,
    }
}

/// `POST /settings/email`: the new address counts once it is confirmed.
pub async fn email(
    State(app): State<App>,
    SignedIn(member, visitor): SignedIn,
    Form(form): Form<SecurityForm>,
) -> PageResult {
    let changed = async {
        // Whoever reads the mail can set a new password, so a lent browser is not enough.
        sign_in::ask_again(&app, &member, &form.current, "current-email").await?;
        let folded = sign_in::fold_email(&form.email)?;
        members::check_mail(&app, &folded).await?;
        mail::write_change(&app, &visitor.ui, member.id, &folded).await?;
        Ok(folded)
    };
    let folded = match changed.await {
        Ok(folded) => folded,
        Err(error) => return problem(&app, &member, visitor, error).await,
    };
    let ui = visitor.ui;
    let sentence = if app.mailer.is_some() {
        ui.tv("email-change-sent", "value", folded)
    } else {
        ui.t("email-change-host")
    };
    Ok(Page(MessagePage {
        title: ui.t("email"),
        sentences: vec![sentence],
        codes: Vec::new(),
        step: None,
        ui,
    })
    .into_response())
}

#[derive(Template)]
#[template(path = "accounts/factor.html")]
struct FactorPage {
    ui: Ui,
    offer: Offer,
    action: String,
    skip: Option<String>,
    problems: Vec<Problem>,
}

/// Where the set-up of a second factor was begun.
#[derive(Debug, Deserialize)]
pub struct From {
    from: Option<String>,
}

/// `GET /settings/factor`
pub async fn factor(
    State(app): State<App>,
    SignedIn(member, visitor): SignedIn,
    Query(from): Query<From>,
) -> PageResult {
    if second_factor::is_set(&app, &member).await? {
        return Ok(see_other("/settings/security"));
    }
    let offer = second_factor::offer(&app, &member).await?;
    Ok(Page(factor_page(visitor.ui, offer, &from, Vec::new())).into_response())
}

/// The page; begun at set-up it can be skipped and goes on there.
fn factor_page(ui: Ui, offer: Offer, from: &From, problems: Vec<Problem>) -> FactorPage {
    let setup = from.from.is_some();
    FactorPage {
        ui,
        offer,
        action: if setup {
            "/settings/factor?from=setup"
        } else {
            "/settings/factor"
        }
        .to_owned(),
        skip: setup.then(|| "/setup/done".to_owned()),
        problems,
    }
}

/// `POST /settings/factor`
pub async fn confirm_factor(
    State(app): State<App>,
    SignedIn(member, visitor): SignedIn,
    Query(from): Query<From>,
    Form(form): Form<SecurityForm>,
) -> PageResult {
    let confirmed = async {
        sign_in::ask_again(&app, &member, &form.current, "current").await?;
        second_factor::confirm(&app, &member, &form.code).await
    };
    match confirmed.await {
        Ok(codes) => {
            let ui = visitor.ui;
            let next = if from.from.is_some() {
                "/setup/done"
            } else {
                "/settings/security"
            };
            let step = Some((next.to_owned(), ui.t("codes-kept")));
            Ok(Page(MessagePage {
                title: ui.t("codes-title"),
                sentences: vec![ui.t("codes-explain")],
                codes,
                step,
                ui,
            })
            .into_response())
        }
        Err(Error::Invalid(problems)) => {
            let offer = second_factor::offer(&app, &member).await?;
            Ok(with_status(
                StatusCode::UNPROCESSABLE_ENTITY,
                factor_page(visitor.ui, offer, &from, problems),
            ))
        }
        Err(error) => Err(error.into()),
    }
}

/// `POST /settings/factor/remove`
pub async fn remove_factor(
    State(app): State<App>,
    SignedIn(member, visitor): SignedIn,
    Form(form): Form<SecurityForm>,
) -> PageResult {
    if let Err(error) = sign_in::ask_again(&app, &member, &form.current, "factor").await {
        return problem(&app, &member, visitor, error).await;
    }
    second_factor::remove(&app, &member).await?;
    Ok(see_other("/settings/security?saved=1"))
}

/// `POST /settings/sessions/{id}/end`
pub async fn end_session(
    State(app): State<App>,
    SignedIn(member, _): SignedIn,
    Path(id): Path<SessionId>,
) -> PageResult {
    sessions::end(&app, member.id, id).await?;
    Ok(see_other("/settings/security"))
}
