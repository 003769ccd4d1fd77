//! Like, and EmojiReact, which is read as one (FEP-c0e0).

use serde_json::json;

use super::Context;
use crate::accounts;
use crate::app::App;
use crate::federation::doc::Doc;
use crate::federation::outbox::{self, Outgoing, Recipients};
use crate::federation::{Outcome, Refused};
use crate::kernel::id::{AccountId, PostId};
use crate::posts::{self, favourites};

/// Somebody likes a post.
pub async fn receive(app: &App, context: &Context, activity: Doc<'_>) -> Outcome {
    if activity.kind() == Some("EmojiReact")
        && !is_emoji(activity.get("content").as_str().unwrap_or_default())
    {
        return Err(Refused::Drop("the reaction is no emoji"));
    }
    let uri = activity.id_of("object").ok_or(Refused::Drop("no object"))?;
    let post = super::visible_post(app, context, uri).await?;
    let id = activity.id().map_or_else(
        || format!("{}#likes/{}", context.sender.uri, post.id),
        str::to_owned,
    );
    Ok(favourites::add(app, &context.sender, &post, &id).await?)
}

/// One emoji, or a custom one's `:name:`.
fn is_emoji(text: &str) -> bool {
    use unicode_segmentation::UnicodeSegmentation as _;
    let custom = text.len() > 2
        && text.starts_with(':')
        && text.ends_with(':')
        && !text.contains(char::is_whitespace);
    custom
        || (text.graphemes(true).count() == 1
            && !text
                .chars()
                .any(|c| c.is_alphanumeric() && c.is_ascii_alphabetic())
            && !text.is_ascii())
}

/// Sends a favourite to the post's author.
///
/// # Errors
/// What the database says.
pub async fn send(app: &App, account: AccountId, post: PostId) -> anyhow::Result<()> {
    let Some(post) = posts::find(app, post).await? else {
        return Ok(());
    };
    let Some(uri) = favourites::find_uri(&app.db, account, post.id).await? else {
        return Ok(());
    };
    let (account, author) = (
        accounts::get(app, account).await?,
        accounts::get(app, post.account).await?,
    );
    let outgoing = Outgoing {
        sender: &account,
        kind: "Like",
        uri: uri.clone(),
        about: uri,
        body: json!({"object": post.uri, "to": [author.uri]}),
        to: Recipients::one(author.id),
        syncs_followers: false,
    };
    outbox::publish(app, outgoing).await
}

/// Sends the Undo of a favourite.
///
/// # Errors
/// What the database says.
pub async fn send_undo(
    app: &App,
    account: AccountId,
    uri: &str,
    object: &str,
    author: AccountId,
) -> anyhow::Result<()> {
    let (account, author) = (
        accounts::get(app, account).await?,
        accounts::get(app, author).await?,
    );
    let like = json!({"id": uri, "type": "Like", "actor": account.uri, "object": object});
    let outgoing = Outgoing {
        sender: &account,
        kind: "Undo",
        uri: outbox::fresh_uri(app),
        about: uri.to_owned(),
        body: json!({"object": like, "to": [author.uri]}),
        to: Recipients::one(author.id),
        syncs_followers: false,
    };
    outbox::publish(app, outgoing).await
}

#[cfg(test)]
mod tests {
    use super::is_emoji;

    #[test]
    fn reactions_are_emoji_and_nothing_else() {
        for emoji in ["🔥", "👩‍🎤", "❤️", ":party:"] {
            assert!(is_emoji(emoji), "{emoji}");
        }
        for text in ["", "hello", "a", "🔥🔥", ": :"] {
            assert!(!is_emoji(text), "{text}");
        }
    }
}
