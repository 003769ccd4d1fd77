//! Files as answers: our own, and copies of remote ones, whole or the part that was asked for.

use std::ops::Range;

use axum::body::Body;
use axum::extract::{Path, Query, State};
use axum::response::{IntoResponse, Response};
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};

use crate::accounts::{self, Account};
use crate::app::App;
use crate::audiences::{self, Audience};
use crate::crew::Right;
use crate::error::{Error, Result};
use crate::kernel::crypt;
use crate::kernel::id::AccountId;
use crate::kernel::net;
use crate::kernel::storage::Storage;
use crate::media::{self, Media, files, kinds, proxy};
use crate::moderation::reports;
use crate::nodes::house;
use crate::posts;
use crate::ui::{PageResult, Visitor};

/// A file that is to be handed out.
struct Handed<'a> {
    storage: &'a Storage,
    /// Its name in the storage.
    stored: &'a str,
    /// The name it goes by outside; what is behind it never changes.
    name: &'a str,
    media_type: &'a str,
    /// Whether everybody may see it.
    open: bool,
}

/// What part of a file a request wants.
#[derive(Debug, PartialEq, Eq)]
enum Wanted {
    Whole,
    Part(Range<u64>),
    Nothing,
}

/// Reads a `Range` header; of several ranges, and of what cannot be read, the whole file comes (RFC 9110 §14.2).
fn wanted(range: Option<&str>, size: u64) -> Wanted {
    let Some(range) = range.and_then(|range| range.trim().strip_prefix("bytes=")) else {
        return Wanted::Whole;
    };
    let Some((first, last)) = range.trim().split_once('-') else {
        return Wanted::Whole;
    };
    let range = match (first.parse::<u64>(), last.parse::<u64>()) {
        (Ok(first), Ok(last)) if first <= last => first..last.saturating_add(1).min(size),
        (Ok(first), Err(_)) if last.is_empty() => first..size,
        (Err(_), Ok(length)) if first.is_empty() => size.saturating_sub(length)..size,
        _ => return Wanted::Whole,
    };
    if range.start < range.end {
        Wanted::Part(range)
    } else {
        Wanted::Nothing
    }
}

/// The answer that hands a file out.
async fn hand_out(file: Handed<'_>, headers: &HeaderMap) -> Result<Response> {
    let size = file.storage.size(file.stored).await;
    let size = size.map_err(|_| Error::NotFound)?;
    let tag = format!("\"{}\"", crypt::token_hash(file.name));
    let sent = |name: HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
    if sent(header::IF_NONE_MATCH).is_some_and(|known| known.contains(&tag)) {
        let mut answer = StatusCode::NOT_MODIFIED.into_response();
        describe(answer.headers_mut(), &file, &tag);
        return Ok(answer);
    }
    let same = sent(header::IF_RANGE).is_none_or(|known| known == tag);
    let wish = wanted(sent(header::RANGE).filter(|_| same), size);
    let (status, range) = match wish {
        Wanted::Whole => (StatusCode::OK, 0..size),
        Wanted::Part(range) => (StatusCode::PARTIAL_CONTENT, range),
        Wanted::Nothing => (StatusCode::RANGE_NOT_SATISFIABLE, 0..0),
    };
    let length = range.end - range.start;
    let shown = match status {
        StatusCode::PARTIAL_CONTENT => {
            Some(format!("bytes {}-{}/{size}", range.start, range.end - 1))
        }
        StatusCode::RANGE_NOT_SATISFIABLE => Some(format!("bytes */{size}")),
        _ => None,
    };
    let content = file.storage.part(file.stored, range).await?;
    let mut answer = (status, Body::from_stream(content)).into_response();
    let headers = answer.headers_mut();
    describe(headers, &file, &tag);
    headers.insert(header::CONTENT_LENGTH, HeaderValue::from(length));
    if let Some(value) = shown.and_then(|shown| HeaderValue::from_str(&shown).ok()) {
        headers.insert(header::CONTENT_RANGE, value);
    }
    Ok(answer)
}

/// What an answer says about a file; nothing in it can act, wherever it is opened.
fn describe(headers: &mut HeaderMap, file: &Handed<'_>, tag: &str) {
    let mut set = |name: HeaderName, value: &str| {
        if let Ok(value) = HeaderValue::from_str(value) {
            headers.insert(name, value);
        }
    };
    set(header::CONTENT_TYPE, file.media_type);
    set(header::ETAG, tag);
    set(header::ACCEPT_RANGES, "bytes");
    set(
        header::CACHE_CONTROL,
        if file.open {
            "public, max-age=86400, immutable"
        } else {
            "private, no-store"
        },
    );
    set(
        header::CONTENT_SECURITY_POLICY,
        "default-src 'none'; media-src 'self'; sandbox",
    );
    set(
        HeaderName::from_static("cross-origin-resource-policy"),
        "cross-origin",
    );
    let shown = ["image/", "audio/", "video/"];
    if !shown.iter().any(|kind| file.media_type.starts_with(kind)) {
        set(header::CONTENT_DISPOSITION, "attachment");
    }
}

/// The signature with which a narrower post's file was linked, for whoever has it or for one reader.
#[derive(Debug, serde::Deserialize)]
pub struct Key {
    /// When it ends, in milliseconds.
    e: Option<i64>,
    k: Option<String>,
    v: Option<AccountId>,
}

impl Key {
    /// Whether it is ours, for this file.
    fn holds(&self, app: &App, name: &str) -> bool {
        let key = self.e.zip(self.k.as_deref());
        key.is_some_and(|key| media::opens(app, name, self.v, key))
    }
}

/// `GET /media/{shard}/{file}`: a file of ours; of a narrower post only for who may see it.
pub async fn show(
    State(app): State<App>,
    Path((shard, file)): Path<(String, String)>,
    Query(key): Query<Key>,
    parts: Parts,
) -> PageResult {
    let name = format!("{shard}/{file}");
    let item = media::find_by_file(&app, &name).await?;
    let open = match item.as_ref() {
        // What everybody sees is handed out without asking who comes: a page has many pictures.
        Some(item) if is_open(&app, item).await? => true,
        item => is_for(&app, item, &name, &key, &parts).await?,
    };
    let known = item
        .as_ref()
        .filter(|item| item.file.as_ref() == Some(&name));
    let file = Handed {
        storage: &app.media,
        stored: &files::stored(&app, &name).await?,
        name: &name,
        media_type: known.map_or_else(|| kinds::media_type_of(&name), |item| &item.media_type),
        open,
    };
    Ok(hand_out(file, &parts.headers).await?)
}

/// Whether a file belongs to a post that everybody sees.
async fn is_open(app: &App, item: &Media) -> Result<bool> {
    let Some(post) = item.post else {
        return Ok(false);
    };
    let post = posts::find(app, post).await?.ok_or(Error::NotFound)?;
    Ok(post.audience.is_open() && audiences::may_see(app, None, post.thing()).await?)
}

/// Whether a file that is not open to all may be kept by caches, where it is for who asks.
///
/// # Errors
/// `NotFound` where it is not for them.
async fn is_for(
    app: &App,
    item: Option<&Media>,
    name: &str,
    key: &Key,
    parts: &Parts,
) -> Result<bool> {
    // The picture of a profile or of the house; what no row names is given up, even if its file is still there.
    let is_of_all = async || -> Result<bool> {
        Ok(media::is_on_a_profile(app, name).await? || house::is_house_picture(app, name).await?)
    };
    if item.is_none() && is_of_all().await? {
        return Ok(true);
    }
    let visitor = Visitor::of(app, parts).await?;
    let signed = key.holds(app, name);
    let reader = match key.v.filter(|_| signed) {
        Some(reader) => accounts::find(app, reader).await?,
        None => None,
    };
    let reader = reader.filter(Account::is_active);
    match item.map(|item| (item.post, item.account)) {
        // What was reported is looked at by whoever keeps the peace, also once its author deleted it.
        None if visitor.ui.rights.has(Right::Moderate) && reports::keeps(app, name).await? => {
            Ok(false)
        }
        None => Err(Error::NotFound),
        Some((Some(post), _)) => {
            let reader = reader.as_ref().or_else(|| visitor.viewer());
            let found = posts::find(app, post).await?.ok_or(Error::NotFound)?;
            // What is for a grant closes with the right to see it, whoever has its address.
            let passed_on = signed && key.v.is_none() && !found.is_for_grant();
            // What waits for a look is looked at by whoever keeps the peace.
            let looks = found.audience == Audience::Held && visitor.ui.rights.has(Right::Moderate);
            if !passed_on && !looks && !audiences::may_see(app, reader, found.thing()).await? {
                return Err(Error::NotFound);
            }
            Ok(found.audience.is_open())
        }
        Some((None, owner)) => {
            let me = reader.as_ref().or(visitor.account.as_ref());
            if me.is_none_or(|me| me.id != owner) {
                return Err(Error::NotFound);
            }
            Ok(false)
        }
    }
}

/// `GET /proxy/{signature}/{address}`: a copy of something remote.
pub async fn proxied(
    State(app): State<App>,
    Path((signature, address)): Path<(String, String)>,
    parts: Parts,
) -> PageResult {
    let source = net::source(&app.settings.server.trusted_proxies, &parts);
    app.limits
        .pictures
        .take(source, app.clock.now())
        .map_err(Error::TooMany)?;
    let copy = match proxy::fetch(&app, &signature, &address).await {
        Ok(copy) => copy,
        Err(Error::NotFound) => return Ok(StatusCode::NOT_FOUND.into_response()),
        Err(error) => return Err(error.into()),
    };
    let file = Handed {
        storage: &app.cache,
        stored: &copy.file,
        name: &copy.file,
        media_type: &copy.media_type,
        open: true,
    };
    Ok(hand_out(file, &parts.headers).await?)
}

#[cfg(test)]
mod tests {
    use super::{Wanted, wanted};

    #[test]
    fn parts_are_cut_as_asked() {
        let cases = [
            (None, Wanted::Whole),
            (Some("bytes=0-99"), Wanted::Part(0..100)),
            (Some("bytes=50-"), Wanted::Part(50..1000)),
            (Some("bytes=-10"), Wanted::Part(990..1000)),
            (Some("bytes=-5000"), Wanted::Part(0..1000)),
            (Some("bytes=900-99999"), Wanted::Part(900..1000)),
            (Some("bytes=1000-"), Wanted::Nothing),
            (Some("bytes=-0"), Wanted::Nothing),
            (Some("bytes=0-1,5-6"), Wanted::Whole),
            (Some("bytes=9-1"), Wanted::Whole),
            (Some("lines=0-1"), Wanted::Whole),
            (Some("bytes=x-"), Wanted::Whole),
            (
                Some("bytes=18446744073709551615-18446744073709551615"),
                Wanted::Nothing,
            ),
        ];
        for (range, wish) in cases {
            assert_eq!(wanted(range, 1000), wish, "{range:?}");
        }
    }
}
