//! Announcements: made and taken back by the host, dismissed and answered with a sign by who lives here.

use axum::extract::{Form, Path, State};
use serde::Deserialize;

use super::outcome;
use crate::accounts::Account;
use crate::app::App;
use crate::crew::audit;
use crate::error::{Error, Result};
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
    let result = tell(&app, &me, &words).await;
    outcome(&app, visitor.ui, result).await
}

async fn tell(app: &App, me: &Account, words: &Words) -> Result<()> {
    let (now, days) = (app.clock.now(), words.days.parse().ok());
    let mut tx = app.db.begin().await?;
    announcements::publish(&mut tx, now, &words.text, days).await?;
    audit::note(&mut tx, now, me.id, "announced", &words.text).await?;
    Ok(tx.commit().await?)
}

/// `POST /operator/announcements/{id}/{verb}`
pub async fn act(
    State(app): State<App>,
    Operator(me, visitor): Operator,
    Path((id, verb)): Path<(AnnouncementId, String)>,
    Form(words): Form<Words>,
) -> PageResult {
    let result = tell_anew(&app, &me, (id, &verb), &words.text).await;
    outcome(&app, visitor.ui, result).await
}

async fn tell_anew(
    app: &App,
    me: &Account,
    (id, verb): (AnnouncementId, &str),
    text: &str,
) -> Result<()> {
    let now = app.clock.now();
    let mut tx = app.db.begin().await?;
    match verb {
        "change" => {
            announcements::change(&mut tx, now, id, text).await?;
            audit::note(&mut tx, now, me.id, "announced", text).await?;
        }
        "take-back" => {
            if let Some(text) = announcements::take_back(&mut tx, id).await? {
                audit::note(&mut tx, now, me.id, "unannounced", &text).await?;
            }
        }
        _ => return Err(Error::NotFound),
    }
    Ok(tx.commit().await?)
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
