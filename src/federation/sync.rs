//! Followers synchronisation (FEP-8fcf): two nodes compare, by a digest, who of one follows somebody of the other.

use std::collections::BTreeSet;

use http::{HeaderName, HeaderValue};
use serde_json::Value;

use super::doc::Doc;
use super::fetch::{self, Budget};
use crate::accounts::{self, Account};
use crate::app::App;
use crate::error::Result;
use crate::jobs::{self, Job};
use crate::kernel::crypt;
use crate::kernel::origin::same_origin;
use crate::nodes::restored;
use crate::relations::digests::{self, Digest};
use crate::relations::follows;

/// Follows that one comparison takes back over there; the next one takes more.
const MOST: usize = 50;

/// The host of our own accounts, as they are stored.
const HERE: &str = "";

/// The header that carries the comparison.
pub const HEADER: HeaderName = HeaderName::from_static("collection-synchronization");

/// Followers of one host that are compared; where there are more, nothing is said.
pub(super) const COMPARED: i64 = 20_000;

/// The header of a delivery to `host`: which of its people follow the sender; nothing when nobody does.
///
/// # Errors
/// What the database says.
pub async fn header(app: &App, sender: &Account, host: &str) -> Result<Option<HeaderValue>> {
    if !restored::knows_followers_on(app, host).await? {
        return Ok(None);
    }
    let digest = digests::get(app, sender.id, host).await?;
    if !(1..=COMPARED).contains(&digest.followers) {
        return Ok(None);
    }
    let value = format!(
        "collectionId=\"{}\", url=\"{}/followers_synchronization\", digest=\"{}\"",
        sender.followers_uri.as_deref().unwrap_or_default(),
        sender.uri,
        crypt::hex(&digest.sum)
    );
    Ok(HeaderValue::from_str(&value).ok())
}

/// Reads the header of an arriving request and, where the sides differ, leaves a job to compare.
///
/// # Errors
/// What the database says.
pub async fn receive(app: &App, sender: &Account, value: &str) -> Result<()> {
    let part = |name: &str| {
        value.split(',').find_map(|part| {
            part.trim()
                .strip_prefix(name)?
                .strip_prefix("=\"")?
                .strip_suffix('"')
                .map(str::to_owned)
        })
    };
    let (Some(collection), Some(url), Some(theirs)) =
        (part("collectionId"), part("url"), part("digest"))
    else {
        return Ok(());
    };
    if Some(&collection) != sender.followers_uri.as_ref() || !same_origin(&url, &sender.uri) {
        return Ok(());
    }
    if app.limits.sync.take(sender.id.0, app.clock.now()).is_err() {
        return Ok(());
    }
    let ours = digests::get(app, sender.id, HERE).await?;
    if crypt::hex(&ours.sum) != theirs {
        jobs::enqueue(
            &app.db,
            app.clock.now(),
            Job::SyncFollowers {
                account: sender.id,
                url,
                digest: theirs,
            },
        )
        .await?;
    }
    Ok(())
}

/// Compares: our follows the other side does not know end; those we do not know are taken back over there, unless a
/// backup was restored a short while ago.
///
/// # Errors
/// What the database says; a list that cannot be had, or does not fit its digest, changes nothing.
pub async fn compare(app: &App, account: &Account, url: &str, wanted: &str) -> Result<()> {
    let Ok((document, _)) = fetch::document(app, url, None, &Budget::inbound()).await else {
        return Ok(());
    };
    let doc = Doc(&document);
    let listed = [doc.ids("orderedItems"), doc.ids("items")].concat();
    let theirs: BTreeSet<&str> = listed.iter().copied().collect();
    // A list that names somebody twice is made to have us say something twice.
    if theirs.len() != listed.len() || crypt::hex(&Digest::of(listed.iter().copied()).sum) != wanted
    {
        return Ok(());
    }
    let origin = app.origin();
    let ours = follows::local_follows_of(app, account.id).await?;
    let known: BTreeSet<&str> = ours.iter().map(|(_, one)| one.uri.as_str()).collect();
    for (follow, follower) in &ours {
        if follow.accepted_at.is_some() && !theirs.contains(follower.uri.as_str()) {
            follows::reject(app, follow).await?;
        }
    }
    let unknown = theirs
        .iter()
        .filter(|uri| origin.owns(uri) && !known.contains(**uri));
    for uri in unknown.take(MOST) {
        let member = accounts::find_by_uri(app, uri).await?;
        let Some(member) = member.filter(Account::is_active) else {
            continue;
        };
        // After a restore the houses we know are asked what we forgot; until then nothing is taken back.
        if restored::recent(app).is_none() {
            let job = Job::SendUnfollow {
                uri: super::outbox::fresh_uri(app),
                follower: member.id,
                followee: account.id,
            };
            jobs::enqueue(&app.db, app.clock.now(), job).await?;
        }
    }
    Ok(())
}

/// The followers of one of ours whose home is the asking host.
///
/// # Errors
/// What the database says.
pub async fn collection(app: &App, account: &Account, asking: &Account) -> Result<Value> {
    let ids = follows::follower_uris_on(&app.db, account.id, &asking.host, COMPARED).await?;
    Ok(serde_json::json!({
        "@context": "https://www.w3.org/ns/activitystreams",
        "id": format!("{}/followers_synchronization", account.uri),
        "type": "OrderedCollection",
        "orderedItems": ids,
    }))
}
