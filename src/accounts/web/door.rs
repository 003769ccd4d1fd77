//! Signing in, out and up.

use askama::Template;
use axum::extract::{Form, Path, Query, State};
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use serde::Deserialize;

use crate::accounts::sessions;
use crate::accounts::sign_in::{self, Attempt, SignIn, devices};
use crate::app::App;
use crate::error::{Error, Problem, Result, Sentence};
use crate::kernel::id::AccountId;
use crate::nodes::joining::{self, Mode};
use crate::ui::cookies::{cookie, cookie_of, named_cookie, read_cookie};
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
    /// Whether a link by mail is offered.
    link: bool,
    problems: Vec<Problem>,
}

/// Where to go after signing in.
#[derive(Debug, Deserialize)]
pub struct Next {
    #[serde(default)]
    next: String,
}

/// `GET /sign-in`
pub async fn new(
    State(app): State<App>,
    visitor: Visitor,
    Query(next): Query<Next>,
    headers: HeaderMap,
) -> PageResult {
    let open = joining::get(&app).await?.mode != Mode::Closed;
    let kept = || kept_next(&app, &headers);
    let next = Some(next.next).filter(|next| !next.is_empty());
    Ok(Page(SignInPage {
        ui: visitor.ui,
        next: next.or_else(kept).unwrap_or_default(),
        login: String::new(),
        code_wanted: false,
        open,
        link: false,
        problems: Vec::new(),
    })
    .into_response())
}

/// The cookie that keeps where somebody was about to go when they had no account yet.
const NEXT: &str = "next";

/// Keeps where to go on for somebody who has to come back by a mail first; an hour.
pub fn keep_next(app: &App, answer: &mut Response, next: &str) {
    let value = URL_SAFE_NO_PAD.encode(next);
    if let Ok(value) = HeaderValue::from_str(&named_cookie(app, NEXT, &value, 3_600)) {
        answer.headers_mut().append(header::SET_COOKIE, value);
    }
}

fn kept_next(app: &App, headers: &HeaderMap) -> Option<String> {
    let kept = read_cookie(headers, &cookie_of(app, NEXT))?;
    let next = URL_SAFE_NO_PAD.decode(kept).ok()?;
    String::from_utf8(next)
        .ok()
        .filter(|next| is_own_path(next))
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

fn with_cookies(path: &str, cookies: &[String]) -> Response {
    let mut response = see_other(path);
    for cookie in cookies {
        if let Ok(value) = HeaderValue::from_str(cookie) {
            response.headers_mut().append(header::SET_COOKIE, value);
        }
    }
    response
}

/// Signs the visitor's browser in, lets it be known again, and goes on to a path.
///
/// # Errors
/// What the database says.
pub async fn signed_in(
    app: &App,
    visitor: &Visitor,
    account: AccountId,
    path: &str,
) -> Result<Response> {
    if let (Some(session), Some(before)) = (visitor.session, &visitor.account) {
        sessions::end(app, before.id, session).await?;
    }
    let token = sessions::start(app, account, &visitor.browser).await?;
    let password = sign_in::password_hash(app, account).await?;
    let marks = devices::remember(app, &visitor.devices, (account, &password));
    let device = named_cookie(app, devices::COOKIE, &marks, devices::LIFE);
    let gone = named_cookie(app, NEXT, "", 0);
    Ok(with_cookies(path, &[cookie(app, &token), device, gone]))
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
        devices: &visitor.devices,
    };
    let open = joining::get(&app).await?.mode != Mode::Closed;
    let mut page = SignInPage {
        ui: visitor.ui.clone(),
        next: form.next.clone(),
        login: form.login.clone(),
        code_wanted: form.code.is_some(),
        open,
        link: false,
        problems: Vec::new(),
    };
    match sign_in::sign_in(&app, &attempt).await {
        Ok(SignIn::Done(account)) => {
            let own = is_own_path(&form.next);
            let next = if own { &form.next } else { "/home" };
            Ok(signed_in(&app, &visitor, account.id, next).await?)
        }
        Ok(SignIn::LinkOffered) => {
            page.link = true;
            page.problems = sentence("sign-in-besieged", None);
            Ok(Page(page).into_response())
        }
        Err(Error::TooMany(wait)) => {
            page.link = app.mailer.is_some();
            let minutes = wait.as_secs().div_ceil(60);
            page.problems = sentence("sign-in-too-often", Some(minutes.to_string()));
            let mut answer = with_status(StatusCode::TOO_MANY_REQUESTS, page);
            let wait = HeaderValue::from(wait.as_secs().max(1));
            answer.headers_mut().insert(header::RETRY_AFTER, wait);
            Ok(answer)
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

/// A sentence about the whole form.
fn sentence(id: &'static str, value: Option<String>) -> Vec<Problem> {
    vec![Problem {
        field: "login",
        sentence: Sentence { id, value },
    }]
}

/// `POST /sign-out`
pub async fn destroy(State(app): State<App>, visitor: Visitor) -> PageResult {
    if let (Some(account), Some(session)) = (visitor.account, visitor.session) {
        sessions::end(&app, account.id, session).await?;
    }
    Ok(with_cookies("/", &[cookie(&app, "")]))
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
