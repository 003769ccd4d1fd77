//! Posts: what people write, answer, boost, favourite and keep.

pub mod arrive;
pub mod boosts;
mod bylines;
pub mod compose;
pub mod conversations;
pub mod copies;
mod counts;
pub mod edit;
pub mod favourites;
pub mod held;
pub mod keep;
pub mod policies;
pub mod polls;
pub mod previews;
pub mod quotes;
pub mod references;
pub mod remove;
pub mod render;
pub mod scheduled;
mod screened;
pub mod stamps;
pub(crate) mod store;
mod telling;
pub mod thread;
pub mod view;
pub mod web;
pub mod words;

pub use screened::Screened;

use crate::accounts::{Account, Emoji};
use crate::app::App;
use crate::audiences::{self, Audience, Thing};
use crate::error::{Error, Result};
use crate::kernel::clock::Time;
use crate::kernel::db::{ids, sql};
use crate::kernel::id::{AccountId, PostId};

/// A post, or a boost of one.
#[derive(Clone, Debug)]
pub struct Post {
    /// Its id.
    pub id: PostId,
    /// Its id on the wire; of a boost, the Announce's.
    pub uri: String,
    /// The page for people.
    pub url: Option<String>,
    /// Whose it is.
    pub account: AccountId,
    /// The boosted post, when this is a boost.
    pub boost_of: Option<PostId>,
    /// The first post of its thread.
    pub thread: PostId,
    /// What it answers, if known here.
    pub in_reply_to: Option<PostId>,
    /// What it answers, on the wire.
    pub in_reply_to_uri: Option<String>,
    /// `note`, `question`, `article`, `page`, `image`, `audio`, `video` or `event`.
    pub kind: String,
    /// Who may see it.
    pub audience: Audience,
    /// Its title; empty for most.
    pub title: String,
    /// As it was typed; empty for remote posts.
    pub text: String,
    /// As it is shown; sanitised.
    pub html: String,
    /// What stands before it; empty for none.
    pub warning: String,
    /// Whether its pictures are hidden at first.
    pub sensitive: bool,
    /// Its language, BCP 47.
    pub language: Option<String>,
    /// Custom emoji in it.
    pub emojis: Vec<Emoji>,
    /// What it quotes, if known here.
    pub quote_of: Option<PostId>,
    /// What it quotes, on the wire.
    pub quote_uri: Option<String>,
    /// `pending`, `accepted`, `rejected` or `revoked`.
    pub quote_state: Option<String>,
    /// The consent, on the wire.
    pub quote_stamp_uri: Option<String>,
    /// Who may quote it: `everyone`, `followers` or `nobody`.
    pub quote_policy: String,
    /// Who may answer, favourite and boost it; whoever sees it where nothing is said.
    pub interaction_policy: Option<policies::InteractionPolicy>,
    /// What the author of what it answers or boosts said to it: `asked`, `given` or `refused`.
    pub approval: Option<String>,
    /// That author's consent, on the wire.
    pub approval_uri: Option<String>,
    /// How many answers are known.
    pub replies_count: i64,
    /// How many boosts are known.
    pub boosts_count: i64,
    /// How many favourites are known.
    pub favourites_count: i64,
    /// When its author pinned it.
    pub pinned_at: Option<Time>,
    /// When it was published.
    pub created_at: Time,
    /// When it was last edited.
    pub edited_at: Option<Time>,
    /// When its answers were last fetched.
    pub replies_fetched_at: Option<Time>,
    /// Grows with every change.
    pub version: i64,
}

impl Post {
    /// What decides who may see it.
    pub fn thing(&self) -> Thing {
        Thing {
            post: self.id,
            author: self.account,
            audience: self.audience,
        }
    }

    /// `asked` or `refused` where only its author sees it, because of the author whom it answers.
    pub fn waits_for_author(&self) -> Option<&str> {
        let state = self.approval.as_deref();
        state.filter(|state| self.audience == Audience::Held && *state != "given")
    }

    /// Whether it is for a grant: a tier, a list, the crew.
    pub fn is_for_grant(&self) -> bool {
        matches!(self.audience, Audience::Grant(_))
    }

    /// Whether anybody may boost it: everyone may see it already.
    pub fn is_boostable(&self) -> bool {
        self.audience.is_open() && self.boost_of.is_none()
    }

    /// Whether this account may boost it; what it wrote for its followers it may show them once more.
    pub fn is_boostable_by(&self, who: AccountId) -> bool {
        let own = self.account == who && self.audience == Audience::Followers;
        self.is_boostable() || own && self.boost_of.is_none()
    }
}

/// The post with this id, if the viewer may see it.
///
/// # Errors
/// `NotFound` when there is none for this viewer.
pub async fn get_for(app: &App, viewer: Option<&Account>, id: PostId) -> Result<Post> {
    let post = store::find(&app.db, id).await?.ok_or(Error::NotFound)?;
    if audiences::may_see(app, viewer, post.thing()).await? {
        Ok(post)
    } else {
        Err(Error::NotFound)
    }
}

/// Those of several posts that the viewer may see, in no order; one statement for all.
///
/// # Errors
/// What the database says.
pub async fn several_for(
    app: &App,
    viewer: Option<&Account>,
    which: &[PostId],
) -> Result<Vec<Post>> {
    if which.is_empty() {
        return Ok(Vec::new());
    }
    let rows = sql(concat!(
        "SELECT ",
        crate::post_columns!(),
        " FROM posts WHERE posts.id IN (SELECT value FROM json_each($3)) AND ",
        crate::visible!()
    ))
    .bind(viewer.map_or(0, |viewer| viewer.id.0))
    .bind(app.clock.now())
    .bind(ids(which.iter().copied()))
    .all(&app.db)
    .await?;
    Ok(store::read_all(&rows)?)
}

/// The post with this id, whoever looks.
///
/// # Errors
/// What the database says.
pub async fn find(app: &App, id: PostId) -> Result<Option<Post>> {
    Ok(store::find(&app.db, id).await?)
}

/// The post with this id on the wire, whoever looks.
///
/// # Errors
/// What the database says.
pub async fn find_by_uri(app: &App, uri: &str) -> Result<Option<Post>> {
    Ok(store::find_by_uri(&app.db, uri).await?)
}

/// The post that somebody else's page shows, as its author says, whoever looks.
///
/// # Errors
/// What the database says.
pub async fn find_by_page(app: &App, url: &str) -> Result<Option<Post>> {
    Ok(store::find_by_page(&app.db, url).await?)
}

/// The post with this id on the wire as somebody may name it; what they may not see looks as if it were not there.
///
/// # Errors
/// What the database says.
pub async fn find_named(app: &App, uri: &str, by: AccountId) -> Result<Option<Post>> {
    let origin = app.origin();
    let uri = references::id_of_page(&origin, uri);
    Ok(references::find_named(&app.db, &uri, by, app.clock.now()).await?)
}

/// How many posts the house's members wrote.
///
/// # Errors
/// What the database says.
pub async fn count_local(app: &App) -> Result<i64> {
    Ok(store::count_local(&app.db).await?)
}

/// The accounts a post names, with whether it mentions them.
///
/// # Errors
/// What the database says.
pub async fn people(app: &App, post: PostId) -> Result<Vec<(Account, bool)>> {
    Ok(store::people(&app.db, post).await?)
}

/// A post's hashtags, folded.
///
/// # Errors
/// What the database says.
pub async fn tags(app: &App, post: PostId) -> Result<Vec<String>> {
    Ok(store::tags(&app.db, post).await?)
}
