//! Reject: of a Follow, now or later, or of a request to quote.

use super::{Context, accept, approval};
use crate::app::App;
use crate::federation::doc::Doc;
use crate::federation::{Outcome, Refused};
use crate::kernel::id::AccountId;
use crate::posts::quotes;
use crate::relations::follows;

/// Somebody refuses what one of ours asked for, or removes them from their followers.
pub async fn receive(app: &App, context: &Context, activity: Doc<'_>) -> Outcome {
    let object = activity
        .each("object")
        .into_iter()
        .next()
        .ok_or(Refused::Drop("no object"))?;
    if let Some(quoting) = accept::quote_answered(app, context, object).await? {
        return Ok(quotes::receive_answer(app, &quoting, None).await?);
    }
    if approval::answered(app, context, activity).await? {
        return Ok(());
    }
    let follow = accept::find_follow(app, context, activity).await?;
    Ok(follows::reject(app, &follow).await?)
}

/// Sends the Reject of a Follow.
///
/// # Errors
/// What the database says.
pub async fn send(
    app: &App,
    uri: &str,
    follower: AccountId,
    followee: AccountId,
) -> anyhow::Result<()> {
    accept::answer(app, "Reject", uri, follower, followee).await
}
