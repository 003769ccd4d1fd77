//! `GET /embed/…`: the house, a profile or a post as a card on somebody else's page. It reads and sets no cookie.

use askama::Template;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use http::request::Parts;
use http::{HeaderValue, header};

use super::{Page, PageResult, Ui, Visitor};
use crate::accounts::{self, Account};
use crate::app::App;
use crate::error::{Error, Result};
use crate::kernel::id::PostId;
use crate::kernel::page::Window;
use crate::posts::view::{self, View};
use crate::{posts, timelines};

/// What the card may do, wherever it is shown: nothing but look like its house.
const POLICY: &str = "default-src 'none'; style-src 'self'; font-src 'self'; img-src 'self'; media-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors *";

#[derive(Template)]
#[template(path = "ui/embed.html")]
struct CardPage {
    ui: Ui,
    account: Account,
    /// The house or a profile: its newest post; else the post itself.
    whole: bool,
    view: Option<View>,
}

/// `GET /embed`: the house.
pub async fn house(State(app): State<App>, parts: Parts) -> PageResult {
    let host = accounts::first_host(&app).await?.ok_or(Error::NotFound)?;
    profile_card(&app, parts, host).await
}

/// `GET /embed/{handle}`: a profile of this house.
pub async fn profile(
    State(app): State<App>,
    Path(handle): Path<String>,
    parts: Parts,
) -> PageResult {
    let account = local(&app, &handle).await?;
    profile_card(&app, parts, account).await
}

/// `GET /embed/{handle}/{id}`: a public post of this house.
pub async fn post(
    State(app): State<App>,
    Path((handle, id)): Path<(String, PostId)>,
    parts: Parts,
) -> PageResult {
    let account = local(&app, &handle).await?;
    let post = posts::get_for(&app, None, id).await?;
    if post.account != account.id || !post.audience.is_open() || post.boost_of.is_some() {
        return Err(Error::NotFound.into());
    }
    let view = view::load(&app, None, &[post]).await?.pop();
    card(&app, parts, account, false, view).await
}

async fn local(app: &App, handle: &str) -> Result<Account> {
    let name = handle.strip_prefix('@').ok_or(Error::NotFound)?;
    let found = accounts::find_by_handle(app, name).await?;
    found
        .filter(|account| account.is_local() && account.is_active())
        .ok_or(Error::NotFound)
}

async fn profile_card(app: &App, parts: Parts, account: Account) -> PageResult {
    let newest = timelines::of_account(app, None, account.id, Window::newest(1)).await?;
    let view = view::load(app, None, &newest).await?.pop();
    card(app, parts, account, true, view).await
}

async fn card(
    app: &App,
    mut parts: Parts,
    account: Account,
    whole: bool,
    view: Option<View>,
) -> PageResult {
    // Whoever looks is nobody here: other people's pages learn nothing about our members.
    parts.headers.remove(header::COOKIE);
    let ui = Visitor::of(app, &parts).await?.ui;
    let mut answer: Response = Page(CardPage {
        ui,
        account,
        whole,
        view,
    })
    .into_response();
    let headers = answer.headers_mut();
    headers.insert(
        header::CONTENT_SECURITY_POLICY,
        HeaderValue::from_static(POLICY),
    );
    headers.insert(
        header::CACHE_CONTROL,
        HeaderValue::from_static("public, max-age=300"),
    );
    Ok(answer)
}
