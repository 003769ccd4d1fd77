//! Uploads.

use serde_json::Value;

use super::answer::{done, json_of};
use super::entities::status::attachment;
use super::{Answer, Caller, Params, Path, Refused};
use crate::accounts::Account;
use crate::app::App;
use crate::error::{Error, Result};
use crate::kernel::id::MediaId;
use crate::media;

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

/// `POST /api/v2/media` and `POST /api/v1/media`: a picture is ready when it is answered.
pub async fn create(call: Caller) -> Answer {
    let params = &call.params;
    let bytes = params
        .file("file")
        .ok_or_else(|| Refused::invalid("Validation failed: File can't be blank"))?;
    let description = params.text("description");
    let uploaded = media::upload(
        &call.app,
        call.member()?,
        bytes.to_vec(),
        description,
        focus(params).unwrap_or((0, 0)),
    );
    Ok(json_of(attachment(&call.app, &uploaded.await?)))
}

/// `GET /api/v1/media/{id}`
pub async fn show(Path(id): Path<MediaId>, call: Caller) -> Answer {
    let found = media::get(&call.app, call.member()?.id, id).await?;
    Ok(json_of(attachment(&call.app, &found)))
}

/// `PUT /api/v1/media/{id}`
pub async fn update(Path(id): Path<MediaId>, call: Caller) -> Answer {
    media::get(&call.app, call.member()?.id, id).await?;
    describe(&call, id, &call.params).await?;
    let found = media::get(&call.app, call.member()?.id, id).await?;
    Ok(json_of(attachment(&call.app, &found)))
}

/// Changes what an upload says it shows, where something was said.
pub async fn describe(call: &Caller, id: MediaId, params: &Params) -> Result<(), Refused> {
    let member = call.member()?.id;
    let before = media::find_own(&call.app, member, id)
        .await?
        .ok_or(Error::NotFound)?;
    let description = params.get("description").unwrap_or(&before.description);
    let most = usize::try_from(call.app.settings.limits.description_chars).unwrap_or(usize::MAX);
    if description.chars().count() > most {
        return Err(Error::invalid_with("description", "error-too-long", most).into());
    }
    let focus = focus(params).unwrap_or(before.focus);
    media::describe(&call.app, member, id, description, focus).await?;
    Ok(())
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
        found.extend(known.map(|media| attachment(app, &media)));
    }
    Ok(found)
}
