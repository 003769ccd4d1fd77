//! SQL of accounts.

use super::{Account, Field, Kind, Role};
use crate::kernel::clock::Time;
use crate::kernel::db::{Conn, Row, Tx, ids, sql};
use crate::kernel::id::AccountId;

/// The columns of `accounts` that are read.
#[macro_export]
macro_rules! account_columns {
    () => {
        "accounts.id, accounts.kind, accounts.role, accounts.name, accounts.host, accounts.domain, accounts.uri, accounts.url, accounts.actor_type, accounts.display_name, accounts.bio, accounts.fields, accounts.emojis, accounts.avatar, accounts.header, accounts.avatar_url, accounts.header_url, accounts.locked, accounts.bot, accounts.discoverable, accounts.indexable, accounts.public_key_id, accounts.public_key_pem, accounts.ed25519_key_id, accounts.ed25519_key, accounts.inbox_id, accounts.shared_inbox_id, accounts.followers_uri, accounts.following_uri, accounts.outbox_uri, accounts.featured_uri, accounts.aliases, accounts.moved_to, accounts.moved_at, accounts.followers_count, accounts.following_count, accounts.posts_count, accounts.last_post_at, accounts.created_at, accounts.updated_at, accounts.fetched_at, accounts.backfilled_at, accounts.disabled_at, accounts.deleted_at, accounts.version, accounts.silenced_at, accounts.sensitised_at, accounts.frozen_at"
    };
}

/// Reads an account from a row of `accounts`.
pub fn read(row: &Row) -> sqlx::Result<Account> {
    let kind: String = row.get("kind")?;
    let role: String = row.get("role")?;
    let list = |name: &str| -> sqlx::Result<String> { row.get(name) };
    Ok(Account {
        id: row.get("id")?,
        kind: match kind.as_str() {
            "local" => Kind::Local,
            "node" => Kind::Node,
            "guest" => Kind::Guest,
            _ => Kind::Remote,
        },
        role: Role::parse(&role).unwrap_or(Role::Member),
        name: row.get("name")?,
        host: row.get("host")?,
        domain: row.get("domain")?,
        uri: row.get("uri")?,
        url: row.get("url")?,
        actor_type: row.get("actor_type")?,
        display_name: row.get("display_name")?,
        bio: row.get("bio")?,
        fields: serde_json::from_str(&list("fields")?).unwrap_or_default(),
        emojis: serde_json::from_str(&list("emojis")?).unwrap_or_default(),
        avatar: row.get("avatar")?,
        header: row.get("header")?,
        avatar_url: row.get("avatar_url")?,
        header_url: row.get("header_url")?,
        locked: row.get("locked")?,
        bot: row.get("bot")?,
        discoverable: row.get("discoverable")?,
        indexable: row.get("indexable")?,
        public_key_id: row.get("public_key_id")?,
        public_key_pem: row.get("public_key_pem")?,
        ed25519_key_id: row.get("ed25519_key_id")?,
        ed25519_key: row.get("ed25519_key")?,
        inbox_id: row.get("inbox_id")?,
        shared_inbox_id: row.get("shared_inbox_id")?,
        followers_uri: row.get("followers_uri")?,
        following_uri: row.get("following_uri")?,
        outbox_uri: row.get("outbox_uri")?,
        featured_uri: row.get("featured_uri")?,
        aliases: serde_json::from_str(&list("aliases")?).unwrap_or_default(),
        moved_to: row.get("moved_to")?,
        moved_at: row.get("moved_at")?,
        followers_count: row.get("followers_count")?,
        following_count: row.get("following_count")?,
        posts_count: row.get("posts_count")?,
        last_post_at: row.get("last_post_at")?,
        created_at: row.get("created_at")?,
        updated_at: row.get("updated_at")?,
        fetched_at: row.get("fetched_at")?,
        backfilled_at: row.get("backfilled_at")?,
        disabled_at: row.get("disabled_at")?,
        silenced_at: row.get("silenced_at")?,
        sensitised_at: row.get("sensitised_at")?,
        frozen_at: row.get("frozen_at")?,
        deleted_at: row.get("deleted_at")?,
        version: row.get("version")?,
    })
}

pub(super) fn first(row: Option<Row>) -> sqlx::Result<Option<Account>> {
    row.as_ref().map(read).transpose()
}

/// The accounts of several rows.
pub fn read_all(rows: &[Row]) -> sqlx::Result<Vec<Account>> {
    rows.iter().map(read).collect()
}

pub async fn find(conn: impl Conn, id: AccountId) -> sqlx::Result<Option<Account>> {
    first(
        sql(concat!(
            "SELECT ",
            crate::account_columns!(),
            " FROM accounts WHERE id = $1"
        ))
        .bind(id)
        .optional(conn)
        .await?,
    )
}

pub async fn list(conn: impl Conn, which: &[AccountId]) -> sqlx::Result<Vec<Account>> {
    if which.is_empty() {
        return Ok(Vec::new());
    }
    let rows = sql(concat!(
        "SELECT ",
        crate::account_columns!(),
        " FROM accounts WHERE id IN (SELECT value FROM json_each($1))"
    ))
    .bind(ids(which.iter().copied()))
    .all(conn)
    .await?;
    read_all(&rows)
}

pub async fn find_by_uri(conn: impl Conn, uri: &str) -> sqlx::Result<Option<Account>> {
    first(
        sql(concat!(
            "SELECT ",
            crate::account_columns!(),
            " FROM accounts WHERE uri = $1"
        ))
        .bind(uri)
        .optional(conn)
        .await?,
    )
}

pub async fn find_by_key(conn: impl Conn, key_id: &str) -> sqlx::Result<Option<Account>> {
    first(
        sql(concat!(
            "SELECT ",
            crate::account_columns!(),
            " FROM accounts WHERE public_key_id = $1 ORDER BY id LIMIT 1"
        ))
        .bind(key_id)
        .optional(conn)
        .await?,
    )
}

pub async fn find_by_handle(
    conn: impl Conn,
    name_key: &str,
    domain: &str,
) -> sqlx::Result<Option<Account>> {
    first(
        sql(concat!("SELECT ", crate::account_columns!(), " FROM accounts WHERE name_key = $1 AND domain = $2 AND kind <> 'guest' AND deleted_at IS NULL"))
            .bind(name_key)
            .bind(domain)
            .optional(conn)
            .await?,
    )
}

pub async fn name_taken(conn: impl Conn, name_key: &str) -> sqlx::Result<bool> {
    // Names are never given out twice, so the deleted count as well.
    Ok(
        sql("SELECT id FROM accounts WHERE name_key = $1 AND domain = '' AND kind <> 'guest'")
            .bind(name_key)
            .optional(conn)
            .await?
            .is_some(),
    )
}

pub async fn node_actor(conn: impl Conn) -> sqlx::Result<Option<Account>> {
    first(
        sql(concat!(
            "SELECT ",
            crate::account_columns!(),
            " FROM accounts WHERE kind = 'node'"
        ))
        .optional(conn)
        .await?,
    )
}

pub async fn first_host(conn: impl Conn) -> sqlx::Result<Option<Account>> {
    first(
        sql(concat!("SELECT ", crate::account_columns!(), " FROM accounts WHERE kind = 'local' AND role = 'host' AND deleted_at IS NULL ORDER BY id LIMIT 1"))
            .optional(conn)
            .await?,
    )
}

pub async fn another_host(conn: impl Conn, than: AccountId) -> sqlx::Result<bool> {
    let row = sql("SELECT id FROM accounts WHERE kind = 'local' AND role = 'host' AND deleted_at IS NULL AND disabled_at IS NULL AND id <> $1 LIMIT 1")
        .bind(than)
        .optional(conn)
        .await?;
    Ok(row.is_some())
}

pub async fn list_local(conn: impl Conn) -> sqlx::Result<Vec<Account>> {
    read_all(
        &sql(concat!(
            "SELECT ",
            crate::account_columns!(),
            " FROM accounts WHERE kind = 'local' AND deleted_at IS NULL ORDER BY id"
        ))
        .all(conn)
        .await?,
    )
}

pub async fn count_local(conn: impl Conn) -> sqlx::Result<i64> {
    sql("SELECT COUNT(*) AS n FROM accounts WHERE kind = 'local' AND deleted_at IS NULL")
        .one(conn)
        .await?
        .get("n")
}

pub async fn count_active(conn: impl Conn, since: Time) -> sqlx::Result<i64> {
    sql("SELECT COUNT(*) AS n FROM (SELECT account_id FROM sessions WHERE seen_at > $1 UNION SELECT account_id FROM tokens WHERE seen_at > $1 AND account_id IS NOT NULL) AS seen")
        .bind(since)
        .one(conn)
        .await?
        .get("n")
}

pub async fn insert_local(conn: impl Conn, account: &Account) -> sqlx::Result<()> {
    let kind = match account.kind {
        Kind::Node => "node",
        Kind::Guest => "guest",
        Kind::Local | Kind::Remote => "local",
    };
    sql("INSERT INTO accounts (id, kind, role, name, name_key, uri, url, actor_type, display_name, discoverable, indexable, public_key_id, public_key_pem, ed25519_key_id, ed25519_key, followers_uri, following_uri, outbox_uri, featured_uri, created_at, updated_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $20)")
        .bind(account.id)
        .bind(kind)
        .bind(account.role.name())
        .bind(&account.name)
        .bind(account.name.to_lowercase())
        .bind(&account.uri)
        .bind(account.url.clone())
        .bind(&account.actor_type)
        .bind(&account.display_name)
        .bind(account.discoverable)
        .bind(account.indexable)
        .bind(account.public_key_id.clone())
        .bind(account.public_key_pem.clone())
        .bind(account.ed25519_key_id.clone())
        .bind(account.ed25519_key.clone())
        .bind(account.followers_uri.clone())
        .bind(account.following_uri.clone())
        .bind(account.outbox_uri.clone())
        .bind(account.featured_uri.clone())
        .bind(account.created_at)
        .run(conn)
        .await?;
    Ok(())
}

pub async fn insert_keys(
    conn: impl Conn,
    id: AccountId,
    rsa: Vec<u8>,
    ed25519: Vec<u8>,
) -> sqlx::Result<()> {
    sql("INSERT INTO private_keys (account_id, rsa, ed25519) VALUES ($1, $2, $3)")
        .bind(id)
        .bind(rsa)
        .bind(ed25519)
        .run(conn)
        .await?;
    Ok(())
}

pub async fn private_keys(
    conn: impl Conn,
    id: AccountId,
) -> sqlx::Result<Option<(Vec<u8>, Vec<u8>)>> {
    let row = sql("SELECT rsa, ed25519 FROM private_keys WHERE account_id = $1")
        .bind(id)
        .optional(conn)
        .await?;
    row.map(|row| Ok((row.get("rsa")?, row.get("ed25519")?)))
        .transpose()
}

pub async fn set_disabled(conn: impl Conn, id: AccountId, at: Option<Time>) -> sqlx::Result<()> {
    sql("UPDATE accounts SET disabled_at = $1, version = version + 1 WHERE id = $2")
        .bind(at)
        .bind(id)
        .run(conn)
        .await?;
    Ok(())
}

/// An account as it stands, held until the transaction ends: whoever changes it in the same moment waits.
pub async fn lock(tx: &mut Tx, id: AccountId) -> sqlx::Result<Option<Account>> {
    first(
        sql(concat!(
            "UPDATE accounts SET version = version WHERE id = $1 RETURNING ",
            crate::account_columns!()
        ))
        .bind(id)
        .optional(tx)
        .await?,
    )
}

/// Takes an account out of the crew, and out of what only the crew reads.
pub async fn leave_crew(tx: &mut Tx, id: AccountId) -> sqlx::Result<()> {
    sql("DELETE FROM crew WHERE account_id = $1")
        .bind(id)
        .run(&mut *tx)
        .await?;
    sql("DELETE FROM audience_members WHERE account_id = $1 AND audience_id IN (SELECT id FROM audiences WHERE kind = 'crew')")
        .bind(id)
        .run(tx)
        .await?;
    Ok(())
}

pub async fn set_role(conn: impl Conn, id: AccountId, role: Role) -> sqlx::Result<()> {
    sql("UPDATE accounts SET role = $1, version = version + 1 WHERE id = $2")
        .bind(role.name())
        .bind(id)
        .run(conn)
        .await?;
    Ok(())
}

/// Writes what a person can change of a profile; the new version.
/// Keeps what was found out about a profile's links, unless the profile changed meanwhile.
pub async fn set_fields(conn: impl Conn, account: &Account, fields: &[Field]) -> sqlx::Result<()> {
    sql("UPDATE accounts SET fields = $1 WHERE id = $2 AND version = $3")
        .bind(serde_json::to_string(fields).unwrap_or_default())
        .bind(account.id)
        .bind(account.version)
        .run(conn)
        .await?;
    Ok(())
}

pub async fn update_profile(conn: impl Conn, account: &Account, now: Time) -> sqlx::Result<i64> {
    sql("UPDATE accounts SET display_name = $1, bio = $2, fields = $3, avatar = $4, header = $5, locked = $6, bot = $7, actor_type = $8, discoverable = $9, indexable = $10, aliases = $11, moved_to = $12, moved_at = $13, updated_at = $14, version = version + 1 WHERE id = $15 RETURNING version")
        .bind(&account.display_name)
        .bind(&account.bio)
        .bind(serde_json::to_string(&account.fields).unwrap_or_default())
        .bind(account.avatar.clone())
        .bind(account.header.clone())
        .bind(account.locked)
        .bind(account.bot)
        .bind(&account.actor_type)
        .bind(account.discoverable)
        .bind(account.indexable)
        .bind(serde_json::to_string(&account.aliases).unwrap_or_default())
        .bind(account.moved_to.clone())
        .bind(account.moved_at)
        .bind(now)
        .bind(account.id)
        .one(conn)
        .await?
        .get("version")
}

/// Moves a counter of an account, never below zero.
pub async fn count_posts(
    conn: impl Conn,
    id: AccountId,
    by: i64,
    last: Option<Time>,
) -> sqlx::Result<()> {
    sql("UPDATE accounts SET posts_count = CASE WHEN posts_count + $1 < 0 THEN 0 ELSE posts_count + $1 END, last_post_at = COALESCE($2, last_post_at) WHERE id = $3")
        .bind(by)
        .bind(last)
        .bind(id)
        .run(conn)
        .await?;
    Ok(())
}

/// Counts the follows of an account anew.
pub async fn recount_follows(conn: impl Conn, id: AccountId) -> sqlx::Result<()> {
    sql("UPDATE accounts SET followers_count = (SELECT COUNT(*) FROM follows WHERE followee_id = $1 AND accepted_at IS NOT NULL), following_count = (SELECT COUNT(*) FROM follows WHERE follower_id = $1 AND accepted_at IS NOT NULL) WHERE id = $1")
        .bind(id)
        .run(conn)
        .await?;
    Ok(())
}

/// Whether an account is of a node whose people stand on no public list.
pub async fn is_limited(conn: impl Conn, id: AccountId) -> sqlx::Result<bool> {
    let row = sql("SELECT id FROM accounts WHERE id = $1 AND limited_at IS NOT NULL")
        .bind(id)
        .optional(conn)
        .await?;
    Ok(row.is_some())
}
