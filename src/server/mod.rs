//! Every route and every layer, in readable tables.

mod bodies;
pub mod connections;
mod pages;

use std::time::Duration;

use axum::Router;
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::compression::CompressionLayer;
use tower_http::compression::predicate::{DefaultPredicate, NotForContentType, Predicate};
use tower_http::csrf::CsrfLayer;

use crate::accounts::web::profile;
use crate::app::App;
use crate::federation::{copies, inbox, nodeinfo, restored, serve, webfinger};
use crate::guests::web::enter;
use crate::kernel::net::Peer;
use crate::mastodon::routes;
use crate::ui;

/// The whole server.
pub fn router(app: &App) -> Router {
    let limits = &app.settings.limits;
    let largest = limits
        .picture_bytes
        .max(limits.sound_bytes)
        .max(limits.video_bytes);
    // The largest file with a cover beside it, or several pictures.
    let pictures = usize::try_from(2 * limits.picture_bytes + (1 << 20)).unwrap_or(usize::MAX);
    let uploads =
        usize::try_from(largest + 4 * limits.picture_bytes + (1 << 20)).unwrap_or(usize::MAX);
    Router::new()
        .merge(
            pages::router(uploads, pictures)
                .layer(from_fn_with_state(app.clone(), ui::error::render))
                .layer(CsrfLayer::new()),
        )
        .merge(documents())
        .merge(routes::router(app, uploads))
        .with_state(app.clone())
        .merge(inboxes(app))
        .layer(from_fn_with_state(app.clone(), bodies::bound))
        .layer(CompressionLayer::new().compress_when(small_when_packed()))
        .layer(from_fn_with_state(app.clone(), guard_host))
        .layer(from_fn_with_state(app.clone(), secure_headers))
        .layer(from_fn(sound_address))
        .layer(from_fn(in_time))
        .layer(CatchPanicLayer::new())
}

/// Refuses addresses with control characters in any part: no name of ours has one, and no header or database takes them.
async fn sound_address(request: Request, next: Next) -> Response {
    let written = request
        .uri()
        .path_and_query()
        .map_or("", |all| all.as_str());
    let path = written.split('?').next().unwrap_or_default();
    let bad = percent_encoding::percent_decode_str(path).any(|byte| byte.is_ascii_control());
    if bad {
        return (StatusCode::BAD_REQUEST, "This address cannot be read.").into_response();
    }
    next.run(request).await
}

/// What gets smaller when it is packed: sound and video are packed already.
fn small_when_packed() -> impl Predicate {
    DefaultPredicate::new()
        .and(NotForContentType::const_new("audio/"))
        .and(NotForContentType::const_new("video/"))
        .and(NotForContentType::const_new("application/octet-stream"))
        .and(NotForContentType::const_new("application/gzip"))
}

/// Breaks off what takes too long; an upload may take its time, as long as it goes on arriving.
async fn in_time(request: Request, next: Next) -> Response {
    let uploads = ["/posts", "/api/v1/media", "/api/v2/media"];
    let path = request.uri().path().trim_end_matches('/');
    let patience = if request.method() == http::Method::POST && uploads.contains(&path) {
        Duration::from_secs(1800)
    } else if path.starts_with("/proxy/") {
        // What is remote may have to arrive here first; its own limit is shorter.
        Duration::from_secs(330)
    } else {
        Duration::from_secs(60)
    };
    match tokio::time::timeout(patience, next.run(request)).await {
        Ok(answer) => answer,
        Err(_) => StatusCode::SERVICE_UNAVAILABLE.into_response(),
    }
}

/// Documents for other programs; none of these reads a cookie.
fn documents() -> Router<App> {
    Router::new()
        .route("/users/{name}", get(profile::actor))
        .route("/users/{name}/posts/{id}", get(profile::post))
        .route("/users/{name}/posts/{id}/{what}", get(serve::post_part))
        .route("/users/{name}/posts/{id}/c/{token}", get(copies::show))
        .route(
            "/users/{name}/posts/{id}/c/{token}/picture",
            get(copies::show_picture),
        )
        .route("/users/{name}/{*rest}", get(serve::collection))
        .route("/actor", get(serve::node))
        .route(restored::FOLLOWING, get(restored::following))
        .route(restored::FOLLOWERS, get(restored::followers))
        .route("/contexts/{id}", get(serve::context))
        .route("/activities/{token}", get(serve::activity))
        .route(
            "/owa",
            get(enter::proof)
                .post(enter::proof)
                .layer(DefaultBodyLimit::max(16 << 10)),
        )
        .route("/.well-known/webfinger", get(webfinger::show))
        .route("/.well-known/host-meta", get(webfinger::host_meta))
        .route("/.well-known/nodeinfo", get(nodeinfo::index))
        .route("/nodeinfo/{version}", get(nodeinfo::show))
        .route("/assets/{name}", get(ui::assets::show))
        .route("/theme.css", get(ui::theme::show))
        .route("/manifest.webmanifest", get(ui::install::manifest))
        .route("/sw.js", get(ui::install::worker))
        .route("/icon.svg", get(ui::install::icon_svg))
        .route("/icon-{size}", get(ui::install::icon_png))
        .route("/robots.txt", get(robots))
        .route("/healthz", get(healthy))
        .route("/readyz", get(ready))
        .layer(routes::cors())
}

fn inboxes(app: &App) -> Router {
    Router::new()
        .route("/inbox", post(inbox::create))
        .route("/actor/inbox", post(inbox::create))
        .route("/users/{name}/inbox", post(inbox::create))
        .layer(DefaultBodyLimit::disable())
        .with_state(inbox::Inbox::new(app.clone()))
}

/// `GET /healthz`: the process answers.
async fn healthy() -> &'static str {
    "ok"
}

/// `GET /readyz`: the database answers, and keeps what it is told.
async fn ready(State(app): State<App>) -> Response {
    match crate::nodes::health::write_probe(&app).await {
        Ok(()) => "ok".into_response(),
        Err(error) => {
            tracing::warn!(%error, "the database could not be written");
            let later = [(header::RETRY_AFTER, "5")];
            let sentence = "the database is silent, or keeps nothing";
            (StatusCode::SERVICE_UNAVAILABLE, later, sentence).into_response()
        }
    }
}

/// `GET /robots.txt`: what gathers for training stays outside.
async fn robots() -> &'static str {
    "User-agent: GPTBot\nUser-agent: CCBot\nUser-agent: Google-Extended\nUser-agent: anthropic-ai\nUser-agent: ClaudeBot\nUser-agent: Bytespider\nUser-agent: Amazonbot\nDisallow: /\n\nUser-agent: *\nDisallow: /settings\nDisallow: /operator\nDisallow: /proxy\n"
}

/// Answers only under our own name. On a loopback connection a browser that came by another name is sent to the right one.
async fn guard_host(State(app): State<App>, request: Request, next: Next) -> Response {
    let path = request.uri().path();
    if matches!(path, "/healthz" | "/readyz")
        || ["/setup/", "/assets/", "/theme.css", "/icon"]
            .iter()
            .any(|open| path.starts_with(open))
    {
        return next.run(request).await;
    }
    let origin = app.origin();
    let host = request
        .headers()
        .get(header::HOST)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    if origin.is_host(host) {
        return next.run(request).await;
    }
    let local = request
        .extensions()
        .get::<Peer>()
        .is_some_and(|peer| peer.0.ip().to_canonical().is_loopback());
    let page = request.method() == http::Method::GET
        && request
            .headers()
            .get(header::ACCEPT)
            .and_then(|value| value.to_str().ok())
            .is_some_and(|accept| accept.contains("text/html"));
    if local && page && origin.is_loopback() {
        let target = request
            .uri()
            .path_and_query()
            .map_or("/", |target| target.as_str());
        return Redirect::temporary(&origin.at(target)).into_response();
    }
    let sentence = format!(
        "This node is {}. Let the proxy in front of it pass the Host header on, for example `proxy_set_header Host $host;`.",
        origin.url
    );
    (StatusCode::MISDIRECTED_REQUEST, sentence).into_response()
}

/// The headers every answer carries.
async fn secure_headers(State(app): State<App>, request: Request, next: Next) -> Response {
    let path = request.uri().path().to_owned();
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    let mut set = |name: &'static str, value: &'static str| {
        if !headers.contains_key(name) {
            headers.insert(
                HeaderName::from_static(name),
                HeaderValue::from_static(value),
            );
        }
    };
    set(
        "content-security-policy",
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; font-src 'self'; manifest-src 'self'; worker-src 'self'; media-src 'self' blob:; connect-src 'self'; form-action 'self'; base-uri 'none'; object-src 'none'; frame-ancestors 'none'",
    );
    set("x-content-type-options", "nosniff");
    set("referrer-policy", "same-origin");
    set(
        "permissions-policy",
        "camera=(), geolocation=(), microphone=()",
    );
    set("x-robots-tag", "noai, noimageai");
    // Pictures are shown by apps that run in a browser, on pages of their own.
    let shown_elsewhere = ["/media/", "/proxy/", "/assets/", "/api/"];
    let policy = if shown_elsewhere.iter().any(|open| path.starts_with(open)) {
        "cross-origin"
    } else {
        "same-origin"
    };
    set("cross-origin-resource-policy", policy);
    if ![
        "/oauth",
        "/sign-in",
        "/intents",
        "/authorize_interaction",
        "/magic",
    ]
    .iter()
    .any(|open| path.starts_with(open))
    {
        set("cross-origin-opener-policy", "same-origin");
    }
    if app.origin().scheme() == "https" {
        set("strict-transport-security", "max-age=31536000");
    }
    vary(headers);
    response
}

/// What an answer depends on, also where it is an error or a redirect.
fn vary(headers: &mut HeaderMap) {
    headers.append(
        header::VARY,
        HeaderValue::from_static("Accept, Accept-Language, Signature, Authorization, Cookie"),
    );
}
