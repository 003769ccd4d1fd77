//! Looking a thing up for a person: a handle, or an address of an account or a post. What is here already is not asked
//! for anywhere.

use http::StatusCode;

use super::fetch::Budget;
use super::objects::{self, Found};
use super::webfinger;
use crate::accounts::{self, Account};
use crate::app::App;
use crate::error::{Error, Result};
use crate::kernel::http::FetchError;
use crate::kernel::origin::parse_url;
use crate::posts::render;

/// What a text names that is here already.
///
/// # Errors
/// What the database says.
pub async fn here(app: &App, text: &str) -> Result<Option<Found>> {
    let text = plain(text);
    if parse_url(text).is_some() {
        return objects::known(app, text).await;
    }
    let found = accounts::find_by_handle(app, text).await?;
    Ok(found
        .filter(|account| account.deleted_at.is_none() && account.kind != accounts::Kind::Node)
        .map(Found::Account))
}

fn plain(text: &str) -> &str {
    let text = text.trim();
    text.strip_prefix("acct:").unwrap_or(text)
}

/// What a text names: a handle, an actor's or post's address, on this node or elsewhere.
///
/// # Errors
/// When nothing can be found there, with what went wrong.
pub async fn find(app: &App, text: &str) -> std::result::Result<Found, FetchError> {
    let database = |error: Error| FetchError::Unreachable(error.to_string());
    match here(app, text).await.map_err(database)? {
        Some(found) => Ok(found),
        None => elsewhere(app, plain(text)).await,
    }
}

async fn elsewhere(app: &App, text: &str) -> std::result::Result<Found, FetchError> {
    let budget = Budget::person();
    if parse_url(text).is_some() {
        return objects::look_up(app, text, &budget).await;
    }
    let (name, domain) = accounts::split_handle(text).ok_or(FetchError::Unusable(
        "it is neither a handle nor an address",
    ))?;
    if domain.is_empty() || domain == app.origin().domain {
        return Err(FetchError::Status(StatusCode::NOT_FOUND));
    }
    let found = webfinger::resolve(app, &name, &domain, &budget).await;
    found.map(Found::Account)
}

/// As [`find`], for a member: what is asked for elsewhere is bounded for each of them.
///
/// # Errors
/// What the database says; `TooMany` with how long to wait.
pub async fn for_member(
    app: &App,
    member: &Account,
    text: &str,
) -> Result<std::result::Result<Found, FetchError>> {
    if let Some(found) = here(app, text).await? {
        return Ok(Ok(found));
    }
    let now = app.clock.now();
    let taken = app.limits.look_up.take(member.id.0, now);
    taken.map_err(Error::TooMany)?;
    Ok(elsewhere(app, plain(text)).await)
}

/// Makes the accounts known that a text mentions, so that the mentions count.
pub async fn learn_mentions(app: &App, text: &str) {
    for (name, domain) in render::handles(text).into_iter().take(16) {
        if domain.is_empty() || domain == app.origin().domain {
            continue;
        }
        let known = accounts::find_by_handle(app, &format!("{name}@{domain}")).await;
        if matches!(known, Ok(None)) {
            // A handle that leads nowhere stays plain text.
            let _ = webfinger::resolve(app, &name, &domain, &Budget::inbound()).await;
        }
    }
}
