//! Undo: of a Follow, an Announce, a Like, a Block.

use super::Context;
use crate::accounts;
use crate::app::App;
use crate::federation::doc::Doc;
use crate::federation::{Outcome, Refused};
use crate::kernel::origin::same_origin;
use crate::posts::{self, boosts, favourites};
use crate::relations::{blocks, follows, undone};

/// The sender takes something back. It is remembered: what was signed before has no effect when it comes, and what is
/// signed later has, under the same id.
pub async fn receive(app: &App, context: &Context, activity: Doc<'_>) -> Outcome {
    let outcome = undo(app, context, activity).await;
    if let (Ok(()) | Err(Refused::Drop(_)), Some(id)) = (&outcome, activity.id_of("object"))
        && same_origin(id, &context.sender.uri)
    {
        undone::note(app, id, context.signed_at).await?;
    }
    outcome
}

/// Some send the activity inside, some only its id; either way it must be the sender's own.
async fn undo(app: &App, context: &Context, activity: Doc<'_>) -> Outcome {
    let object = activity
        .each("object")
        .into_iter()
        .next()
        .ok_or(Refused::Drop("no object"))?;
    if object
        .id_of("actor")
        .is_some_and(|actor| actor != context.sender.uri)
    {
        return Err(Refused::Drop("not the sender's to undo"));
    }
    let target = object
        .each("object")
        .into_iter()
        .next()
        .and_then(|target| target.id());
    match (object.kind(), target) {
        (Some("Follow"), Some(target)) => unfollow(app, context, target).await,
        (Some("Announce"), Some(target)) => unboost(app, context, object.id(), target).await,
        (Some("Like" | "EmojiReact"), Some(target)) => unlike(app, context, target).await,
        (Some("Block"), Some(target)) => unblock(app, context, target).await,
        (None | Some("Follow" | "Announce" | "Like" | "EmojiReact" | "Block"), _) => {
            by_id(app, context, object.id().ok_or(Refused::Drop("no id"))?).await
        }
        _ => Err(Refused::Drop("unknown type")),
    }
}

async fn unfollow(app: &App, context: &Context, target: &str) -> Outcome {
    let followee = accounts::find_by_uri(app, target)
        .await?
        .filter(accounts::Account::is_local)
        .ok_or(Refused::Drop("there is no such account"))?;
    let follow = follows::find(&app.db, context.sender.id, followee.id)
        .await?
        .ok_or(Refused::Drop("there is no such follow"))?;
    Ok(follows::withdraw(app, &follow).await?)
}

async fn unboost(app: &App, context: &Context, id: Option<&str>, target: &str) -> Outcome {
    if let Some(post) = posts::find_by_uri(app, target).await? {
        return Ok(boosts::unboost(app, &context.sender, &post).await?);
    }
    by_id(app, context, id.ok_or(Refused::Drop("no id"))?).await
}

async fn unlike(app: &App, context: &Context, target: &str) -> Outcome {
    let post = posts::find_by_uri(app, target)
        .await?
        .ok_or(Refused::Drop("there is no such post"))?;
    Ok(favourites::remove(app, &context.sender, &post).await?)
}

async fn unblock(app: &App, context: &Context, target: &str) -> Outcome {
    let whom = accounts::find_by_uri(app, target)
        .await?
        .filter(accounts::Account::is_local)
        .ok_or(Refused::Drop("there is no such account"))?;
    Ok(blocks::unblock(app, &context.sender, &whom).await?)
}

/// Only an id came: it is looked for among what the sender did.
async fn by_id(app: &App, context: &Context, id: &str) -> Outcome {
    if let Some(follow) = follows::find_by_uri(app, id)
        .await?
        .filter(|follow| follow.follower == context.sender.id)
    {
        return Ok(follows::withdraw(app, &follow).await?);
    }
    if let Some(boost) = posts::find_by_uri(app, id)
        .await?
        .filter(|boost| boost.account == context.sender.id)
        && let Some(boosted) = boost.boost_of
        && let Some(post) = posts::find(app, boosted).await?
    {
        return Ok(boosts::unboost(app, &context.sender, &post).await?);
    }
    if let Some(post) = favourites::find_by_uri(&app.db, context.sender.id, id).await?
        && let Some(post) = posts::find(app, post).await?
    {
        return Ok(favourites::remove(app, &context.sender, &post).await?);
    }
    if let Some(whom) = blocks::find_by_uri(&app.db, context.sender.id, id).await?
        && let Some(whom) = accounts::find(app, whom).await?
    {
        return Ok(blocks::unblock(app, &context.sender, &whom).await?);
    }
    Err(Refused::Drop("nothing of the sender has this id"))
}
