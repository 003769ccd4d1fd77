//! Pages that links in mails lead to, and the mails' words.

use askama::Template;
use axum::extract::{Form, Path, State};
use axum::response::IntoResponse;
use http::StatusCode;
use serde::Deserialize;

use super::MessagePage;
use crate::accounts::letters::{self, Purpose};
use crate::app::App;
use crate::error::{Error, Problem, Result};
use crate::kernel::id::AccountId;
use crate::ui::page::with_status;
use crate::ui::{Page, PageResult, Ui, Visitor};

#[derive(Template)]
#[template(path = "accounts/forgot.html")]
struct ForgotPage {
    ui: Ui,
}

/// `GET /forgot`
pub async fn forgot(visitor: Visitor) -> PageResult {
    Ok(Page(ForgotPage { ui: visitor.ui }).into_response())
}

/// Who forgot.
#[derive(Debug, Deserialize)]
pub struct ForgotForm {
    login: String,
}

/// `POST /forgot`: the answer is the same whether the account exists or not.
pub async fn send_reset(
    State(app): State<App>,
    visitor: Visitor,
    Form(form): Form<ForgotForm>,
) -> PageResult {
    let ui = visitor.ui;
    app.limits
        .sign_in_address
        .take(&visitor.address, app.clock.now())
        .map_err(Error::TooMany)?;
    if let Some((account, email)) = letters::find_recipient(&app, &form.login).await? {
        let text = ui.tv("mail-reset-text", "house", ui.house.name.clone());
        // Beyond the limit nothing is sent, and the page does not tell.
        let _ = letters::write_link(
            &app,
            Purpose::Reset,
            account.id,
            &email,
            &ui.t("mail-reset-subject"),
            &text,
        )
        .await;
    }
    let sentence = if app.mailer.is_some() {
        "forgot-sent"
    } else {
        "forgot-ask-host"
    };
    Ok(Page(MessagePage {
        title: ui.t("forgot"),
        sentences: vec![ui.t(sentence)],
        codes: Vec::new(),
        step: None,
        ui,
    })
    .into_response())
}

/// Writes the mail that confirms a new address.
pub(super) async fn write_change(
    app: &App,
    ui: &Ui,
    account: AccountId,
    email: &str,
) -> Result<()> {
    let text = ui.tv("mail-change-text", "house", ui.house.name.clone());
    letters::write_link(
        app,
        Purpose::Change,
        account,
        email,
        &ui.t("mail-change-subject"),
        &text,
    )
    .await
}

#[derive(Template)]
#[template(path = "accounts/mail_link.html")]
struct LinkPage {
    ui: Ui,
    title: String,
    reset: bool,
    problems: Vec<Problem>,
}

fn purpose(name: &str) -> Result<Purpose> {
    match name {
        "confirm" => Ok(Purpose::Confirm),
        "reset" => Ok(Purpose::Reset),
        "change" => Ok(Purpose::Change),
        _ => Err(Error::NotFound),
    }
}

/// `GET /mail/{purpose}/{token}`: looking changes nothing; the button does.
pub async fn show(
    State(app): State<App>,
    visitor: Visitor,
    Path((name, token)): Path<(String, String)>,
) -> PageResult {
    let purpose = purpose(&name)?;
    letters::check(&app, purpose, &token).await?;
    let ui = visitor.ui;
    Ok(Page(LinkPage {
        title: ui.t(&format!("mail-link-{name}")),
        reset: purpose == Purpose::Reset,
        problems: Vec::new(),
        ui,
    })
    .into_response())
}

/// What the button sends.
#[derive(Debug, Deserialize)]
pub struct LinkForm {
    password: Option<String>,
}

/// `POST /mail/{purpose}/{token}`
pub async fn redeem(
    State(app): State<App>,
    visitor: Visitor,
    Path((name, token)): Path<(String, String)>,
    Form(form): Form<LinkForm>,
) -> PageResult {
    let purpose = purpose(&name)?;
    let ui = visitor.ui;
    let title = ui.t(&format!("mail-link-{name}"));
    match letters::redeem(&app, purpose, &token, form.password.as_deref()).await {
        Ok(()) => {
            let step = Some(("/sign-in".to_owned(), ui.t("sign-in")));
            Ok(Page(MessagePage {
                title,
                sentences: vec![ui.t(&format!("mail-done-{name}"))],
                codes: Vec::new(),
                step,
                ui,
            })
            .into_response())
        }
        Err(Error::Invalid(problems)) => Ok(with_status(
            StatusCode::UNPROCESSABLE_ENTITY,
            LinkPage {
                title,
                reset: purpose == Purpose::Reset,
                problems,
                ui,
            },
        )),
        Err(error) => Err(error.into()),
    }
}
