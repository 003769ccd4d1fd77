//! How it stands with what somebody went home for.

use askama::Template;
use axum::extract::{Path, State};
use axum::response::IntoResponse as _;
use http::HeaderMap;

use super::WISH;
use crate::app::App;
use crate::error::Result;
use crate::guests::wishes;
use crate::ui::cookies::{cookie_of, read_cookie};
use crate::ui::{Page, PageResult, Ui, Visitor, see_other};

#[derive(Template)]
#[template(path = "guests/done.html")]
struct DonePage {
    ui: Ui,
    verb: String,
    state: &'static str,
    /// Where to go on.
    next: String,
}

/// `GET /door/done/{token}`: how it stands with what somebody went home for. It turns by itself, or by a reload.
pub async fn show(
    State(app): State<App>,
    visitor: Visitor,
    Path(token): Path<String>,
    headers: HeaderMap,
) -> PageResult {
    let Some(wish) = own_wish(&app, &headers, &token).await? else {
        return Ok(see_other("/"));
    };
    let state = match wishes::state(&app, &wish).await? {
        wishes::State::Waiting => "waiting",
        wishes::State::Asked => "asked",
        wishes::State::Done => "done",
    };
    Ok(Page(DonePage {
        ui: visitor.ui,
        verb: wish.verb,
        state,
        next: wish.next,
    })
    .into_response())
}

/// The wish of a page, for the browser that made it.
///
/// # Errors
/// What the database says.
pub async fn own_wish(app: &App, headers: &HeaderMap, token: &str) -> Result<Option<wishes::Wish>> {
    let cookie = read_cookie(headers, &cookie_of(app, WISH));
    if cookie.as_deref() != Some(token) {
        return Ok(None);
    }
    wishes::find(app, token).await
}
