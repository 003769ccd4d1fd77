//! The older public posts of a newly followed account, and the answers to a post somebody reads.
//!
//! Both are bounded: one host, 40 posts, 4 pages, 60 requests, once a day for an account.

use serde_json::Value;

use super::doc::Doc;
use super::fetch::{self, Budget};
use super::objects::{self, note};
use crate::accounts::{self, Account, remote};
use crate::app::App;
use crate::error::Result;
use crate::kernel::id::{AccountId, PostId};
use crate::kernel::origin::same_origin;
use crate::posts::{self, keep, thread};

/// Most posts taken.
const POSTS: usize = 40;
/// Most pages read.
const PAGES: usize = 4;

/// Fetches the pinned and the newest public posts of a remote account.
///
/// # Errors
/// What the database says; what cannot be fetched is left out.
pub async fn account(app: &App, id: AccountId) -> Result<()> {
    let account = accounts::get(app, id).await?;
    if account.is_local() || !remote::begin_backfill(app, id).await? {
        return Ok(());
    }
    let budget = Budget::person();
    let mut left = POSTS;
    for (collection, pinned) in [(&account.featured_uri, true), (&account.outbox_uri, false)] {
        let Some(uri) = collection else { continue };
        for item in items(app, uri, PAGES, &budget).await {
            if left == 0 {
                return Ok(());
            }
            left -= 1;
            take(app, &account, &item, pinned, &budget).await?;
        }
    }
    Ok(())
}

/// Takes one item of an outbox or of the pinned posts: the account's own posts only.
async fn take(
    app: &App,
    account: &Account,
    item: &Value,
    pinned: bool,
    budget: &Budget,
) -> Result<()> {
    let doc = Doc(item);
    let doc = if doc.kind() == Some("Create") {
        doc.each("object").into_iter().next().unwrap_or(doc)
    } else {
        doc
    };
    let Some(uri) = doc.id().filter(|uri| same_origin(uri, &account.uri)) else {
        return Ok(());
    };
    // A page of the account's own host may carry its posts whole.
    let post = if note::kind_of(doc).is_some() {
        objects::write(app, doc.0, budget).await
    } else {
        objects::post(app, uri, None, budget).await
    };
    if let Ok(post) = post
        && pinned
    {
        keep::receive_pin(app, account, &post, true).await?;
    }
    Ok(())
}

/// The items of a collection, page by page, at most 40; pages stay on the collection's host.
async fn items(app: &App, uri: &str, pages: usize, budget: &Budget) -> Vec<Value> {
    let mut found = Vec::new();
    let mut seen = vec![uri.to_owned()];
    let Ok((mut page, from)) = fetch::document(app, uri, None, budget).await else {
        return found;
    };
    // What a page carries whole is believed, so it must come from the collection's own host.
    if !same_origin(from.as_str(), uri) {
        return found;
    }
    for _ in 0..=pages {
        let doc = Doc(&page);
        let first = doc.each("first").into_iter().next();
        let inline = first.filter(|first| first.0.is_object());
        for source in std::iter::once(doc).chain(inline) {
            for key in ["orderedItems", "items"] {
                found.extend(source.each(key).into_iter().map(|item| item.0.clone()));
            }
        }
        let next = inline
            .and_then(|page| page.id_of("next"))
            .or_else(|| {
                first
                    .and_then(|first| first.id())
                    .filter(|_| inline.is_none())
            })
            .or_else(|| doc.id_of("next"));
        let Some(next) = next
            .filter(|next| {
                same_origin(next, uri)
                    && !seen.iter().any(|seen| seen == next)
                    && found.len() < POSTS
            })
            .map(str::to_owned)
        else {
            break;
        };
        seen.push(next.clone());
        match fetch::document(app, &next, None, budget).await {
            Ok((document, from)) if same_origin(from.as_str(), uri) => page = document,
            _ => break,
        }
    }
    found.truncate(POSTS);
    found
}

/// Fetches the answers to a remote post that its host knows, and what it answers.
///
/// # Errors
/// What the database says; what cannot be fetched is left out.
pub async fn replies(app: &App, id: PostId) -> Result<()> {
    let Some(post) = posts::find(app, id).await? else {
        return Ok(());
    };
    if app.origin().owns(&post.uri)
        || !post.audience.is_open()
        || !thread::begin_fetch(app, id).await?
    {
        return Ok(());
    }
    let budget = Budget::person();
    objects::complete_thread(app, &post, None, &budget).await?;
    let Ok(document) = fetch::object(app, &post.uri, None, &budget).await else {
        return Ok(());
    };
    let collection = Doc(&document).each("replies").into_iter().next();
    let Some(collection) = collection else {
        return Ok(());
    };
    let mut uris: Vec<String> = Vec::new();
    for source in std::iter::once(collection).chain(collection.objects("first")) {
        for key in ["items", "orderedItems"] {
            uris.extend(source.ids(key).into_iter().map(str::to_owned));
        }
    }
    if let Some(uri) = collection.id().filter(|uri| same_origin(uri, &post.uri)) {
        uris.extend(
            items(app, uri, 2, &budget)
                .await
                .iter()
                .filter_map(|item| Doc(item).id().map(str::to_owned)),
        );
    }
    for uri in uris.into_iter().take(POSTS) {
        if !app.origin().owns(&uri) {
            let _ = objects::post(app, &uri, None, &budget).await;
        }
    }
    Ok(())
}
