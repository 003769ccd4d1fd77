//! Create: a post, or votes in a poll.

use serde_json::{Value, json};

use super::Context;
use crate::accounts::{self, Account};
use crate::app::App;
use crate::error;
use crate::federation::copies;
use crate::federation::doc::Doc;
use crate::federation::objects::{self, note};
use crate::federation::outbox::{self, Outgoing, Recipients};
use crate::federation::{Outcome, Refused};
use crate::kernel::id::{AccountId, PostId};
use crate::kernel::origin::same_origin;
use crate::posts::arrive::{self, Arrived, Way};
use crate::posts::references::id_of_page;
use crate::posts::{self, Post, polls};
use crate::relations::{blocks, follows};

/// Somebody wrote something. GoToSocial sends several votes in one Create.
pub async fn receive(app: &App, context: &Context, activity: Doc<'_>) -> Outcome {
    let objects = activity.each("object");
    if objects.is_empty() {
        return Err(Refused::Drop("no object"));
    }
    let mut outcome = Ok(());
    for object in objects.into_iter().take(20) {
        outcome = receive_one(app, context, object).await;
    }
    outcome
}

async fn receive_one(app: &App, context: &Context, object: Doc<'_>) -> Outcome {
    if !object.0.is_object() {
        // Only the id came: its own host has the word.
        let uri = object
            .id()
            .filter(|id| same_origin(id, &context.sender.uri))
            .ok_or(Refused::Drop("no object"))?;
        objects::post(app, uri, context.inbox_of.as_ref(), &context.budget).await?;
        return Ok(());
    }
    if let Some(vote) = vote(app, object).await.map_err(Refused::from)? {
        return receive_vote(app, context, object, vote).await;
    }
    let mut arrived = note::read(app, object.0, &context.sender)
        .await?
        .ok_or(Refused::Drop("not a post of the sender"))?;
    if !arrived.audience.is_open()
        && let Some(owner) = &context.inbox_of
        && !arrived
            .people
            .iter()
            .any(|(account, _)| account.id == owner.id)
    {
        // It came to this inbox, so its owner may see it.
        arrived.people.push((owner.clone(), false));
    }
    if !is_wanted(app, context, &arrived).await? {
        return Err(Refused::Drop("nobody here asked for it"));
    }
    let known = posts::find_by_uri(app, &arrived.uri).await?.is_some();
    if !known && !objects::admit(app, &context.sender, &mut arrived, true).await? {
        return Err(Refused::Drop("the house does not want it"));
    }
    let way = Way::Delivered(context.budget.left());
    arrive::insert(app, &context.sender, &arrived, way)
        .await?
        .ok_or(Refused::Drop("it was deleted, or is somebody else's"))?;
    Ok(())
}

/// Whether a post concerns anybody here: a follower, somebody named who does not block its author, a conversation
/// they may see, a quote of what they may see.
async fn is_wanted(app: &App, context: &Context, arrived: &Arrived) -> Result<bool, Refused> {
    for (account, _) in &arrived.people {
        if account.is_local() && !blocks::blocks(&app.db, account.id, context.sender.id).await? {
            return Ok(true);
        }
    }
    if !follows::local_followers(&app.db, context.sender.id)
        .await?
        .is_empty()
    {
        return Ok(true);
    }
    for uri in [&arrived.in_reply_to_uri, &arrived.quote_uri]
        .into_iter()
        .flatten()
    {
        if posts::find_named(app, uri, context.sender.id)
            .await?
            .is_some()
        {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The choice a note votes for: a name and a question, and no content, or a name that is one of the choices of a poll
/// of ours, whatever the content repeats.
async fn vote<'a>(app: &App, object: Doc<'a>) -> error::Result<Option<(&'a str, &'a str)>> {
    let Some((name, question)) = named_answer(object) else {
        return Ok(None);
    };
    if object.text("content", 10).is_none() || !app.origin().owns(question) {
        let bare = object.text("content", 10).is_none();
        return Ok(bare.then_some((name, question)));
    }
    let uri = id_of_page(&app.origin(), question).into_owned();
    let poll = match posts::find_by_uri(app, &uri).await? {
        Some(post) => polls::of_post(app, post.id).await?,
        None => None,
    };
    let chosen = |poll: &polls::Poll| poll.options.iter().any(|(option, _)| option == name);
    Ok(poll.filter(chosen).map(|_| (name, question)))
}

/// The name of a note that answers something, and what it answers.
fn named_answer(object: Doc<'_>) -> Option<(&str, &str)> {
    let name = object
        .get("name")
        .as_str()
        .filter(|name| !name.is_empty())?;
    let question = object.id_of("inReplyTo")?;
    (object.kind() == Some("Note") && object.objects("attachment").is_empty())
        .then_some((name, question))
}

async fn receive_vote(
    app: &App,
    context: &Context,
    object: Doc<'_>,
    (name, question): (&str, &str),
) -> Outcome {
    if objects::author_of(object).is_some_and(|author| author != context.sender.uri) {
        return Err(Refused::Drop("not the sender's vote"));
    }
    let post = super::visible_post(app, context, question).await?;
    if !app.origin().owns(&post.uri) {
        return Err(Refused::Drop("the poll is not ours"));
    }
    Ok(polls::receive(app, &context.sender, &post, name).await?)
}

/// Whom a local post is sent to besides the author's followers: who is named, and whose post it answers.
pub(super) async fn recipients(app: &App, post: &Post) -> crate::error::Result<Recipients> {
    let mut people: Vec<AccountId> = posts::people(app, post.id)
        .await?
        .into_iter()
        .map(|(account, _)| account.id)
        .collect();
    if post.audience.is_open()
        && let Some(parent) = post.in_reply_to
        && let Some(parent) = posts::find(app, parent).await?
    {
        people.push(parent.account);
    }
    let followers = matches!(
        post.audience,
        crate::audiences::Audience::Public
            | crate::audiences::Audience::Unlisted
            | crate::audiences::Audience::Followers
    );
    Ok(Recipients {
        followers,
        people,
        personal: !post.audience.is_open(),
    })
}

/// Wraps a local post in an activity.
pub(super) async fn wrap(app: &App, author: &Account, post: &Post) -> crate::error::Result<Value> {
    let note = note::build(app, author, post).await?;
    Ok(
        json!({"@context": note::context(), "to": note["to"], "cc": note["cc"], "published": note["published"], "object": note}),
    )
}

/// Sends a new post.
///
/// # Errors
/// What the database says.
pub async fn send(app: &App, id: PostId) -> anyhow::Result<()> {
    let Some(post) = posts::find(app, id).await? else {
        return Ok(());
    };
    if post.audience == crate::audiences::Audience::Held {
        return Ok(());
    }
    if post.is_for_grant() {
        return copies::send(app, &post).await;
    }
    let author = accounts::get(app, post.account).await?;
    let to = recipients(app, &post).await?;
    let body = wrap(app, &author, &post).await?;
    let outgoing = Outgoing {
        sender: &author,
        kind: "Create",
        uri: format!("{}/activity", post.uri),
        about: post.uri.clone(),
        body,
        syncs_followers: post.audience == crate::audiences::Audience::Followers,
        to,
    };
    outbox::publish(app, outgoing).await
}

/// Sends the votes of a member in a remote poll.
///
/// # Errors
/// What the database says.
pub async fn send_votes(app: &App, voter: AccountId, post: PostId) -> anyhow::Result<()> {
    let (Some(post), Some(poll)) = (
        posts::find(app, post).await?,
        polls::of_post(app, post).await?,
    ) else {
        return Ok(());
    };
    let voter = accounts::get(app, voter).await?;
    let author = accounts::get(app, post.account).await?;
    for choice in polls::votes_of(&app.db, voter.id, post.id).await? {
        let Some((title, _)) = usize::try_from(choice)
            .ok()
            .and_then(|at| poll.options.get(at))
        else {
            continue;
        };
        let id = format!("{}#votes/{}/{choice}", voter.uri, post.id);
        let vote = json!({"id": id, "type": "Note", "attributedTo": voter.uri, "name": title, "inReplyTo": post.uri, "to": [author.uri]});
        let outgoing = Outgoing {
            sender: &voter,
            kind: "Create",
            uri: format!("{id}/activity"),
            about: id,
            body: json!({"object": vote, "to": [author.uri]}),
            to: Recipients::one(author.id),
            syncs_followers: false,
        };
        outbox::publish(app, outgoing).await?;
    }
    Ok(())
}
