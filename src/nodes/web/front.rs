//! `/`: the house. Whose it is, what is on, how to come in; then everything else, as the host orders it.

use askama::Template;
use axum::extract::State;
use axum::response::{IntoResponse, Redirect};
use http::HeaderMap;

use crate::accounts::web::profile;
use crate::accounts::{self, Account, preferences};
use crate::app::App;
use crate::error::Result;
use crate::federation::serve::wants_document;
use crate::kernel::page::Window;
use crate::members::locked::{self, Locked};
use crate::nodes::house::Section;
use crate::posts::keep;
use crate::posts::view::{self, View};
use crate::relations::between::{self, Relationship};
use crate::relations::follows;
use crate::timelines;
use crate::ui::{Page, PageResult, Ui, Visitor};

/// Posts on the front page.
const POSTS: i64 = 12;
/// Friends of the house that are shown.
const FRIENDS: i64 = 8;

#[derive(Template)]
#[template(path = "nodes/front.html")]
struct FrontPage {
    ui: Ui,
    host: Account,
    /// The picture across the page.
    picture: Option<String>,
    relation: Option<Relationship>,
    from_home: Option<Relationship>,
    /// The parts that are shown, in their order.
    sections: Vec<&'static str>,
    pinned: Vec<View>,
    music: Vec<View>,
    /// How many posts the visitor would see more as a follower.
    inside: i64,
    /// Posts for tiers that the visitor has not.
    locked: Vec<Locked>,
    friends: Vec<Account>,
    views: Vec<View>,
    older: Option<String>,
}

/// `GET /`: a document is asked for at the host's own id.
pub async fn show(State(app): State<App>, visitor: Visitor, headers: HeaderMap) -> PageResult {
    let Some(host) = accounts::first_host(&app).await? else {
        return Ok(super::waiting(&visitor.ui));
    };
    if wants_document(&headers) {
        return Ok(Redirect::to(&host.uri).into_response());
    }
    Ok(Page(page(&app, visitor, host).await?).into_response())
}

async fn page(app: &App, visitor: Visitor, mut host: Account) -> Result<FrontPage> {
    let look = visitor.ui.house.look.clone();
    let shown = |section| look.front.contains(&(section, true));
    let viewer = visitor.viewer();
    if !profile::sees_inside(app, &host, viewer).await? {
        host.fields.retain(|field| !field.for_followers);
    }
    let mut relation = match viewer {
        Some(viewer) if viewer.id != host.id => Some(between::one(app, viewer.id, &host).await?),
        _ => None,
    };
    let follows = relation.as_ref().is_some_and(|relation| relation.following);
    let outside = !follows && viewer.is_none_or(|viewer| viewer.id != host.id);
    let posts = timelines::of_account(app, viewer, host.id, Window::newest(POSTS)).await?;
    let older = posts
        .last()
        .filter(|_| i64::try_from(posts.len()).unwrap_or(0) >= POSTS)
        .map(|last| format!("{}?before={}", host.path(), last.id));
    let music = if shown(Section::Music) {
        timelines::newest_sound(app, viewer, host.id).await?
    } else {
        Vec::new()
    };
    let pinned = if shown(Section::Pinned) {
        keep::pinned(app, visitor.viewer(), host.id).await?
    } else {
        Vec::new()
    };
    let hidden = preferences::hides_follows(app, &host, viewer).await?;
    let friends = if shown(Section::Friends) && !hidden {
        follows::following(app, host.id, Window::newest(FRIENDS)).await?
    } else {
        Vec::new()
    };
    let inside = if shown(Section::Inside) && outside {
        timelines::count_for_followers(app, host.id).await?
    } else {
        0
    };
    let locked = if shown(Section::Inside) {
        locked::list(app, viewer, host.id, 3).await?
    } else {
        Vec::new()
    };
    let picture = look.hero.as_ref().map(|file| format!("/media/{file}"));
    Ok(FrontPage {
        picture: picture.or_else(|| visitor.ui.header(&host)),
        from_home: relation.take_if(|_| visitor.guest.is_some()),
        relation,
        sections: look
            .front
            .iter()
            .filter(|(_, shown)| *shown)
            .map(|(section, _)| section.name())
            .collect(),
        pinned: view::load(app, viewer, &pinned).await?,
        music: view::load(app, viewer, &music).await?,
        inside,
        locked,
        friends: friends.into_iter().map(|(_, account)| account).collect(),
        views: view::load(app, viewer, &posts).await?,
        older,
        host,
        ui: visitor.ui,
    })
}
