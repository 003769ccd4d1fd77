//! Signing in, out and up.

use askama::Template;
use axum::extract::{Form, Path, Query, State};
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use serde::Deserialize;

use super::MessagePage;
use crate::accounts::create::{self, New};
use crate::accounts::sign_in::{self, Attempt, SignIn};
use crate::accounts::{Role, letters, sessions};
use crate::app::App;
use crate::error::{Error, Problem};
use crate::kernel::config::RegistrationMode;
use crate::ui::cookies::cookie;
use crate::ui::page::{is_own_path, with_status};
use crate::ui::{Page, PageResult, Ui, Visitor, see_other};

#[derive(Template)]
#[template(path = "accounts/sign_in.html")]
struct SignInPage {
    ui: Ui,
    next: String,
    login: String,
    code_wanted: bool,
    open: bool,
    problems: Vec<Problem>,
}

/// Where to go after signing in.
#[derive(Debug, Deserialize)]
pub struct Next {
    #[serde(default)]
    next: String,
}

/// `GET /sign-in`
pub async fn new(State(app): State<App>, visitor: Visitor, Query(next): Query<Next>) -> PageResult {
    let open = app.settings.registration == RegistrationMode::Open;
    Ok(Page(SignInPage {
        ui: visitor.ui,
        next: next.next,
        login: String::new(),
        code_wanted: false,
        open,
        problems: Vec::new(),
    })
    .into_response())
}

/// What the sign-in form sends.
#[derive(Debug, Deserialize)]
pub struct SignInForm {
    login: String,
    password: String,
    code: Option<String>,
    #[serde(default)]
    next: String,
}

/// Goes on to a path with a fresh session.
pub fn signed_in(app: &App, token: &str, path: &str) -> Response {
    let mut response = see_other(path);
    if let Ok(value) = HeaderValue::from_str(&cookie(app, token)) {
        response.headers_mut().insert(header::SET_COOKIE, value);
    }
    response
}

/// `POST /sign-in`
pub async fn create(
    State(app): State<App>,
    visitor: Visitor,
    Form(form): Form<SignInForm>,
) -> PageResult {
    let attempt = Attempt {
        login: &form.login,
        password: &form.password,
        code: form.code.as_deref(),
        address: visitor.address,
    };
    let open = app.settings.registration == RegistrationMode::Open;
    let mut page = SignInPage {
        ui: visitor.ui,
        next: form.next.clone(),
        login: form.login.clone(),
        code_wanted: form.code.is_some(),
        open,
        problems: Vec::new(),
    };
    match sign_in::sign_in(&app, &attempt).await {
        Ok(SignIn::Done(account)) => {
            if let (Some(session), Some(before)) = (visitor.session, visitor.account) {
                sessions::end(&app, before.id, session).await?;
            }
            let token = sessions::start(&app, account.id, &visitor.browser).await?;
            let next = if is_own_path(&form.next) {
                form.next
            } else {
                "/home".to_owned()
            };
            Ok(signed_in(&app, &token, &next))
        }
        Ok(SignIn::CodeWanted) => {
            page.code_wanted = true;
            Ok(Page(page).into_response())
        }
        Err(Error::Invalid(problems)) => {
            page.problems = problems;
            Ok(with_status(StatusCode::UNPROCESSABLE_ENTITY, page))
        }
        Err(error) => Err(error.into()),
    }
}

/// `POST /sign-out`
pub async fn destroy(State(app): State<App>, visitor: Visitor) -> PageResult {
    if let (Some(account), Some(session)) = (visitor.account, visitor.session) {
        sessions::end(&app, account.id, session).await?;
    }
    Ok(signed_in(&app, "", "/"))
}

#[derive(Template)]
#[template(path = "accounts/sign_up.html")]
struct SignUpPage {
    ui: Ui,
    open: bool,
    name: String,
    email: String,
    problems: Vec<Problem>,
}

/// `GET /sign-up`
pub async fn sign_up(State(app): State<App>, visitor: Visitor) -> PageResult {
    let open = app.settings.registration == RegistrationMode::Open;
    Ok(Page(SignUpPage {
        ui: visitor.ui,
        open,
        name: String::new(),
        email: String::new(),
        problems: Vec::new(),
    })
    .into_response())
}

/// What the sign-up form sends.
#[derive(Debug, Deserialize)]
pub struct SignUpForm {
    name: String,
    email: String,
    password: String,
}

/// `POST /sign-up`: with mail the address is confirmed first; without, the account is there at once.
pub async fn register(
    State(app): State<App>,
    visitor: Visitor,
    Form(form): Form<SignUpForm>,
) -> PageResult {
    if app.settings.registration != RegistrationMode::Open {
        return Err(Error::Forbidden.into());
    }
    app.limits
        .sign_up
        .take(&visitor.address, app.clock.now())
        .map_err(Error::TooMany)?;
    let ui = visitor.ui;
    let new = New {
        name: &form.name,
        display_name: "",
        email: Some(&form.email),
        password: &form.password,
        role: Role::Member,
        confirmed: app.mailer.is_none(),
    };
    match create::create(&app, new).await {
        Ok(account) if app.mailer.is_none() => {
            let token = sessions::start(&app, account.id, &visitor.browser).await?;
            Ok(signed_in(&app, &token, "/settings"))
        }
        Ok(account) => {
            letters::write_confirmation(&app, ui.locale, account.id, &form.email).await?;
            Ok(mail_is_on_its_way(ui, form.email))
        }
        // Whose address it is learns it by mail; whoever typed it sees what everybody sees.
        Err(Error::Invalid(problems))
            if app.mailer.is_some() && letters::is_known_address(&problems) =>
        {
            letters::write_known_address(&app, ui.locale, &form.email).await?;
            Ok(mail_is_on_its_way(ui, form.email))
        }
        Err(Error::Invalid(problems)) => Ok(with_status(
            StatusCode::UNPROCESSABLE_ENTITY,
            SignUpPage {
                ui,
                open: true,
                name: form.name,
                email: form.email,
                problems,
            },
        )),
        Err(error) => Err(error.into()),
    }
}

fn mail_is_on_its_way(ui: Ui, email: String) -> Response {
    let sentences = vec![ui.tv("sign-up-mail", "value", email)];
    Page(MessagePage {
        title: ui.t("sign-up-mail-title"),
        sentences,
        codes: Vec::new(),
        step: None,
        ui,
    })
    .into_response()
}

/// `GET /language/{tag}`: keeps the language on the device.
pub async fn language(Path(tag): Path<String>) -> Response {
    let tag = if tag == "de" { "de" } else { "en" };
    let mut response = see_other("/");
    if let Ok(value) = HeaderValue::from_str(&format!(
        "lang={tag}; Path=/; Max-Age=31536000; SameSite=Lax"
    )) {
        response.headers_mut().insert(header::SET_COOKIE, value);
    }
    response
}
