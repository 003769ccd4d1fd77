//! Scheduled statuses.

use super::answer::{done, json_of, list, newest_first, window};
use super::entities::various;
use super::media::entities;
use super::{Answer, Caller, Path};
use crate::error::Error;
use crate::kernel::clock::Time;
use crate::posts::scheduled::{self, Scheduled};

async fn answer(call: &Caller, one: &Scheduled) -> Answer {
    let media = entities(&call.app, call.member()?, &one.draft.media).await?;
    Ok(json_of(various::scheduled(one, media)))
}

/// `GET /api/v1/scheduled_statuses`
pub async fn index(call: Caller) -> Answer {
    let window = window(&call, 20, 40);
    let member = call.member()?;
    let rows = scheduled::list(&call.app, member.id, window).await?;
    let rows = newest_first(rows, window);
    let ends = rows.first().zip(rows.last()).map(|(a, b)| (a.id, b.id));
    let mut items = Vec::new();
    for one in &rows {
        let media = entities(&call.app, member, &one.draft.media).await?;
        items.push(various::scheduled(one, media));
    }
    Ok(list(&call, ends, items))
}

/// `GET /api/v1/scheduled_statuses/{id}`
pub async fn show(Path(id): Path<i64>, call: Caller) -> Answer {
    let found = scheduled::get(&call.app, call.member()?.id, id).await?;
    answer(&call, &found).await
}

/// `PUT /api/v1/scheduled_statuses/{id}`
pub async fn update(Path(id): Path<i64>, call: Caller) -> Answer {
    let at = Time::parse(call.params.text("scheduled_at"))
        .ok_or_else(|| Error::invalid("scheduled_at", "error-scheduled-soon"))?;
    let changed = scheduled::put_off(&call.app, call.member()?.id, id, at).await?;
    answer(&call, &changed).await
}

/// `DELETE /api/v1/scheduled_statuses/{id}`
pub async fn delete(Path(id): Path<i64>, call: Caller) -> Answer {
    scheduled::cancel(&call.app, call.member()?.id, id).await?;
    done()
}
