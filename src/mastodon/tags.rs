//! Hashtags: looked at, followed, featured.

use serde_json::json;

use super::answer::{done, json_of, list, newest_first, window};
use super::entities::various;
use super::instance::tag;
use super::{Answer, Caller, Path};
use crate::kernel::text::fold_tag;
use crate::timelines::tags;

async fn answer(call: &Caller, name: &str) -> Answer {
    let name = tags::sound(name)?;
    let following = match &call.viewer {
        Some(viewer) => Some(tags::is_followed(&call.app, viewer.id, &name).await?),
        None => None,
    };
    Ok(json_of(tag(&call.app, &name, following).await?))
}

/// `GET /api/v1/tags/{name}`
pub async fn show(Path(name): Path<String>, call: Caller) -> Answer {
    answer(&call, &name).await
}

/// `POST /api/v1/tags/{name}/follow`
pub async fn follow(Path(name): Path<String>, call: Caller) -> Answer {
    tags::set_followed(&call.app, call.member()?.id, &name, true).await?;
    answer(&call, &name).await
}

/// `POST /api/v1/tags/{name}/unfollow`
pub async fn unfollow(Path(name): Path<String>, call: Caller) -> Answer {
    tags::set_followed(&call.app, call.member()?.id, &name, false).await?;
    answer(&call, &name).await
}

/// `GET /api/v1/followed_tags`
pub async fn followed(call: Caller) -> Answer {
    let window = window(&call, 100, 200);
    let rows = tags::followed(&call.app, call.member()?.id, window).await?;
    let rows = newest_first(rows, window);
    let ends = rows.first().zip(rows.last()).map(|(a, b)| (a.0, b.0));
    let mut items = Vec::new();
    for (_, name) in &rows {
        items.push(tag(&call.app, name, Some(true)).await?);
    }
    Ok(list(&call, ends, items))
}

/// `GET /api/v1/featured_tags`
pub async fn featured(call: Caller) -> Answer {
    let found = tags::featured(&call.app, call.member()?.id).await?;
    let items: Vec<_> = found
        .iter()
        .map(|one| various::featured_tag(&call.app, one))
        .collect();
    Ok(json_of(json!(items)))
}

/// `POST /api/v1/featured_tags`
pub async fn feature(call: Caller) -> Answer {
    let name = fold_tag(call.params.text("name"));
    let made = tags::feature(&call.app, call.member()?.id, &name).await?;
    Ok(json_of(various::featured_tag(&call.app, &made)))
}

/// `DELETE /api/v1/featured_tags/{id}`
pub async fn unfeature(Path(id): Path<i64>, call: Caller) -> Answer {
    tags::unfeature(&call.app, call.member()?.id, id).await?;
    done()
}
