//! QuoteRequest, its answers, and checking the quotes of others (FEP-044f).

use serde_json::{Value, json};

use super::Context;
use crate::accounts;
use crate::app::App;
use crate::audiences::Audience;
use crate::federation::doc::Doc;
use crate::federation::fetch::{self, Budget};
use crate::federation::objects::{self, note};
use crate::federation::outbox::{self, Outgoing, Recipients};
use crate::federation::{Outcome, Refused};
use crate::kernel::id::{AccountId, PostId, StampId};
use crate::kernel::origin::same_origin;
use crate::moderation::gate::{self, About, Verdict};
use crate::posts::arrive::{self, Way};
use crate::posts::{self, quotes, stamps};

/// Somebody asks to quote a post of ours.
pub async fn receive(app: &App, context: &Context, activity: Doc<'_>) -> Outcome {
    let quoted = activity.id_of("object").ok_or(Refused::Drop("no object"))?;
    let quoting = activity
        .id_of("instrument")
        .filter(|uri| same_origin(uri, &context.sender.uri))
        .ok_or(Refused::Drop("no post that quotes"))?;
    let post = super::visible_post(app, context, quoted).await?;
    if !app.origin().owns(&post.uri) {
        return Err(Refused::Drop("not a post of ours"));
    }
    let about = About {
        parent: None,
        mentions: false,
        quotes: true,
        audience: Audience::Public,
        html: "",
        fresh: false,
    };
    // What the house turns away may not quote it either, and what waits for a look waits with its request.
    let verdict = gate::verdict(app, &context.sender, &about).await?;
    let request = json!({"id": activity.id(), "type": "QuoteRequest", "actor": context.sender.uri, "object": quoted, "instrument": quoting});
    match verdict {
        Verdict::Pass { .. } => {}
        Verdict::Hold(_) => {
            return Ok(
                quotes::put_off_request(app, &context.sender, &post, quoting, request).await?,
            );
        }
        Verdict::Refuse(_) => return Err(Refused::Drop("the house does not want it")),
    }
    if quotes::receive_request(app, &context.sender, &post, quoting, request).await? {
        take_in(app, context, activity, (&post, quoting)).await?;
    }
    Ok(())
}

/// Takes in the post that quotes, where it came along: its author may be followed by nobody here, and whom they quote
/// wants to see it all the same.
async fn take_in(
    app: &App,
    context: &Context,
    activity: Doc<'_>,
    (quoted, quoting): (&posts::Post, &str),
) -> Outcome {
    let Some(instrument) = activity.objects("instrument").into_iter().next() else {
        return Ok(());
    };
    let Some(mut arrived) = note::read(app, instrument.0, &context.sender).await? else {
        return Ok(());
    };
    // Nothing else comes in this way.
    if arrived.uri != quoting || arrived.quote_uri.as_deref() != Some(&quoted.uri) {
        return Ok(());
    }
    let known = posts::find_by_uri(app, &arrived.uri).await?.is_some();
    if known || !objects::admit(app, &context.sender, &mut arrived, true).await? {
        return Ok(());
    }
    let way = Way::Delivered(context.budget.left());
    arrive::insert(app, &context.sender, &arrived, way).await?;
    Ok(())
}

/// Asks to quote a remote post.
///
/// # Errors
/// What the database says.
pub async fn send_request(app: &App, id: PostId) -> anyhow::Result<()> {
    let Some(post) = posts::find(app, id)
        .await?
        .filter(|post| post.quote_state.as_deref() == Some("pending"))
    else {
        return Ok(());
    };
    let Some(quoted) = posts::find(app, post.quote_of.unwrap_or(id)).await? else {
        return Ok(());
    };
    let (author, quoted_author) = (
        accounts::get(app, post.account).await?,
        accounts::get(app, quoted.account).await?,
    );
    let uri = format!("{}/quote-request", post.uri);
    let instrument = note::build(app, &author, &post).await?;
    let outgoing = Outgoing {
        sender: &author,
        kind: "QuoteRequest",
        uri: uri.clone(),
        about: uri,
        body: json!({"@context": note::context(), "object": quoted.uri, "instrument": instrument, "to": [quoted_author.uri]}),
        to: Recipients::one(quoted_author.id),
        syncs_followers: false,
    };
    outbox::publish(app, outgoing).await
}

/// Answers a request to quote.
///
/// # Errors
/// What the database says.
pub async fn send_answer(
    app: &App,
    account: AccountId,
    to: AccountId,
    request: &Value,
    stamp: Option<StampId>,
) -> anyhow::Result<()> {
    let (account, to) = (
        accounts::get(app, account).await?,
        accounts::get(app, to).await?,
    );
    let mut body = json!({"@context": note::context(), "object": request, "to": [to.uri]});
    if let Some(stamp) = stamp {
        body["result"] = json!(stamps::uri(app, &account, stamp));
    }
    let uri = outbox::fresh_uri(app);
    let outgoing = Outgoing {
        sender: &account,
        kind: if stamp.is_some() { "Accept" } else { "Reject" },
        uri: uri.clone(),
        about: uri,
        body,
        to: Recipients::one(to.id),
        syncs_followers: false,
    };
    outbox::publish(app, outgoing).await
}

/// Tells that a consent was taken back.
///
/// # Errors
/// What the database says.
pub async fn send_revocation(
    app: &App,
    account: AccountId,
    stamp: StampId,
    to: AccountId,
) -> anyhow::Result<()> {
    let account = accounts::get(app, account).await?;
    let uri = stamps::uri(app, &account, stamp);
    let outgoing = Outgoing {
        sender: &account,
        kind: "Delete",
        uri: format!("{uri}#delete"),
        about: uri.clone(),
        body: json!({"object": uri, "to": [crate::federation::PUBLIC]}),
        to: Recipients {
            followers: true,
            people: vec![to],
            personal: false,
        },
        syncs_followers: false,
    };
    outbox::publish(app, outgoing).await
}

/// Checks the quote of a remote post: the quoted post, and its author's consent.
///
/// # Errors
/// When something cannot be reached right now.
pub async fn check(app: &App, id: PostId, budget: &Budget) -> anyhow::Result<()> {
    let Some(post) = posts::find(app, id).await? else {
        return Ok(());
    };
    let Some(quoted_uri) = post.quote_uri.clone() else {
        return Ok(());
    };
    let quoted = match objects::post(app, &quoted_uri, None, budget).await {
        Ok(quoted) => quoted,
        Err(error) if error.is_passing() => return Err(error.into()),
        // Not looked at is not refused.
        Err(_) if budget.left() == 0 => return Ok(()),
        Err(_) => return Ok(quotes::set_state(&app.db, id, "rejected", None).await?),
    };
    if posts::find_named(app, &quoted.uri, post.account)
        .await?
        .is_none()
    {
        // What its author may not see is not there for them.
        return Ok(quotes::set_state(&app.db, id, "rejected", None).await?);
    }
    let consented =
        quoted.account == post.account || stamp_counts(app, &post, &quoted, budget).await?;
    let state = if consented { "accepted" } else { "pending" };
    let author = accounts::get(app, quoted.account).await?;
    let now = app.clock.now();
    let mut tx = app.db.begin().await?;
    quotes::set_state(&mut tx, id, state, Some(quoted.id)).await?;
    if consented && author.is_local() && quoted.account != post.account {
        let job = crate::jobs::Job::Notify {
            account: author.id,
            kind: crate::jobs::Notice::Quote,
            from: post.account,
            post: Some(post.id),
        };
        crate::jobs::enqueue(&mut tx, now, job).await?;
    }
    tx.commit().await?;
    app.wake.notify_waiters();
    Ok(())
}

/// Whether the consent a post shows is one of the quoted author, for exactly these two posts.
async fn stamp_counts(
    app: &App,
    post: &posts::Post,
    quoted: &posts::Post,
    budget: &Budget,
) -> anyhow::Result<bool> {
    let author = accounts::get(app, quoted.account).await?;
    if author.is_local() {
        // What we consented to we know ourselves.
        return Ok(stamps::counts_for(&app.db, quoted.id, &post.uri).await?);
    }
    let Some(stamp) = post.quote_stamp_uri.as_deref() else {
        return Ok(false);
    };
    if !same_origin(stamp, &author.uri) {
        return Ok(false);
    }
    let document = match fetch::object(app, stamp, None, budget).await {
        Ok(document) => document,
        Err(error) if error.is_passing() => return Err(error.into()),
        Err(_) => return Ok(false),
    };
    let doc = Doc(&document);
    Ok(doc.kind() == Some("QuoteAuthorization")
        && doc.id_of("attributedTo") == Some(author.uri.as_str())
        && doc.id_of("interactingObject") == Some(post.uri.as_str())
        && doc.id_of("interactionTarget") == Some(quoted.uri.as_str()))
}
