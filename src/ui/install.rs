//! The house as an app on a device: manifest, service worker, icons, the page without a network, shortcuts.

use askama::Template;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use http::header;
use serde_json::json;

use super::{Page, PageResult, Ui, Visitor};
use crate::app::App;
use crate::error::Error;
use crate::media::icon;
use crate::nodes::house;

fn kept(kind: &'static str, seconds: u32, body: impl IntoResponse) -> Response {
    let headers = [
        (header::CONTENT_TYPE, kind.to_owned()),
        (header::CACHE_CONTROL, format!("public, max-age={seconds}")),
    ];
    (headers, body).into_response()
}

/// `GET /manifest.webmanifest` (W3C Web Application Manifest, with a share target).
pub async fn manifest(State(app): State<App>) -> PageResult {
    let house = house::get(&app).await?;
    let short: String = house.name.chars().take(12).collect();
    let icon = |size: u32, purpose: &str| json!({"src": format!("/icon-{size}.png"), "sizes": format!("{size}x{size}"), "type": "image/png", "purpose": purpose});
    let document = json!({
        "id": "/",
        "name": house.name,
        "short_name": short,
        "description": house.line,
        "start_url": "/home",
        "scope": "/",
        "display": "standalone",
        "theme_color": house.accent,
        "background_color": house.accent,
        "icons": [icon(192, "any"), icon(512, "any"), icon(512, "maskable")],
        "share_target": {
            "action": "/compose",
            "method": "GET",
            "enctype": "application/x-www-form-urlencoded",
            "params": {"title": "title", "text": "text", "url": "url"},
        },
    });
    Ok(kept("application/manifest+json", 600, document.to_string()))
}

/// `GET /icon.svg`
pub async fn icon_svg(State(app): State<App>) -> PageResult {
    let house = house::get(&app).await?;
    Ok(kept("image/svg+xml", 3600, icon::svg(&house)))
}

/// `GET /{icon}`: `icon-180.png`, `icon-192.png` and `icon-512.png`.
pub async fn icon_png(State(app): State<App>, Path(size): Path<String>) -> PageResult {
    let size = size.strip_suffix(".png").and_then(|size| size.parse().ok());
    let size = size
        .filter(|size| [180, 192, 512].contains(size))
        .ok_or(Error::NotFound)?;
    let house = house::get(&app).await?;
    Ok(kept(
        "image/png",
        3600,
        icon::png(&app, &house, size).await?,
    ))
}

/// `GET /sw.js`: at the root, because it may only serve what stands below it.
/// What it keeps is named after this build and this look, so that neither outlives the other.
pub async fn worker(State(app): State<App>) -> PageResult {
    let house = house::get(&app).await?;
    let look = format!(
        "{}{}",
        *super::assets::VERSION,
        super::theme::address(&house)
    );
    let version = crate::kernel::crypt::token_hash(&look);
    let script = super::assets::text("sw.js").replace("{version}", &version);
    Ok(kept("text/javascript; charset=utf-8", 0, script))
}

#[derive(Template)]
#[template(path = "ui/offline.html")]
struct OfflinePage {
    ui: Ui,
}

/// `GET /offline`: what the service worker shows when there is no network; it names nobody.
pub async fn offline(visitor: Visitor) -> PageResult {
    let ui = visitor.ui.without_viewer();
    Ok(Page(OfflinePage { ui }).into_response())
}

#[derive(Template)]
#[template(path = "ui/shortcuts.html")]
struct ShortcutsPage {
    ui: Ui,
    /// Each key with the message that says what it does.
    keys: [(&'static str, &'static str); 12],
}

/// What one key each does.
const KEYS: [(&str, &str); 12] = [
    ("h", "nav-home"),
    ("l", "nav-local"),
    ("i", "nav-notifications"),
    ("n", "compose"),
    ("/", "nav-search"),
    ("j", "key-next"),
    ("k", "key-previous"),
    ("o", "key-open"),
    ("r", "reply"),
    ("f", "favourite"),
    ("b", "boost"),
    ("?", "key-list"),
];

/// `GET /shortcuts`: which keys do what, and a switch for who wants none.
pub async fn shortcuts(visitor: Visitor) -> PageResult {
    Ok(Page(ShortcutsPage {
        ui: visitor.ui,
        keys: KEYS,
    })
    .into_response())
}
