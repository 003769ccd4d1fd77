//! Whether a post stands in a list: asked of the list itself, so that nothing is told that could not be read.

use super::{Tagged, Wished, home, lists, of_account, public, tagged};
use crate::accounts::Account;
use crate::app::App;
use crate::audiences::Audience;
use crate::error::Result;
use crate::kernel::id::{AccountId, ListId, PostId};
use crate::kernel::page::Window;
use crate::posts::Post;

/// A list somebody watches.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// A member's home.
    Home,
    /// Public posts.
    Public(Wished),
    /// Public posts with a hashtag; the house's only.
    Tag(String, bool),
    /// A list of a member's.
    List(ListId),
    /// What an account wrote.
    Account(AccountId),
}

/// The part of a list in which exactly this post may stand.
fn only(id: PostId) -> Window {
    Window {
        before: id.0.saturating_add(1),
        after: id.0 - 1,
        limit: 1,
        oldest_first: false,
    }
}

/// Whether a post stands there for this viewer; a member's own lists are empty for everybody else.
///
/// # Errors
/// What the database says.
pub async fn has(app: &App, viewer: Option<&Account>, place: &Place, post: &Post) -> Result<bool> {
    let window = only(post.id);
    let found = match (place, viewer) {
        (Place::Home, Some(member)) => home(app, member, window).await?,
        (Place::List(id), Some(member)) => lists::timeline(app, member, *id, window).await?,
        (Place::Home | Place::List(_), None) => return Ok(false),
        (Place::Public(wished), viewer) => {
            if post.audience != Audience::Public || post.boost_of.is_some() {
                return Ok(false);
            }
            public(app, viewer, *wished, window).await?
        }
        (Place::Tag(tag, local), viewer) => {
            let mut wish = Tagged::of(tag);
            wish.wished.local = *local;
            tagged(app, viewer, &wish, window).await?
        }
        (Place::Account(id), viewer) => {
            if post.account != *id {
                return Ok(false);
            }
            of_account(app, viewer, *id, window).await?
        }
    };
    Ok(!found.is_empty())
}
