//! Notifications one by one, as apps read them, and what happens to those from strangers.

use std::time::Duration;

use crate::accounts::preferences::{self, Policy};
use crate::accounts::{self, Account};
use crate::app::App;
use crate::audiences::Audience;
use crate::error::{Error, Result};
use crate::jobs::Notice;
use crate::kernel::clock::Time;
use crate::kernel::db::{Row, sql};
use crate::kernel::id::{AccountId, NotificationId, PostId};
use crate::kernel::page::Window;
use crate::posts::{self, conversations};
use crate::relations::follows;

/// The columns of `notifications` that are read.
#[macro_export]
macro_rules! notification_columns {
    () => {
        "notifications.id, notifications.kind, notifications.from_id, notifications.post_id, notifications.created_at"
    };
}

/// How long an account counts as new.
const NEW: Duration = Duration::from_secs(30 * 86_400);

/// Something a member is told about.
#[derive(Clone, Debug)]
pub struct Notification {
    /// Its id.
    pub id: NotificationId,
    /// What happened.
    pub kind: Notice,
    /// Who did it.
    pub from: AccountId,
    /// To which post.
    pub post: Option<PostId>,
    /// When.
    pub created_at: Time,
}

/// Which notifications are asked for.
#[derive(Clone, Debug, Default)]
pub struct Wanted {
    /// Of these kinds only; of all where there are none.
    pub kinds: Vec<Notice>,
    /// Not of these kinds.
    pub without: Vec<Notice>,
    /// From this account only.
    pub from: Option<AccountId>,
    /// Those that wait to be let in, not the others.
    pub filtered: bool,
}

/// What becomes of a notification before it is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is shown.
    Accept,
    /// It waits until the member lets its sender in.
    Filter,
    /// It never was.
    Drop,
}

fn read(row: &Row) -> sqlx::Result<Option<Notification>> {
    let kind: String = row.get("kind")?;
    let Some(kind) = Notice::parse(&kind) else {
        return Ok(None);
    };
    Ok(Some(Notification {
        id: row.get("id")?,
        kind,
        from: row.get("from_id")?,
        post: row.get("post_id")?,
        created_at: row.get("created_at")?,
    }))
}

fn names(kinds: &[Notice]) -> String {
    let names: Vec<&str> = kinds.iter().map(|kind| kind.name()).collect();
    serde_json::to_string(&names).unwrap_or_default()
}

/// A member's notifications, the newest first.
///
/// # Errors
/// What the database says.
pub async fn list(
    app: &App,
    member: AccountId,
    wanted: &Wanted,
    window: Window,
) -> Result<Vec<Notification>> {
    let rows = sql(concat!("SELECT ", crate::notification_columns!(), " FROM notifications WHERE account_id = $1 AND filtered = $2 AND ($3 = 0 OR from_id = $3) AND ($4 = '[]' OR kind IN (SELECT value FROM json_each($4))) AND kind NOT IN (SELECT value FROM json_each($5)) AND id < $6 AND id > $7 ORDER BY id DESC LIMIT $8"))
        .on_postgres(concat!("SELECT ", crate::notification_columns!(), " FROM notifications WHERE account_id = $1 AND filtered = $2 AND ($3 = 0 OR from_id = $3) AND ($4 = '[]' OR kind IN (SELECT jsonb_array_elements_text($4::jsonb))) AND kind NOT IN (SELECT jsonb_array_elements_text($5::jsonb)) AND id < $6 AND id > $7 ORDER BY id DESC LIMIT $8"))
        .bind(member)
        .bind(wanted.filtered)
        .bind(wanted.from.map_or(0, |from| from.0))
        .bind(names(&wanted.kinds))
        .bind(names(&wanted.without))
        .within(window)
        .all(&app.db)
        .await?;
    let found = rows.iter().filter_map(|row| read(row).transpose());
    Ok(found.collect::<sqlx::Result<_>>()?)
}

/// One of a member's notifications.
///
/// # Errors
/// `NotFound` when it is not theirs.
pub async fn get(app: &App, member: AccountId, id: NotificationId) -> Result<Notification> {
    let row = sql(concat!(
        "SELECT ",
        crate::notification_columns!(),
        " FROM notifications WHERE account_id = $1 AND id = $2"
    ))
    .bind(member)
    .bind(id)
    .optional(&app.db)
    .await?;
    read(&row.ok_or(Error::NotFound)?)?.ok_or(Error::NotFound)
}

/// Removes one notification.
///
/// # Errors
/// What the database says.
pub async fn dismiss(app: &App, member: AccountId, id: NotificationId) -> Result<()> {
    sql("DELETE FROM notifications WHERE account_id = $1 AND id = $2")
        .bind(member)
        .bind(id)
        .run(&app.db)
        .await?;
    Ok(())
}

/// Removes all of a member's notifications.
///
/// # Errors
/// What the database says.
pub async fn clear(app: &App, member: AccountId) -> Result<()> {
    sql("DELETE FROM notifications WHERE account_id = $1 AND filtered = 0")
        .bind(member)
        .run(&app.db)
        .await?;
    Ok(())
}

/// How many are newer than what was read, up to `most`.
///
/// # Errors
/// What the database says.
pub async fn unread(app: &App, member: AccountId, most: i64) -> Result<i64> {
    let row = sql("SELECT COUNT(*) AS n FROM (SELECT id FROM notifications WHERE account_id = $1 AND filtered = 0 AND id > COALESCE((SELECT last_read_id FROM markers WHERE account_id = $1 AND timeline = 'notifications'), 0) LIMIT $2) AS newer")
        .bind(member)
        .bind(most)
        .one(&app.db)
        .await?;
    Ok(row.get("n")?)
}

/// Somebody whose notifications wait to be let in.
#[derive(Clone, Debug)]
pub struct Request {
    /// Who; also the request's id.
    pub from: Account,
    /// How many wait.
    pub count: i64,
    /// When the first came.
    pub created_at: Time,
    /// When the last came.
    pub updated_at: Time,
    /// The last post among them.
    pub last_post: Option<PostId>,
}

/// Whose notifications wait, the newest first; paged by the account's id.
///
/// # Errors
/// What the database says.
pub async fn requests(app: &App, member: AccountId, window: Window) -> Result<Vec<Request>> {
    let rows = sql("SELECT from_id, COUNT(*) AS n, MIN(created_at) AS first_at, MAX(created_at) AS last_at, MAX(post_id) AS last_post FROM notifications WHERE account_id = $1 AND filtered = 1 AND from_id < $2 AND from_id > $3 GROUP BY from_id ORDER BY from_id DESC LIMIT $4")
        .bind(member)
        .within(window)
        .all(&app.db)
        .await?;
    let mut found = Vec::new();
    for row in &rows {
        found.push(Request {
            from: accounts::get(app, row.get("from_id")?).await?,
            count: row.get("n")?,
            created_at: row.get("first_at")?,
            updated_at: row.get("last_at")?,
            last_post: row.get("last_post")?,
        });
    }
    Ok(found)
}

/// Lets somebody's waiting notifications in, or removes them.
///
/// # Errors
/// What the database says.
pub async fn decide(app: &App, member: AccountId, from: AccountId, accept: bool) -> Result<()> {
    let statement = if accept {
        sql(
            "UPDATE notifications SET filtered = 0 WHERE account_id = $1 AND from_id = $2 AND filtered = 1",
        )
    } else {
        sql("DELETE FROM notifications WHERE account_id = $1 AND from_id = $2 AND filtered = 1")
    };
    statement.bind(member).bind(from).run(&app.db).await?;
    Ok(())
}

/// What the member's policy says about a notification; a muted thread makes none.
///
/// # Errors
/// What the database says.
pub(super) async fn verdict(
    app: &App,
    to: &Account,
    from: &Account,
    kind: Notice,
    post: Option<PostId>,
) -> Result<Verdict> {
    let post = match post {
        Some(id) => posts::find(app, id).await?,
        None => None,
    };
    if let Some(post) = &post
        && conversations::is_muted(app, to.id, post.thread).await?
    {
        return Ok(Verdict::Drop);
    }
    let policy = preferences::get(app, to.id).await?.policy;
    if policy == Policy::default()
        || to.id == from.id
        || matches!(
            kind,
            Notice::Poll | Notice::Alarm | Notice::Tier | Notice::Rights
        )
    {
        return Ok(Verdict::Accept);
    }
    let following = follows::is_following(&app.db, to.id, from.id).await?;
    let follower = follows::is_following(&app.db, from.id, to.id).await?;
    let direct = kind == Notice::Mention
        && post.is_some_and(|post| post.audience == Audience::People && post.in_reply_to.is_none());
    let new = app.clock.now().since(from.created_at) < NEW;
    let mut verdict = Verdict::Accept;
    for (applies, wish) in [
        (!following, &policy.not_following),
        (!follower, &policy.not_followers),
        (!following && new, &policy.new_accounts),
        (!following && direct, &policy.private_mentions),
    ] {
        match (applies, wish.as_str()) {
            (true, "drop") => return Ok(Verdict::Drop),
            (true, "filter") => verdict = Verdict::Filter,
            _ => {}
        }
    }
    Ok(verdict)
}
