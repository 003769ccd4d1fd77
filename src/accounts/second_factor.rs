//! The second factor: time-based codes (RFC 6238) and recovery codes.

use totp_rs::{Algorithm, Builder, Secret as TotpSecret, Totp};
use unicode_normalization::UnicodeNormalization as _;

use super::Account;
use super::sign_in::store;
use crate::app::App;
use crate::error::{Error, Result};
use crate::kernel::crypt;

/// What an authenticator app needs: the `otpauth:` address, the same as QR picture, and the bare secret to type.
pub struct Offer {
    /// The address.
    pub url: String,
    /// The picture, SVG.
    pub qr: String,
    /// The secret, base32.
    pub secret: String,
}

fn totp(app: &App, account: &Account, secret: &[u8]) -> Result<Totp> {
    let origin = app.origin();
    let issuer = origin.domain.replace(':', " ");
    Builder::new()
        .with_algorithm(Algorithm::SHA1)
        .with_digits(6)
        .with_skew(1)
        .with_step_duration(30)
        .with_secret(secret.to_vec())
        .with_account_name(account.name.clone())
        .with_issuer(Some(issuer))
        .build()
        .map_err(|error| Error::Internal(anyhow::anyhow!("{error}")))
}

/// Begins to set a second factor up; it counts from [`confirm`] on. One that counts already stays as it is.
///
/// # Errors
/// `Conflict` where one is set: it is removed first.
pub async fn offer(app: &App, account: &Account) -> Result<Offer> {
    let known = store::find(&app.db, account.id).await?;
    if known
        .as_ref()
        .is_some_and(|known| known.totp_confirmed_at.is_some())
    {
        return Err(Error::conflict("error-factor-set"));
    }
    let secret = if let Some(sealed) = known.and_then(|known| known.totp_secret) {
        app.secret.open(&sealed).map_err(anyhow::Error::from)?
    } else {
        let secret = crypt::random::<20>().to_vec();
        let sealed = app.secret.seal(&secret);
        if !store::offer_totp(&app.db, account.id, sealed).await? {
            return Err(Error::conflict("error-factor-set"));
        }
        secret
    };
    let url = totp(app, account, &secret)?
        .to_url()
        .map_err(|error| anyhow::anyhow!("{error}"))?;
    let qr = fast_qr::QRBuilder::new(url.clone())
        .build()
        .map_err(|error| anyhow::anyhow!("{error:?}"))?;
    let qr = fast_qr::convert::svg::SvgBuilder::default().to_str(&qr);
    Ok(Offer {
        url,
        qr,
        secret: TotpSecret::from(secret).to_base32(),
    })
}

/// Ends the set-up with a first code; returns the recovery codes, shown once.
///
/// # Errors
/// `Invalid` when the code does not fit, `Conflict` where a factor counts already.
pub async fn confirm(app: &App, account: &Account, code: &str) -> Result<Vec<String>> {
    if is_set(app, account).await? {
        return Err(Error::conflict("error-factor-set"));
    }
    if !accept_time_code(app, account, code).await? {
        return Err(Error::invalid("code", "error-code"));
    }
    let codes: Vec<String> = (0..10).map(|_| crypt::hex(&crypt::random::<5>())).collect();
    let hashes: Vec<String> = codes.iter().map(|code| crypt::token_hash(code)).collect();
    if !store::confirm_totp(&app.db, account.id, app.clock.now(), &hashes).await? {
        return Err(Error::conflict("error-factor-set"));
    }
    Ok(codes)
}

/// Takes the second factor away.
///
/// # Errors
/// What the database says.
pub async fn remove(app: &App, account: &Account) -> Result<()> {
    Ok(store::remove_totp(&app.db, account.id).await?)
}

/// Whether a second factor is set.
///
/// # Errors
/// What the database says.
pub async fn is_set(app: &App, account: &Account) -> Result<bool> {
    Ok(store::find(&app.db, account.id)
        .await?
        .is_some_and(|known| known.totp_confirmed_at.is_some()))
}

/// Whether the code fits, and uses it up: a time step counts once, a recovery code too.
pub(super) async fn accept(app: &App, account: &Account, code: &str) -> Result<bool> {
    let code = plain(code);
    if code.len() == 6 && accept_time_code(app, account, &code).await? {
        return Ok(true);
    }
    let Some(known) = store::find(&app.db, account.id).await? else {
        return Ok(false);
    };
    let hash = crypt::token_hash(&code.to_lowercase());
    let rest: Vec<String> = known
        .recovery_codes
        .iter()
        .filter(|known| **known != hash)
        .cloned()
        .collect();
    let fits = rest.len() < known.recovery_codes.len();
    Ok(fits && store::replace_codes(&app.db, account.id, &known.recovery_codes, &rest).await?)
}

/// A code without what separates its parts, in plain digits.
fn plain(code: &str) -> String {
    let separates = |c: &char| c.is_whitespace() || c.is_ascii_punctuation();
    code.nfkc().filter(|c| !separates(c)).collect()
}

async fn accept_time_code(app: &App, account: &Account, code: &str) -> Result<bool> {
    let Some(sealed) = store::find(&app.db, account.id)
        .await?
        .and_then(|known| known.totp_secret)
    else {
        return Ok(false);
    };
    let secret = app.secret.open(&sealed).map_err(anyhow::Error::from)?;
    let now = u64::try_from(app.clock.now().seconds()).unwrap_or(0);
    let Some(step) = totp(app, account, &secret)?.check(&plain(code), now) else {
        return Ok(false);
    };
    Ok(store::use_step(&app.db, account.id, i64::try_from(step).unwrap_or(0)).await?)
}
