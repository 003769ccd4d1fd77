//! The way to a guest's home and back: OAuth with a code, bound to one browser, one home and one use.

use std::net::IpAddr;
use std::time::Duration;

use serde_json::Value;

use super::homes::{Doors, Home};
use super::registrations::{self, Registration};
use super::{Attempt, Closed, grants, homes, proof, ways};
use crate::accounts::Account;
use crate::app::App;
use crate::kernel::crypt;
use crate::kernel::db::sql;
use crate::kernel::json;
use crate::kernel::origin::parse_url;

/// How long the way there and back may take.
pub const PATIENCE: Duration = Duration::from_secs(600);

/// Where a guest is sent, and what their browser is told to remember for the way back.
#[derive(Clone, Debug)]
pub struct Way {
    /// The page of their home.
    pub target: String,
    /// What comes back with the person.
    pub state: String,
    /// The value of the cookie.
    pub cookie: String,
}

/// What came back from a home.
#[derive(Clone, Debug, Default, serde::Deserialize)]
pub struct Back {
    /// The code.
    #[serde(default)]
    pub code: String,
    /// What we sent along.
    #[serde(default)]
    pub state: String,
    /// Who answers (RFC 9207).
    pub iss: Option<String>,
    /// Why there is no code.
    pub error: Option<String>,
}

/// A guest who came in.
#[derive(Clone, Debug)]
pub struct Arrival {
    /// Who they are.
    pub guest: Account,
    /// Their home.
    pub origin: String,
    /// Where they wanted to go.
    pub next: String,
    /// Whether they said before that they were somebody else.
    pub other: bool,
    /// By what it was proven.
    pub method: &'static str,
}

impl Arrival {
    /// Whoever came to the end of a way.
    pub fn of(guest: Account, way: ways::Way, method: &'static str) -> Self {
        Self {
            other: way.wanted.is_some_and(|wanted| wanted != guest.uri),
            guest,
            origin: way.home,
            next: way.next,
            method,
        }
    }
}

/// Begins the way to a home. `next` is a path of ours, checked by the caller; `acts` asks for more than who
/// somebody is.
///
/// # Errors
/// What the database says; `Closed` when the home has no door or does not know us.
pub async fn begin(
    app: &App,
    (home, from): (&Home, IpAddr),
    next: &str,
    acts: bool,
) -> Attempt<Way> {
    let Some(doors) = &home.doors else {
        return Ok(Err(Closed::Unable));
    };
    let scope = if acts {
        format!("{} {}", doors.scope, grants::SCOPES)
    } else {
        doors.scope.to_owned()
    };
    let registration = match registrations::at(app, (&home.origin, from), doors, &scope).await? {
        Ok(registration) => registration,
        Err(closed) => return Ok(Err(closed)),
    };
    let (state, cookie) = (crypt::token(), crypt::token());
    let touched = sql("INSERT INTO guest_states (state_hash, browser_hash, app_id, home, wanted, next, created_at, acts) SELECT $1, $2, id, $4, $5, $6, CAST($7 AS BIGINT), CAST($8 AS BIGINT) FROM guest_apps WHERE id = $3")
        .bind(crypt::token_hash(&state))
        .bind(crypt::token_hash(&cookie))
        .bind(&registration.id)
        .bind(&home.origin)
        .bind(home.actor.clone())
        .bind(next)
        .bind(app.clock.now())
        .bind(acts)
        .run(&app.db)
        .await?;
    if touched == 0 {
        // Another visitor just found out that the home forgot us.
        return Ok(Err(Closed::Stale));
    }
    let Some(mut target) = parse_url(&doors.authorize) else {
        return Ok(Err(Closed::Contradicts));
    };
    target
        .query_pairs_mut()
        .append_pair("response_type", "code")
        .append_pair("client_id", &registration.client_id)
        .append_pair("redirect_uri", &registration.redirect_uri(app))
        .append_pair("scope", &registration.scope)
        .append_pair("state", &state)
        .append_pair(
            "code_challenge",
            &crypt::token_hash(&verifier(&state, &cookie)),
        )
        .append_pair("code_challenge_method", "S256");
    Ok(Ok(Way {
        target: target.into(),
        state,
        cookie,
    }))
}

/// The code verifier (RFC 7636): known to nobody who has not both halves, one of which never leaves the browser.
fn verifier(state: &str, cookie: &str) -> String {
    crypt::token_hash(&format!("{state}.{cookie}"))
}

/// Ends the way back: whoever comes is who their home says, if the home may say so, or nobody.
///
/// # Errors
/// What the database says; `Closed` with the reason.
pub async fn arrive(app: &App, id: &str, back: &Back, cookie: Option<&str>) -> Attempt<Arrival> {
    // Used up first, whatever comes of it.
    let row = sql("DELETE FROM guest_states WHERE state_hash = $1 RETURNING browser_hash, app_id, home, wanted, next, created_at, acts")
        .bind(crypt::token_hash(&back.state))
        .optional(&app.db)
        .await?;
    let (Some(row), Some(cookie)) = (row, cookie) else {
        return Ok(Err(Closed::Stale));
    };
    let (browser, ours): (String, String) = (row.get("browser_hash")?, row.get("app_id")?);
    let same = crypt::equal(browser.as_bytes(), crypt::token_hash(cookie).as_bytes());
    if !same || ours != id || app.clock.now().since(row.get("created_at")?) > PATIENCE {
        return Ok(Err(Closed::Stale));
    }
    let (origin, next): (String, String) = (row.get("home")?, row.get("next")?);
    let wanted: Option<String> = row.get("wanted")?;
    let acts: bool = row.get("acts")?;
    let Some(registration) = registrations::find(app, id).await? else {
        return Ok(Err(Closed::Stale));
    };
    // What was shown to the person has the last word: the same origin, with the doors it publishes now.
    let doors = match homes::doors_of(app, &origin).await {
        Ok(Some(doors)) => doors,
        Ok(None) => return Ok(Err(Closed::Unable)),
        Err(closed) => return Ok(Err(closed)),
    };
    let doors = &doors;
    if let Some(closed) = refused(back, doors) {
        return Ok(Err(closed));
    }
    let token = match redeem(app, doors, &registration, back, cookie).await? {
        Ok(token) => token,
        Err(closed) => return Ok(Err(closed)),
    };
    let proven = proof::of_token(app, &origin, doors, &token).await;
    // A token is kept where somebody let this house act, and given back where it has said who they are.
    let same = |guest: &&Account| wanted.as_ref().is_none_or(|wanted| *wanted == guest.uri);
    let kept = proven.as_ref().ok().filter(|_| acts).filter(same);
    match kept {
        Some(guest) => grants::keep(app, guest.id, &registration, &token).await?,
        None => registrations::give_back(app, doors, &registration, &token).await,
    }
    let way = ways::Way {
        home: origin,
        wanted,
        next,
    };
    Ok(proven.map(|guest| Arrival::of(guest, way, "oauth")))
}

fn refused(back: &Back, doors: &Doors) -> Option<Closed> {
    let same = |a: &str, b: &str| a.trim_end_matches('/') == b.trim_end_matches('/');
    if let (Some(iss), Some(issuer)) = (&back.iss, &doors.issuer)
        && !same(iss, issuer)
    {
        return Some(Closed::Contradicts);
    }
    match back.error.as_deref() {
        Some("access_denied") => Some(Closed::Declined),
        Some(_) => Some(Closed::Unable),
        None if back.code.is_empty() => Some(Closed::Contradicts),
        None => None,
    }
}

/// Exchanges the code; a home that forgot us is registered with anew the next time.
async fn redeem(
    app: &App,
    doors: &Doors,
    registration: &Registration,
    back: &Back,
    cookie: &str,
) -> Attempt<String> {
    let form = [
        ("grant_type", "authorization_code"),
        ("code", &back.code),
        ("redirect_uri", &registration.redirect_uri(app)),
        ("client_id", &registration.client_id),
        ("client_secret", &registration.secret),
        ("code_verifier", &verifier(&back.state, cookie)),
        ("scope", &registration.scope),
    ];
    let answer = match registrations::post(app, &doors.token, &form, None).await {
        Ok(answer) => answer,
        Err(error) => return Ok(Err(error.into())),
    };
    if registrations::is_forgotten(&answer) {
        registrations::forget(app, registration).await?;
        return Ok(Err(Closed::Stale));
    }
    let document = json::parse(&answer.body).unwrap_or_default();
    let text = |name: &str| document.get(name).and_then(Value::as_str);
    let bearer = text("token_type").is_some_and(|kind| kind.eq_ignore_ascii_case("bearer"));
    match text("access_token") {
        Some(token) if answer.status.is_success() && bearer => {
            registrations::worked(app, registration).await?;
            Ok(Ok(token.to_owned()))
        }
        _ => Ok(Err(Closed::Contradicts)),
    }
}
