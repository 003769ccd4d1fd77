//! `GET /api/v2/search`

use serde_json::{Value, json};

use super::answer::{json_of, window};
use super::entities::{account, status};
use super::instance::tag;
use super::{Answer, Caller, accounts};
use crate::audiences;
use crate::federation::objects::Found;
use crate::posts::words;

/// Accounts, statuses and hashtags for a text; an address or a handle is followed with `resolve`.
pub async fn search(call: Caller) -> Answer {
    let params = &call.params;
    let text = params.text("q").trim();
    let kind = params.text("type");
    let wants = |name: &str| kind.is_empty() || kind == name;
    let viewer = call.viewer.as_ref();
    let mut found: (Vec<Value>, Vec<Value>, Vec<Value>) = Default::default();
    // An address leads to one thing; there is nothing to search besides.
    if text.starts_with("https://") || text.starts_with("http://") {
        if params.flag("resolve") == Some(true)
            && let Some(member) = viewer
        {
            match accounts::resolve(&call.app, member, text).await? {
                Some(Found::Account(one)) if wants("accounts") => {
                    found.0 = account::several(&call.app, &[one]).await?;
                }
                Some(Found::Post(post))
                    if wants("statuses")
                        && audiences::may_see(&call.app, viewer, post.thing()).await? =>
                {
                    found.1.push(status::one(&call.app, viewer, &post).await?);
                }
                _ => {}
            }
        }
    } else {
        if wants("accounts") && !text.starts_with('#') {
            let people = accounts::find(&call, 20).await?;
            found.0 = account::several(&call.app, &people).await?;
        }
        if wants("statuses")
            && let Some(member) = viewer
        {
            let part = (
                window(&call, 20, 40),
                params.number("offset").unwrap_or(0).clamp(0, 10_000),
            );
            let author = params.number("account_id");
            let posts = words::find(&call.app, member, text, author, part).await?;
            found.1 = status::several(&call.app, viewer, &posts, "public").await?;
        }
        if wants("hashtags") && !text.trim_start_matches('#').contains('@') {
            let limit = params.number("limit").unwrap_or(20).clamp(1, 40);
            let offset = params.number("offset").unwrap_or(0).clamp(0, 10_000);
            for name in crate::search::tags(&call.app, text, limit, offset).await? {
                found.2.push(tag(&call.app, &name, None).await?);
            }
        }
    }
    Ok(json_of(json!({
        "accounts": found.0, "statuses": found.1, "hashtags": found.2,
    })))
}
