//! Timelines and markers.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::answer::{json_of, list, newest_first, window};
use super::entities::status;
use super::{Answer, Caller, Path};
use crate::error::Error;
use crate::kernel::id::{ListId, NotificationId};
use crate::kernel::page::Window;
use crate::kernel::text::fold_tag;
use crate::posts::Post;
use crate::timelines::{self, Tagged, Wished, lists, markers};

/// Posts as a list of statuses, with its links.
pub async fn statuses(call: &Caller, posts: Vec<Post>, window: Window, context: &str) -> Answer {
    let posts = newest_first(posts, window);
    let ends = posts
        .first()
        .zip(posts.last())
        .map(|(a, b)| (a.id.0, b.id.0));
    let items = status::several(&call.app, call.viewer.as_ref(), &posts, context).await?;
    Ok(list(call, ends, items))
}

/// `GET /api/v1/timelines/home`
pub async fn home(call: Caller) -> Answer {
    let window = window(&call, 20, 40);
    let posts = timelines::home(&call.app, call.member()?, window).await?;
    statuses(&call, posts, window, "home").await
}

/// `GET /api/v1/timelines/public`: what the house and those its members follow wrote for everyone.
pub async fn public(call: Caller) -> Answer {
    let window = window(&call, 20, 40);
    let flag = |name: &str| call.params.flag(name) == Some(true);
    let wished = Wished {
        local: flag("local"),
        remote: flag("remote"),
        media: flag("only_media"),
    };
    let posts = timelines::public(&call.app, call.viewer.as_ref(), wished, window).await?;
    statuses(&call, posts, window, "public").await
}

/// `GET /api/v1/timelines/tag/{hashtag}`
pub async fn tag(Path(tag): Path<String>, call: Caller) -> Answer {
    let window = window(&call, 20, 40);
    let flag = |name: &str| call.params.flag(name) == Some(true);
    // As many as apps may name.
    let named = |name: &str| -> Vec<String> {
        let tags = call
            .params
            .list(name)
            .into_iter()
            .take(timelines::NAMED)
            .map(fold_tag);
        let tags: BTreeSet<String> = tags.filter(|tag| !tag.is_empty()).collect();
        tags.into_iter().collect()
    };
    let mut any = named("any");
    let tag = fold_tag(&tag);
    if !any.contains(&tag) {
        any.insert(0, tag);
    }
    let wish = Tagged {
        any,
        all: named("all"),
        none: named("none"),
        wished: Wished {
            local: flag("local"),
            remote: flag("remote"),
            media: flag("only_media"),
        },
    };
    let posts = timelines::tagged(&call.app, call.viewer.as_ref(), &wish, window).await?;
    statuses(&call, posts, window, "public").await
}

/// `GET /api/v1/timelines/list/{list_id}`
pub async fn of_list(Path(id): Path<ListId>, call: Caller) -> Answer {
    let window = window(&call, 20, 40);
    let posts = lists::timeline(&call.app, call.member()?, id, window).await?;
    statuses(&call, posts, window, "home").await
}

/// `GET /api/v1/timelines/direct` (deprecated)
pub async fn direct(call: Caller) -> Answer {
    let window = window(&call, 20, 40);
    let posts = timelines::direct(&call.app, call.member()?, window).await?;
    statuses(&call, posts, window, "home").await
}

fn marker_json(marker: &markers::Marker) -> Value {
    json!({
        "last_read_id": marker.last_read.to_string(),
        "version": marker.version,
        "updated_at": marker.updated_at.rfc3339(),
    })
}

async fn markers_json(call: &Caller, names: &[&str]) -> Answer {
    let mut found = json!({});
    for marker in markers::list(&call.app, call.member()?.id).await? {
        if names.contains(&marker.timeline.as_str()) {
            found[&marker.timeline] = marker_json(&marker);
        }
    }
    Ok(json_of(found))
}

/// `GET /api/v1/markers`
pub async fn marks(call: Caller) -> Answer {
    let names = call.params.list("timeline");
    markers_json(&call, &names).await
}

/// `POST /api/v1/markers`
pub async fn mark(call: Caller) -> Answer {
    let member = call.member()?.id;
    let mut names = Vec::new();
    for name in ["home", "notifications"] {
        let field = format!("{name}[last_read_id]");
        if call.params.has(&field) {
            let id: NotificationId = call.params.number(&field).ok_or(Error::NotFound)?;
            markers::set(&call.app, member, name, id.0).await?;
            names.push(name);
        }
    }
    markers_json(&call, &names).await
}
