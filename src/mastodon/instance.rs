//! What this node is: `/api/v1/instance`, `/api/v2/instance` and what belongs to them.

use serde_json::{Value, json};

use super::answer::{done, json_of};
use super::entities::{account, various};
use super::{Answer, Caller, Refused};
use crate::accounts::{self, Account};
use crate::app::App;
use crate::error::{Error, Result};
use crate::kernel::clock::Time;
use crate::kernel::html::escape;
use crate::kernel::text::simple_html;
use crate::nodes::house::texts::{self, Text, Texts};
use crate::nodes::joining::{self, Mode};
use crate::nodes::{self, house};
use crate::posts;

/// The Mastodon version whose API this is, with our own.
fn version() -> String {
    format!(
        "4.4.0 (compatible; afterparty {})",
        env!("CARGO_PKG_VERSION")
    )
}

async fn configuration(app: &App, texts: &Texts) -> Result<Value> {
    let address = |text: &Text, path: &str| (!text.text.is_empty()).then(|| app.origin().at(path));
    let limits = &app.settings.limits;
    let push = crate::notifications::push::key(app).await?.public();
    Ok(json!({
        "urls": {
            "streaming": app.origin().url.replacen("http", "ws", 1),
            "about": app.origin().at("/about"),
            "privacy_policy": address(&texts.privacy, "/privacy"),
            "terms_of_service": address(&texts.terms, "/terms"),
            "status": null,
        },
        "vapid": {"public_key": push},
        "accounts": {"max_featured_tags": 10, "max_pinned_statuses": 20},
        "statuses": {
            "max_characters": limits.post_chars,
            "max_media_attachments": limits.attachments,
            "characters_reserved_per_url": 23,
        },
        "media_attachments": {
            "description_limit": limits.description_chars,
            "supported_mime_types": ["image/jpeg", "image/png", "image/gif", "image/webp", "audio/mpeg", "audio/mp3", "audio/mp4", "audio/m4a", "audio/x-m4a", "audio/flac", "audio/x-flac", "audio/ogg", "audio/vorbis", "audio/opus", "audio/wav", "audio/x-wav", "audio/wave", "video/mp4", "video/quicktime", "video/webm"],
            "image_size_limit": limits.picture_bytes,
            "image_matrix_limit": 50_000_000,
            "video_size_limit": limits.video_bytes,
            "video_frame_rate_limit": 120,
            "video_matrix_limit": 8_294_400,
        },
        "polls": {
            "max_options": limits.poll_options,
            "max_characters_per_option": limits.poll_option_chars,
            "min_expiration": limits.poll_shortest,
            "max_expiration": limits.poll_longest,
        },
        "translation": {"enabled": false},
        "limited_federation": false,
    }))
}

async fn contact(app: &App) -> Result<Value> {
    Ok(match accounts::first_host(app).await? {
        Some(host) => account::account(app, &host),
        None => account::account(app, &accounts::node_actor(app).await?),
    })
}

/// `GET /api/v1/instance` (deprecated, still called)
pub async fn old(call: Caller) -> Answer {
    let app = &call.app;
    let house = house::get(app).await?;
    let mode = joining::get(app).await?.mode;
    let texts = texts::get(app).await?;
    Ok(json_of(json!({
        "uri": app.origin().domain,
        "title": house.name,
        "short_description": escape(&house.line),
        "description": escape(&house.line),
        "email": "",
        "version": version(),
        "urls": {"streaming_api": app.origin().url.replacen("http", "ws", 1)},
        "stats": {
            "user_count": accounts::list_local(app).await?.len(),
            "status_count": posts::count_local(app).await?,
            "domain_count": nodes::list(app).await?.len(),
        },
        "thumbnail": app.origin().at("/assets/header.png"),
        "languages": ["en", "de"],
        "registrations": matches!(mode, Mode::Open | Mode::Request),
        "approval_required": mode == Mode::Request,
        "invites_enabled": mode != Mode::Closed,
        "configuration": configuration(app, &texts).await?,
        "contact_account": contact(app).await?,
        "rules": rules_of(&texts),
    })))
}

/// `GET /api/v2/instance`
pub async fn show(call: Caller) -> Answer {
    let app = &call.app;
    let house = house::get(app).await?;
    let active = accounts::count_active(app).await?;
    let mode = joining::get(app).await?.mode;
    let texts = texts::get(app).await?;
    Ok(json_of(json!({
        "domain": app.origin().domain,
        "title": house.name,
        "version": version(),
        "source_url": app.origin().at("/source"),
        "description": escape(&house.line),
        "usage": {"users": {"active_month": active}},
        "thumbnail": {"url": app.origin().at("/assets/header.png"), "blurhash": null, "versions": {}},
        "icon": [],
        "languages": ["en", "de"],
        "configuration": configuration(app, &texts).await?,
        "registrations": {
            "enabled": matches!(mode, Mode::Open | Mode::Request),
            "approval_required": mode == Mode::Request,
            "reason_required": false,
            "message": null,
            "min_age": null,
            "url": app.origin().at("/sign-up"),
        },
        "api_versions": {"mastodon": 4},
        "contact": {"email": "", "account": contact(app).await?},
        "rules": rules_of(&texts),
    })))
}

/// Rules of the house, numbered from one.
fn rules_of(texts: &Texts) -> Vec<Value> {
    let rules = texts.rules().into_iter().enumerate();
    rules
        .map(|(at, text)| json!({"id": (at + 1).to_string(), "text": text, "hint": "", "translations": {}}))
        .collect()
}

/// `GET /api/v1/instance/rules`
pub async fn rules(call: Caller) -> Answer {
    let texts = texts::get(&call.app).await?;
    Ok(json_of(json!(rules_of(&texts))))
}

/// A text of the house with its date.
fn dated(text: &Text) -> Value {
    json!({
        "updated_at": text.at.map(Time::rfc3339),
        "content": simple_html(&text.text),
    })
}

/// `GET /api/v1/instance/privacy_policy`
pub async fn privacy(call: Caller) -> Answer {
    let text = texts::get(&call.app).await?.privacy;
    if text.text.is_empty() {
        return Err(Error::NotFound.into());
    }
    Ok(json_of(dated(&text)))
}

/// `GET /api/v1/instance/terms_of_service`
pub async fn terms(call: Caller) -> Answer {
    let text = texts::get(&call.app).await?.terms;
    let Some(at) = text.at.filter(|_| !text.text.is_empty()) else {
        return Err(Error::NotFound.into());
    };
    Ok(json_of(json!({
        "effective_date": at.date(),
        "effective": true,
        "content": simple_html(&text.text),
        "succeeded_by": null,
    })))
}

/// Lists in which nothing stands yet.
pub async fn nothing(call: Caller) -> Answer {
    let _ = call;
    Ok(json_of(json!([])))
}

/// `GET /api/v1/instance/activity`: the last twelve weeks; a login is a member who wrote.
pub async fn activity(call: Caller) -> Answer {
    let weeks = nodes::activity::weeks(&call.app).await?;
    let items: Vec<Value> = weeks
        .iter()
        .map(|week| {
            json!({
                "week": week.at.seconds().to_string(),
                "statuses": week.posts.to_string(),
                "logins": week.writers.to_string(),
                "registrations": week.joined.to_string(),
            })
        })
        .collect();
    Ok(json_of(json!(items)))
}

/// `GET /api/v1/instance/peers`: the nodes this one has heard of.
pub async fn peers(call: Caller) -> Answer {
    let known = nodes::list(&call.app).await?;
    let hosts: Vec<String> = known.into_iter().map(|(node, _, _)| node.host).collect();
    Ok(json_of(json!(hosts)))
}

/// `GET /api/v1/instance/extended_description`
pub async fn description(call: Caller) -> Answer {
    let about = texts::get(&call.app).await?.about;
    if about.text.is_empty() {
        let line = house::get(&call.app).await?.line;
        let content = format!("<p>{}</p>", escape(&line));
        return Ok(json_of(json!({"updated_at": null, "content": content})));
    }
    Ok(json_of(dated(&about)))
}

/// `GET /api/v1/instance/languages`: those of the pages.
pub async fn languages(call: Caller) -> Answer {
    let _ = call;
    Ok(json_of(json!([
        {"code": "en", "name": "English"},
        {"code": "de", "name": "Deutsch"},
    ])))
}

/// `GET /api/v1/instance/translation_languages`: nothing is translated here.
pub async fn translations(call: Caller) -> Answer {
    let _ = call;
    done()
}

/// `POST /api/v1/statuses/{id}/translate`: nothing is translated here, and it says so.
pub async fn translate(call: Caller) -> Answer {
    let _ = call;
    let sentence = "This server does not translate";
    Err(Refused::with(http::StatusCode::NOT_FOUND, sentence))
}

/// `GET /health`
pub async fn health() -> axum::response::Response {
    json_of(json!({"status": "OK"}))
}

/// `GET /api/v1/custom_emojis`: the house has none of its own.
pub async fn emojis(call: Caller) -> Answer {
    nothing(call).await
}

/// `GET /api/oembed`: the house, a profile or a public post of it, to be shown elsewhere (oEmbed 1.0).
pub async fn oembed(call: Caller) -> Answer {
    let app = &call.app;
    let path = app.origin().path_of(call.params.text("url"));
    let path = path.ok_or(Error::NotFound)?;
    let path = path.split(['?', '#']).next().unwrap_or_default();
    let parts: Vec<&str> = path.trim_matches('/').split('/').collect();
    let (title, author) = match parts[..] {
        [""] => {
            let host = accounts::first_host(app).await?;
            (house::get(app).await?.name, host.ok_or(Error::NotFound)?)
        }
        [name] => {
            let account = accounts::find_by_handle(app, name.trim_start_matches('@')).await?;
            let account = account.filter(Account::is_local).ok_or(Error::NotFound)?;
            (account.shown_name().to_owned(), account)
        }
        [.., id] => {
            let id = id.parse().map_err(|_| Error::NotFound)?;
            let post = posts::get_for(app, None, id).await?;
            let author = accounts::get(app, post.account).await?;
            if !author.is_local() {
                return Err(Error::NotFound.into());
            }
            let words = crate::kernel::html::to_text(&post.html);
            (crate::kernel::html::shorten(&words, 80), author)
        }
        [] => return Err(Error::NotFound.into()),
    };
    let card = match parts[..] {
        [""] => "/embed".to_owned(),
        [.., id] if parts.len() > 1 => format!("/embed/@{}/{id}", author.name),
        _ => format!("/embed/@{}", author.name),
    };
    let width = call.params.number::<i64>("maxwidth").unwrap_or(400);
    let width = width.clamp(220, 800);
    let address = escape(&app.origin().at(&card));
    Ok(json_of(json!({
        "type": "rich",
        "title": title,
        "version": "1.0",
        "author_name": author.shown_name(),
        "author_url": author.url,
        "provider_name": house::get(app).await?.name,
        "provider_url": app.origin().url,
        "cache_age": 86_400,
        "html": format!("<iframe src=\"{address}\" width=\"{width}\" height=\"420\" title=\"{}\" loading=\"lazy\" sandbox=\"allow-popups allow-popups-to-escape-sandbox allow-same-origin\" referrerpolicy=\"no-referrer\"></iframe>", escape(&title)),
        "width": width,
        "height": null,
    })))
}

/// `GET /api/v1/preferences`
pub async fn preferences(call: Caller) -> Answer {
    let member = call.member()?;
    let wishes = accounts::preferences::get(&call.app, member.id).await?;
    Ok(json_of(json!({
        "posting:default:visibility": account::visibility(&wishes.audience),
        "posting:default:sensitive": wishes.sensitive,
        "posting:default:language": wishes.language,
        "posting:default:quote_policy": account::quote_policy(&wishes.quote_policy),
        "reading:expand:media": "default",
        "reading:expand:spoilers": false,
        "reading:autoplay:gifs": false,
    })))
}

/// The use of a hashtag, as an entity.
pub async fn tag(app: &App, name: &str, mine: Option<various::MyTag>) -> Result<Value> {
    let days = crate::timelines::tags::history(app, name).await?;
    Ok(various::tag(app, name, &days, mine))
}
