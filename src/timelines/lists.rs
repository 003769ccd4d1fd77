//! Lists: some of those a member follows, with a timeline of their own.

use crate::accounts::{Account, store as account_store};
use crate::app::App;
use crate::audiences;
use crate::error::{Error, Result};
use crate::kernel::db::{Row, Tx, sql};
use crate::kernel::id::{AccountId, AudienceId, ListId};
use crate::kernel::page::Window;
use crate::posts::Post;

/// The columns of `lists` that are read.
macro_rules! list_columns {
    () => {
        "lists.id, lists.title, lists.replies, lists.exclusive, lists.audience_id"
    };
}

/// Most lists of a member.
const MOST: i64 = 100;

/// A list.
#[derive(Clone, Debug)]
pub struct List {
    /// Its id.
    pub id: ListId,
    /// What the member calls it.
    pub title: String,
    /// Whose answers stand in it: `followed`, `list` or `none`.
    pub replies: String,
    /// Whether its people stand in the list only, not in the home.
    pub exclusive: bool,
}

/// A list as it is filled in.
#[derive(Clone, Debug, Default)]
pub struct Edit {
    /// What the member calls it.
    pub title: Option<String>,
    /// Whose answers stand in it.
    pub replies: Option<String>,
    /// Whether its people stand in the list only.
    pub exclusive: Option<bool>,
}

fn read(row: &Row) -> sqlx::Result<List> {
    Ok(List {
        id: row.get("id")?,
        title: row.get("title")?,
        replies: row.get("replies")?,
        exclusive: row.get("exclusive")?,
    })
}

fn check(list: &List) -> Result<()> {
    if list.title.trim().is_empty() || list.title.chars().count() > 200 {
        return Err(Error::invalid("title", "error-list-title"));
    }
    if !["followed", "list", "none"].contains(&list.replies.as_str()) {
        return Err(Error::invalid("replies_policy", "error-list-replies"));
    }
    Ok(())
}

/// A member's lists, by title.
///
/// # Errors
/// What the database says.
pub async fn list(app: &App, member: AccountId) -> Result<Vec<List>> {
    let rows = sql(concat!(
        "SELECT ",
        list_columns!(),
        " FROM lists WHERE account_id = $1 ORDER BY title, id LIMIT $2"
    ))
    .bind(member)
    .bind(MOST)
    .all(&app.db)
    .await?;
    Ok(rows.iter().map(read).collect::<sqlx::Result<_>>()?)
}

/// A list of this member.
///
/// # Errors
/// `NotFound` when it is not theirs.
pub async fn get(app: &App, member: AccountId, id: ListId) -> Result<List> {
    let row = sql(concat!(
        "SELECT ",
        list_columns!(),
        " FROM lists WHERE id = $1 AND account_id = $2"
    ))
    .bind(id)
    .bind(member)
    .optional(&app.db)
    .await?;
    Ok(read(&row.ok_or(Error::NotFound)?)?)
}

/// Makes a list.
///
/// # Errors
/// `Invalid` without a title or beyond a hundred lists.
pub async fn create(app: &App, member: AccountId, edit: Edit) -> Result<List> {
    let made = List {
        id: ListId::mint(app.clock.now()),
        title: edit.title.unwrap_or_default(),
        replies: edit.replies.unwrap_or_else(|| "list".to_owned()),
        exclusive: edit.exclusive.unwrap_or(false),
    };
    check(&made)?;
    let touched = sql("INSERT INTO lists (id, account_id, title, replies, exclusive) SELECT CAST($1 AS BIGINT), CAST($2 AS BIGINT), CAST($3 AS TEXT), CAST($4 AS TEXT), CAST($5 AS BIGINT) WHERE (SELECT COUNT(*) FROM lists WHERE account_id = $2) < $6")
        .bind(made.id)
        .bind(member)
        .bind(made.title.trim())
        .bind(&made.replies)
        .bind(made.exclusive)
        .bind(MOST)
        .run(&app.db)
        .await?;
    if touched == 0 {
        return Err(Error::invalid_with("title", "error-too-many", MOST));
    }
    Ok(made)
}

/// Changes a list.
///
/// # Errors
/// `NotFound` when it is not theirs, `Invalid` without a title.
pub async fn update(app: &App, member: AccountId, id: ListId, edit: Edit) -> Result<List> {
    let before = get(app, member, id).await?;
    let after = List {
        id,
        title: edit.title.unwrap_or(before.title),
        replies: edit.replies.unwrap_or(before.replies),
        exclusive: edit.exclusive.unwrap_or(before.exclusive),
    };
    check(&after)?;
    sql("UPDATE lists SET title = $1, replies = $2, exclusive = $3 WHERE id = $4")
        .bind(after.title.trim())
        .bind(&after.replies)
        .bind(after.exclusive)
        .bind(id)
        .run(&app.db)
        .await?;
    Ok(after)
}

/// Removes a list; its people stay followed.
///
/// # Errors
/// `NotFound` when it is not theirs.
pub async fn remove(app: &App, member: AccountId, id: ListId) -> Result<()> {
    get(app, member, id).await?;
    let mut tx = app.db.begin().await?;
    // What was written to its people stays with its author alone.
    sql("DELETE FROM audience_members WHERE audience_id IN (SELECT audience_id FROM lists WHERE id = $1)")
        .bind(id)
        .run(&mut tx)
        .await?;
    sql("DELETE FROM list_members WHERE list_id = $1")
        .bind(id)
        .run(&mut tx)
        .await?;
    sql("DELETE FROM lists WHERE id = $1")
        .bind(id)
        .run(&mut tx)
        .await?;
    tx.commit().await?;
    Ok(())
}

/// The people of a list, by id.
///
/// # Errors
/// `NotFound` when it is not theirs.
pub async fn people(
    app: &App,
    member: AccountId,
    id: ListId,
    window: Window,
) -> Result<Vec<Account>> {
    get(app, member, id).await?;
    let rows = sql(concat!("SELECT ", crate::account_columns!(), " FROM list_members JOIN accounts ON accounts.id = list_members.account_id WHERE list_id = $1 AND accounts.id < $2 AND accounts.id > $3 ORDER BY accounts.id DESC LIMIT $4"))
        .bind(id)
        .within(window)
        .all(&app.db)
        .await?;
    Ok(account_store::read_all(&rows)?)
}

/// Puts people the member follows into a list, or takes them out.
///
/// # Errors
/// `NotFound` when the list is not theirs or they do not follow somebody.
pub async fn set_people(
    app: &App,
    member: AccountId,
    id: ListId,
    people: &[AccountId],
    wanted: bool,
) -> Result<()> {
    get(app, member, id).await?;
    let mut tx = app.db.begin().await?;
    for one in people.iter().take(500) {
        let touched = if wanted {
            sql("INSERT INTO list_members (list_id, account_id) SELECT CAST($1 AS BIGINT), followee_id FROM follows WHERE follower_id = $2 AND followee_id = $3 ON CONFLICT (list_id, account_id) DO UPDATE SET list_id = EXCLUDED.list_id")
                .bind(id)
                .bind(member)
                .bind(*one)
                .run(&mut tx)
                .await?
        } else {
            sql("DELETE FROM list_members WHERE list_id = $1 AND account_id = $2")
                .bind(id)
                .bind(*one)
                .run(&mut tx)
                .await?;
            1
        };
        if touched == 0 {
            return Err(Error::NotFound);
        }
        fill_audience(&mut tx, id, *one, wanted).await?;
    }
    tx.commit().await?;
    Ok(())
}

/// Keeps the audience of a list, where it has one, in step with its people.
async fn fill_audience(tx: &mut Tx, id: ListId, who: AccountId, wanted: bool) -> sqlx::Result<()> {
    let statement = if wanted {
        sql(
            "INSERT INTO audience_members (audience_id, account_id) SELECT audience_id, CAST($2 AS BIGINT) FROM lists WHERE id = $1 AND audience_id IS NOT NULL ON CONFLICT (audience_id, account_id) DO NOTHING",
        )
    } else {
        sql(
            "DELETE FROM audience_members WHERE account_id = $2 AND audience_id IN (SELECT audience_id FROM lists WHERE id = $1)",
        )
    };
    statement.bind(id).bind(who).run(&mut *tx).await?;
    Ok(())
}

/// The audience of the people of a list, for what its owner writes to them alone. It follows the list.
///
/// # Errors
/// `NotFound` when the list is not theirs.
pub async fn audience(app: &App, member: AccountId, id: ListId) -> Result<AudienceId> {
    let list = get(app, member, id).await?;
    let mut tx = app.db.begin().await?;
    // Whoever asks at the same moment waits here.
    let row = sql("UPDATE lists SET title = title WHERE id = $1 RETURNING audience_id")
        .bind(id)
        .one(&mut tx)
        .await?;
    if let Some(known) = row.get("audience_id")? {
        return Ok(known);
    }
    let now = app.clock.now();
    let made = audiences::create_grant(&mut tx, member, "list", &list.title, now).await?;
    sql("UPDATE lists SET audience_id = $1 WHERE id = $2")
        .bind(made)
        .bind(id)
        .run(&mut tx)
        .await?;
    sql("INSERT INTO audience_members (audience_id, account_id) SELECT CAST($1 AS BIGINT), account_id FROM list_members WHERE list_id = $2")
        .bind(made)
        .bind(id)
        .run(&mut tx)
        .await?;
    tx.commit().await?;
    Ok(made)
}

/// The member's lists somebody stands in.
///
/// # Errors
/// What the database says.
pub async fn containing(app: &App, member: AccountId, who: AccountId) -> Result<Vec<List>> {
    let rows = sql(concat!("SELECT ", list_columns!(), " FROM lists JOIN list_members ON list_members.list_id = lists.id WHERE lists.account_id = $1 AND list_members.account_id = $2 ORDER BY title, id"))
        .bind(member)
        .bind(who)
        .all(&app.db)
        .await?;
    Ok(rows.iter().map(read).collect::<sqlx::Result<_>>()?)
}

/// What the people of a list wrote and boosted, with answers as the list says.
///
/// # Errors
/// `NotFound` when the list is not theirs.
pub async fn timeline(
    app: &App,
    member: &Account,
    id: ListId,
    window: Window,
) -> Result<Vec<Post>> {
    let list = get(app, member.id, id).await?;
    let query = sql(concat!(
        "SELECT ",
        crate::post_columns!(),
        " FROM posts WHERE posts.account_id IN (SELECT account_id FROM list_members WHERE list_id = $6) AND ",
        crate::visible!(),
        " AND ",
        crate::wanted!(),
        " AND (posts.in_reply_to_uri IS NULL OR EXISTS (SELECT 1 FROM posts parent WHERE parent.id = posts.in_reply_to_id AND (parent.account_id IN (posts.account_id, $1) OR ($7 = 'list' AND parent.account_id IN (SELECT account_id FROM list_members WHERE list_id = $6)) OR ($7 = 'followed' AND parent.account_id IN (SELECT followee_id FROM follows WHERE follower_id = $1))))) AND posts.id < $3 AND posts.id > $4 ORDER BY posts.id DESC LIMIT $5"
    ));
    let rows = super::bound(query, app, Some(member), window)
        .bind(id)
        .bind(list.replies)
        .all(&app.db)
        .await?;
    Ok(crate::posts::store::read_all(&rows)?)
}
