//! OpenWebAuth (FEP-61cf): a home proves by its member's own key who comes; and our house as such a home.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Method, header};
use serde_json::Value;

use super::door::Arrival;
use super::homes::Home;
use super::ways::{self, Means, Start};
use super::{Attempt, Closed, entered};
use crate::accounts::{self, Account, keys};
use crate::app::App;
use crate::error::{Error, Result};
use crate::federation::sign::{self, Scheme};
use crate::federation::webfinger;
use crate::kernel::crypt;
use crate::kernel::db::sql;
use crate::kernel::http::DOCUMENT;
use crate::kernel::json;
use crate::kernel::origin::{host_of, origin_of, parse_url};
use crate::nodes;

/// How long a ticket is good for.
const TICKET: Duration = Duration::from_secs(180);

/// Begins the way to a home that speaks OpenWebAuth: where to go, the state and the cookie.
///
/// # Errors
/// What the database says; `Closed` when the home does not.
pub async fn begin(app: &App, home: &Home, next: &str) -> Attempt<(String, String, String)> {
    let Some(mut target) = home.magic.as_deref().and_then(parse_url) else {
        return Ok(Err(Closed::Unable));
    };
    let state = crypt::token();
    let start = Start {
        state: &state,
        home: &home.origin,
        wanted: home.actor.as_deref(),
        code: None,
        next,
    };
    let cookie = ways::begin(app, Means::Magic, start).await?;
    let back = app.origin().at(&format!("/auth/owa/{state}"));
    target
        .query_pairs_mut()
        .append_pair("owa", "1")
        .append_pair("bdest", &crypt::hex(back.as_bytes()));
    Ok(Ok((target.into(), state, cookie)))
}

/// Gives a ticket to whoever signed for it, readable with their own key alone.
///
/// # Errors
/// What the database says, `Forbidden` for an actor whose key cannot carry one.
pub async fn ticket(app: &App, signer: &Account) -> Result<String> {
    let now = app.clock.now();
    app.limits
        .tickets
        .take(signer.id.0, now)
        .map_err(Error::TooMany)?;
    let token = crypt::token();
    let sealed = signer
        .public_key_pem
        .as_deref()
        .and_then(|pem| crypt::encrypt_for(pem, token.as_bytes()))
        .ok_or(Error::Forbidden)?;
    sql("INSERT INTO guest_tickets (token_hash, account_id, created_at) VALUES ($1, $2, $3)")
        .bind(crypt::token_hash(&token))
        .bind(signer.id)
        .bind(now)
        .run(&app.db)
        .await?;
    sql("DELETE FROM guest_tickets WHERE account_id = $1 AND created_at <= $2")
        .bind(signer.id)
        .bind(now.minus(TICKET))
        .run(&app.db)
        .await?;
    Ok(crypt::url_base64(&sealed))
}

/// Ends the way: whoever brings a ticket is who signed for it.
///
/// # Errors
/// What the database says; `Closed` with the reason.
pub async fn arrive(app: &App, state: &str, owt: &str, cookie: Option<&str>) -> Attempt<Arrival> {
    let way = match ways::end(app, Means::Magic, state, cookie, None).await? {
        Ok(way) => way,
        Err(closed) => return Ok(Err(closed)),
    };
    let row = sql(
        "DELETE FROM guest_tickets WHERE token_hash = $1 AND created_at > $2 RETURNING account_id",
    )
    .bind(crypt::token_hash(owt))
    .bind(app.clock.now().minus(TICKET))
    .optional(&app.db)
    .await?;
    let Some(row) = row else {
        return Ok(Err(Closed::Declined));
    };
    let guest = accounts::get(app, row.get("account_id")?).await?;
    let lives = parse_url(&guest.uri).as_ref().and_then(origin_of);
    if lives.as_deref() != Some(way.home.as_str()) || guest.is_local() || !guest.is_active() {
        return Ok(Err(Closed::Contradicts));
    }
    if nodes::is_blocked(app, &guest.host).await? {
        return Ok(Err(Closed::Refused));
    }
    Ok(Ok(Arrival::of(guest, way, "owa")))
}

/// Where a member of ours wants to be known: the address to go back to and its house.
#[derive(Clone, Debug)]
pub struct Destination {
    /// The address.
    pub back: String,
    /// Scheme, host and port of the house.
    pub origin: String,
    /// Its host, as people call it.
    pub host: String,
}

/// Reads where somebody is to be sent back to: hexadecimal, or plain as older programs send it.
pub async fn destination(app: &App, bdest: &str, dest: &str) -> Result<Option<Destination>> {
    let back = if bdest.is_empty() {
        dest.to_owned()
    } else {
        let bytes = from_hex(bdest).unwrap_or_default();
        String::from_utf8(bytes).unwrap_or_default()
    };
    let found = parse_url(&back).and_then(|url| Some((origin_of(&url)?, host_of(&url)?)));
    let Some((origin, host)) = found.filter(|_| back.len() <= 2048) else {
        return Ok(None);
    };
    let refused = app.origin().owns(&back)
        || app.http.admit(&back).is_err()
        || !app.federates()
        || nodes::is_blocked(app, &host).await?;
    Ok((!refused).then_some(Destination { back, origin, host }))
}

fn from_hex(text: &str) -> Option<Vec<u8>> {
    if !text.len().is_multiple_of(2) || text.len() > 4096 || !text.is_ascii() {
        return None;
    }
    let pairs = (0..text.len()).step_by(2);
    pairs
        .map(|at| u8::from_str_radix(text.get(at..at + 2)?, 16).ok())
        .collect()
}

/// Proves to a house that a member of ours comes; the address to send the browser to.
///
/// # Errors
/// What the database says; `Closed` when the house does not take it.
pub async fn enter(app: &App, member: &Account, to: &Destination) -> Attempt<String> {
    let owt = match ask(app, member, to).await {
        Ok(Some(owt)) => owt,
        Ok(None) => return Ok(Err(Closed::Contradicts)),
        Err(closed) => return Ok(Err(closed)),
    };
    entered::note(app, member.id, &to.origin, entered::BY_MAGIC).await?;
    let Some(mut back) = parse_url(&to.back) else {
        return Ok(Err(Closed::Contradicts));
    };
    back.query_pairs_mut().append_pair("owt", &owt);
    Ok(Ok(back.into()))
}

/// Asks the house for a ticket, signed by the member. Whatever does not open to a plain token is nothing, without
/// a difference that could be seen from outside: the key also signs.
async fn ask(
    app: &App,
    member: &Account,
    to: &Destination,
) -> std::result::Result<Option<String>, Closed> {
    let endpoint = webfinger::proofs_of(app, &to.origin).await?;
    let url = parse_url(&endpoint).ok_or(Closed::Contradicts)?;
    let signed = sign::headers(app, member, Scheme::Cavage, &Method::GET, &url, None).await;
    let mut headers = signed.map_err(|_| Closed::Silent)?;
    let signature = headers
        .get("signature")
        .and_then(|value| value.to_str().ok());
    let proof = HeaderValue::from_str(&format!("Signature {}", signature.unwrap_or_default()));
    headers.insert(header::AUTHORIZATION, proof.map_err(|_| Closed::Silent)?);
    headers.insert(header::ACCEPT, HeaderValue::from_static("application/json"));
    let answer = app
        .http
        .send(Method::GET, &url, headers, Bytes::new(), DOCUMENT)
        .await?;
    let document = json::parse(&answer.body).unwrap_or_default();
    let sealed = document.get("encrypted_token").and_then(Value::as_str);
    let sealed = sealed.and_then(|text| crypt::from_url_base64(text.trim_end_matches('=')));
    let Some(sealed) = sealed.filter(|_| answer.status.is_success()) else {
        return Err(Closed::Contradicts);
    };
    let (rsa, _) = keys::signer(app, member)
        .await
        .map_err(|_| Closed::Silent)?;
    let opened = tokio::task::spawn_blocking(move || rsa.decrypt(&sealed)).await;
    let token = opened
        .ok()
        .flatten()
        .and_then(|bytes| String::from_utf8(bytes).ok());
    Ok(token.filter(|token| {
        (16..=512).contains(&token.len())
            && token
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte))
    }))
}
