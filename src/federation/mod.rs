//! ActivityPub; nobody else speaks it.

pub mod activities;
pub mod actor;
pub mod backfill;
pub mod copies;
pub mod delivery;
pub mod doc;
pub mod fetch;
pub mod inbox;
pub mod jcs;
pub mod look_up;
pub mod nodeinfo;
pub mod objects;
pub mod outbox;
mod page;
pub mod restored;
pub mod sender;
pub mod serve;
pub mod sign;
pub mod sync;
pub mod verify;
pub mod webfinger;

use crate::error::Error;

/// The media type of our documents (ActivityPub §3.2).
pub const CONTENT_TYPE: &str = activitypub_federation::FEDERATION_CONTENT_TYPE;
/// What we ask for (ActivityPub §3.2).
pub const ACCEPT: &str = "application/activity+json, application/ld+json; profile=\"https://www.w3.org/ns/activitystreams\"";
pub use crate::posts::policies::EVERYONE as PUBLIC;

/// Why something that arrived has no effect.
#[derive(Debug)]
pub enum Refused {
    /// It has none, now or later; the reason is counted.
    Drop(&'static str),
    /// It may have one later: something could not be reached.
    Retry(String),
}

impl From<Error> for Refused {
    fn from(error: Error) -> Self {
        match error {
            Error::NotFound => Self::Drop("there is no such thing"),
            Error::Forbidden => Self::Drop("not allowed"),
            Error::Invalid(_) | Error::Conflict(_) => Self::Drop("it cannot be taken"),
            error => Self::Retry(error.to_string()),
        }
    }
}

impl From<sqlx::Error> for Refused {
    fn from(error: sqlx::Error) -> Self {
        Self::Retry(error.to_string())
    }
}

impl From<crate::kernel::http::FetchError> for Refused {
    fn from(error: crate::kernel::http::FetchError) -> Self {
        if error.is_passing() {
            Self::Retry(error.to_string())
        } else {
            Self::Drop("it cannot be fetched")
        }
    }
}

/// What became of something that arrived.
pub type Outcome = Result<(), Refused>;
