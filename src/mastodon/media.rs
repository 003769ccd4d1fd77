//! Uploads.

use axum::response::{IntoResponse as _, Response};
use http::StatusCode;
use serde_json::Value;

use super::answer::{done, json_of};
use super::entities::status::attachment;
use super::{Answer, Caller, Params, Path, Refused};
use crate::accounts::Account;
use crate::app::App;
use crate::error::{Error, Result};
use crate::kernel::id::MediaId;
use crate::media::upload::{self, Upload};
use crate::media::{self, Described, Media};

/// `focus=x,y`, each from −1 to 1, as thousandths.
fn focus(params: &Params) -> Option<(i64, i64)> {
    let (x, y) = params.get("focus")?.split_once(',')?;
    let thousandths = |text: &str| {
        let value: f64 = text.trim().parse().ok()?;
        value
            .is_finite()
            .then(|| (value.clamp(-1.0, 1.0) * 1000.0).round() as i64)
    };
    Some((thousandths(x)?, thousandths(y)?))
}

/// `POST /api/v2/media`: 202 while the waves of a sound or the poster of a video are drawn; `POST /api/v1/media` waits.
pub async fn create(mut call: Caller) -> Answer {
    let file = call
        .params
        .take_upload()
        .ok_or_else(|| Refused::invalid("Validation failed: File can't be blank"))?;
    let params = &call.params;
    let upload = Upload {
        file,
        cover: params.file("thumbnail").map(|bytes| bytes.to_vec()),
        description: params.text("description").to_owned(),
        focus: focus(params).unwrap_or((0, 0)),
    };
    let mut uploaded = upload::upload(&call.app, call.member()?, upload).await?;
    if call.path.trim_end_matches('/') == "/api/v1/media" {
        // The older endpoint answers once everything is done.
        upload::process(&call.app, uploaded.id).await?;
        uploaded = media::get(&call.app, call.member()?.id, uploaded.id).await?;
    }
    Ok(answer(&call, &uploaded, StatusCode::ACCEPTED))
}

/// An upload as an answer; one that is not ready has no address yet, and its own status.
fn answer(call: &Caller, media: &Media, waiting: StatusCode) -> Response {
    let mut entity = attachment(&call.app, media, Some(media.account));
    if !media.processing {
        return json_of(entity);
    }
    entity["url"] = Value::Null;
    (waiting, json_of(entity)).into_response()
}

/// `GET /api/v1/media/{id}`: 206 while it is not ready.
pub async fn show(Path(id): Path<MediaId>, call: Caller) -> Answer {
    let found = media::get(&call.app, call.member()?.id, id).await?;
    Ok(answer(&call, &found, StatusCode::PARTIAL_CONTENT))
}

/// `PUT /api/v1/media/{id}`
pub async fn update(Path(id): Path<MediaId>, call: Caller) -> Answer {
    let found = media::get(&call.app, call.member()?.id, id).await?;
    let described = described(&call, id, &call.params).await?;
    media::describe(&call.app, found.account, &described).await?;
    if let Some(cover) = call
        .params
        .file("thumbnail")
        .filter(|_| found.kind != "image")
    {
        upload::set_cover(&call.app, id, cover.to_vec()).await?;
    }
    let found = media::get(&call.app, call.member()?.id, id).await?;
    Ok(answer(&call, &found, StatusCode::PARTIAL_CONTENT))
}

/// What a file shows from now on; where nothing was said, what it showed before.
pub async fn described(call: &Caller, id: MediaId, params: &Params) -> Result<Described, Refused> {
    let member = call.member()?.id;
    let before = media::find_own(&call.app, member, id)
        .await?
        .ok_or(Error::NotFound)?;
    let description = params.get("description").unwrap_or(&before.description);
    upload::check_description(&call.app, description)?;
    Ok(Described {
        id,
        description: description.to_owned(),
        focus: focus(params).unwrap_or(before.focus),
    })
}

/// `DELETE /api/v1/media/{id}`
pub async fn delete(Path(id): Path<MediaId>, call: Caller) -> Answer {
    let member = call.member()?.id;
    let known = media::find_own(&call.app, member, id)
        .await?
        .ok_or(Error::NotFound)?;
    let held = media::is_held(&call.app, known.id).await?;
    if known.post.is_some() || held {
        let sentence = "Media attachment is currently used by a status";
        return Err(Refused::invalid(sentence));
    }
    media::discard(&call.app, &known).await?;
    done()
}

/// Uploads of a member, as entities; those that are gone are left out.
///
/// # Errors
/// What the database says.
pub async fn entities(app: &App, member: &Account, ids: &[MediaId]) -> Result<Vec<Value>> {
    let mut found = Vec::new();
    for id in ids {
        let known = media::find_own(app, member.id, *id).await?;
        found.extend(known.map(|media| attachment(app, &media, Some(member.id))));
    }
    Ok(found)
}
