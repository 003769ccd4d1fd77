//! Finding: what a handle or an address leads to, and people, hashtags and posts in which words stand.

use askama::Template;
use axum::extract::{Query, State};
use axum::response::IntoResponse as _;
use serde::Deserialize;

use crate::accounts::{self, Account};
use crate::app::App;
use crate::audiences;
use crate::error::Result;
use crate::federation::look_up;
use crate::federation::objects::Found;
use crate::kernel::page::Window;
use crate::kernel::text::fold_tag;
use crate::posts::thread;
use crate::posts::view::{self, View};
use crate::posts::words;
use crate::search;
use crate::ui::{Page, PageResult, SignedIn, Ui, see_other};

/// People and hashtags of one page.
const FEW: i64 = 10;
/// Posts of one page.
const POSTS: i64 = 20;

/// What is looked for.
#[derive(Debug, Deserialize)]
pub struct Question {
    #[serde(default)]
    q: String,
    before: Option<i64>,
}

#[derive(Template)]
#[template(path = "search/index.html")]
struct SearchPage {
    ui: Ui,
    query: String,
    sentence: Option<String>,
    people: Vec<Account>,
    tags: Vec<String>,
    views: Vec<View>,
    older: Option<String>,
}

/// `GET /search`: a handle, an address, a hashtag or words.
pub async fn index(
    State(app): State<App>,
    SignedIn(member, visitor): SignedIn,
    Query(question): Query<Question>,
) -> PageResult {
    let query = question.q.trim().to_owned();
    if let Some(tag) = query.strip_prefix('#') {
        return Ok(see_other(&format!("/tags/{}", fold_tag(tag))));
    }
    let mut page = SearchPage {
        ui: visitor.ui,
        query,
        sentence: None,
        people: Vec::new(),
        tags: Vec::new(),
        views: Vec::new(),
        older: None,
    };
    if is_place(&page.query) {
        look_up(&app, &member, &mut page).await?;
    } else if !page.query.is_empty() {
        find(&app, &member, question.before, &mut page).await?;
    }
    Ok(Page(page).into_response())
}

/// Whether it is an address or a handle with its domain: those lead to one thing.
fn is_place(query: &str) -> bool {
    let handle = accounts::split_handle(query);
    query.starts_with("https://")
        || query.starts_with("http://")
        || handle.is_some_and(|(_, domain)| !domain.is_empty())
}

async fn look_up(app: &App, member: &Account, page: &mut SearchPage) -> Result<()> {
    match look_up::for_member(app, member, &page.query).await? {
        Ok(Found::Account(account)) => page.people.push(account),
        Ok(Found::Post(post)) if audiences::may_see(app, Some(member), post.thing()).await? => {
            thread::complete_later(app, post.id).await?;
            page.views = view::load(app, Some(member), &[*post]).await?;
        }
        Ok(Found::Post(_)) => page.sentence = Some(page.ui.t("search-nothing")),
        Err(error) => page.sentence = Some(page.ui.t(error.sentence())),
    }
    Ok(())
}

async fn find(
    app: &App,
    member: &Account,
    before: Option<i64>,
    page: &mut SearchPage,
) -> Result<()> {
    let query = page.query.as_str();
    if before.is_none() {
        page.people = search::people(app, Some(member), query, false, (FEW, 0)).await?;
        page.tags = search::tags(app, query, FEW, 0).await?;
    }
    let window = Window::before(before, POSTS);
    let posts = words::find(app, member, query, None, (window, 0)).await?;
    page.views = view::load(app, Some(member), &posts).await?;
    if i64::try_from(posts.len()).unwrap_or(0) == POSTS
        && let Some(last) = posts.last()
    {
        let query: String = url::form_urlencoded::byte_serialize(query.as_bytes()).collect();
        page.older = Some(format!("/search?q={query}&before={}", last.id));
    }
    if page.people.is_empty() && page.tags.is_empty() && page.views.is_empty() {
        page.sentence = Some(page.ui.tv("search-none", "words", page.query.clone()));
    }
    Ok(())
}
