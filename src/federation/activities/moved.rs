//! Move: somebody leaves for another account, and followers follow along.

use std::time::Duration;

use serde_json::json;

use super::Context;
use crate::accounts::{self, Account};
use crate::app::App;
use crate::error::Error;
use crate::federation::doc::Doc;
use crate::federation::outbox::{self, Outgoing, Recipients};
use crate::federation::{Outcome, Refused, actor};
use crate::jobs::{self, Job};
use crate::kernel::db::sql;
use crate::kernel::id::AccountId;
use crate::relations::follows;

/// A remote account moves; the new one must name the old one. The new one may tell it too, where
/// the old one points there (FEP-7628).
pub async fn receive(app: &App, context: &Context, activity: Doc<'_>) -> Outcome {
    let sender = &context.sender;
    let object = activity.id_of("object").ok_or(Refused::Drop("no object"))?;
    let target = activity.id_of("target").ok_or(Refused::Drop("no target"))?;
    let old = if object == sender.uri {
        sender.clone()
    } else if target == sender.uri && !app.origin().owns(object) {
        let old = actor::refresh(app, object, &context.budget).await?;
        if old.moved_to.as_deref() != Some(target) {
            return Err(Refused::Drop("the old account does not point here"));
        }
        old
    } else {
        return Err(Refused::Drop("not the sender's own move"));
    };
    let now = app.clock.now();
    if old
        .moved_at
        .is_some_and(|at| now.since(at) < Duration::from_secs(7 * 86_400))
    {
        return Err(Refused::Drop("it moved within a week"));
    }
    let target = if app.origin().owns(target) {
        accounts::find_by_uri(app, target)
            .await?
            .ok_or(Refused::Drop("there is no such account"))?
    } else {
        actor::refresh(app, target, &context.budget).await?
    };
    if !target.aliases.contains(&old.uri) || target.moved_to.is_some() || target.id == old.id {
        return Err(Refused::Drop("the new account does not name the old one"));
    }
    let mut tx = app.db.begin().await?;
    // Some move without saying so in their document: then the word of both is what there is.
    let undocumented = old.moved_to.as_deref() != Some(target.uri.as_str());
    sql("UPDATE accounts SET moved_to = $1, moved_at = $2, moved_undocumented = CASE WHEN $4 = 1 THEN 1 ELSE moved_undocumented END, version = version + 1 WHERE id = $3")
        .bind(&target.uri)
        .bind(now)
        .bind(old.id)
        .bind(undocumented)
        .run(&mut tx)
        .await?;
    jobs::enqueue(&mut tx, now, Job::FollowMove(old.id)).await?;
    tx.commit().await?;
    Ok(())
}

/// Lets our followers of a moved account follow the new one instead.
///
/// # Errors
/// What the database says.
pub async fn follow_along(app: &App, account: AccountId) -> anyhow::Result<()> {
    let old = accounts::get(app, account).await?;
    let Some(target) = old.moved_to.as_deref() else {
        return Ok(());
    };
    let Some(target) = accounts::find_by_uri(app, target)
        .await?
        .filter(|target| target.aliases.contains(&old.uri))
    else {
        return Ok(());
    };
    let mut moved = 0;
    for (follow, follower) in follows::local_follows_of(app, old.id).await? {
        if follow.accepted_at.is_some() && follower.id != target.id {
            match follows::request(app, &follower, &target).await {
                Ok(_) => {
                    follows::withdraw(app, &follow).await?;
                    moved += 1;
                }
                // One who is blocked over there stays behind.
                Err(Error::Forbidden | Error::NotFound | Error::Invalid(_)) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }
    if moved == 0 && !old.is_local() {
        // Nobody was told anything, so it does not count as the move of this week.
        sql("UPDATE accounts SET moved_at = NULL, version = version + 1 WHERE id = $1")
            .bind(old.id)
            .run(&app.db)
            .await?;
    }
    Ok(())
}

/// Sends the Move of one of ours.
///
/// # Errors
/// What the database says.
pub async fn send(app: &App, id: AccountId) -> anyhow::Result<()> {
    let account: Account = accounts::get(app, id).await?;
    let Some(target) = &account.moved_to else {
        return Ok(());
    };
    let at = account.moved_at.unwrap_or_default();
    let outgoing = Outgoing {
        sender: &account,
        kind: "Move",
        uri: format!("{}#moves/{}", account.uri, at.0),
        about: format!("{}#moves/{}", account.uri, at.0),
        body: json!({"object": account.uri, "target": target, "to": [account.followers_uri]}),
        to: Recipients {
            followers: true,
            ..Recipients::default()
        },
        syncs_followers: false,
    };
    outbox::publish(app, outgoing).await?;
    follow_along(app, id).await
}
