//! Membership: who comes in, by whose invitation, and who asked.

pub mod admitting;
pub mod import;
pub mod invitations;
pub mod locked;
pub mod places;
pub mod requests;
pub mod rules;
pub mod tiers;
pub mod waiting;
pub mod web;

use std::net::IpAddr;

use crate::accounts::create::{self, New};
use crate::accounts::letters::{self, By};
use crate::accounts::{Account, sign_in};
use crate::app::App;
use crate::error::{Error, Result};
use crate::locale::Locale;
use crate::nodes::joining::{self, Mode};

/// Makes a member, with the mail that confirms the address where mail leaves. An invitation is used up in the same transaction as the account is made, so it counts as often as
/// it says and never once more.
///
/// # Errors
/// `Forbidden` where the house is not open to them, `Invalid` for what cannot be taken.
pub async fn join(
    app: &App,
    new: New<'_>,
    (code, from): (&str, IpAddr),
    locale: Locale,
) -> Result<Account> {
    let mode = joining::get(app).await?.mode;
    if mode == Mode::Closed || (code.is_empty() && mode != Mode::Open) {
        return Err(Error::Forbidden);
    }
    let now = app.clock.now();
    // Before anything else is said: what an address is known for is told to nobody without an invitation that counts.
    if !code.is_empty()
        && !invitations::find(app, code)
            .await?
            .is_some_and(|one| one.counts(now))
    {
        return Err(Error::invalid("code", "error-invitation"));
    }
    let typed = new.email.unwrap_or_default().trim().to_owned();
    let email = sign_in::fold_email(&typed)?;
    check_mail(app, &email).await?;
    let confirms = app.mailer.is_some() && !new.confirmed;
    let prepared = create::prepare(app, new).await?;
    let mut tx = app.db.begin().await?;
    let account = create::write(app, &mut tx, prepared).await?;
    if !code.is_empty() {
        invitations::redeem(&mut tx, code, account.id, now).await?;
    }
    if confirms {
        // Beyond the limit nothing of all this happened.
        letters::may_write(app, &email, ("confirm", By::Address(from)))?;
        letters::write_confirmation(app, &mut tx, locale, (account.id, &typed)).await?;
    }
    tx.commit().await?;
    app.wake.notify_waiters();
    Ok(account)
}

/// Whether the rules of the house let somebody in with this mail address.
///
/// # Errors
/// `Invalid` when they turn its domain away.
pub async fn check_mail(app: &App, address: &str) -> Result<()> {
    if crate::moderation::rules::get(app)
        .await?
        .turns_away(address)
    {
        return Err(Error::invalid("email", "error-mail-turned-away"));
    }
    Ok(())
}
