//! Leave: somebody leaves a house they entered as a guest; every browser of theirs is out at its next click.

use serde_json::json;

use super::Context;
use crate::accounts;
use crate::app::App;
use crate::federation::doc::Doc;
use crate::federation::fetch::Budget;
use crate::federation::outbox::{self, Outgoing, Recipients};
use crate::federation::{Outcome, Refused, actor, fetch};
use crate::jobs::{self, Job};
use crate::kernel::id::AccountId;
use crate::kernel::origin::{origin_of, parse_url};

/// A guest of this house has had enough of it, by their home's page.
pub async fn receive(app: &App, context: &Context, activity: Doc<'_>) -> Outcome {
    let object = activity.id_of("object").ok_or(Refused::Drop("no object"))?;
    let host = accounts::first_host(app).await?;
    let node = accounts::node_actor(app).await?;
    let house = object.trim_end_matches('/') == app.origin().url
        || object == node.uri
        || host.is_some_and(|host| host.uri == object);
    if !house {
        return Err(Refused::Drop("something else is left"));
    }
    let job = Job::EndGuest(context.sender.id);
    jobs::enqueue(&app.db, app.clock.now(), job).await?;
    app.wake.notify_waiters();
    Ok(())
}

/// Tells a house that a member of ours left it. A house that has no actor at its address is told nothing.
///
/// # Errors
/// What the database says, or that the house did not answer.
pub async fn send(app: &App, member: AccountId, house: &str) -> anyhow::Result<()> {
    let member = accounts::get(app, member).await?;
    let budget = Budget::person();
    let found = fetch::document(app, &format!("{house}/"), Some(&member), &budget).await;
    let document = match found {
        Ok((document, _)) => document,
        Err(error) if error.is_passing() => return Err(error.into()),
        Err(_) => return Ok(()),
    };
    let Some(uri) = Doc(&document).id().filter(|uri| {
        let there = parse_url(uri).as_ref().and_then(origin_of);
        there.as_deref() == Some(house)
    }) else {
        return Ok(());
    };
    let host = actor::resolve(app, uri, &budget).await?;
    let outgoing = Outgoing {
        sender: &member,
        kind: "Leave",
        uri: outbox::fresh_uri(app),
        about: host.uri.clone(),
        body: json!({"object": host.uri, "to": [host.uri]}),
        to: Recipients::one(host.id),
        syncs_followers: false,
    };
    outbox::publish(app, outgoing).await
}
