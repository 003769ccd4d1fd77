//! Reports.

use serde_json::json;

use super::accounts::seen;
use super::answer::json_of;
use super::entities::account;
use super::{Answer, Caller};
use crate::error::Error;
use crate::kernel::id::AccountId;
use crate::moderation::reports::{self, New};

/// `POST /api/v1/reports`
pub async fn create(call: Caller) -> Answer {
    let (app, member) = (&call.app, call.member()?);
    let target = call
        .params
        .number::<AccountId>("account_id")
        .ok_or(Error::NotFound)?;
    let target = seen(app, target).await?;
    let mut uris = Vec::new();
    for id in call.params.numbers("status_ids").into_iter().take(100) {
        let post = crate::posts::get_for(app, Some(member), id).await?;
        if post.account == target.id {
            uris.push(post.uri);
        }
    }
    let category = match call.params.text("category") {
        "spam" => "spam",
        "legal" => "legal",
        "violation" => "violation",
        _ => "other",
    };
    let new = New {
        comment: call.params.text("comment"),
        posts: &uris,
        uri: None,
        forward: call.params.flag("forward") == Some(true),
        category,
    };
    let id = reports::report(app, member, &target, new).await?;
    let ids: Vec<&str> = call.params.list("status_ids");
    Ok(json_of(json!({
        "id": id.to_string(),
        "action_taken": false,
        "action_taken_at": null,
        "category": category,
        "comment": call.params.text("comment"),
        "forwarded": call.params.flag("forward") == Some(true),
        "created_at": app.clock.now().rfc3339(),
        "status_ids": ids,
        "rule_ids": null,
        "collection_ids": [],
        "target_account": account::account(app, &target),
    })))
}
