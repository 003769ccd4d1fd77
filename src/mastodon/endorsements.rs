//! Whom people recommend.

use super::accounts::{people, relationship_of, seen};
use super::answer::window;
use super::{Answer, Caller, Path};
use crate::kernel::id::AccountId;
use crate::relations::endorsements;

/// `POST /api/v1/accounts/{id}/endorse`, and `pin` as it was called before
pub async fn endorse(Path(id): Path<AccountId>, call: Caller) -> Answer {
    set_endorsed(call, id, true).await
}

/// `POST /api/v1/accounts/{id}/unendorse`, and `unpin` as it was called before
pub async fn unendorse(Path(id): Path<AccountId>, call: Caller) -> Answer {
    set_endorsed(call, id, false).await
}

async fn set_endorsed(call: Caller, id: AccountId, wanted: bool) -> Answer {
    let other = seen(&call.app, id).await?;
    endorsements::set(&call.app, call.member()?, other.id, wanted).await?;
    relationship_of(&call, &other).await
}

/// `GET /api/v1/endorsements`: whom the member recommends.
pub async fn index(call: Caller) -> Answer {
    let member = call.member()?.id;
    list(call, member).await
}

/// `GET /api/v1/accounts/{id}/endorsements`: whom an account recommends.
pub async fn of_account(Path(id): Path<AccountId>, call: Caller) -> Answer {
    let other = seen(&call.app, id).await?.id;
    list(call, other).await
}

async fn list(call: Caller, id: AccountId) -> Answer {
    let window = window(&call, 40, 80);
    let rows = endorsements::list(&call.app, id, window).await?;
    people(&call, rows, window).await
}
