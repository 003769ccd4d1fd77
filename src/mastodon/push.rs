//! Web Push: what a device wants, and what it is sent.

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use serde_json::{Value, json};

use super::answer::{done, json_of};
use super::caller::bearer;
use super::entities::notification::{Gathered, kind_name, kind_of};
use super::{Answer, Caller};
use crate::accounts;
use crate::app::App;
use crate::error::{Error, Result};
use crate::kernel::crypt::{push as crypt, push::Device};
use crate::kernel::html::{shorten, to_text};
use crate::kernel::id::NotificationId;
use crate::kernel::origin::{origin_of, parse_url};
use crate::notifications::push::{self, Alerts, New, Subscription};
use crate::notifications::single;

/// Every kind a device may want, as clients call them.
const KINDS: [&str; 9] = [
    "mention",
    "status",
    "reblog",
    "follow",
    "follow_request",
    "favourite",
    "poll",
    "update",
    "quote",
];

async fn entity(app: &App, device: &Subscription) -> Result<Value> {
    let alerts: serde_json::Map<String, Value> = KINDS
        .iter()
        .map(|name| {
            let wanted = kind_of(name).is_some_and(|kind| device.alerts.want(kind));
            ((*name).to_owned(), json!(wanted))
        })
        .collect();
    Ok(json!({
        "id": device.id,
        "endpoint": device.endpoint,
        "standard": true,
        "server_key": push::key(app).await?.public(),
        "alerts": alerts,
        "policy": device.policy,
    }))
}

fn wishes(call: &Caller) -> (Alerts, String) {
    let wanted = |name: &&str| call.params.flag(&format!("data[alerts][{name}]")) == Some(true);
    let kinds = KINDS.iter().copied().filter(wanted).filter_map(kind_of);
    let alerts = kinds.map(|kind| kind.name().to_owned()).collect();
    let policy = call
        .params
        .get("data[policy]")
        .or_else(|| call.params.get("policy"));
    let policy = policy.filter(|name| ["all", "followed", "follower", "none"].contains(name));
    (Alerts(alerts), policy.unwrap_or("all").to_owned())
}

/// `POST /api/v1/push/subscription`
pub async fn create(call: Caller) -> Answer {
    let (alerts, policy) = wishes(&call);
    let params = &call.params;
    let new = New {
        endpoint: params.text("subscription[endpoint]"),
        key: params.text("subscription[keys][p256dh]"),
        auth: params.text("subscription[keys][auth]"),
        secret: bearer(&call.headers).unwrap_or_default(),
    };
    let wishes = (&alerts, policy.as_str());
    let (member, token) = (call.member()?.id, call.token()?.id);
    let device = push::set_up(&call.app, member, token, &new, wishes).await?;
    Ok(json_of(entity(&call.app, &device).await?))
}

/// `GET /api/v1/push/subscription`
pub async fn show(call: Caller) -> Answer {
    let device = push::find(&call.app, call.token()?.id).await?;
    Ok(json_of(
        entity(&call.app, &device.ok_or(Error::NotFound)?).await?,
    ))
}

/// `PUT /api/v1/push/subscription`
pub async fn update(call: Caller) -> Answer {
    let (alerts, policy) = wishes(&call);
    let device = push::change(&call.app, call.token()?.id, (&alerts, &policy)).await?;
    Ok(json_of(entity(&call.app, &device).await?))
}

/// `DELETE /api/v1/push/subscription`
pub async fn delete(call: Caller) -> Answer {
    push::forget(&call.app, call.token()?.id).await?;
    done()
}

/// What a device is told: enough to show, the rest it fetches itself.
async fn message(app: &App, device: &Subscription, id: NotificationId) -> Result<Option<Value>> {
    let member = accounts::get(app, device.account).await?;
    let Ok(one) = single::get(app, member.id, id).await else {
        return Ok(None);
    };
    let from = accounts::get(app, one.from).await?;
    let gathered = Gathered::load(app, &member, std::slice::from_ref(&one)).await?;
    let Some(shown) = gathered.notification(&one) else {
        return Ok(None);
    };
    let warning = shown["status"]["spoiler_text"].as_str().unwrap_or_default();
    let body = if warning.is_empty() {
        to_text(shown["status"]["content"].as_str().unwrap_or_default())
    } else {
        warning.to_owned()
    };
    Ok(Some(json!({
        "access_token": device.token(app),
        "preferred_locale": "en",
        "notification_id": id.to_string(),
        "notification_type": kind_name(one.kind),
        "icon": shown["account"]["avatar"],
        "title": format!("{} · {}", from.shown_name(), kind_name(one.kind).replace('_', " ")),
        "body": shorten(&body, 140),
    })))
}

/// Tells a device about a notification; a device that is no more is forgotten.
///
/// # Errors
/// When the push service should be tried again.
pub async fn send(app: &App, device: i64, notification: NotificationId) -> anyhow::Result<()> {
    let Some(device) = push::get(app, device).await? else {
        return Ok(());
    };
    let Some(message) = message(app, &device, notification).await? else {
        return Ok(());
    };
    let Some(endpoint) = parse_url(&device.endpoint) else {
        return Ok(push::forget_gone(app, device.id).await?);
    };
    let audience = origin_of(&endpoint).unwrap_or_default();
    let to = Device {
        key: &device.key,
        auth: &device.auth,
    };
    let body = crypt::encrypt(&to, message.to_string().as_bytes())?;
    let key = push::key(app).await?;
    let sender = key.authorization(&audience, &app.origin().url, app.clock.now())?;
    let mut headers = HeaderMap::new();
    headers.insert(header::AUTHORIZATION, HeaderValue::from_str(&sender)?);
    headers.insert(
        header::CONTENT_ENCODING,
        HeaderValue::from_static("aes128gcm"),
    );
    headers.insert(
        "content-type",
        HeaderValue::from_static("application/octet-stream"),
    );
    headers.insert("ttl", HeaderValue::from_static("172800"));
    headers.insert("urgency", HeaderValue::from_static("normal"));
    let answer = app
        .http
        .send(
            Method::POST,
            &endpoint,
            headers,
            Bytes::from(body),
            64 << 10,
        )
        .await?;
    match answer.status {
        StatusCode::NOT_FOUND | StatusCode::GONE => {
            push::forget_gone(app, device.id).await?;
        }
        status if status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS => {
            anyhow::bail!("the push service answered {status}");
        }
        _ => {}
    }
    Ok(())
}
