//! What a guest finds here: what this house knows about them, what it may do for them, and the way out.

use askama::Template;
use axum::extract::{Form, Path, State};
use axum::response::IntoResponse;
use http::{HeaderMap, StatusCode};
use serde::Deserialize;

use super::{HOME, set_cookie};
use crate::accounts::sessions::Session;
use crate::accounts::{self, Account, Kind};
use crate::app::App;
use crate::error::Error;
use crate::guests::grants::{self, Grant};
use crate::guests::{Closed, mail, sessions};
use crate::kernel::clock::Time;
use crate::kernel::id::{AccountId, PostId};
use crate::posts;
use crate::ui::cookies::{GUEST, cookie_of, named_cookie, read_cookie};
use crate::ui::page::with_status;
use crate::ui::{Page, PageResult, Ui, Visitor, see_other};

#[derive(Template)]
#[template(path = "guests/guest.html")]
struct GuestPage {
    ui: Ui,
    guest: Account,
    browsers: Vec<Session>,
    follows: Vec<Account>,
    addresses: Vec<(String, Option<Time>)>,
    /// A mail address that was proven in the same browser.
    offered: Option<String>,
    grant: Option<Grant>,
}

/// `GET /guest`: what this house knows about a guest.
pub async fn show(State(app): State<App>, visitor: Visitor) -> PageResult {
    let Some(guest) = visitor.guest.clone() else {
        return Ok(see_other("/door"));
    };
    Ok(Page(GuestPage {
        browsers: sessions::list(&app, guest.id).await?,
        follows: sessions::followed(&app, guest.id).await?,
        addresses: mail::addresses(&app, guest.id).await?,
        offered: mail::offered(&app, guest.id)
            .await?
            .map(|(address, _)| address),
        grant: grants::find(&app, guest.id).await?,
        guest,
        ui: visitor.ui,
    })
    .into_response())
}

/// `POST /guest/{verb}`: goes, is forgotten, or lets this house act no more.
pub async fn leave(
    State(app): State<App>,
    visitor: Visitor,
    Path(verb): Path<String>,
    headers: HeaderMap,
) -> PageResult {
    let token = read_cookie(&headers, &cookie_of(&app, GUEST));
    match (verb.as_str(), &visitor.guest, token) {
        ("withdraw", Some(guest), _) => {
            grants::give_back(&app, guest.id).await?;
            return Ok(see_other("/guest"));
        }
        ("join" | "join-not", Some(guest), _) => {
            mail::answer(&app, guest, verb == "join").await?;
            return Ok(see_other("/guest"));
        }
        ("leave", _, Some(token)) => sessions::end(&app, &token).await?,
        ("erase", Some(guest), _) => sessions::erase(&app, guest.id).await?,
        ("leave" | "erase" | "withdraw" | "join" | "join-not", ..) => {}
        _ => return Err(Error::NotFound.into()),
    }
    let mut answer = see_other("/");
    set_cookie(&mut answer, &named_cookie(&app, GUEST, "", 0));
    if verb == "erase" {
        set_cookie(&mut answer, &named_cookie(&app, HOME, "", 0));
    }
    Ok(answer)
}

/// `POST /guest/follow/{id}`: follows from home, by the grant.
pub async fn follow(
    State(app): State<App>,
    visitor: Visitor,
    Path(id): Path<AccountId>,
) -> PageResult {
    let guest = visitor.guest.clone().ok_or(Error::SignInRequired)?;
    let whom = accounts::get(&app, id).await?;
    if whom.kind != Kind::Local || !whom.is_active() {
        return Err(Error::NotFound.into());
    }
    limit(&app, &guest)?;
    let done = grants::follow(&app, &guest, &whom).await?;
    match done {
        Ok(()) => Ok(see_other(&whom.path())),
        Err(closed) => Ok(failed(visitor.ui, closed, whom.path(), String::new())),
    }
}

fn limit(app: &App, guest: &Account) -> Result<(), Error> {
    app.limits
        .look_up
        .take(guest.id.0, app.clock.now())
        .map_err(Error::TooMany)
}

/// An answer from home.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Reply {
    text: String,
    key: String,
}

/// `POST /guest/reply/{id}`: answers from home, by the grant.
pub async fn reply(
    State(app): State<App>,
    visitor: Visitor,
    Path(id): Path<PostId>,
    Form(form): Form<Reply>,
) -> PageResult {
    let guest = visitor.guest.clone().ok_or(Error::SignInRequired)?;
    let post = posts::get_for(&app, Some(&guest), id).await?;
    let author = accounts::get(&app, post.account).await?;
    let path = format!("{}/{id}", author.path());
    // What is narrow stays here: a home could not keep it as narrow.
    if !post.audience.is_open() || form.text.trim().is_empty() {
        return Ok(see_other(&path));
    }
    limit(&app, &guest)?;
    // The author is told, so the answer names them.
    let handle = format!("@{}", author.handle(&app.origin()));
    let text = if form.text.contains(&handle) {
        form.text.clone()
    } else {
        format!("{handle} {}", form.text)
    };
    let done = grants::reply(&app, &guest, &post, &text, &form.key).await?;
    match done {
        Ok(()) => Ok(see_other(&path)),
        Err(closed) => Ok(failed(visitor.ui, closed, path, form.text)),
    }
}

#[derive(Template)]
#[template(path = "guests/failed.html")]
struct FailedPage {
    ui: Ui,
    sentence: String,
    /// What was written, which is not lost.
    text: String,
    back: String,
}

fn failed(ui: Ui, closed: Closed, back: String, text: String) -> axum::response::Response {
    let page = FailedPage {
        sentence: ui.t(closed.sentence()),
        ui,
        text,
        back,
    };
    with_status(StatusCode::UNPROCESSABLE_ENTITY, page)
}
