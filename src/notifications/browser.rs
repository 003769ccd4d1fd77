//! Signed-in browsers that are told about notifications, without an app.

use super::push::{self, Alerts, New};
use crate::accounts::Account;
use crate::app::App;
use crate::error::Result;
use crate::jobs::Notice;
use crate::kernel::db::sql;
use crate::kernel::id::SessionId;
use crate::oauth::scopes::Scopes;
use crate::oauth::{apps, tokens};

/// Tells this browser about everything its member is told; as long as the session lasts.
///
/// # Errors
/// `Invalid` when the browser's keys cannot be used.
pub async fn set_up(
    app: &App,
    member: &Account,
    session: SessionId,
    (endpoint, key, auth): (&str, &str, &str),
) -> Result<()> {
    forget(app, session).await?;
    let client = apps::of_browsers(app).await?;
    let scopes = Scopes::parse("push").unwrap_or_default();
    let (token, secret) = tokens::issue(app, &client, Some(member.id), &scopes).await?;
    sql("UPDATE sessions SET push_token_id = $1 WHERE id = $2")
        .bind(token.id)
        .bind(session)
        .run(&app.db)
        .await?;
    let kinds = [
        Notice::Mention,
        Notice::Follow,
        Notice::FollowRequest,
        Notice::Favourite,
        Notice::Boost,
        Notice::Poll,
        Notice::Quote,
        Notice::Post,
    ];
    let alerts = Alerts(kinds.map(|kind| kind.name().to_owned()).to_vec());
    let new = New {
        endpoint,
        key,
        auth,
        secret: &secret,
    };
    let made = push::set_up(app, member.id, token.id, &new, (&alerts, "all")).await;
    if made.is_err() {
        forget(app, session).await?;
    }
    made.map(|_| ())
}

/// Whether this browser is told.
///
/// # Errors
/// What the database says.
pub async fn is_set_up(app: &App, session: SessionId) -> Result<bool> {
    let row = sql("SELECT push_subscriptions.id FROM sessions JOIN push_subscriptions ON push_subscriptions.token_id = sessions.push_token_id WHERE sessions.id = $1")
        .bind(session)
        .optional(&app.db)
        .await?;
    Ok(row.is_some())
}

/// Tells this browser nothing any more.
///
/// # Errors
/// What the database says.
pub async fn forget(app: &App, session: SessionId) -> Result<()> {
    let mut tx = app.db.begin().await?;
    crate::accounts::sessions::silence(&mut tx, session).await?;
    tx.commit().await?;
    Ok(())
}
