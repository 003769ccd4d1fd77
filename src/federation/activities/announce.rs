//! Announce: a boost; of groups, what happened in them (FEP-1b12).

use serde_json::{Value, json};

use super::Context;
use crate::accounts::{self, Account};
use crate::app::App;
use crate::audiences::Audience;
use crate::federation::doc::Doc;
use crate::federation::objects::{self, note};
use crate::federation::outbox::{self, Outgoing, Recipients};
use crate::federation::{Outcome, PUBLIC, Refused};
use crate::kernel::id::{AccountId, PostId};
use crate::posts::boosts::{self, Arrived};
use crate::posts::{self, Post, remove};
use crate::relations::follows;

/// Somebody boosts. What they embed is never believed: the post's own host has the word.
pub async fn receive(app: &App, context: &Context, activity: Doc<'_>) -> Outcome {
    let object = activity
        .each("object")
        .into_iter()
        .next()
        .ok_or(Refused::Drop("no object"))?;
    let uri = match object.kind() {
        Some("Create" | "Update") => object.id_of("object"),
        Some("Delete") => return announced_delete(app, context, object).await,
        Some(
            "Announce" | "Like" | "Dislike" | "Undo" | "Block" | "Add" | "Remove" | "Flag" | "Lock",
        ) => {
            return Err(Refused::Drop("a group's housekeeping"));
        }
        _ => object.id(),
    };
    let uri = uri.ok_or(Refused::Drop("the object has no id"))?;
    let known = posts::find_named(app, uri, context.sender.id).await?;
    if known.is_none()
        && follows::local_followers(&app.db, context.sender.id)
            .await?
            .is_empty()
    {
        return Err(Refused::Drop("nobody here asked for it"));
    }
    let post = match known {
        Some(post) => post,
        None if app.origin().owns(uri) => return Err(Refused::Drop("there is no such post")),
        None => objects::post(app, uri, None, &context.budget).await?,
    };
    if !post.is_boostable_by(context.sender.id) {
        return Err(Refused::Drop("not everyone may see it"));
    }
    let uri = activity.id().map_or_else(
        || format!("{}#announces/{}", context.sender.uri, post.id),
        str::to_owned,
    );
    let arrived = Arrived {
        uri,
        published: activity.time("published"),
        audience: audience(activity, &context.sender, post.audience),
    };
    Ok(boosts::receive(app, &context.sender, &post, &arrived).await?)
}

/// For whom a boost is; one that names nobody is for whoever may see the post.
fn audience(activity: Doc<'_>, sender: &Account, of_the_post: Audience) -> Audience {
    if activity.recipients().is_empty() {
        return of_the_post;
    }
    match note::audience(activity, sender) {
        // Whoever it names, it was made for those who follow.
        Audience::People => Audience::Followers,
        audience => audience,
    }
}

/// Whom a boost names.
pub fn addressing(booster: &Account, audience: Audience, author: &str) -> Value {
    let followers = booster.followers_uri.as_deref();
    match audience {
        Audience::Public => json!({"to": [PUBLIC], "cc": [author, followers]}),
        Audience::Unlisted => json!({"to": [followers], "cc": [PUBLIC, author]}),
        _ => json!({"to": [followers], "cc": [author]}),
    }
}

/// A group says that a post in it was deleted: the post's own host is asked.
async fn announced_delete(app: &App, context: &Context, delete: Doc<'_>) -> Outcome {
    let uri = delete.id_of("object").ok_or(Refused::Drop("no object"))?;
    let post = posts::find_by_uri(app, uri)
        .await?
        .filter(|post| !app.origin().owns(&post.uri))
        .ok_or(Refused::Drop("there is no such post"))?;
    match crate::federation::fetch::object(app, uri, None, &context.budget).await {
        Err(error) if error.is_gone() => Ok(remove::receive(app, &post).await?),
        Ok(document) if Doc(&document).kind() == Some("Tombstone") => {
            Ok(remove::receive(app, &post).await?)
        }
        _ => Err(Refused::Drop("its host does not confirm it")),
    }
}

/// What a boost says, besides who sends it.
pub(super) fn body(booster: &Account, boost: &Post, (post, author): (&Post, &Account)) -> Value {
    let mut body = addressing(booster, boost.audience, &author.uri);
    body["object"] = json!(post.uri);
    body["published"] = json!(boost.created_at.rfc3339());
    if let Some(consent) = &boost.approval_uri {
        body["@context"] = note::context();
        body["approvedBy"] = json!(consent);
    }
    body
}

/// Sends a boost.
///
/// # Errors
/// What the database says.
pub async fn send(app: &App, id: PostId) -> anyhow::Result<()> {
    let Some(boost) = posts::find(app, id).await? else {
        return Ok(());
    };
    let Some(post) = posts::find(app, boost.boost_of.unwrap_or(id)).await? else {
        return Ok(());
    };
    let (booster, author) = (
        accounts::get(app, boost.account).await?,
        accounts::get(app, post.account).await?,
    );
    if boost.audience == Audience::Held {
        return Ok(());
    }
    let body = body(&booster, &boost, (&post, &author));
    let outgoing = Outgoing {
        sender: &booster,
        kind: "Announce",
        uri: boost.uri.clone(),
        about: boost.uri,
        body,
        to: Recipients {
            followers: true,
            people: vec![author.id],
            personal: false,
        },
        syncs_followers: false,
    };
    outbox::publish(app, outgoing).await
}

/// Sends the Undo of a boost.
///
/// # Errors
/// What the database says.
pub async fn send_undo(
    app: &App,
    account: AccountId,
    uri: &str,
    object: &str,
    author: AccountId,
) -> anyhow::Result<()> {
    let booster = accounts::get(app, account).await?;
    let announce = json!({"id": uri, "type": "Announce", "actor": booster.uri, "object": object});
    let outgoing = Outgoing {
        sender: &booster,
        kind: "Undo",
        uri: outbox::fresh_uri(app),
        about: uri.to_owned(),
        body: json!({"object": announce, "to": [PUBLIC], "cc": [booster.followers_uri]}),
        to: Recipients {
            followers: true,
            people: vec![author],
            personal: false,
        },
        syncs_followers: false,
    };
    outbox::publish(app, outgoing).await
}
