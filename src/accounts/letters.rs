//! Mail to our members: confirming an address, a forgotten password, a change of address.
//!
//! Every mail is a row. With a server it is sent by a job; without one it waits on the operator's outbox page.

use std::time::Duration;

use super::sign_in::{self, store};
use super::{Account, sessions};
use crate::app::App;
use crate::error::{Error, Problem, Result};
use crate::jobs::{self, Job};
use crate::kernel::clock::Time;
use crate::kernel::crypt;
use crate::kernel::db::{Tx, sql};
use crate::kernel::id::{AccountId, MailId};
use crate::locale::Locale;
use crate::nodes::house;

/// What a link in a mail is good for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// The address of a new account.
    Confirm,
    /// A forgotten password.
    Reset,
    /// A new address of an account.
    Change,
}

impl Purpose {
    fn name(self) -> &'static str {
        match self {
            Self::Confirm => "confirm",
            Self::Reset => "reset",
            Self::Change => "change",
        }
    }

    fn life(self) -> Duration {
        Duration::from_secs(if self == Self::Reset { 3600 } else { 86_400 })
    }
}

/// A mail as the operator sees it.
#[derive(Debug, Clone)]
pub struct Mail {
    /// Its id.
    pub id: MailId,
    /// To whom.
    pub recipient: String,
    /// Its subject.
    pub subject: String,
    /// Its text.
    pub body: String,
    /// When it was written.
    pub created_at: Time,
    /// When it was sent.
    pub sent_at: Option<Time>,
    /// Why it never will be.
    pub failed: Option<String>,
}

/// Writes a mail in the transaction of what it is about.
///
/// # Errors
/// What the database says.
pub async fn write(app: &App, tx: &mut Tx, to: &str, subject: &str, body: &str) -> Result<()> {
    let now = app.clock.now();
    let id = MailId::mint(now);
    sql("INSERT INTO mails (id, recipient, subject, body, created_at) VALUES ($1, $2, $3, $4, $5)")
        .bind(id)
        .bind(to)
        .bind(subject)
        .bind(body)
        .bind(now)
        .run(&mut *tx)
        .await?;
    if app.mailer.is_some() {
        jobs::enqueue(&mut *tx, now, Job::SendMail(id)).await?;
    }
    Ok(())
}

/// The newest mails, for the operator.
///
/// # Errors
/// What the database says.
pub async fn list(app: &App) -> Result<Vec<Mail>> {
    let rows = sql("SELECT * FROM mails ORDER BY id DESC LIMIT 100")
        .all(&app.db)
        .await?;
    let read = |row: &crate::kernel::db::Row| {
        Ok(Mail {
            id: row.get("id")?,
            recipient: row.get("recipient")?,
            subject: row.get("subject")?,
            body: row.get("body")?,
            created_at: row.get("created_at")?,
            sent_at: row.get("sent_at")?,
            failed: row.get("failed")?,
        })
    };
    Ok(rows.iter().map(read).collect::<sqlx::Result<_>>()?)
}

/// Writes the mail with the link for a purpose; the texts come from the caller, in the reader's language.
/// `{link}` in the text becomes the link.
///
/// # Errors
/// `TooMany` beyond three mails an hour to one address.
pub async fn write_link(
    app: &App,
    purpose: Purpose,
    account: AccountId,
    email: &str,
    subject: &str,
    text: &str,
) -> Result<()> {
    may_write(app, email)?;
    let mut tx = app.db.begin().await?;
    put_link(app, &mut tx, (purpose, account), email, (subject, text)).await?;
    tx.commit().await?;
    Ok(())
}

/// Whether one more mail may go to an address.
///
/// # Errors
/// `TooMany` beyond three an hour.
pub fn may_write(app: &App, email: &str) -> Result<()> {
    let key = email.trim().to_lowercase();
    app.limits
        .mail
        .take(&key, app.clock.now())
        .map_err(Error::TooMany)
}

async fn put_link(
    app: &App,
    tx: &mut Tx,
    (purpose, account): (Purpose, AccountId),
    email: &str,
    (subject, text): (&str, &str),
) -> Result<()> {
    let now = app.clock.now();
    let token = crypt::token();
    let link = app
        .origin()
        .at(&format!("/mail/{}/{token}", purpose.name()));
    sql("INSERT INTO mail_tokens (token_hash, purpose, account_id, email, expires_at) VALUES ($1, $2, $3, $4, $5)")
        .bind(crypt::token_hash(&token))
        .bind(purpose.name())
        .bind(account)
        .bind(sign_in::fold_email(email)?)
        .bind(now.plus(purpose.life()))
        .run(&mut *tx)
        .await?;
    write(app, tx, email, subject, &text.replace("{link}", &link)).await
}

/// Writes the mail that confirms the address of a new account, in the transaction that makes it.
///
/// # Errors
/// What the database says.
pub async fn write_confirmation(
    app: &App,
    tx: &mut Tx,
    locale: Locale,
    (account, email): (AccountId, &str),
) -> Result<()> {
    let house = house::get(app).await?;
    let text = locale.text_with("mail-confirm-text", "house", house.name);
    let subject = locale.text("mail-confirm-subject");
    let purpose = (Purpose::Confirm, account);
    put_link(app, tx, purpose, email, (&subject, &text)).await
}

/// Tells whose address it is that somebody wanted to register with it.
///
/// # Errors
/// What the database says.
pub async fn write_known_address(app: &App, locale: Locale, email: &str) -> Result<()> {
    let key = email.to_lowercase();
    if app.limits.mail.take(&key, app.clock.now()).is_err() {
        return Ok(());
    }
    let house = house::get(app).await?;
    let text = locale.text_with("mail-known-text", "house", house.name);
    let text = text.replace("{link}", &app.origin().at("/forgot"));
    let subject = locale.text("mail-known-subject");
    let mut tx = app.db.begin().await?;
    write(app, &mut tx, email, &subject, &text).await?;
    tx.commit().await?;
    Ok(())
}

/// Whether an address could not be registered because it has an account.
pub fn is_known_address(problems: &[Problem]) -> bool {
    problems
        .iter()
        .any(|problem| problem.sentence.id == "error-email-taken")
}

/// Whom a forgotten password's mail would go to: the account of a name or an address, with its address.
///
/// # Errors
/// What the database says.
pub async fn find_recipient(app: &App, login: &str) -> Result<Option<(Account, String)>> {
    let login = login.trim().trim_start_matches('@').to_lowercase();
    let id = match store::find_by_email(&app.db, &login).await? {
        Some(id) => Some(id),
        None => super::find_local(app, login.split('@').next().unwrap_or_default())
            .await?
            .map(|account| account.id),
    };
    let Some(id) = id else { return Ok(None) };
    let account = super::get(app, id).await?;
    Ok(sign_in::email(app, id)
        .await?
        .filter(|_| account.is_active())
        .map(|email| (account, email)))
}

/// Whether a link still counts.
///
/// # Errors
/// `NotFound` when it was used, is too old or never was.
pub async fn check(app: &App, purpose: Purpose, token: &str) -> Result<()> {
    let row = sql("SELECT account_id FROM mail_tokens WHERE token_hash = $1 AND purpose = $2 AND expires_at > $3")
        .bind(crypt::token_hash(token))
        .bind(purpose.name())
        .bind(app.clock.now())
        .optional(&app.db)
        .await?;
    row.map(|_| ()).ok_or(Error::NotFound)
}

/// Uses a link up: confirms or changes the address, or sets the new password.
///
/// # Errors
/// `NotFound` when the link does not count, `Invalid` when the password cannot be taken or the address belongs to somebody else.
pub async fn redeem(
    app: &App,
    purpose: Purpose,
    token: &str,
    password: Option<&str>,
) -> Result<()> {
    let hash = match password {
        Some(password) => {
            sign_in::check_password(password)?;
            Some(app.passwords.hash(password).await)
        }
        None => None,
    };
    let now = app.clock.now();
    let mut tx = app.db.begin().await?;
    let row = sql("DELETE FROM mail_tokens WHERE token_hash = $1 AND purpose = $2 AND expires_at > $3 RETURNING account_id, email")
        .bind(crypt::token_hash(token))
        .bind(purpose.name())
        .bind(now)
        .optional(&mut tx)
        .await?
        .ok_or(Error::NotFound)?;
    let account: AccountId = row.get("account_id")?;
    let email: String = row.get("email")?;
    match (purpose, hash) {
        (Purpose::Reset, Some(hash)) => {
            store::set_password(&mut tx, account, &hash).await?;
            sessions::end_all(&mut tx, account).await?;
        }
        (Purpose::Reset, None) => return Err(Error::invalid("password", "error-password-short")),
        _ => {
            // Whoever opens the link has the mailbox; who only typed its address does not keep it.
            store::release_email(&mut tx, &email, account).await?;
            if store::find_by_email(&mut tx, &email)
                .await?
                .is_some_and(|owner| owner != account)
            {
                return Err(Error::invalid("email", "error-email-taken"));
            }
            store::set_email(&mut tx, account, &email, now).await?;
        }
    }
    tx.commit().await?;
    Ok(())
}
