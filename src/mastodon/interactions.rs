//! What one does with a status: favourite, boost, keep, pin, mute it.

use super::statuses::{answer, audience, seen};
use super::{Answer, Caller, Path};
use crate::audiences::Audience;
use crate::error::{Error, Result};
use crate::kernel::id::PostId;
use crate::posts::{self, Post, boosts, conversations, favourites, keep};

/// A post whatever became of it, for taking back what one did to it.
async fn once_seen(call: &Caller, id: PostId) -> Result<Post> {
    let post = posts::find(&call.app, id).await?.ok_or(Error::NotFound)?;
    match post.boost_of {
        Some(of) => posts::find(&call.app, of).await?.ok_or(Error::NotFound),
        None => Ok(post),
    }
}

/// `POST /api/v1/statuses/{id}/favourite`
pub async fn favourite(Path(id): Path<PostId>, call: Caller) -> Answer {
    let post = seen(&call, id).await?;
    favourites::set(&call.app, call.member()?, &post, true).await?;
    answer(&call, post.id).await
}

/// `POST /api/v1/statuses/{id}/unfavourite`
pub async fn unfavourite(Path(id): Path<PostId>, call: Caller) -> Answer {
    let post = once_seen(&call, id).await?;
    favourites::set(&call.app, call.member()?, &post, false).await?;
    answer(&call, post.id).await
}

/// `POST /api/v1/statuses/{id}/reblog`: the answer is the boost.
pub async fn boost(Path(id): Path<PostId>, call: Caller) -> Answer {
    let post = seen(&call, id).await?;
    let wished = match call.params.get("visibility") {
        Some(visibility) => audience(visibility)?,
        None => post.audience,
    };
    if wished == Audience::People {
        return Err(Error::Forbidden.into());
    }
    let boost = boosts::boost_for(&call.app, call.member()?, &post, wished).await?;
    answer(&call, boost.id).await
}

/// `POST /api/v1/statuses/{id}/unreblog`
pub async fn unboost(Path(id): Path<PostId>, call: Caller) -> Answer {
    let post = once_seen(&call, id).await?;
    boosts::unboost(&call.app, call.member()?, &post).await?;
    answer(&call, post.id).await
}

/// `POST /api/v1/statuses/{id}/bookmark`
pub async fn bookmark(Path(id): Path<PostId>, call: Caller) -> Answer {
    let post = seen(&call, id).await?;
    keep::set_bookmark(&call.app, call.member()?.id, post.id, true).await?;
    answer(&call, post.id).await
}

/// `POST /api/v1/statuses/{id}/unbookmark`
pub async fn unbookmark(Path(id): Path<PostId>, call: Caller) -> Answer {
    let post = once_seen(&call, id).await?;
    keep::set_bookmark(&call.app, call.member()?.id, post.id, false).await?;
    answer(&call, post.id).await
}

/// `POST /api/v1/statuses/{id}/pin`
pub async fn pin(Path(id): Path<PostId>, call: Caller) -> Answer {
    let post = seen(&call, id).await?;
    keep::set_pinned(&call.app, call.member()?, post.id, true).await?;
    answer(&call, post.id).await
}

/// `POST /api/v1/statuses/{id}/unpin`
pub async fn unpin(Path(id): Path<PostId>, call: Caller) -> Answer {
    let post = seen(&call, id).await?;
    keep::set_pinned(&call.app, call.member()?, post.id, false).await?;
    answer(&call, post.id).await
}

/// `POST /api/v1/statuses/{id}/mute`
pub async fn mute(Path(id): Path<PostId>, call: Caller) -> Answer {
    let post = seen(&call, id).await?;
    conversations::set_muted(&call.app, call.member()?.id, post.thread, true).await?;
    answer(&call, post.id).await
}

/// `POST /api/v1/statuses/{id}/unmute`
pub async fn unmute(Path(id): Path<PostId>, call: Caller) -> Answer {
    let post = seen(&call, id).await?;
    conversations::set_muted(&call.app, call.member()?.id, post.thread, false).await?;
    answer(&call, post.id).await
}
