//! `/tiers`: what somebody has in this house, how far they are to more, and where they show it. For members and guests.

use askama::Template;
use axum::extract::{Form, Path, State};
use axum::response::IntoResponse;
use serde::Deserialize;

use crate::accounts;
use crate::app::App;
use crate::audiences::{self, Shown};
use crate::error::{Error, Result};
use crate::kernel::id::AudienceId;
use crate::members::rules::{self, Done};
use crate::members::tiers::{self, Held, Tier};
use crate::ui::{Page, PageResult, Ui, Visitor, see_other};

/// A tier with how somebody stands to it.
struct Standing {
    tier: Tier,
    held: Option<Held>,
    refused: bool,
}

#[derive(Template)]
#[template(path = "members/mine.html")]
struct MinePage {
    ui: Ui,
    tiers: Vec<Standing>,
    done: Option<Done>,
    places: [(&'static str, &'static str); 3],
}

/// `GET /tiers`
pub async fn index(State(app): State<App>, visitor: Visitor) -> PageResult {
    let mut standings = Vec::new();
    let mut done = None;
    let mut held = match visitor.viewer() {
        Some(viewer) => tiers::held(&app, viewer.id).await?,
        None => Vec::new(),
    };
    let all = tiers::list(&app).await?;
    if let (Some(viewer), Some(host)) = (visitor.viewer(), accounts::first_host(&app).await?)
        && all.iter().any(|tier| tier.rule.is_some())
        && viewer.id != host.id
    {
        done = Some(rules::done(&app, host.id, viewer.id).await?);
    }
    for tier in all {
        let at = held.iter().position(|held| held.tier.id == tier.id);
        let refused = match visitor.viewer() {
            Some(viewer) => rules::refused(&app.db, tier.id, viewer.id).await?,
            None => false,
        };
        standings.push(Standing {
            held: at.map(|at| held.swap_remove(at)),
            refused,
            tier,
        });
    }
    Ok(Page(MinePage {
        ui: visitor.ui,
        tiers: standings,
        done,
        places: [
            ("", "badge-nowhere"),
            ("profile", "badge-profile"),
            ("everywhere", "badge-everywhere"),
        ],
    })
    .into_response())
}

/// What the forms of the page send.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct MineForm {
    shown: String,
}

/// `POST /tiers/{id}/{verb}`: shows the badge somewhere, refuses the tier, or wants it after all.
pub async fn act(
    State(app): State<App>,
    visitor: Visitor,
    Path((id, verb)): Path<(AudienceId, String)>,
    Form(form): Form<MineForm>,
) -> PageResult {
    let viewer = visitor.viewer().ok_or(Error::SignInRequired)?;
    let tier = tiers::get(&app, id).await?;
    let done: Result<()> = match verb.as_str() {
        "show" => {
            let shown = Shown::parse(&form.shown);
            Ok(audiences::show_badge(&app.db, tier.id, viewer.id, shown).await?)
        }
        "refuse" | "want" => rules::refuse(&app, tier.id, viewer.id, verb == "refuse").await,
        _ => Err(Error::NotFound),
    };
    done?;
    Ok(see_other("/tiers"))
}
