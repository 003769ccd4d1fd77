//! The Mastodon client API, exactly as its clients expect it.
//!
//! [`routes::table`] is the contract: each endpoint with what it needs. Nothing here reads a cookie.

pub mod accounts;
pub mod announcements;
pub mod answer;
pub mod apps;
pub mod caller;
pub mod conversations;
pub mod endorsements;
pub mod entities;
pub mod filters;
pub mod instance;
pub mod interactions;
pub mod lists;
pub mod media;
pub mod notifications;
pub mod params;
pub mod polls;
pub mod profile;
pub mod push;
pub mod reports;
pub mod routes;
pub mod scheduled;
pub mod search;
pub mod sign_up;
pub mod statuses;
pub mod streaming;
pub mod tags;
pub mod timelines;
pub mod trends;

pub use answer::{Answer, Refused};
pub use caller::{Caller, Path};
pub use params::Params;
