//! Tiers: named levels of membership. Each is a grant of the house; a post for it is read on its pages only.

use std::time::Duration;

use crate::accounts::{Account, store as account_store};
use crate::app::App;
use crate::audiences;
use crate::error::{Error, Result};
use crate::kernel::clock::Time;
use crate::kernel::db::{Row, sql};
use crate::kernel::id::{AccountId, AudienceId, PostId};
use crate::relations::blocks;

/// Longest name.
const NAME: usize = 40;
/// Longest sentence about how one gets in.
const HOW: usize = 300;
/// Most tiers of a house.
const MOST: usize = 20;

/// A tier.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tier {
    /// Its grant.
    pub id: AudienceId,
    /// What it is called.
    pub name: String,
    /// How one gets in, in the host's words.
    pub how: String,
    /// How many have it now.
    pub holders: i64,
}

/// What somebody outside sees of a post for a tier.
#[derive(Clone, Debug)]
pub struct Locked {
    /// The post.
    pub post: PostId,
    /// The name of its author.
    pub author: String,
    /// What the author wrote for everybody else.
    pub teaser: String,
    /// The tier it is for.
    pub tier: String,
    /// How one gets in.
    pub how: String,
    /// When it was written.
    pub created_at: Time,
}

fn read(row: &Row) -> sqlx::Result<Tier> {
    Ok(Tier {
        id: row.get("id")?,
        name: row.get("name")?,
        how: row.get("how")?,
        holders: row.get("holders")?,
    })
}

/// Makes a tier.
///
/// # Errors
/// `Invalid` when it has no name, or there are too many.
pub async fn create(app: &App, host: &Account, name: &str, how: &str) -> Result<Tier> {
    let (name, how) = (name.trim(), how.trim());
    if name.is_empty() || name.chars().count() > NAME {
        return Err(Error::invalid_with("tier", "error-tier-name", NAME));
    }
    if how.chars().count() > HOW {
        return Err(Error::invalid_with("how", "error-too-long", HOW));
    }
    if list(app).await?.len() >= MOST {
        return Err(Error::invalid_with("tier", "error-too-many", MOST));
    }
    let mut tx = app.db.begin().await?;
    let id = audiences::create_grant(&mut tx, host.id, "tier", name, app.clock.now()).await?;
    sql("INSERT INTO tiers (audience_id, how) VALUES ($1, $2)")
        .bind(id)
        .bind(how)
        .run(&mut tx)
        .await?;
    tx.commit().await?;
    get(app, id).await
}

/// The tiers of the house, the first first.
///
/// # Errors
/// What the database says.
pub async fn list(app: &App) -> Result<Vec<Tier>> {
    let rows = sql("SELECT audiences.id, audiences.name, tiers.how, (SELECT COUNT(*) FROM audience_members WHERE audience_members.audience_id = audiences.id AND (until IS NULL OR until > $1)) AS holders FROM tiers JOIN audiences ON audiences.id = tiers.audience_id ORDER BY audiences.id")
        .bind(app.clock.now())
        .all(&app.db)
        .await?;
    Ok(rows.iter().map(read).collect::<sqlx::Result<_>>()?)
}

/// A tier.
///
/// # Errors
/// `NotFound` when there is none.
pub async fn get(app: &App, id: AudienceId) -> Result<Tier> {
    let found = list(app).await?.into_iter().find(|tier| tier.id == id);
    found.ok_or(Error::NotFound)
}

/// Who has a tier, and until when.
///
/// # Errors
/// What the database says.
pub async fn holders(app: &App, tier: AudienceId) -> Result<Vec<(Account, Option<Time>)>> {
    let rows = sql("SELECT accounts.*, audience_members.until AS held_until FROM audience_members JOIN accounts ON accounts.id = audience_members.account_id WHERE audience_members.audience_id = $1 AND (audience_members.until IS NULL OR audience_members.until > $2) ORDER BY accounts.name_key, accounts.id LIMIT 1000")
        .bind(tier)
        .bind(app.clock.now())
        .all(&app.db)
        .await?;
    let read = |row: &Row| Ok((account_store::read(row)?, row.get("held_until")?));
    Ok(rows.iter().map(read).collect::<sqlx::Result<_>>()?)
}

/// Gives somebody a tier, member or guest: for so many days, or for good.
///
/// # Errors
/// What the database says.
pub async fn grant(
    app: &App,
    tier: AudienceId,
    account: AccountId,
    days: Option<u64>,
) -> Result<()> {
    let until = days.map(|days| {
        let days = Duration::from_secs(days.min(36_500) * 86_400);
        app.clock.now().plus(days)
    });
    Ok(audiences::add_member(&app.db, tier, account, until).await?)
}

/// Takes a tier from somebody: what it opened is closed at once.
///
/// # Errors
/// What the database says.
pub async fn take(app: &App, tier: AudienceId, account: AccountId) -> Result<()> {
    Ok(audiences::remove_member(&app.db, tier, account).await?)
}

fn read_locked(row: &Row) -> sqlx::Result<Locked> {
    Ok(Locked {
        post: row.get("id")?,
        author: row.get("author_name")?,
        teaser: row.get("teaser")?,
        tier: row.get("tier_name")?,
        how: row.get("how")?,
        created_at: row.get("created_at")?,
    })
}

/// The newest posts of an account that are for tiers the viewer has not, where something is said about them.
///
/// # Errors
/// What the database says.
pub async fn locked(
    app: &App,
    viewer: Option<&Account>,
    author: AccountId,
    most: i64,
) -> Result<Vec<Locked>> {
    let rows = sql("SELECT posts.id, posts.teaser, posts.created_at, accounts.name AS author_name, audiences.name AS tier_name, tiers.how FROM posts JOIN accounts ON accounts.id = posts.account_id JOIN audiences ON audiences.id = posts.audience_id JOIN tiers ON tiers.audience_id = audiences.id WHERE posts.account_id = $1 AND posts.account_id <> $2 AND posts.audience = 'grant' AND posts.teaser <> '' AND NOT EXISTS (SELECT 1 FROM audience_members WHERE audience_members.audience_id = posts.audience_id AND audience_members.account_id = $2 AND (audience_members.until IS NULL OR audience_members.until > $3)) AND NOT EXISTS (SELECT 1 FROM blocks WHERE blocks.account_id = posts.account_id AND blocks.target_id = $2) ORDER BY posts.id DESC LIMIT $4")
        .bind(author)
        .bind(viewer.map_or(0, |viewer| viewer.id.0))
        .bind(app.clock.now())
        .bind(most)
        .all(&app.db)
        .await?;
    Ok(rows.iter().map(read_locked).collect::<sqlx::Result<_>>()?)
}

/// What somebody outside sees at the address of a post for a tier.
///
/// # Errors
/// What the database says.
pub async fn teaser(app: &App, viewer: Option<&Account>, post: PostId) -> Result<Option<Locked>> {
    let row = sql("SELECT posts.id, posts.account_id AS author_id, posts.teaser, posts.created_at, accounts.name AS author_name, audiences.name AS tier_name, tiers.how FROM posts JOIN accounts ON accounts.id = posts.account_id JOIN audiences ON audiences.id = posts.audience_id JOIN tiers ON tiers.audience_id = audiences.id WHERE posts.id = $1 AND posts.audience = 'grant' AND posts.teaser <> ''")
        .bind(post)
        .optional(&app.db)
        .await?;
    let Some(row) = row else { return Ok(None) };
    if let Some(viewer) = viewer
        && blocks::blocks(&app.db, row.get("author_id")?, viewer.id).await?
    {
        return Ok(None);
    }
    Ok(Some(read_locked(&row)?))
}
