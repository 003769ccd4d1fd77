//! Coming in: the ways to a home and back, a link in a message, a code in a mail.

use askama::Template;
use axum::extract::{Form, Path, Query, State};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::request::Parts;
use http::{HeaderMap, Method, StatusCode, header};
use serde::Deserialize;
use serde_json::json;

use super::{Wish, look, refuse, set_cookie};
use crate::accounts::Kind;
use crate::app::App;
use crate::error::Error;
use crate::federation::serve::signer;
use crate::guests;
use crate::guests::door::{self, Arrival, Back};
use crate::guests::homes::Home;
use crate::guests::ways::{self, Means};
use crate::guests::{Closed, letter, magic, mail, miauth, sessions};
use crate::ui::cookies::{GUEST, cookie_of, named_cookie, read_cookie};
use crate::ui::page::{onward, with_status};
use crate::ui::{Page, PageResult, Ui, Visitor, see_other};

/// Seconds that a browser remembers a way.
const HOUR: u32 = 3600;

fn remember(app: &App, answer: &mut Response, state: &str, cookie: &str) {
    let name = ways::cookie_name(state);
    set_cookie(answer, &named_cookie(app, &name, cookie, HOUR));
}

fn remembered(app: &App, headers: &HeaderMap, state: &str) -> Option<String> {
    read_cookie(headers, &cookie_of(app, &ways::cookie_name(state)))
}

/// `POST /door/enter`: begins the way to the home, by the means it has.
pub async fn enter(State(app): State<App>, visitor: Visitor, Form(wish): Form<Wish>) -> PageResult {
    let wish = wish.sound();
    let home = match look(&app, &visitor, &wish.home).await? {
        Ok(home) => home,
        Err(closed) => return Ok(refuse(&app, visitor.ui, wish, closed)),
    };
    // Nobody is written to who did not press the button that says so.
    let means = super::Offer::of(&home).means;
    let first = means.first().map(String::as_str);
    let first = first.filter(|by| *by != super::LETTER);
    let by = match (wish.by.as_str(), first) {
        ("", Some(first)) => first,
        ("", None) => return super::look_at(State(app), visitor, Form(wish)).await,
        (by, _) => by,
    };
    let begun = match by {
        "oauth" => {
            let acts = wish.acts == "1";
            let way = door::begin(&app, (&home, visitor.address), &wish.next, acts).await?;
            way.map(|way| (way.target, way.state, way.cookie))
        }
        "magic" => magic::begin(&app, &home, &wish.next).await?,
        "miauth" => miauth::begin(&app, &home, &wish.next).await?,
        "letter" => return send_letter(&app, visitor, wish, &home).await,
        _ => Err(Closed::Unable),
    };
    let (target, state, cookie) = match begun {
        Ok(begun) => begun,
        Err(closed) => return Ok(refuse(&app, visitor.ui, wish, closed)),
    };
    let mut answer = onward(visitor.ui, target, &home.host(), true);
    remember(&app, &mut answer, &state, &cookie);
    Ok(answer)
}

/// Signs the browser of whoever arrived in, and joins a guest by mail who was here before to them.
async fn let_in(
    app: &App,
    visitor: Visitor,
    outcome: std::result::Result<Arrival, Closed>,
    state: &str,
) -> PageResult {
    let arrival = match outcome {
        Ok(arrival) => arrival,
        Err(closed) => return Ok(refuse(app, visitor.ui, Wish::default().sound(), closed)),
    };
    if let Err(closed) = guests::check(app, &arrival.guest).await? {
        return Ok(refuse(app, visitor.ui, Wish::default().sound(), closed));
    }
    let by_mail = visitor.guest.filter(|guest| guest.kind == Kind::Guest);
    let before = by_mail.filter(|_| arrival.guest.kind == Kind::Remote);
    if let Some(before) = &before {
        mail::offer(app, before.id, arrival.guest.id).await?;
    }
    let token = sessions::start(app, &arrival, &visitor.browser).await?;
    if matches!(arrival.method, "mail" | "letter") {
        // What was written led its reader here, so it does not count.
        app.limits
            .letters
            .give_back(visitor.address, app.clock.now());
    }
    // Who came as somebody else than they typed is told so before anything is done.
    let next = if arrival.other || before.is_some() {
        "/guest"
    } else {
        &arrival.next
    };
    let mut answer = see_other(next);
    set_cookie(&mut answer, &named_cookie(app, GUEST, &token, 30 * 86_400));
    let name = ways::cookie_name(state);
    set_cookie(&mut answer, &named_cookie(app, &name, "", 0));
    Ok(answer)
}

/// `GET /auth/home/callback/{id}`: somebody comes back from their home.
pub async fn back(
    State(app): State<App>,
    visitor: Visitor,
    Path(id): Path<String>,
    Query(back): Query<Back>,
    headers: HeaderMap,
) -> PageResult {
    let cookie = remembered(&app, &headers, &back.state);
    let outcome = door::arrive(&app, &id, &back, cookie.as_deref()).await?;
    let_in(&app, visitor, outcome, &back.state).await
}

/// What comes back with OpenWebAuth.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Ticket {
    owt: String,
}

/// `GET /auth/owa/{state}`: somebody comes back from a home that speaks OpenWebAuth.
pub async fn magic_back(
    State(app): State<App>,
    visitor: Visitor,
    Path(state): Path<String>,
    Query(ticket): Query<Ticket>,
    headers: HeaderMap,
) -> PageResult {
    let cookie = remembered(&app, &headers, &state);
    let outcome = magic::arrive(&app, &state, &ticket.owt, cookie.as_deref()).await?;
    let_in(&app, visitor, outcome, &state).await
}

/// `GET` and `POST /owa` (FEP-61cf): a home proves by a signature who is coming.
pub async fn proof(State(app): State<App>, mut parts: Parts, body: Bytes) -> Response {
    let refused =
        |status: StatusCode| (status, axum::Json(json!({"success": false}))).into_response();
    // The signature stands in the header that this protocol takes for it.
    let signature = parts
        .headers
        .get(header::AUTHORIZATION)
        .and_then(|value| value.to_str().ok()?.strip_prefix("Signature "))
        .and_then(|value| value.parse().ok());
    if let Some(signature) = signature {
        parts.headers.insert("signature", signature);
        parts.headers.remove(header::AUTHORIZATION);
    }
    let body = (parts.method == Method::POST).then_some(&*body);
    let signer = match signer(&app, &parts, body).await {
        Ok(Some(signer)) if signer.is_active() && !signer.is_local() => signer,
        Ok(_) | Err(Error::SignInRequired | Error::NotFound) => {
            return refused(StatusCode::UNAUTHORIZED);
        }
        Err(_) => return refused(StatusCode::SERVICE_UNAVAILABLE),
    };
    match magic::ticket(&app, &signer).await {
        Ok(sealed) => {
            axum::Json(json!({"success": true, "encrypted_token": sealed})).into_response()
        }
        Err(Error::Forbidden) => refused(StatusCode::FORBIDDEN),
        Err(Error::TooMany(_)) => refused(StatusCode::TOO_MANY_REQUESTS),
        Err(_) => refused(StatusCode::SERVICE_UNAVAILABLE),
    }
}

/// What comes back with MiAuth.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct MiauthBack {
    session: String,
}

/// `GET /auth/miauth`: somebody comes back from a home of the Misskey family.
pub async fn miauth_back(
    State(app): State<App>,
    visitor: Visitor,
    Query(back): Query<MiauthBack>,
    headers: HeaderMap,
) -> PageResult {
    let cookie = remembered(&app, &headers, &back.session);
    let ui = visitor.ui;
    let arrived = miauth::arrive(
        &app,
        (&back.session, visitor.address),
        cookie.as_deref(),
        ui.locale,
    )
    .await?;
    let (state, cookie, handle) = match arrived {
        Ok(arrived) => arrived,
        Err(closed) => return Ok(refuse(&app, ui, Wish::default().sound(), closed)),
    };
    let page = CodePage {
        ui,
        address: handle,
        state: state.clone(),
        by: Means::Confirm.name(),
        sentence: None,
    };
    let mut answer = Page(page).into_response();
    remember(&app, &mut answer, &state, &cookie);
    Ok(answer)
}

/// Nobody has many people written to.
fn limit_letters(app: &App, visitor: &Visitor) -> std::result::Result<(), Error> {
    app.limits
        .letters
        .take(visitor.address, app.clock.now())
        .map_err(Error::TooMany)
}

#[derive(Template)]
#[template(path = "guests/letter.html")]
struct LetterPage {
    ui: Ui,
    /// To whom it went, or nobody on the page behind the link.
    handle: Option<String>,
    code: String,
    state: String,
}

async fn send_letter(app: &App, visitor: Visitor, wish: Wish, home: &Home) -> PageResult {
    limit_letters(app, &visitor)?;
    let ui = visitor.ui;
    let sent = match letter::send(app, (home, visitor.address), &wish.next, ui.locale).await? {
        Ok(sent) => sent,
        Err(closed) => return Ok(refuse(app, ui, wish, closed)),
    };
    let mut answer = Page(LetterPage {
        ui,
        handle: home.handle.clone(),
        code: sent.code,
        state: String::new(),
    })
    .into_response();
    remember(app, &mut answer, &sent.state, &sent.cookie);
    Ok(answer)
}

/// `GET /auth/letter/{state}`: the page behind the link; programs that only look use nothing up.
pub async fn letter_page(
    State(app): State<App>,
    visitor: Visitor,
    Path(state): Path<String>,
    headers: HeaderMap,
) -> PageResult {
    let cookie = remembered(&app, &headers, &state);
    if !ways::is_open(&app, Means::Letter, &state, cookie.as_deref()).await? {
        let wish = Wish::default().sound();
        return Ok(refuse(&app, visitor.ui, wish, Closed::Stale));
    }
    Ok(Page(LetterPage {
        ui: visitor.ui,
        handle: None,
        code: String::new(),
        state,
    })
    .into_response())
}

/// `POST /auth/letter/{state}`
pub async fn letter_back(
    State(app): State<App>,
    visitor: Visitor,
    Path(state): Path<String>,
    headers: HeaderMap,
) -> PageResult {
    let cookie = remembered(&app, &headers, &state);
    let outcome = letter::arrive(&app, &state, cookie.as_deref()).await?;
    let_in(&app, visitor, outcome, &state).await
}

#[derive(Template)]
#[template(path = "guests/code.html")]
struct CodePage {
    ui: Ui,
    address: String,
    state: String,
    /// `mail`, or `confirm` for a direct message.
    by: &'static str,
    sentence: Option<String>,
}

/// `POST /door/mail`: sends a code to a mail address.
pub async fn send_mail(
    State(app): State<App>,
    visitor: Visitor,
    Form(wish): Form<Wish>,
) -> PageResult {
    let wish = wish.sound();
    limit_letters(&app, &visitor)?;
    let ui = visitor.ui;
    let sent = mail::send(&app, (&wish.home, visitor.address), &wish.next, ui.locale).await?;
    let (state, cookie) = match sent {
        Ok(sent) => sent,
        Err(closed) => return Ok(refuse(&app, ui, wish, closed)),
    };
    let page = CodePage {
        ui,
        address: wish.home.trim().to_owned(),
        state: state.clone(),
        by: Means::Mail.name(),
        sentence: None,
    };
    let mut answer = Page(page).into_response();
    remember(&app, &mut answer, &state, &cookie);
    Ok(answer)
}

/// A code as it was typed.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct CodeForm {
    state: String,
    code: String,
    address: String,
    by: String,
}

/// `POST /door/code`
pub async fn code(
    State(app): State<App>,
    visitor: Visitor,
    headers: HeaderMap,
    Form(form): Form<CodeForm>,
) -> PageResult {
    let cookie = remembered(&app, &headers, &form.state);
    let (state, cookie) = (form.state.as_str(), cookie.as_deref());
    let by = if form.by == Means::Confirm.name() {
        Means::Confirm
    } else {
        Means::Mail
    };
    let outcome = match by {
        Means::Confirm => miauth::confirm(&app, state, &form.code, cookie).await?,
        _ => mail::arrive(&app, state, &form.code, cookie).await?,
    };
    if outcome.as_ref().err() == Some(&Closed::WrongCode) {
        let page = CodePage {
            sentence: Some(visitor.ui.t(Closed::WrongCode.sentence())),
            ui: visitor.ui,
            address: form.address,
            state: form.state,
            by: by.name(),
        };
        return Ok(with_status(StatusCode::UNPROCESSABLE_ENTITY, page));
    }
    let_in(&app, visitor, outcome, &form.state).await
}
