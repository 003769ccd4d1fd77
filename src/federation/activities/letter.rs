//! A direct message of the house itself to one person: Create of a Note that nobody else ever sees.

use serde_json::json;

use crate::accounts::{self, Account};
use crate::app::App;
use crate::federation::outbox::{self, Outgoing, Recipients};
use crate::kernel::crypt;
use crate::kernel::html::escape;
use crate::moderation::appeals;

/// Sends the statement of reasons for a measure to whom it is about.
///
/// # Errors
/// What the database says.
pub async fn tell_measure(app: &App, id: i64) -> anyhow::Result<()> {
    let (account, said) = appeals::statement_of(app, id).await?;
    if account.deleted_at.is_some() && !said.is_last {
        return Ok(());
    }
    let text = said.text.replace(&said.link, "");
    let lines: Vec<&str> = text
        .split("\n\n")
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .chain([said.link.as_str()])
        .collect();
    send(app, &account, &lines).await
}

/// Sends a few plain lines to one person; addresses in them become links.
///
/// # Errors
/// What the database says.
pub async fn send(app: &App, to: &Account, lines: &[&str]) -> anyhow::Result<()> {
    let (node, now) = (accounts::node_actor(app).await?, app.clock.now());
    let uri = app.origin().at(&format!("/letters/{}", crypt::opaque()));
    let handle = format!("@{}", to.handle(&app.origin()));
    let page = to.url.as_deref().unwrap_or(&to.uri);
    let mention = format!(
        "<span class=\"h-card\"><a href=\"{}\" class=\"u-url mention\">{}</a></span>",
        escape(page),
        escape(&handle)
    );
    let paragraphs: String = lines
        .iter()
        .map(|line| {
            if line.starts_with("http://") || line.starts_with("https://") {
                format!("<p><a href=\"{0}\">{0}</a></p>", escape(line))
            } else {
                format!("<p>{}</p>", escape(line))
            }
        })
        .collect();
    let note = json!({
        "id": uri,
        "type": "Note",
        "attributedTo": node.uri,
        "published": now.rfc3339(),
        "to": [to.uri],
        "cc": [],
        "content": format!("<p>{mention}</p>{paragraphs}"),
        "tag": [{"type": "Mention", "href": to.uri, "name": handle}],
    });
    let outgoing = Outgoing {
        sender: &node,
        kind: "Create",
        uri: outbox::fresh_uri(app),
        about: uri,
        body: json!({"to": [to.uri], "cc": [], "published": now.rfc3339(), "object": note}),
        to: Recipients::one(to.id),
        syncs_followers: false,
    };
    outbox::publish(app, outgoing).await
}
