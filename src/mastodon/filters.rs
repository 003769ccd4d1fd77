//! Filters: v2, and v1 in which each keyword is a filter.

use std::time::Duration;

use serde_json::{Value, json};

use super::answer::{done, json_of};
use super::entities::various;
use super::{Answer, Caller, Path};
use crate::error::Error;
use crate::kernel::id::FilterId;
use crate::timelines::filters::{self, Edit, KeywordEdit, Until, keywords};

/// `expires_in`: absent says nothing, empty means for good.
fn expires_at(call: &Caller) -> Until {
    if call.params.is_nothing("expires_in") {
        return Until::Forever;
    }
    match call.params.number::<u32>("expires_in") {
        Some(seconds) => {
            let span = Duration::from_secs(u64::from(seconds));
            Until::At(call.app.clock.now().plus(span))
        }
        None => Until::Unsaid,
    }
}

fn contexts(call: &Caller) -> Option<Vec<String>> {
    let has = call.params.has("context");
    has.then(|| {
        call.params
            .list("context")
            .into_iter()
            .map(str::to_owned)
            .collect()
    })
}

fn edit(call: &Caller) -> Edit {
    let keywords = call.params.items("keywords_attributes");
    Edit {
        title: call.params.get("title").map(str::to_owned),
        contexts: contexts(call),
        action: call.params.get("filter_action").map(str::to_owned),
        expires_at: expires_at(call),
        keywords: keywords
            .iter()
            .map(|item| KeywordEdit {
                id: item.number("id"),
                keyword: item.get("keyword").map(str::to_owned),
                whole_word: item.flag("whole_word"),
                remove: item.flag("_destroy") == Some(true),
            })
            .collect(),
    }
}

/// `GET /api/v2/filters`
pub async fn index(call: Caller) -> Answer {
    let found = filters::list(&call.app, call.member()?.id).await?;
    let entities: Vec<Value> = found.iter().map(|one| various::filter(one, true)).collect();
    Ok(json_of(json!(entities)))
}

/// `POST /api/v2/filters`
pub async fn create(call: Caller) -> Answer {
    let made = filters::create(&call.app, call.member()?.id, edit(&call)).await?;
    Ok(json_of(various::filter(&made, true)))
}

/// `GET /api/v2/filters/{id}`
pub async fn show(Path(id): Path<FilterId>, call: Caller) -> Answer {
    let found = filters::get(&call.app, call.member()?.id, id).await?;
    Ok(json_of(various::filter(&found, true)))
}

/// `PUT /api/v2/filters/{id}`
pub async fn update(Path(id): Path<FilterId>, call: Caller) -> Answer {
    let changed = filters::update(&call.app, call.member()?.id, id, edit(&call)).await?;
    Ok(json_of(various::filter(&changed, true)))
}

/// `DELETE /api/v2/filters/{id}`
pub async fn delete(Path(id): Path<FilterId>, call: Caller) -> Answer {
    filters::remove(&call.app, call.member()?.id, id).await?;
    done()
}

/// `GET /api/v2/filters/{filter_id}/keywords`
pub async fn words(Path(id): Path<FilterId>, call: Caller) -> Answer {
    let found = filters::get(&call.app, call.member()?.id, id).await?;
    let entities: Vec<Value> = found.keywords.iter().map(various::keyword).collect();
    Ok(json_of(json!(entities)))
}

fn keyword_edit(call: &Caller, id: Option<i64>) -> KeywordEdit {
    KeywordEdit {
        id,
        keyword: call.params.get("keyword").map(str::to_owned),
        whole_word: call.params.flag("whole_word"),
        remove: false,
    }
}

/// `POST /api/v2/filters/{filter_id}/keywords`
pub async fn add_keyword(Path(id): Path<FilterId>, call: Caller) -> Answer {
    let edit = keyword_edit(&call, None);
    let made = keywords::write(&call.app, call.member()?.id, id, edit).await?;
    Ok(json_of(various::keyword(&made)))
}

/// `GET /api/v2/filters/keywords/{id}`
pub async fn keyword(Path(id): Path<i64>, call: Caller) -> Answer {
    let found = keywords::find(&call.app, call.member()?.id, id).await?;
    Ok(json_of(various::keyword(&found)))
}

/// `PUT /api/v2/filters/keywords/{id}`
pub async fn update_keyword(Path(id): Path<i64>, call: Caller) -> Answer {
    let member = call.member()?.id;
    let filter = keywords::find(&call.app, member, id).await?.filter;
    let edit = keyword_edit(&call, Some(id));
    let changed = keywords::write(&call.app, member, filter, edit).await?;
    Ok(json_of(various::keyword(&changed)))
}

/// `DELETE /api/v2/filters/keywords/{id}`
pub async fn delete_keyword(Path(id): Path<i64>, call: Caller) -> Answer {
    keywords::remove(&call.app, call.member()?.id, id).await?;
    done()
}

/// `GET /api/v2/filters/{filter_id}/statuses`
pub async fn statuses(Path(id): Path<FilterId>, call: Caller) -> Answer {
    let found = filters::get(&call.app, call.member()?.id, id).await?;
    let entities: Vec<Value> = found.posts.iter().map(various::filter_status).collect();
    Ok(json_of(json!(entities)))
}

/// `POST /api/v2/filters/{filter_id}/statuses`
pub async fn add_status(Path(id): Path<FilterId>, call: Caller) -> Answer {
    let member = call.member()?;
    let post = call.params.number("status_id").ok_or(Error::NotFound)?;
    crate::posts::get_for(&call.app, Some(member), post).await?;
    filters::add_post(&call.app, member.id, id, post).await?;
    let found = filters::get(&call.app, member.id, id).await?;
    let entry = found.posts.iter().find(|(_, known)| *known == post);
    Ok(json_of(various::filter_status(
        entry.ok_or(Error::NotFound)?,
    )))
}

/// `GET /api/v2/filters/statuses/{id}`
pub async fn status(Path(id): Path<i64>, call: Caller) -> Answer {
    let found = filters::list(&call.app, call.member()?.id).await?;
    let entry = found
        .iter()
        .flat_map(|filter| &filter.posts)
        .find(|(known, _)| *known == id);
    Ok(json_of(various::filter_status(
        entry.ok_or(Error::NotFound)?,
    )))
}

/// `DELETE /api/v2/filters/statuses/{id}`
pub async fn delete_status(Path(id): Path<i64>, call: Caller) -> Answer {
    filters::remove_post(&call.app, call.member()?.id, id).await?;
    done()
}

/// `GET /api/v1/filters` (deprecated, still called)
pub async fn old_index(call: Caller) -> Answer {
    let found = filters::list(&call.app, call.member()?.id).await?;
    let entities: Vec<Value> = found
        .iter()
        .flat_map(|filter| {
            filter
                .keywords
                .iter()
                .map(|one| various::old_filter(filter, one))
        })
        .collect();
    Ok(json_of(json!(entities)))
}

async fn old_answer(call: &Caller, id: i64) -> Answer {
    let member = call.member()?.id;
    let keyword = keywords::find(&call.app, member, id).await?;
    let filter = filters::get(&call.app, member, keyword.filter).await?;
    Ok(json_of(various::old_filter(&filter, &keyword)))
}

/// `GET /api/v1/filters/{id}`
pub async fn old_show(Path(id): Path<i64>, call: Caller) -> Answer {
    old_answer(&call, id).await
}

fn old_edit(call: &Caller, id: Option<i64>) -> Edit {
    let phrase = call.params.get("phrase").map(str::to_owned);
    let hides = call.params.flag("irreversible");
    Edit {
        title: phrase.clone(),
        contexts: contexts(call),
        action: hides.map(|hides| if hides { "hide" } else { "warn" }.to_owned()),
        expires_at: expires_at(call),
        keywords: vec![KeywordEdit {
            id,
            keyword: phrase,
            whole_word: call.params.flag("whole_word"),
            remove: false,
        }],
    }
}

/// `POST /api/v1/filters`
pub async fn old_create(call: Caller) -> Answer {
    let made = filters::create(&call.app, call.member()?.id, old_edit(&call, None)).await?;
    let keyword = made.keywords.first().ok_or(Error::NotFound)?;
    Ok(json_of(various::old_filter(&made, keyword)))
}

/// `PUT /api/v1/filters/{id}`
pub async fn old_update(Path(id): Path<i64>, call: Caller) -> Answer {
    let member = call.member()?.id;
    let filter = keywords::find(&call.app, member, id).await?.filter;
    filters::update(&call.app, member, filter, old_edit(&call, Some(id))).await?;
    old_answer(&call, id).await
}

/// `DELETE /api/v1/filters/{id}`: the filter goes with its last keyword.
pub async fn old_delete(Path(id): Path<i64>, call: Caller) -> Answer {
    let member = call.member()?.id;
    let filter = keywords::find(&call.app, member, id).await?.filter;
    keywords::remove(&call.app, member, id).await?;
    if filters::get(&call.app, member, filter)
        .await?
        .keywords
        .is_empty()
    {
        filters::remove(&call.app, member, filter).await?;
    }
    done()
}
