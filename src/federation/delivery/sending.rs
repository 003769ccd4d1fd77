//! One request to one inbox: signed as the host reads it, and what its answer means.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Method, StatusCode, header};
use url::Url;

use super::waiting::Delivery;
use crate::accounts::{self, Account};
use crate::app::App;
use crate::federation::sign::{self, Scheme};
use crate::federation::{CONTENT_TYPE, sync};
use crate::kernel::clock::Time;
use crate::kernel::http::{Answer, FetchError};
use crate::nodes::{Node, health};

/// What came of one request.
#[derive(Debug)]
pub(super) enum Sent {
    Delivered,
    /// The host is not well: everything waits.
    Host {
        error: String,
        asked: Option<Duration>,
        /// Whether what was sent may have arrived all the same.
        arrived: bool,
    },
    /// The host does not know the signature: everything waits, for a day.
    Unknown {
        error: String,
    },
    /// This row is not wanted; others may be.
    Row {
        error: String,
        dead: bool,
    },
    /// Something of ours is not well; the host has no part in it.
    Ours {
        error: String,
    },
    /// The inbox is no more.
    Gone {
        error: String,
    },
    /// The inbox leads to another address. It is not followed, since anybody could lead anywhere; its owners are asked.
    Elsewhere {
        error: String,
    },
}

impl Sent {
    /// Whether the host is there and minds its business.
    pub(super) fn is_an_answer(&self) -> bool {
        matches!(self, Self::Delivered | Self::Row { .. } | Self::Gone { .. })
    }
}

/// Sends one delivery.
pub(super) async fn send(app: &App, node: &Node, delivery: &Delivery) -> Sent {
    let Ok(url) = app.http.admit(&delivery.url) else {
        return Sent::Row {
            error: "the inbox's address is not allowed".to_owned(),
            dead: true,
        };
    };
    match try_both(app, node, &url, delivery).await {
        Ok(answer) => classify(&answer, &delivery.kind, app.clock.now()),
        Err(error) if matches!(error.downcast_ref(), Some(FetchError::Ours(_))) => Sent::Ours {
            error: error.to_string(),
        },
        Err(error) if error.is::<FetchError>() => Sent::Host {
            arrived: !matches!(error.downcast_ref(), Some(FetchError::Unconnected(_))),
            error: error.to_string(),
            asked: None,
        },
        Err(error) => Sent::Ours {
            error: error.to_string(),
        },
    }
}

/// Sends with the signature the host is known to read, and once with the other where that is refused.
async fn try_both(
    app: &App,
    node: &Node,
    url: &Url,
    delivery: &Delivery,
) -> anyhow::Result<Answer> {
    let sender = accounts::get(app, delivery.sender).await?;
    let now = app.clock.now();
    let (first, other) = sign::schemes(Some(node), now);
    let answer = post(app, &sender, first, url, delivery, &node.host).await?;
    if answer.headers.contains_key("accept-signature") {
        health::announced(&app.db, &node.host, RFC9421, now).await?;
    }
    let refused = [StatusCode::BAD_REQUEST, StatusCode::UNAUTHORIZED].contains(&answer.status);
    if !refused {
        return Ok(answer);
    }
    let Ok(second) = post(app, &sender, other, url, delivery, &node.host).await else {
        return Ok(answer);
    };
    if second.status.is_success() && other == Scheme::Cavage {
        health::prefer_cavage(&app.db, node.id, now).await?;
    } else if second.status.is_success() {
        health::announced(&app.db, &node.host, RFC9421, now).await?;
    }
    // A peer that reads only one form says about the other what it likes.
    let counts = second.status.is_success() || answer.status == StatusCode::UNAUTHORIZED;
    Ok(if counts { second } else { answer })
}

/// That a host reads RFC 9421.
const RFC9421: health::Shown = health::Shown {
    rfc9421: true,
    ed25519: false,
};

async fn post(
    app: &App,
    sender: &Account,
    scheme: Scheme,
    url: &Url,
    delivery: &Delivery,
    host: &str,
) -> anyhow::Result<Answer> {
    let body = delivery.body.as_bytes();
    let mut headers = sign::headers(app, sender, scheme, &Method::POST, url, Some(body)).await?;
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(CONTENT_TYPE));
    headers.insert(header::ACCEPT, HeaderValue::from_static(CONTENT_TYPE));
    if delivery.followers_of.is_some()
        && let Some(value) = sync::header(app, sender, host).await?
    {
        headers.insert(sync::HEADER, value);
    }
    let body = Bytes::copy_from_slice(body);
    Ok(app.http.deliver(url, headers, body).await?)
}

/// Types that every program reads, if only to leave them alone; at others some break down.
const USUAL: [&str; 10] = [
    "Accept", "Announce", "Block", "Create", "Delete", "Follow", "Like", "Reject", "Undo", "Update",
];

fn classify(answer: &Answer, kind: &str, now: Time) -> Sent {
    let status = answer.status;
    let error = format!("it answered {status}");
    match status.as_u16() {
        200..=299 => Sent::Delivered,
        401 => Sent::Unknown { error },
        500 | 501 if !USUAL.contains(&kind) => Sent::Row { error, dead: false },
        408 | 429 | 500..=599 => Sent::Host {
            error,
            asked: retry_after(answer, now),
            arrived: true,
        },
        403 => Sent::Row { error, dead: false },
        404 | 410 => Sent::Gone { error },
        300..=399 => Sent::Elsewhere { error },
        _ => Sent::Row { error, dead: true },
    }
}

/// How long the peer asks to be left alone (RFC 9110 §10.2.3): seconds or a date.
fn retry_after(answer: &Answer, now: Time) -> Option<Duration> {
    let value = answer
        .headers
        .get(header::RETRY_AFTER)?
        .to_str()
        .ok()?
        .trim();
    if let Ok(seconds) = value.parse::<u64>() {
        return Some(Duration::from_secs(seconds));
    }
    if value.chars().all(|c| c.is_ascii_digit()) && !value.is_empty() {
        return Some(Duration::MAX);
    }
    Time::parse_http_date(value).map(|at| at.since(now))
}
