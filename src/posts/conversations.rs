//! Conversations: threads of direct posts, as each member left them.

use std::collections::{BTreeSet, HashMap};

use super::{Post, store};
use crate::accounts::Account;
use crate::app::App;
use crate::audiences::Audience;
use crate::error::{Error, Result};
use crate::kernel::db::{Query, ids, sql};
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
    let query = sql(
        "SELECT t.thread_id, t.last_id, COALESCE(conversation_marks.read_up_to, 0) AS read_up_to FROM (SELECT posts.thread_id, MAX(posts.id) AS last_id FROM (SELECT id FROM posts WHERE account_id = $1 AND audience = 'people' UNION SELECT post_id AS id FROM post_people WHERE account_id = $1) AS mine CROSS JOIN posts WHERE posts.id = mine.id AND posts.audience = 'people' AND posts.boost_of_id IS NULL AND NOT EXISTS (SELECT 1 FROM blocks WHERE blocks.account_id = posts.account_id AND blocks.target_id = $1) AND posts.account_id NOT IN (SELECT id FROM accounts WHERE disabled_at IS NOT NULL) GROUP BY posts.thread_id) t LEFT JOIN conversation_marks ON conversation_marks.account_id = $1 AND conversation_marks.thread_id = t.thread_id WHERE t.last_id > COALESCE(conversation_marks.hidden_up_to, 0) AND t.last_id < $2 AND t.last_id > $3 ORDER BY t.last_id DESC LIMIT $4",
    );
    load(app, member, query.bind(member.id).within(window)).await
}

/// A conversation of this member.
///
/// # Errors
/// `NotFound` when they are not in it.
pub async fn get(app: &App, member: &Account, thread: PostId) -> Result<Conversation> {
    let query = sql(
        "SELECT t.thread_id, t.last_id, COALESCE(conversation_marks.read_up_to, 0) AS read_up_to FROM (SELECT posts.thread_id, MAX(posts.id) AS last_id FROM posts WHERE posts.thread_id = $2 AND posts.audience = 'people' AND posts.boost_of_id IS NULL AND (posts.account_id = $1 OR EXISTS (SELECT 1 FROM post_people WHERE post_people.post_id = posts.id AND post_people.account_id = $1)) AND NOT EXISTS (SELECT 1 FROM blocks WHERE blocks.account_id = posts.account_id AND blocks.target_id = $1) AND posts.account_id NOT IN (SELECT id FROM accounts WHERE disabled_at IS NOT NULL) GROUP BY posts.thread_id) t LEFT JOIN conversation_marks ON conversation_marks.account_id = $1 AND conversation_marks.thread_id = t.thread_id WHERE t.last_id > COALESCE(conversation_marks.hidden_up_to, 0)",
    );
    let found = load(app, member, query.bind(member.id).bind(thread)).await?;
    found.into_iter().next().ok_or(Error::NotFound)
}

/// The conversations that a statement finds, with their newest posts and their people.
async fn load(app: &App, member: &Account, query: Query) -> Result<Vec<Conversation>> {
    let rows = query.all(&app.db).await?;
    let all =
        |name| -> sqlx::Result<Vec<PostId>> { rows.iter().map(|row| row.get(name)).collect() };
    let (threads, lasts) = (all("thread_id")?, all("last_id")?);
    let posts = store::list(&app.db, &lasts).await?;
    let mut posts: HashMap<PostId, Post> = posts.into_iter().map(|post| (post.id, post)).collect();
    let mut people = people(app, member, &threads).await?;
    let mut found = Vec::new();
    for (row, (thread, last)) in rows.iter().zip(threads.into_iter().zip(lasts)) {
        let read_up_to: i64 = row.get("read_up_to")?;
        let Some(last) = posts.remove(&last) else {
            continue;
        };
        found.push(Conversation {
            thread,
            people: people.remove(&thread).unwrap_or_default(),
            unread: last.account != member.id && last.id.0 > read_up_to,
            last,
        });
    }
    Ok(found)
}

/// Most people of one conversation that are named.
const PEOPLE: i64 = 50;

/// The others in each of these threads, as far as the member sees them.
async fn people(
    app: &App,
    member: &Account,
    threads: &[PostId],
) -> Result<HashMap<PostId, Vec<Account>>> {
    let rows = sql("SELECT thread_id, id FROM (SELECT everyone.thread_id, everyone.id, ROW_NUMBER() OVER (PARTITION BY everyone.thread_id ORDER BY everyone.id) AS place FROM (SELECT DISTINCT posts.thread_id, accounts.id FROM posts LEFT JOIN post_people ON post_people.post_id = posts.id JOIN accounts ON accounts.id = posts.account_id OR accounts.id = post_people.account_id WHERE posts.thread_id IN (SELECT value FROM json_each($1)) AND posts.audience = 'people' AND (posts.account_id = $2 OR EXISTS (SELECT 1 FROM post_people mine WHERE mine.post_id = posts.id AND mine.account_id = $2)) AND accounts.id <> $2) AS everyone) AS placed WHERE place <= $3 ORDER BY thread_id, id")
        .bind(ids(threads.iter().copied()))
        .bind(member.id)
        .bind(PEOPLE)
        .all(&app.db)
        .await?;
    let pairs: Vec<(PostId, AccountId)> = rows
        .iter()
        .map(|row| Ok((row.get("thread_id")?, row.get("id")?)))
        .collect::<sqlx::Result<_>>()?;
    let all: BTreeSet<AccountId> = pairs.iter().map(|(_, id)| *id).collect();
    let all: Vec<AccountId> = all.into_iter().collect();
    let known = crate::accounts::list(app, &all).await?;
    let known: HashMap<AccountId, Account> = known
        .into_iter()
        .map(|account| (account.id, account))
        .collect();
    let mut found: HashMap<PostId, Vec<Account>> = HashMap::new();
    for (thread, id) in pairs {
        let account = known.get(&id).cloned();
        found.entry(thread).or_default().extend(account);
    }
    Ok(found)
}

/// What becomes of a conversation in a member's list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mark {
    /// It was read.
    Read,
    /// It is to be read again, unless the last word is the member's own.
    Unread,
    /// It is out of the list until something new is written.
    Hidden,
}

/// Notes that a conversation was read or is to be read again, or removes it from the list.
///
/// # Errors
/// `NotFound` when they are not in it.
pub async fn mark(app: &App, member: &Account, thread: PostId, mark: Mark) -> Result<Conversation> {
    let mut conversation = get(app, member, thread).await?;
    let last = conversation.last.id.0;
    let read_up_to = if mark == Mark::Unread { last - 1 } else { last };
    sql("INSERT INTO conversation_marks (account_id, thread_id, read_up_to, hidden_up_to) VALUES ($1, $2, $3, CASE WHEN $4 = 1 THEN CAST($3 AS BIGINT) ELSE 0 END) ON CONFLICT (account_id, thread_id) DO UPDATE SET read_up_to = EXCLUDED.read_up_to, hidden_up_to = CASE WHEN $4 = 1 THEN EXCLUDED.read_up_to ELSE conversation_marks.hidden_up_to END")
        .bind(member.id)
        .bind(thread)
        .bind(read_up_to)
        .bind(mark == Mark::Hidden)
        .run(&app.db)
        .await?;
    conversation.unread = mark == Mark::Unread && conversation.last.account != member.id;
    Ok(conversation)
}

/// Notes that a member looks at a conversation; of other threads nothing is noted.
///
/// # Errors
/// What the database says.
pub async fn look_at(app: &App, member: &Account, post: &Post) -> Result<()> {
    if post.audience != Audience::People {
        return Ok(());
    }
    match get(app, member, post.thread).await {
        Ok(one) if one.unread => mark(app, member, one.thread, Mark::Read).await.map(drop),
        Ok(_) | Err(Error::NotFound) => Ok(()),
        Err(error) => Err(error),
    }
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
