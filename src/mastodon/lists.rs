//! Lists.

use serde_json::json;

use super::accounts::people;
use super::answer::{done, json_of, window};
use super::entities::various;
use super::{Answer, Caller, Path};
use crate::kernel::id::{AccountId, ListId};
use crate::timelines::lists::{self, Edit};

fn edit(call: &Caller) -> Edit {
    Edit {
        title: call.params.get("title").map(str::to_owned),
        replies: call.params.get("replies_policy").map(str::to_owned),
        exclusive: call.params.flag("exclusive"),
    }
}

/// `GET /api/v1/lists`
pub async fn index(call: Caller) -> Answer {
    let found = lists::list(&call.app, call.member()?.id).await?;
    Ok(json_of(json!(
        found.iter().map(various::list).collect::<Vec<_>>()
    )))
}

/// `POST /api/v1/lists`
pub async fn create(call: Caller) -> Answer {
    let made = lists::create(&call.app, call.member()?.id, edit(&call)).await?;
    Ok(json_of(various::list(&made)))
}

/// `GET /api/v1/lists/{id}`
pub async fn show(Path(id): Path<ListId>, call: Caller) -> Answer {
    let found = lists::get(&call.app, call.member()?.id, id).await?;
    Ok(json_of(various::list(&found)))
}

/// `PUT /api/v1/lists/{id}`
pub async fn update(Path(id): Path<ListId>, call: Caller) -> Answer {
    let changed = lists::update(&call.app, call.member()?.id, id, edit(&call)).await?;
    Ok(json_of(various::list(&changed)))
}

/// `DELETE /api/v1/lists/{id}`
pub async fn delete(Path(id): Path<ListId>, call: Caller) -> Answer {
    lists::remove(&call.app, call.member()?.id, id).await?;
    done()
}

/// `GET /api/v1/lists/{id}/accounts`; `limit=0` means all of them.
pub async fn members(Path(id): Path<ListId>, call: Caller) -> Answer {
    let mut window = window(&call, 40, 80);
    if call.params.get("limit") == Some("0") {
        window.limit = 500;
    }
    let found = lists::people(&call.app, call.member()?.id, id, window).await?;
    let rows = found
        .into_iter()
        .map(|account| (account.id.0, account))
        .collect();
    people(&call, rows, window).await
}

/// `POST /api/v1/lists/{id}/accounts`
pub async fn add(Path(id): Path<ListId>, call: Caller) -> Answer {
    set(&call, id, true).await
}

/// `DELETE /api/v1/lists/{id}/accounts`
pub async fn remove(Path(id): Path<ListId>, call: Caller) -> Answer {
    set(&call, id, false).await
}

async fn set(call: &Caller, id: ListId, wanted: bool) -> Answer {
    let people: Vec<AccountId> = call.params.numbers("account_ids");
    lists::set_people(&call.app, call.member()?.id, id, &people, wanted).await?;
    done()
}
