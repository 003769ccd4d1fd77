//! A post with its thread; or what somebody outside sees of one for a tier.

use askama::Template;
use axum::response::IntoResponse;
use http::StatusCode;

use super::form::ComposeForm;
use super::reply_form;
use crate::app::App;
use crate::error::Error;
use crate::kernel::id::PostId;
use crate::members::locked::{self, Locked};
use crate::posts::thread::{self, Cursor};
use crate::posts::view::{self, View};
use crate::posts::{self, conversations};
use crate::ui::page::{with_document, with_status};
use crate::ui::{Page, PageResult, Ui, Visitor};

#[derive(Template)]
#[template(path = "posts/show.html")]
struct ShowPage {
    ui: Ui,
    focus: View,
    above: Vec<View>,
    below: Vec<(View, usize)>,
    /// From where on there are more answers.
    next: Option<Cursor>,
    form: Option<ComposeForm>,
}

/// `GET /@{handle}/{id}`: a post with its thread.
///
/// # Errors
/// `NotFound` when it is not for this viewer.
pub async fn show(app: &App, visitor: Visitor, id: PostId, after: Option<Cursor>) -> PageResult {
    let viewer = visitor.viewer();
    let post = match posts::get_for(app, viewer, id).await {
        Err(Error::NotFound) => return locked(app, visitor, id).await,
        post => post?,
    };
    if post.boost_of.is_some() {
        return Err(Error::NotFound.into());
    }
    if let Some(member) = &visitor.account {
        thread::complete_later(app, post.id).await?;
        conversations::look_at(app, member, &post).await?;
    }
    let around = thread::around(app, viewer, &post, after).await?;
    let view = view::load(app, viewer, std::slice::from_ref(&post))
        .await?
        .pop()
        .ok_or(Error::NotFound)?;
    let above = view::load(app, viewer, &around.above).await?;
    let depths: Vec<usize> = around
        .below
        .iter()
        .map(|(_, depth)| (*depth).min(2))
        .collect();
    let below: Vec<_> = around.below.into_iter().map(|(post, _)| post).collect();
    let below = view::load(app, viewer, &below)
        .await?
        .into_iter()
        .zip(depths)
        .collect();
    let member = visitor.account.as_ref();
    let form = member.map(|member| reply_form(app, member, &view));
    let open = view.post.audience.is_open();
    let page = Page(ShowPage {
        ui: visitor.ui,
        focus: view,
        above,
        below,
        next: around.next,
        form,
    });
    Ok(if open {
        with_document(page.into_response(), &post.uri)
    } else {
        page.into_response()
    })
}

#[derive(Template)]
#[template(path = "members/locked.html")]
struct LockedPage {
    ui: Ui,
    locked: Locked,
}

/// What somebody outside sees at the address of a post for a tier, where its author said something about it.
async fn locked(app: &App, visitor: Visitor, id: PostId) -> PageResult {
    let locked = locked::find(app, visitor.viewer(), id).await?;
    let page = LockedPage {
        locked: locked.ok_or(Error::NotFound)?,
        ui: visitor.ui,
    };
    Ok(with_status(StatusCode::FORBIDDEN, page))
}
