//! What an event means to one listener: asked of the same timelines that show it, so that nothing is told
//! that could not be read.

use serde_json::Value;

use super::Stream;
use crate::accounts::Account;
use crate::app::App;
use crate::audiences::{self, Audience};
use crate::error::Result;
use crate::jobs::news::News;
use crate::kernel::id::PostId;
use crate::kernel::page::Window;
use crate::mastodon::entities::{notification, status};
use crate::notifications::single;
use crate::posts::{self, Post, conversations};
use crate::relations::follows;
use crate::timelines::{self, Wished, lists};

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

/// The part of a timeline in which exactly this post may stand.
fn only(id: PostId) -> Window {
    Window {
        before: id.0.saturating_add(1),
        after: id.0 - 1,
        limit: 1,
        oldest_first: false,
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

/// Whether the post stands in the timeline that the stream follows.
async fn stands_in(app: &App, member: &Account, stream: &Stream, post: &Post) -> Result<bool> {
    let window = only(post.id);
    let found = match stream {
        Stream::User => timelines::home(app, member, window).await?,
        Stream::Public {
            local,
            remote,
            media,
        } => {
            if post.audience != Audience::Public || post.boost_of.is_some() {
                return Ok(false);
            }
            let wished = Wished {
                local: *local,
                remote: *remote,
                media: *media,
            };
            timelines::public(app, Some(member), wished, window).await?
        }
        Stream::Hashtag { tag, local } => {
            timelines::tagged(app, Some(member), tag, *local, window).await?
        }
        Stream::List(id) => lists::timeline(app, member, *id, window).await?,
        Stream::Notifications | Stream::Direct => Vec::new(),
    };
    Ok(!found.is_empty())
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
