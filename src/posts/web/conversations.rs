//! The page of conversations: who writes with whom, and what becomes of each.

use askama::Template;
use axum::extract::{Path, Query, State};
use axum::response::IntoResponse;

use crate::accounts::Account;
use crate::app::App;
use crate::error::{Error, Result};
use crate::kernel::id::PostId;
use crate::kernel::page::Window;
use crate::posts::Post;
use crate::posts::conversations::{self, Conversation, Mark};
use crate::posts::view::{self, View};
use crate::ui::page::Paging;
use crate::ui::{Page, PageResult, SignedIn, Ui, see_other};

/// Conversations on a page.
const MOST: i64 = 30;

/// A conversation as the list shows it.
struct Line {
    thread: PostId,
    people: Vec<Account>,
    unread: bool,
    last: View,
}

#[derive(Template)]
#[template(path = "posts/conversations.html")]
struct ConversationsPage {
    ui: Ui,
    lines: Vec<Line>,
    /// The address of those before.
    older: Option<String>,
}

/// `GET /conversations`
pub async fn index(
    State(app): State<App>,
    SignedIn(member, visitor): SignedIn,
    Query(paging): Query<Paging>,
) -> PageResult {
    let found = conversations::list(&app, &member, Window::before(paging.before, MOST)).await?;
    let full = i64::try_from(found.len()).unwrap_or(0) >= MOST;
    let older = found
        .last()
        .filter(|_| full)
        .map(|one| format!("/conversations?before={}", one.last.id));
    Ok(Page(ConversationsPage {
        lines: lines(&app, &member, found).await?,
        ui: visitor.ui,
        older,
    })
    .into_response())
}

async fn lines(app: &App, member: &Account, found: Vec<Conversation>) -> Result<Vec<Line>> {
    let posts: Vec<Post> = found.iter().map(|one| one.last.clone()).collect();
    let mut views = view::load(app, Some(member), &posts).await?;
    let lines = found.into_iter().filter_map(|one| {
        let at = views.iter().position(|view| view.post.id == one.last.id)?;
        Some(Line {
            thread: one.thread,
            people: one.people,
            unread: one.unread,
            last: views.swap_remove(at),
        })
    });
    Ok(lines.collect())
}

/// `POST /conversations/{id}/{verb}`: reads it, leaves it unread, or takes it out of the list.
pub async fn act(
    State(app): State<App>,
    SignedIn(member, _): SignedIn,
    Path((id, verb)): Path<(PostId, String)>,
) -> PageResult {
    let mark = match verb.as_str() {
        "read" => Mark::Read,
        "unread" => Mark::Unread,
        "remove" => Mark::Hidden,
        _ => return Err(Error::NotFound.into()),
    };
    conversations::mark(&app, &member, id, mark).await?;
    Ok(see_other("/conversations"))
}
