//! `/measures`: what was done about oneself, why, and one's answer to it. For members and guests.

use askama::Template;
use axum::extract::{Form, Path, State};
use axum::response::IntoResponse;
use http::StatusCode;
use serde::Deserialize;

use crate::app::App;
use crate::error::{Error, Problem};
use crate::moderation::appeals;
use crate::moderation::measures::{self, Measure};
use crate::ui::page::with_status;
use crate::ui::{Page, PageResult, Ui, Visitor, see_other};

#[derive(Template)]
#[template(path = "moderation/mine.html")]
struct MinePage {
    ui: Ui,
    /// Where the form goes when it came by a link.
    path: Option<String>,
    measures: Vec<Measure>,
    /// What was typed, about which measure.
    typed: (i64, String),
    problems: Vec<Problem>,
}

/// `GET /measures`
pub async fn index(State(app): State<App>, visitor: Visitor) -> PageResult {
    let viewer = visitor.viewer().ok_or(Error::SignInRequired)?;
    Ok(Page(MinePage {
        path: None,
        measures: measures::of(&app, viewer.id).await?,
        ui: visitor.ui,
        typed: (0, String::new()),
        problems: Vec::new(),
    })
    .into_response())
}

/// `GET /appeal/{id}/{key}`: one measure, by the link in its mail, for whom it locked out, too.
pub async fn by_link(
    State(app): State<App>,
    visitor: Visitor,
    Path((id, key)): Path<(i64, String)>,
) -> PageResult {
    let measure = appeals::by_link(&app, id, &key).await?;
    Ok(Page(MinePage {
        path: Some(visitor.ui.path.clone()),
        measures: vec![measure],
        ui: visitor.ui,
        typed: (0, String::new()),
        problems: Vec::new(),
    })
    .into_response())
}

/// `POST /appeal/{id}/{key}`
pub async fn appeal_by_link(
    State(app): State<App>,
    visitor: Visitor,
    Path((id, key)): Path<(i64, String)>,
    Form(form): Form<AppealForm>,
) -> PageResult {
    let measure = appeals::by_link(&app, id, &key).await?;
    match appeals::appeal(&app, measure.account, id, &form.appeal).await {
        Ok(()) => Ok(see_other(&visitor.ui.path)),
        Err(Error::Invalid(problems)) => {
            let page = MinePage {
                path: Some(visitor.ui.path.clone()),
                measures: vec![measure],
                ui: visitor.ui,
                typed: (id, form.appeal),
                problems,
            };
            Ok(with_status(StatusCode::UNPROCESSABLE_ENTITY, page))
        }
        Err(error) => Err(error.into()),
    }
}

/// What the form of an appeal sends.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct AppealForm {
    appeal: String,
}

/// `POST /measures/{id}/appeal`
pub async fn appeal(
    State(app): State<App>,
    visitor: Visitor,
    Path(id): Path<i64>,
    Form(form): Form<AppealForm>,
) -> PageResult {
    let viewer = visitor.viewer().ok_or(Error::SignInRequired)?;
    match appeals::appeal(&app, viewer.id, id, &form.appeal).await {
        Ok(()) => Ok(see_other("/measures")),
        Err(Error::Invalid(problems)) => {
            let page = MinePage {
                path: None,
                measures: measures::of(&app, viewer.id).await?,
                ui: visitor.ui,
                typed: (id, form.appeal),
                problems,
            };
            Ok(with_status(StatusCode::UNPROCESSABLE_ENTITY, page))
        }
        Err(error) => Err(error.into()),
    }
}
