//! `/measures`: what was done about oneself, why, and one's answer to it. For members and guests.

use askama::Template;
use axum::extract::{Form, Path, State};
use axum::response::IntoResponse;
use http::StatusCode;
use serde::Deserialize;

use crate::app::App;
use crate::error::{Error, Problem};
use crate::moderation::measures::{self, Measure};
use crate::ui::page::with_status;
use crate::ui::{Page, PageResult, Ui, Visitor, see_other};

#[derive(Template)]
#[template(path = "moderation/mine.html")]
struct MinePage {
    ui: Ui,
    measures: Vec<Measure>,
    appeal: String,
    problems: Vec<Problem>,
}

/// `GET /measures`
pub async fn index(State(app): State<App>, visitor: Visitor) -> PageResult {
    let viewer = visitor.viewer().ok_or(Error::SignInRequired)?;
    Ok(Page(MinePage {
        measures: measures::of(&app, viewer.id).await?,
        ui: visitor.ui,
        appeal: String::new(),
        problems: Vec::new(),
    })
    .into_response())
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
    match measures::appeal(&app, viewer.id, id, &form.appeal).await {
        Ok(()) => Ok(see_other("/measures")),
        Err(Error::Invalid(problems)) => {
            let page = MinePage {
                measures: measures::of(&app, viewer.id).await?,
                ui: visitor.ui,
                appeal: form.appeal,
                problems,
            };
            Ok(with_status(StatusCode::UNPROCESSABLE_ENTITY, page))
        }
        Err(error) => Err(error.into()),
    }
}
