//! Proving to be the owner of a local account.

mod attempts;
pub mod devices;
pub(crate) mod store;

use std::net::IpAddr;
use unicode_normalization::UnicodeNormalization as _;

use attempts::Budget;

use super::{Account, second_factor};
use crate::app::App;
use crate::error::{Error, Result};
use crate::kernel::crypt;
use crate::kernel::db::Tx;
use crate::kernel::id::AccountId;

/// Shortest password.
const SHORTEST: usize = 10;

/// How far a sign-in got.
pub enum SignIn {
    /// All is proven.
    Done(Account),
    /// The password fits; a code of the second factor is missing.
    CodeWanted,
    /// So many tried this account that an unknown device comes in by a link in a mail.
    LinkOffered,
}

/// What a browser sends to sign in.
pub struct Attempt<'a> {
    /// Name, handle or e-mail address.
    pub login: &'a str,
    /// The password.
    pub password: &'a str,
    /// The second factor's code or a recovery code, if given.
    pub code: Option<&'a str>,
    /// Where the browser is.
    pub address: IpAddr,
    /// The marks of accounts it signed in to before, from its cookie.
    pub devices: &'a str,
}

/// Checks a new password.
///
/// # Errors
/// `Invalid` when it is too short or too long.
pub fn check_password(password: &str) -> Result<()> {
    if password.chars().count() < SHORTEST {
        return Err(Error::invalid_with(
            "password",
            "error-password-short",
            SHORTEST,
        ));
    }
    if password.len() > 500 {
        return Err(Error::invalid("password", "error-password-long"));
    }
    Ok(())
}

/// An e-mail address as it is compared.
///
/// # Errors
/// `Invalid` when it is none.
pub fn fold_email(email: &str) -> Result<String> {
    let email = email.trim().to_lowercase();
    let sound = email.len() <= 254
        && email.split_once('@').is_some_and(|(local, domain)| {
            !local.is_empty() && domain.contains('.') && !domain.contains('@')
        })
        && !email
            .chars()
            .any(|c| c.is_whitespace() || c.is_control() || matches!(c, '<' | '>' | ',' | ';'));
    if sound {
        Ok(email)
    } else {
        Err(Error::invalid("email", "error-email-form"))
    }
}

/// A random password that can be read out.
pub fn generate_password() -> String {
    const SIGNS: &[u8] = b"abcdefghjkmnpqrstuvwxyz23456789";
    let signs: Vec<char> = (0..20)
        .map(|_| {
            char::from(SIGNS[usize::try_from(crypt::random_below(SIGNS.len() as u64)).unwrap_or(0)])
        })
        .collect();
    signs
        .chunks(5)
        .map(|group| group.iter().collect::<String>())
        .collect::<Vec<_>>()
        .join("-")
}

/// Signs in with a password and, where one is set, the second factor. Only what failed counts against a limit, and what
/// strangers spend does not stop a device that signed in before.
///
/// # Errors
/// `TooMany` beyond the limits; `Invalid` when something does not fit, in one sentence for an unknown name and a wrong password.
pub async fn sign_in(app: &App, attempt: &Attempt<'_>) -> Result<SignIn> {
    let login = normal(attempt.login);
    let found = find(app, &login).await?;
    let budget = Budget::of(app, attempt, (&login, found.as_ref()));
    budget.check(app)?;
    let reachable = found
        .as_ref()
        .is_none_or(|(_, credentials)| credentials.email_confirmed_at.is_some());
    if let Err(wait) = budget.check_strangers(app) {
        // Where no mail leads in, waiting does; a device that signed in before needs neither.
        return if app.mailer.is_some() && reachable {
            Ok(SignIn::LinkOffered)
        } else {
            Err(wait)
        };
    }
    let hash = found
        .as_ref()
        .and_then(|(_, credentials)| credentials.password.clone());
    let fits = app
        .passwords
        .check_if(attempt.password, hash.as_deref(), || budget.check(app))
        .await?;
    let Some((account, credentials)) = found.filter(|(account, _)| fits && account.is_active())
    else {
        budget.spend(app);
        say_failed(attempt, "password");
        return Err(Error::invalid("password", "error-sign-in"));
    };
    if credentials.email.is_some()
        && credentials.email_confirmed_at.is_none()
        && app.mailer.is_some()
    {
        return Err(Error::invalid("login", "error-email-unconfirmed"));
    }
    let done = factor(app, &account, &credentials, attempt.code, &budget).await;
    if done.is_err() {
        say_failed(attempt, "code");
    }
    done
}

/// Says in the log where a sign-in failed from, in words that programs like fail2ban look for; not whose account it was.
fn say_failed(attempt: &Attempt<'_>, what: &'static str) {
    tracing::warn!(address = %attempt.address, what, "a sign-in failed");
}

/// The second factor, where one is set.
async fn factor(
    app: &App,
    account: &Account,
    credentials: &store::Credentials,
    code: Option<&str>,
    budget: &Budget,
) -> Result<SignIn> {
    if credentials.totp_confirmed_at.is_none() {
        return Ok(SignIn::Done(account.clone()));
    }
    let Some(code) = code.map(str::trim).filter(|code| !code.is_empty()) else {
        return Ok(SignIn::CodeWanted);
    };
    budget.take_code(app)?;
    if second_factor::accept(app, account, code).await? {
        budget.give_code_back(app);
        return Ok(SignIn::Done(account.clone()));
    }
    budget.spend(app);
    Err(Error::invalid("code", "error-code"))
}

/// Signs in whoever opened the link in a mail, with the second factor where one is set.
///
/// # Errors
/// `NotFound` when the link does not count, `TooMany` and `Invalid` about the code.
pub async fn by_link(app: &App, account: AccountId, attempt: &Attempt<'_>) -> Result<SignIn> {
    let account = super::get(app, account).await?;
    let credentials = store::find(&app.db, account.id)
        .await?
        .filter(|_| account.is_active())
        .ok_or(Error::NotFound)?;
    let known = (account, credentials);
    let budget = Budget::of(app, attempt, ("", Some(&known)));
    factor(app, &known.0, &known.1, attempt.code, &budget).await
}

/// A name, handle or address as it was typed, in its one normal form; what is far too long is nobody's.
fn normal(login: &str) -> String {
    let login: String = crate::kernel::html::truncate(login, 400).nfkc().collect();
    login.trim().trim_start_matches('@').to_lowercase()
}

async fn find(app: &App, login: &str) -> Result<Option<(Account, store::Credentials)>> {
    let by_mail = store::find_by_email(&app.db, login).await?;
    let account = match by_mail {
        Some(id) => super::store::find(&app.db, id).await?,
        None => match login.split_once('@') {
            Some((_, domain)) if domain != app.origin().domain => None,
            handle => {
                let name = handle.map_or(login, |(name, _)| name);
                super::store::find_by_handle(&app.db, name, "").await?
            }
        },
    };
    let Some(account) = account.filter(|account| account.kind == super::Kind::Local) else {
        return Ok(None);
    };
    let credentials = store::find(&app.db, account.id).await?;
    Ok(credentials.map(|credentials| (account, credentials)))
}

/// Sets a new password; every session ends.
///
/// # Errors
/// `Invalid` when it cannot be taken.
pub async fn set_password(app: &App, account: AccountId, password: &str) -> Result<()> {
    check_password(password)?;
    let hash = app.passwords.hash(password).await;
    let mut tx = app.db.begin().await?;
    write_password(&mut tx, account, &hash).await?;
    tx.commit().await?;
    Ok(())
}

/// Writes the hash of a new password; every session ends.
///
/// # Errors
/// What the database says.
pub async fn write_password(tx: &mut Tx, account: AccountId, hash: &str) -> sqlx::Result<()> {
    store::set_password(&mut *tx, account, hash).await?;
    super::sessions::end_all(tx, account).await
}

/// Whether this is the account's password; only wrong ones count against the limit.
///
/// # Errors
/// `TooMany` beyond ten wrong ones in a quarter of an hour.
pub async fn password_fits(app: &App, account: AccountId, password: &str) -> Result<bool> {
    let key = ("own", account.0);
    let allowed = || {
        let free = app.limits.sign_in_account.check(key, app.clock.now());
        free.map_err(Error::TooMany)
    };
    let hash = store::find(&app.db, account)
        .await?
        .and_then(|credentials| credentials.password);
    let fits = app
        .passwords
        .check_if(password, hash.as_deref(), allowed)
        .await?;
    if !fits {
        let _ = app.limits.sign_in_account.take(key, app.clock.now());
    }
    Ok(fits)
}

/// What a member is asked for again before what guards their account changes: the password.
///
/// # Errors
/// `Invalid` at `field` when it does not fit, `TooMany` beyond the limit.
pub async fn ask_again(
    app: &App,
    member: &Account,
    password: &str,
    field: &'static str,
) -> Result<()> {
    if password_fits(app, member.id, password).await? {
        Ok(())
    } else {
        Err(Error::invalid(field, "error-password"))
    }
}

/// The hash of an account's password; empty where it has none.
///
/// # Errors
/// What the database says.
pub async fn password_hash(app: &App, account: AccountId) -> Result<String> {
    let known = store::find(&app.db, account).await?;
    Ok(known
        .and_then(|credentials| credentials.password)
        .unwrap_or_default())
}

/// The account's e-mail address, if it has one.
///
/// # Errors
/// What the database says.
pub async fn email(app: &App, account: AccountId) -> Result<Option<String>> {
    Ok(store::find(&app.db, account)
        .await?
        .and_then(|credentials| credentials.email))
}
