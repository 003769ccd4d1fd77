//! Our documents: actors, posts and collections, for whoever may see them.

use axum::extract::{Path, Query, State};
use axum::response::{IntoResponse, Response};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use serde::Deserialize;
use serde_json::{Value, json};

use super::activities::announce;
use super::doc::Doc;
use super::fetch::Budget;
use super::objects::note;
use super::verify;
use super::{CONTENT_TYPE, actor, sender, sync};
use crate::accounts::{self, Account, Kind, preferences};
use crate::app::App;
use crate::audiences;
use crate::error::{Error, Result};
use crate::kernel::id::{AccountId, PostId, StampId};
use crate::kernel::net;
use crate::kernel::origin::host_of_uri;
use crate::kernel::page::Window;
use crate::nodes::{self, setup};
use crate::posts::{self, keep, stamps, thread};
use crate::relations::follows;
use crate::timelines;

/// Whether a request asks for a document rather than a page: the highest quality wins, a page where both are as good.
pub fn wants_document(headers: &HeaderMap) -> bool {
    let accept = headers
        .get_all(header::ACCEPT)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .collect::<Vec<_>>()
        .join(",");
    let (mut document, mut page) = (0.0_f32, 0.0_f32);
    for part in accept.split(',') {
        let mut pieces = part.split(';').map(str::trim);
        let kind = pieces.next().unwrap_or_default().to_ascii_lowercase();
        let quality = pieces
            .find_map(|piece| piece.strip_prefix("q=")?.parse().ok())
            .unwrap_or(1.0);
        match kind.as_str() {
            "application/activity+json" | "application/ld+json" => document = document.max(quality),
            "text/html" | "application/xhtml+xml" => page = page.max(quality),
            _ => {}
        }
    }
    document > page
}

/// A document as an answer; what is not for everyone is kept by nobody.
fn respond(body: &Value, open: bool) -> Response {
    let cache = if open {
        "public, max-age=60"
    } else {
        "private, no-store"
    };
    (
        [
            (header::CONTENT_TYPE, HeaderValue::from_static(CONTENT_TYPE)),
            (header::CACHE_CONTROL, HeaderValue::from_static(cache)),
        ],
        body.to_string(),
    )
        .into_response()
}

/// An error as a bare status; a blocked or unsigned asker learns no more than that there is nothing.
fn refuse(error: &Error) -> Response {
    let status = match error {
        Error::NotFound | Error::Forbidden => StatusCode::NOT_FOUND,
        Error::SignInRequired => StatusCode::UNAUTHORIZED,
        Error::TooMany(_) => StatusCode::TOO_MANY_REQUESTS,
        Error::Invalid(_) | Error::Conflict(_) => StatusCode::BAD_REQUEST,
        Error::Unavailable(_) => StatusCode::SERVICE_UNAVAILABLE,
        Error::Internal(cause) => {
            tracing::error!(%cause, "a document could not be built");
            StatusCode::INTERNAL_SERVER_ERROR
        }
    };
    let private = [(header::CACHE_CONTROL, "private, no-store")];
    let mut response = (status, private).into_response();
    if let Some(seconds) = error.retry_after() {
        let seconds = HeaderValue::from(seconds);
        response.headers_mut().insert(header::RETRY_AFTER, seconds);
    }
    response
}

pub(super) fn answer(result: Result<(Value, bool)>) -> Response {
    match result {
        Ok((body, open)) => respond(&body, open),
        Err(error) => refuse(&error),
    }
}

/// Who signed a GET; nobody where it is not signed, or its key is not to be had: what anybody may read is read then.
///
/// # Errors
/// `SignInRequired` when there is a signature and it does not fit.
pub(super) async fn asker(app: &App, parts: &Parts) -> Result<Option<Account>> {
    signer(app, parts, None).await
}

/// As [`asker`], of any request.
///
/// # Errors
/// `SignInRequired` when there is a signature and it does not fit.
pub async fn signer(app: &App, parts: &Parts, body: Option<&[u8]>) -> Result<Option<Account>> {
    if !parts.headers.contains_key("signature") {
        return Ok(None);
    }
    let denied = |_| Error::SignInRequired;
    let target = parts
        .uri
        .path_and_query()
        .map_or("/", |target| target.as_str());
    verify::check_headers(&parts.headers, &app.origin()).map_err(denied)?;
    let request = verify::Request {
        method: parts.method.as_str(),
        target,
        headers: &parts.headers,
        body,
    };
    let signed = verify::check(&request, &app.origin(), app.clock.now()).map_err(denied)?;
    let host = host_of_uri(&signed.key_id)
        .filter(|_| app.http.admit(&signed.key_id).is_ok() && !app.origin().owns(&signed.key_id))
        .ok_or(Error::SignInRequired)?;
    if nodes::is_blocked(app, &host).await? {
        return Err(Error::NotFound);
    }
    let from = net::source(&app.settings.server.trusted_proxies, parts);
    let asker = match sender::authenticate(app, &signed, from, None, &Budget::inbound()).await {
        Err(denied) if [sender::SILENT, sender::NO_KEY, sender::OFTEN].contains(&denied) => {
            return Ok(None);
        }
        asker => asker.map_err(denied)?,
    };
    // Who is locked out reads what a stranger would be refused.
    if asker.as_ref().is_some_and(|asker| !asker.is_active()) {
        return Err(Error::NotFound);
    }
    setup::note_known_elsewhere(app).await?;
    Ok(asker)
}

/// As [`asker`]; where the operator demands signatures for everything, nobody is refused.
async fn reader(app: &App, parts: &Parts) -> Result<Option<Account>> {
    let asker = asker(app, parts).await?;
    if app.settings.federation.authorized_fetch && asker.is_none() {
        return Err(Error::SignInRequired);
    }
    Ok(asker)
}

pub(super) async fn local(app: &App, name: &str) -> Result<Account> {
    accounts::find_local(app, name)
        .await?
        .filter(|account| account.kind == Kind::Local && account.is_active())
        .ok_or(Error::NotFound)
}

/// The document of a local actor. One that ended answers 410.
pub async fn actor_document(app: &App, name: &str) -> Response {
    // Names are written in small letters; addresses are typed in any.
    let uri = app.origin().at(&format!("/users/{}", name.to_lowercase()));
    match accounts::find_by_uri(app, &uri).await {
        Ok(Some(account)) if account.deleted_at.is_some() => (
            StatusCode::GONE,
            [(header::CONTENT_TYPE, CONTENT_TYPE)],
            tombstone(&uri),
        )
            .into_response(),
        Ok(Some(account)) if account.is_active() => respond(&actor::build(app, &account), true),
        Ok(_) => refuse(&Error::NotFound),
        Err(error) => refuse(&error),
    }
}

fn tombstone(uri: &str) -> String {
    json!({"@context": "https://www.w3.org/ns/activitystreams", "id": uri, "type": "Tombstone"})
        .to_string()
}

/// `GET /actor`: this node's own actor, always unsigned.
pub async fn node(State(app): State<App>) -> Response {
    match accounts::node_actor(&app).await {
        Ok(account) => respond(&actor::build(&app, &account), true),
        Err(error) => refuse(&error),
    }
}

/// The document of a post, for who may see it; a deleted one answers 410.
pub async fn post_document(app: &App, parts: &Parts, name: &str, id: &str) -> Response {
    let uri = app.origin().at(&format!("/users/{name}/posts/{id}"));
    let result = async {
        let asker = reader(app, parts).await?;
        let author = local(app, name).await?;
        let post = posts::get_for(
            app,
            asker.as_ref(),
            id.parse().map_err(|_| Error::NotFound)?,
        )
        .await?;
        if post.account != author.id
            || post.boost_of.is_some()
            || post.uri != uri
            || post.is_for_grant()
        {
            return Err(Error::NotFound);
        }
        let mut document = note::build(app, &author, &post).await?;
        document["@context"] = note::context();
        Ok((document, post.audience.is_open() && asker.is_none()))
    };
    match result.await {
        Err(Error::NotFound)
            if accounts::remove::is_gone(&app.db, &uri)
                .await
                .unwrap_or(false) =>
        {
            (
                StatusCode::GONE,
                [(header::CONTENT_TYPE, CONTENT_TYPE)],
                tombstone(&uri),
            )
                .into_response()
        }
        result => answer(result),
    }
}

/// A page of a collection.
#[derive(Debug, Deserialize)]
pub struct Paging {
    page: Option<String>,
    before: Option<i64>,
}

/// `GET /users/{name}/{collection}` and deeper: the collections of an actor.
pub async fn collection(
    State(app): State<App>,
    Path((name, rest)): Path<(String, String)>,
    Query(paging): Query<Paging>,
    parts: Parts,
) -> Response {
    let result = async {
        let asker = reader(&app, &parts).await?;
        let account = local(&app, &name).await?;
        match rest.as_str() {
            "outbox" => outbox(&app, &account, asker.as_ref(), &paging).await,
            "followers" | "following" => people(&app, &account, &rest, &paging).await,
            "collections/featured" => featured(&app, &account).await,
            "collections/lists" => Ok((no_lists(&account), true)),
            "followers_synchronization" => {
                let asker = asker.ok_or(Error::SignInRequired)?;
                Ok((sync::collection(&app, &account, &asker).await?, false))
            }
            rest => stamp(&app, &account, rest).await,
        }
    };
    answer(result.await)
}

async fn stamp(app: &App, account: &Account, rest: &str) -> Result<(Value, bool)> {
    let id: StampId = rest
        .strip_prefix("stamps/")
        .and_then(|id| id.parse().ok())
        .ok_or(Error::NotFound)?;
    let stamp = stamps::find(&app.db, id).await?.ok_or(Error::NotFound)?;
    let quoted = posts::find(app, stamp.post)
        .await?
        .filter(|post| post.account == account.id)
        .ok_or(Error::NotFound)?;
    Ok((note::build_stamp(app, account, &stamp, &quoted), true))
}

async fn outbox(
    app: &App,
    account: &Account,
    asker: Option<&Account>,
    paging: &Paging,
) -> Result<(Value, bool)> {
    let id = account.outbox_uri.clone().unwrap_or_default();
    if paging.page.is_none() && paging.before.is_none() {
        let total = timelines::count_open(app, account.id).await?;
        return Ok((
            json!({"@context": "https://www.w3.org/ns/activitystreams", "id": id, "type": "OrderedCollection", "totalItems": total, "first": format!("{id}?page=true")}),
            true,
        ));
    }
    let posts =
        timelines::of_account(app, asker, account.id, Window::before(paging.before, 20)).await?;
    let mut items = Vec::new();
    // What leaves as personal copies stands in no collection.
    for post in posts.iter().filter(|post| !post.is_for_grant()) {
        items.push(outbox_item(app, account, post).await?);
    }
    let mut page = json!({"@context": note::context(), "id": format!("{id}?page=true"), "type": "OrderedCollectionPage", "partOf": id, "orderedItems": items});
    if let Some(last) = posts.last().filter(|_| posts.len() == 20) {
        page["next"] = json!(format!("{id}?before={}", last.id));
    }
    Ok((page, asker.is_none()))
}

async fn outbox_item(app: &App, account: &Account, post: &posts::Post) -> Result<Value> {
    if let Some(boosted) = post.boost_of {
        let boosted = posts::find(app, boosted).await?.ok_or(Error::NotFound)?;
        let author = accounts::get(app, boosted.account).await?;
        let mut announce = announce::addressing(account, post.audience, &author.uri);
        announce["id"] = json!(post.uri);
        announce["type"] = json!("Announce");
        announce["actor"] = json!(account.uri);
        announce["object"] = json!(boosted.uri);
        announce["published"] = json!(post.created_at.rfc3339());
        return Ok(announce);
    }
    let note = note::build(app, account, post).await?;
    Ok(
        json!({"id": format!("{}/activity", post.uri), "type": "Create", "actor": account.uri, "published": note["published"], "to": note["to"], "cc": note["cc"], "object": note}),
    )
}

async fn people(
    app: &App,
    account: &Account,
    which: &str,
    paging: &Paging,
) -> Result<(Value, bool)> {
    let id = format!("{}/{which}", account.uri);
    let total = if which == "followers" {
        account.followers_count
    } else {
        account.following_count
    };
    if paging.page.is_none() && paging.before.is_none() {
        let mut whole = json!({"@context": "https://www.w3.org/ns/activitystreams", "id": id, "type": "OrderedCollection", "totalItems": total});
        if !preferences::hides_follows(app, account, None).await? {
            whole["first"] = json!(format!("{id}?page=true"));
        }
        return Ok((whole, true));
    }
    if preferences::hides_follows(app, account, None).await? {
        return Err(Error::NotFound);
    }
    let window = Window::before(paging.before, 60);
    let found = if which == "followers" {
        follows::followers(app, account.id, window).await?
    } else {
        follows::following(app, account.id, window).await?
    };
    let items: Vec<&str> = found
        .iter()
        .map(|(_, account)| account.uri.as_str())
        .collect();
    let mut page = json!({"@context": "https://www.w3.org/ns/activitystreams", "id": format!("{id}?page=true"), "type": "OrderedCollectionPage", "partOf": id, "orderedItems": items});
    if let Some((last, _)) = found.last().filter(|_| found.len() == 60) {
        page["next"] = json!(format!("{id}?before={last}"));
    }
    Ok((page, true))
}

async fn featured(app: &App, account: &Account) -> Result<(Value, bool)> {
    let items: Vec<String> = keep::pinned(app, None, account.id)
        .await?
        .into_iter()
        .map(|post| post.uri)
        .collect();
    Ok((
        json!({"@context": "https://www.w3.org/ns/activitystreams", "id": account.featured_uri, "type": "OrderedCollection", "totalItems": items.len(), "orderedItems": items}),
        true,
    ))
}

/// The collections of others that an account made: none yet, which is an answer too.
fn no_lists(account: &Account) -> Value {
    json!({"@context": "https://www.w3.org/ns/activitystreams", "id": actor::featured_collections(&account.uri), "type": "Collection", "totalItems": 0, "items": []})
}

/// `GET /users/{name}/posts/{id}/{what}`: the activity, the answers, likes and boosts of a post.
pub async fn post_part(
    State(app): State<App>,
    Path((name, id, what)): Path<(String, PostId, String)>,
    Query(paging): Query<Paging>,
    parts: Parts,
) -> Response {
    let result = async {
        let asker = reader(&app, &parts).await?;
        let author = local(&app, &name).await?;
        let post = posts::get_for(&app, asker.as_ref(), id).await?;
        if post.account != author.id || post.is_for_grant() {
            return Err(Error::NotFound);
        }
        let open = post.audience.is_open() && asker.is_none();
        let count = |total: i64| json!({"@context": "https://www.w3.org/ns/activitystreams", "id": format!("{}/{what}", post.uri), "type": "Collection", "totalItems": total});
        match what.as_str() {
            "activity" | "boost" => {
                let mut item = outbox_item(&app, &author, &post).await?;
                item["@context"] = note::context();
                Ok((item, open))
            }
            "likes" => Ok((count(post.favourites_count), open)),
            "shares" => Ok((count(post.boosts_count), open)),
            "replies" if post.audience.is_open() => replies(&app, &post, &paging).await,
            _ => Err(Error::NotFound),
        }
    };
    answer(result.await)
}

async fn replies(app: &App, post: &posts::Post, paging: &Paging) -> Result<(Value, bool)> {
    let id = format!("{}/replies", post.uri);
    let page: i64 = paging
        .page
        .as_deref()
        .and_then(|page| page.parse().ok())
        .filter(|page| (0..=1_000).contains(page))
        .unwrap_or(0);
    let all = thread::count_open_replies(app, post).await?;
    let (skip, most) = if page == 0 {
        (0, 5)
    } else {
        (5 + (page - 1) * 60, 60)
    };
    let shown = thread::open_replies(app, post, skip, most).await?;
    let items: Vec<&str> = shown.iter().map(|reply| reply.uri.as_str()).collect();
    let mut document = json!({"id": format!("{id}?page={page}"), "type": "CollectionPage", "partOf": id, "items": items});
    if all > 5 + page * 60 {
        document["next"] = json!(format!("{id}?page={}", page + 1));
    }
    if paging.page.is_none() {
        document = json!({"id": id, "type": "Collection", "totalItems": all, "first": document});
    }
    document["@context"] = json!("https://www.w3.org/ns/activitystreams");
    Ok((document, true))
}

/// `GET /contexts/{id}`: the open posts of a thread (FEP-7888).
pub async fn context(State(app): State<App>, Path(id): Path<PostId>) -> Response {
    let result = async {
        if app.settings.federation.authorized_fetch {
            return Err(Error::NotFound);
        }
        let posts = thread::open_context(&app, id, 60).await?;
        let first = posts.first().ok_or(Error::NotFound)?;
        let owner = accounts::get(&app, first.account).await?;
        let items: Vec<&str> = posts.iter().map(|post| post.uri.as_str()).collect();
        let uri = app.origin().at(&format!("/contexts/{id}"));
        Ok((
            json!({"@context": "https://www.w3.org/ns/activitystreams", "id": uri, "type": "OrderedCollection", "attributedTo": owner.uri, "totalItems": items.len(), "orderedItems": items}),
            true,
        ))
    };
    answer(result.await)
}

/// `GET /activities/{token}`: an activity of ours, for its recipients and, where it was public, for everyone.
pub async fn activity(State(app): State<App>, parts: Parts) -> Response {
    let result = async {
        let asker = reader(&app, &parts).await?;
        let id = app.origin().at(parts.uri.path());
        let row = crate::kernel::db::sql("SELECT body, account_id, object_uri FROM activities WHERE uri = $1 AND (kind = 'Delete' OR account_id NOT IN (SELECT id FROM accounts WHERE disabled_at IS NOT NULL)) AND NOT EXISTS (SELECT 1 FROM tombstones WHERE tombstones.uri = activities.object_uri AND activities.kind <> 'Delete') AND NOT EXISTS (SELECT 1 FROM post_copies WHERE post_copies.uri = activities.object_uri)")
            .bind(&id)
            .optional(&app.db)
            .await?
            .ok_or(Error::NotFound)?;
        let body: Value = serde_json::from_str(&row.get::<String>("body")?)?;
        let doc = Doc(&body);
        let open = doc.recipients().iter().any(|id| super::doc::is_public(id));
        let named = asker
            .as_ref()
            .is_some_and(|asker| doc.recipients().contains(&asker.uri.as_str()));
        let sender: AccountId = row.get("account_id")?;
        let about: String = row.get("object_uri")?;
        if let Some(post) = posts::find_by_uri(&app, &about).await?
            && !audiences::may_see(&app, asker.as_ref(), post.thing()).await?
        {
            return Err(Error::NotFound);
        }
        if open || named || asker.as_ref().is_some_and(|asker| asker.id == sender) {
            Ok((body, open && asker.is_none()))
        } else {
            Err(Error::NotFound)
        }
    };
    answer(result.await)
}

#[cfg(test)]
mod tests {
    use super::wants_document;
    use http::{HeaderMap, HeaderValue, header};

    #[test]
    fn the_higher_quality_wins() {
        for (accept, document) in [
            ("application/activity+json", true),
            (
                "application/ld+json; profile=\"https://www.w3.org/ns/activitystreams\"",
                true,
            ),
            ("text/html;q=0.9, application/activity+json", true),
            ("text/html,application/xhtml+xml,*/*;q=0.8", false),
            ("application/activity+json;q=0.5, text/html", false),
            ("*/*", false),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(header::ACCEPT, HeaderValue::from_static(accept));
            assert_eq!(wants_document(&headers), document, "{accept}");
        }
        assert!(!wants_document(&HeaderMap::new()));
    }
}
