//! Statuses: written, read, changed.

use serde_json::{Value, json};

use super::answer::{json_of, list, newest_first, window};
use super::entities::{account, status, various};
use super::{Answer, Caller, Params, Path, Refused, accounts as people};
use crate::accounts::preferences;
use crate::audiences::Audience;
use crate::error::{Error, Result};
use crate::federation::look_up;
use crate::kernel::clock::Time;
use crate::kernel::id::PostId;
use crate::moderation::writing;
use crate::posts::compose::{Draft, NewPoll};
use crate::posts::{
    self, Post, boosts, edit, favourites, keep, quotes, remove, scheduled, thread, view,
};

/// A post the caller may see; a boost stands for what it boosts.
pub(super) async fn seen(call: &Caller, id: PostId) -> Result<Post> {
    let post = posts::get_for(&call.app, call.viewer.as_ref(), id).await?;
    match post.boost_of {
        Some(of) => posts::get_for(&call.app, call.viewer.as_ref(), of).await,
        None => Ok(post),
    }
}

pub(super) async fn answer(call: &Caller, id: PostId) -> Answer {
    let post = posts::get_for(&call.app, call.viewer.as_ref(), id).await?;
    Ok(json_of(
        status::one(&call.app, call.viewer.as_ref(), &post).await?,
    ))
}

/// `GET /api/v1/statuses/{id}`
pub async fn show(Path(id): Path<PostId>, call: Caller) -> Answer {
    answer(&call, id).await
}

/// `GET /api/v1/statuses`: several by their ids.
pub async fn several(call: Caller) -> Answer {
    let wanted: Vec<PostId> = call.params.numbers("id").into_iter().take(100).collect();
    let mut found = posts::several_for(&call.app, call.viewer.as_ref(), &wanted).await?;
    found.sort_by_key(|post| wanted.iter().position(|id| *id == post.id));
    let items = status::several(&call.app, call.viewer.as_ref(), &found, "thread").await?;
    Ok(json_of(json!(items)))
}

/// The audience a client means.
pub(super) fn audience(visibility: &str) -> Result<Audience, Refused> {
    match visibility {
        "public" => Ok(Audience::Public),
        "unlisted" => Ok(Audience::Unlisted),
        "private" => Ok(Audience::Followers),
        "direct" => Ok(Audience::People),
        _ => Err(Refused::invalid(
            "Validation failed: Visibility is not included in the list",
        )),
    }
}

fn poll(params: &Params) -> Option<NewPoll> {
    params.has("poll[options]").then(|| NewPoll {
        options: params
            .list("poll[options]")
            .into_iter()
            .map(str::to_owned)
            .collect(),
        multiple: params.flag("poll[multiple]") == Some(true),
        hides_totals: params.flag("poll[hide_totals]") == Some(true),
        seconds: params.number("poll[expires_in]").unwrap_or(0),
    })
}

async fn draft(call: &Caller) -> Result<Draft, Refused> {
    let params = &call.params;
    let wishes = preferences::get(&call.app, call.member()?.id).await?;
    let audience = match params.get("visibility").filter(|text| !text.is_empty()) {
        Some(visibility) => audience(visibility)?,
        None => Audience::parse(&wishes.audience, None),
    };
    let quote_policy = match params.text("quote_approval_policy") {
        "followers" => "followers",
        "nobody" => "nobody",
        "public" => "everyone",
        _ => &*wishes.quote_policy,
    };
    let language = params.get("language").filter(|text| !text.is_empty());
    let key = call
        .headers
        .get("idempotency-key")
        .and_then(|key| key.to_str().ok());
    Ok(Draft {
        text: params.text("status").to_owned(),
        warning: params.text("spoiler_text").to_owned(),
        sensitive: params.flag("sensitive").unwrap_or(wishes.sensitive),
        language: language.map(str::to_owned).or(wishes.language),
        audience,
        in_reply_to: params.number("in_reply_to_id"),
        quote: params.number("quoted_status_id"),
        quote_policy: quote_policy.to_owned(),
        teaser: String::new(),
        blurred: false,
        held: None,
        byline: None,
        travels: String::new(),
        media: params.numbers("media_ids"),
        poll: poll(params),
        idempotency_key: key.map(|key| key.chars().take(200).collect()),
        app: Some(call.token()?.app),
    })
}

/// `POST /api/v1/statuses`; with `scheduled_at` it is put off.
pub async fn create(call: Caller) -> Answer {
    let (app, member) = (&call.app, call.member()?);
    let draft = draft(&call).await?;
    let answers = call
        .params
        .get("in_reply_to_id")
        .is_some_and(|id| !id.is_empty());
    if answers && draft.in_reply_to.is_none() {
        return Err(Error::NotFound.into());
    }
    look_up::learn_mentions(app, &draft.text).await;
    if let Some(at) = call
        .params
        .get("scheduled_at")
        .filter(|text| !text.is_empty())
    {
        let at = Time::parse(at)
            .ok_or_else(|| Error::invalid("scheduled_at", "error-scheduled-soon"))?;
        let media = super::media::entities(app, member, &draft.media).await?;
        let put_off = scheduled::create(app, member, draft, at).await?;
        return Ok(json_of(various::scheduled(&put_off, media)));
    }
    let post = writing::write(app, member, draft).await?;
    answer(&call, post.id).await
}

/// `PUT /api/v1/statuses/{id}`
pub async fn update(Path(id): Path<PostId>, call: Caller) -> Answer {
    let (app, member, params) = (&call.app, call.member()?, &call.params);
    let before = seen(&call, id).await?;
    let mut described = Vec::new();
    for item in params.items("media_attributes") {
        if let Some(id) = item.number("id") {
            described.push(super::media::described(&call, id, &item).await?);
        }
    }
    let edit = edit::Edit {
        text: params.get("status").unwrap_or(&before.text).to_owned(),
        warning: params
            .get("spoiler_text")
            .unwrap_or(&before.warning)
            .to_owned(),
        sensitive: params.flag("sensitive").unwrap_or(before.sensitive),
        language: params
            .get("language")
            .map(str::to_owned)
            .or(before.language),
        media: params.has("media_ids").then(|| params.numbers("media_ids")),
        described,
        poll: poll(params),
    };
    look_up::learn_mentions(app, &edit.text).await;
    writing::change(app, member, before.id, edit).await?;
    answer(&call, before.id).await
}

/// `DELETE /api/v1/statuses/{id}`: the answer holds what it takes to write it again.
pub async fn delete(Path(id): Path<PostId>, call: Caller) -> Answer {
    let (app, member) = (&call.app, call.member()?);
    let post = posts::get_for(app, Some(member), id).await?;
    let mut entity = status::one(app, Some(member), &post).await?;
    entity["text"] = json!(post.text);
    if let Some(of) = post.boost_of {
        if post.account != member.id {
            return Err(Error::NotFound.into());
        }
        let boosted = posts::find(app, of).await?.ok_or(Error::NotFound)?;
        boosts::unboost(app, member, &boosted).await?;
    } else if call.params.flag("delete_media") == Some(true) {
        remove::delete(app, member, id).await?;
    } else {
        // Apps delete in order to write anew.
        remove::delete_for_another(app, member, id).await?;
    }
    Ok(json_of(entity))
}

/// `GET /api/v1/statuses/{id}/context`
pub async fn context(Path(id): Path<PostId>, call: Caller) -> Answer {
    let (app, viewer) = (&call.app, call.viewer.as_ref());
    let post = seen(&call, id).await?;
    if viewer.is_some() {
        thread::complete_later(app, post.id).await?;
    }
    let around = thread::around(app, viewer, &post, None).await?;
    let below: Vec<Post> = around.below.into_iter().map(|(post, _)| post).collect();
    Ok(json_of(json!({
        "ancestors": status::several(app, viewer, &around.above, "thread").await?,
        "descendants": status::several(app, viewer, &below, "thread").await?,
    })))
}

/// `GET /api/v1/statuses/{id}/source`
pub async fn source(Path(id): Path<PostId>, call: Caller) -> Answer {
    let post = seen(&call, id).await?;
    // What others wrote may have no text but the one that is shown.
    let text = if post.account == call.member()?.id {
        post.text.clone()
    } else {
        crate::kernel::html::to_text(&post.html)
    };
    Ok(json_of(json!({
        "id": post.id.to_string(), "text": text, "spoiler_text": post.warning,
    })))
}

/// `GET /api/v1/statuses/{id}/history`
pub async fn history(Path(id): Path<PostId>, call: Caller) -> Answer {
    let (app, viewer) = (&call.app, call.viewer.as_ref());
    let post = seen(&call, id).await?;
    let view = view::load(app, viewer, std::slice::from_ref(&post))
        .await?
        .pop();
    let view = view.ok_or(Error::NotFound)?;
    let media: Vec<Value> = view
        .media
        .iter()
        .map(|one| status::attachment(app, one, status::reader(&post, call.viewer.as_ref())))
        .collect();
    let version = |content: &str, warning: &str, at: Time| {
        json!({
            "content": content,
            "spoiler_text": warning,
            "sensitive": post.sensitive,
            "created_at": at.rfc3339(),
            "account": account::account(app, &view.author),
            "media_attachments": media,
            "emojis": [],
        })
    };
    let mut found: Vec<Value> = edit::history(app, post.id)
        .await?
        .iter()
        .map(|one| version(&one.html, &one.warning, one.created_at))
        .collect();
    let at = post.edited_at.unwrap_or(post.created_at);
    found.push(version(&post.html, &post.warning, at));
    Ok(json_of(json!(found)))
}

/// `GET /api/v1/statuses/{id}/favourited_by`
pub async fn favourited_by(Path(id): Path<PostId>, call: Caller) -> Answer {
    let window = window(&call, 40, 80);
    let post = seen(&call, id).await?;
    let rows = favourites::people(&call.app, post.id, window).await?;
    people::people(&call, rows, window).await
}

/// `GET /api/v1/statuses/{id}/reblogged_by`
pub async fn boosted_by(Path(id): Path<PostId>, call: Caller) -> Answer {
    let window = window(&call, 40, 80);
    let post = seen(&call, id).await?;
    let rows = boosts::people(&call.app, post.id, window).await?;
    people::people(&call, rows, window).await
}

/// `GET /api/v1/statuses/{id}/quotes`
pub async fn quoted_by(Path(id): Path<PostId>, call: Caller) -> Answer {
    let window = window(&call, 20, 40);
    let post = seen(&call, id).await?;
    let found = quotes::of_post(&call.app, call.viewer.as_ref(), post.id, window).await?;
    super::timelines::statuses(&call, found, window, "thread").await
}

/// `POST /api/v1/statuses/{id}/quotes/{quoting_status_id}/revoke`
pub async fn revoke_quote(Path((_, quoting)): Path<(PostId, PostId)>, call: Caller) -> Answer {
    quotes::revoke(&call.app, call.member()?, quoting).await?;
    answer(&call, quoting).await
}

/// `PUT /api/v1/statuses/{id}/interaction_policy`
pub async fn set_policy(Path(id): Path<PostId>, call: Caller) -> Answer {
    let policy = match call.params.text("quote_approval_policy") {
        "public" => "everyone",
        "followers" => "followers",
        "nobody" => "nobody",
        _ => return Err(Refused::invalid("Validation failed: The policy is unknown")),
    };
    quotes::set_policy(&call.app, call.member()?, id, policy).await?;
    answer(&call, id).await
}

/// `GET /api/v1/bookmarks`
pub async fn bookmarks(call: Caller) -> Answer {
    let window = window(&call, 20, 40);
    let rows = keep::bookmarks(&call.app, call.member()?, window).await?;
    kept(&call, rows, window).await
}

/// `GET /api/v1/favourites`
pub async fn favourite_posts(call: Caller) -> Answer {
    let window = window(&call, 20, 40);
    let rows = favourites::of_account(&call.app, call.member()?, window).await?;
    kept(&call, rows, window).await
}

/// Posts in the order in which they were kept.
async fn kept(
    call: &Caller,
    rows: Vec<(i64, Post)>,
    window: crate::kernel::page::Window,
) -> Answer {
    let rows = newest_first(rows, window);
    let ends = rows.first().zip(rows.last()).map(|(a, b)| (a.0, b.0));
    let posts: Vec<Post> = rows.into_iter().map(|(_, post)| post).collect();
    let items = status::several(&call.app, call.viewer.as_ref(), &posts, "home").await?;
    Ok(list(call, ends, items))
}
