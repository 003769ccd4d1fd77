//! Hashtags: looked at, followed, featured.

use serde_json::json;

use super::answer::{done, json_of, list, newest_first, window};
use super::entities::various::{self, MyTag};
use super::instance::tag;
use super::{Answer, Caller, Path};
use crate::kernel::text::fold_tag;
use crate::timelines::tags;

async fn answer(call: &Caller, name: &str) -> Answer {
    let name = tags::sound(name)?;
    let mine = match &call.viewer {
        Some(viewer) => {
            let shown = tags::featured(&call.app, viewer.id).await?;
            Some(MyTag {
                following: tags::is_followed(&call.app, viewer.id, &name).await?,
                featuring: shown.iter().any(|one| one.tag == name),
            })
        }
        None => None,
    };
    Ok(json_of(tag(&call.app, &name, mine).await?))
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
    let shown = tags::featured(&call.app, call.member()?.id).await?;
    let mut items = Vec::new();
    for (_, name) in &rows {
        let mine = MyTag {
            following: true,
            featuring: shown.iter().any(|one| one.tag == *name),
        };
        items.push(tag(&call.app, name, Some(mine)).await?);
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

/// `POST /api/v1/tags/{name}/feature`
pub async fn feature_named(Path(name): Path<String>, call: Caller) -> Answer {
    tags::feature(&call.app, call.member()?.id, &name).await?;
    answer(&call, &name).await
}

/// `POST /api/v1/tags/{name}/unfeature`
pub async fn unfeature_named(Path(name): Path<String>, call: Caller) -> Answer {
    let (member, wanted) = (call.member()?.id, tags::sound(&name)?);
    let shown = tags::featured(&call.app, member).await?;
    if let Some(one) = shown.iter().find(|one| one.tag == wanted) {
        tags::unfeature(&call.app, member, one.id).await?;
    }
    answer(&call, &name).await
}

/// `GET /api/v1/featured_tags/suggestions`: what the member uses most and does not show yet.
pub async fn suggested(call: Caller) -> Answer {
    let mut items = Vec::new();
    for name in tags::used_by(&call.app, call.member()?.id).await? {
        items.push(tag(&call.app, &name, None).await?);
    }
    Ok(json_of(json!(items)))
}

/// `DELETE /api/v1/featured_tags/{id}`
pub async fn unfeature(Path(id): Path<i64>, call: Caller) -> Answer {
    tags::unfeature(&call.app, call.member()?.id, id).await?;
    done()
}
