//! MiAuth: homes of the Misskey family, which know neither OAuth nor its registration.

use std::net::IpAddr;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, header};
use serde_json::{Value, json};

use super::door::Arrival;
use super::homes::Home;
use super::proof::{self, Claim};
use super::ways::{self, Means, Start};
use super::{Attempt, Closed, letter};
use crate::accounts::{self, Account};
use crate::app::App;
use crate::federation::activities::letter as letters;
use crate::federation::fetch::Budget;
use crate::federation::webfinger;
use crate::kernel::crypt;
use crate::kernel::http::{DOCUMENT, FetchError};
use crate::kernel::json;
use crate::kernel::origin::{host_of_uri, parse_url};
use crate::locale::Locale;
use crate::nodes::house;

async fn call(app: &App, url: &str, body: &Value) -> Result<Value, FetchError> {
    let url = parse_url(url).ok_or_else(|| FetchError::Refused(url.to_owned()))?;
    let mut headers = HeaderMap::new();
    let kind = HeaderValue::from_static("application/json");
    headers.insert(header::CONTENT_TYPE, kind.clone());
    headers.insert(header::ACCEPT, kind);
    let body = Bytes::from(body.to_string());
    let answer = app
        .http
        .send(Method::POST, &url, headers, body, DOCUMENT)
        .await?;
    if !answer.status.is_success() {
        return Err(FetchError::Status(answer.status));
    }
    json::parse(&answer.body).map_err(|_| FetchError::Unusable("it is no JSON"))
}

/// Whether a home has this door.
pub async fn is_there(app: &App, origin: &str) -> bool {
    let meta = call(app, &format!("{origin}/api/meta"), &json!({"detail": true})).await;
    meta.is_ok_and(|meta| meta.pointer("/features/miauth") == Some(&json!(true)))
}

/// A session of MiAuth is called by a UUID; ours is the state itself, in that form.
fn session_name() -> String {
    let hex = crypt::hex(&crypt::sha256(crypt::token().as_bytes()));
    format!(
        "{}-{}-4{}-8{}-{}",
        &hex[..8],
        &hex[8..12],
        &hex[12..15],
        &hex[15..18],
        &hex[18..30]
    )
}

/// Begins the way: where to go, the state and the cookie.
///
/// # Errors
/// What the database says.
pub async fn begin(app: &App, home: &Home, next: &str) -> Attempt<(String, String, String)> {
    let session = session_name();
    let start = Start {
        state: &session,
        home: &home.origin,
        wanted: home.actor.as_deref(),
        code: None,
        next,
    };
    let cookie = ways::begin(app, Means::Miauth, start).await?;
    let name: String = house::get(app).await?.name.chars().take(60).collect();
    let Some(mut target) = parse_url(&format!("{}/miauth/{session}", home.origin)) else {
        return Ok(Err(Closed::Contradicts));
    };
    target
        .query_pairs_mut()
        .append_pair("name", &name)
        .append_pair("callback", &app.origin().at("/auth/miauth"))
        .append_pair("permission", "read:account");
    Ok(Ok((target.into(), session, cookie)))
}

/// Comes back: the home says who it was, and the actor's own document agrees. Since a session of MiAuth belongs to
/// nobody until it is allowed, and its page can be handed to somebody else, whoever it is gets a code by direct
/// message, to be typed into the browser that asked: the state, the cookie and the handle.
///
/// # Errors
/// What the database says; `Closed` with the reason.
pub async fn arrive(
    app: &App,
    (session, from): (&str, IpAddr),
    cookie: Option<&str>,
    locale: Locale,
) -> Attempt<(String, String, String)> {
    let way = match ways::end(app, Means::Miauth, session, cookie, None).await? {
        Ok(way) => way,
        Err(closed) => return Ok(Err(closed)),
    };
    let guest = match proven(app, &way.home, session).await {
        Ok(guest) => guest,
        Err(closed) => return Ok(Err(closed)),
    };
    let to = match letter::addressee(app, &guest.uri, from).await {
        Ok(to) => to,
        Err(closed) => return Ok(Err(closed)),
    };
    let (state, code) = (
        crypt::token(),
        format!("{:06}", crypt::random_below(1_000_000)),
    );
    let start = Start {
        state: &state,
        home: &way.home,
        wanted: Some(&guest.uri),
        code: Some(&code),
        next: &way.next,
    };
    let cookie = ways::begin(app, Means::Confirm, start).await?;
    let house = house::get(app).await?.name;
    let lines = [
        locale.text_with("letter-confirm", "house", house),
        code,
        locale.text("letter-not-you"),
    ];
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    letters::send(app, &to, &lines).await?;
    app.wake.notify_waiters();
    let handle = format!("@{}", to.handle(&app.origin()));
    Ok(Ok((state, cookie, handle)))
}

/// Ends the way by the code.
///
/// # Errors
/// What the database says; `Closed` with the reason.
pub async fn confirm(app: &App, state: &str, code: &str, cookie: Option<&str>) -> Attempt<Arrival> {
    let code: String = code.chars().filter(char::is_ascii_digit).collect();
    let way = match ways::end(app, Means::Confirm, state, cookie, Some(&code)).await? {
        Ok(way) => way,
        Err(closed) => return Ok(Err(closed)),
    };
    let uri = way.wanted.clone().unwrap_or_default();
    match accounts::find_by_uri(app, &uri).await? {
        Some(guest) if guest.is_active() && !guest.is_local() => {
            Ok(Ok(Arrival::of(guest, way, "miauth")))
        }
        _ => Ok(Err(Closed::Nobody)),
    }
}

async fn proven(app: &App, origin: &str, session: &str) -> Result<Account, Closed> {
    let asked = format!("{origin}/api/miauth/{session}/check");
    let answer = call(app, &asked, &json!({})).await?;
    if answer.get("ok") != Some(&json!(true)) {
        return Err(Closed::Declined);
    }
    let claim = claim(app, origin, &answer).await;
    // The token said what it was asked for.
    if let Some(token) = answer.get("token").and_then(Value::as_str) {
        let body = json!({"i": token, "token": token});
        if let Err(error) = call(app, &format!("{origin}/api/i/revoke-token"), &body).await {
            tracing::debug!(%error, "a guest's token could not be given back");
        }
    }
    proof::prove(app, origin, &claim?).await
}

/// Whom the home names: a user of its own, found by the home's WebFinger.
async fn claim(app: &App, origin: &str, answer: &Value) -> Result<Claim, Closed> {
    let name = answer.pointer("/user/username").and_then(Value::as_str);
    let own = answer.pointer("/user/host").is_none_or(Value::is_null);
    let name = name.filter(|name| own && proof::is_sound(name));
    let (Some(name), Some(host)) = (name, host_of_uri(origin)) else {
        return Err(Closed::Contradicts);
    };
    let found = webfinger::ask(app, name, &host, &Budget::person()).await?;
    Ok(Claim {
        actor: found.actor,
        name: name.to_owned(),
    })
}
