//! Proving to be the owner of a local account.

pub(crate) mod store;

use std::net::IpAddr;

use super::{Account, second_factor};
use crate::app::App;
use crate::error::{Error, Result};
use crate::kernel::crypt;
use crate::kernel::id::AccountId;

/// Shortest password.
const SHORTEST: usize = 10;

/// How far a sign-in got.
pub enum SignIn {
    /// All is proven.
    Done(Account),
    /// The password fits; a code of the second factor is missing.
    CodeWanted,
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

/// Signs in with a password and, where one is set, the second factor.
///
/// # Errors
/// `TooMany` beyond the limits; `Invalid` when something does not fit, in one sentence for an unknown name and a wrong password.
pub async fn sign_in(app: &App, attempt: &Attempt<'_>) -> Result<SignIn> {
    let now = app.clock.now();
    let login = attempt.login.trim().trim_start_matches('@').to_lowercase();
    app.limits
        .sign_in_address
        .take(&attempt.address, now)
        .map_err(Error::TooMany)?;
    app.limits
        .sign_in_account
        .take(&login, now)
        .map_err(Error::TooMany)?;
    let found = find(app, &login).await?;
    let hash = found
        .as_ref()
        .and_then(|(_, credentials)| credentials.password.clone());
    let fits = app.passwords.check(attempt.password, hash.as_deref()).await;
    let Some((account, credentials)) = found.filter(|(account, _)| fits && account.is_active())
    else {
        return Err(Error::invalid("password", "error-sign-in"));
    };
    if credentials.email.is_some()
        && credentials.email_confirmed_at.is_none()
        && app.mailer.is_some()
    {
        return Err(Error::invalid("login", "error-email-unconfirmed"));
    }
    if credentials.totp_confirmed_at.is_none() {
        return Ok(SignIn::Done(account));
    }
    match attempt.code.map(str::trim).filter(|code| !code.is_empty()) {
        None => Ok(SignIn::CodeWanted),
        Some(code) if second_factor::accept(app, &account, code).await? => {
            Ok(SignIn::Done(account))
        }
        Some(_) => Err(Error::invalid("code", "error-code")),
    }
}

async fn find(app: &App, login: &str) -> Result<Option<(Account, store::Credentials)>> {
    let by_mail = store::find_by_email(&app.db, login).await?;
    let account = match by_mail {
        Some(id) => super::store::find(&app.db, id).await?,
        None => {
            let name = login.split('@').next().unwrap_or(login);
            super::store::find_by_handle(&app.db, name, "").await?
        }
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
    store::set_password(&mut tx, account, &hash).await?;
    super::sessions::end_all(&mut tx, account).await?;
    tx.commit().await?;
    Ok(())
}

/// Whether this is the account's password.
///
/// # Errors
/// `TooMany` beyond ten tries in a quarter of an hour.
pub async fn password_fits(app: &App, account: AccountId, password: &str) -> Result<bool> {
    app.limits
        .sign_in_account
        .take(&format!("own {account}"), app.clock.now())
        .map_err(Error::TooMany)?;
    let hash = store::find(&app.db, account)
        .await?
        .and_then(|credentials| credentials.password);
    Ok(app.passwords.check(password, hash.as_deref()).await)
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
