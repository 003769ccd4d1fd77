//! Announcements: made and taken back by the host, dismissed and answered with a sign by who lives here.

use axum::extract::{Form, Path, State};
use serde::Deserialize;

use super::outcome;
use crate::app::App;
use crate::error::Error;
use crate::kernel::id::AnnouncementId;
use crate::nodes::announcements;
use crate::ui::entitled::Operator;
use crate::ui::{PageResult, SignedIn, see_other};

/// What the host writes.
#[derive(Debug, Deserialize)]
pub struct Words {
    text: String,
    #[serde(default)]
    days: String,
}

/// `POST /operator/announcements`
pub async fn create(
    State(app): State<App>,
    Operator(me, visitor): Operator,
    Form(words): Form<Words>,
) -> PageResult {
    let days = words.days.parse().ok();
    let result = announcements::publish(&app, &words.text, days).await;
    let done = ("announced", words.text.as_str(), result);
    outcome(&app, (&me, visitor.ui), done).await
}

/// `POST /operator/announcements/{id}/{verb}`
pub async fn act(
    State(app): State<App>,
    Operator(me, visitor): Operator,
    Path((id, verb)): Path<(AnnouncementId, String)>,
    Form(words): Form<Words>,
) -> PageResult {
    let result = match verb.as_str() {
        "change" => announcements::change(&app, id, &words.text).await,
        "take-back" => announcements::take_back(&app, id).await,
        _ => Err(Error::NotFound),
    };
    let done = ("announced", words.text.as_str(), result);
    outcome(&app, (&me, visitor.ui), done).await
}

/// A reaction.
#[derive(Debug, Deserialize)]
pub struct Sign {
    #[serde(default)]
    name: String,
}

/// `POST /announcements/{id}/{verb}`
pub async fn answer(
    State(app): State<App>,
    SignedIn(member, _): SignedIn,
    Path((id, verb)): Path<(AnnouncementId, String)>,
    Form(sign): Form<Sign>,
) -> PageResult {
    match verb.as_str() {
        "dismiss" => announcements::dismiss(&app, member.id, id).await?,
        "react" | "unreact" => {
            announcements::react(&app, member.id, id, &sign.name, verb == "react").await?;
        }
        _ => return Err(Error::NotFound.into()),
    }
    Ok(see_other("/home"))
}
