//! As a home: our members are known in other houses, and leave them here.

use std::collections::HashMap;

use axum::extract::{Form, Query, State};
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use serde::Deserialize;

use crate::accounts::Account;
use crate::accounts::web::{ConfirmPage, MessagePage};
use crate::app::App;
use crate::error::Error;
use crate::guests::magic::{self, Destination};
use crate::guests::{Closed, entered};
use crate::ui::page::{onward, with_status};
use crate::ui::{Page, PageResult, SignedIn, Ui, see_other};

/// What a house sends along with somebody who wants to be known there.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Asked {
    owa: String,
    bdest: String,
    dest: String,
}

fn refuse(ui: Ui, sentence: &str) -> Response {
    let page = MessagePage {
        title: ui.t("oauth-stopped"),
        sentences: vec![ui.t(sentence)],
        codes: Vec::new(),
        step: Some(("/home".to_owned(), ui.t("nav-home"))),
        ui,
    };
    with_status(StatusCode::BAD_REQUEST, page)
}

async fn read(app: &App, asked: &Asked) -> Result<Option<Destination>, Error> {
    if asked.owa != "1" {
        return Ok(None);
    }
    magic::destination(app, &asked.bdest, &asked.dest).await
}

/// `GET /magic` (FEP-61cf): asks once for each house whether it may know who comes.
pub async fn ask(
    State(app): State<App>,
    SignedIn(member, visitor): SignedIn,
    Query(asked): Query<Asked>,
) -> PageResult {
    let ui = visitor.ui;
    let Some(to) = read(&app, &asked).await? else {
        return Ok(refuse(ui, "magic-nowhere"));
    };
    if entered::knows(&app, member.id, &to.origin, entered::BY_MAGIC).await? {
        return go(&app, &member, ui, &to).await;
    }
    let back: String = to.back.clone();
    Ok(Page(ConfirmPage {
        title: ui.tv("oauth-ask-who", "value", to.host.clone()),
        sentence: ui.tv("magic-explain", "host", to.host),
        action: "/magic".to_owned(),
        ask_comment: false,
        hidden: vec![
            ("owa".to_owned(), "1".to_owned()),
            ("dest".to_owned(), back),
        ],
        button: ui.t("oauth-allow"),
        danger: false,
        back: "/home".to_owned(),
        ui,
    })
    .into_response())
}

/// `POST /magic`: yes.
pub async fn enter(
    State(app): State<App>,
    SignedIn(member, visitor): SignedIn,
    Form(asked): Form<Asked>,
) -> PageResult {
    match read(&app, &asked).await? {
        Some(to) => go(&app, &member, visitor.ui, &to).await,
        None => Ok(refuse(visitor.ui, "magic-nowhere")),
    }
}

async fn go(app: &App, member: &Account, ui: Ui, to: &Destination) -> PageResult {
    app.limits
        .look_up
        .take(member.id.0, app.clock.now())
        .map_err(Error::TooMany)?;
    match magic::enter(app, member, to).await? {
        Ok(target) => Ok(onward(ui, target, &to.host, true)),
        Err(Closed::Silent) => Ok(refuse(ui, "door-silent")),
        Err(_) => Ok(refuse(ui, "magic-refused")),
    }
}

/// `POST /settings/apps/leave`: leaves a house.
pub async fn leave(
    State(app): State<App>,
    SignedIn(member, _): SignedIn,
    Form(form): Form<HashMap<String, String>>,
) -> PageResult {
    let origin = form.get("origin").map(String::as_str).unwrap_or_default();
    entered::leave(&app, member.id, origin).await?;
    Ok(see_other("/settings/apps"))
}
