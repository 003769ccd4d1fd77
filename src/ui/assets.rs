//! Style, script and icons, embedded; and the house's colours.

use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use rust_embed::Embed;

use super::colour;
use crate::app::App;
use crate::nodes::house;

#[derive(Embed)]
#[folder = "src/ui/assets"]
struct Assets;

/// `GET /assets/{name}`
pub async fn show(Path(name): Path<String>) -> Response {
    let Some(file) = Assets::get(&name) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let kind = HeaderValue::from_str(file.metadata.mimetype())
        .unwrap_or(HeaderValue::from_static("application/octet-stream"));
    let headers = [
        (header::CONTENT_TYPE, kind),
        (
            header::CACHE_CONTROL,
            HeaderValue::from_static("public, max-age=3600"),
        ),
    ];
    (headers, file.data.into_owned()).into_response()
}

/// `GET /theme.css`: the house's colours as custom properties.
pub async fn theme(State(app): State<App>) -> Response {
    let accent = house::get(&app).await.unwrap_or_default().accent;
    let headers = [
        (header::CONTENT_TYPE, "text/css; charset=utf-8"),
        (header::CACHE_CONTROL, "public, max-age=60"),
    ];
    (headers, colour::theme(&accent)).into_response()
}
