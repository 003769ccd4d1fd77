//! Who a home says somebody is, and whether it may say so.

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, header};
use serde_json::Value;

use super::Closed;
use super::homes::Doors;
use crate::accounts::{Account, Kind};
use crate::app::App;
use crate::federation::doc::Doc;
use crate::federation::fetch::{self, Budget};
use crate::federation::{actor, webfinger};
use crate::kernel::http::DOCUMENT;
use crate::kernel::json;
use crate::kernel::origin::{host_of_uri, origin_of, parse_url};
use crate::nodes;

/// Whom a home names.
#[derive(Debug, PartialEq, Eq)]
pub struct Claim {
    /// The actor's id.
    pub actor: String,
    /// The name in its handle.
    pub name: String,
}

/// Whether this may be a name at a home.
pub fn is_sound(name: &str) -> bool {
    (1..=64).contains(&name.chars().count())
        && name
            .chars()
            .all(|c| c.is_alphanumeric() || "_.-".contains(c))
}

/// Who the bearer of a token is: the home names an actor, and the actor's own document agrees.
///
/// # Errors
/// Why nobody is believed.
pub async fn of_token(
    app: &App,
    origin: &str,
    doors: &Doors,
    token: &str,
) -> Result<Account, Closed> {
    let claim = match (&doors.userinfo, &doors.issuer) {
        (Some(userinfo), Some(issuer)) => {
            let answer = ask(app, userinfo, token).await?;
            of_userinfo(&answer, issuer)?
        }
        _ => {
            let asked = format!("{origin}/api/v1/accounts/verify_credentials");
            let answer = ask(app, &asked, token).await?;
            of_credentials(app, origin, &answer).await?
        }
    };
    prove(app, origin, &claim).await
}

async fn ask(app: &App, url: &str, token: &str) -> Result<Value, Closed> {
    let url = parse_url(url).ok_or(Closed::Contradicts)?;
    let mut headers = HeaderMap::new();
    headers.insert(header::ACCEPT, HeaderValue::from_static("application/json"));
    let bearer = HeaderValue::from_str(&format!("Bearer {token}"));
    headers.insert(
        header::AUTHORIZATION,
        bearer.map_err(|_| Closed::Contradicts)?,
    );
    let answer = app
        .http
        .send(Method::GET, &url, headers, Bytes::new(), DOCUMENT)
        .await?;
    if !answer.status.is_success() {
        return Err(Closed::Contradicts);
    }
    json::parse(&answer.body).map_err(|_| Closed::Contradicts)
}

/// OpenID Connect's answer, whose subject is the actor's id.
fn of_userinfo(answer: &Value, issuer: &str) -> Result<Claim, Closed> {
    let text = |name: &str| answer.get(name).and_then(Value::as_str);
    let same =
        text("iss").is_none_or(|iss| iss.trim_end_matches('/') == issuer.trim_end_matches('/'));
    match (text("sub"), text("preferred_username")) {
        (Some(actor), Some(name)) if same => Ok(Claim {
            actor: actor.to_owned(),
            name: name.to_owned(),
        }),
        _ => Err(Closed::Contradicts),
    }
}

/// Mastodon's answer: its `uri`, else what the home's own WebFinger says; never its `url`, which anybody may set.
async fn of_credentials(app: &App, origin: &str, answer: &Value) -> Result<Claim, Closed> {
    let text = |name: &str| answer.get(name).and_then(Value::as_str);
    let name = text("username").ok_or(Closed::Contradicts)?;
    if !is_sound(name) || text("acct").is_some_and(|acct| acct.contains('@')) {
        return Err(Closed::Contradicts);
    }
    let actor = match text("uri") {
        Some(uri) => uri.to_owned(),
        None => {
            let host = host_of_uri(origin).ok_or(Closed::Contradicts)?;
            webfinger::ask(app, name, &host, &Budget::person())
                .await?
                .actor
        }
    };
    Ok(Claim {
        actor,
        name: name.to_owned(),
    })
}

/// The claim counts if the actor lives where the answer came from, or names that place itself, and is who it is said
/// to be. Its document is fetched anew.
///
/// # Errors
/// Why nobody is believed.
pub async fn prove(app: &App, origin: &str, claim: &Claim) -> Result<Account, Closed> {
    let address = parse_url(&claim.actor).ok_or(Closed::Contradicts)?;
    if address.fragment().is_some() || app.origin().owns(&claim.actor) {
        return Err(Closed::Contradicts);
    }
    let host = host_of_uri(&claim.actor).ok_or(Closed::Contradicts)?;
    if nodes::is_blocked(app, &host).await.unwrap_or(true) {
        return Err(Closed::Refused);
    }
    let budget = Budget::person();
    let document = fetch::object(app, &claim.actor, None, &budget).await?;
    let doc = Doc(&document);
    if doc.id() != Some(claim.actor.as_str()) {
        return Err(Closed::Contradicts);
    }
    let lives_there = origin_of(&address).as_deref() == Some(origin);
    let doors = ["oauthTokenEndpoint", "oauthAuthorizationEndpoint"];
    let names_it = doors.iter().any(|door| {
        let there = document.pointer(&format!("/endpoints/{door}"));
        let there = there.and_then(Value::as_str).and_then(parse_url);
        there.as_ref().and_then(origin_of).as_deref() == Some(origin)
    });
    if !lives_there && !names_it {
        return Err(Closed::Contradicts);
    }
    let inbox = doc.link("inbox").and_then(|inbox| host_of_uri(&inbox));
    if inbox.as_deref() != Some(host.as_str()) {
        return Err(Closed::Contradicts);
    }
    let guest = actor::write(app, &document, &budget).await?;
    let same = guest.name.to_lowercase() == claim.name.to_lowercase();
    if !same || guest.uri != claim.actor || guest.kind != Kind::Remote || !guest.is_active() {
        return Err(Closed::Contradicts);
    }
    // The handle's domain is shown only where both sides confirm it.
    let _ = webfinger::check(app, &guest, &budget).await;
    let guest = crate::accounts::get(app, guest.id).await;
    guest.map_err(|_| Closed::Contradicts)
}
