//! The waiting list: who waits, in which order, who brought whom, and being let in.

use std::collections::HashMap;
use std::net::IpAddr;

use crate::accounts::{Account, letters, sign_in};
use crate::app::App;
use crate::error::{Error, Result};
use crate::kernel::clock::Time;
use crate::kernel::crypt;
use crate::kernel::db::{Row, sql};
use crate::kernel::id::{self, AccountId};
use crate::locale::Locale;
use crate::moderation::rules;
use crate::nodes::house;

/// Longest answer.
const ANSWER: usize = 1_000;
/// How many places each one who was brought moves up.
const STEP: i64 = 3;
/// Most who wait.
const MOST: i64 = 50_000;
/// For how many days an account at a home must exist to count for who brought it.
const GROWN: u64 = 7;

/// Somebody who waits.
#[derive(Clone, Debug)]
pub struct Waiting {
    /// Their number.
    pub id: i64,
    /// What stands in the link of their own page.
    pub token: String,
    /// What stands in the link they hand on.
    pub code: String,
    /// Their mail address, where they wait by mail.
    pub email: Option<String>,
    /// Their account, where they wait by handle.
    pub account: Option<AccountId>,
    /// What they answered.
    pub answer: String,
    /// Their language.
    pub locale: Locale,
    /// Who brought them.
    pub brought_by: Option<i64>,
    /// Whether they count for who brought them.
    pub counts: bool,
    /// When they showed that the address is theirs.
    pub verified_at: Option<Time>,
    /// When they were let in.
    pub admitted_at: Option<Time>,
    /// When they asked.
    pub created_at: Time,
}

/// Somebody who waits, with their place and how many they brought.
#[derive(Clone, Debug)]
pub struct Placed {
    /// Who.
    pub one: Waiting,
    /// Their place, from 1.
    pub place: i64,
    /// How many they brought that count.
    pub brought: i64,
}

/// What somebody fills in.
#[derive(Clone, Debug)]
pub struct Asking<'a> {
    /// Where they come from.
    pub from: IpAddr,
    /// What they answer.
    pub answer: &'a str,
    /// Their language.
    pub locale: Locale,
    /// The code of who brought them.
    pub by: &'a str,
}

fn read(row: &Row) -> sqlx::Result<Waiting> {
    let locale: String = row.get("locale")?;
    Ok(Waiting {
        id: row.get("id")?,
        token: row.get("token")?,
        code: row.get("code")?,
        email: row.get("email")?,
        account: row.get("account_id")?,
        answer: row.get("answer")?,
        locale: Locale::of_header(&locale),
        brought_by: row.get("brought_by")?,
        counts: row.get("counts")?,
        verified_at: row.get("verified_at")?,
        admitted_at: row.get("admitted_at")?,
        created_at: row.get("created_at")?,
    })
}

/// An address as it is told apart from others: what is behind a `+` and dots tell nobody apart.
fn bare(address: &str) -> String {
    let (local, domain) = address.split_once('@').unwrap_or((address, ""));
    let local = local.split('+').next().unwrap_or_default();
    format!("{}@{domain}", local.replace('.', ""))
}

/// Whether somebody new counts for who brought them: another person, as far as can be told, with an address to stay.
async fn counts(app: &App, by: &Waiting, address: &str, origin: &str) -> Result<bool> {
    let row = sql("SELECT origin_hash FROM waiting WHERE id = $1")
        .bind(by.id)
        .one(&app.db)
        .await?;
    let same_device = row.get::<String>("origin_hash")? == origin;
    let own = by.email.as_deref().map(bare) == Some(bare(address));
    let known = sql("SELECT email FROM waiting WHERE email IS NOT NULL")
        .all(&app.db)
        .await?;
    let mut twice = false;
    for row in &known {
        twice |= bare(&row.get::<String>("email")?) == bare(address);
    }
    let passing = rules::get(app).await?.turns_away(address) || is_throwaway(address);
    Ok(!same_device && !own && !twice && !passing)
}

/// Whether an address is of a provider whose addresses are thrown away.
fn is_throwaway(address: &str) -> bool {
    const KNOWN: [&str; 16] = [
        "mailinator.com",
        "guerrillamail.com",
        "sharklasers.com",
        "10minutemail.com",
        "temp-mail.org",
        "tempmail.com",
        "yopmail.com",
        "trashmail.com",
        "trash-mail.com",
        "wegwerfemail.de",
        "byom.de",
        "getnada.com",
        "maildrop.cc",
        "dispostable.com",
        "throwawaymail.com",
        "fakeinbox.com",
    ];
    let domain = address.rsplit('@').next().unwrap_or_default();
    KNOWN.contains(&domain)
}

/// Puts somebody on the list by mail. They get a mail whose link shows that the address is theirs; until then they
/// wait for nothing. Whoever is on it already gets the link to their page again.
///
/// # Errors
/// `Invalid` for what cannot be taken, `TooMany` beyond three mails an hour to one address.
pub async fn ask_by_mail(app: &App, email: &str, asking: &Asking<'_>) -> Result<()> {
    let email = sign_in::fold_email(email)?;
    super::check_mail(app, &email).await?;
    app.limits
        .mail
        .take(&email, app.clock.now())
        .map_err(Error::TooMany)?;
    let one = match find_by(app, "email", &email).await? {
        Some(one) => one,
        None => insert(app, Some(&email), None, asking).await?,
    };
    let house = house::get(app).await?.name;
    let subject = one.locale.text_with("mail-waiting-subject", "house", house);
    let link = app.origin().at(&format!("/waiting/{}", one.token));
    let text = one
        .locale
        .text("mail-waiting-text")
        .replace("{link}", &link);
    let mut tx = app.db.begin().await?;
    letters::write(app, &mut tx, &email, &subject, &text).await?;
    tx.commit().await?;
    app.wake.notify_waiters();
    Ok(())
}

/// Puts somebody on the list by their account elsewhere; the link that shows that it is theirs goes there.
///
/// # Errors
/// `Invalid` for what cannot be taken.
pub async fn ask_by_handle(app: &App, account: &Account, asking: &Asking<'_>) -> Result<Waiting> {
    let known = sql("SELECT * FROM waiting WHERE account_id = $1")
        .bind(account.id)
        .optional(&app.db)
        .await?;
    match known {
        Some(row) => Ok(read(&row)?),
        None => insert(app, None, Some(account), asking).await,
    }
}

async fn find_by(app: &App, field: &str, value: &str) -> Result<Option<Waiting>> {
    let query = match field {
        "email" => sql("SELECT * FROM waiting WHERE email = $1"),
        "code" => sql("SELECT * FROM waiting WHERE code = $1"),
        _ => sql("SELECT * FROM waiting WHERE token = $1"),
    };
    let row = query.bind(value).optional(&app.db).await?;
    Ok(row.as_ref().map(read).transpose()?)
}

async fn insert(
    app: &App,
    email: Option<&str>,
    account: Option<&Account>,
    asking: &Asking<'_>,
) -> Result<Waiting> {
    if asking.answer.chars().count() > ANSWER {
        return Err(Error::invalid_with("answer", "error-too-long", ANSWER));
    }
    let now = app.clock.now();
    // Where somebody asked from is kept as a keyed digest of its prefix, to tell self-referral; it is forgotten later.
    let origin = app.secret.sign_address(&format!("waiting {}", asking.from));
    let by = match asking.by {
        "" => None,
        code => find_by(app, "code", code).await?,
    };
    let counts = match (&by, email, account) {
        (Some(by), Some(email), _) => counts(app, by, email, &origin).await?,
        (Some(by), None, Some(account)) => {
            let age = now.since(account.created_at).as_secs() / 86_400;
            age >= GROWN && counts(app, by, &account.acct(), &origin).await?
        }
        _ => false,
    };
    let token = crypt::opaque();
    let touched = sql("INSERT INTO waiting (id, token, code, email, account_id, answer, locale, brought_by, counts, origin_hash, created_at) SELECT CAST($1 AS BIGINT), CAST($2 AS TEXT), CAST($3 AS TEXT), CAST($4 AS TEXT), CAST($5 AS BIGINT), CAST($6 AS TEXT), CAST($7 AS TEXT), CAST($8 AS BIGINT), CAST($9 AS BIGINT), CAST($10 AS TEXT), CAST($11 AS BIGINT) WHERE (SELECT COUNT(*) FROM waiting) < $12 ON CONFLICT DO NOTHING")
        .bind(id::mint(now))
        .bind(&token)
        .bind(crypt::opaque())
        .bind(email)
        .bind(account.map(|account| account.id))
        .bind(asking.answer.trim())
        .bind(asking.locale.tag())
        .bind(by.map(|by| by.id))
        .bind(counts)
        .bind(origin)
        .bind(now)
        .bind(MOST)
        .run(&app.db)
        .await?;
    let made = match (touched, email) {
        (0, Some(email)) => find_by(app, "email", email).await?,
        _ => find_by(app, "token", &token).await?,
    };
    made.ok_or_else(|| Error::invalid_with("email", "error-too-many", MOST))
}

/// Notes that an address is whose it says; from now on they wait.
///
/// # Errors
/// `NotFound` when the link is none.
pub async fn verify(app: &App, token: &str) -> Result<()> {
    let touched =
        sql("UPDATE waiting SET verified_at = COALESCE(verified_at, $1) WHERE token = $2")
            .bind(app.clock.now())
            .bind(token)
            .run(&app.db)
            .await?;
    if touched == 0 {
        return Err(Error::NotFound);
    }
    Ok(())
}

/// Takes somebody off the list; everything about them is forgotten.
///
/// # Errors
/// What the database says.
pub async fn leave(app: &App, token: &str) -> Result<()> {
    sql("DELETE FROM waiting WHERE token = $1")
        .bind(token)
        .run(&app.db)
        .await?;
    Ok(())
}

/// Who waits, the next one first: by when they asked, and three places further for each one they brought who counts.
///
/// # Errors
/// What the database says.
pub async fn list(app: &App) -> Result<Vec<Placed>> {
    let rows = sql(
        "SELECT * FROM waiting WHERE verified_at IS NOT NULL AND admitted_at IS NULL ORDER BY id",
    )
    .all(&app.db)
    .await?;
    let brought = sql("SELECT brought_by, COUNT(*) AS n FROM waiting WHERE brought_by IS NOT NULL AND counts = 1 AND verified_at IS NOT NULL GROUP BY brought_by")
        .all(&app.db)
        .await?;
    let mut by: HashMap<i64, i64> = HashMap::new();
    for row in &brought {
        by.insert(row.get("brought_by")?, row.get("n")?);
    }
    let mut ordered: Vec<(i64, i64, Placed)> = Vec::new();
    for (at, row) in rows.iter().enumerate() {
        let one = read(row)?;
        let brought = by.get(&one.id).copied().unwrap_or(0);
        let at = i64::try_from(at).unwrap_or(i64::MAX);
        let placed = Placed {
            one,
            place: 0,
            brought,
        };
        ordered.push((at - STEP * brought, at, placed));
    }
    ordered.sort_by_key(|(score, at, placed)| (*score, -placed.brought, *at));
    let placed = ordered
        .into_iter()
        .zip(1..)
        .map(|((.., one), place)| Placed { place, ..one });
    Ok(placed.collect())
}

/// The page of somebody who waits: who they are, and their place while they wait.
///
/// # Errors
/// `NotFound` when the link is none.
pub async fn of(app: &App, token: &str) -> Result<(Waiting, Option<Placed>)> {
    let one = find_by(app, "token", token).await?.ok_or(Error::NotFound)?;
    let all = list(app).await?;
    let placed = all.into_iter().find(|placed| placed.one.id == one.id);
    Ok((one, placed))
}

/// How many wait.
///
/// # Errors
/// What the database says.
pub async fn count(app: &App) -> Result<i64> {
    let row = sql(
        "SELECT COUNT(*) AS n FROM waiting WHERE verified_at IS NOT NULL AND admitted_at IS NULL",
    )
    .one(&app.db)
    .await?;
    Ok(row.get("n")?)
}

#[cfg(test)]
mod tests {
    use super::bare;

    #[test]
    fn an_address_is_told_apart_by_who_reads_it() {
        assert_eq!(bare("a.n.a+list@mail.example"), bare("ana@mail.example"));
        assert_ne!(bare("ana@mail.example"), bare("ana@other.example"));
    }
}
