//! Fetching documents: signed, bounded, and believed only from their own host.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Method, StatusCode, header};
use serde_json::Value;
use url::Url;

use super::ACCEPT;
use super::doc::Doc;
use super::page;
use super::sign::{self, Scheme};
use crate::accounts::{self, Account};
use crate::app::App;
use crate::kernel::http::{Answer, DOCUMENT, FetchError, redirect_of};
use crate::kernel::json;
use crate::kernel::origin::{host_of, host_of_uri};
use crate::nodes;

/// How long one document may take, whatever it redirects to.
const TOTAL: Duration = Duration::from_secs(28);

/// How many fetches one piece of work may still cause.
#[derive(Debug)]
pub struct Budget(AtomicU32);

impl Budget {
    /// For one inbound activity: its key, its thread and every job it causes.
    pub fn inbound() -> Self {
        Self::of(5)
    }

    /// What is left of one.
    pub fn of(fetches: u32) -> Self {
        Self(AtomicU32::new(fetches))
    }

    /// How many are left.
    pub fn left(&self) -> u32 {
        self.0.load(Ordering::SeqCst)
    }

    /// Takes up to `most` for later work that gets a budget of its own; how many there were.
    pub fn set_aside(&self, most: u32) -> u32 {
        let before = self
            .0
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| {
                Some(left.saturating_sub(most))
            })
            .unwrap_or_default();
        before.min(most)
    }

    /// For what a person asked for.
    pub fn person() -> Self {
        Self::of(60)
    }

    /// Takes one fetch; whether there was one left.
    pub fn take(&self) -> bool {
        self.0
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| {
                left.checked_sub(1)
            })
            .is_ok()
    }
}

/// Fetches the document with this id, signed by `signer` or the node's actor.
///
/// A document that names another id is fetched once more from there; what is returned has been served
/// by the host of its own id, under that id.
///
/// # Errors
/// When the address is refused, blocked or silent, the budget is used up, or the document is not what it claims.
pub async fn object(
    app: &App,
    id: &str,
    signer: Option<&Account>,
    budget: &Budget,
) -> Result<Value, FetchError> {
    let id = id.split('#').next().unwrap_or(id);
    let (document, from) = document(app, id, signer, budget).await?;
    let named = Doc(&document)
        .id()
        .ok_or(FetchError::Unusable("the document has no id"))?
        .to_owned();
    if named == id && host_of(&from) == host_of_uri(id) {
        return Ok(document);
    }
    if named == id {
        return Err(FetchError::Unusable("another host speaks for the document"));
    }
    let (document, from) = self::document(app, &named, signer, budget).await?;
    if Doc(&document).id() == Some(named.as_str()) && host_of(&from) == host_of_uri(&named) {
        Ok(document)
    } else {
        Err(FetchError::Unusable("the document names another id"))
    }
}

/// Fetches a document and tells where it came from in the end; its id is not checked.
///
/// # Errors
/// As [`object`].
pub async fn document(
    app: &App,
    url: &str,
    signer: Option<&Account>,
    budget: &Budget,
) -> Result<(Value, Url), FetchError> {
    // Redirects and a second signature included.
    let answer = tokio::time::timeout(TOTAL, get(app, url, signer, budget))
        .await
        .map_err(|_| FetchError::Unreachable("it did not answer in time".to_owned()))??;
    let media_type = answer.media_type();
    let profile = answer
        .headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .is_some_and(|value| value.contains("https://www.w3.org/ns/activitystreams"));
    if media_type != "application/activity+json"
        && !(media_type == "application/ld+json" && profile)
    {
        return Err(FetchError::Unusable("it is no ActivityPub document"));
    }
    let document = json::parse(&answer.body).map_err(|_| FetchError::Unusable("it is no JSON"))?;
    Ok((document, answer.url))
}

/// The document that a page names as its other form: by its `Link` header (RFC 8288), or in its head.
///
/// # Errors
/// As [`object`], and where the page names none.
pub async fn behind_page(app: &App, page: &str, budget: &Budget) -> Result<Value, FetchError> {
    if !budget.take() {
        return Err(FetchError::Unusable("it would cause too many fetches"));
    }
    let answer = app.http.get(page, "text/html", DOCUMENT).await?;
    let id =
        page::alternate(&answer).ok_or(FetchError::Unusable("it is no ActivityPub document"))?;
    object(app, &id, None, budget).await
}

async fn get(
    app: &App,
    url: &str,
    signer: Option<&Account>,
    budget: &Budget,
) -> Result<Answer, FetchError> {
    if !app.federates() {
        return Err(FetchError::Unusable("this node talks to nobody yet"));
    }
    let node;
    let signer = if let Some(signer) = signer {
        signer
    } else {
        node = accounts::node_actor(app)
            .await
            .map_err(|error| FetchError::Unreachable(error.to_string()))?;
        &node
    };
    let mut url = app.http.admit(url)?;
    for _ in 0..=3 {
        let host = host_of(&url).unwrap_or_default();
        if app.origin().owns(url.as_str()) {
            return Err(FetchError::Unusable("we do not fetch from ourselves"));
        }
        if nodes::is_blocked(app, &host).await.unwrap_or(true) {
            return Err(FetchError::Refused(host));
        }
        if !budget.take() {
            return Err(FetchError::Unusable("it would cause too many fetches"));
        }
        let known = nodes::find(app, &host).await.ok().flatten();
        let (first, other) = sign::schemes(known.as_ref(), app.clock.now());
        let mut answer = signed_get(app, &url, signer, first).await?;
        if answer.status == StatusCode::UNAUTHORIZED && budget.take() {
            answer = signed_get(app, &url, signer, other).await?;
        }
        if let Some(next) = redirect_of(&answer) {
            url = app.http.admit(&next)?;
            continue;
        }
        return if answer.status.is_success() {
            Ok(answer)
        } else {
            Err(FetchError::Status(answer.status))
        };
    }
    Err(FetchError::Unusable("it redirects too often"))
}

async fn signed_get(
    app: &App,
    url: &Url,
    signer: &Account,
    scheme: Scheme,
) -> Result<Answer, FetchError> {
    let mut headers = sign::headers(app, signer, scheme, &Method::GET, url, None)
        .await
        .map_err(|error| FetchError::Unreachable(error.to_string()))?;
    headers.insert(header::ACCEPT, HeaderValue::from_static(ACCEPT));
    app.http
        .send(Method::GET, url, headers, Bytes::new(), DOCUMENT)
        .await
}
