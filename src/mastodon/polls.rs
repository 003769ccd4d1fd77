//! Polls.

use super::answer::json_of;
use super::entities::status;
use super::statuses::seen;
use super::{Answer, Caller, Path};
use crate::error::Error;
use crate::kernel::id::PostId;
use crate::posts::{Post, polls};

async fn poll_answer(call: &Caller, post: &Post) -> Answer {
    let viewer = call.viewer.as_ref();
    let poll = polls::of_post(&call.app, post.id)
        .await?
        .ok_or(Error::NotFound)?;
    let votes = match viewer {
        Some(viewer) => polls::votes_of(&call.app.db, viewer.id, post.id).await?,
        None => Vec::new(),
    };
    Ok(json_of(status::poll(&call.app, viewer, &poll, &votes)))
}

/// `GET /api/v1/polls/{id}`
pub async fn show(Path(id): Path<PostId>, call: Caller) -> Answer {
    let post = seen(&call, id).await?;
    poll_answer(&call, &post).await
}

/// `POST /api/v1/polls/{id}/votes`
pub async fn vote(Path(id): Path<PostId>, call: Caller) -> Answer {
    let post = seen(&call, id).await?;
    let choices: Vec<i64> = call.params.numbers("choices");
    polls::vote(&call.app, call.member()?, &post, &choices).await?;
    poll_answer(&call, &post).await
}
