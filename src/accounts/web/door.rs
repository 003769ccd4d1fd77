//! Signing in, out and up.

use askama::Template;
use axum::extract::{Form, Path, Query, State};
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use serde::Deserialize;

use crate::accounts::sessions;
use crate::accounts::sign_in::{self, Attempt, SignIn};
use crate::app::App;
use crate::error::{Error, Problem};
use crate::nodes::joining::{self, Mode};
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
    let open = joining::get(&app).await?.mode != Mode::Closed;
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
    let open = joining::get(&app).await?.mode != Mode::Closed;
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
