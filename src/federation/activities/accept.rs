//! Accept: of a Follow, or of a request to quote.

use serde_json::json;

use super::{Context, approval};
use crate::accounts;
use crate::app::App;
use crate::federation::doc::Doc;
use crate::federation::outbox::{self, Outgoing, Recipients};
use crate::federation::{Outcome, Refused};
use crate::kernel::id::AccountId;
use crate::kernel::origin::same_origin;
use crate::posts::{self, quotes};
use crate::relations::follows::{self, Follow};

/// The follow that an answer is about, if the sender is the one who was asked.
pub(super) async fn find_follow(
    app: &App,
    context: &Context,
    activity: Doc<'_>,
) -> Result<Follow, Refused> {
    let unknown = Refused::Drop("no such follow was asked for");
    let object = activity
        .each("object")
        .into_iter()
        .next()
        .ok_or(Refused::Drop("no object"))?;
    let by_id = match object.id() {
        Some(id) => follows::find_by_uri(app, id).await?,
        None => None,
    };
    if let Some(follow) = by_id {
        return if follow.followee == context.sender.id {
            Ok(follow)
        } else {
            Err(Refused::Drop("not the sender's to answer"))
        };
    }
    // Some programs give the Follow back under an id of their own; the pair tells which it is.
    // Others answer with the actor alone, at the inbox of who asked.
    let follower = match object
        .id_of("actor")
        .or_else(|| object.id().filter(|_| object.kind() != Some("Follow")))
    {
        Some(uri) => accounts::find_by_uri(app, uri).await?,
        None => context.inbox_of.clone(),
    };
    let follower = follower
        .filter(accounts::Account::is_local)
        .ok_or(unknown)?;
    if object.0.is_object()
        && object
            .id_of("object")
            .is_some_and(|object| object != context.sender.uri)
    {
        return Err(Refused::Drop("not the sender's to answer"));
    }
    follows::find(&app.db, follower.id, context.sender.id)
        .await?
        .ok_or(Refused::Drop("no such follow was asked for"))
}

/// Somebody accepts what one of ours asked for.
pub async fn receive(app: &App, context: &Context, activity: Doc<'_>) -> Outcome {
    let object = activity
        .each("object")
        .into_iter()
        .next()
        .ok_or(Refused::Drop("no object"))?;
    if let Some(quoting) = quote_answered(app, context, object).await? {
        let stamp = activity
            .id_of("result")
            .filter(|stamp| same_origin(stamp, &context.sender.uri))
            .ok_or(Refused::Drop("no consent came with it"))?;
        return Ok(quotes::receive_answer(app, &quoting, Some(stamp)).await?);
    }
    if approval::answered(app, context, activity).await? {
        return Ok(());
    }
    let follow = find_follow(app, context, activity).await?;
    if follow.accepted_at.is_none() {
        follows::accept(app, &follow).await?;
    }
    Ok(())
}

/// Our quoting post an answer is about, if it quotes the sender.
pub(super) async fn quote_answered(
    app: &App,
    context: &Context,
    object: Doc<'_>,
) -> Result<Option<posts::Post>, Refused> {
    let id = object.id().unwrap_or_default();
    let instrument = object
        .id_of("instrument")
        .map(str::to_owned)
        .or_else(|| id.strip_suffix("/quote-request").map(str::to_owned));
    let Some(uri) = instrument.filter(|uri| app.origin().owns(uri)) else {
        return Ok(None);
    };
    let Some(post) = posts::find_by_uri(app, &uri).await? else {
        return Err(Refused::Drop("there is no such post"));
    };
    let quoted = match post.quote_of {
        Some(id) => posts::find(app, id).await?,
        None => None,
    };
    let pending = post.quote_state.as_deref() == Some("pending");
    if quoted.is_some_and(|quoted| quoted.account == context.sender.id) && pending {
        Ok(Some(post))
    } else {
        Err(Refused::Drop("not the sender's to answer"))
    }
}

/// Sends the Accept of a Follow.
///
/// # Errors
/// What the database says.
pub async fn send(
    app: &App,
    uri: &str,
    follower: AccountId,
    followee: AccountId,
) -> anyhow::Result<()> {
    answer(app, "Accept", uri, follower, followee).await
}

/// Sends the answer to a Follow, the Follow inside it.
pub(super) async fn answer(
    app: &App,
    kind: &'static str,
    uri: &str,
    follower: AccountId,
    followee: AccountId,
) -> anyhow::Result<()> {
    let (follower, followee) = (
        accounts::get(app, follower).await?,
        accounts::get(app, followee).await?,
    );
    let object =
        json!({"id": uri, "type": "Follow", "actor": follower.uri, "object": followee.uri});
    let outgoing = Outgoing {
        sender: &followee,
        kind,
        uri: outbox::fresh_uri(app),
        about: uri.to_owned(),
        body: json!({"object": object, "to": [follower.uri]}),
        to: Recipients::one(follower.id),
        syncs_followers: false,
    };
    outbox::publish(app, outgoing).await
}
