//! Accounts whose home is another node.

use super::{Account, Emoji, Field, store};
use crate::app::App;
use crate::error::Result;
use crate::jobs::{self, Job};
use crate::kernel::clock::Time;
use crate::kernel::db::{Conn, Tx, sql};
use crate::kernel::id::{AccountId, InboxId};
use crate::nodes;

/// What an actor document says, read and bounded.
#[derive(Clone, Debug, Default)]
pub struct Profile {
    /// The actor's id.
    pub uri: String,
    /// The host of its id.
    pub host: String,
    /// The name in its handle.
    pub name: String,
    /// The page for people.
    pub url: Option<String>,
    /// Its type.
    pub actor_type: String,
    /// The name it shows.
    pub display_name: String,
    /// Its bio, sanitised.
    pub bio: String,
    /// The lines of its profile, sanitised.
    pub fields: Vec<Field>,
    /// Custom emoji it uses.
    pub emojis: Vec<Emoji>,
    /// Its picture.
    pub avatar_url: Option<String>,
    /// Its wide picture.
    pub header_url: Option<String>,
    /// Whether follows are accepted by hand.
    pub locked: bool,
    /// Whether it wants to be found.
    pub discoverable: bool,
    /// Whether its public posts may be searched.
    pub indexable: bool,
    /// Id and text of its RSA key.
    pub rsa: Option<(String, String)>,
    /// Id and Multikey value of its Ed25519 key.
    pub ed25519: Option<(String, String)>,
    /// Its inbox, on its own host or confirmed by the host it lies on.
    pub inbox: Option<String>,
    /// An inbox on another host that nobody confirmed so far.
    pub foreign_inbox: Option<String>,
    /// The inbox of its node.
    pub shared_inbox: Option<String>,
    /// Its collections: followers, following, outbox, featured.
    pub collections: [Option<String>; 4],
    /// Other accounts it says are the same person.
    pub aliases: Vec<String>,
    /// Where it moved.
    pub moved_to: Option<String>,
    /// When it says it came to be.
    pub created_at: Option<Time>,
}

/// Writes what an actor document says; a new account is made where it was not known. With fetches, its handle is checked
/// behind.
///
/// # Errors
/// What the database says.
pub async fn upsert(app: &App, profile: &Profile, fetches: u32) -> Result<Account> {
    let now = app.clock.now();
    let mut tx = app.db.begin().await?;
    let known = store::find_by_uri(&mut tx, &profile.uri).await?;
    let inbox_id = match &profile.inbox {
        Some(url) => Some(nodes::find_or_insert_inbox(&mut tx, url, now).await?),
        None => None,
    };
    let shared_inbox_id = match &profile.shared_inbox {
        Some(url) => Some(nodes::find_or_insert_inbox(&mut tx, url, now).await?),
        None => None,
    };
    // A confirmed domain holds for the name it was confirmed for.
    let domain = known
        .as_ref()
        .filter(|known| known.name == profile.name)
        .map_or_else(|| profile.host.clone(), |known| known.domain.clone());
    // A handle that was given to a new actor over there belongs to the new one.
    sql("UPDATE accounts SET name_key = name_key || '#' || uri WHERE name_key = $1 AND domain = $2 AND uri <> $3")
        .bind(profile.name.to_lowercase())
        .bind(&domain)
        .bind(&profile.uri)
        .run(&mut tx)
        .await?;
    let id = match known {
        Some(known) => known.id,
        None => {
            let id = insert(&mut tx, profile, now).await?;
            nodes::measures::limit_new(&mut tx, id, &profile.host, now).await?;
            id
        }
    };
    revise(
        &mut tx,
        id,
        profile,
        (inbox_id, shared_inbox_id, &domain),
        now,
    )
    .await?;
    let account = store::find(&mut tx, id)
        .await?
        .ok_or(sqlx::Error::RowNotFound)?;
    if fetches > 0 {
        let account = account.id;
        jobs::enqueue(&mut tx, now, Job::CheckHandle { account, fetches }).await?;
    }
    tx.commit().await?;
    app.wake.notify_waiters();
    Ok(account)
}

async fn revise(
    tx: &mut Tx,
    id: AccountId,
    profile: &Profile,
    (inbox_id, shared_inbox_id, domain): (Option<InboxId>, Option<InboxId>, &str),
    now: Time,
) -> sqlx::Result<()> {
    let [followers, following, outbox, featured] = profile.collections.clone();
    sql("UPDATE accounts SET name = $2, name_key = $3, url = $4, actor_type = $5, display_name = $6, bio = $7, fields = $8, emojis = $9, avatar_url = $10, header_url = $11, locked = $12, discoverable = $13, indexable = $14, public_key_id = $15, public_key_pem = $16, ed25519_key_id = $17, ed25519_key = $18, keys_at = $19, inbox_id = $20, shared_inbox_id = $21, followers_uri = $22, following_uri = $23, outbox_uri = $24, featured_uri = $25, aliases = $26, moved_to = COALESCE($27, CASE WHEN moved_undocumented = 1 THEN moved_to END), moved_undocumented = CASE WHEN $27 IS NULL THEN moved_undocumented ELSE 0 END, bot = $28, domain = $29, updated_at = $19, fetched_at = $19, deleted_at = NULL, version = version + 1 WHERE id = $1")
        .bind(id)
        .bind(&profile.name)
        .bind(profile.name.to_lowercase())
        .bind(profile.url.clone())
        .bind(&profile.actor_type)
        .bind(&profile.display_name)
        .bind(&profile.bio)
        .bind(serde_json::to_string(&profile.fields).unwrap_or_default())
        .bind(serde_json::to_string(&profile.emojis).unwrap_or_default())
        .bind(profile.avatar_url.clone())
        .bind(profile.header_url.clone())
        .bind(profile.locked)
        .bind(profile.discoverable)
        .bind(profile.indexable)
        .bind(profile.rsa.as_ref().map(|(id, _)| id.clone()))
        .bind(profile.rsa.as_ref().map(|(_, pem)| pem.clone()))
        .bind(profile.ed25519.as_ref().map(|(id, _)| id.clone()))
        .bind(profile.ed25519.as_ref().map(|(_, key)| key.clone()))
        .bind(now)
        .bind(inbox_id)
        .bind(shared_inbox_id)
        .bind(followers)
        .bind(following)
        .bind(outbox)
        .bind(featured)
        .bind(serde_json::to_string(&profile.aliases).unwrap_or_default())
        .bind(profile.moved_to.clone())
        .bind(matches!(profile.actor_type.as_str(), "Service" | "Application"))
        .bind(domain)
        .run(tx)
        .await?;
    Ok(())
}

async fn insert(tx: &mut Tx, profile: &Profile, now: Time) -> sqlx::Result<AccountId> {
    let id = AccountId::mint(now);
    let created_at = profile
        .created_at
        .filter(|at| at.0 > 0 && *at <= now)
        .unwrap_or(now);
    sql("INSERT INTO accounts (id, kind, name, name_key, host, domain, uri, created_at, updated_at) VALUES ($1, 'remote', $2, $3, $4, $4, $5, $6, $7) ON CONFLICT DO NOTHING")
        .bind(id)
        .bind(&profile.name)
        .bind(profile.name.to_lowercase())
        .bind(&profile.host)
        .bind(&profile.uri)
        .bind(created_at)
        .bind(now)
        .run(&mut *tx)
        .await?;
    // Another request may have met the same actor in the same moment.
    let known = store::find_by_uri(&mut *tx, &profile.uri).await?;
    known.map(|known| known.id).ok_or(sqlx::Error::RowNotFound)
}

/// Notes the domain of a handle that both its node and that domain confirmed.
///
/// # Errors
/// What the database says.
pub async fn set_domain(conn: impl Conn, account: &Account, domain: &str) -> Result<()> {
    sql("UPDATE accounts SET domain = $1, version = version + 1 WHERE id = $2 AND NOT EXISTS (SELECT 1 FROM accounts o WHERE o.name_key = $3 AND o.domain = $1 AND o.id <> $2)")
        .bind(domain)
        .bind(account.id)
        .bind(account.name.to_lowercase())
        .run(conn)
        .await?;
    Ok(())
}

/// Notes that the older posts of an account are being fetched; whether nobody did so within a day.
///
/// # Errors
/// What the database says.
pub async fn begin_backfill(app: &App, id: AccountId) -> Result<bool> {
    let now = app.clock.now();
    let touched = sql("UPDATE accounts SET backfilled_at = $1 WHERE id = $2 AND (backfilled_at IS NULL OR backfilled_at < $3)")
        .bind(now)
        .bind(id)
        .bind(now.minus(std::time::Duration::from_secs(86_400)))
        .run(&app.db)
        .await?;
    Ok(touched == 1)
}

/// The account that somebody else's page shows, as its owner says, if known here.
///
/// # Errors
/// What the database says.
pub async fn find_by_page(app: &App, url: &str) -> Result<Option<Account>> {
    let row = sql(concat!(
        "SELECT ",
        crate::account_columns!(),
        " FROM accounts WHERE url = $1 AND kind = 'remote' AND deleted_at IS NULL ORDER BY id LIMIT 1"
    ))
    .bind(url)
    .optional(&app.db)
    .await?;
    Ok(store::first(row)?)
}

/// The remote account whose key has this id, if known here.
///
/// # Errors
/// What the database says.
pub async fn find_by_key(app: &App, key_id: &str) -> Result<Option<Account>> {
    Ok(store::find_by_key(&app.db, key_id).await?)
}
