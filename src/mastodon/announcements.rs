//! Announcements.

use serde_json::{Value, json};

use super::answer::{done, json_of};
use super::{Answer, Caller, Path};
use crate::kernel::clock::Time;
use crate::kernel::id::AnnouncementId;
use crate::nodes::announcements::{self, Announcement};

fn entity(one: &Announcement) -> Value {
    let reactions: Vec<Value> = one
        .reactions
        .iter()
        .map(|(name, count, me)| json!({"name": name, "count": count, "me": me}))
        .collect();
    json!({
        "id": one.id.to_string(),
        "content": one.html,
        "starts_at": null,
        "ends_at": one.ends_at.map(Time::rfc3339),
        "all_day": false,
        "published_at": one.created_at.rfc3339(),
        "updated_at": one.updated_at.rfc3339(),
        "read": one.read,
        "mentions": [],
        "statuses": [],
        "tags": [],
        "emojis": [],
        "reactions": reactions,
    })
}

/// `GET /api/v1/announcements`
pub async fn index(call: Caller) -> Answer {
    let all = call.params.flag("with_dismissed").unwrap_or(false);
    let found = announcements::list(&call.app, call.member()?.id).await?;
    let shown: Vec<Value> = found
        .iter()
        .filter(|one| all || !one.read)
        .map(entity)
        .collect();
    Ok(json_of(json!(shown)))
}

/// `POST /api/v1/announcements/{id}/dismiss`
pub async fn dismiss(Path(id): Path<AnnouncementId>, call: Caller) -> Answer {
    announcements::dismiss(&call.app, call.member()?.id, id).await?;
    done()
}

/// `PUT /api/v1/announcements/{id}/reactions/{name}`
pub async fn react(Path((id, name)): Path<(AnnouncementId, String)>, call: Caller) -> Answer {
    announcements::react(&call.app, call.member()?.id, id, &name, true).await?;
    done()
}

/// `DELETE /api/v1/announcements/{id}/reactions/{name}`
pub async fn unreact(Path((id, name)): Path<(AnnouncementId, String)>, call: Caller) -> Answer {
    announcements::react(&call.app, call.member()?.id, id, &name, false).await?;
    done()
}
