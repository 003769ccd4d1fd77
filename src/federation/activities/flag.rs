//! Flag: a report.

use serde_json::json;

use super::Context;
use crate::accounts;
use crate::app::App;
use crate::audiences;
use crate::federation::doc::Doc;
use crate::federation::outbox::{self, Outgoing, Recipients};
use crate::federation::{Outcome, Refused};
use crate::kernel::html::to_text;
use crate::kernel::id::ReportId;
use crate::moderation::reports;
use crate::nodes::measures;
use crate::posts;

/// Somebody reports accounts or posts of ours; the actor may be another node's own.
pub async fn receive(app: &App, context: &Context, activity: Doc<'_>) -> Outcome {
    if measures::about(app, &context.sender.host)
        .await?
        .reject_reports
    {
        return Err(Refused::Drop("reports from there count for nothing"));
    }
    let mut target = None;
    let mut reported = Vec::new();
    for uri in activity.ids("object").into_iter().take(64) {
        if let Some(account) = accounts::find_by_uri(app, uri)
            .await?
            .filter(accounts::Account::is_local)
        {
            target = target.or(Some(account));
        } else if let Some(post) = posts::find_by_uri(app, uri).await? {
            let seen = audiences::may_see(app, Some(&context.sender), post.thing()).await?;
            if !seen {
                continue;
            }
            if target.is_none() {
                target = accounts::find(app, post.account)
                    .await?
                    .filter(accounts::Account::is_local);
            }
            reported.push((post.uri, post.account));
        }
    }
    let target = target.ok_or(Refused::Drop("nobody here is reported"))?;
    let reported: Vec<String> = reported
        .into_iter()
        .filter(|(_, author)| *author == target.id)
        .map(|(uri, _)| uri)
        .collect();
    let comment = activity
        .text("content", 20_000)
        .or_else(|| activity.text("summary", 20_000))
        .unwrap_or_default();
    let comment: String = to_text(&comment).chars().take(5_000).collect();
    let new = reports::New {
        category: "other",
        comment: &comment,
        posts: &reported,
        uri: activity.id(),
        forward: false,
    };
    reports::report(app, &context.sender, &target, new).await?;
    Ok(())
}

/// Forwards a report to the node of the reported account, in the name of this node.
///
/// # Errors
/// What the database says.
pub async fn send(app: &App, id: ReportId) -> anyhow::Result<()> {
    let Some(report) = reports::find(app, id).await? else {
        return Ok(());
    };
    let (node, target) = (
        accounts::node_actor(app).await?,
        accounts::get(app, report.target).await?,
    );
    let mut objects = vec![target.uri.clone()];
    objects.extend(report.posts);
    let uri = app.origin().at(&format!("/activities/report-{id}"));
    let outgoing = Outgoing {
        sender: &node,
        kind: "Flag",
        uri: uri.clone(),
        about: uri,
        body: json!({"object": objects, "content": report.comment, "to": [target.uri]}),
        to: Recipients {
            followers: false,
            people: vec![target.id],
            personal: false,
        },
        syncs_followers: false,
    };
    outbox::publish(app, outgoing).await
}
