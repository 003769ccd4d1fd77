//! The smaller entities: Tag, Filter, List, Application, ScheduledStatus, Report.

use serde_json::{Value, json};

use crate::app::App;
use crate::error::Result;
use crate::kernel::clock::Time;
use crate::media::proxy;
use crate::oauth::Client;
use crate::posts::previews::Preview;
use crate::posts::scheduled::Scheduled;
use crate::timelines::filters::{Filter, Keyword};
use crate::timelines::lists::List;
use crate::timelines::tags::{Day, Featured};

use super::account::visibility;

/// A hashtag in a post: its name and our page about it.
pub fn tag_link(app: &App, tag: &str) -> Value {
    json!({"name": tag, "url": tag_url(app, tag)})
}

fn tag_url(app: &App, tag: &str) -> String {
    let name: String = url::form_urlencoded::byte_serialize(tag.as_bytes()).collect();
    app.origin().at(&format!("/tags/{name}"))
}

/// What a hashtag is to the member who looks.
#[derive(Clone, Copy, Debug)]
pub struct MyTag {
    /// Whether they follow it.
    pub following: bool,
    /// Whether they show it on their profile.
    pub featuring: bool,
}

/// A Tag with its use in the last week.
pub fn tag(app: &App, name: &str, days: &[Day], mine: Option<MyTag>) -> Value {
    let history: Vec<Value> = days
        .iter()
        .map(|day| {
            json!({
                "day": day.at.seconds().to_string(),
                "uses": day.posts.to_string(),
                "accounts": day.people.to_string(),
            })
        })
        .collect();
    let mut entity = json!({
        "id": name, "name": name, "url": tag_url(app, name), "history": history,
    });
    if let Some(mine) = mine {
        entity["following"] = json!(mine.following);
        entity["featuring"] = json!(mine.featuring);
    }
    entity
}

/// A FeaturedTag.
pub fn featured_tag(app: &App, featured: &Featured) -> Value {
    json!({
        "id": featured.id.to_string(),
        "name": featured.tag,
        "url": tag_url(app, &featured.tag),
        "statuses_count": featured.posts.to_string(),
        "last_status_at": featured.last_at.map(Time::date),
    })
}

/// A FilterKeyword.
pub fn keyword(keyword: &Keyword) -> Value {
    json!({
        "id": keyword.id.to_string(),
        "keyword": keyword.keyword,
        "whole_word": keyword.whole_word,
    })
}

/// A Filter (v2); `whole` adds its words and posts.
pub fn filter(filter: &Filter, whole: bool) -> Value {
    let mut entity = json!({
        "id": filter.id.to_string(),
        "title": filter.title,
        "context": filter.contexts,
        "expires_at": filter.expires_at.map(Time::rfc3339),
        "filter_action": filter.action,
    });
    if whole {
        entity["keywords"] = json!(filter.keywords.iter().map(keyword).collect::<Vec<_>>());
        entity["statuses"] = json!(filter.posts.iter().map(filter_status).collect::<Vec<_>>());
    }
    entity
}

/// A FilterStatus.
pub fn filter_status((id, post): &(i64, crate::kernel::id::PostId)) -> Value {
    json!({"id": id.to_string(), "status_id": post.to_string()})
}

/// A V1::Filter: one keyword with what stands around it.
pub fn old_filter(filter: &Filter, keyword: &Keyword) -> Value {
    json!({
        "id": keyword.id.to_string(),
        "phrase": keyword.keyword,
        "context": filter.contexts,
        "expires_at": filter.expires_at.map(Time::rfc3339),
        "irreversible": filter.action == "hide",
        "whole_word": keyword.whole_word,
    })
}

/// A List.
pub fn list(list: &List) -> Value {
    json!({
        "id": list.id.to_string(),
        "title": list.title,
        "replies_policy": list.replies,
        "exclusive": list.exclusive,
    })
}

/// An Application; a secret makes it a CredentialApplication.
///
/// # Errors
/// What the database says.
pub async fn application(app: &App, client: &Client, secret: Option<&str>) -> Result<Value> {
    let push = crate::notifications::push::key(app).await?.public();
    let mut entity = json!({
        "id": client.id.to_string(),
        "name": client.name,
        "website": client.website,
        "scopes": client.scopes.names(),
        "redirect_uri": client.redirect_uris.join("\n"),
        "redirect_uris": client.redirect_uris,
        "vapid_key": push,
    });
    if let Some(secret) = secret {
        entity["client_id"] = json!(client.client_id);
        entity["client_secret"] = json!(secret);
        entity["client_secret_expires_at"] = json!(0);
    }
    Ok(entity)
}

/// A ScheduledStatus.
pub fn scheduled(scheduled: &Scheduled, attachments: Vec<Value>) -> Value {
    let draft = &scheduled.draft;
    let poll = draft.poll.as_ref().map(|poll| {
        json!({
            "options": poll.options, "expires_in": poll.seconds.to_string(),
            "multiple": poll.multiple, "hide_totals": false,
        })
    });
    json!({
        "id": scheduled.id.to_string(),
        "scheduled_at": scheduled.run_at.rfc3339(),
        "params": {
            "text": draft.text,
            "poll": poll,
            "media_ids": draft.media.iter().map(ToString::to_string).collect::<Vec<_>>(),
            "sensitive": draft.sensitive,
            "spoiler_text": draft.warning,
            "visibility": visibility(draft.audience.name()),
            "in_reply_to_id": draft.in_reply_to.map(|id| id.0),
            "language": draft.language,
            "application_id": draft.app.map_or(0, |app| app.0),
            "scheduled_at": null,
            "idempotency": draft.idempotency_key,
            "with_rate_limit": false,
        },
        "media_attachments": attachments,
    })
}

/// The size of a picture made to fit into a square.
pub fn fit((width, height): (i64, i64), most: i64) -> (i64, i64) {
    let longest = width.max(height).max(1);
    if longest <= most {
        return (width, height);
    }
    (
        (width * most / longest).max(1),
        (height * most / longest).max(1),
    )
}

/// A PreviewCard; what it embeds is never ours to embed.
pub fn card(app: &App, preview: &Preview) -> Value {
    let (width, height) = preview.size.unwrap_or_default();
    let picture = preview.picture.as_ref();
    json!({
        "url": preview.url,
        "title": preview.title,
        "description": preview.description,
        "language": null,
        "type": "link",
        "author_name": preview.author,
        "author_url": "",
        "authors": [],
        "provider_name": preview.provider,
        "provider_url": "",
        "html": "",
        "width": width,
        "height": height,
        "image": picture.map(|url| app.origin().at(&proxy::address(app, url))),
        "image_description": "",
        "embed_url": "",
        "blurhash": null,
        "published_at": null,
    })
}
