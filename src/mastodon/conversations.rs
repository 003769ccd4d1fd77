//! Conversations.

use serde_json::{Value, json};

use super::answer::{done, json_of, list, newest_first, window};
use super::entities::{account, status};
use super::{Answer, Caller, Path};
use crate::accounts::Account;
use crate::app::App;
use crate::error::Result;
use crate::kernel::id::PostId;
use crate::posts::conversations::{self, Conversation};

/// A Conversation.
///
/// # Errors
/// What the database says.
pub async fn entity(app: &App, member: &Account, one: &Conversation) -> Result<Value> {
    Ok(json!({
        "id": one.thread.to_string(),
        "unread": one.unread,
        "accounts": account::several(app, &one.people).await?,
        "last_status": status::one(app, Some(member), &one.last).await?,
    }))
}

/// `GET /api/v1/conversations`
pub async fn index(call: Caller) -> Answer {
    let window = window(&call, 20, 40);
    let rows = conversations::list(&call.app, call.member()?, window).await?;
    let rows = newest_first(rows, window);
    let ends = rows
        .first()
        .zip(rows.last())
        .map(|(a, b)| (a.last.id.0, b.last.id.0));
    let mut items = Vec::new();
    for one in &rows {
        items.push(entity(&call.app, call.member()?, one).await?);
    }
    Ok(list(&call, ends, items))
}

/// `POST /api/v1/conversations/{id}/read`
pub async fn read(Path(id): Path<PostId>, call: Caller) -> Answer {
    let marked = conversations::mark(&call.app, call.member()?, id, false).await?;
    Ok(json_of(entity(&call.app, call.member()?, &marked).await?))
}

/// `DELETE /api/v1/conversations/{id}`
pub async fn delete(Path(id): Path<PostId>, call: Caller) -> Answer {
    conversations::mark(&call.app, call.member()?, id, true).await?;
    done()
}
