//! OAuth 2: the apps that act for members, what they may do, and what proves it (RFC 6749, RFC 7636).

pub mod apps;
pub mod codes;
mod redirects;
pub mod scopes;
pub mod tokens;
pub mod web;

pub use apps::App as Client;
pub use scopes::Scopes;
pub use tokens::Token;

/// The address that means "show the code, I will copy it".
pub const OUT_OF_BAND: &str = "urn:ietf:wg:oauth:2.0:oob";
