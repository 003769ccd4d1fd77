//! What is going on, by what this house itself has seen; and whom one might follow.

use serde_json::{Value, json};

use super::answer::json_of;
use super::entities::{account, status};
use super::instance::tag;
use super::{Answer, Caller};
use crate::timelines;
use crate::timelines::tags;

fn part(call: &Caller, usual: i64, most: i64) -> (i64, i64) {
    let limit = call.params.number("limit").unwrap_or(usual).clamp(1, most);
    let offset = call.params.number("offset").unwrap_or(0).clamp(0, 1_000);
    (limit, offset)
}

/// `GET /api/v1/trends/tags`
pub async fn of_tags(call: Caller) -> Answer {
    let (limit, offset) = part(&call, 10, 20);
    let mut items = Vec::new();
    for name in tags::trending(&call.app, limit, offset).await? {
        items.push(tag(&call.app, &name, None).await?);
    }
    Ok(json_of(json!(items)))
}

/// `GET /api/v1/trends/statuses`
pub async fn of_statuses(call: Caller) -> Answer {
    let viewer = call.viewer.as_ref();
    let found = timelines::trending(&call.app, viewer, part(&call, 20, 40)).await?;
    let items = status::several(&call.app, viewer, &found, "public").await?;
    Ok(json_of(json!(items)))
}

/// `GET /api/v2/suggestions`
pub async fn suggestions(call: Caller) -> Answer {
    let people = suggested(&call).await?;
    let items: Vec<Value> = people
        .into_iter()
        .map(|account| json!({"source": "staff", "sources": ["featured"], "account": account}))
        .collect();
    Ok(json_of(json!(items)))
}

/// `GET /api/v1/suggestions` (deprecated, still called)
pub async fn old_suggestions(call: Caller) -> Answer {
    Ok(json_of(json!(suggested(&call).await?)))
}

async fn suggested(call: &Caller) -> Result<Vec<Value>, super::Refused> {
    let (limit, _) = part(call, 40, 80);
    let people = crate::search::suggestions(&call.app, call.member()?, limit).await?;
    Ok(account::several(&call.app, &people).await?)
}

/// `GET /api/v1/directory`: who lives here and wants to be found.
pub async fn directory(call: Caller) -> Answer {
    let mut people = crate::accounts::list_local(&call.app).await?;
    people.retain(|one| one.is_active() && (one.discoverable || one.is_host()));
    people.sort_by_key(|one| std::cmp::Reverse(one.last_post_at));
    let (limit, offset) = part(&call, 40, 80);
    let (limit, offset) = (
        usize::try_from(limit).unwrap_or(40),
        usize::try_from(offset).unwrap_or(0),
    );
    let shown: Vec<_> = people.into_iter().skip(offset).take(limit).collect();
    Ok(json_of(json!(account::several(&call.app, &shown).await?)))
}
