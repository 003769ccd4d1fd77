//! Asking the author of a post before an answer to it or a boost of it goes out, and what they say
//! (`interactionPolicy`, gotosocial.org/ns).

use super::{Context, announce, create};
use crate::accounts;
use crate::app::App;
use crate::error::Error;
use crate::federation::Refused;
use crate::federation::doc::Doc;
use crate::federation::outbox::{self, Outgoing, Recipients};
use crate::kernel::id::PostId;
use crate::kernel::origin::same_origin;
use crate::posts::{self, Post, favourites, policies};

/// Asks: the activity goes to that author alone, as it will go to everybody else once they said yes.
///
/// # Errors
/// What the database says.
pub async fn ask(app: &App, id: PostId) -> anyhow::Result<()> {
    let Some(post) = posts::find(app, id).await? else {
        return Ok(());
    };
    let Some(post) = policies::asked(app, &post).await? else {
        return Ok(());
    };
    let about = posts::find(app, post.boost_of.or(post.in_reply_to).unwrap_or(id)).await?;
    let Some(about) = about else { return Ok(()) };
    let (author, asked) = (
        accounts::get(app, post.account).await?,
        accounts::get(app, about.account).await?,
    );
    let (kind, body) = match post.boost_of {
        Some(_) => ("Announce", announce::body(&author, &post, (&about, &asked))),
        None => ("Create", create::wrap(app, &author, &post).await?),
    };
    let outgoing = Outgoing {
        sender: &author,
        kind,
        uri: activity_of(&post),
        about: post.uri,
        body,
        to: Recipients::one(asked.id),
        syncs_followers: false,
    };
    outbox::publish(app, outgoing).await
}

/// Tells the author who was asked about an answer that it reads differently now; of what nobody was asked about nothing
/// is told.
///
/// # Errors
/// What the database says.
pub(super) async fn send_edit(app: &App, post: &Post) -> anyhow::Result<()> {
    let Some(post) = policies::asked(app, post).await? else {
        return Ok(());
    };
    let Some(about) = posts::find(app, post.in_reply_to.unwrap_or(post.id)).await? else {
        return Ok(());
    };
    let author = accounts::get(app, post.account).await?;
    let outgoing = Outgoing {
        sender: &author,
        kind: "Update",
        uri: outbox::fresh_uri(app),
        body: create::wrap(app, &author, &post).await?,
        about: post.uri,
        to: Recipients::one(about.account),
        syncs_followers: false,
    };
    outbox::publish(app, outgoing).await
}

/// The id of the activity that a post of ours leaves by.
fn activity_of(post: &Post) -> String {
    match post.boost_of {
        Some(_) => post.uri.clone(),
        None => format!("{}/activity", post.uri),
    }
}

/// What an Accept or Reject is about, if it is an answer, a boost or a favourite of ours; whether it was.
pub(super) async fn answered(
    app: &App,
    context: &Context,
    activity: Doc<'_>,
) -> Result<bool, Refused> {
    let object = activity.each("object").into_iter().next();
    let Some(uri) = object.and_then(|object| object.id()) else {
        return Ok(false);
    };
    if !app.origin().owns(uri) {
        return Ok(false);
    }
    let accepts = activity.kind() == Some("Accept");
    let consent = [activity.id_of("result"), activity.id()]
        .into_iter()
        .flatten()
        .find(|consent| same_origin(consent, &context.sender.uri))
        .filter(|_| accepts);
    if accepts && consent.is_none() {
        return Ok(false);
    }
    let of_create = uri.strip_suffix("/activity").unwrap_or(uri);
    if let Some(post) = policies::concerned(app, &context.sender, of_create).await? {
        if consent.is_some() && policies::asked(app, &post).await?.is_some() {
            let sent = activity_of(&post);
            outbox::send_again(app, &sent).await.map_err(Error::from)?;
        }
        policies::answer(app, &post, consent).await?;
        return Ok(true);
    }
    refused_favourite(app, context, uri, accepts).await
}

/// A favourite that its post's author does not want is taken back.
async fn refused_favourite(
    app: &App,
    context: &Context,
    uri: &str,
    accepts: bool,
) -> Result<bool, Refused> {
    let Some((who, post)) = favourites::find_ours(app, uri, context.sender.id).await? else {
        return Ok(false);
    };
    if !accepts {
        favourites::remove(app, &who, &post).await?;
    }
    Ok(true)
}
