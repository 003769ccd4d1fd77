//! Style, script, icons and display faces, embedded.

use std::sync::LazyLock;

use axum::extract::{Path, Query};
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use rust_embed::Embed;

#[derive(Embed)]
#[folder = "src/ui/assets"]
struct Assets;

/// What tells one build's style and script from another's, so that browsers may keep them.
pub static VERSION: LazyLock<String> = LazyLock::new(|| {
    let mut sum: u64 = 0;
    for name in ["app.css", "app.js", "embed.css", "icons.svg"] {
        for byte in Assets::get(name)
            .map(|file| file.metadata.sha256_hash())
            .unwrap_or_default()
        {
            sum = sum.wrapping_mul(257).wrapping_add(u64::from(byte));
        }
    }
    format!("{sum:x}")
});

/// Which build's file is meant.
#[derive(Debug, Default, serde::Deserialize)]
pub struct Wanted {
    v: Option<String>,
}

/// `GET /assets/{name}`
pub async fn show(Path(name): Path<String>, Query(wanted): Query<Wanted>) -> Response {
    let Some(file) = Assets::get(&name) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let kind = HeaderValue::from_str(file.metadata.mimetype())
        .unwrap_or(HeaderValue::from_static("application/octet-stream"));
    let headers = [
        (header::CONTENT_TYPE, kind),
        (
            header::CACHE_CONTROL,
            HeaderValue::from_static(
                if wanted.v.as_ref() == Some(&*VERSION) || name.starts_with("face-") {
                    "public, max-age=31536000, immutable"
                } else {
                    "public, max-age=3600"
                },
            ),
        ),
    ];
    (headers, file.data.into_owned()).into_response()
}

/// The text of an embedded file; empty where there is none.
pub fn text(name: &str) -> String {
    let file = Assets::get(name);
    file.map(|file| String::from_utf8_lossy(&file.data).into_owned())
        .unwrap_or_default()
}
