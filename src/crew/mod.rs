//! The crew: people who help the host, what each may do, what they did and what they prepared.

pub mod audit;
pub mod drafts;
pub mod figures;
pub mod web;

use crate::accounts::{self, Account, Role, store as account_store};
use crate::app::App;
use crate::audiences;
use crate::error::{Error, Result};
use crate::jobs::{self, Job, Notice};
use crate::kernel::clock::Time;
use crate::kernel::db::{Row, Tx, sql};
use crate::kernel::id::{AccountId, AudienceId};

/// Something one may do for the house.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Right {
    /// Write in the name of the house, and let through what others prepared.
    Post,
    /// Prepare posts of the house.
    Draft,
    /// Keep the peace: reports, measures, what waits.
    Moderate,
    /// Let people in, invite, give tiers.
    Admit,
    /// Read figures.
    Figures,
    /// Run the node: its look, its members, its crew, its queues.
    Run,
}

impl Right {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::Post,
        Self::Draft,
        Self::Moderate,
        Self::Admit,
        Self::Figures,
        Self::Run,
    ];

    /// Its name in the database and in messages.
    pub fn name(self) -> &'static str {
        match self {
            Self::Post => "post",
            Self::Draft => "draft",
            Self::Moderate => "moderate",
            Self::Admit => "admit",
            Self::Figures => "figures",
            Self::Run => "run",
        }
    }

    /// Reads its name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|right| right.name() == name)
    }
}

/// What somebody may do for the house.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rights(Vec<Right>);

impl Rights {
    /// Those of these names that there are.
    pub fn parse(names: &str) -> Self {
        let named = names.split([',', ' ']).filter_map(Right::parse);
        let mut all: Vec<Right> = named.collect();
        all.dedup();
        Self(all)
    }

    /// Whether this is among them.
    pub fn has(&self, right: Right) -> bool {
        self.0.contains(&right)
    }

    /// Whether there are any.
    pub fn any(&self) -> bool {
        !self.0.is_empty()
    }

    /// Their names, with commas.
    pub fn names(&self) -> String {
        let names: Vec<&str> = self.0.iter().map(|right| right.name()).collect();
        names.join(",")
    }
}

/// What an account may do for the house, at this moment: the host everything, the crew what they were given.
///
/// # Errors
/// What the database says.
pub async fn rights(app: &App, account: &Account) -> Result<Rights> {
    if account.is_host() {
        return Ok(Rights(Right::ALL.to_vec()));
    }
    if account.role != Role::Crew || !account.is_active() {
        return Ok(Rights::default());
    }
    let row = sql("SELECT rights FROM crew WHERE account_id = $1")
        .bind(account.id)
        .optional(&app.db)
        .await?;
    let names: Option<String> = row.map(|row| row.get("rights")).transpose()?;
    Ok(Rights::parse(&names.unwrap_or_default()))
}

/// The crew, with what each may do.
///
/// # Errors
/// What the database says.
pub async fn list(app: &App) -> Result<Vec<(Account, Rights)>> {
    let rows = sql(concat!("SELECT ", crate::account_columns!(), ", crew.rights FROM crew CROSS JOIN accounts WHERE accounts.id = crew.account_id AND accounts.deleted_at IS NULL ORDER BY accounts.name_key LIMIT 200"))
        .all(&app.db)
        .await?;
    let read = |row: &Row| {
        let rights: String = row.get("rights")?;
        Ok((account_store::read(row)?, Rights::parse(&rights)))
    };
    Ok(rows.iter().map(read).collect::<sqlx::Result<_>>()?)
}

/// Gives a member rights, other rights, or none: then they leave the crew, and it counts from the next request on.
/// Whether that changed anything.
///
/// # Errors
/// `Invalid` when it is a host or no member.
pub async fn set_rights(
    tx: &mut Tx,
    now: Time,
    member: AccountId,
    rights: &Rights,
) -> Result<bool> {
    let member = account_store::lock(&mut *tx, member).await?;
    let fits = |member: &Account| {
        member.kind == accounts::Kind::Local && !member.is_host() && member.is_active()
    };
    let member = member
        .filter(fits)
        .ok_or_else(|| Error::invalid("handle", "error-crew-member"))?;
    let before = sql("SELECT rights FROM crew WHERE account_id = $1")
        .bind(member.id)
        .optional(&mut *tx)
        .await?;
    let before: Option<String> = before.map(|row| row.get("rights")).transpose()?;
    if rights.any() == (member.role == Role::Crew) && before.unwrap_or_default() == rights.names() {
        return Ok(false);
    }
    let host = account_store::first_host(&mut *tx).await?;
    let host = host.ok_or(Error::NotFound)?;
    let inside = audience(&mut *tx, &host, now).await?;
    if rights.any() {
        sql("INSERT INTO crew (account_id, rights, created_at) VALUES ($1, $2, $3) ON CONFLICT (account_id) DO UPDATE SET rights = EXCLUDED.rights")
            .bind(member.id)
            .bind(rights.names())
            .bind(now)
            .run(&mut *tx)
            .await?;
        audiences::add_member(&mut *tx, inside, member.id, None, "crew").await?;
    } else {
        sql("DELETE FROM crew WHERE account_id = $1")
            .bind(member.id)
            .run(&mut *tx)
            .await?;
        audiences::remove_member(&mut *tx, inside, member.id).await?;
    }
    let role = if rights.any() {
        Role::Crew
    } else {
        Role::Member
    };
    account_store::set_role(&mut *tx, member.id, role).await?;
    if rights.any() {
        let job = Job::Notify {
            account: member.id,
            kind: Notice::Rights,
            from: host.id,
            post: None,
        };
        jobs::enqueue(tx, now, job).await?;
    }
    Ok(true)
}

/// The audience of what only the crew reads.
async fn audience(tx: &mut Tx, host: &Account, now: Time) -> sqlx::Result<AudienceId> {
    let known = sql("SELECT id FROM audiences WHERE kind = 'crew' ORDER BY id LIMIT 1")
        .optional(&mut *tx)
        .await?;
    match known {
        Some(row) => row.get("id"),
        None => audiences::create_grant(tx, host.id, "crew", "crew", now).await,
    }
}

/// The audience of what only the crew reads, for whoever belongs to it.
///
/// # Errors
/// `Forbidden` for others.
pub async fn inside(app: &App, account: &Account) -> Result<AudienceId> {
    let host = accounts::first_host(app).await?.ok_or(Error::NotFound)?;
    if !rights(app, account).await?.any() {
        return Err(Error::Forbidden);
    }
    let mut tx = app.db.begin().await?;
    let found = audience(&mut tx, &host, app.clock.now()).await?;
    if account.is_host() && account.id != host.id {
        // Another host belongs to the crew as well.
        audiences::add_member(&mut tx, found, account.id, None, "crew").await?;
    }
    tx.commit().await?;
    Ok(found)
}
