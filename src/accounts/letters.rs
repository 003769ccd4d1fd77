//! Mail to our members: confirming an address, a forgotten password, a change of address.
//!
//! Every mail is a row. With a server it is sent by a job; without one it waits on the operator's outbox page.

use std::net::IpAddr;
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
use crate::kernel::rate_limit::Key;
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
    /// Signing in on a device that nobody knows, where too many others tried.
    SignIn,
}

impl Purpose {
    fn name(self) -> &'static str {
        match self {
            Self::Confirm => "confirm",
            Self::Reset => "reset",
            Self::Change => "change",
            Self::SignIn => "sign-in",
        }
    }

    fn life(self) -> Duration {
        Duration::from_secs(match self {
            Self::Reset | Self::SignIn => 3600,
            Self::Confirm | Self::Change => 86_400,
        })
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
    let rows = sql("SELECT id, recipient, subject, body, created_at, sent_at, bulk, failed, invitation_id FROM mails ORDER BY id DESC LIMIT 100")
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
/// `TooMany` beyond the budget of who asks.
pub async fn write_link(
    app: &App,
    (purpose, account): (Purpose, AccountId),
    (email, by): (&str, By),
    (subject, text): (&str, &str),
) -> Result<()> {
    may_write(app, email, (purpose.name(), by))?;
    let mut tx = app.db.begin().await?;
    put_link(app, &mut tx, (purpose, account), email, (subject, text)).await?;
    tx.commit().await?;
    Ok(())
}

/// Who has a mail sent to an address they typed.
#[derive(Clone, Copy, Debug)]
pub enum By {
    /// A browser somewhere.
    Address(IpAddr),
    /// A member who signed in, or a device that did before.
    Owner(AccountId),
}

/// Whether one more mail, or direct message, may go to an address: three an hour for each purpose and each who asks,
/// so that nobody spends what somebody else needs; from strangers twenty a day in all, so that nobody is flooded.
///
/// # Errors
/// `TooMany` beyond it, with the time until the next one.
pub fn may_write(app: &App, to: &str, (purpose, by): (&str, By)) -> Result<()> {
    let now = app.clock.now();
    let to = Key::from(&to.trim().to_lowercase());
    let (by, stranger) = match by {
        By::Address(address) => (Key::from(address), true),
        By::Owner(account) => (Key::from(("account", account.0)), false),
    };
    let limits = &app.limits;
    if stranger {
        limits.mail_in_all.check(to, now).map_err(Error::TooMany)?;
    }
    limits
        .mail
        .take((to, by, purpose), now)
        .map_err(Error::TooMany)?;
    if stranger {
        limits.mail_in_all.take(to, now).map_err(Error::TooMany)?;
    }
    Ok(())
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
    let house = house::read(&mut *tx).await?;
    let text = locale.text_with("mail-confirm-text", "house", house.name);
    let subject = locale.text("mail-confirm-subject");
    let purpose = (Purpose::Confirm, account);
    put_link(app, tx, purpose, email, (&subject, &text)).await
}

/// Tells whose address it is that somebody wanted to register with it.
///
/// # Errors
/// What the database says.
pub async fn write_known_address(app: &App, locale: Locale, email: &str, by: IpAddr) -> Result<()> {
    if may_write(app, email, ("known", By::Address(by))).is_err() {
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
pub async fn check(app: &App, purpose: Purpose, token: &str) -> Result<AccountId> {
    let row = sql("SELECT account_id FROM mail_tokens WHERE token_hash = $1 AND purpose = $2 AND expires_at > $3")
        .bind(crypt::token_hash(token))
        .bind(purpose.name())
        .bind(app.clock.now())
        .optional(&app.db)
        .await?;
    Ok(row.ok_or(Error::NotFound)?.get("account_id")?)
}

/// Uses up a link that signs in; whether nobody did before.
///
/// # Errors
/// What the database says.
pub async fn use_up(app: &App, token: &str) -> Result<bool> {
    let touched = sql("DELETE FROM mail_tokens WHERE token_hash = $1 AND purpose = 'sign-in'")
        .bind(crypt::token_hash(token))
        .run(&app.db)
        .await?;
    Ok(touched == 1)
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
        (Purpose::SignIn, _) => return Err(Error::NotFound),
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
