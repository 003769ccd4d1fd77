//! What an event means to one listener: asked of the same timelines that show it, so that nothing is told
//! that could not be read.

use serde_json::Value;

use super::Stream;
use crate::accounts::Account;
use crate::app::App;
use crate::audiences::{self, Audience};
use crate::error::Result;
use crate::jobs::news::News;
use crate::mastodon::entities::{notification, status};
use crate::notifications::single;
use crate::posts::{self, Post, conversations};
use crate::relations::follows;
use crate::timelines::Wished;
use crate::timelines::places::{self, Place};

/// Something to tell: the event's name and its payload as text.
#[derive(Clone, Debug)]
pub struct Telling {
    /// `update`, `status.update`, `delete`, `notification`, `conversation` or `filters_changed`.
    pub event: &'static str,
    /// JSON, or an id.
    pub payload: String,
}

fn telling(event: &'static str, payload: &Value) -> Telling {
    Telling {
        event,
        payload: payload.to_string(),
    }
}

/// What a stream tells its listener about news, if anything.
///
/// # Errors
/// What the database says.
pub async fn hear(
    app: &App,
    member: &Account,
    stream: &Stream,
    news: &News,
) -> Result<Option<Telling>> {
    match news {
        News::Post(id) => {
            let Some(post) = posts::find(app, *id).await? else {
                return Ok(None);
            };
            if *stream == Stream::Direct {
                return conversation(app, member, &post).await;
            }
            if !stands_in(app, member, stream, &post).await? {
                return Ok(None);
            }
            let entity = status::several(app, Some(member), &[post], context(stream)).await?;
            Ok(entity.first().map(|entity| telling("update", entity)))
        }
        News::Edited(id) => {
            let Some(post) = posts::find(app, *id).await? else {
                return Ok(None);
            };
            if *stream == Stream::Direct || !stands_in(app, member, stream, &post).await? {
                return Ok(None);
            }
            let entity = status::several(app, Some(member), &[post], context(stream)).await?;
            Ok(entity
                .first()
                .map(|entity| telling("status.update", entity)))
        }
        News::Gone { post, author, open } => {
            let told = *stream != Stream::Notifications
                && (*open
                    || *author == member.id
                    || follows::is_following(&app.db, member.id, *author).await?);
            Ok(told.then(|| Telling {
                event: "delete",
                payload: post.to_string(),
            }))
        }
        News::Notified {
            account,
            notification,
        } => {
            let wanted = matches!(stream, Stream::User | Stream::Notifications);
            if *account != member.id || !wanted {
                return Ok(None);
            }
            let one = single::get(app, member.id, *notification).await?;
            let rows = std::slice::from_ref(&one);
            let gathered = notification::Gathered::load(app, member, rows).await?;
            let entity = gathered.notification(&one);
            Ok(entity.map(|entity| telling("notification", &entity)))
        }
        News::Counted(_) | News::Related { .. } => Ok(None),
        News::Filters(account) => {
            let told = *account == member.id && *stream == Stream::User;
            Ok(told.then(|| Telling {
                event: "filters_changed",
                payload: String::new(),
            }))
        }
    }
}

fn context(stream: &Stream) -> &'static str {
    match stream {
        Stream::Public { .. } | Stream::Hashtag { .. } => "public",
        _ => "home",
    }
}

/// Whether the post stands in the list that the stream follows.
async fn stands_in(app: &App, member: &Account, stream: &Stream, post: &Post) -> Result<bool> {
    let place = match stream {
        Stream::User => Place::Home,
        Stream::Public {
            local,
            remote,
            media,
        } => Place::Public(Wished {
            local: *local,
            remote: *remote,
            media: *media,
        }),
        Stream::Hashtag { tag, local } => Place::Tag(tag.clone(), *local),
        Stream::List(id) => Place::List(*id),
        Stream::Notifications | Stream::Direct => return Ok(false),
    };
    places::has(app, Some(member), &place, post).await
}

async fn conversation(app: &App, member: &Account, post: &Post) -> Result<Option<Telling>> {
    if post.audience != Audience::People
        || post.boost_of.is_some()
        || !audiences::may_see(app, Some(member), post.thing()).await?
    {
        return Ok(None);
    }
    let Ok(one) = conversations::get(app, member, post.thread).await else {
        return Ok(None);
    };
    let entity = crate::mastodon::conversations::entity(app, member, &one).await?;
    Ok(Some(telling("conversation", &entity)))
}
