//! Guests: people whose home is elsewhere and who proved it, so that this house opens to them as it would at home.
//!
//! The principal is the exact actor id. A home's answer names a candidate, which counts only if its own host is the
//! host that answered (or names it), and its document agrees. The house keeps no token of a guest.

pub mod door;
pub mod entered;
pub mod grants;
pub mod homes;
pub mod letter;
pub mod magic;
pub mod mail;
pub mod miauth;
pub mod proof;
pub mod registrations;
pub mod sessions;
pub mod ways;
pub mod web;
pub mod wishes;

use crate::accounts::{Account, Kind};
use crate::app::App;
use crate::kernel::http::FetchError;
use crate::moderation::rules;

/// Why somebody is not let in; each has a sentence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Closed {
    /// What was typed is neither a handle, a server nor an address.
    NotAHome,
    /// It is this house.
    OurOwn,
    /// The host does not want guests from there, or the address must not be talked to.
    Refused,
    /// There is no such account.
    Nobody,
    /// It did not answer, or not in time.
    Silent,
    /// It offers no way to prove an account.
    Unable,
    /// It contradicts itself.
    Contradicts,
    /// The person said no over there.
    Declined,
    /// The way back took too long, was used before, or began in another browser.
    Stale,
    /// The code is another one.
    WrongCode,
    /// It was asked for too often.
    Often,
    /// The mail address belongs to somebody who proved a home since.
    HasAHome,
    /// The home does not let this house act any more.
    Withdrawn,
    /// The account is younger than the rules of the house ask for.
    TooNew,
    /// The rules of the house turn the mail address away.
    TurnedAway,
}

impl Closed {
    /// The message that says it to a person.
    pub fn sentence(self) -> &'static str {
        match self {
            Self::TooNew => "door-too-new",
            Self::TurnedAway => "door-turned-away",
            Self::NotAHome => "door-not-a-home",
            Self::OurOwn => "door-our-own",
            Self::Refused => "door-refused",
            Self::Nobody => "door-nobody",
            Self::Silent => "door-silent",
            Self::Unable => "door-unable",
            Self::Contradicts => "door-contradicts",
            Self::Declined => "door-declined",
            Self::Stale => "door-stale",
            Self::WrongCode => "door-wrong-code",
            Self::Often => "door-often",
            Self::HasAHome => "door-has-a-home",
            Self::Withdrawn => "door-withdrawn",
        }
    }
}

impl From<FetchError> for Closed {
    fn from(error: FetchError) -> Self {
        tracing::debug!(%error, "a home did not open");
        match error {
            FetchError::Refused(_) => Self::Refused,
            error if error.is_gone() => Self::Nobody,
            FetchError::Ours(_)
            | FetchError::Unconnected(_)
            | FetchError::Unreachable(_)
            | FetchError::Status(_) => Self::Silent,
            FetchError::TooLarge | FetchError::Unusable(_) => Self::Contradicts,
        }
    }
}

/// What comes of an attempt: the database may fail, the home may be closed.
pub type Attempt<T> = crate::error::Result<std::result::Result<T, Closed>>;

/// Whether the rules of the house let somebody in who proved an account at a home. How old it is, the home says.
///
/// # Errors
/// What the database says.
pub async fn check(app: &App, guest: &Account) -> Attempt<()> {
    let days = rules::get(app).await?.guest_days;
    let age = app.clock.now().since(guest.created_at).as_secs() / 86_400;
    let young = i64::try_from(age).unwrap_or(i64::MAX) < days;
    if guest.kind == Kind::Remote && young {
        return Ok(Err(Closed::TooNew));
    }
    Ok(Ok(()))
}
