//! Conversations: threads of direct posts, as each member left them.

use std::collections::HashSet;

use super::{Post, store};
use crate::accounts::Account;
use crate::app::App;
use crate::error::{Error, Result};
use crate::kernel::db::sql;
use crate::kernel::id::{AccountId, PostId};
use crate::kernel::page::Window;

/// A conversation of a member.
#[derive(Clone, Debug)]
pub struct Conversation {
    /// The thread, which is its id.
    pub thread: PostId,
    /// Its newest post.
    pub last: Post,
    /// The others in it.
    pub people: Vec<Account>,
    /// Whether its newest post was not read.
    pub unread: bool,
}

/// A member's conversations, the newest first; paged by the id of the newest post.
///
/// # Errors
/// What the database says.
pub async fn list(app: &App, member: &Account, window: Window) -> Result<Vec<Conversation>> {
    let rows = sql("SELECT t.thread_id, t.last_id, COALESCE(conversation_marks.read_up_to, 0) AS read_up_to FROM (SELECT posts.thread_id, MAX(posts.id) AS last_id FROM (SELECT id FROM posts WHERE account_id = $1 AND audience = 'people' UNION SELECT post_id AS id FROM post_people WHERE account_id = $1) AS mine CROSS JOIN posts WHERE posts.id = mine.id AND posts.audience = 'people' AND posts.boost_of_id IS NULL AND NOT EXISTS (SELECT 1 FROM blocks WHERE blocks.account_id = posts.account_id AND blocks.target_id = $1) AND posts.account_id NOT IN (SELECT id FROM accounts WHERE disabled_at IS NOT NULL) GROUP BY posts.thread_id) t LEFT JOIN conversation_marks ON conversation_marks.account_id = $1 AND conversation_marks.thread_id = t.thread_id WHERE t.last_id > COALESCE(conversation_marks.hidden_up_to, 0) AND t.last_id < $2 AND t.last_id > $3 ORDER BY t.last_id DESC LIMIT $4")
        .bind(member.id)
        .within(window)
        .all(&app.db)
        .await?;
    let mut found = Vec::new();
    for row in &rows {
        let (thread, last): (PostId, PostId) = (row.get("thread_id")?, row.get("last_id")?);
        let read_up_to: i64 = row.get("read_up_to")?;
        let Some(last) = store::find(&app.db, last).await? else {
            continue;
        };
        found.push(Conversation {
            thread,
            people: people(app, member, thread).await?,
            unread: last.account != member.id && last.id.0 > read_up_to,
            last,
        });
    }
    Ok(found)
}

/// A conversation of this member.
///
/// # Errors
/// `NotFound` when they are not in it.
pub async fn get(app: &App, member: &Account, thread: PostId) -> Result<Conversation> {
    let all = list(app, member, Window::newest(200)).await?;
    let found = all.into_iter().find(|one| one.thread == thread);
    found.ok_or(Error::NotFound)
}

async fn people(app: &App, member: &Account, thread: PostId) -> Result<Vec<Account>> {
    let rows = sql("SELECT DISTINCT accounts.id FROM posts LEFT JOIN post_people ON post_people.post_id = posts.id JOIN accounts ON accounts.id = posts.account_id OR accounts.id = post_people.account_id WHERE posts.thread_id = $1 AND posts.audience = 'people' AND (posts.account_id = $2 OR EXISTS (SELECT 1 FROM post_people mine WHERE mine.post_id = posts.id AND mine.account_id = $2)) LIMIT 50")
        .bind(thread)
        .bind(member.id)
        .all(&app.db)
        .await?;
    let ids: HashSet<AccountId> = rows
        .iter()
        .map(|row| row.get("id"))
        .collect::<sqlx::Result<_>>()?;
    let ids: Vec<AccountId> = ids.into_iter().filter(|id| *id != member.id).collect();
    let mut people = crate::accounts::list(app, &ids).await?;
    people.sort_by_key(|account| account.id);
    Ok(people)
}

/// Notes that a conversation was read, or removes it from the list until something new is written.
///
/// # Errors
/// `NotFound` when they are not in it.
pub async fn mark(app: &App, member: &Account, thread: PostId, hide: bool) -> Result<Conversation> {
    let mut conversation = get(app, member, thread).await?;
    let last = conversation.last.id;
    sql("INSERT INTO conversation_marks (account_id, thread_id, read_up_to, hidden_up_to) VALUES ($1, $2, $3, CASE WHEN $4 = 1 THEN CAST($3 AS BIGINT) ELSE 0 END) ON CONFLICT (account_id, thread_id) DO UPDATE SET read_up_to = EXCLUDED.read_up_to, hidden_up_to = CASE WHEN $4 = 1 THEN EXCLUDED.read_up_to ELSE conversation_marks.hidden_up_to END")
        .bind(member.id)
        .bind(thread)
        .bind(last)
        .bind(hide)
        .run(&app.db)
        .await?;
    conversation.unread = false;
    Ok(conversation)
}

/// Mutes a thread, or hears it again: a muted one makes no notifications.
///
/// # Errors
/// What the database says.
pub async fn set_muted(app: &App, member: AccountId, thread: PostId, muted: bool) -> Result<()> {
    let statement = if muted {
        sql(
            "INSERT INTO muted_threads (account_id, thread_id) VALUES ($1, $2) ON CONFLICT (account_id, thread_id) DO NOTHING",
        )
    } else {
        sql("DELETE FROM muted_threads WHERE account_id = $1 AND thread_id = $2")
    };
    statement.bind(member).bind(thread).run(&app.db).await?;
    Ok(())
}

/// Whether a member muted a thread.
///
/// # Errors
/// What the database says.
pub async fn is_muted(app: &App, member: AccountId, thread: PostId) -> Result<bool> {
    let row = sql("SELECT thread_id FROM muted_threads WHERE account_id = $1 AND thread_id = $2")
        .bind(member)
        .bind(thread)
        .optional(&app.db)
        .await?;
    Ok(row.is_some())
}
