//! Conversations.

use serde_json::{Value, json};

use super::answer::{done, json_of, list, newest_first, window};
use super::entities::{account, status};
use super::{Answer, Caller, Path};
use crate::accounts::Account;
use crate::app::App;
use crate::error::{Error, Result};
use crate::kernel::id::PostId;
use crate::posts::Post;
use crate::posts::conversations::{self, Conversation, Mark};

/// A Conversation.
///
/// # Errors
/// What the database says.
pub async fn entity(app: &App, member: &Account, one: &Conversation) -> Result<Value> {
    let found = entities(app, member, std::slice::from_ref(one)).await?;
    found.into_iter().next().ok_or(Error::NotFound)
}

/// Conversations in their order, all of their posts and people looked up at once.
async fn entities(app: &App, member: &Account, list: &[Conversation]) -> Result<Vec<Value>> {
    let posts: Vec<Post> = list.iter().map(|one| one.last.clone()).collect();
    let statuses = status::several(app, Some(member), &posts, "thread").await?;
    let people: Vec<Account> = list.iter().flat_map(|one| one.people.clone()).collect();
    let mut people = account::several(app, &people).await?.into_iter();
    let mut found = Vec::new();
    for one in list {
        let id = one.last.id.to_string();
        let accounts: Vec<Value> = people.by_ref().take(one.people.len()).collect();
        let last = statuses.iter().find(|status| status["id"] == *id);
        if let Some(last) = last {
            found.push(json!({
                "id": one.thread.to_string(),
                "unread": one.unread,
                "accounts": accounts,
                "last_status": last,
            }));
        }
    }
    Ok(found)
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
    let items = entities(&call.app, call.member()?, &rows).await?;
    Ok(list(&call, ends, items))
}

/// `POST /api/v1/conversations/{id}/read`
pub async fn read(Path(id): Path<PostId>, call: Caller) -> Answer {
    let marked = conversations::mark(&call.app, call.member()?, id, Mark::Read).await?;
    Ok(json_of(entity(&call.app, call.member()?, &marked).await?))
}

/// `POST /api/v1/conversations/{id}/unread`
pub async fn unread(Path(id): Path<PostId>, call: Caller) -> Answer {
    let marked = conversations::mark(&call.app, call.member()?, id, Mark::Unread).await?;
    Ok(json_of(entity(&call.app, call.member()?, &marked).await?))
}

/// `DELETE /api/v1/conversations/{id}`
pub async fn delete(Path(id): Path<PostId>, call: Caller) -> Answer {
    conversations::mark(&call.app, call.member()?, id, Mark::Hidden).await?;
    done()
}
