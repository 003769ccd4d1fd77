//! Tiers: named levels of membership. Each is a grant of the house, with a face and a way in.

use std::time::Duration;

use crate::accounts::{Account, store as account_store};
use crate::app::App;
use crate::audiences::{self, Shown};
use crate::error::{Error, Problem, Result, Sentence};
use crate::jobs::{self, Job, Notice};
use crate::kernel::clock::Time;
use crate::kernel::db::{Conn, Row, Tx, sql};
use crate::kernel::id::{AccountId, AudienceId};

/// Longest name.
const NAME: usize = 40;
/// Longest sentence about how one gets in.
const HOW: usize = 300;
/// Longest sign of a badge.
const SIGN: usize = 8;
/// Most tiers of a house.
const MOST: usize = 20;

/// A tier.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tier {
    /// Its grant.
    pub id: AudienceId,
    /// Its face and its way in.
    pub face: Face,
    /// By what people are proposed for it; nothing while that is off.
    pub rule: Option<Rule>,
    /// How many have it now.
    pub holders: i64,
}

/// What a tier looks like and says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Face {
    /// What it is called.
    pub name: String,
    /// How one gets in, in the host's words.
    pub how: String,
    /// Its colour, `#rrggbb`.
    pub colour: String,
    /// The sign on its badge; may be empty.
    pub sign: String,
}

/// What somebody has done who is proposed for a tier.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rule {
    /// Days as a member or a follower of the host.
    pub days: i64,
    /// Answers in the host's threads that somebody else favourited.
    pub answers: i64,
}

/// A tier as somebody has it.
#[derive(Clone, Debug)]
pub struct Held {
    /// The tier.
    pub tier: Tier,
    /// Until when; for good where nothing is said.
    pub until: Option<Time>,
    /// Where its badge is shown.
    pub shown: Shown,
}

impl Tier {
    /// The days its rule asks for; 0 while it is off.
    pub fn days(&self) -> i64 {
        self.rule.map_or(0, |rule| rule.days)
    }

    /// The answers its rule asks for; 0 while it is off.
    pub fn answers(&self) -> i64 {
        self.rule.map_or(0, |rule| rule.answers)
    }
}

fn read(row: &Row) -> sqlx::Result<Tier> {
    let since: Option<Time> = row.get("rule_since")?;
    let rule = Rule {
        days: row.get("rule_days")?,
        answers: row.get("rule_answers")?,
    };
    Ok(Tier {
        id: row.get("id")?,
        face: Face {
            name: row.get("name")?,
            how: row.get("how")?,
            colour: row.get("colour")?,
            sign: row.get("badge")?,
        },
        rule: since.map(|_| rule),
        holders: row.get("holders")?,
    })
}

fn check(face: Face) -> Result<Face> {
    let face = Face {
        name: face.name.trim().to_owned(),
        how: face.how.trim().to_owned(),
        colour: face.colour.trim().to_ascii_lowercase(),
        sign: face.sign.trim().to_owned(),
    };
    let mut problems = Vec::new();
    let mut problem = |field, id, most: usize| {
        let value = Some(most.to_string());
        problems.push(Problem {
            field,
            sentence: Sentence { id, value },
        });
    };
    if face.name.is_empty() || face.name.chars().count() > NAME {
        problem("tier", "error-tier-name", NAME);
    }
    if face.how.chars().count() > HOW {
        problem("how", "error-too-long", HOW);
    }
    if face.sign.chars().count() > SIGN {
        problem("sign", "error-too-long", SIGN);
    }
    let digits = face.colour.strip_prefix('#').unwrap_or_default();
    let sound = digits.len() == 6 && digits.bytes().all(|digit| digit.is_ascii_hexdigit());
    if !face.colour.is_empty() && !sound {
        problem("colour", "error-colour", 0);
    }
    if problems.is_empty() {
        Ok(face)
    } else {
        Err(Error::Invalid(problems))
    }
}

/// Makes a tier.
///
/// # Errors
/// `Invalid` when it has no name, or there are too many.
pub async fn create(tx: &mut Tx, now: Time, host: AccountId, face: Face) -> Result<AudienceId> {
    let face = check(face)?;
    if all(&mut *tx, now).await?.len() >= MOST {
        return Err(Error::invalid_with("tier", "error-too-many", MOST));
    }
    let id = audiences::create_grant(&mut *tx, host, "tier", &face.name, now).await?;
    sql("INSERT INTO tiers (audience_id, how) VALUES ($1, '')")
        .bind(id)
        .run(&mut *tx)
        .await?;
    change(tx, id, face).await?;
    Ok(id)
}

/// Changes what a tier looks like and says.
///
/// # Errors
/// `Invalid` when it has no name, `NotFound` when there is none.
pub async fn change(tx: &mut Tx, id: AudienceId, face: Face) -> Result<()> {
    let face = check(face)?;
    let touched = sql("UPDATE tiers SET how = $2 WHERE audience_id = $1")
        .bind(id)
        .bind(face.how)
        .run(&mut *tx)
        .await?;
    if touched == 0 {
        return Err(Error::NotFound);
    }
    sql("UPDATE audiences SET name = $2, colour = $3, badge = $4 WHERE id = $1")
        .bind(id)
        .bind(face.name)
        .bind(face.colour)
        .bind(face.sign)
        .run(tx)
        .await?;
    Ok(())
}

/// Removes a tier. Who had it has it no more; what was written for it alone stays for its author. Whether there was
/// one.
///
/// # Errors
/// What the database says.
pub async fn remove(tx: &mut Tx, id: AudienceId) -> sqlx::Result<bool> {
    for statement in [
        sql("DELETE FROM audience_members WHERE audience_id = $1"),
        sql("DELETE FROM tier_refusals WHERE audience_id = $1"),
        sql("UPDATE invitations SET tier_id = NULL WHERE tier_id = $1"),
    ] {
        statement.bind(id).run(&mut *tx).await?;
    }
    let touched = sql("DELETE FROM tiers WHERE audience_id = $1")
        .bind(id)
        .run(tx)
        .await?;
    Ok(touched == 1)
}

/// Switches the rule of a tier on, changes it, or switches it off.
///
/// # Errors
/// `NotFound` when there is none.
pub async fn set_rule(tx: &mut Tx, now: Time, id: AudienceId, rule: Option<Rule>) -> Result<()> {
    let since = rule.map(|_| now);
    let rule = rule.unwrap_or_default();
    let touched = sql("UPDATE tiers SET rule_since = $2, rule_days = $3, rule_answers = $4 WHERE audience_id = $1")
        .bind(id)
        .bind(since)
        .bind(rule.days.clamp(0, 3_650))
        .bind(rule.answers.clamp(0, 10_000))
        .run(tx)
        .await?;
    if touched == 0 {
        return Err(Error::NotFound);
    }
    Ok(())
}

/// The tiers of the house, the first first.
///
/// # Errors
/// What the database says.
pub async fn list(app: &App) -> Result<Vec<Tier>> {
    Ok(all(&app.db, app.clock.now()).await?)
}

async fn all(conn: impl Conn, now: Time) -> sqlx::Result<Vec<Tier>> {
    let rows = sql("SELECT audiences.id, audiences.name, audiences.colour, audiences.badge, tiers.how, tiers.rule_since, tiers.rule_days, tiers.rule_answers, (SELECT COUNT(*) FROM audience_members WHERE audience_members.audience_id = audiences.id AND (until IS NULL OR until > $1)) AS holders FROM tiers JOIN audiences ON audiences.id = tiers.audience_id ORDER BY audiences.id")
        .bind(now)
        .all(conn)
        .await?;
    rows.iter().map(read).collect()
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
    let rows = sql(concat!("SELECT ", crate::account_columns!(), ", audience_members.until AS held_until FROM audience_members JOIN accounts ON accounts.id = audience_members.account_id WHERE audience_members.audience_id = $1 AND (audience_members.until IS NULL OR audience_members.until > $2) ORDER BY accounts.name_key, accounts.id LIMIT 1000"))
        .bind(tier)
        .bind(app.clock.now())
        .all(&app.db)
        .await?;
    let read = |row: &Row| Ok((account_store::read(row)?, row.get("held_until")?));
    Ok(rows.iter().map(read).collect::<sqlx::Result<_>>()?)
}

/// The tiers somebody has.
///
/// # Errors
/// What the database says.
pub async fn held(app: &App, account: AccountId) -> Result<Vec<Held>> {
    let rows = sql("SELECT audiences.id, audiences.name, audiences.colour, audiences.badge, tiers.how, tiers.rule_since, tiers.rule_days, tiers.rule_answers, audience_members.until AS held_until, audience_members.shown, 0 AS holders FROM audience_members JOIN tiers ON tiers.audience_id = audience_members.audience_id JOIN audiences ON audiences.id = tiers.audience_id WHERE audience_members.account_id = $1 AND (audience_members.until IS NULL OR audience_members.until > $2) ORDER BY audiences.id")
        .bind(account)
        .bind(app.clock.now())
        .all(&app.db)
        .await?;
    let read = |row: &Row| {
        Ok(Held {
            tier: read(row)?,
            until: row.get("held_until")?,
            shown: Shown::parse(&row.get::<String>("shown")?),
        })
    };
    Ok(rows.iter().map(read).collect::<sqlx::Result<_>>()?)
}

/// Gives somebody a tier, member or guest: for so many days, or for good.
///
/// # Errors
/// What the database says.
pub async fn grant(
    tx: &mut Tx,
    now: Time,
    (tier, account): (AudienceId, AccountId),
    days: Option<u64>,
    reason: &str,
) -> sqlx::Result<()> {
    let until = days.map(|days| {
        let days = Duration::from_secs(days.min(36_500) * 86_400);
        now.plus(days)
    });
    let had = audiences::is_member(&mut *tx, tier, account, now).await?;
    audiences::add_member(&mut *tx, tier, account, until, reason).await?;
    if had {
        return Ok(());
    }
    let (host, member) = (
        account_store::first_host(&mut *tx).await?,
        account_store::find(&mut *tx, account).await?,
    );
    // Guests see it when they are here; only members have notifications.
    if let (Some(host), Some(member)) = (host, member)
        && member.is_local()
        && member.id != host.id
    {
        let job = Job::Notify {
            account: member.id,
            kind: Notice::Tier,
            from: host.id,
            post: None,
        };
        jobs::enqueue(tx, now, job).await?;
    }
    Ok(())
}

/// The audience of whoever has one of several tiers of the house; nothing where none is named.
///
/// # Errors
/// `Invalid` when one is not the author's to write for.
pub async fn any_of(
    app: &App,
    author: &Account,
    which: &[AudienceId],
) -> Result<Option<AudienceId>> {
    let mut tx = app.db.begin().await?;
    for tier in which {
        if !audiences::owns(&mut tx, *tier, author.id).await? {
            return Err(Error::invalid("tiers", "error-not-your-tier"));
        }
    }
    let audience = audiences::any_of(&mut tx, author.id, which, app.clock.now()).await?;
    tx.commit().await?;
    Ok(audience)
}

/// Takes a tier from somebody: what it opened is closed at once. Whether they had it.
///
/// # Errors
/// What the database says.
pub async fn take(tx: &mut Tx, tier: AudienceId, account: AccountId) -> sqlx::Result<bool> {
    audiences::remove_member(tx, tier, account).await
}
