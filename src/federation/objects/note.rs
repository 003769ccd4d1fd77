//! Notes and what is shown like one: reading theirs, writing ours.

use std::time::Duration;

use serde_json::{Value, json};

use super::policy;
use crate::accounts::{self, Account};
use crate::app::App;
use crate::audiences::Audience;
use crate::error::Result;
use crate::federation::PUBLIC;
use crate::federation::actor::emojis;
use crate::federation::doc::{Doc, is_public};
use crate::kernel::clock::Time;
use crate::kernel::html::{escape, sanitize, to_text};
use crate::kernel::origin::{host_of_uri, parse_url, same_origin};
use crate::kernel::text::{fold_tag, simple_html};
use crate::media::{self, Remote};
use crate::moderation::calm;
use crate::posts::arrive::{Arrived, Poll};
use crate::posts::references::id_of_page;
use crate::posts::{self, Post, stamps};

/// The types that are shown as posts, and what we call them.
const KINDS: [(&str, &str); 9] = [
    ("Note", "note"),
    // A direct message, as some programs call it: whom it is addressed to says the rest.
    ("ChatMessage", "note"),
    ("Question", "question"),
    ("Article", "article"),
    ("Page", "page"),
    ("Image", "image"),
    ("Audio", "audio"),
    ("Video", "video"),
    ("Event", "event"),
];

/// What we call a document that is shown as a post; nothing when it is none.
pub fn kind_of(doc: Doc<'_>) -> Option<&'static str> {
    let types: Vec<&str> = KINDS.iter().map(|(wire, _)| *wire).collect();
    let found = doc.kind_in(&types)?;
    KINDS
        .iter()
        .find(|(wire, _)| *wire == found)
        .map(|(_, ours)| *ours)
}

/// Reads a post of `author`; nothing when the document is none or speaks for another host.
///
/// # Errors
/// What the database says.
pub async fn read(app: &App, document: &Value, author: &Account) -> Result<Option<Arrived>> {
    let doc = Doc(document);
    let (Some(kind), Some(uri)) = (kind_of(doc), doc.id().filter(|id| parse_url(id).is_some()))
    else {
        return Ok(None);
    };
    if !same_origin(uri, &author.uri)
        || !is_by(doc, author)
        || doc.kind_in(&crate::federation::actor::TYPES).is_some()
    {
        return Ok(None);
    }
    let now = app.clock.now();
    let ours = matches!(kind, "note" | "question");
    let published = doc
        .time("published")
        .filter(|at| *at <= now.plus(Duration::from_secs(600)) && at.0 > 0)
        .unwrap_or(now);
    let (mut people, tags) = read_tags(app, doc).await?;
    let audience = audience(doc, author);
    // A message to named people may mention nobody: then it is to whom it is addressed.
    if audience == Audience::People && people.iter().all(|(_, mentioned)| !mentioned) {
        let to = doc.ids("to");
        for (account, mentioned) in &mut people {
            *mentioned = to.contains(&account.uri.as_str());
        }
    }
    Ok(Some(Arrived {
        uri: uri.to_owned(),
        url: doc
            .link("url")
            .filter(|url| ours || host_of_uri(url).as_deref() == Some(&author.host)),
        kind,
        title: doc
            .text("name", 500)
            .map(|name| to_text(&name))
            .unwrap_or_default(),
        html: content(doc, kind),
        warning: if ours {
            doc.text("summary", 5_000)
                .map(|warning| to_text(&warning))
                .unwrap_or_default()
        } else {
            String::new()
        },
        sensitive: doc.flag("sensitive") || (ours && doc.text("summary", 10).is_some()),
        language: doc.language(),
        audience,
        people,
        tags,
        emojis: emojis(&doc),
        in_reply_to_uri: doc
            .id_of("inReplyTo")
            .filter(|uri| parse_url(uri).is_some())
            .map(|uri| id_of_page(&app.origin(), uri).into_owned()),
        quote_uri: quote(doc),
        quote_stamp_uri: doc
            .id_of("quoteAuthorization")
            .filter(|uri| parse_url(uri).is_some())
            .map(str::to_owned),
        quote_policy: policy::quotes(doc, author),
        interaction_policy: policy::read(doc),
        media: attachments(doc, kind),
        poll: poll(doc),
        held: None,
        published,
        updated: doc.time("updated").filter(|at| at.0 > 0),
    }))
}

/// Whether the author is named, alone or among others. Where nobody is, who sent it is the author.
fn is_by(doc: Doc<'_>, author: &Account) -> bool {
    let mut named = doc.ids("attributedTo");
    if named.is_empty() {
        named = doc.ids("actor");
    }
    named.is_empty() || named.contains(&author.uri.as_str())
}

/// For whom something is, by whom it names (ActivityPub §6.1): everyone, followers, or only people.
pub fn audience(doc: Doc<'_>, author: &Account) -> Audience {
    let to = doc.ids("to");
    let all = doc.recipients();
    if to.iter().any(|id| is_public(id)) {
        Audience::Public
    } else if all.iter().any(|id| is_public(id)) {
        Audience::Unlisted
    } else if author
        .followers_uri
        .as_deref()
        .is_some_and(|followers| all.contains(&followers))
    {
        Audience::Followers
    } else {
        Audience::People
    }
}

/// Content, sanitised; of what is no note also its summary and its link.
fn content(doc: Doc<'_>, kind: &str) -> String {
    let markdown = doc
        .get("mediaType")
        .as_str()
        .is_some_and(|kind| kind == "text/markdown" || kind == "text/plain");
    let body = doc.text("content", 100_000);
    if matches!(kind, "note" | "question") {
        return body
            .map(|html| {
                if markdown {
                    simple_html(&html)
                } else {
                    sanitize(&html)
                }
            })
            .unwrap_or_default();
    }
    let mut html = match body {
        Some(body) if markdown => simple_html(&body),
        Some(body) => sanitize(&body),
        None => doc
            .text("summary", 5_000)
            .map(|summary| sanitize(&summary))
            .unwrap_or_default(),
    };
    if kind == "event" {
        html = format!("{}{html}", event_line(doc));
    }
    let link = doc
        .objects("url")
        .into_iter()
        .find(|link| link.media_type("mediaType") == "text/html")
        .and_then(|link| link.link("href"));
    if let Some(link) = link
        .or_else(|| doc.link("url"))
        .or_else(|| doc.id().map(str::to_owned))
    {
        html.push_str(&format!(
            "<p><a href=\"{0}\" rel=\"nofollow noopener noreferrer\">{0}</a></p>",
            escape(&link)
        ));
    }
    html
}

/// When and where, in one line.
fn event_line(doc: Doc<'_>) -> String {
    let when = doc
        .get("startTime")
        .as_str()
        .and_then(Time::parse_with_offset)
        .map(|(at, offset)| at.as_written(offset));
    let location = doc.objects("location").into_iter().next();
    let place = location.and_then(|place| {
        let address = Doc(place.get("address"));
        let parts: Vec<String> = [
            place.text("name", 300),
            address.text("addressLocality", 200),
        ]
        .into_iter()
        .flatten()
        .collect();
        (!parts.is_empty()).then(|| parts.join(", "))
    });
    let parts: Vec<String> = [when, place]
        .into_iter()
        .flatten()
        .map(|part| escape(&part))
        .collect();
    if parts.is_empty() {
        String::new()
    } else {
        format!("<p>{}</p>", parts.join(" · "))
    }
}

type Tags = (Vec<(Account, bool)>, Vec<String>);

/// Whom a document names, as far as we know them, and its hashtags.
async fn read_tags(app: &App, doc: Doc<'_>) -> Result<Tags> {
    let mentioned: Vec<&str> = doc
        .objects("tag")
        .into_iter()
        .filter(|tag| tag.kind_in(&["Mention"]).is_some())
        .filter_map(|tag| tag.get("href").as_str())
        .take(64)
        .collect();
    let mut people: Vec<(Account, bool)> = Vec::new();
    for uri in mentioned.iter().copied().chain(doc.recipients()) {
        if is_public(uri)
            || people.iter().any(|(account, _)| account.uri == uri)
            || people.len() >= 64
        {
            continue;
        }
        let mut account = accounts::find_by_uri(app, uri).await?;
        if account.is_none()
            && let Some(name) = app
                .origin()
                .path_of(uri)
                .and_then(|path| path.strip_prefix("/@"))
        {
            // Some programs mention by the page instead of the id.
            account = accounts::find_local(app, name).await?;
        }
        if let Some(account) = account.filter(|account| account.deleted_at.is_none()) {
            people.push((account, mentioned.contains(&uri)));
        }
    }
    let mut tags: Vec<String> = Vec::new();
    for tag in doc
        .objects("tag")
        .into_iter()
        .filter(|tag| tag.kind_in(&["Hashtag"]).is_some())
    {
        if let Some(folded) = tag
            .text("name", 300)
            .map(|name| fold_tag(&name))
            .filter(|folded| !folded.is_empty())
            && !tags.contains(&folded)
            && tags.len() < 64
        {
            tags.push(folded);
        }
    }
    Ok((people, tags))
}

/// What it quotes: FEP-044f first, then the older names, then a link tag (FEP-e232).
fn quote(doc: Doc<'_>) -> Option<String> {
    let named = ["quote", "_misskey_quote", "quoteUrl", "quoteUri"]
        .into_iter()
        .find_map(|key| doc.id_of(key).filter(|uri| parse_url(uri).is_some()));
    let linked = || {
        doc.objects("tag").into_iter().find_map(|tag| {
            let kind = tag.media_type("mediaType");
            let activity = kind.starts_with("application/activity+json")
                || (kind.starts_with("application/ld+json") && kind.contains("activitystreams"));
            (tag.kind_in(&["Link"]).is_some() && activity)
                .then(|| tag.get("href").as_str())?
                .filter(|uri| parse_url(uri).is_some())
        })
    };
    let found = named.or_else(linked)?;
    (Some(found) != doc.id()).then(|| found.to_owned())
}

fn poll(doc: Doc<'_>) -> Option<Poll> {
    let (options, multiple) = match (doc.objects("oneOf"), doc.objects("anyOf")) {
        (one, _) if !one.is_empty() => (one, false),
        (_, any) if !any.is_empty() => (any, true),
        _ => return None,
    };
    let options: Vec<(String, i64)> = options
        .into_iter()
        .filter_map(|option| {
            Some((
                option.text("name", 500)?,
                Doc(option.get("replies")).number("totalItems").unwrap_or(0),
            ))
        })
        .take(20)
        .collect();
    // With one choice each vote is a voter; with several there are as many as the most wanted has, at least.
    let votes = options.iter().map(|(_, votes)| *votes);
    let voters = if multiple {
        votes.max().unwrap_or(0)
    } else {
        votes.fold(0, i64::saturating_add)
    };
    let closed_at = closed_at(doc);
    Some(Poll {
        voters: doc.number("votersCount").unwrap_or(voters),
        expires_at: doc.time("endTime").or(closed_at),
        closed_at,
        options,
        multiple,
    })
}

/// When a poll ended: a moment, or only that it did.
fn closed_at(doc: Doc<'_>) -> Option<Time> {
    let told = || doc.time("updated").or_else(|| doc.time("published"));
    doc.time("closed")
        .or_else(|| told().filter(|_| doc.flag("closed")))
}

fn attachments(doc: Doc<'_>, kind: &str) -> Vec<Remote> {
    let mut found: Vec<Remote> = doc
        .objects("attachment")
        .into_iter()
        .filter_map(attachment)
        .take(16)
        .collect();
    if found.is_empty() && matches!(kind, "image" | "audio" | "video") {
        // The object is itself what others attach.
        let streams = doc.objects("url").into_iter().chain(doc.each("url"));
        let stream = streams
            .filter_map(|link| {
                Some((
                    link.address()?,
                    match link.media_type("mediaType") {
                        none if none.is_empty() => link.media_type("mimeType"),
                        found => found,
                    },
                ))
            })
            .find(|(_, media_type)| {
                media_type.starts_with("image/")
                    || media_type.starts_with("audio/")
                    || media_type.starts_with("video/")
            });
        if let Some((url, media_type)) = stream {
            found.push(Remote {
                kind: kind_of_media(&media_type, kind),
                media_type,
                url,
                duration_ms: duration(doc),
                icon_url: doc.link("icon"),
                ..Remote::default()
            });
        }
    }
    if found.is_empty()
        && matches!(kind, "article" | "page" | "event" | "video")
        && let Some(url) = doc.link("image").or_else(|| doc.link("icon"))
    {
        found.push(Remote {
            kind: "image",
            media_type: "image/jpeg".to_owned(),
            url,
            ..Remote::default()
        });
    }
    found
}

fn kind_of_media(media_type: &str, object: &str) -> &'static str {
    match media_type.split('/').next() {
        Some("image") => "image",
        Some("audio") => "audio",
        Some("video") => "video",
        _ => match object {
            "Image" | "image" => "image",
            "Audio" | "audio" => "audio",
            "Video" | "video" => "video",
            _ => "link",
        },
    }
}

/// What a file is by the end of its address, where nobody says; empty where that tells nothing.
fn by_extension(url: &str) -> &'static str {
    let path = url.split(['?', '#']).next().unwrap_or_default();
    let end = path
        .rsplit('/')
        .next()
        .and_then(|name| name.rsplit_once('.'));
    match end.map(|(_, end)| end.to_ascii_lowercase()).as_deref() {
        Some("jpg" | "jpeg") => "image/jpeg",
        Some("png") => "image/png",
        Some("gif") => "image/gif",
        Some("webp") => "image/webp",
        Some("avif") => "image/avif",
        Some("mp4" | "m4v") => "video/mp4",
        Some("webm") => "video/webm",
        Some("mp3") => "audio/mpeg",
        Some("ogg" | "oga" | "opus") => "audio/ogg",
        Some("flac") => "audio/flac",
        Some("m4a") => "audio/mp4",
        Some("wav") => "audio/wav",
        _ => "",
    }
}

fn attachment(doc: Doc<'_>) -> Option<Remote> {
    let object = doc.kind_in(&["Document", "Image", "Video", "Audio", "Link"])?;
    let url = doc.address()?;
    let media_type = match doc.media_type("mediaType") {
        none if none.is_empty() && object != "Link" => by_extension(&url).to_owned(),
        found => found,
    };
    let focus = doc
        .get("focalPoint")
        .as_array()
        .filter(|point| point.len() == 2)
        .map(|point| {
            let thousandths = |value: &Value| {
                value
                    .as_f64()
                    .filter(|v| v.abs() <= 1.0)
                    .map_or(0, |v| (v * 1000.0).round() as i64)
            };
            (thousandths(&point[0]), thousandths(&point[1]))
        });
    let length = |key| doc.number(key).filter(|n| (1..=100_000).contains(n));
    Some(Remote {
        kind: kind_of_media(&media_type, object),
        media_type,
        url,
        icon_url: doc.link("icon"),
        size: length("width").zip(length("height")),
        duration_ms: duration(doc),
        blurhash: doc.text("blurhash", 200),
        description: doc
            .text("name", 10_000)
            .or_else(|| doc.text("summary", 10_000))
            .unwrap_or_default(),
        focus: focus.unwrap_or_default(),
    })
}

/// Seconds as a number, or a duration of ISO 8601 up to weeks: `PT1H2M3S`, `P0DT0H3M20S`; years and months have no
/// length.
fn duration(doc: Doc<'_>) -> Option<i64> {
    if let Some(seconds) = doc
        .get("duration")
        .as_f64()
        .filter(|seconds| (0.0..1e7).contains(seconds))
    {
        return Some((seconds * 1000.0) as i64);
    }
    let mut total = 0.0;
    let mut digits = String::new();
    let mut in_time = false;
    for c in doc.get("duration").as_str()?.strip_prefix('P')?.chars() {
        match c {
            '0'..='9' | '.' => digits.push(c),
            ',' => digits.push('.'),
            'T' if digits.is_empty() && !in_time => in_time = true,
            unit => {
                let factor = match (unit, in_time) {
                    ('W', false) => 604_800.0,
                    ('D', false) => 86_400.0,
                    ('H', true) => 3_600.0,
                    ('M', true) => 60.0,
                    ('S', true) => 1.0,
                    // Nought of something has no length either.
                    ('Y' | 'M', false) if digits.trim_matches('0').is_empty() => 0.0,
                    _ => return None,
                };
                total += digits.parse::<f64>().ok()? * factor;
                digits.clear();
            }
        }
    }
    (total < 1e7).then_some((total * 1000.0) as i64)
}

/// The context of our posts and of the activities that carry them.
pub fn context() -> Value {
    json!([
        "https://www.w3.org/ns/activitystreams",
        "https://w3id.org/security/data-integrity/v1",
        {
            "toot": "http://joinmastodon.org/ns#", "sensitive": "as:sensitive", "Hashtag": "as:Hashtag", "blurhash": "toot:blurhash",
            "focalPoint": {"@container": "@list", "@id": "toot:focalPoint"}, "votersCount": "toot:votersCount",
            "gts": "https://gotosocial.org/ns#", "interactionPolicy": {"@id": "gts:interactionPolicy", "@type": "@id"},
            "canQuote": {"@id": "gts:canQuote", "@type": "@id"}, "canReply": {"@id": "gts:canReply", "@type": "@id"}, "canLike": {"@id": "gts:canLike", "@type": "@id"},
            "canAnnounce": {"@id": "gts:canAnnounce", "@type": "@id"}, "automaticApproval": {"@id": "gts:automaticApproval", "@type": "@id"},
            "approvedBy": {"@id": "gts:approvedBy", "@type": "@id"}, "replyAuthorization": {"@id": "gts:replyAuthorization", "@type": "@id"},
            "quote": {"@id": "https://w3id.org/fep/044f#quote", "@type": "@id"}, "quoteUri": "http://fedibird.com/ns#quoteUri",
            "_misskey_quote": "https://misskey-hub.net/ns/#_misskey_quote",
            "quoteAuthorization": {"@id": "https://w3id.org/fep/044f#quoteAuthorization", "@type": "@id"},
            "QuoteRequest": "https://w3id.org/fep/044f#QuoteRequest", "QuoteAuthorization": "https://w3id.org/fep/044f#QuoteAuthorization",
            "interactingObject": {"@id": "gts:interactingObject", "@type": "@id"}, "interactionTarget": {"@id": "gts:interactionTarget", "@type": "@id"}
        }
    ])
}

/// `to` and `cc` of a local post.
pub fn addressing(
    author: &Account,
    audience: Audience,
    people: &[(Account, bool)],
) -> (Vec<String>, Vec<String>) {
    let named: Vec<String> = people
        .iter()
        .map(|(account, _)| account.uri.clone())
        .collect();
    let followers = author.followers_uri.clone().unwrap_or_default();
    match audience {
        Audience::Public => (vec![PUBLIC.to_owned()], [vec![followers], named].concat()),
        Audience::Unlisted => (vec![followers], [vec![PUBLIC.to_owned()], named].concat()),
        Audience::Followers => (vec![followers], named),
        Audience::People | Audience::Grant(_) | Audience::Held => (named, Vec::new()),
    }
}

/// The document of a local post, without its context.
///
/// # Errors
/// What the database says.
pub async fn build(app: &App, author: &Account, post: &Post) -> Result<Value> {
    let people = posts::people(app, post.id).await?;
    let (to, cc) = addressing(author, post.audience, &people);
    let origin = app.origin();
    // While its author waits for a yes, its files open to whoever has their signed address.
    let open = post.audience.is_open() && post.approval.as_deref() != Some("asked");
    let mut note = json!({
        "id": post.uri,
        "type": if post.kind == "question" { "Question" } else { "Note" },
        "attributedTo": author.uri,
        "content": post.html,
        "published": post.created_at.rfc3339(),
        "url": post.url,
        "to": to,
        "cc": cc,
        "sensitive": post.sensitive,
        "tag": tags(app, post, &people).await?,
        "attachment": media::of_post(app, post.id).await?.iter().map(|item| media_document(app, item, open)).collect::<Vec<_>>(),
        "interactionPolicy": policy::build(author, post, &people, calm::is_paused(app).await?),
    });
    if !post.text.is_empty() {
        note["source"] = json!({"content": post.text, "mediaType": "text/plain"});
    }
    if let Some(parent) = &post.in_reply_to_uri {
        note["inReplyTo"] = json!(parent);
    }
    if !post.warning.is_empty() {
        note["summary"] = json!(post.warning);
    }
    if let Some(language) = &post.language {
        note["contentMap"] = json!({language.clone(): post.html});
    }
    if let Some(at) = post.edited_at {
        note["updated"] = json!(at.rfc3339());
    }
    if post.audience.is_open() {
        note["context"] = json!(origin.at(&format!("/contexts/{}", post.thread)));
        note["likes"] = json!({"id": format!("{}/likes", post.uri), "type": "Collection", "totalItems": post.favourites_count});
        note["shares"] = json!({"id": format!("{}/shares", post.uri), "type": "Collection", "totalItems": post.boosts_count});
        note["replies"] = replies(app, post).await?;
    }
    add_quote(&mut note, post);
    if let Some(consent) = &post.approval_uri {
        // The second name is that of later drafts.
        note["approvedBy"] = json!(consent);
        note["replyAuthorization"] = json!(consent);
    }
    if post.kind == "question" {
        add_poll(app, &mut note, post).await?;
    }
    Ok(note)
}

async fn tags(app: &App, post: &Post, people: &[(Account, bool)]) -> Result<Vec<Value>> {
    let origin = app.origin();
    let mut tags: Vec<Value> = people
        .iter()
        .filter(|(_, mentioned)| *mentioned)
        .map(|(account, _)| json!({"type": "Mention", "href": account.uri, "name": format!("@{}", account.handle(&origin))}))
        .collect();
    for tag in posts::tags(app, post.id).await? {
        tags.push(json!({"type": "Hashtag", "name": format!("#{tag}"), "href": origin.at(&format!("/tags/{tag}"))}));
    }
    Ok(tags)
}

fn media_document(app: &App, item: &media::Media, open: bool) -> Value {
    // A narrower post's file opens to those who have its signed address.
    let address = |file: &String| {
        let key = if open {
            String::new()
        } else {
            media::key(app, file, None)
        };
        app.origin().at(&format!("/media/{file}{key}"))
    };
    let url = item.file.as_ref().map(address);
    let name = Some(item.full_name()).filter(|name| !name.is_empty());
    let mut document = json!({"type": if item.kind == "image" { "Image" } else { "Document" }, "mediaType": item.media_type, "url": url, "name": name});
    if let Some(cover) = item.preview.as_ref().filter(|_| item.kind != "image") {
        document["icon"] =
            json!({"type": "Image", "mediaType": "image/jpeg", "url": address(cover)});
    }
    if let Some(ms) = item.duration_ms {
        document["duration"] = json!(format!("PT{}.{:03}S", ms / 1000, ms % 1000));
    }
    if let Some((width, height)) = item.size {
        document["width"] = json!(width);
        document["height"] = json!(height);
    }
    if let Some(hash) = &item.blurhash {
        document["blurhash"] = json!(hash);
    }
    if item.focus != (0, 0) {
        document["focalPoint"] =
            json!([item.focus.0 as f64 / 1000.0, item.focus.1 as f64 / 1000.0]);
    }
    document
}

/// The answers' collection with its first page inside, as others expect it.
async fn replies(app: &App, post: &Post) -> Result<Value> {
    let id = format!("{}/replies", post.uri);
    let items: Vec<String> = posts::thread::open_replies(app, post, 0, 5)
        .await?
        .into_iter()
        .map(|reply| reply.uri)
        .collect();
    let mut page = json!({"id": format!("{id}?page=0"), "type": "CollectionPage", "partOf": id, "items": items});
    if items.len() == 5 {
        page["next"] = json!(format!("{id}?page=1"));
    }
    Ok(json!({"id": id, "type": "Collection", "first": page}))
}

fn add_quote(note: &mut Value, post: &Post) {
    let Some(quoted) = &post.quote_uri else {
        return;
    };
    note["quote"] = json!(quoted);
    note["quoteUri"] = json!(quoted);
    note["_misskey_quote"] = json!(quoted);
    if let Some(stamp) = &post.quote_stamp_uri {
        note["quoteAuthorization"] = json!(stamp);
    }
}

async fn add_poll(app: &App, note: &mut Value, post: &Post) -> Result<()> {
    let Some(poll) = posts::polls::of_post(app, post.id).await? else {
        return Ok(());
    };
    let shown = poll.shows_totals(app.clock.now());
    let options: Vec<Value> = poll
        .options
        .iter()
        .map(|(title, votes)| (title, if shown { *votes } else { 0 }))
        .map(|(title, votes)| json!({"type": "Note", "name": title, "replies": {"type": "Collection", "totalItems": votes}}))
        .collect();
    note[if poll.multiple { "anyOf" } else { "oneOf" }] = json!(options);
    note["votersCount"] = json!(poll.voters);
    if let Some(at) = poll.expires_at {
        note["endTime"] = json!(at.rfc3339());
    }
    if let Some(at) = poll.closed_at.filter(|at| at.0 > 0) {
        note["closed"] = json!(at.rfc3339());
    }
    Ok(())
}

/// The document of a consent to be quoted.
pub fn build_stamp(app: &App, author: &Account, stamp: &stamps::Stamp, quoted: &Post) -> Value {
    json!({
        "@context": context(),
        "id": stamps::uri(app, author, stamp.id),
        "type": "QuoteAuthorization",
        "attributedTo": author.uri,
        "interactingObject": stamp.quoting_uri,
        "interactionTarget": quoted.uri,
    })
}
