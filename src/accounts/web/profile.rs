//! Profiles.

use askama::Template;
use axum::extract::{Path, Query, State};
use axum::response::{IntoResponse, Redirect, Response};
use http::request::Parts;
use serde::Deserialize;

use crate::accounts::{self, Account};
use crate::app::App;
use crate::audiences::{self, Badge};
use crate::error::Error;
use crate::federation::serve::{self, wants_document};
use crate::kernel::page::Window;
use crate::members::locked::{self, Locked};
use crate::posts::thread::Cursor;
use crate::posts::view::{self, View};
use crate::posts::{keep, web as post_pages};
use crate::relations::between::{self, Relationship};
use crate::relations::{endorsements, follows, web as people_pages};
use crate::timelines;
use crate::timelines::web::feeds;
use crate::ui::page::with_document;
use crate::ui::{Page, PageResult, Ui, Visitor};

/// Where a list goes on.
#[derive(Debug, Deserialize)]
pub struct Paging {
    before: Option<i64>,
    /// `stranger`: as somebody sees it who is not signed in.
    #[serde(rename = "as")]
    seen_as: Option<String>,
    /// From where on the answers to a post are shown.
    answers: Option<String>,
}

#[derive(Template)]
#[template(path = "accounts/profile.html")]
struct ProfilePage {
    ui: Ui,
    account: Account,
    relation: Option<Relationship>,
    from_home: Option<Relationship>,
    /// The badges they show here.
    badges: Vec<Badge>,
    /// Whom they recommend.
    recommended: Vec<Account>,
    pinned: Vec<View>,
    /// What they wrote for tiers that the viewer has not.
    locked: Vec<Locked>,
    views: Vec<View>,
    older: Option<String>,
}

async fn page(
    app: &App,
    visitor: Visitor,
    mut account: Account,
    before: Option<i64>,
) -> PageResult {
    let viewer = visitor.viewer();
    if !sees_inside(app, &account, viewer).await? {
        account.fields.retain(|field| !field.for_followers);
    }
    let mut relation = match viewer {
        Some(viewer) if viewer.id != account.id => {
            Some(between::one(app, viewer.id, &account).await?)
        }
        _ => None,
    };
    if relation
        .as_ref()
        .is_some_and(|relation| relation.blocked_by)
    {
        return Err(Error::NotFound.into());
    }
    // A guest's home does what a guest wants done; here is only seen how it stands.
    let from_home = relation.take_if(|_| visitor.guest.is_some());
    let posts = timelines::of_account(app, viewer, account.id, Window::before(before, 20)).await?;
    let older = posts.last().filter(|_| posts.len() >= 20).map(|last| {
        // Whoever looks as a stranger goes on as one; the address says so to strangers too.
        let stranger = if viewer.is_none() { "&as=stranger" } else { "" };
        format!("{}?before={}{stranger}", account.path(), last.id)
    });
    let pinned = if before.is_none() {
        view::load(app, viewer, &keep::pinned(app, viewer, account.id).await?).await?
    } else {
        Vec::new()
    };
    let locked = if before.is_none() && account.is_local() {
        locked::list(app, viewer, account.id, 3).await?
    } else {
        Vec::new()
    };
    let views = view::load(app, viewer, &posts).await?;
    let recommended = if before.is_none() {
        recommended(app, &account).await?
    } else {
        Vec::new()
    };
    let badges = audiences::badges(&app.db, &[account.id], app.clock.now()).await?;
    let document = account.is_local().then(|| account.uri.clone());
    let page = Page(ProfilePage {
        ui: visitor.ui,
        account,
        relation,
        from_home,
        badges,
        recommended,
        pinned,
        locked,
        views,
        older,
    })
    .into_response();
    Ok(match document {
        Some(uri) => with_document(page, &uri),
        None => page,
    })
}

/// Whom an account of ours recommends, as far as its page shows.
async fn recommended(app: &App, account: &Account) -> Result<Vec<Account>, Error> {
    if !account.is_local() {
        return Ok(Vec::new());
    }
    let rows = endorsements::list(app, account.id, Window::newest(12)).await?;
    Ok(rows.into_iter().map(|(_, account)| account).collect())
}

/// Whether somebody sees what an account shows to its followers.
pub async fn sees_inside(
    app: &App,
    account: &Account,
    viewer: Option<&Account>,
) -> Result<bool, Error> {
    Ok(match viewer {
        Some(viewer) if viewer.id == account.id => true,
        Some(viewer) => follows::is_following(&app.db, viewer.id, account.id).await?,
        None => false,
    })
}

/// `GET /@{handle}`
pub async fn show(
    State(app): State<App>,
    visitor: Visitor,
    Path(handle): Path<String>,
    Query(paging): Query<Paging>,
    parts: Parts,
) -> PageResult {
    let account = find(&app, &handle).await?;
    if account.is_local() && wants_document(&parts.headers) {
        return Ok(serve::actor_document(&app, &account.name).await);
    }
    let visitor = if paging.seen_as.as_deref() == Some("stranger") {
        visitor.as_stranger()
    } else {
        visitor
    };
    page(&app, visitor, account, paging.before).await
}

async fn find(app: &App, handle: &str) -> Result<Account, Error> {
    accounts::find_by_handle(app, handle)
        .await?
        .filter(|account| account.is_active() && account.kind != accounts::Kind::Node)
        .ok_or(Error::NotFound)
}

/// `GET /@{handle}/{what}`: a post, the followers, the followed.
pub async fn part(
    State(app): State<App>,
    visitor: Visitor,
    Path((handle, what)): Path<(String, String)>,
    Query(paging): Query<Paging>,
    parts: Parts,
) -> PageResult {
    let account = find(&app, &handle).await?;
    if what == "feed.atom" {
        return feeds::of_account(&app, &account).await;
    }
    if matches!(what.as_str(), "followers" | "following") {
        return people_pages::list(&app, visitor, &account, &what, paging.before).await;
    }
    let id = what.parse().map_err(|_| Error::NotFound)?;
    if account.is_local() && wants_document(&parts.headers) {
        return Ok(serve::post_document(&app, &parts, &account.name, &what).await);
    }
    let after = paging.answers.as_deref().and_then(Cursor::parse);
    post_pages::show(&app, visitor, id, after).await
}

/// `GET /users/{name}`: the actor's id; a browser is sent to the page.
pub async fn actor(State(app): State<App>, Path(name): Path<String>, parts: Parts) -> Response {
    if wants_document(&parts.headers) || !parts.headers.contains_key(http::header::ACCEPT) {
        return serve::actor_document(&app, &name).await;
    }
    Redirect::to(&format!("/@{name}")).into_response()
}

/// `GET /users/{name}/posts/{id}`: a post's id; a browser is sent to the page.
pub async fn post(
    State(app): State<App>,
    Path((name, id)): Path<(String, String)>,
    parts: Parts,
) -> Response {
    if wants_document(&parts.headers) || !parts.headers.contains_key(http::header::ACCEPT) {
        return serve::post_document(&app, &parts, &name, &id).await;
    }
    Redirect::to(&format!("/@{name}/{id}")).into_response()
}
