//! Posts for a grant on the wire: personal copies, each for one person, in no collection, without media.

use axum::extract::{Path, State};
use axum::response::{IntoResponse, Redirect, Response};
use http::header;
use http::request::Parts;
use serde_json::{Value, json};

use super::activities::delete;
use super::objects::note;
use super::outbox::{self, Outgoing, Recipients};
use super::serve::{answer, asker, local, wants_document};
use crate::accounts::{self, Account};
use crate::app::App;
use crate::audiences;
use crate::error::{Error, Result};
use crate::kernel::id::{AccountId, PostId};
use crate::kernel::text::simple_html;
use crate::media::{self, pictures};
use crate::nodes;
use crate::posts::copies::{self, Copy, Travels};
use crate::posts::{self, Post};

/// Programs that show a post to whom it is addressed without a mention, and would show it as a message with one.
const WITHOUT_MENTION: [&str; 4] = ["mastodon", "hometown", "pleroma", "akkoma"];

/// The page a copy leads to: the post's own, at an address of the copy's own.
fn page(post: &Post, copy: &Copy) -> String {
    let token = copy.uri.rsplit('/').next().unwrap_or_default();
    format!("{}?c={token}", post.url.as_deref().unwrap_or(&post.uri))
}

/// Width and height of a teaser picture, pixels.
pub const SKETCH: (u32, u32) = (160, 90);

/// The document of a copy for its owner as they may see it now; nothing where nothing of the post leaves.
///
/// # Errors
/// What the database says.
pub async fn build(
    app: &App,
    author: &Account,
    post: &Post,
    (copy, owner): (&Copy, &Account),
) -> Result<Option<Value>> {
    let locked = copies::locked(app, post.id).await?;
    let entitled = audiences::may_see(app, Some(owner), post.thing()).await?;
    let whole = locked.travels == Travels::Text && entitled;
    if locked.travels == Travels::No || (!whole && locked.teaser.is_empty()) {
        return Ok(None);
    }
    let mut document = note::build(app, author, post).await?;
    let mut content = if whole {
        post.html.clone()
    } else {
        simple_html(&locked.teaser)
    };
    if !whole || !media::of_post(app, post.id).await?.is_empty() {
        let page = page(post, copy);
        content.push_str(&format!("<p><a href=\"{page}\">{page}</a></p>"));
    }
    if !whole && let Some(fields) = document.as_object_mut() {
        for field in [
            "source",
            "summary",
            "oneOf",
            "anyOf",
            "votersCount",
            "endTime",
            "closed",
            "quote",
            "quoteUri",
            "_misskey_quote",
            "quoteAuthorization",
        ] {
            fields.remove(field);
        }
        document["type"] = json!("Note");
        document["sensitive"] = json!(false);
    }
    if let Some(language) = &post.language {
        document["contentMap"] = json!({ language.clone(): content });
    }
    document["content"] = json!(content);
    document["id"] = json!(copy.uri);
    document["url"] = json!(page(post, copy));
    document["to"] = json!([owner.uri]);
    document["cc"] = json!([]);
    document["attachment"] = json!(teaser_picture(app, post, copy).await?);
    document["tag"] = json!(tags(app, &document, owner, whole).await?);
    let both = json!([author.uri, owner.uri]);
    document["interactionPolicy"]["canReply"]["automaticApproval"] = both.clone();
    document["interactionPolicy"]["canLike"]["automaticApproval"] = both;
    thread(app, post, owner, &mut document).await?;
    Ok(Some(document))
}

/// The teaser picture of a copy: the sketch that its author lets everybody see, never a file of the post.
async fn teaser_picture(app: &App, post: &Post, copy: &Copy) -> Result<Vec<Value>> {
    let sketch = copies::sketch(app, post.id).await?;
    Ok(sketch
        .map(|hash| json!({"type": "Image", "mediaType": "image/png", "url": format!("{}/picture", copy.uri), "blurhash": hash, "width": SKETCH.0, "height": SKETCH.1}))
        .into_iter()
        .collect())
}

/// A copy's tags: its hashtags, and its owner where their server shows only what mentions them. Nobody else.
async fn tags(app: &App, document: &Value, owner: &Account, whole: bool) -> Result<Vec<Value>> {
    let all = document["tag"].as_array().cloned().unwrap_or_default();
    let mut tags: Vec<Value> = all
        .into_iter()
        .filter(|tag| whole && tag["type"] == "Hashtag")
        .collect();
    let node = nodes::find(app, &owner.host).await?;
    let software = node.and_then(|node| node.software).unwrap_or_default();
    if !WITHOUT_MENTION.contains(&software.to_ascii_lowercase().as_str()) {
        let name = format!("@{}", owner.handle(&app.origin()));
        tags.push(json!({"type": "Mention", "href": owner.uri, "name": name}));
    }
    Ok(tags)
}

/// What a copy answers, as its owner knows it: a copy of theirs, or what everybody may see.
async fn thread(app: &App, post: &Post, owner: &Account, document: &mut Value) -> Result<()> {
    let Some(parent) = post.in_reply_to else {
        return Ok(());
    };
    let known = match copies::of(app, parent, owner.id).await? {
        Some(copy) => Some(copy.uri),
        None => posts::find(app, parent)
            .await?
            .filter(|parent| parent.audience.is_open() || parent.account == owner.id)
            .map(|parent| parent.uri),
    };
    match (known, document.as_object_mut()) {
        (Some(uri), _) => document["inReplyTo"] = json!(uri),
        (None, Some(fields)) => {
            fields.remove("inReplyTo");
        }
        (None, None) => {}
    }
    Ok(())
}

async fn publish(
    app: &App,
    author: &Account,
    (copy, owner): (&Copy, &Account),
    kind: &'static str,
    note: Value,
) -> anyhow::Result<()> {
    let uri = match kind {
        "Create" => format!("{}/activity", copy.uri),
        _ => outbox::fresh_uri(app),
    };
    let body = json!({"@context": note::context(), "to": note["to"], "cc": [], "published": note["published"], "object": note});
    let outgoing = Outgoing {
        sender: author,
        kind,
        uri,
        about: copy.uri.clone(),
        body,
        to: Recipients::one(owner.id),
        syncs_followers: false,
    };
    outbox::publish(app, outgoing).await
}

/// Sends copies to everybody elsewhere who may see a post and has none yet.
///
/// # Errors
/// What the database says.
pub async fn send(app: &App, post: &Post) -> anyhow::Result<()> {
    if copies::locked(app, post.id).await?.travels == Travels::No {
        return Ok(());
    }
    while copies::mint(app, post).await? > 0 {}
    // Each copy's activity is written once, however often this is tried.
    send_to_all(app, post, "Create").await
}

/// Sends a post that changed to everybody who has a copy, each as they may see it now.
///
/// # Errors
/// What the database says.
pub async fn send_edit(app: &App, post: &Post) -> anyhow::Result<()> {
    send_to_all(app, post, "Update").await
}

async fn send_to_all(app: &App, post: &Post, kind: &'static str) -> anyhow::Result<()> {
    let author = accounts::get(app, post.account).await?;
    let mut after = AccountId(0);
    loop {
        let batch = copies::list(&app.db, post.id, after).await?;
        let Some(last) = batch.last() else {
            return Ok(());
        };
        after = last.account;
        for copy in &batch {
            let owner = accounts::get(app, copy.account).await?;
            if let Some(note) = build(app, &author, post, (copy, &owner)).await? {
                publish(app, &author, (copy, &owner), kind, note).await?;
            }
        }
    }
}

/// Tells everybody who has a copy that the post is gone, and forgets the copies.
///
/// # Errors
/// What the database says.
pub async fn send_delete(app: &App, author: AccountId, post: PostId) -> anyhow::Result<()> {
    let author = accounts::get(app, author).await?;
    loop {
        let batch = copies::list(&app.db, post, AccountId(0)).await?;
        if batch.is_empty() {
            return Ok(());
        }
        for copy in &batch {
            let owner = accounts::get(app, copy.account).await?;
            let to = json!([owner.uri]);
            delete::publish(app, &author, &copy.uri, to, Recipients::one(owner.id)).await?;
            copies::forget(app, copy).await?;
        }
    }
}

/// `GET /users/{name}/posts/{id}/c/{token}`: a personal copy, for whom it is and as long as they may see the post.
pub async fn show(
    State(app): State<App>,
    Path((name, id, _)): Path<(String, PostId, String)>,
    parts: Parts,
) -> Response {
    if !wants_document(&parts.headers) && parts.headers.contains_key(header::ACCEPT) {
        return Redirect::to(&format!("/@{name}/{id}")).into_response();
    }
    let result = async {
        let asker = asker(&app, &parts).await?.ok_or(Error::NotFound)?;
        let (copy, owner) = copies::find(&app, &app.origin().at(parts.uri.path()))
            .await?
            .filter(|(_, owner)| owner.id == asker.id)
            .ok_or(Error::NotFound)?;
        let post = posts::get_for(&app, Some(&owner), copy.post).await?;
        let author = local(&app, &name).await?;
        if post.account != author.id {
            return Err(Error::NotFound);
        }
        let document = build(&app, &author, &post, (&copy, &owner)).await?;
        let mut document = document.ok_or(Error::NotFound)?;
        document["@context"] = note::context();
        Ok((document, false))
    };
    answer(result.await)
}

/// `GET /users/{name}/posts/{id}/c/{token}/picture`: the sketch that goes with a copy. Homes fetch it without a
/// signature; it tells no more than the page shows to everybody.
pub async fn show_picture(
    State(app): State<App>,
    Path((name, id, token)): Path<(String, PostId, String)>,
) -> Response {
    let result = async {
        let uri = app
            .origin()
            .at(&format!("/users/{name}/posts/{id}/c/{token}"));
        let (copy, _) = copies::find(&app, &uri).await?.ok_or(Error::NotFound)?;
        local(&app, &name).await?;
        let hash = copies::sketch(&app, copy.post)
            .await?
            .ok_or(Error::NotFound)?;
        pictures::sketch(&hash, SKETCH).ok_or(Error::NotFound)
    };
    match result.await {
        Ok(bytes) => ([(header::CONTENT_TYPE, "image/png")], bytes).into_response(),
        Err(error) => answer(Err(error)),
    }
}
