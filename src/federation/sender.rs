//! Who signed a request: the key as it is known here, else fetched, within budgets of whoever asks.
//!
//! Until a signature verifies, nothing counts against the name it claims: only against the address it came from.

use std::net::IpAddr;

use http::StatusCode;

use super::actor;
use super::doc::Doc;
use super::fetch::Budget;
use super::verify::{Denied, Signed};
use crate::accounts::{self, Account, remote};
use crate::app::{App, KeyFetch};
use crate::kernel::http::FetchError;
use crate::kernel::id::AccountId;
use crate::kernel::json;
use crate::kernel::origin::host_of_uri;

/// Keys that each address may ask for in a minute whatever everybody else asks for.
const OWN_SHARE: u32 = 3;

/// Too many from there.
pub const OFTEN: Denied = Denied(StatusCode::TOO_MANY_REQUESTS, "too many requests");
/// The key's host does not answer.
pub const SILENT: Denied = Denied(
    StatusCode::SERVICE_UNAVAILABLE,
    "the key could not be fetched",
);
/// The key that is known does not fit, and whether there is another one cannot be asked.
const KEPT: Denied = Denied(
    StatusCode::SERVICE_UNAVAILABLE,
    "the key could not be fetched anew",
);
/// There is no key to hold the signature against.
pub const NO_KEY: Denied = Denied(StatusCode::UNAUTHORIZED, "the key cannot be had");
/// The key is another one.
const WRONG: Denied = Denied(StatusCode::UNAUTHORIZED, "the signature does not fit");

/// The account whose key made the signature; nothing for the farewell of somebody we never knew.
///
/// # Errors
/// 401 when the signature does not fit, 429 when too much came from there that did not, 503 when the key cannot be
/// had right now.
pub async fn authenticate(
    app: &App,
    signed: &Signed,
    from: IpAddr,
    body: Option<&[u8]>,
    budget: &Budget,
) -> Result<Option<Account>, Denied> {
    let known = find_owner(app, &signed.key_id).await.map_err(|_| SILENT)?;
    let known = match known {
        Some(account) if fits(app, &account, signed) => return Ok(Some(account)),
        known => known,
    };
    if known.is_none() && body.is_some_and(|body| is_farewell(body, &signed.key_id)) {
        return Ok(None);
    }
    let now = app.clock.now();
    app.limits.unverified.take(from, now).map_err(|_| OFTEN)?;
    let account = match known {
        Some(account) => look_again(app, &account, from, budget).await?,
        None => look(app, &signed.key_id, from, budget).await?,
    };
    if !fits(app, &account, signed) {
        return Err(WRONG);
    }
    app.limits.unverified.give_back(from, app.clock.now());
    Ok(Some(account))
}

fn fits(app: &App, account: &Account, signed: &Signed) -> bool {
    actor::verifier(app, account, &signed.key_id).is_some_and(|key| signed.fits(&key))
}

/// The key may have changed: it is fetched again, rarely for each who asks, once for all who ask at the same moment.
async fn look_again(
    app: &App,
    account: &Account,
    from: IpAddr,
    budget: &Budget,
) -> Result<Account, Denied> {
    let asked = (from, &account.uri);
    let often = app.limits.key_refetch.take(asked, app.clock.now());
    often.map_err(|_| WRONG)?;
    let work = || async {
        let fresh = actor::refresh(app, &account.uri, budget).await;
        fresh.map(|account| account.id).map_err(|error| why(&error))
    };
    let found = app.key_fetches.join(("again", &account.uri), work).await;
    match found {
        Ok(id) => read(app, id).await,
        Err(KeyFetch::Unusable) => Err(WRONG),
        Err(KeyFetch::Silent | KeyFetch::Often) => Err(KEPT),
    }
}

/// The key of somebody who is not known here, fetched once for all who ask at the same moment.
async fn look(app: &App, key_id: &str, from: IpAddr, budget: &Budget) -> Result<Account, Denied> {
    let work = || async {
        // Somebody else may just have fetched it.
        if let Ok(Some(account)) = find_owner(app, key_id).await {
            return Ok(account.id);
        }
        let _slot = take_share(app, key_id, from).ok_or(KeyFetch::Often)?;
        let found = actor::by_key(app, key_id, budget).await;
        found.map(|account| account.id).map_err(|error| why(&error))
    };
    match app.key_fetches.join(key_id, work).await {
        Ok(id) => read(app, id).await,
        Err(KeyFetch::Often) => Err(OFTEN),
        Err(KeyFetch::Silent) => Err(SILENT),
        Err(KeyFetch::Unusable) => Err(NO_KEY),
    }
}

/// What an address may spend of the fetches of unknown keys: a share of its own, and beyond it of the pool.
fn take_share(app: &App, key_id: &str, from: IpAddr) -> Option<crate::kernel::slots::Slot> {
    let (limits, now) = (&app.limits, app.clock.now());
    let host = host_of_uri(key_id).unwrap_or_default();
    let spent = limits.unknown_keys_source.burst() - limits.unknown_keys_source.left(from, now);
    limits.unknown_keys_host.take((from, &host), now).ok()?;
    limits.unknown_keys_source.take(from, now).ok()?;
    if spent >= OWN_SHARE {
        limits.unknown_keys.take((), now).ok()?;
    }
    app.looking.take(from)
}

fn why(error: &FetchError) -> KeyFetch {
    if error.is_passing() {
        KeyFetch::Silent
    } else {
        KeyFetch::Unusable
    }
}

async fn read(app: &App, id: AccountId) -> Result<Account, Denied> {
    accounts::get(app, id).await.map_err(|_| SILENT)
}

async fn find_owner(app: &App, key_id: &str) -> crate::error::Result<Option<Account>> {
    if let Some(account) = remote::find_by_key(app, key_id).await? {
        return Ok(Some(account));
    }
    let actor = key_id.split('#').next().unwrap_or(key_id);
    Ok(accounts::find_by_uri(app, actor)
        .await?
        .filter(|account| !account.is_local()))
}

/// Whether this is the Delete of an actor by itself, which needs no look at an actor we never knew.
fn is_farewell(body: &[u8], key_id: &str) -> bool {
    let Ok(activity) = json::parse(body) else {
        return false;
    };
    let doc = Doc(&activity);
    let actor = doc.id_of("actor");
    doc.kind() == Some("Delete")
        && actor.is_some()
        && doc.id_of("object") == actor
        && actor.and_then(host_of_uri) == host_of_uri(key_id)
}
