//! Devices that are told about notifications.

use serde::{Deserialize, Serialize};

use crate::app::App;
use crate::error::{Error, Result};
use crate::jobs::{self, Job, Notice};
use crate::kernel::clock::Time;
use crate::kernel::crypt::push::{Device, encrypt};
use crate::kernel::crypt::{self, VapidKey};
use crate::kernel::db::{Row, Tx, sql};
use crate::kernel::id::{AccountId, NotificationId, TokenId};
use crate::nodes;
use crate::relations::follows;

/// The columns of `push_subscriptions` that are read.
macro_rules! subscription_columns {
    () => {
        "push_subscriptions.id, push_subscriptions.account_id, push_subscriptions.endpoint, push_subscriptions.key, push_subscriptions.auth, push_subscriptions.secret, push_subscriptions.alerts, push_subscriptions.policy"
    };
}

/// Which notifications a device wants.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Alerts(pub Vec<String>);

impl Alerts {
    /// Whether it wants to be told of this kind.
    pub fn want(&self, kind: Notice) -> bool {
        self.0.iter().any(|name| name == kind.name())
    }
}

/// A device.
#[derive(Clone, Debug)]
pub struct Subscription {
    /// Its number: 1, 2, 3 …
    pub id: i64,
    /// Whose it is.
    pub account: AccountId,
    /// Where messages for it go.
    pub endpoint: String,
    /// Its public key.
    pub key: Vec<u8>,
    /// Its shared secret.
    pub auth: Vec<u8>,
    /// The token it was set up with, sealed.
    secret: Vec<u8>,
    /// Which notifications it wants.
    pub alerts: Alerts,
    /// From whom: `all`, `followed`, `follower` or `none`.
    pub policy: String,
}

/// A device as it introduces itself.
#[derive(Clone, Debug)]
pub struct New<'a> {
    /// Where messages for it go.
    pub endpoint: &'a str,
    /// Its public key, base64 for addresses.
    pub key: &'a str,
    /// Its shared secret, base64 for addresses.
    pub auth: &'a str,
    /// The token of the app, which the message will name.
    pub secret: &'a str,
}

fn read(row: &Row) -> sqlx::Result<Subscription> {
    let (key, auth, alerts): (String, String, String) =
        (row.get("key")?, row.get("auth")?, row.get("alerts")?);
    Ok(Subscription {
        id: row.get("id")?,
        account: row.get("account_id")?,
        endpoint: row.get("endpoint")?,
        key: crypt::from_url_base64(&key).unwrap_or_default(),
        auth: crypt::from_url_base64(&auth).unwrap_or_default(),
        secret: row.get("secret")?,
        alerts: serde_json::from_str(&alerts).unwrap_or_default(),
        policy: row.get("policy")?,
    })
}

impl Subscription {
    /// The token of the app, for the message.
    pub fn token(&self, app: &App) -> String {
        let opened = app.secret.open(&self.secret).unwrap_or_default();
        String::from_utf8(opened).unwrap_or_default()
    }
}

/// The key by which push services know this node; made when it is first asked for.
///
/// # Errors
/// What the database says, or that the key file is another one.
pub async fn key(app: &App) -> Result<VapidKey> {
    let mut kept = nodes::secret_state(app, "push.key").await?;
    if kept.is_none() {
        let (_, fresh) = VapidKey::generate()?;
        nodes::set_secret_state(app, "push.key", &fresh).await?;
        // Another process may have been faster; what is stored counts.
        kept = nodes::secret_state(app, "push.key").await?;
    }
    kept.as_deref()
        .and_then(VapidKey::read)
        .ok_or_else(|| Error::Internal(anyhow::anyhow!("the push key cannot be read")))
}

/// The device of a token, if there is one.
///
/// # Errors
/// What the database says.
pub async fn find(app: &App, token: TokenId) -> Result<Option<Subscription>> {
    let row = sql(concat!(
        "SELECT ",
        subscription_columns!(),
        " FROM push_subscriptions WHERE token_id = $1"
    ))
    .bind(token)
    .optional(&app.db)
    .await?;
    Ok(row.as_ref().map(read).transpose()?)
}

/// Sets a token's device up, in place of the one before.
///
/// # Errors
/// `Invalid` when its address or keys cannot be used.
pub async fn set_up(
    app: &App,
    account: AccountId,
    token: TokenId,
    new: &New<'_>,
    (alerts, policy): (&Alerts, &str),
) -> Result<Subscription> {
    let (key, auth) = (
        crypt::from_url_base64(new.key).unwrap_or_default(),
        crypt::from_url_base64(new.auth).unwrap_or_default(),
    );
    let device = Device {
        key: &key,
        auth: &auth,
    };
    // A key that is none would fail at every message; it is tried once, now.
    let sound = auth.len() == 16 && encrypt(&device, b"").is_ok();
    if !sound || app.http.admit(new.endpoint).is_err() {
        return Err(Error::invalid("subscription", "error-push"));
    }
    let now: Time = app.clock.now();
    let mut tx = app.db.begin().await?;
    // A counter of its own: numbers come once, also when two devices come at the same moment.
    sql("INSERT INTO node_state (key, value) VALUES ('push.last', '0') ON CONFLICT (key) DO NOTHING")
        .run(&mut tx)
        .await?;
    let row = sql("UPDATE node_state SET value = CAST(CAST(value AS BIGINT) + 1 AS TEXT) WHERE key = 'push.last' RETURNING CAST(value AS BIGINT) AS number")
        .one(&mut tx)
        .await?;
    let number: i64 = row.get("number")?;
    sql("DELETE FROM push_subscriptions WHERE token_id = $1")
        .bind(token)
        .run(&mut tx)
        .await?;
    sql("INSERT INTO push_subscriptions (id, token_id, account_id, endpoint, key, auth, secret, alerts, policy, created_at) VALUES ($10, $1, $2, $3, $4, $5, $6, $7, $8, $9)")
        .bind(token)
        .bind(account)
        .bind(new.endpoint)
        .bind(new.key)
        .bind(new.auth)
        .bind(app.secret.seal(new.secret.as_bytes()))
        .bind(serde_json::to_string(alerts)?)
        .bind(policy)
        .bind(now)
        .bind(number)
        .run(&mut tx)
        .await?;
    tx.commit().await?;
    find(app, token).await?.ok_or(Error::NotFound)
}

/// Changes what a device wants.
///
/// # Errors
/// `NotFound` when there is none.
pub async fn change(
    app: &App,
    token: TokenId,
    (alerts, policy): (&Alerts, &str),
) -> Result<Subscription> {
    sql("UPDATE push_subscriptions SET alerts = $1, policy = $2 WHERE token_id = $3")
        .bind(serde_json::to_string(alerts)?)
        .bind(policy)
        .bind(token)
        .run(&app.db)
        .await?;
    find(app, token).await?.ok_or(Error::NotFound)
}

/// Forgets a token's device.
///
/// # Errors
/// What the database says.
pub async fn forget(app: &App, token: TokenId) -> Result<()> {
    sql("DELETE FROM push_subscriptions WHERE token_id = $1")
        .bind(token)
        .run(&app.db)
        .await?;
    Ok(())
}

/// The device of a number, for its job; and forgetting it when its push service does not know it any more.
///
/// # Errors
/// What the database says.
pub async fn get(app: &App, id: i64) -> Result<Option<Subscription>> {
    let row = sql(concat!(
        "SELECT ",
        subscription_columns!(),
        " FROM push_subscriptions WHERE id = $1"
    ))
    .bind(id)
    .optional(&app.db)
    .await?;
    Ok(row.as_ref().map(read).transpose()?)
}

/// Forgets a device that its push service does not know any more.
///
/// # Errors
/// What the database says.
pub async fn forget_gone(app: &App, id: i64) -> Result<()> {
    sql("DELETE FROM push_subscriptions WHERE id = $1")
        .bind(id)
        .run(&app.db)
        .await?;
    Ok(())
}

/// Writes a job for each device that wants to be told, in the transaction of the notification.
pub(super) async fn tell_devices(
    tx: &mut Tx,
    (to, from): (AccountId, AccountId),
    kind: Notice,
    notification: NotificationId,
    now: Time,
) -> sqlx::Result<()> {
    let rows = sql(concat!(
        "SELECT ",
        subscription_columns!(),
        " FROM push_subscriptions WHERE account_id = $1 LIMIT 50"
    ))
    .bind(to)
    .all(&mut *tx)
    .await?;
    for row in &rows {
        let device = read(row)?;
        let from_wanted = match device.policy.as_str() {
            "none" => false,
            "followed" => follows::is_following(&mut *tx, to, from).await?,
            "follower" => follows::is_following(&mut *tx, from, to).await?,
            _ => true,
        };
        if kind == Notice::Alarm || (device.alerts.want(kind) && from_wanted) {
            let job = Job::Push {
                device: device.id,
                notification,
            };
            jobs::enqueue(&mut *tx, now, job).await?;
        }
    }
    Ok(())
}
