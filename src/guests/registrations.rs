//! This house as an app at the homes of its guests: one registration for each home and scope, renewed when refused.

use std::net::IpAddr;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, header};
use serde_json::Value;

use super::homes::Doors;
use super::{Attempt, Closed};
use crate::app::App;
use crate::federation::nodeinfo;
use crate::kernel::crypt;
use crate::kernel::db::{Query, Row, sql};
use crate::kernel::http::{Answer, DOCUMENT, FetchError};
use crate::kernel::json;
use crate::kernel::origin::{host_of_uri, parse_url};

/// The columns of `guest_apps` that are read.
macro_rules! registration_columns {
    () => {
        "guest_apps.id, guest_apps.origin, guest_apps.scope, guest_apps.client_id, guest_apps.secret_sealed, guest_apps.worked_at"
    };
}

/// A registration that worked within this time is not tried out.
const FRESH: Duration = Duration::from_secs(86_400);

/// This house as a home knows it.
#[derive(Clone, Debug)]
pub struct Registration {
    /// Its random id, which stands in the address people come back to: an answer of one home cannot pass for
    /// another's.
    pub id: String,
    /// The home.
    pub origin: String,
    /// What we ask for.
    pub scope: String,
    /// The name the home gave us.
    pub client_id: String,
    /// The secret it gave us.
    pub secret: String,
    worked_at: crate::kernel::clock::Time,
}

impl Registration {
    /// Where people come back to.
    pub fn redirect_uri(&self, app: &App) -> String {
        redirect_uri(app, &self.id)
    }
}

fn redirect_uri(app: &App, id: &str) -> String {
    app.origin().at(&format!("/auth/home/callback/{id}"))
}

fn read(app: &App, row: &Row) -> anyhow::Result<Registration> {
    let sealed: String = row.get("secret_sealed")?;
    let sealed = crypt::from_base64(&sealed).unwrap_or_default();
    Ok(Registration {
        id: row.get("id")?,
        origin: row.get("origin")?,
        scope: row.get("scope")?,
        client_id: row.get("client_id")?,
        secret: String::from_utf8(app.secret.open(&sealed)?)?,
        worked_at: row.get("worked_at")?,
    })
}

/// The registration with this id.
///
/// # Errors
/// What the database says.
pub async fn find(app: &App, id: &str) -> crate::error::Result<Option<Registration>> {
    let row = sql(concat!(
        "SELECT ",
        registration_columns!(),
        " FROM guest_apps WHERE id = $1"
    ))
    .bind(id)
    .optional(&app.db)
    .await?;
    Ok(row.map(|row| read(app, &row)).transpose()?)
}

/// The registration at a home: the one we have, if it still works there, else a new one.
///
/// # Errors
/// What the database says; `Closed` when the home does not register us.
pub async fn at(
    app: &App,
    place: (&str, IpAddr),
    doors: &Doors,
    scope: &str,
) -> Attempt<Registration> {
    let known = with_scope(app, place, doors, scope).await?;
    // Homes of before there were narrow scopes know three wide ones; the token is given back at once all the same.
    let narrow = doors.issuer.is_none() && scope == "read:accounts";
    match known {
        Err(Closed::Unable) if narrow => with_scope(app, place, doors, "read").await,
        known => Ok(known),
    }
}

/// What is kept of our registration at a home.
fn kept(origin: &str, scope: &str) -> Query {
    sql(concat!(
        "SELECT ",
        registration_columns!(),
        " FROM guest_apps WHERE origin = $1 AND scope = $2"
    ))
    .bind(origin)
    .bind(scope)
}

async fn with_scope(
    app: &App,
    (origin, from): (&str, IpAddr),
    doors: &Doors,
    scope: &str,
) -> Attempt<Registration> {
    let row = kept(origin, scope).optional(&app.db).await?;
    if let Some(row) = row {
        let known = read(app, &row)?;
        if app.clock.now().since(known.worked_at) < FRESH {
            return Ok(Ok(known));
        }
        if works(app, &known, doors).await {
            worked(app, &known).await?;
            return Ok(Ok(known));
        }
        forget(app, &known).await?;
    }
    register(app, (origin, from), doors, scope).await
}

/// Whether the home still knows us; one that does not let apps ask for themselves gets the benefit of the doubt.
async fn works(app: &App, known: &Registration, doors: &Doors) -> bool {
    let form = [
        ("grant_type", "client_credentials"),
        ("client_id", &known.client_id),
        ("client_secret", &known.secret),
        ("scope", &known.scope),
    ];
    match post(app, &doors.token, &form, None).await {
        Ok(answer) => !is_forgotten(&answer),
        Err(_) => true,
    }
}

/// Forgets a registration that the home does not know any more.
///
/// # Errors
/// What the database says.
pub async fn forget(app: &App, known: &Registration) -> crate::error::Result<()> {
    let mut tx = app.db.begin().await?;
    for statement in [
        sql("DELETE FROM guest_grants WHERE app_id = $1"),
        sql("DELETE FROM guest_states WHERE app_id = $1"),
        sql("DELETE FROM guest_apps WHERE id = $1"),
    ] {
        statement.bind(&known.id).run(&mut tx).await?;
    }
    tx.commit().await?;
    Ok(())
}

async fn register(
    app: &App,
    (origin, from): (&str, IpAddr),
    doors: &Doors,
    scope: &str,
) -> Attempt<Registration> {
    // Homes are many, and anybody can make them up: there is a bound for each who asks and one for all.
    let (now, limits) = (app.clock.now(), &app.limits);
    if limits.registrations.take((origin, from), now).is_err()
        || limits.all_registrations.take((), now).is_err()
    {
        return Ok(Err(Closed::Often));
    }
    let (id, house) = (crypt::opaque(), crate::nodes::house::get(app).await?);
    // Longer names are refused by some.
    let name: String = house.name.chars().take(60).collect();
    let form = [
        ("client_name", name.as_str()),
        ("redirect_uris", &redirect_uri(app, &id)),
        ("scopes", scope),
        ("website", &app.origin().url),
    ];
    let answer = match post(app, &doors.register, &form, None).await {
        Ok(answer) if answer.status.is_success() => answer,
        Ok(_) => return Ok(Err(Closed::Unable)),
        Err(error) => return Ok(Err(error.into())),
    };
    let document = json::parse(&answer.body).unwrap_or_default();
    let text = |name: &str| document.get(name).and_then(Value::as_str);
    let (Some(client_id), Some(secret)) = (text("client_id"), text("client_secret")) else {
        return Ok(Err(Closed::Contradicts));
    };
    if client_id.len() > 512 || secret.len() > 1024 {
        return Ok(Err(Closed::Contradicts));
    }
    let made = Registration {
        id,
        origin: origin.to_owned(),
        scope: scope.to_owned(),
        client_id: client_id.to_owned(),
        secret: secret.to_owned(),
        worked_at: now,
    };
    let touched = sql("INSERT INTO guest_apps (id, origin, scope, client_id, secret_sealed, created_at, worked_at) VALUES ($1, $2, $3, $4, $5, $6, $6) ON CONFLICT (origin, scope) DO NOTHING")
        .bind(&made.id)
        .bind(origin)
        .bind(&made.scope)
        .bind(&made.client_id)
        .bind(crypt::base64(&app.secret.seal(secret.as_bytes())))
        .bind(now)
        .run(&app.db)
        .await?;
    if touched == 1 {
        return Ok(Ok(made));
    }
    // Somebody else came from the same home at the same moment.
    let row = kept(origin, scope).one(&app.db).await?;
    Ok(Ok(read(app, &row)?))
}

/// Notes that the home knew us just now.
///
/// # Errors
/// What the database says.
pub async fn worked(app: &App, known: &Registration) -> crate::error::Result<()> {
    sql("UPDATE guest_apps SET worked_at = $1 WHERE id = $2")
        .bind(app.clock.now())
        .bind(&known.id)
        .run(&app.db)
        .await?;
    Ok(())
}

/// Programs that forget an app with the last of its tokens.
const FORGETFUL: [&str; 1] = ["snac"];

/// Gives a token back to the home that gave it; where the home then forgets us, so do we, and register anew next time.
pub async fn give_back(app: &App, doors: &Doors, registration: &Registration, token: &str) {
    let form = [
        ("token", token),
        ("client_id", &registration.client_id),
        ("client_secret", &registration.secret),
    ];
    if let Err(error) = post(app, &doors.revoke, &form, None).await {
        tracing::debug!(%error, "a guest's token could not be given back");
    }
    let host = host_of_uri(&registration.origin).unwrap_or_default();
    let software = nodeinfo::software_of(app, &host).await;
    if software.is_some_and(|name| FORGETFUL.contains(&&*name))
        && let Err(error) = forget(app, registration).await
    {
        tracing::warn!(%error, "a registration at a home could not be forgotten");
    }
}

/// Posts a form to a home; a redirect is an answer, never followed.
///
/// # Errors
/// When it cannot be reached.
pub async fn post(
    app: &App,
    url: &str,
    form: &[(&str, &str)],
    token: Option<&str>,
) -> Result<Answer, FetchError> {
    let url = parse_url(url).ok_or_else(|| FetchError::Refused(url.to_owned()))?;
    let mut headers = HeaderMap::new();
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/x-www-form-urlencoded"),
    );
    headers.insert(header::ACCEPT, HeaderValue::from_static("application/json"));
    if let Some(token) = token
        && let Ok(value) = HeaderValue::from_str(&format!("Bearer {token}"))
    {
        headers.insert(header::AUTHORIZATION, value);
    }
    let body = url::form_urlencoded::Serializer::new(String::new())
        .extend_pairs(form)
        .finish();
    app.http
        .send(Method::POST, &url, headers, Bytes::from(body), DOCUMENT)
        .await
}

/// Whether a home says that it does not know this app, in whatever words.
pub fn is_forgotten(answer: &Answer) -> bool {
    let known = [
        "invalid_grant",
        "unsupported_grant_type",
        "unauthorized_client",
        "invalid_scope",
        "invalid_request",
    ];
    match error_of(answer).as_deref() {
        Some("invalid_client") => true,
        Some(error) if known.contains(&error) => false,
        _ => matches!(answer.status.as_u16(), 401 | 403),
    }
}

/// The `error` of an answer (RFC 6749 §5.2).
pub fn error_of(answer: &Answer) -> Option<String> {
    let document = json::parse(&answer.body).ok()?;
    document.get("error")?.as_str().map(str::to_owned)
}
