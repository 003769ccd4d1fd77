//! NodeInfo 2.0 and 2.1: saying what this node runs, and asking others.

use std::time::Duration;

use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use http::{StatusCode, header};
use serde_json::{Value, json};

use super::doc::Doc;
use crate::accounts::store as account_store;
use crate::app::App;
use crate::error::Result;
use crate::kernel::http::DOCUMENT;
use crate::kernel::id::NodeId;
use crate::kernel::json;
use crate::kernel::origin::same_origin;
use crate::nodes::joining::{self, Mode};
use crate::nodes::{self, health, house};
use crate::posts;

fn respond(body: &Value) -> Response {
    (
        [
            (header::CONTENT_TYPE, "application/json; charset=utf-8"),
            (header::ACCESS_CONTROL_ALLOW_ORIGIN, "*"),
        ],
        body.to_string(),
    )
        .into_response()
}

/// `GET /.well-known/nodeinfo`
pub async fn index(State(app): State<App>) -> Response {
    let origin = app.origin();
    let link = |version: &str| json!({"rel": format!("http://nodeinfo.diaspora.software/ns/schema/{version}"), "href": origin.at(&format!("/nodeinfo/{version}"))});
    respond(
        &json!({"links": [link("2.0"), link("2.1"), {"rel": "https://www.w3.org/ns/activitystreams#Application", "href": origin.at("/actor")}]}),
    )
}

/// `GET /nodeinfo/{version}`
pub async fn show(State(app): State<App>, Path(version): Path<String>) -> Response {
    if !matches!(version.as_str(), "2.0" | "2.1") {
        return StatusCode::NOT_FOUND.into_response();
    }
    match build(&app, &version).await {
        Ok(document) => respond(&document),
        Err(_) => StatusCode::SERVICE_UNAVAILABLE.into_response(),
    }
}

async fn build(app: &App, version: &str) -> Result<Value> {
    let now = app.clock.now();
    let days = |n: u64| now.minus(Duration::from_secs(n * 86_400));
    let mut software = json!({"name": "afterparty", "version": env!("CARGO_PKG_VERSION")});
    if version == "2.1" {
        software["repository"] = json!(app.origin().at("/source"));
    }
    Ok(json!({
        "version": version,
        "software": software,
        "protocols": ["activitypub"],
        "services": {"inbound": [], "outbound": []},
        "openRegistrations": joining::get(app).await?.mode == Mode::Open,
        "usage": {
            "users": {
                "total": account_store::count_local(&app.db).await?,
                "activeMonth": account_store::count_active(&app.db, days(30)).await?,
                "activeHalfyear": account_store::count_active(&app.db, days(180)).await?,
            },
            "localPosts": posts::count_local(app).await?,
        },
        // Apps tell by the upstream which API is spoken here.
        "metadata": {"nodeName": house::get(app).await?.name, "upstream": {"name": "mastodon"}},
    }))
}

/// Asks a node what it runs; a node that does not say stays unknown.
///
/// # Errors
/// What the database says.
pub async fn learn(app: &App, node: NodeId, host: &str) -> Result<()> {
    let found = ask(app, host).await;
    let text = |key: &str| {
        found
            .as_ref()
            .and_then(|document| Doc(Doc(document).get("software")).text(key, 100))
    };
    health::set_software(
        app,
        node,
        text("name").as_deref(),
        text("version").as_deref(),
    )
    .await?;
    Ok(())
}

/// What a host says that it runs, in small letters; asked of it where it is not known here.
pub async fn software_of(app: &App, host: &str) -> Option<String> {
    let known = nodes::find(app, host).await.ok().flatten();
    if let Some(known) = known.and_then(|node| node.software) {
        return Some(known.to_lowercase());
    }
    let document = ask(app, host).await?;
    let name = Doc(Doc(&document).get("software")).text("name", 100)?;
    Some(name.to_lowercase())
}

async fn ask(app: &App, host: &str) -> Option<Value> {
    let scheme = app.origin().scheme().to_owned();
    let root = format!("{scheme}://{host}/.well-known/nodeinfo");
    let index = app
        .http
        .get(&root, "application/json", DOCUMENT)
        .await
        .ok()?;
    let index = json::parse(&index.body).ok()?;
    let links = Doc(&index).objects("links");
    let link = links.iter().find(|link| {
        link.get("rel")
            .as_str()
            .is_some_and(|rel| rel.ends_with("/schema/2.1") || rel.ends_with("/schema/2.0"))
    })?;
    let address = link
        .link("href")
        .filter(|address| same_origin(address, &root))?;
    let document = app
        .http
        .get(&address, "application/json", DOCUMENT)
        .await
        .ok()?;
    json::parse(&document.body).ok()
}
