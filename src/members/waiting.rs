//! The waiting list: who waits, in which order, who brought whom, and being let in.

use std::net::IpAddr;

use crate::accounts::letters::{self, By};
use crate::accounts::{Account, sign_in};
use crate::app::App;
use crate::error::{Error, Result};
use crate::kernel::clock::Time;
use crate::kernel::crypt;
use crate::kernel::db::{Conn, Row, sql};
use crate::kernel::id::{self, AccountId};
use crate::locale::Locale;
use crate::moderation::rules;
use crate::nodes::house;

/// The columns of `waiting` that are read.
#[macro_export]
macro_rules! waiting_columns {
    () => {
        "waiting.id, waiting.token, waiting.code, waiting.email, waiting.account_id, waiting.answer, waiting.locale, waiting.brought_by, waiting.counts, waiting.origin_hash, waiting.verified_at, waiting.invitation_id, waiting.admitted_at, waiting.created_at, waiting.brought"
    };
}

/// Longest answer.
const ANSWER: usize = 1_000;
/// Most who wait.
const MOST: i64 = 50_000;
/// How many accounts of one home count for one person.
const SAME_HOME: i64 = 5;
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

pub(super) fn read(row: &Row) -> sqlx::Result<Waiting> {
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
/// That nobody else there is the same person is for the database to see ([`insert`]).
async fn counts(app: &App, by: &Waiting, address: &str, origin: &str) -> Result<bool> {
    let row = sql("SELECT origin_hash FROM waiting WHERE id = $1")
        .bind(by.id)
        .one(&app.db)
        .await?;
    let same_device = row.get::<String>("origin_hash")? == origin;
    let own = by.email.as_deref().map(bare) == Some(bare(address));
    let passing = rules::get(app).await?.turns_away(address) || is_throwaway(address);
    Ok(!same_device && !own && !passing)
}

/// Whether an account elsewhere counts: it is not of yesterday, as its home says, and not one of many of that home, for
/// a home can say anything.
async fn counts_from_home(app: &App, by: &Waiting, account: &Account) -> Result<bool> {
    let age = app.clock.now().since(account.created_at).as_secs() / 86_400;
    let row = sql("SELECT COUNT(*) AS n FROM waiting JOIN accounts ON accounts.id = waiting.account_id WHERE waiting.brought_by = $1 AND accounts.host = $2")
        .bind(by.id)
        .bind(&account.host)
        .one(&app.db)
        .await?;
    Ok(age >= GROWN && row.get::<i64>("n")? < SAME_HOME)
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
/// `Invalid` for what cannot be taken, `TooMany` beyond the budget of who asks.
pub async fn ask_by_mail(app: &App, email: &str, asking: &Asking<'_>) -> Result<()> {
    let email = sign_in::fold_email(email)?;
    super::check_mail(app, &email).await?;
    letters::may_write(app, &email, ("waiting", By::Address(asking.from)))?;
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
    let known = sql(concat!(
        "SELECT ",
        crate::waiting_columns!(),
        " FROM waiting WHERE account_id = $1"
    ))
    .bind(account.id)
    .optional(&app.db)
    .await?;
    match known {
        Some(row) => Ok(read(&row)?),
        None => insert(app, None, Some(account), asking).await,
    }
}

pub(super) async fn find_by(app: &App, field: &str, value: &str) -> Result<Option<Waiting>> {
    let query = match field {
        "email" => sql(concat!(
            "SELECT ",
            crate::waiting_columns!(),
            " FROM waiting WHERE email = $1"
        )),
        "code" => sql(concat!(
            "SELECT ",
            crate::waiting_columns!(),
            " FROM waiting WHERE code = $1"
        )),
        _ => sql(concat!(
            "SELECT ",
            crate::waiting_columns!(),
            " FROM waiting WHERE token = $1"
        )),
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
            counts_from_home(app, by, account).await?
                && counts(app, by, &account.acct(), &origin).await?
        }
        _ => false,
    };
    let token = crypt::opaque();
    let person = match (email, account) {
        (Some(email), _) => bare(email),
        (None, account) => account.map(Account::acct).unwrap_or_default(),
    };
    let mut touched = 0;
    // Who counts already, in another spelling and in this very moment too, waits without counting again.
    for counts in [counts, false] {
        touched = sql("INSERT INTO waiting (id, token, code, email, account_id, answer, locale, brought_by, counts, origin_hash, created_at, bare) SELECT CAST($1 AS BIGINT), CAST($2 AS TEXT), CAST($3 AS TEXT), CAST($4 AS TEXT), CAST($5 AS BIGINT), CAST($6 AS TEXT), CAST($7 AS TEXT), CAST($8 AS BIGINT), CASE WHEN EXISTS (SELECT 1 FROM waiting WHERE bare = $13) THEN 0 ELSE CAST($9 AS BIGINT) END, CAST($10 AS TEXT), CAST($11 AS BIGINT), CAST($13 AS TEXT) WHERE (SELECT COUNT(*) FROM waiting) < $12 ON CONFLICT DO NOTHING")
        .bind(id::mint(now))
        .bind(&token)
        .bind(crypt::opaque())
        .bind(email)
        .bind(account.map(|account| account.id))
        .bind(asking.answer.trim())
        .bind(asking.locale.tag())
        .bind(by.as_ref().map(|by| by.id))
        .bind(counts)
        .bind(&origin)
        .bind(now)
        .bind(MOST)
        .bind(&person)
        .run(&app.db)
        .await?;
        if touched == 1 {
            break;
        }
    }
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
    app.standings.forget();
    Ok(())
}

/// Takes somebody off the list; everything about them is forgotten.
///
/// # Errors
/// What the database says.
pub async fn leave(app: &App, token: &str) -> Result<()> {
    let mut tx = app.db.begin().await?;
    let row = sql("DELETE FROM waiting WHERE token = $1 RETURNING email, invitation_id")
        .bind(token)
        .optional(&mut tx)
        .await?;
    if let Some(row) = row {
        sql("DELETE FROM mails WHERE recipient = $1")
            .bind(row.get::<Option<String>>("email")?)
            .run(&mut tx)
            .await?;
        sql("UPDATE invitations SET address = NULL, revoked_at = $2 WHERE id = $1 AND uses = 0")
            .bind(row.get::<Option<i64>>("invitation_id")?)
            .bind(app.clock.now())
            .run(&mut tx)
            .await?;
    }
    tx.commit().await?;
    app.standings.forget();
    Ok(())
}

/// Somebody who waits, by their number.
///
/// # Errors
/// What the database says.
pub async fn find(conn: impl Conn, number: i64) -> sqlx::Result<Option<Waiting>> {
    let row = sql(concat!(
        "SELECT ",
        crate::waiting_columns!(),
        " FROM waiting WHERE id = $1"
    ))
    .bind(number)
    .optional(conn)
    .await?;
    row.as_ref().map(read).transpose()
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
