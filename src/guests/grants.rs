//! Acting guests: what somebody let this house do for them at home, explicitly, for thirty days at most.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use serde_json::Value;

use super::registrations::{self, Registration};
use super::{Attempt, Closed, homes};
use crate::accounts::Account;
use crate::app::App;
use crate::error::Result;
use crate::kernel::clock::Time;
use crate::kernel::crypt;
use crate::kernel::db::sql;
use crate::kernel::http::{Answer, DOCUMENT, FetchError};
use crate::kernel::id::AccountId;
use crate::kernel::json;
use crate::kernel::origin::parse_url;
use crate::posts::Post;

/// How long a grant is kept.
const LIFE: Duration = Duration::from_secs(30 * 86_400);
/// What is asked for besides who somebody is.
pub const SCOPES: &str = "read:search write:follows write:statuses";

/// What somebody let this house do.
#[derive(Clone, Debug)]
pub struct Grant {
    /// Their home.
    pub origin: String,
    /// Since when.
    pub created_at: Time,
    app_id: String,
    token: String,
}

/// Keeps what a home granted, sealed, in place of what there was.
///
/// # Errors
/// What the database says.
pub async fn keep(
    app: &App,
    guest: AccountId,
    registration: &Registration,
    token: &str,
) -> Result<()> {
    give_back(app, guest).await?;
    sql("INSERT INTO guest_grants (account_id, app_id, origin, token_sealed, created_at, used_at) VALUES ($1, $2, $3, $4, $5, $5) ON CONFLICT (account_id) DO UPDATE SET app_id = EXCLUDED.app_id, origin = EXCLUDED.origin, token_sealed = EXCLUDED.token_sealed, created_at = EXCLUDED.created_at, used_at = EXCLUDED.used_at")
        .bind(guest)
        .bind(&registration.id)
        .bind(&registration.origin)
        .bind(crypt::base64(&app.secret.seal(token.as_bytes())))
        .bind(app.clock.now())
        .run(&app.db)
        .await?;
    Ok(())
}

/// What a guest let this house do, if it still counts.
///
/// # Errors
/// What the database says.
pub async fn find(app: &App, guest: AccountId) -> Result<Option<Grant>> {
    let grant = read(app, guest).await?;
    Ok(grant.filter(|grant| app.clock.now().since(grant.created_at) < LIFE))
}

async fn read(app: &App, guest: AccountId) -> Result<Option<Grant>> {
    let row = sql("SELECT account_id, app_id, origin, token_sealed, created_at FROM guest_grants WHERE account_id = $1")
        .bind(guest)
        .optional(&app.db)
        .await?;
    let Some(row) = row else { return Ok(None) };
    let sealed: String = row.get("token_sealed")?;
    let opened = app
        .secret
        .open(&crypt::from_base64(&sealed).unwrap_or_default());
    let token = opened.ok().and_then(|bytes| String::from_utf8(bytes).ok());
    let Some(token) = token else { return Ok(None) };
    Ok(Some(Grant {
        origin: row.get("origin")?,
        created_at: row.get("created_at")?,
        app_id: row.get("app_id")?,
        token,
    }))
}

/// Gives a grant back: forgotten here at once, and the home is told.
///
/// # Errors
/// What the database says.
pub async fn give_back(app: &App, guest: AccountId) -> Result<()> {
    let grant = read(app, guest).await?;
    sql("DELETE FROM guest_grants WHERE account_id = $1")
        .bind(guest)
        .run(&app.db)
        .await?;
    let Some(grant) = grant else { return Ok(()) };
    let known = registrations::find(app, &grant.app_id).await?;
    let doors = homes::doors_of(app, &grant.origin).await;
    if let (Some(known), Ok(Some(doors))) = (known, doors) {
        registrations::give_back(app, &doors, &known, &grant.token).await;
    }
    Ok(())
}

async fn call(
    app: &App,
    grant: &Grant,
    method: Method,
    path: &str,
    body: Option<(String, &str)>,
) -> std::result::Result<Answer, FetchError> {
    let url = format!("{}{path}", grant.origin);
    let url = parse_url(&url).ok_or(FetchError::Refused(url))?;
    let mut headers = HeaderMap::new();
    headers.insert(header::ACCEPT, HeaderValue::from_static("application/json"));
    if let Ok(value) = HeaderValue::from_str(&format!("Bearer {}", grant.token)) {
        headers.insert(header::AUTHORIZATION, value);
    }
    if let Some((_, key)) = &body {
        let kind = HeaderValue::from_static("application/x-www-form-urlencoded");
        headers.insert(header::CONTENT_TYPE, kind);
        // The same answer sent twice makes one post.
        if let Ok(key) = HeaderValue::from_str(key) {
            headers.insert("idempotency-key", key);
        }
    }
    let body = Bytes::from(body.map(|(form, _)| form).unwrap_or_default());
    app.http.send(method, &url, headers, body, DOCUMENT).await
}

/// What the home calls a thing of ours; nothing where it does not find exactly that thing.
async fn id_there(
    app: &App,
    grant: &Grant,
    kind: &str,
    (uri, url): (&str, &str),
) -> std::result::Result<String, Closed> {
    let query: String = url::form_urlencoded::Serializer::new(String::new())
        .append_pair("q", uri)
        .append_pair("type", kind)
        .append_pair("resolve", "true")
        .append_pair("limit", "1")
        .finish();
    let path = format!("/api/v2/search?{query}");
    let answer = call(app, grant, Method::GET, &path, None).await?;
    let document = understood(&answer)?;
    let found = document.get(kind).and_then(Value::as_array);
    let first = found.and_then(|found| found.first());
    let text = |name: &str| first.and_then(|one| one.get(name)).and_then(Value::as_str);
    let same = [text("uri"), text("url")]
        .into_iter()
        .flatten()
        .any(|address| address == uri || address == url);
    match text("id").filter(|id| same && id.len() < 100 && !id.contains(['/', '?', '#'])) {
        Some(id) => Ok(id.to_owned()),
        None => Err(Closed::Contradicts),
    }
}

fn understood(answer: &Answer) -> std::result::Result<Value, Closed> {
    match answer.status {
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => Err(Closed::Withdrawn),
        status if status.is_success() => json::parse(&answer.body).map_err(|_| Closed::Contradicts),
        status if status.is_server_error() => Err(Closed::Silent),
        _ => Err(Closed::Contradicts),
    }
}

/// Lets a home do something; a home that does not allow it any more ends the grant.
async fn settle(app: &App, guest: AccountId, done: std::result::Result<(), Closed>) -> Attempt<()> {
    if done == Err(Closed::Withdrawn) {
        sql("DELETE FROM guest_grants WHERE account_id = $1")
            .bind(guest)
            .run(&app.db)
            .await?;
    } else {
        sql("UPDATE guest_grants SET used_at = $1 WHERE account_id = $2")
            .bind(app.clock.now())
            .bind(guest)
            .run(&app.db)
            .await?;
    }
    Ok(done)
}

/// Follows somebody of this house from a guest's home.
///
/// # Errors
/// What the database says; `Closed` when there is no grant or the home refuses.
pub async fn follow(app: &App, guest: &Account, whom: &Account) -> Attempt<()> {
    let Some(grant) = find(app, guest.id).await? else {
        return Ok(Err(Closed::Withdrawn));
    };
    let done = async {
        let names = (whom.uri.as_str(), whom.url.as_deref().unwrap_or(&whom.uri));
        let id = id_there(app, &grant, "accounts", names).await?;
        let path = format!("/api/v1/accounts/{id}/follow");
        let nothing = Some((String::new(), whom.uri.as_str()));
        let answer = call(app, &grant, Method::POST, &path, nothing).await?;
        understood(&answer).map(|_| ())
    };
    let done = done.await;
    settle(app, guest.id, done).await
}

/// Answers a post of this house from a guest's home. `key` makes the same answer sent twice one.
///
/// # Errors
/// As [`follow`].
pub async fn reply(app: &App, guest: &Account, post: &Post, text: &str, key: &str) -> Attempt<()> {
    let Some(grant) = find(app, guest.id).await? else {
        return Ok(Err(Closed::Withdrawn));
    };
    let done = async {
        let names = (post.uri.as_str(), post.url.as_deref().unwrap_or(&post.uri));
        let id = id_there(app, &grant, "statuses", names).await?;
        let visibility = if post.audience == crate::audiences::Audience::Public {
            "public"
        } else {
            "unlisted"
        };
        let form: String = url::form_urlencoded::Serializer::new(String::new())
            .append_pair("status", text)
            .append_pair("in_reply_to_id", &id)
            .append_pair("visibility", visibility)
            .finish();
        let path = "/api/v1/statuses";
        let answer = call(app, &grant, Method::POST, path, Some((form, key))).await?;
        understood(&answer).map(|_| ())
    };
    let done = done.await;
    settle(app, guest.id, done).await
}

/// Gives back what is too old.
///
/// # Errors
/// What the database says.
pub async fn sweep(app: &App) -> Result<()> {
    let rows = sql("SELECT account_id FROM guest_grants WHERE created_at <= $1 LIMIT 20")
        .bind(app.clock.now().minus(LIFE))
        .all(&app.db)
        .await?;
    for row in rows {
        give_back(app, row.get("account_id")?).await?;
    }
    Ok(())
}
