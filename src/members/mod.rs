//! Membership: who comes in, by whose invitation, and who asked.

pub mod admitting;
pub mod import;
pub mod invitations;
pub mod locked;
pub mod requests;
pub mod rules;
pub mod tiers;
pub mod waiting;
pub mod web;

use crate::accounts::Account;
use crate::accounts::create::{self, New};
use crate::app::App;
use crate::error::{Error, Result};
use crate::nodes::joining::{self, Mode};

/// Makes a member. An invitation is used up in the same transaction as the account is made, so it counts as often as
/// it says and never once more.
///
/// # Errors
/// `Forbidden` where the house is not open to them, `Invalid` for what cannot be taken.
pub async fn join(app: &App, new: New<'_>, code: &str) -> Result<Account> {
    let mode = joining::get(app).await?.mode;
    if mode == Mode::Closed || (code.is_empty() && mode != Mode::Open) {
        return Err(Error::Forbidden);
    }
    check_mail(app, new.email.unwrap_or_default()).await?;
    let prepared = create::prepare(app, new).await?;
    let mut tx = app.db.begin().await?;
    let account = create::write(app, &mut tx, prepared).await?;
    if !code.is_empty() {
        invitations::redeem(&mut tx, code, account.id, app.clock.now()).await?;
    }
    tx.commit().await?;
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
