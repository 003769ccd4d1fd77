//! Invitations: codes with a limit and an end, sent or handed on, and who came by whose.

use std::time::Duration;

use crate::accounts::{Account, Role};
use crate::app::App;
use crate::audiences;
use crate::error::{Error, Result};
use crate::kernel::clock::Time;
use crate::kernel::crypt;
use crate::kernel::db::{Conn, Row, Tx, sql};
use crate::kernel::id::{self, AccountId, AudienceId};
use crate::nodes::joining;

/// The columns of `invitations` that are read.
macro_rules! invitation_columns {
    () => {
        "invitations.id, invitations.code, invitations.inviter_id, invitations.note, invitations.address, invitations.tier_id, invitations.uses_most, invitations.uses, invitations.expires_at, invitations.sent_at, invitations.opened_at, invitations.revoked_at, invitations.created_at"
    };
}

/// Longest note.
const NOTE: usize = 200;
/// Most uses of one invitation.
const MOST: i64 = 10_000;

/// An invitation with what came of it.
#[derive(Clone, Debug)]
pub struct Invitation {
    /// Its number.
    pub id: i64,
    /// What stands in its link.
    pub code: String,
    /// Who made it.
    pub inviter: AccountId,
    /// What the inviter notes for themselves.
    pub note: String,
    /// To whom it was sent: a mail address or a handle.
    pub address: Option<String>,
    /// The tier that whoever comes by it has.
    pub tier: Option<AudienceId>,
    /// How often it may be used.
    pub most: i64,
    /// How often it was.
    pub uses: i64,
    /// When it ends.
    pub expires_at: Option<Time>,
    /// When it was sent.
    pub sent_at: Option<Time>,
    /// When its page was first looked at.
    pub opened_at: Option<Time>,
    /// When it was taken back.
    pub revoked_at: Option<Time>,
    /// When it was made.
    pub created_at: Time,
}

/// What an invitation is made of.
#[derive(Clone, Debug, Default)]
pub struct New<'a> {
    /// What the inviter notes for themselves.
    pub note: &'a str,
    /// To whom it is sent, if to anybody.
    pub address: Option<&'a str>,
    /// The tier that whoever comes by it has.
    pub tier: Option<AudienceId>,
    /// How often it may be used.
    pub most: i64,
    /// Whether the inviter has no allowance to keep to.
    pub unlimited: bool,
    /// How many days it is good for; without end where nothing is said.
    pub days: Option<u64>,
}

fn read(row: &Row) -> sqlx::Result<Invitation> {
    Ok(Invitation {
        id: row.get("id")?,
        code: row.get("code")?,
        inviter: row.get("inviter_id")?,
        note: row.get("note")?,
        address: row.get("address")?,
        tier: row.get("tier_id")?,
        most: row.get("uses_most")?,
        uses: row.get("uses")?,
        expires_at: row.get("expires_at")?,
        sent_at: row.get("sent_at")?,
        opened_at: row.get("opened_at")?,
        revoked_at: row.get("revoked_at")?,
        created_at: row.get("created_at")?,
    })
}

impl Invitation {
    /// Whether it still lets somebody in.
    pub fn counts(&self, now: Time) -> bool {
        self.revoked_at.is_none()
            && self.uses < self.most
            && self.expires_at.is_none_or(|at| at > now)
    }

    /// How it stands, as the last part of a message.
    pub fn state(&self, now: &Time) -> &'static str {
        if self.revoked_at.is_some() {
            "revoked"
        } else if self.uses >= self.most {
            "used"
        } else if self.expires_at.is_some_and(|at| at <= *now) {
            "over"
        } else if self.opened_at.is_some() {
            "opened"
        } else if self.sent_at.is_some() {
            "sent"
        } else {
            "open"
        }
    }
}

/// Makes an invitation. A member invites as many as the host allows, the host as many as they like.
///
/// # Errors
/// `Invalid` when the note is too long or the allowance is used up.
pub async fn make(app: &App, inviter: &Account, new: New<'_>) -> Result<Invitation> {
    if new.note.chars().count() > NOTE {
        return Err(Error::invalid_with("note", "error-too-long", NOTE));
    }
    let now = app.clock.now();
    let allowance = joining::get(app).await?.allowance;
    let most = new.most.clamp(1, MOST);
    let mut tx = app.db.begin().await?;
    if !new.unlimited && inviter.role != Role::Host {
        // Whoever invites twice at the same moment waits for themselves here.
        sql("UPDATE accounts SET version = version WHERE id = $1")
            .bind(inviter.id)
            .run(&mut tx)
            .await?;
        if left_in(&mut tx, inviter.id, allowance, now).await? < most {
            return Err(Error::invalid("most", "error-allowance"));
        }
    }
    let made = insert(&mut tx, inviter.id, &new, (now, now)).await?;
    tx.commit().await?;
    Ok(made)
}

/// Writes an invitation; its days count from when it leaves.
///
/// # Errors
/// What the database says.
pub async fn insert(
    tx: &mut Tx,
    inviter: AccountId,
    new: &New<'_>,
    (now, leaves): (Time, Time),
) -> Result<Invitation> {
    let days = |days: u64| Duration::from_secs(days.min(3650) * 86_400);
    let made = Invitation {
        id: id::mint(now),
        code: crypt::opaque(),
        inviter,
        note: new.note.trim().to_owned(),
        address: new.address.map(str::to_owned),
        tier: new.tier,
        most: new.most.clamp(1, MOST),
        uses: 0,
        expires_at: new.days.map(|count| leaves.plus(days(count))),
        sent_at: None,
        opened_at: None,
        revoked_at: None,
        created_at: now,
    };
    sql("INSERT INTO invitations (id, code, inviter_id, note, address, uses_most, uses, expires_at, created_at, tier_id) VALUES ($1, $2, $3, $4, $5, $6, 0, $7, $8, $9)")
        .bind(made.id)
        .bind(&made.code)
        .bind(made.inviter)
        .bind(&made.note)
        .bind(made.address.clone())
        .bind(made.most)
        .bind(made.expires_at)
        .bind(now)
        .bind(made.tier)
        .run(&mut *tx)
        .await?;
    Ok(made)
}

/// How long an invitation that was sent is part of an allowance, whatever becomes of it: nobody writes to one address
/// after the other in the name of the house.
const SENT: Duration = Duration::from_secs(30 * 86_400);

/// What is left of an allowance: people who came count, and so do invitations that still may bring somebody, and those
/// that were sent lately.
async fn left_in(tx: &mut Tx, inviter: AccountId, allowance: i64, now: Time) -> Result<i64> {
    let row = sql("SELECT CAST(COALESCE(SUM(CASE WHEN (revoked_at IS NULL AND (expires_at IS NULL OR expires_at > $2)) OR (address IS NOT NULL AND created_at > $3) THEN uses_most ELSE uses END), 0) AS BIGINT) AS spent FROM invitations WHERE inviter_id = $1")
        .bind(inviter)
        .bind(now)
        .bind(now.minus(SENT))
        .one(tx)
        .await?;
    Ok(allowance - row.get::<i64>("spent")?)
}

/// How many people a member may still invite.
///
/// # Errors
/// What the database says.
pub async fn left(app: &App, inviter: AccountId) -> Result<i64> {
    let allowance = joining::get(app).await?.allowance;
    let mut tx = app.db.begin().await?;
    let left = left_in(&mut tx, inviter, allowance, app.clock.now()).await?;
    tx.commit().await?;
    Ok(left.max(0))
}

/// The invitation of a code; none where whoever made it is locked out or left.
///
/// # Errors
/// What the database says.
pub async fn find(app: &App, code: &str) -> Result<Option<Invitation>> {
    let row = sql(concat!("SELECT ", invitation_columns!(), " FROM invitations WHERE code = $1 AND EXISTS (SELECT 1 FROM accounts WHERE accounts.id = inviter_id AND disabled_at IS NULL AND deleted_at IS NULL)"))
        .bind(code)
        .optional(&app.db)
        .await?;
    Ok(row.as_ref().map(read).transpose()?)
}

/// How many invitations one page lists.
pub const AT_ONCE: usize = 100;

/// Invitations, the newest first: of one member, or of everybody; older than one, to go on from there.
///
/// # Errors
/// What the database says.
pub async fn list(
    app: &App,
    of: Option<AccountId>,
    before: Option<i64>,
) -> Result<Vec<Invitation>> {
    let rows = sql(concat!(
        "SELECT ",
        invitation_columns!(),
        " FROM invitations WHERE ($1 = 0 OR inviter_id = $1) AND id < $2 ORDER BY id DESC LIMIT 100"
    ))
    .bind(of.unwrap_or(AccountId(0)))
    .bind(before.unwrap_or(i64::MAX))
    .all(&app.db)
    .await?;
    Ok(rows.iter().map(read).collect::<sqlx::Result<_>>()?)
}

/// Where the next page of a list begins, where there may be one.
pub fn older(page: &[Invitation]) -> Option<i64> {
    let last = page.last().filter(|_| page.len() >= AT_ONCE);
    last.map(|last| last.id)
}

/// Notes that the page of an invitation was looked at.
///
/// # Errors
/// What the database says.
pub async fn opened(app: &App, invitation: &Invitation) -> Result<()> {
    sql("UPDATE invitations SET opened_at = $1 WHERE id = $2 AND opened_at IS NULL")
        .bind(app.clock.now())
        .bind(invitation.id)
        .run(&app.db)
        .await?;
    Ok(())
}

/// Notes that an invitation was sent.
///
/// # Errors
/// What the database says.
pub async fn sent(app: &App, invitation: i64) -> Result<()> {
    sql("UPDATE invitations SET sent_at = $1 WHERE id = $2")
        .bind(app.clock.now())
        .bind(invitation)
        .run(&app.db)
        .await?;
    Ok(())
}

/// The address at which a code lets somebody in.
pub fn link(app: &App, code: &str) -> String {
    app.origin().at(&format!("/invite/{code}"))
}

/// Uses an invitation up for a new member, in the transaction that makes the member.
///
/// # Errors
/// `Invalid` when it does not count any more.
pub async fn redeem(tx: &mut Tx, code: &str, account: AccountId, now: Time) -> Result<()> {
    let row = sql("UPDATE invitations SET uses = uses + 1 WHERE code = $1 AND uses < uses_most AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > $2) AND EXISTS (SELECT 1 FROM accounts WHERE accounts.id = inviter_id AND disabled_at IS NULL AND deleted_at IS NULL) RETURNING id, inviter_id, tier_id")
        .bind(code)
        .bind(now)
        .optional(&mut *tx)
        .await?;
    let row = row.ok_or_else(|| Error::invalid("code", "error-invitation"))?;
    let (invitation, inviter): (i64, AccountId) = (row.get("id")?, row.get("inviter_id")?);
    if let Some(tier) = row.get::<Option<AudienceId>>("tier_id")? {
        audiences::add_member(&mut *tx, tier, account, None, "invitation").await?;
    }
    sql("INSERT INTO invited (account_id, invitation_id, inviter_id, created_at) VALUES ($1, $2, $3, $4)")
        .bind(account)
        .bind(invitation)
        .bind(inviter)
        .bind(now)
        .run(&mut *tx)
        .await?;
    Ok(())
}

/// Takes back an invitation of one's own.
///
/// # Errors
/// `NotFound` when it is none.
pub async fn revoke_own(app: &App, inviter: AccountId, id: i64) -> Result<()> {
    let row = sql("SELECT id FROM invitations WHERE id = $1 AND inviter_id = $2")
        .bind(id)
        .bind(inviter)
        .optional(&app.db)
        .await?;
    row.ok_or(Error::NotFound)?;
    revoke(&app.db, app.clock.now(), id, false).await?;
    Ok(())
}

/// Takes invitations back: one, or with it everything that was made by whoever came by it, and so on; how many.
///
/// # Errors
/// What the database says.
pub async fn revoke(conn: impl Conn, now: Time, id: i64, branch: bool) -> sqlx::Result<u64> {
    let query = if branch {
        sql(
            "WITH RECURSIVE branch(id) AS (SELECT id FROM invitations WHERE id = $1 UNION SELECT invitations.id FROM invitations JOIN invited ON invited.account_id = invitations.inviter_id JOIN branch ON invited.invitation_id = branch.id) UPDATE invitations SET revoked_at = $2 WHERE revoked_at IS NULL AND id IN (SELECT id FROM branch)",
        )
    } else {
        sql("UPDATE invitations SET revoked_at = $2 WHERE id = $1 AND revoked_at IS NULL")
    };
    query.bind(id).bind(now).run(conn).await
}

/// Who came by an invitation of whom.
#[derive(Clone, Debug)]
pub struct Coming {
    /// Who came.
    pub account: Account,
    /// By which invitation.
    pub invitation: i64,
    /// How many hands it went through since the host.
    pub depth: i64,
    /// When.
    pub created_at: Time,
}

/// Everybody who came by invitation, each below who invited them; at most a thousand.
///
/// # Errors
/// What the database says.
pub async fn tree(app: &App) -> Result<Vec<Coming>> {
    let rows = sql(concat!("SELECT ", crate::account_columns!(), ", invited.invitation_id, invited.inviter_id, invited.created_at AS came_at FROM invited JOIN accounts ON accounts.id = invited.account_id ORDER BY invited.created_at, invited.account_id LIMIT 1000"))
        .all(&app.db)
        .await?;
    let mut all = Vec::new();
    for row in &rows {
        let inviter: AccountId = row.get("inviter_id")?;
        let coming = Coming {
            account: crate::accounts::store::read(row)?,
            invitation: row.get("invitation_id")?,
            depth: 0,
            created_at: row.get("came_at")?,
        };
        all.push((inviter, coming));
    }
    let roots: Vec<AccountId> = all
        .iter()
        .map(|(inviter, _)| *inviter)
        .filter(|inviter| !all.iter().any(|(_, one)| one.account.id == *inviter))
        .collect();
    let mut ordered = Vec::new();
    let mut todo: Vec<(AccountId, i64)> = Vec::new();
    for root in roots.into_iter().rev() {
        if !todo.contains(&(root, 0)) {
            todo.push((root, 0));
        }
    }
    while let Some((inviter, depth)) = todo.pop() {
        let at = ordered.len();
        for (_, coming) in all.iter().filter(|(by, _)| *by == inviter) {
            ordered.push(Coming {
                depth,
                ..coming.clone()
            });
        }
        // Below each of them stand those they brought.
        let children: Vec<AccountId> = ordered[at..].iter().map(|one| one.account.id).collect();
        todo.extend(children.into_iter().rev().map(|child| (child, depth + 1)));
    }
    Ok(ordered)
}
