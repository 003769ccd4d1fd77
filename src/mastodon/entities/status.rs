//! Status, MediaAttachment, Poll.

use serde_json::{Value, json};

use super::account::{self, mention, visibility};
use super::{emojis, various};
use crate::accounts::Account;
use crate::app::App;
use crate::error::Result;
use crate::kernel::clock::Time;
use crate::kernel::html::{escape, to_text};
use crate::kernel::id::AccountId;
use crate::media::{self, Media, proxy};
use crate::posts::Post;
use crate::posts::policies::Permission;
use crate::posts::polls::Poll;
use crate::posts::view::{self, Brought, View};
use crate::timelines::filters::{self, Filter};

/// Statuses as a viewer sees them, in their order; `context` is where they will be shown, for filters.
///
/// # Errors
/// What the database says.
pub async fn several(
    app: &App,
    viewer: Option<&Account>,
    posts: &[Post],
    context: &str,
) -> Result<Vec<Value>> {
    let filters = match viewer {
        Some(viewer) => filters::active(app, viewer.id).await?,
        None => Vec::new(),
    };
    let views = view::load(app, viewer, posts).await?;
    Ok(views
        .iter()
        .map(|view| status(app, viewer, view, &filters, context))
        .collect())
}

/// One status, if it can be shown.
///
/// # Errors
/// `NotFound` when it is gone.
pub async fn one(app: &App, viewer: Option<&Account>, post: &Post) -> Result<Value> {
    let mut found = several(app, viewer, std::slice::from_ref(post), "thread").await?;
    found.pop().ok_or(crate::error::Error::NotFound)
}

/// A view as a status; a boost holds what it boosts.
fn status(
    app: &App,
    viewer: Option<&Account>,
    view: &View,
    filters: &[Filter],
    context: &str,
) -> Value {
    let inner = plain(app, viewer, view, filters, context);
    let Some(Brought { by, id, audience }) = &view.brought_by else {
        return inner;
    };
    let at = crate::kernel::id::time_of(id.0).rfc3339();
    let mut outer = inner.clone();
    let uri = app.origin().at(&format!("{}/{id}", by.path()));
    outer["id"] = json!(id.to_string());
    outer["uri"] = json!(uri);
    outer["url"] = json!(uri);
    outer["account"] = account::account(app, by);
    outer["created_at"] = json!(at);
    outer["edited_at"] = Value::Null;
    outer["visibility"] = json!(visibility(audience.name()));
    outer["reblog"] = inner;
    for list in ["media_attachments", "mentions", "tags", "emojis"] {
        outer[list] = json!([]);
    }
    for empty in ["poll", "card", "in_reply_to_id", "in_reply_to_account_id"] {
        outer[empty] = Value::Null;
    }
    if let Some(members) = outer.as_object_mut() {
        members.remove("quote");
    }
    outer
}

fn plain(
    app: &App,
    viewer: Option<&Account>,
    view: &View,
    filters: &[Filter],
    context: &str,
) -> Value {
    let post = &view.post;
    let mut entity = json!({
        "id": post.id.to_string(),
        "uri": post.uri,
        "url": post.url.as_ref().unwrap_or(&post.uri),
        "account": account::account(app, &view.author),
        "content": content(post, &view.media),
        "created_at": post.created_at.rfc3339(),
        "edited_at": post.edited_at.map(Time::rfc3339),
        "visibility": visibility(post.audience.name()),
        "sensitive": post.sensitive,
        "spoiler_text": post.warning,
        "language": post.language,
        "in_reply_to_id": post.in_reply_to.map(|id| id.to_string()),
        "in_reply_to_account_id": view.answers.as_ref().map(|account| account.id.to_string()),
        "reblog": null,
        "media_attachments": view.media.iter().filter(|media| media.kind != "link").map(|media| attachment(app, media, reader(post, viewer))).collect::<Vec<_>>(),
        "mentions": view.mentions.iter().map(mention).collect::<Vec<_>>(),
        "tags": view.tags.iter().map(|tag| various::tag_link(app, tag)).collect::<Vec<_>>(),
        "emojis": emojis(app, &post.emojis),
        "replies_count": post.replies_count,
        "reblogs_count": post.boosts_count,
        "favourites_count": post.favourites_count,
        "quotes_count": view.quotes,
        "card": view.preview.as_ref().map(|preview| various::card(app, preview)),
        "poll": view.poll.as_ref().map(|poll| self::poll(app, viewer, poll, &view.votes)),
        "quote_approval": quote_approval(view),
    });
    if let Some((name, website)) = &view.app {
        entity["application"] = json!({"name": name, "website": website});
    }
    if let Some(state) = &post.quote_state {
        let quoted = view
            .quote
            .as_ref()
            .map(|quote| plain(app, viewer, quote, &[], context));
        let state = match (state.as_str(), &quoted) {
            ("accepted", None) => "deleted",
            (state, _) => state,
        };
        entity["quote"] = json!({"state": state, "quoted_status": quoted});
    }
    if let Some(viewer) = viewer {
        entity["favourited"] = json!(view.favourited);
        entity["reblogged"] = json!(view.boosted);
        entity["bookmarked"] = json!(view.bookmarked);
        entity["muted"] = json!(view.muted);
        entity["filtered"] = json!(filtered(view, filters, context));
        if viewer.id == post.account {
            entity["pinned"] = json!(post.pinned_at.is_some());
        }
    }
    entity
}

/// The content, with the title of an article or event above it, and below it the links it carries, which apps have no
/// other place for.
fn content(post: &Post, media: &[Media]) -> String {
    let mut content = String::new();
    if !post.title.is_empty() {
        let title = escape(&post.title);
        content.push_str(&format!("<p><strong>{title}</strong></p>"));
    }
    content.push_str(&post.html);
    let links = media.iter().filter(|item| item.kind == "link");
    for url in links.filter_map(|item| item.remote_url.as_deref()) {
        let url = escape(url);
        if !content.contains(&*url) {
            content.push_str(&format!(
                "<p><a href=\"{url}\" rel=\"nofollow noopener noreferrer\" target=\"_blank\">{url}</a></p>"
            ));
        }
    }
    content
}

/// Who may quote it, as clients show it.
fn quote_approval(view: &View) -> Value {
    let automatic: Vec<&str> = match view.post.quote_policy.as_str() {
        "everyone" => vec!["public"],
        "followers" => vec!["followers"],
        _ => Vec::new(),
    };
    let may = match view.allowed.quote {
        Permission::Granted => "automatic",
        Permission::Asked => "manual",
        Permission::Refused => "denied",
    };
    json!({"automatic": automatic, "manual": [], "current_user": may})
}

/// The filters a post falls under (FilterResult).
fn filtered(view: &View, filters: &[Filter], context: &str) -> Vec<Value> {
    // Who filters nothing waits for nothing.
    if !filters
        .iter()
        .any(|filter| filter.contexts.iter().any(|one| one == context))
    {
        return Vec::new();
    }
    let post = &view.post;
    let mut text = format!("{}\n{}\n{}", post.title, post.warning, to_text(&post.html));
    for media in &view.media {
        text.push('\n');
        text.push_str(&media.description);
    }
    for (option, _) in view.poll.iter().flat_map(|poll| &poll.options) {
        text.push('\n');
        text.push_str(option);
    }
    filters
        .iter()
        .filter(|filter| filter.contexts.iter().any(|one| one == context))
        .filter_map(|filter| {
            let words = filter.matches(&text);
            let posts: Vec<String> = filter
                .posts
                .iter()
                .filter(|(_, id)| *id == post.id)
                .map(|(_, id)| id.to_string())
                .collect();
            (!words.is_empty() || !posts.is_empty()).then(|| {
                json!({
                    "filter": various::filter(filter, false),
                    "keyword_matches": words,
                    "status_matches": posts,
                })
            })
        })
        .collect()
}

/// To whom alone the files of a post open; to everybody where nobody is named.
pub fn reader(post: &Post, viewer: Option<&Account>) -> Option<AccountId> {
    viewer
        .map(|viewer| viewer.id)
        .filter(|_| !post.audience.is_open())
}

/// A MediaAttachment; what not everybody may see opens to its reader alone.
pub fn attachment(app: &App, media: &Media, reader: Option<AccountId>) -> Value {
    let origin = app.origin();
    let own = |file: &String| {
        let key = reader.map_or_else(String::new, |reader| media::key(app, file, Some(reader)));
        origin.at(&format!("/media/{file}{key}"))
    };
    let proxied = |url: &String| origin.at(&proxy::address(app, url));
    let picture = media.kind == "image";
    let url = match (&media.file, &media.remote_url) {
        (Some(file), _) => Some(own(file)),
        (None, Some(url)) if media.may_move() => Some(origin.at(&proxy::moving_address(app, url))),
        (None, Some(url)) if media.kind != "link" => Some(proxied(url)),
        (None, url) => url.clone(),
    };
    let preview = match (&media.preview, &media.icon_url) {
        (Some(file), _) => Some(own(file)),
        (None, Some(url)) => Some(proxied(url)),
        (None, None) if picture => media
            .remote_url
            .as_ref()
            .map(proxied)
            .or_else(|| url.clone()),
        (None, None) => None,
    };
    let mut meta = json!({});
    if let Some((width, height)) = media.size {
        meta["original"] = json!({
            "width": width, "height": height, "size": format!("{width}x{height}"),
            "aspect": if height > 0 { width as f64 / height as f64 } else { 1.0 },
        });
        let (small_width, small_height) = various::fit((width, height), 480);
        meta["small"] = json!({
            "width": small_width, "height": small_height, "size": format!("{small_width}x{small_height}"),
            "aspect": if small_height > 0 { small_width as f64 / small_height as f64 } else { 1.0 },
        });
    }
    if matches!(media.kind.as_str(), "image" | "video") {
        let (x, y) = media.focus;
        meta["focus"] = json!({"x": x as f64 / 1000.0, "y": y as f64 / 1000.0});
    }
    if let Some(ms) = media.duration_ms {
        let seconds = ms as f64 / 1000.0;
        meta["length"] = json!(format!(
            "{}:{:02}:{:05.2}",
            ms / 3_600_000,
            ms / 60_000 % 60,
            seconds % 60.0
        ));
        meta["original"]["duration"] = json!(seconds);
    }
    let kind = match media.kind.as_str() {
        "image" => "image",
        "video" => "video",
        "audio" => "audio",
        _ => "unknown",
    };
    json!({
        "id": media.id.to_string(),
        "type": kind,
        "url": url,
        "preview_url": preview,
        "remote_url": media.remote_url,
        "preview_remote_url": null,
        "text_url": null,
        "meta": meta,
        "description": Some(media.caption()).filter(|text| !text.is_empty()),
        "blurhash": media.blurhash,
    })
}

/// A Poll.
pub fn poll(app: &App, viewer: Option<&Account>, poll: &Poll, votes: &[i64]) -> Value {
    let over = poll.is_over(app.clock.now());
    let shown = poll.shows_totals(app.clock.now());
    let options: Vec<Value> = poll
        .options
        .iter()
        .map(|(title, count)| json!({"title": title, "votes_count": Some(count).filter(|_| shown)}))
        .collect();
    let mut entity = json!({
        "id": poll.post.to_string(),
        "expires_at": poll.expires_at.map(Time::rfc3339),
        "expired": over,
        "multiple": poll.multiple,
        "votes_count": poll.options.iter().map(|(_, count)| count).sum::<i64>(),
        "voters_count": poll.voters,
        "options": options,
        "emojis": [],
    });
    if viewer.is_some() {
        entity["voted"] = json!(!votes.is_empty());
        entity["own_votes"] = json!(votes);
    }
    entity
}
