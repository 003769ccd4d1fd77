//! Pages that links in mails lead to, and the mails' words.

use askama::Template;
use axum::extract::{Form, Path, State};
use axum::response::IntoResponse;
use http::StatusCode;
use serde::Deserialize;

use super::{MessagePage, door};
use crate::accounts::letters::{self, By, Purpose};
use crate::accounts::sign_in::{self, Attempt, SignIn, devices};
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

/// Whose account it is about.
#[derive(Debug, Deserialize)]
pub struct LoginForm {
    login: String,
}

/// `POST /forgot`: the answer is the same whether the account exists or not.
pub async fn send_reset(
    State(app): State<App>,
    visitor: Visitor,
    Form(form): Form<LoginForm>,
) -> PageResult {
    send(&app, visitor, &form.login, Purpose::Reset).await
}

/// `POST /sign-in/link`: the same, for a link that signs in.
pub async fn send_sign_in(
    State(app): State<App>,
    visitor: Visitor,
    Form(form): Form<LoginForm>,
) -> PageResult {
    send(&app, visitor, &form.login, Purpose::SignIn).await
}

async fn send(app: &App, visitor: Visitor, login: &str, purpose: Purpose) -> PageResult {
    app.limits
        .letters
        .take(visitor.address, app.clock.now())
        .map_err(Error::TooMany)?;
    let ui = &visitor.ui;
    let (subject, text, title) = match purpose {
        Purpose::SignIn => ("mail-sign-in-subject", "mail-sign-in-text", "sign-in"),
        _ => ("mail-reset-subject", "mail-reset-text", "forgot"),
    };
    if let Some((account, email)) = letters::find_recipient(app, login).await? {
        let text = ui.tv(text, "house", ui.house.name.clone());
        let password = sign_in::password_hash(app, account.id).await?;
        let known = devices::recognise(app, &visitor.devices, (account.id, &password));
        let by = match known {
            Some(_) => By::Owner(account.id),
            None => By::Address(visitor.address),
        };
        // Beyond the limit nothing is sent, and the page does not tell.
        let words = (&*ui.t(subject), &*text);
        let _ = letters::write_link(app, (purpose, account.id), (&email, by), words).await;
    }
    let sentence = if app.mailer.is_some() {
        "forgot-sent"
    } else {
        "forgot-ask-host"
    };
    let (title, sentences) = (ui.t(title), vec![ui.t(sentence)]);
    Ok(Page(MessagePage {
        title,
        sentences,
        codes: Vec::new(),
        step: None,
        ui: visitor.ui,
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
    let words = (&*ui.t("mail-change-subject"), &*text);
    let to = (email, By::Owner(account));
    letters::write_link(app, (Purpose::Change, account), to, words).await
}

#[derive(Template)]
#[template(path = "accounts/mail_link.html")]
struct LinkPage {
    ui: Ui,
    title: String,
    reset: bool,
    code_wanted: bool,
    problems: Vec<Problem>,
}

fn purpose(name: &str) -> Result<Purpose> {
    match name {
        "confirm" => Ok(Purpose::Confirm),
        "reset" => Ok(Purpose::Reset),
        "change" => Ok(Purpose::Change),
        "sign-in" => Ok(Purpose::SignIn),
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
        code_wanted: false,
        problems: Vec::new(),
        ui,
    })
    .into_response())
}

/// What the button sends.
#[derive(Debug, Deserialize)]
pub struct LinkForm {
    password: Option<String>,
    code: Option<String>,
}

/// `POST /mail/{purpose}/{token}`
pub async fn redeem(
    State(app): State<App>,
    visitor: Visitor,
    Path((name, token)): Path<(String, String)>,
    Form(form): Form<LinkForm>,
) -> PageResult {
    let purpose = purpose(&name)?;
    if purpose == Purpose::SignIn {
        return enter(&app, visitor, &token, form.code.as_deref()).await;
    }
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
                code_wanted: false,
                problems,
                ui,
            },
        )),
        Err(error) => Err(error.into()),
    }
}

/// Signs in by the link of a mail, with the second factor where one is set; a wrong code does not use the link up.
async fn enter(app: &App, visitor: Visitor, token: &str, code: Option<&str>) -> PageResult {
    let account = letters::check(app, Purpose::SignIn, token).await?;
    let attempt = Attempt {
        login: "",
        password: "",
        code,
        address: visitor.address,
        devices: &visitor.devices,
    };
    let (status, problems) = match sign_in::by_link(app, account, &attempt).await {
        Ok(SignIn::Done(account)) => {
            if !letters::use_up(app, token).await? {
                return Err(Error::NotFound.into());
            }
            return Ok(door::signed_in(app, &visitor, account.id, "/home").await?);
        }
        Ok(_) => (StatusCode::OK, Vec::new()),
        Err(Error::Invalid(problems)) => (StatusCode::UNPROCESSABLE_ENTITY, problems),
        Err(error) => return Err(error.into()),
    };
    let ui = visitor.ui;
    let page = LinkPage {
        title: ui.t("mail-link-sign-in"),
        reset: false,
        code_wanted: true,
        problems,
        ui,
    };
    Ok(with_status(status, page))
}
