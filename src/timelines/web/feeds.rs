//! Public lists for feed readers (Atom, RFC 4287).

use askama::Template;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};

use crate::accounts::{self, Account};
use crate::app::App;
use crate::error::{Error, Result};
use crate::kernel::clock::Time;
use crate::kernel::page::Window;
use crate::kernel::text::fold_tag;
use crate::media::Media;
use crate::nodes::house;
use crate::posts::Post;
use crate::posts::view::{self, View};
use crate::timelines::{self, Part, Tagged};
use crate::ui::PageResult;

/// Posts of one feed.
const POSTS: i64 = 30;

#[derive(Template)]
#[template(path = "timelines/feed.xml")]
struct Feed {
    app: App,
    title: String,
    /// The page the feed is of.
    page: String,
    /// The feed itself.
    url: String,
    updated: Time,
    views: Vec<View>,
}

impl Feed {
    /// Text without the characters that no XML may hold.
    fn clean(text: &str) -> String {
        let allowed = |c: &char| matches!(c, '\t' | '\n' | '\r' | '\u{20}'..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..);
        text.chars().filter(allowed).collect()
    }

    fn at(&self, path: &str) -> String {
        self.app.origin().at(path)
    }

    /// The files of a post that readers can fetch.
    fn enclosures<'a>(&self, view: &'a View) -> Vec<(String, &'a Media)> {
        let own =
            |item: &'a Media| Some((self.at(&format!("/media/{}", item.file.as_ref()?)), item));
        view.media.iter().filter_map(own).collect()
    }
}

async fn answer(app: &App, title: String, page: &str, posts: &[Post]) -> Result<Response> {
    let views = view::load(app, None, posts).await?;
    let newest = views
        .iter()
        .map(|view| view.post.edited_at.unwrap_or(view.post.created_at));
    let feed = Feed {
        updated: newest.max().unwrap_or(app.clock.now()),
        title,
        url: app.origin().at(&format!("{page}/feed.atom")),
        page: app.origin().at(page),
        views,
        app: app.clone(),
    };
    let text = feed.render().map_err(anyhow::Error::from)?;
    let headers = [
        (
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/atom+xml; charset=utf-8"),
        ),
        (
            header::CACHE_CONTROL,
            HeaderValue::from_static("public, max-age=300"),
        ),
    ];
    Ok((StatusCode::OK, headers, text).into_response())
}

/// `GET /@{handle}/feed.atom`: what a member wrote for everyone.
pub async fn of_account(app: &App, account: &Account) -> PageResult {
    if !account.is_local() {
        return Err(Error::NotFound.into());
    }
    let part = Part {
        no_replies: true,
        no_boosts: true,
        ..Part::default()
    };
    let window = Window::newest(POSTS);
    let posts = timelines::part_of_account(app, None, account.id, &part, window).await?;
    let posts = listed(posts);
    let title = account.shown_name().to_owned();
    Ok(answer(app, title, &account.path(), &posts).await?)
}

/// What stands in public lists.
fn listed(mut posts: Vec<Post>) -> Vec<Post> {
    posts.retain(|post| post.audience == crate::audiences::Audience::Public);
    posts
}

/// `GET /feed.atom`: the host's.
pub async fn of_host(State(app): State<App>) -> PageResult {
    let host = accounts::first_host(&app).await?.ok_or(Error::NotFound)?;
    of_account(&app, &host).await
}

/// `GET /local/feed.atom`: what the house wrote.
pub async fn of_house(State(app): State<App>) -> PageResult {
    let posts = timelines::local(&app, None, Window::newest(POSTS)).await?;
    let title = house::get(&app).await?.name;
    Ok(answer(&app, title, "/local", &posts).await?)
}

/// `GET /tags/{tag}/feed.atom`
pub async fn of_tag(State(app): State<App>, Path(tag): Path<String>) -> PageResult {
    let tag = fold_tag(&tag);
    let posts = timelines::tagged(&app, None, &Tagged::of(&tag), Window::newest(POSTS)).await?;
    let page: String = url::form_urlencoded::byte_serialize(tag.as_bytes()).collect();
    Ok(answer(&app, format!("#{tag}"), &format!("/tags/{page}"), &posts).await?)
}
