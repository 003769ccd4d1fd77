//! Pages of posts: home, the house, hashtags, bookmarks, look-up.

use askama::Template;
use axum::extract::{Path, Query, State};
use axum::response::IntoResponse;
use serde::Deserialize;

use crate::accounts::Account;
use crate::app::App;
use crate::audiences;
use crate::error::Error;
use crate::federation::objects::Found;
use crate::federation::webfinger;
use crate::jobs::{self, Job};
use crate::kernel::page::Window;
use crate::kernel::text::fold_tag;
use crate::posts::keep;
use crate::posts::view::{self, View};
use crate::posts::web::form::ComposeForm;
use crate::timelines;
use crate::ui::{Page, PageResult, SignedIn, Ui, Visitor, see_other};

/// Posts on a page.
const POSTS: i64 = 20;

/// Where a list goes on.
#[derive(Debug, Deserialize)]
pub struct Paging {
    before: Option<i64>,
}

#[derive(Template)]
#[template(path = "timelines/list.html")]
struct ListPage {
    ui: Ui,
    title: String,
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
    let form = paging.before.is_none().then(|| ComposeForm::blank("home"));
    let step = Some(("/search".to_owned(), ui.t("empty-home-step")));
    Ok(Page(ListPage {
        title: ui.t("nav-home"),
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
    let posts = timelines::local(
        &app,
        visitor.account.as_ref(),
        Window::before(paging.before, POSTS),
    )
    .await?;
    let views = view::load(&app, visitor.account.as_ref(), &posts).await?;
    let ui = visitor.ui;
    let step = ui
        .viewer
        .is_some()
        .then(|| ("/compose".to_owned(), ui.t("compose-first")));
    Ok(Page(ListPage {
        title: ui.t("nav-local"),
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
        visitor.account.as_ref(),
        &tag,
        false,
        Window::before(paging.before, POSTS),
    )
    .await?;
    let views = view::load(&app, visitor.account.as_ref(), &posts).await?;
    let ui = visitor.ui;
    Ok(Page(ListPage {
        title: format!("#{tag}"),
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
        form: None,
        older,
        views,
        empty: ui.t("empty-bookmarks"),
        step: None,
        ui,
    })
    .into_response())
}

/// What is looked up.
#[derive(Debug, Deserialize)]
pub struct Question {
    #[serde(default)]
    q: String,
}

#[derive(Template)]
#[template(path = "timelines/search.html")]
struct SearchPage {
    ui: Ui,
    query: String,
    sentence: Option<String>,
    account: Option<Account>,
    views: Vec<View>,
}

/// `GET /search`: a handle, an address or a hashtag.
pub async fn search(
    State(app): State<App>,
    SignedIn(member, visitor): SignedIn,
    Query(question): Query<Question>,
) -> PageResult {
    let query = question.q.trim().to_owned();
    let ui = visitor.ui;
    let mut page = SearchPage {
        ui,
        query: query.clone(),
        sentence: None,
        account: None,
        views: Vec::new(),
    };
    if query.is_empty() {
        return Ok(Page(page).into_response());
    }
    if let Some(tag) = query.strip_prefix('#') {
        return Ok(see_other(&format!("/tags/{}", fold_tag(tag))));
    }
    app.limits
        .look_up
        .take(&member.id.0, app.clock.now())
        .map_err(Error::TooMany)?;
    match webfinger::look_up(&app, &query).await {
        Ok(Found::Account(account)) => page.account = Some(account),
        Ok(Found::Post(post)) if audiences::may_see(&app, Some(&member), post.thing()).await? => {
            jobs::enqueue(&app.db, app.clock.now(), Job::FetchReplies(post.id)).await?;
            page.views = view::load(&app, Some(&member), &[*post]).await?;
        }
        Ok(Found::Post(_)) => page.sentence = Some(page.ui.t("search-nothing")),
        Err(error) => page.sentence = Some(page.ui.t(error.sentence())),
    }
    Ok(Page(page).into_response())
}
