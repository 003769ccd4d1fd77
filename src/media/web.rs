//! Pictures as answers: our own files, and copies of remote ones.

use axum::extract::{Path, Query, State};
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};

use crate::app::App;
use crate::error::Error;
use crate::kernel::crypt;
use crate::media::{self, proxy};
use crate::posts;
use crate::ui::{PageResult, Visitor};

fn picture(media_type: &str, bytes: Vec<u8>, open: bool) -> Response {
    let cache = if open {
        "public, max-age=86400, immutable"
    } else {
        "private, no-store"
    };
    let mut response = bytes.into_response();
    let headers = response.headers_mut();
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_str(media_type)
            .unwrap_or(HeaderValue::from_static("application/octet-stream")),
    );
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(cache));
    headers.insert(
        header::CONTENT_SECURITY_POLICY,
        HeaderValue::from_static("default-src 'none'; sandbox"),
    );
    headers.insert(
        "cross-origin-resource-policy",
        HeaderValue::from_static("cross-origin"),
    );
    if !media_type.starts_with("image/") {
        headers.insert(
            header::CONTENT_DISPOSITION,
            HeaderValue::from_static("attachment"),
        );
    }
    response
}

/// The signature with which a narrower post's picture was linked.
#[derive(Debug, serde::Deserialize)]
pub struct Key {
    k: Option<String>,
}

/// `GET /media/{shard}/{file}`: a file of ours; of a narrower post only for who may see it.
pub async fn show(
    State(app): State<App>,
    visitor: Visitor,
    Path((shard, file)): Path<(String, String)>,
    Query(key): Query<Key>,
) -> PageResult {
    let name = format!("{shard}/{file}");
    let item = media::find_by_file(&app, &name).await?;
    let mut open = true;
    let signed = key
        .k
        .is_some_and(|key| crypt::equal(key.as_bytes(), app.secret.sign_address(&name).as_bytes()));
    if let Some(item) = item.as_ref().filter(|_| !signed) {
        match item.post {
            Some(post) => {
                let post = posts::get_for(&app, visitor.account.as_ref(), post).await?;
                open = post.audience.is_open();
            }
            None if visitor
                .account
                .as_ref()
                .is_some_and(|viewer| viewer.id == item.account) =>
            {
                open = false;
            }
            None => return Err(Error::NotFound.into()),
        }
    }
    let bytes = app.media.read(&name).await.map_err(|_| Error::NotFound)?;
    let media_type = match name.rsplit('.').next() {
        Some("png") => "image/png",
        Some("jpg") => "image/jpeg",
        _ => "application/octet-stream",
    };
    Ok(picture(media_type, bytes, open))
}

/// `GET /proxy/{signature}/{address}`: a copy of a remote picture.
pub async fn proxied(
    State(app): State<App>,
    visitor: Visitor,
    Path((signature, address)): Path<(String, String)>,
) -> PageResult {
    app.limits
        .pictures
        .take(&visitor.address, app.clock.now())
        .map_err(Error::TooMany)?;
    match proxy::fetch(&app, &signature, &address).await {
        Ok((media_type, bytes)) => Ok(picture(&media_type, bytes, true)),
        Err(Error::NotFound) => Ok(StatusCode::NOT_FOUND.into_response()),
        Err(error) => Err(error.into()),
    }
}
