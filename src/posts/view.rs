//! Posts as a viewer sees them, gathered for many at once.

use std::collections::{HashMap, HashSet};

use super::policies::{self, Allowed};
use super::polls::{self, Poll};
use super::previews::{self, Preview};
use super::{Post, bylines, quotes, render, store};
use crate::accounts::{Account, Role, store as account_store};
use crate::app::App;
use crate::audiences::{self, Audience, Badge, Shown};
use crate::error::Result;
use crate::kernel::db::{ids, sql};
use crate::kernel::html::to_text;
use crate::kernel::id::{AccountId, PostId};
use crate::media::{self, Media};

/// A boost, as it stands above what it brings.
#[derive(Clone, Debug)]
pub struct Brought {
    /// Who made it.
    pub by: Account,
    /// Its id.
    pub id: PostId,
    /// For whom it is.
    pub audience: Audience,
}

/// A post with everything that is shown with it.
#[derive(Clone, Debug)]
pub struct View {
    /// The post itself; of a boost, the boosted one.
    pub post: Post,
    /// Whose it is.
    pub author: Account,
    /// The boost that brought it.
    pub brought_by: Option<Brought>,
    /// Its content with emoji as pictures.
    pub html: String,
    /// Its attachments.
    pub media: Vec<Media>,
    /// What its first link leads to.
    pub preview: Option<Preview>,
    /// Its poll.
    pub poll: Option<Poll>,
    /// What the viewer chose.
    pub votes: Vec<i64>,
    /// What it quotes, where that may be shown.
    pub quote: Option<Box<View>>,
    /// Whose post it answers.
    pub answers: Option<Account>,
    /// Whom it mentions.
    pub mentions: Vec<Account>,
    /// Its hashtags, folded.
    pub tags: Vec<String>,
    /// Who of the crew wrote it in the name of its author.
    pub byline: Option<Account>,
    /// The badges its author wants seen beside it.
    pub badges: Vec<Badge>,
    /// Whether the viewer muted its thread.
    pub muted: bool,
    /// The app it was written with: name and page.
    pub app: Option<(String, Option<String>)>,
    /// Whether the viewer favourited, boosted, bookmarked it.
    pub favourited: bool,
    /// Whether the viewer boosted it.
    pub boosted: bool,
    /// Whether the viewer bookmarked it.
    pub bookmarked: bool,
    /// How many quote it, with consent.
    pub quotes: i64,
    /// What its author lets the viewer do with it.
    pub allowed: Allowed,
}

impl View {
    /// The id it has in a timeline: a boost's own.
    pub fn entry(&self) -> PostId {
        self.brought_by
            .as_ref()
            .map_or(self.post.id, |brought| brought.id)
    }

    /// The first words of it, plain.
    pub fn words(&self, most: usize) -> String {
        let own = self
            .post
            .html
            .split("<p class=\"quote-inline\">")
            .next()
            .unwrap_or_default();
        let text = if self.post.warning.is_empty() {
            to_text(own)
        } else {
            self.post.warning.clone()
        };
        let words = text.replace('\n', " ");
        if words.trim().is_empty() {
            return "…".to_owned();
        }
        crate::kernel::html::shorten(&words, most)
    }

    /// Whether the viewer chose this option of the poll.
    pub fn chose(&self, option: &usize) -> bool {
        i64::try_from(*option).is_ok_and(|option| self.votes.contains(&option))
    }

    /// The path of our page about it.
    pub fn path(&self) -> String {
        format!("{}/{}", self.author.path(), self.post.id)
    }
}

/// Gathers views of posts, in their order; those that are gone are left out.
///
/// # Errors
/// What the database says.
#[expect(clippy::too_many_lines, reason = "one gathering, each statement once")]
pub async fn load(app: &App, viewer: Option<&Account>, posts: &[Post]) -> Result<Vec<View>> {
    let boosted: Vec<PostId> = posts.iter().filter_map(|post| post.boost_of).collect();
    let mut pool: HashMap<PostId, Post> =
        posts.iter().map(|post| (post.id, post.clone())).collect();
    for post in super::several_for(app, viewer, &boosted).await? {
        pool.insert(post.id, post);
    }
    let shown: Vec<PostId> = posts
        .iter()
        .map(|post| post.boost_of.unwrap_or(post.id))
        .collect();
    let quoted: Vec<PostId> = shown
        .iter()
        .filter_map(|id| pool.get(id))
        .filter(|post| post.quote_state.as_deref() == Some("accepted"))
        .filter_map(|post| post.quote_of)
        .collect();
    let quotes: HashMap<PostId, Post> = super::several_for(app, viewer, &quoted)
        .await?
        .into_iter()
        .map(|quote| (quote.id, quote))
        .collect();
    let parents: Vec<PostId> = shown
        .iter()
        .filter_map(|id| pool.get(id)?.in_reply_to)
        .collect();
    let parents: HashMap<PostId, AccountId> = store::list(&app.db, &parents)
        .await?
        .into_iter()
        .map(|post| (post.id, post.account))
        .collect();
    let all: Vec<PostId> = shown
        .iter()
        .chain(quotes.keys())
        .copied()
        .collect::<HashSet<_>>()
        .into_iter()
        .collect();
    let gathered = Gathered::load(
        app,
        viewer,
        &all,
        pool.values()
            .chain(quotes.values())
            .map(|post| post.account)
            .chain(parents.values().copied()),
    )
    .await?;
    let mut views = Vec::new();
    for entry in posts {
        let Some(post) = pool.get(&entry.boost_of.unwrap_or(entry.id)) else {
            continue;
        };
        let Some(mut view) = gathered.view(app, post) else {
            continue;
        };
        if entry.boost_of.is_some() {
            let by = gathered.accounts.get(&entry.account).cloned();
            view.brought_by = by.map(|by| Brought {
                by,
                id: entry.id,
                audience: entry.audience,
            });
        }
        view.quote = post
            .quote_of
            .filter(|_| post.quote_state.as_deref() == Some("accepted"))
            .and_then(|id| quotes.get(&id))
            .and_then(|quote| gathered.view(app, quote))
            .map(Box::new);
        view.answers = post
            .in_reply_to
            .and_then(|id| parents.get(&id))
            .and_then(|id| gathered.accounts.get(id))
            .cloned();
        if let Some(viewer) = viewer {
            view.allowed = policies::allowed(app, viewer, &view.post).await?;
        }
        views.push(view);
    }
    Ok(views)
}

/// Puts what belongs to one post together.
fn grouped<T>(rows: Vec<(PostId, T)>) -> HashMap<PostId, Vec<T>> {
    let mut found: HashMap<PostId, Vec<T>> = HashMap::new();
    for (post, item) in rows {
        found.entry(post).or_default().push(item);
    }
    found
}

/// What belongs to many posts, read in a few statements.
struct Gathered {
    accounts: HashMap<AccountId, Account>,
    media: HashMap<PostId, Vec<Media>>,
    previews: HashMap<PostId, Preview>,
    polls: HashMap<PostId, Poll>,
    votes: HashMap<PostId, Vec<i64>>,
    favourited: HashSet<PostId>,
    boosted: HashSet<PostId>,
    bookmarked: HashSet<PostId>,
    muted: HashSet<PostId>,
    mentions: HashMap<PostId, Vec<Account>>,
    tags: HashMap<PostId, Vec<String>>,
    apps: HashMap<PostId, (String, Option<String>)>,
    badges: Vec<Badge>,
    bylines: HashMap<PostId, Account>,
    quotes: HashMap<PostId, i64>,
}

impl Gathered {
    #[expect(clippy::too_many_lines, reason = "each statement once")]
    async fn load(
        app: &App,
        viewer: Option<&Account>,
        posts: &[PostId],
        accounts: impl Iterator<Item = AccountId>,
    ) -> Result<Self> {
        let accounts: Vec<AccountId> = accounts.collect::<HashSet<_>>().into_iter().collect();
        let crew = viewer.is_some_and(|viewer| viewer.is_local() && viewer.role != Role::Member);
        let viewer = viewer.map_or(0, |viewer| viewer.id.0);
        let list = ids(posts.iter().copied());
        let marked = async |query: crate::kernel::db::Query| -> Result<HashSet<PostId>> {
            let rows = query.bind(viewer).bind(&list).all(&app.db).await?;
            Ok(rows
                .iter()
                .map(|row| row.get("post_id"))
                .collect::<sqlx::Result<_>>()?)
        };
        // The statements know nothing of each other: they are asked side by side.
        let (favourited, boosted, bookmarked, muted, with_poll) = tokio::try_join!(
            marked(sql(
                "SELECT post_id FROM favourites WHERE account_id = $1 AND post_id IN (SELECT value FROM json_each($2))",
            )),
            marked(sql(
                "SELECT boost_of_id AS post_id FROM posts WHERE account_id = $1 AND boost_of_id IN (SELECT value FROM json_each($2))",
            )),
            marked(sql(
                "SELECT post_id FROM bookmarks WHERE account_id = $1 AND post_id IN (SELECT value FROM json_each($2))",
            )),
            marked(sql(
                "SELECT posts.id AS post_id FROM posts JOIN muted_threads ON muted_threads.thread_id = posts.thread_id WHERE muted_threads.account_id = $1 AND posts.id IN (SELECT value FROM json_each($2))",
            )),
            marked(sql(
                "SELECT post_id FROM polls WHERE $1 = $1 AND post_id IN (SELECT value FROM json_each($2))",
            )),
        )?;
        let (people, mentions, tags, apps, bylines) = tokio::try_join!(
            account_store::list(&app.db, &accounts),
            store::mentioned(&app.db, &list),
            store::tags_of(&app.db, &list),
            store::apps_of(&app.db, &list),
            bylines::of_posts(&app.db, &list, crew),
        )?;
        let (attached, previews, quotes, badges) = tokio::try_join!(
            media::of_posts(app, posts),
            previews::of_posts(app, posts),
            quotes::counts(app, posts),
            async { Ok(audiences::badges(&app.db, &accounts, app.clock.now()).await?) },
        )?;
        let mut media: HashMap<PostId, Vec<Media>> = HashMap::new();
        for item in attached {
            if let Some(post) = item.post {
                media.entry(post).or_default().push(item);
            }
        }
        let mut gathered = Self {
            accounts: people.into_iter().map(|one| (one.id, one)).collect(),
            media,
            previews,
            polls: HashMap::new(),
            votes: HashMap::new(),
            favourited,
            boosted,
            bookmarked,
            muted,
            mentions: grouped(mentions),
            tags: grouped(tags),
            apps: apps.into_iter().collect(),
            bylines: bylines.into_iter().collect(),
            quotes: quotes.into_iter().collect(),
            badges: badges
                .into_iter()
                .filter(|badge| badge.shown == Shown::Everywhere)
                .collect(),
        };
        for post in with_poll {
            if let Some(poll) = polls::of_post(app, post).await? {
                gathered.polls.insert(post, poll);
                gathered.votes.insert(
                    post,
                    polls::votes_of(&app.db, AccountId(viewer), post).await?,
                );
            }
        }
        Ok(gathered)
    }

    fn view(&self, app: &App, post: &Post) -> Option<View> {
        let author = self.accounts.get(&post.account)?.clone();
        let address = |url: &str| media::proxy::address(app, url);
        Some(View {
            html: render::with_emojis(&post.html, &post.emojis, address),
            author,
            brought_by: None,
            media: self.media.get(&post.id).cloned().unwrap_or_default(),
            preview: self.previews.get(&post.id).cloned(),
            poll: self.polls.get(&post.id).cloned(),
            votes: self.votes.get(&post.id).cloned().unwrap_or_default(),
            quote: None,
            answers: None,
            mentions: self.mentions.get(&post.id).cloned().unwrap_or_default(),
            tags: self.tags.get(&post.id).cloned().unwrap_or_default(),
            byline: self.bylines.get(&post.id).cloned(),
            badges: self
                .badges
                .iter()
                .filter(|badge| badge.account == post.account)
                .cloned()
                .collect(),
            muted: self.muted.contains(&post.id),
            app: self.apps.get(&post.id).cloned(),
            favourited: self.favourited.contains(&post.id),
            boosted: self.boosted.contains(&post.id),
            bookmarked: self.bookmarked.contains(&post.id),
            quotes: self.quotes.get(&post.id).copied().unwrap_or(0),
            allowed: Allowed::of_nobody(post),
            post: post.clone(),
        })
    }
}
