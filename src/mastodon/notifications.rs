//! Notifications: one by one (v1), in groups (v2), and those from strangers.

use serde_json::{Value, json};

use super::answer::{done, json_of, list, newest_first, window};
use super::entities::{account, notification, status};
use super::{Answer, Caller, Path, Refused};
use crate::accounts::preferences;
use crate::error::{Error, Result};
use crate::jobs::Notice;
use crate::kernel::id::{AccountId, NotificationId};
use crate::kernel::page::Window;
use crate::notifications::single::{self, Notification, Request, Wanted};
use crate::posts;

fn wanted(call: &Caller) -> Wanted {
    let kinds = |name: &str| -> Vec<Notice> {
        let names = call.params.list(name);
        names
            .into_iter()
            .filter_map(notification::kind_of)
            .collect()
    };
    let (without, only) = (kinds("exclude_types"), kinds("types"));
    Wanted {
        kinds: only,
        without,
        from: call.params.number("account_id"),
        filtered: false,
    }
}

async fn read(call: &Caller, window: Window) -> Result<Vec<Notification>, Refused> {
    // Kinds that are made here nowhere were asked for: there is none of them.
    if call.params.has("types") && wanted(call).kinds.is_empty() {
        return Ok(Vec::new());
    }
    let rows = single::list(&call.app, call.member()?.id, &wanted(call), window).await?;
    Ok(newest_first(rows, window))
}

/// `GET /api/v1/notifications`
pub async fn index(call: Caller) -> Answer {
    let window = window(&call, 40, 80);
    let rows = read(&call, window).await?;
    let gathered = notification::Gathered::load(&call.app, call.member()?, &rows).await?;
    let ends = rows.first().zip(rows.last()).map(|(a, b)| (a.id.0, b.id.0));
    let items = rows
        .iter()
        .filter_map(|one| gathered.notification(one))
        .collect();
    Ok(list(&call, ends, items))
}

/// `GET /api/v1/notifications/{id}`
pub async fn show(Path(id): Path<NotificationId>, call: Caller) -> Answer {
    let member = call.member()?;
    let one = single::get(&call.app, member.id, id).await?;
    let rows = std::slice::from_ref(&one);
    let gathered = notification::Gathered::load(&call.app, member, rows).await?;
    Ok(json_of(gathered.notification(&one).ok_or(Error::NotFound)?))
}

/// `POST /api/v1/notifications/clear`
pub async fn clear(call: Caller) -> Answer {
    single::clear(&call.app, call.member()?.id).await?;
    done()
}

/// `POST /api/v1/notifications/{id}/dismiss`
pub async fn dismiss(Path(id): Path<NotificationId>, call: Caller) -> Answer {
    single::dismiss(&call.app, call.member()?.id, id).await?;
    done()
}

/// `GET /api/v1/notifications/unread_count` and `GET /api/v2/notifications/unread_count`
pub async fn unread(call: Caller) -> Answer {
    let most = call.params.number("limit").unwrap_or(100).clamp(1, 1000);
    let count = single::unread(&call.app, call.member()?.id, most).await?;
    Ok(json_of(json!({"count": count})))
}

fn group_id(key: &str) -> Option<NotificationId> {
    key.strip_prefix("ungrouped-")?.parse().ok()
}

/// The notifications of a group.
async fn members(call: &Caller, key: &str) -> Result<Vec<Notification>, Refused> {
    let member = call.member()?.id;
    let rows = match group_id(key) {
        Some(id) => vec![single::get(&call.app, member, id).await?],
        None => {
            let wanted = Wanted::default();
            let mut all = single::list(&call.app, member, &wanted, Window::newest(400)).await?;
            all.retain(|one| notification::group_key(one) == key);
            all
        }
    };
    if rows.is_empty() {
        return Err(Error::NotFound.into());
    }
    Ok(rows)
}

/// Groups with everything they mention (GroupedNotificationsResults).
async fn results(call: &Caller, rows: &[Notification], paged: bool) -> Result<Value, Refused> {
    let gathered = notification::Gathered::load(&call.app, call.member()?, rows).await?;
    // A group whose post is gone is gone too.
    let shown: Vec<Notification> = rows
        .iter()
        .filter(|one| {
            one.post
                .is_none_or(|post| gathered.statuses.contains_key(&post))
        })
        .cloned()
        .collect();
    let groups: Vec<Value> = notification::groups(&shown)
        .iter()
        .map(|(key, members)| notification::group(key, members, paged))
        .collect();
    Ok(json!({
        "accounts": gathered.accounts.values().collect::<Vec<_>>(),
        "statuses": gathered.statuses.values().collect::<Vec<_>>(),
        "notification_groups": groups,
    }))
}

/// `GET /api/v2/notifications`
pub async fn grouped(call: Caller) -> Answer {
    let window = window(&call, 40, 80);
    let rows = read(&call, window).await?;
    let ends = rows.first().zip(rows.last()).map(|(a, b)| (a.id.0, b.id.0));
    let body = results(&call, &rows, true).await?;
    let links = list(&call, ends, Vec::new());
    let mut response = json_of(body);
    if let Some(link) = links.headers().get(http::header::LINK) {
        response
            .headers_mut()
            .insert(http::header::LINK, link.clone());
    }
    Ok(response)
}

/// `GET /api/v2/notifications/{group_key}`
pub async fn group(Path(key): Path<String>, call: Caller) -> Answer {
    let rows = members(&call, &key).await?;
    Ok(json_of(results(&call, &rows, false).await?))
}

/// `GET /api/v2/notifications/{group_key}/accounts`
pub async fn group_accounts(Path(key): Path<String>, call: Caller) -> Answer {
    let rows = members(&call, &key).await?;
    let ids: Vec<AccountId> = rows.iter().map(|one| one.from).collect();
    let people = crate::accounts::list(&call.app, &ids).await?;
    Ok(json_of(json!(account::several(&call.app, &people).await?)))
}

/// `POST /api/v2/notifications/{group_key}/dismiss`
pub async fn dismiss_group(Path(key): Path<String>, call: Caller) -> Answer {
    let member = call.member()?.id;
    for one in members(&call, &key).await? {
        single::dismiss(&call.app, member, one.id).await?;
    }
    done()
}

/// `GET /api/v2/notifications/policy`
pub async fn policy(call: Caller) -> Answer {
    let member = call.member()?.id;
    let policy = preferences::get(&call.app, member).await?.policy;
    let waiting = single::requests(&call.app, member, Window::newest(80)).await?;
    Ok(json_of(json!({
        "for_not_following": policy.not_following,
        "for_not_followers": policy.not_followers,
        "for_new_accounts": policy.new_accounts,
        "for_private_mentions": policy.private_mentions,
        "for_limited_accounts": policy.limited_accounts,
        "summary": {
            "pending_requests_count": waiting.len(),
            "pending_notifications_count": waiting.iter().map(|one| one.count).sum::<i64>(),
        },
    })))
}

/// `PATCH /api/v2/notifications/policy`
pub async fn set_policy(call: Caller) -> Answer {
    let member = call.member()?.id;
    let mut wishes = preferences::get(&call.app, member).await?;
    for (name, field) in [
        ("for_not_following", &mut wishes.policy.not_following),
        ("for_not_followers", &mut wishes.policy.not_followers),
        ("for_new_accounts", &mut wishes.policy.new_accounts),
        ("for_private_mentions", &mut wishes.policy.private_mentions),
        ("for_limited_accounts", &mut wishes.policy.limited_accounts),
    ] {
        match call.params.get(name) {
            None => {}
            Some(value @ ("accept" | "filter" | "drop")) => value.clone_into(field),
            Some(_) => {
                let sentence = "Validation failed: A policy is accept, filter or drop";
                return Err(Refused::invalid(sentence));
            }
        }
    }
    preferences::set(&call.app, member, &wishes).await?;
    policy(call).await
}

async fn request_entity(call: &Caller, request: &Request) -> Result<Value, Refused> {
    let mut entity = json!({
        "id": request.from.id.to_string(),
        "created_at": request.created_at.rfc3339(),
        "updated_at": request.updated_at.rfc3339(),
        "account": account::account(&call.app, &request.from),
        "notifications_count": request.count.to_string(),
        "last_status": null,
    });
    let viewer = call.viewer.as_ref();
    if let Some(post) = request.last_post
        && let Ok(post) = posts::get_for(&call.app, viewer, post).await
    {
        entity["last_status"] = status::one(&call.app, viewer, &post).await?;
    }
    Ok(entity)
}

/// `GET /api/v1/notifications/requests`
pub async fn requests(call: Caller) -> Answer {
    let window = window(&call, 40, 80);
    let rows = single::requests(&call.app, call.member()?.id, window).await?;
    let rows = newest_first(rows, window);
    let mut items = Vec::new();
    for request in &rows {
        items.push(request_entity(&call, request).await?);
    }
    let ends = rows
        .first()
        .zip(rows.last())
        .map(|(a, b)| (a.from.id.0, b.from.id.0));
    Ok(list(&call, ends, items))
}

/// `GET /api/v1/notifications/requests/{id}`
pub async fn request(Path(id): Path<AccountId>, call: Caller) -> Answer {
    let rows = single::requests(&call.app, call.member()?.id, Window::newest(500)).await?;
    let found = rows
        .iter()
        .find(|one| one.from.id == id)
        .ok_or(Error::NotFound)?;
    Ok(json_of(request_entity(&call, found).await?))
}

/// `POST /api/v1/notifications/requests/{id}/accept`
pub async fn accept(Path(id): Path<AccountId>, call: Caller) -> Answer {
    single::decide(&call.app, call.member()?.id, id, true).await?;
    done()
}

/// `POST /api/v1/notifications/requests/{id}/dismiss`
pub async fn refuse(Path(id): Path<AccountId>, call: Caller) -> Answer {
    single::decide(&call.app, call.member()?.id, id, false).await?;
    done()
}

/// `POST /api/v1/notifications/requests/accept`
pub async fn accept_several(call: Caller) -> Answer {
    decide_several(&call, true).await
}

/// `POST /api/v1/notifications/requests/dismiss`
pub async fn refuse_several(call: Caller) -> Answer {
    decide_several(&call, false).await
}

async fn decide_several(call: &Caller, yes: bool) -> Answer {
    let member = call.member()?.id;
    for id in call.params.numbers::<AccountId>("id").into_iter().take(200) {
        single::decide(&call.app, member, id, yes).await?;
    }
    done()
}

/// `GET /api/v1/notifications/requests/merged`: letting in is done at once.
pub async fn merged(call: Caller) -> Answer {
    let _ = call;
    Ok(json_of(json!({"merged": true})))
}
