//! Grants: audiences that somebody fills, such as a tier, a list or an event, and the badges of who is in.

use crate::accounts::{Account, store as account_store};
use crate::kernel::clock::Time;
use crate::kernel::db::{Conn, Row, Tx, ids, sql};
use crate::kernel::id::{AccountId, AudienceId};

/// Where somebody shows that they are in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shown {
    /// To nobody.
    Nowhere,
    /// On their profile here.
    Profile,
    /// On their profile and beside what they write here.
    Everywhere,
}

impl Shown {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Nowhere, Self::Profile, Self::Everywhere];

    /// Its name in the database and in messages.
    pub fn name(self) -> &'static str {
        match self {
            Self::Nowhere => "",
            Self::Profile => "profile",
            Self::Everywhere => "everywhere",
        }
    }

    /// Reads its name; what is unknown is shown nowhere.
    pub fn parse(name: &str) -> Self {
        let found = Self::ALL.into_iter().find(|shown| shown.name() == name);
        found.unwrap_or(Self::Nowhere)
    }
}

/// What shows that somebody has a tier, where they want it seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Badge {
    /// Whose it is.
    pub account: AccountId,
    /// The tier's name.
    pub name: String,
    /// A sign or two; may be empty.
    pub sign: String,
    /// The tier's colour, `#rrggbb`.
    pub colour: String,
    /// Where it is shown.
    pub shown: Shown,
}

/// Whether an account is a member of a grant, or of one of its parts, now.
///
/// # Errors
/// What the database says.
pub async fn is_member(
    conn: impl Conn,
    grant: AudienceId,
    account: AccountId,
    now: Time,
) -> sqlx::Result<bool> {
    let row = sql("SELECT audience_members.account_id FROM audience_parts JOIN audience_members ON audience_members.audience_id = audience_parts.part_id WHERE audience_parts.audience_id = $1 AND audience_members.account_id = $2 AND (until IS NULL OR until > $3) LIMIT 1")
        .bind(grant)
        .bind(account)
        .bind(now)
        .optional(conn)
        .await?;
    Ok(row.is_some())
}

/// Makes a grant of an account: `kind` is what fills it, such as a tier or an event.
///
/// # Errors
/// What the database says.
pub async fn create_grant(
    tx: &mut Tx,
    owner: AccountId,
    kind: &str,
    name: &str,
    now: Time,
) -> sqlx::Result<AudienceId> {
    let id = insert(tx, owner, kind, name, now).await?;
    add_part(tx, id, id).await?;
    Ok(id)
}

async fn insert(
    tx: &mut Tx,
    owner: AccountId,
    kind: &str,
    name: &str,
    now: Time,
) -> sqlx::Result<AudienceId> {
    let id = AudienceId::mint(now);
    sql("INSERT INTO audiences (id, account_id, kind, name, created_at) VALUES ($1, $2, $3, $4, $5)")
        .bind(id)
        .bind(owner)
        .bind(kind)
        .bind(name)
        .bind(now)
        .run(&mut *tx)
        .await?;
    Ok(id)
}

async fn add_part(tx: &mut Tx, audience: AudienceId, part: AudienceId) -> sqlx::Result<()> {
    sql("INSERT INTO audience_parts (audience_id, part_id) VALUES ($1, $2) ON CONFLICT (audience_id, part_id) DO NOTHING")
        .bind(audience)
        .bind(part)
        .run(&mut *tx)
        .await?;
    Ok(())
}

/// The audience of whoever is in one of several grants of an account; the same grants have the same one.
///
/// # Errors
/// What the database says.
pub async fn any_of(
    tx: &mut Tx,
    owner: AccountId,
    grants: &[AudienceId],
    now: Time,
) -> sqlx::Result<Option<AudienceId>> {
    let mut parts = grants.to_vec();
    parts.sort_unstable_by_key(|part| part.0);
    parts.dedup();
    if let [] | [_] = *parts {
        return Ok(parts.first().copied());
    }
    let name = ids(parts.iter().copied());
    let known = sql("SELECT id FROM audiences WHERE account_id = $1 AND kind = 'any' AND name = $2 ORDER BY id LIMIT 1")
        .bind(owner)
        .bind(&name)
        .optional(&mut *tx)
        .await?;
    if let Some(row) = known {
        return Ok(Some(row.get("id")?));
    }
    let id = insert(tx, owner, "any", &name, now).await?;
    for part in parts {
        add_part(tx, id, part).await?;
    }
    Ok(Some(id))
}

/// Whether a grant is an account's own.
///
/// # Errors
/// What the database says.
pub async fn owns(conn: impl Conn, grant: AudienceId, account: AccountId) -> sqlx::Result<bool> {
    let row = sql("SELECT id FROM audiences WHERE id = $1 AND account_id = $2")
        .bind(grant)
        .bind(account)
        .optional(conn)
        .await?;
    Ok(row.is_some())
}

/// What fills a grant: `tier`, `list`, `crew`, or `any` of several.
///
/// # Errors
/// What the database says.
pub async fn kind_of(conn: impl Conn, grant: AudienceId) -> sqlx::Result<Option<String>> {
    let row = sql("SELECT kind FROM audiences WHERE id = $1")
        .bind(grant)
        .optional(conn)
        .await?;
    row.map(|row| row.get("kind")).transpose()
}

/// The grants an audience consists of; one is enough.
///
/// # Errors
/// What the database says.
pub async fn parts(conn: impl Conn, audience: AudienceId) -> sqlx::Result<Vec<AudienceId>> {
    sql("SELECT part_id FROM audience_parts WHERE audience_id = $1 ORDER BY part_id")
        .bind(audience)
        .all(conn)
        .await?
        .iter()
        .map(|row| row.get("part_id"))
        .collect()
}

/// Lets an account into a grant, until a moment or for good, and notes why.
///
/// # Errors
/// What the database says.
pub async fn add_member(
    conn: impl Conn,
    grant: AudienceId,
    account: AccountId,
    until: Option<Time>,
    reason: &str,
) -> sqlx::Result<()> {
    sql("INSERT INTO audience_members (audience_id, account_id, until, reason) VALUES ($1, $2, $3, $4) ON CONFLICT (audience_id, account_id) DO UPDATE SET until = EXCLUDED.until, reason = EXCLUDED.reason")
        .bind(grant)
        .bind(account)
        .bind(until)
        .bind(reason)
        .run(conn)
        .await?;
    Ok(())
}

/// Takes an account out of a grant.
///
/// # Errors
/// What the database says.
pub async fn remove_member(
    conn: impl Conn,
    grant: AudienceId,
    account: AccountId,
) -> sqlx::Result<bool> {
    let touched = sql("DELETE FROM audience_members WHERE audience_id = $1 AND account_id = $2")
        .bind(grant)
        .bind(account)
        .run(conn)
        .await?;
    Ok(touched == 1)
}

/// Who elsewhere is in a grant now and has no copy of a post yet, by id.
///
/// # Errors
/// What the database says.
pub async fn entitled(
    conn: impl Conn,
    grant: AudienceId,
    without_copy_of: crate::kernel::id::PostId,
    now: Time,
) -> sqlx::Result<Vec<Account>> {
    let rows = sql(concat!("SELECT ", crate::account_columns!(), " FROM accounts WHERE accounts.kind = 'remote' AND accounts.deleted_at IS NULL AND accounts.id IN (SELECT audience_members.account_id FROM audience_parts JOIN audience_members ON audience_members.audience_id = audience_parts.part_id WHERE audience_parts.audience_id = $1 AND (audience_members.until IS NULL OR audience_members.until > $2)) AND NOT EXISTS (SELECT 1 FROM post_copies WHERE post_copies.post_id = $3 AND post_copies.account_id = accounts.id) AND NOT EXISTS (SELECT 1 FROM blocks JOIN audiences ON audiences.account_id = blocks.account_id WHERE audiences.id = $1 AND blocks.target_id = accounts.id) ORDER BY accounts.id LIMIT 200"))
        .bind(grant)
        .bind(now)
        .bind(without_copy_of)
        .all(conn)
        .await?;
    account_store::read_all(&rows)
}

/// Chooses where an account's badge of a grant is shown.
///
/// # Errors
/// What the database says.
pub async fn show_badge(
    conn: impl Conn,
    grant: AudienceId,
    account: AccountId,
    shown: Shown,
) -> sqlx::Result<()> {
    sql("UPDATE audience_members SET shown = $3 WHERE audience_id = $1 AND account_id = $2")
        .bind(grant)
        .bind(account)
        .bind(shown.name())
        .run(conn)
        .await?;
    Ok(())
}

/// The badges several accounts want seen, as far as they have the tiers now.
///
/// # Errors
/// What the database says.
pub async fn badges(conn: impl Conn, of: &[AccountId], now: Time) -> sqlx::Result<Vec<Badge>> {
    let rows = sql("SELECT audience_members.account_id, audience_members.shown, audiences.colour, audiences.name, audiences.badge FROM audience_members JOIN audiences ON audiences.id = audience_members.audience_id WHERE audience_members.shown <> '' AND audiences.kind = 'tier' AND (audience_members.until IS NULL OR audience_members.until > $1) AND audience_members.account_id IN (SELECT value FROM json_each($2)) ORDER BY audience_members.account_id, audiences.id")
        .bind(now)
        .bind(ids(of.iter().copied()))
        .all(conn)
        .await?;
    let read = |row: &Row| {
        Ok(Badge {
            account: row.get("account_id")?,
            name: row.get("name")?,
            sign: row.get("badge")?,
            colour: row.get("colour")?,
            shown: Shown::parse(&row.get::<String>("shown")?),
        })
    };
    rows.iter().map(read).collect()
}
