//! The page of notifications.

use askama::Template;
use axum::extract::{Form, Query, State};
use axum::response::IntoResponse;
use serde::Deserialize;

use crate::app::App;
use crate::error::Error;
use crate::notifications::{self, Group, browser, push};
use crate::timelines::markers;
use crate::ui::page::Paging;
use crate::ui::{Page, PageResult, SignedIn, Ui, see_other};

#[derive(Template)]
#[template(path = "notifications/index.html")]
struct IndexPage {
    ui: Ui,
    groups: Vec<Group>,
    older: Option<String>,
    /// The key by which push services know this house.
    push_key: String,
    /// Whether this browser is told about notifications.
    told: bool,
}

/// `GET /notifications`; what is shown counts as read from then on.
pub async fn index(
    State(app): State<App>,
    SignedIn(member, visitor): SignedIn,
    Query(paging): Query<Paging>,
) -> PageResult {
    let groups = notifications::list(&app, &member, paging.before).await?;
    if let Some(newest) = groups.first().filter(|_| paging.before.is_none()) {
        markers::set(&app, member.id, "notifications", newest.id.0).await?;
    }
    let older = groups
        .last()
        .filter(|_| groups.len() >= 40)
        .map(|group| format!("/notifications?before={}", group.id));
    Ok(Page(IndexPage {
        told: match visitor.session {
            Some(session) => browser::is_set_up(&app, session).await?,
            None => false,
        },
        push_key: push::key(&app).await?.public(),
        ui: visitor.ui,
        groups,
        older,
    })
    .into_response())
}

/// A browser's subscription to push messages; an empty address takes it back.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct DeviceForm {
    endpoint: String,
    key: String,
    auth: String,
}

/// `POST /notifications/device`
pub async fn device(
    State(app): State<App>,
    SignedIn(member, visitor): SignedIn,
    Form(form): Form<DeviceForm>,
) -> PageResult {
    let session = visitor.session.ok_or(Error::SignInRequired)?;
    if form.endpoint.is_empty() {
        browser::forget(&app, session).await?;
    } else {
        let device = (
            form.endpoint.as_str(),
            form.key.as_str(),
            form.auth.as_str(),
        );
        browser::set_up(&app, &member, session, device).await?;
    }
    Ok(see_other("/notifications"))
}
