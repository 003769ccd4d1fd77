//! Budgets of failed sign-ins: what strangers spend never stops the owner.

use super::{Attempt, devices, store};
use crate::accounts::Account;
use crate::app::App;
use crate::error::{Error, Result};
use crate::kernel::rate_limit::Key;

/// What one attempt counts against.
pub(super) struct Budget {
    /// The account, however it was spelled; the text where there is none.
    subject: Key,
    /// The account together with the device that signed in to it before, or with the address.
    source: Key,
    /// The address; nothing for a device that signed in before.
    address: Option<Key>,
}

impl Budget {
    /// The budget of an attempt at an account, or at a name nobody has.
    pub(super) fn of(
        app: &App,
        attempt: &Attempt<'_>,
        (login, found): (&str, Option<&(Account, store::Credentials)>),
    ) -> Self {
        let subject = found.map_or_else(
            || Key::from(("name", login)),
            |(account, _)| Key::from(("account", account.id.0)),
        );
        let device = found.and_then(|(account, credentials)| {
            let password = credentials.password.as_deref().unwrap_or_default();
            devices::recognise(app, attempt.devices, (account.id, password))
        });
        let address = Key::from(attempt.address);
        match device {
            Some(device) => Self {
                subject,
                source: (subject, ("device", &device)).into(),
                address: None,
            },
            None => Self {
                subject,
                source: (subject, address).into(),
                address: Some(address),
            },
        }
    }

    /// Whether one more may be tried.
    ///
    /// # Errors
    /// `TooMany` with the time until then.
    pub(super) fn check(&self, app: &App) -> Result<()> {
        let now = app.clock.now();
        let limits = &app.limits;
        let here = self
            .address
            .map_or(Ok(()), |address| limits.sign_in_address.check(address, now));
        here.and_then(|()| limits.sign_in_account.check(self.source, now))
            .map_err(Error::TooMany)
    }

    /// Whether one more may be tried from devices nobody knows, wherever they are.
    ///
    /// # Errors
    /// `TooMany` with the time until then.
    pub(super) fn check_strangers(&self, app: &App) -> Result<()> {
        if self.address.is_none() {
            return Ok(());
        }
        let limit = &app.limits.sign_in_strangers;
        let free = limit.check(self.subject, app.clock.now());
        free.map_err(Error::TooMany)
    }

    /// Counts an attempt that failed.
    pub(super) fn spend(&self, app: &App) {
        let now = app.clock.now();
        let _ = app.limits.sign_in_account.take(self.source, now);
        if let Some(address) = self.address {
            let _ = app.limits.sign_in_address.take(address, now);
            let _ = app.limits.sign_in_strangers.take(self.subject, now);
        }
    }

    /// Takes one try of a code; many of one moment may not all pass before the first of them has failed.
    ///
    /// # Errors
    /// `TooMany` with the time until the next one.
    pub(super) fn take_code(&self, app: &App) -> Result<()> {
        let taken = app.limits.factor.take(self.source, app.clock.now());
        taken.map_err(Error::TooMany)
    }

    /// Gives the try of a code back, since it was right.
    pub(super) fn give_code_back(&self, app: &App) {
        app.limits.factor.give_back(self.source, app.clock.now());
    }
}
