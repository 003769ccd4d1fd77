//! Pages that take a right: each asks for it by what it extracts.

use axum::extract::FromRequestParts;
use http::request::Parts;

use super::{PageError, SignedIn, Visitor};
use crate::accounts::Account;
use crate::app::App;
use crate::crew::Right;
use crate::error::Error;

/// The visitor of a page that takes a right: members see that there is no such page, the crew without it that it is
/// not theirs.
async fn entitled(
    parts: &mut Parts,
    app: &App,
    rights: &[Right],
) -> Result<(Account, Visitor), PageError> {
    let SignedIn(account, visitor) = SignedIn::from_request_parts(parts, app).await?;
    let has = &visitor.ui.rights;
    if rights.iter().any(|right| has.has(*right)) {
        Ok((account, visitor))
    } else if has.any() {
        Err(Error::Forbidden.into())
    } else {
        Err(Error::NotFound.into())
    }
}

macro_rules! entitled {
    ($($(#[$doc:meta])* $name:ident: $($right:ident),+;)*) => {$(
        $(#[$doc])*
        pub struct $name(pub Account, pub Visitor);

        impl FromRequestParts<App> for $name {
            type Rejection = PageError;
            async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, PageError> {
                let (account, visitor) = entitled(parts, app, &[$(Right::$right),+]).await?;
                Ok(Self(account, visitor))
            }
        }
    )*};
}

entitled! {
    /// Somebody who runs the node.
    Operator: Run;
    /// Somebody who keeps the peace.
    Moderator: Moderate;
    /// Somebody who lets people in.
    Admitter: Admit;
    /// Somebody who reads figures.
    Reader: Figures;
    /// Somebody who writes for the house, published or prepared.
    Writer: Post, Draft;
    /// Anybody of the crew.
    Crew: Post, Draft, Moderate, Admit, Figures, Run;
}
