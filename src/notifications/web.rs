//! The page of notifications.

use askama::Template;
use axum::extract::{Query, State};
use axum::response::IntoResponse;
use serde::Deserialize;

use crate::app::App;
use crate::notifications::{self, Group};
use crate::timelines::markers;
use crate::ui::{Page, PageResult, SignedIn, Ui};

/// Where the list goes on.
#[derive(Debug, Deserialize)]
pub struct Paging {
    before: Option<i64>,
}

#[derive(Template)]
#[template(path = "notifications/index.html")]
struct IndexPage {
    ui: Ui,
    groups: Vec<Group>,
    older: Option<String>,
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
        ui: visitor.ui,
        groups,
        older,
    })
    .into_response())
}
