//! Pages of posts: home, the house, hashtags, bookmarks, look-up.

pub mod feeds;
pub mod live;

use askama::Template;
use axum::extract::{Path, Query, State};
use axum::response::IntoResponse;

use crate::app::App;
use crate::kernel::page::Window;
use crate::kernel::text::fold_tag;
use crate::nodes::announcements::{self, Announcement};
use crate::posts::keep;
use crate::posts::view::{self, View};
use crate::posts::web::form::ComposeForm;
use crate::timelines::houses::{self, House};
use crate::timelines::{self, Tagged};
use crate::ui::page::Paging;
use crate::ui::{Page, PageResult, SignedIn, Ui, Visitor};

/// Posts on a page.
const POSTS: i64 = 20;

#[derive(Template)]
#[template(path = "timelines/list.html")]
struct ListPage {
    ui: Ui,
    title: String,
    announcements: Vec<Announcement>,
    /// The same list for feed readers, where everybody may read it.
    feed: Option<String>,
    form: Option<ComposeForm>,
    views: Vec<View>,
    empty: String,
    step: Option<(String, String)>,
    older: Option<String>,
}

fn older(path: &str, views: &[View]) -> Option<String> {
    let last = views
        .last()
        .filter(|_| i64::try_from(views.len()).unwrap_or(0) >= POSTS)?;
    Some(format!("{path}?before={}", last.entry()))
}

/// `GET /home`
pub async fn home(
    State(app): State<App>,
    SignedIn(member, visitor): SignedIn,
    Query(paging): Query<Paging>,
) -> PageResult {
    let posts = timelines::home(&app, &member, Window::before(paging.before, POSTS)).await?;
    let views = view::load(&app, Some(&member), &posts).await?;
    let ui = visitor.ui;
    let first = paging.before.is_none();
    let form = if first {
        Some(ComposeForm::blank("home").offering(&app, &member).await?)
    } else {
        None
    };
    let mut announcements = announcements::list(&app, member.id).await?;
    announcements.retain(|one| first && !one.read);
    let step = Some(("/search".to_owned(), ui.t("empty-home-step")));
    Ok(Page(ListPage {
        title: ui.t("nav-home"),
        announcements,
        feed: None,
        form,
        older: older("/home", &views),
        views,
        empty: ui.t("empty-home"),
        step,
        ui,
    })
    .into_response())
}

/// `GET /local`
pub async fn local(
    State(app): State<App>,
    visitor: Visitor,
    Query(paging): Query<Paging>,
) -> PageResult {
    let posts =
        timelines::local(&app, visitor.viewer(), Window::before(paging.before, POSTS)).await?;
    let views = view::load(&app, visitor.viewer(), &posts).await?;
    let ui = visitor.ui;
    let step = ui
        .viewer
        .is_some()
        .then(|| ("/compose".to_owned(), ui.t("compose-first")));
    Ok(Page(ListPage {
        title: ui.t("nav-local"),
        announcements: Vec::new(),
        feed: Some("/local/feed.atom".to_owned()),
        form: None,
        older: older("/local", &views),
        views,
        empty: ui.t("empty-local"),
        step,
        ui,
    })
    .into_response())
}

/// `GET /tags/{tag}`
pub async fn tag(
    State(app): State<App>,
    visitor: Visitor,
    Path(tag): Path<String>,
    Query(paging): Query<Paging>,
) -> PageResult {
    let tag = fold_tag(&tag);
    let posts = timelines::tagged(
        &app,
        visitor.viewer(),
        &Tagged::of(&tag),
        Window::before(paging.before, POSTS),
    )
    .await?;
    let views = view::load(&app, visitor.viewer(), &posts).await?;
    let ui = visitor.ui;
    Ok(Page(ListPage {
        title: format!("#{tag}"),
        announcements: Vec::new(),
        feed: Some(format!("/tags/{tag}/feed.atom")),
        form: None,
        older: older(&format!("/tags/{tag}"), &views),
        views,
        empty: ui.t("empty-tag"),
        step: None,
        ui,
    })
    .into_response())
}

/// `GET /bookmarks`
pub async fn bookmarks(
    State(app): State<App>,
    SignedIn(member, visitor): SignedIn,
    Query(paging): Query<Paging>,
) -> PageResult {
    let kept = keep::bookmarks(&app, &member, Window::before(paging.before, POSTS)).await?;
    let older = kept
        .last()
        .filter(|_| i64::try_from(kept.len()).unwrap_or(0) >= POSTS)
        .map(|(id, _)| format!("/bookmarks?before={id}"));
    let posts: Vec<_> = kept.into_iter().map(|(_, post)| post).collect();
    let views = view::load(&app, Some(&member), &posts).await?;
    let ui = visitor.ui;
    Ok(Page(ListPage {
        title: ui.t("nav-bookmarks"),
        announcements: Vec::new(),
        feed: None,
        form: None,
        older,
        views,
        empty: ui.t("empty-bookmarks"),
        step: None,
        ui,
    })
    .into_response())
}

#[derive(Template)]
#[template(path = "timelines/houses.html")]
struct HousesPage {
    ui: Ui,
    houses: Vec<House>,
}

/// `GET /houses`: the houses a member follows, with what is new in each.
pub async fn houses(State(app): State<App>, SignedIn(member, visitor): SignedIn) -> PageResult {
    let houses = houses::list(&app, &member).await?;
    Ok(Page(HousesPage {
        ui: visitor.ui,
        houses,
    })
    .into_response())
}
