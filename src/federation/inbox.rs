//! The inbox: the gate, the receipt, the processing.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, StatusCode, header, request::Parts};
use http_body_util::{BodyExt as _, Limited};
use serde_json::Value;
use tokio::sync::{mpsc, oneshot};

use super::doc::Doc;
use super::fetch::Budget;
use super::verify::{self, Denied};
use super::{Refused, activities, sender, sync};
use crate::accounts::{self, Account};
use crate::app::App;
use crate::kernel::clock::Time;
use crate::kernel::crypt;
use crate::kernel::db::{Db, Row, sql};
use crate::kernel::failpoint;
use crate::kernel::http::DOCUMENT;
use crate::kernel::id::{AccountId, ReceivedId};
use crate::kernel::json;
use crate::kernel::net;
use crate::kernel::origin::{host_of_uri, parse_url};
use crate::nodes::health::{self, Shown};
use crate::nodes::{self, setup};
use crate::relations::undone;

/// What the inbox routes need: the node, and the one writer of receipts.
#[derive(Clone)]
pub struct Inbox {
    app: App,
    receipts: mpsc::Sender<(Receipt, oneshot::Sender<bool>)>,
}

/// A verified activity before it is stored.
#[derive(Debug)]
struct Receipt {
    uri: String,
    actor: AccountId,
    inbox_of: Option<AccountId>,
    body: String,
    fetches: u32,
    at: Time,
    signed_at: Time,
    signature: String,
    undoable: bool,
}

impl Inbox {
    /// Starts the writer of receipts; it ends when the last route is gone.
    #[expect(
        clippy::disallowed_methods,
        reason = "the writer lives as long as the routes; what it was given it answers"
    )]
    pub fn new(app: App) -> Self {
        let (receipts, queue) = mpsc::channel(256);
        tokio::spawn(write_receipts(app.clone(), queue));
        Self { app, receipts }
    }
}

/// Commits what has arrived, many at once where many wait; never waits to fill a batch.
async fn write_receipts(app: App, mut queue: mpsc::Receiver<(Receipt, oneshot::Sender<bool>)>) {
    let mut batch = Vec::new();
    while queue.recv_many(&mut batch, 32).await > 0 {
        let stored = store(&app.db, batch.iter().map(|(receipt, _)| receipt)).await;
        if let Err(error) = &stored {
            tracing::error!(%error, "activities could not be stored");
        }
        for (_, answer) in batch.drain(..) {
            let _ = answer.send(stored.is_ok());
        }
        app.wake.notify_waiters();
    }
}

async fn store(db: &Db, batch: impl Iterator<Item = &Receipt>) -> sqlx::Result<()> {
    let mut tx = db.begin().await?;
    for receipt in batch {
        if receipt.undoable {
            undone::free(&mut tx, &receipt.uri, receipt.signed_at).await?;
        }
        // Neither the same activity nor the same request comes in twice.
        sql("INSERT INTO received (id, uri, actor_id, inbox_of, body, created_at, fetches, signed_at, signature) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT DO NOTHING")
            .bind(ReceivedId::mint(receipt.at))
            .bind(&receipt.uri)
            .bind(receipt.actor)
            .bind(receipt.inbox_of)
            .bind(&receipt.body)
            .bind(receipt.at)
            .bind(i64::from(receipt.fetches))
            .bind(receipt.signed_at)
            .bind(&receipt.signature)
            .run(&mut tx)
            .await?;
    }
    tx.commit().await?;
    failpoint::reach("inbox.after_insert", "");
    Ok(())
}

fn deny(Denied(status, reason): Denied) -> Response {
    tracing::debug!(%status, reason, "an activity was not let in");
    metrics::counter!("afterparty_inbox_denied", "status" => status.as_u16().to_string())
        .increment(1);
    let mut response = (status, reason).into_response();
    if matches!(
        status,
        StatusCode::SERVICE_UNAVAILABLE | StatusCode::TOO_MANY_REQUESTS
    ) {
        response
            .headers_mut()
            .insert(header::RETRY_AFTER, HeaderValue::from_static("60"));
    }
    response
}

/// `POST /inbox` and `POST /users/{name}/inbox`
pub async fn create(State(inbox): State<Inbox>, request: axum::extract::Request) -> Response {
    let (parts, body) = request.into_parts();
    match receive(&inbox, &parts, body).await {
        Ok(()) => StatusCode::ACCEPTED.into_response(),
        Err(denied) => deny(denied),
    }
}

async fn receive(inbox: &Inbox, parts: &Parts, body: Body) -> Result<(), Denied> {
    let app = &inbox.app;
    let headers = &parts.headers;
    let target = parts
        .uri
        .path_and_query()
        .map_or("/", |target| target.as_str());
    if parts.uri.authority().is_some() && parts.version < http::Version::HTTP_2 {
        return Err(Denied(
            StatusCode::MISDIRECTED_REQUEST,
            "an absolute target",
        ));
    }
    verify::check_headers(headers, &app.origin())?;
    let body = read_body(headers, body).await?;
    let request = verify::Request {
        method: parts.method.as_str(),
        target,
        headers,
        body: Some(&body),
    };
    let signed = verify::check(&request, &app.origin(), app.clock.now())?;
    let host = admit_host(app, &signed.key_id).await?;
    let budget = Budget::inbound();
    let from = net::source(&app.settings.server.trusted_proxies, parts);
    let Some(sender) = sender::authenticate(app, &signed, from, Some(&body), &budget).await? else {
        return Ok(());
    };
    // Whose name it bears is known from here on, and from here on it counts.
    app.limits
        .inbox
        .take(&host, app.clock.now())
        .map_err(|_| sender::OFTEN)?;
    let _ = setup::note_known_elsewhere(app).await;
    let activity = json::parse(&body)
        .map_err(|_| Denied(StatusCode::BAD_REQUEST, "the body is no sound JSON"))?;
    if !activity.is_object() {
        return Err(Denied(StatusCode::BAD_REQUEST, "the body is no activity"));
    }
    let uri = identify(&activity, &sender, &body)?;
    let shown = Shown {
        rfc9421: signed.rfc9421,
        ed25519: signed.rfc9421 && sender.ed25519_key_id.as_ref() == Some(&signed.key_id),
    };
    let _ = health::heard(app, &host, shown).await;
    if let Some(value) = headers
        .get(sync::HEADER)
        .and_then(|value| value.to_str().ok())
    {
        let _ = sync::receive(app, &sender, value).await;
    }
    let inbox_of = recipient(app, parts.uri.path()).await?;
    let uri = told_apart(uri, &activity, inbox_of, &body);
    let receipt = Receipt {
        uri,
        actor: sender.id,
        inbox_of,
        body: String::from_utf8_lossy(&body)
            .trim_start_matches('\u{feff}')
            .to_owned(),
        fetches: budget.left(),
        at: app.clock.now(),
        signed_at: signed.at,
        signature: signed.fingerprint(),
        undoable: Doc(&activity).kind_in(&undone::UNDOABLE).is_some(),
    };
    keep(inbox, receipt).await
}

/// What tells an activity from others: its id, and what an id leaves open.
fn told_apart(uri: String, activity: &Value, inbox_of: Option<AccountId>, body: &[u8]) -> String {
    match (Doc(activity).kind(), inbox_of) {
        // A post may come to several people, one by one; each of them may see it.
        (Some("Create"), Some(owner)) => format!("{uri}#for-{owner}"),
        // Some give each version of a thing the same id.
        (Some("Update"), _) => format!("{uri}#{}", crypt::hex(&crypt::sha256(body))),
        _ => uri,
    }
}

/// Waits until a receipt is stored.
async fn keep(inbox: &Inbox, receipt: Receipt) -> Result<(), Denied> {
    let (answer, stored) = oneshot::channel();
    let unavailable = Denied(StatusCode::SERVICE_UNAVAILABLE, "it could not be stored");
    inbox
        .receipts
        .send((receipt, answer))
        .await
        .map_err(|_| unavailable)?;
    if stored.await.unwrap_or(false) {
        Ok(())
    } else {
        Err(unavailable)
    }
}

/// Whether the body is packed somehow; `identity` says that it is not (RFC 9110 §8.4.1).
fn is_packed(headers: &HeaderMap) -> bool {
    let named = headers.get_all(header::CONTENT_ENCODING).iter();
    named
        .map(HeaderValue::as_bytes)
        .any(|value| !value.trim_ascii().eq_ignore_ascii_case(b"identity"))
}

async fn read_body(headers: &HeaderMap, body: Body) -> Result<Bytes, Denied> {
    let length = headers
        .get(header::CONTENT_LENGTH)
        .and_then(|value| value.to_str().ok()?.parse::<usize>().ok());
    if length.is_some_and(|length| length > DOCUMENT) {
        return Err(Denied(
            StatusCode::PAYLOAD_TOO_LARGE,
            "the body is too large",
        ));
    }
    let media_type = headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    let media_type = media_type
        .split(';')
        .next()
        .unwrap_or_default()
        .trim()
        .to_ascii_lowercase();
    if !matches!(
        media_type.as_str(),
        "application/activity+json" | "application/ld+json" | "application/json"
    ) || is_packed(headers)
    {
        return Err(Denied(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "the body has another media type",
        ));
    }
    let read = tokio::time::timeout(
        Duration::from_secs(30),
        Limited::new(body, DOCUMENT).collect(),
    )
    .await;
    match read {
        Ok(Ok(collected)) => Ok(collected.to_bytes()),
        Ok(Err(error)) if error.is::<http_body_util::LengthLimitError>() => Err(Denied(
            StatusCode::PAYLOAD_TOO_LARGE,
            "the body is too large",
        )),
        Ok(Err(_)) => Err(Denied(StatusCode::BAD_REQUEST, "the body broke off")),
        Err(_) => Err(Denied(
            StatusCode::REQUEST_TIMEOUT,
            "the body did not arrive in time",
        )),
    }
}

/// The host of a key, when it is one we talk to.
async fn admit_host(app: &App, key_id: &str) -> Result<String, Denied> {
    let refused = Denied(StatusCode::UNAUTHORIZED, "the key's address is not allowed");
    let host = host_of_uri(key_id).ok_or(refused)?;
    if app.origin().owns(key_id) || app.http.admit(key_id).is_err() {
        return Err(refused);
    }
    let blocked = nodes::is_blocked(app, &host)
        .await
        .map_err(|_| Denied(StatusCode::SERVICE_UNAVAILABLE, "the database is silent"))?;
    if blocked {
        return Err(Denied(StatusCode::FORBIDDEN, "the host is blocked"));
    }
    Ok(host)
}

/// The activity's id, when its actor is the signer and its id lies on the signer's host.
/// One without an id is known by its content.
fn identify(activity: &Value, sender: &Account, body: &[u8]) -> Result<String, Denied> {
    let doc = Doc(activity);
    let actors = doc.ids("actor");
    if actors != [sender.uri.as_str()] || doc.kind().is_none() {
        return Err(Denied(
            StatusCode::UNAUTHORIZED,
            "the actor is not the signer",
        ));
    }
    match activity.get("id") {
        None | Some(Value::Null) => Ok(format!(
            "{}#{}",
            sender.uri,
            crypt::hex(&crypt::sha256(body))
        )),
        Some(Value::String(id))
            if parse_url(id).is_some() && host_of_uri(id).as_deref() == Some(&sender.host) =>
        {
            Ok(id.clone())
        }
        Some(_) => Err(Denied(
            StatusCode::UNAUTHORIZED,
            "the activity's id lies on another host",
        )),
    }
}

async fn recipient(app: &App, path: &str) -> Result<Option<AccountId>, Denied> {
    let Some(name) = path
        .strip_prefix("/users/")
        .and_then(|rest| rest.strip_suffix("/inbox"))
    else {
        return Ok(None);
    };
    let found = accounts::find_local(app, name)
        .await
        .map_err(|_| Denied(StatusCode::SERVICE_UNAVAILABLE, "the database is silent"))?;
    match found {
        Some(account) if account.is_active() => Ok(Some(account.id)),
        _ => Err(Denied(StatusCode::NOT_FOUND, "there is no such inbox")),
    }
}

/// How often an activity is taken up: one that is tried later is given up before.
const BREAKDOWNS: i64 = 12;

/// A stored activity taken by a worker.
#[derive(Debug)]
pub struct Taken {
    id: ReceivedId,
    actor: AccountId,
    inbox_of: Option<AccountId>,
    body: String,
    attempts: i64,
    fetches: i64,
    signed_at: Time,
}

/// How long what was taken is nobody else's.
const LEASE: Duration = Duration::from_secs(180);

/// Takes up to `most` stored activities, oldest first; of a sender whose turn it is, in whichever process, none.
///
/// # Errors
/// What the database says.
pub async fn claim(app: &App, most: i64) -> sqlx::Result<Vec<Taken>> {
    let now = app.clock.now();
    // Whoever only looks does not write.
    let due = sql("SELECT id FROM received WHERE processed_at IS NULL AND next_attempt_at <= $1 AND leased_until <= $1 LIMIT 1")
        .bind(now)
        .optional(&app.db)
        .await?;
    if due.is_none() || most < 1 {
        return Ok(Vec::new());
    }
    let mut tx = app.db.begin().await?;
    // Two processes look one after the other, so that each sees whose turn the other has.
    tx.hold(&["what arrived"]).await?;
    let rows = sql("UPDATE received SET leased_until = $3, attempts = attempts + 1 WHERE id IN (SELECT id FROM received WHERE processed_at IS NULL AND next_attempt_at <= $1 AND leased_until <= $1 AND NOT EXISTS (SELECT 1 FROM received AS busy WHERE busy.actor_id = received.actor_id AND busy.processed_at IS NULL AND busy.leased_until > 0 AND busy.leased_until > $1) ORDER BY next_attempt_at, id LIMIT $2) RETURNING id, actor_id, inbox_of, body, attempts, fetches, signed_at")
        .bind(now)
        .bind(most)
        .bind(now.plus(LEASE))
        .all(&mut tx)
        .await?;
    tx.commit().await?;
    let read = |row: &Row| {
        Ok(Taken {
            id: row.get("id")?,
            actor: row.get("actor_id")?,
            inbox_of: row.get("inbox_of")?,
            body: row.get::<Option<String>>("body")?.unwrap_or_default(),
            attempts: row.get("attempts")?,
            fetches: row.get("fetches")?,
            signed_at: row.get("signed_at")?,
        })
    };
    let mut taken = rows.iter().map(read).collect::<sqlx::Result<Vec<_>>>()?;
    taken.sort_by_key(|item| item.id);
    Ok(taken)
}

/// Keeps what waits for its turn; whether all of it is still ours.
///
/// # Errors
/// What the database says.
pub async fn renew(app: &App, items: &[Taken]) -> sqlx::Result<bool> {
    for item in items {
        let touched = sql("UPDATE received SET leased_until = $1 WHERE id = $2 AND attempts = $3 AND processed_at IS NULL AND leased_until > 0")
            .bind(app.clock.now().plus(LEASE))
            .bind(item.id)
            .bind(item.attempts)
            .run(&app.db)
            .await?;
        if touched == 0 {
            return Ok(false);
        }
    }
    Ok(true)
}

impl Taken {
    /// The sender, so that one sender's activities are processed in order.
    pub fn sender(&self) -> AccountId {
        self.actor
    }
}

/// Processes a stored activity and notes what became of it.
///
/// # Errors
/// What the database says.
pub async fn process(app: &App, mut item: Taken) -> anyhow::Result<()> {
    if item.attempts > BREAKDOWNS {
        // Whatever it does, it ended the program each time.
        let now = app.clock.now();
        finish(app, &item, now, "given up: it never came to an end", None).await?;
        return Ok(());
    }
    let budget = Arc::new(Budget::of(u32::try_from(item.fetches).unwrap_or(0)));
    let outcome = perform(app, &item, budget.clone()).await;
    failpoint::reach("inbox.before_mark", &item.body);
    item.fetches = i64::from(budget.left());
    let now = app.clock.now();
    let (outcome, wait) = match outcome {
        Ok(()) => ("done".to_owned(), None),
        Err(Refused::Drop(reason)) => (format!("no effect: {reason}"), None),
        Err(Refused::Retry(reason)) if item.attempts >= 8 => (format!("given up: {reason}"), None),
        Err(Refused::Retry(reason)) => (
            reason,
            Some(Duration::from_secs(
                10 * 4_u64.pow(u32::try_from(item.attempts).unwrap_or(1).min(6)),
            )),
        ),
    };
    tracing::debug!(outcome, "an activity was processed");
    finish(app, &item, now, &outcome, wait).await?;
    Ok(())
}

async fn finish(
    app: &App,
    item: &Taken,
    now: Time,
    outcome: &str,
    wait: Option<Duration>,
) -> sqlx::Result<()> {
    // What was given up can be looked at, and tried again by hand.
    let kept = outcome.starts_with("given up");
    let query = match wait {
        None => sql("UPDATE received SET processed_at = $1, outcome = $2, body = CASE WHEN $4 = 1 THEN body ELSE NULL END, leased_until = 0 WHERE id = $3 AND attempts = $5").bind(now).bind(outcome).bind(item.id).bind(kept).bind(item.attempts),
        Some(wait) => sql("UPDATE received SET next_attempt_at = $1, outcome = $2, leased_until = 0, fetches = $4 WHERE id = $3 AND attempts = $5").bind(now.plus(wait)).bind(outcome).bind(item.id).bind(item.fetches).bind(item.attempts),
    };
    query.run(&app.db).await?;
    Ok(())
}

/// Notes that processing an activity broke down; after three times it is put aside.
///
/// # Errors
/// What the database says.
pub async fn broke_down(app: &App, id: ReceivedId, attempts: i64) -> sqlx::Result<()> {
    let now = app.clock.now();
    let item = Taken {
        id,
        actor: AccountId(0),
        inbox_of: None,
        body: String::new(),
        attempts,
        fetches: 0,
        signed_at: now,
    };
    let wait = (attempts < 3).then_some(Duration::from_secs(60));
    let outcome = match wait {
        Some(_) => "processing broke down",
        None => "given up: processing broke down",
    };
    finish(app, &item, now, outcome, wait).await
}

impl Taken {
    /// Its row and how often it was tried, for [`broke_down`].
    pub fn row(&self) -> (ReceivedId, i64) {
        (self.id, self.attempts)
    }
}

async fn perform(app: &App, item: &Taken, budget: Arc<Budget>) -> super::Outcome {
    failpoint::reach("inbox.perform", &item.body);
    let activity: Value =
        serde_json::from_str(&item.body).map_err(|_| Refused::Drop("it cannot be read"))?;
    let sender = accounts::get(app, item.actor)
        .await
        .map_err(Refused::from)?;
    let inbox_of = match item.inbox_of {
        Some(id) => accounts::find(app, id).await.map_err(Refused::from)?,
        None => None,
    };
    let context = Arc::new(activities::Context {
        sender,
        inbox_of,
        budget,
        attempts: item.attempts,
        signed_at: item.signed_at,
    });
    activities::receive(app, &context, &activity).await
}
