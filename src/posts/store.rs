//! SQL of posts.

use super::Post;
use crate::accounts::{Account, store as account_store};
use crate::audiences::Audience;
use crate::kernel::clock::Time;
use crate::kernel::db::{Conn, Row, Tx, ids, sql};
use crate::kernel::id::{AccountId, AppId, PostId};

/// The columns of `posts` that are read.
#[macro_export]
macro_rules! post_columns {
    () => {
        "posts.id, posts.uri, posts.url, posts.account_id, posts.boost_of_id, posts.thread_id, posts.in_reply_to_id, posts.in_reply_to_uri, posts.kind, posts.audience, posts.audience_id, posts.title, posts.text, posts.html, posts.warning, posts.sensitive, posts.language, posts.emojis, posts.quote_of_id, posts.quote_uri, posts.quote_state, posts.quote_stamp_uri, posts.quote_policy, posts.interaction_policy, posts.approval, posts.approval_uri, posts.replies_count, posts.boosts_count, posts.favourites_count, posts.pinned_at, posts.created_at, posts.edited_at, posts.replies_fetched_at, posts.version"
    };
}

/// Reads a post from a row of `posts`.
pub fn read(row: &Row) -> sqlx::Result<Post> {
    let audience: String = row.get("audience")?;
    let emojis: String = row.get("emojis")?;
    let policy: Option<String> = row.get("interaction_policy")?;
    Ok(Post {
        id: row.get("id")?,
        uri: row.get("uri")?,
        url: row.get("url")?,
        account: row.get("account_id")?,
        boost_of: row.get("boost_of_id")?,
        thread: row.get("thread_id")?,
        in_reply_to: row.get("in_reply_to_id")?,
        in_reply_to_uri: row.get("in_reply_to_uri")?,
        kind: row.get("kind")?,
        audience: Audience::parse(&audience, row.get("audience_id")?),
        title: row.get("title")?,
        text: row.get("text")?,
        html: row.get("html")?,
        warning: row.get("warning")?,
        sensitive: row.get("sensitive")?,
        language: row.get("language")?,
        emojis: serde_json::from_str(&emojis).unwrap_or_default(),
        quote_of: row.get("quote_of_id")?,
        quote_uri: row.get("quote_uri")?,
        quote_state: row.get("quote_state")?,
        quote_stamp_uri: row.get("quote_stamp_uri")?,
        quote_policy: row.get("quote_policy")?,
        interaction_policy: policy.and_then(|policy| serde_json::from_str(&policy).ok()),
        approval: row.get("approval")?,
        approval_uri: row.get("approval_uri")?,
        replies_count: row.get("replies_count")?,
        boosts_count: row.get("boosts_count")?,
        favourites_count: row.get("favourites_count")?,
        pinned_at: row.get("pinned_at")?,
        created_at: row.get("created_at")?,
        edited_at: row.get("edited_at")?,
        replies_fetched_at: row.get("replies_fetched_at")?,
        version: row.get("version")?,
    })
}

pub fn read_all(rows: &[Row]) -> sqlx::Result<Vec<Post>> {
    rows.iter().map(read).collect()
}

fn first(row: Option<Row>) -> sqlx::Result<Option<Post>> {
    row.as_ref().map(read).transpose()
}

pub async fn find(conn: impl Conn, id: PostId) -> sqlx::Result<Option<Post>> {
    first(
        sql(concat!(
            "SELECT ",
            crate::post_columns!(),
            " FROM posts WHERE id = $1"
        ))
        .bind(id)
        .optional(conn)
        .await?,
    )
}

pub async fn list(conn: impl Conn, which: &[PostId]) -> sqlx::Result<Vec<Post>> {
    if which.is_empty() {
        return Ok(Vec::new());
    }
    read_all(
        &sql(concat!(
            "SELECT ",
            crate::post_columns!(),
            " FROM posts WHERE id IN (SELECT value FROM json_each($1))"
        ))
        .bind(ids(which.iter().copied()))
        .all(conn)
        .await?,
    )
}

pub async fn find_by_uri(conn: impl Conn, uri: &str) -> sqlx::Result<Option<Post>> {
    first(
        // A personal copy stands for its post: what is said about it is filed there.
        sql(concat!("SELECT ", crate::post_columns!(), " FROM posts WHERE id IN (SELECT id FROM posts WHERE uri = $1 UNION ALL SELECT post_id FROM post_copies WHERE uri = $1)"))
            .bind(uri)
            .optional(conn)
            .await?,
    )
}

pub async fn find_by_page(conn: impl Conn, url: &str) -> sqlx::Result<Option<Post>> {
    first(
        sql(concat!(
            "SELECT ",
            crate::post_columns!(),
            " FROM posts WHERE url = $1 AND is_local = 0 ORDER BY id LIMIT 1"
        ))
        .bind(url)
        .optional(conn)
        .await?,
    )
}

pub async fn find_idempotent(
    conn: impl Conn,
    account: AccountId,
    key: &str,
) -> sqlx::Result<Option<Post>> {
    first(
        sql(concat!(
            "SELECT ",
            crate::post_columns!(),
            " FROM posts WHERE account_id = $1 AND idempotency_key = $2"
        ))
        .bind(account)
        .bind(key)
        .optional(conn)
        .await?,
    )
}

pub async fn find_boost(
    conn: impl Conn,
    account: AccountId,
    of: PostId,
) -> sqlx::Result<Option<Post>> {
    first(
        sql(concat!(
            "SELECT ",
            crate::post_columns!(),
            " FROM posts WHERE boost_of_id = $1 AND account_id = $2"
        ))
        .bind(of)
        .bind(account)
        .optional(conn)
        .await?,
    )
}

pub async fn count_local(conn: impl Conn) -> sqlx::Result<i64> {
    sql("SELECT CAST(COALESCE(SUM(posts_count), 0) AS BIGINT) AS n FROM accounts WHERE kind = 'local'")
        .one(conn)
        .await?
        .get("n")
}

/// Writes a post with the id it carries; whether there was room for it under its id and uri.
pub async fn insert(
    conn: impl Conn,
    post: &Post,
    idempotency_key: Option<&str>,
    now: Time,
) -> sqlx::Result<bool> {
    let grant = match post.audience {
        Audience::Grant(id) => Some(id),
        _ => None,
    };
    let touched = sql("INSERT INTO posts (id, uri, url, account_id, boost_of_id, thread_id, in_reply_to_id, in_reply_to_uri, kind, audience, audience_id, title, text, html, warning, sensitive, language, emojis, quote_of_id, quote_uri, quote_state, quote_stamp_uri, quote_policy, idempotency_key, created_at, edited_at, fetched_at, interaction_policy, is_local) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23, $24, $25, $26, $27, $28, (SELECT CASE WHEN accounts.kind = 'local' THEN 1 ELSE 0 END FROM accounts WHERE accounts.id = $4)) ON CONFLICT DO NOTHING")
        .bind(post.id)
        .bind(&post.uri)
        .bind(post.url.clone())
        .bind(post.account)
        .bind(post.boost_of)
        .bind(post.thread)
        .bind(post.in_reply_to)
        .bind(post.in_reply_to_uri.clone())
        .bind(&post.kind)
        .bind(post.audience.name())
        .bind(grant)
        .bind(&post.title)
        .bind(&post.text)
        .bind(&post.html)
        .bind(&post.warning)
        .bind(post.sensitive)
        .bind(post.language.clone())
        .bind(serde_json::to_string(&post.emojis).unwrap_or_default())
        .bind(post.quote_of)
        .bind(post.quote_uri.clone())
        .bind(post.quote_state.clone())
        .bind(post.quote_stamp_uri.clone())
        .bind(&post.quote_policy)
        .bind(idempotency_key)
        .bind(post.created_at)
        .bind(post.edited_at)
        .bind(now)
        .bind(policy_of(post))
        .run(conn)
        .await?;
    Ok(touched == 1)
}

fn policy_of(post: &Post) -> Option<String> {
    let policy = post.interaction_policy.as_ref()?;
    serde_json::to_string(policy).ok()
}

/// Writes what an edit changed; the new version.
pub async fn update(conn: impl Conn, post: &Post) -> sqlx::Result<i64> {
    sql("UPDATE posts SET url = $2, title = $3, text = $4, html = $5, warning = $6, sensitive = $7, language = $8, emojis = $9, quote_of_id = $10, quote_uri = $11, quote_state = $12, quote_stamp_uri = $13, quote_policy = $14, edited_at = $15, interaction_policy = $16, version = version + 1 WHERE id = $1 RETURNING version")
        .bind(post.id)
        .bind(post.url.clone())
        .bind(&post.title)
        .bind(&post.text)
        .bind(&post.html)
        .bind(&post.warning)
        .bind(post.sensitive)
        .bind(post.language.clone())
        .bind(serde_json::to_string(&post.emojis).unwrap_or_default())
        .bind(post.quote_of)
        .bind(post.quote_uri.clone())
        .bind(post.quote_state.clone())
        .bind(post.quote_stamp_uri.clone())
        .bind(&post.quote_policy)
        .bind(post.edited_at)
        .bind(policy_of(post))
        .one(conn)
        .await?
        .get("version")
}

pub async fn insert_edit(conn: impl Conn, post: &Post, id: i64) -> sqlx::Result<()> {
    sql("INSERT INTO post_edits (id, post_id, title, html, warning, created_at) VALUES ($1, $2, $3, $4, $5, $6)")
        .bind(id)
        .bind(post.id)
        .bind(&post.title)
        .bind(&post.html)
        .bind(&post.warning)
        .bind(post.edited_at.unwrap_or(post.created_at))
        .run(conn)
        .await?;
    Ok(())
}

/// Earlier versions: when, title, html, warning; oldest first.
pub async fn edits(
    conn: impl Conn,
    post: PostId,
) -> sqlx::Result<Vec<(Time, String, String, String)>> {
    let rows = sql("SELECT id, post_id, title, html, warning, created_at FROM post_edits WHERE post_id = $1 ORDER BY id LIMIT 100")
        .bind(post)
        .all(conn)
        .await?;
    rows.iter()
        .map(|row| {
            Ok((
                row.get("created_at")?,
                row.get("title")?,
                row.get("html")?,
                row.get("warning")?,
            ))
        })
        .collect()
}

pub async fn set_people(
    tx: &mut Tx,
    post: PostId,
    people: &[(AccountId, bool)],
) -> sqlx::Result<()> {
    for (account, mentioned) in people {
        // Who was named once stays named: an edit takes a post from nobody who had it.
        sql("INSERT INTO post_people (post_id, account_id, mentioned) VALUES ($1, $2, $3) ON CONFLICT (post_id, account_id) DO UPDATE SET mentioned = EXCLUDED.mentioned")
            .bind(post)
            .bind(*account)
            .bind(*mentioned)
            .run(&mut *tx)
            .await?;
    }
    Ok(())
}

pub async fn set_tags(tx: &mut Tx, post: PostId, tags: &[String]) -> sqlx::Result<()> {
    sql("DELETE FROM post_tags WHERE post_id = $1")
        .bind(post)
        .run(&mut *tx)
        .await?;
    for tag in tags {
        sql("INSERT INTO post_tags (tag, post_id) VALUES ($1, $2) ON CONFLICT (tag, post_id) DO NOTHING")
            .bind(tag)
            .bind(post)
            .run(&mut *tx)
            .await?;
    }
    Ok(())
}

pub async fn people(conn: impl Conn, post: PostId) -> sqlx::Result<Vec<(Account, bool)>> {
    let rows = sql(concat!("SELECT ", crate::account_columns!(), ", post_people.mentioned FROM post_people JOIN accounts ON accounts.id = post_people.account_id WHERE post_id = $1 ORDER BY accounts.id"))
        .bind(post)
        .all(conn)
        .await?;
    rows.iter()
        .map(|row| Ok((account_store::read(row)?, row.get("mentioned")?)))
        .collect()
}

pub async fn tags(conn: impl Conn, post: PostId) -> sqlx::Result<Vec<String>> {
    sql("SELECT tag FROM post_tags WHERE post_id = $1 ORDER BY tag")
        .bind(post)
        .all(conn)
        .await?
        .iter()
        .map(|row| row.get("tag"))
        .collect()
}

/// Notes when a remote post's version was written; whether none that is newer came before.
pub async fn revise(tx: &mut Tx, id: PostId, at: Time) -> sqlx::Result<bool> {
    let touched = sql("UPDATE posts SET revised_at = $2 WHERE id = $1 AND (revised_at IS NULL OR revised_at <= $2)")
        .bind(id)
        .bind(at)
        .run(&mut *tx)
        .await?;
    Ok(touched == 1)
}

/// Notes the app a post was written with.
pub async fn set_app(tx: &mut Tx, id: PostId, app: Option<AppId>) -> sqlx::Result<()> {
    if app.is_some() {
        sql("UPDATE posts SET app_id = $1 WHERE id = $2")
            .bind(app)
            .bind(id)
            .run(&mut *tx)
            .await?;
    }
    Ok(())
}

/// The mentioned of several posts.
pub async fn mentioned(conn: impl Conn, which: &str) -> sqlx::Result<Vec<(PostId, Account)>> {
    let rows = sql(concat!("SELECT post_people.post_id, ", crate::account_columns!(), " FROM post_people JOIN accounts ON accounts.id = post_people.account_id WHERE post_people.mentioned = 1 AND post_people.post_id IN (SELECT value FROM json_each($1)) ORDER BY post_people.post_id, accounts.id"))
        .bind(which)
        .all(conn)
        .await?;
    rows.iter()
        .map(|row| Ok((row.get("post_id")?, account_store::read(row)?)))
        .collect()
}

/// The hashtags of several posts.
pub async fn tags_of(conn: impl Conn, which: &str) -> sqlx::Result<Vec<(PostId, String)>> {
    let rows = sql("SELECT post_id, tag FROM post_tags WHERE post_id IN (SELECT value FROM json_each($1)) ORDER BY post_id, tag")
        .bind(which)
        .all(conn)
        .await?;
    rows.iter()
        .map(|row| Ok((row.get("post_id")?, row.get("tag")?)))
        .collect()
}

/// The apps several posts were written with: name and page.
pub async fn apps_of(
    conn: impl Conn,
    which: &str,
) -> sqlx::Result<Vec<(PostId, (String, Option<String>))>> {
    let rows = sql("SELECT posts.id, apps.name, apps.website FROM posts JOIN apps ON apps.id = posts.app_id WHERE posts.id IN (SELECT value FROM json_each($1))")
        .bind(which)
        .all(conn)
        .await?;
    rows.iter()
        .map(|row| Ok((row.get("id")?, (row.get("name")?, row.get("website")?))))
        .collect()
}
