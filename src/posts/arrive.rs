//! Posts of other nodes, as their documents say.

use super::policies::InteractionPolicy;
use super::{Post, counts, edit, held, polls, previews, references, store, telling, words};
use crate::accounts::{Account, Emoji, remove as tombs};
use crate::app::App;
use crate::audiences::Audience;
use crate::error::Result;
use crate::jobs::news::{self, News};
use crate::jobs::{self, Job};
use crate::kernel::clock::Time;
use crate::kernel::db::Tx;
use crate::kernel::id::{self, AccountId, PostId};
use crate::media::{self, Remote};

/// A poll as it arrived.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Poll {
    /// Titles and votes.
    pub options: Vec<(String, i64)>,
    /// Whether several may be chosen.
    pub multiple: bool,
    /// How many voted.
    pub voters: i64,
    /// When it ends.
    pub expires_at: Option<Time>,
    /// When it ended.
    pub closed_at: Option<Time>,
}

/// A post as it arrived: read, bounded, sanitised, its author known.
#[derive(Clone, Debug)]
pub struct Arrived {
    /// Its id on the wire.
    pub uri: String,
    /// The page for people.
    pub url: Option<String>,
    /// What it is.
    pub kind: &'static str,
    /// Its title.
    pub title: String,
    /// Its content, sanitised.
    pub html: String,
    /// What stands before it.
    pub warning: String,
    /// Whether its pictures are hidden at first.
    pub sensitive: bool,
    /// Its language.
    pub language: Option<String>,
    /// Who may see it.
    pub audience: Audience,
    /// Whom it names, and whether it mentions them.
    pub people: Vec<(Account, bool)>,
    /// Its hashtags, folded.
    pub tags: Vec<String>,
    /// Custom emoji in it.
    pub emojis: Vec<Emoji>,
    /// What it answers.
    pub in_reply_to_uri: Option<String>,
    /// What it quotes.
    pub quote_uri: Option<String>,
    /// The consent to the quote.
    pub quote_stamp_uri: Option<String>,
    /// Who may quote it.
    pub quote_policy: String,
    /// Who may answer, favourite and boost it.
    pub interaction_policy: Option<InteractionPolicy>,
    /// Its attachments.
    pub media: Vec<Remote>,
    /// Its poll.
    pub poll: Option<Poll>,
    /// Why it waits for a look before anybody sees it.
    pub held: Option<&'static str>,
    /// When it was published.
    pub published: Time,
    /// When it was last edited.
    pub updated: Option<Time>,
}

/// How a post came here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// It was sent to us; so many requests are left for what it answers and quotes.
    Delivered(u32),
    /// We fetched it; nobody is told.
    Fetched,
}

/// Writes a post that was not known; one that is known stays as it is, one that was deleted stays away.
///
/// # Errors
/// What the database says.
pub async fn insert(
    app: &App,
    author: &Account,
    arrived: &Arrived,
    way: Way,
) -> Result<Option<Post>> {
    let now = app.clock.now();
    let mut tx = app.db.begin().await?;
    // Of two posts that name each other and come in the same moment, the second finds the first; the same goes for a post
    // and its end.
    let answered = arrived.in_reply_to_uri.iter().chain(&arrived.quote_uri);
    let names: Vec<&str> = answered.chain([&arrived.uri]).map(String::as_str).collect();
    tx.hold(&names).await?;
    if tombs::is_gone(&mut tx, &arrived.uri).await? {
        return Ok(None);
    }
    if let Some(known) = store::find_by_uri(&mut tx, &arrived.uri).await? {
        if known.account != author.id || known.boost_of.is_some() {
            return Ok(None);
        }
        // The same object for another of ours: the personal copy of somebody who may see it too.
        let people: Vec<(AccountId, bool)> = arrived
            .people
            .iter()
            .map(|(account, mentioned)| (account.id, *mentioned))
            .collect();
        store::set_people(&mut tx, known.id, &people).await?;
        tx.commit().await?;
        return Ok(Some(known));
    }
    let parent = match &arrived.in_reply_to_uri {
        Some(uri) => references::find_named(&mut tx, uri, author.id, now).await?,
        None => None,
    };
    let quoted = match &arrived.quote_uri {
        Some(uri) => references::find_named(&mut tx, uri, author.id, now).await?,
        None => None,
    };
    let mut post = blank(author, arrived, parent.as_ref(), now);
    post.quote_of = quoted.map(|quoted| quoted.id);
    if !place(&mut tx, &mut post, (arrived, parent.as_ref()), now).await? {
        return Ok(None);
    }
    write_parts(&mut tx, author, &post, arrived, now).await?;
    let is_orphan = post.in_reply_to_uri.is_some() && post.in_reply_to.is_none();
    if let Way::Delivered(fetches) = way
        && (is_orphan || post.quote_uri.is_some())
    {
        // Another host may be slow; what comes after this does not wait for it.
        let post = post.id;
        jobs::enqueue(&mut tx, now, Job::FetchAround { post, fetches }).await?;
    }
    if let Some(reason) = arrived.held {
        held::note(&mut tx, post.id, post.audience, reason).await?;
        tx.commit().await?;
        app.wake.notify_waiters();
        return Ok(store::find(&app.db, post.id).await?);
    }
    counts::count(&mut tx, &post, 1, Some(arrived.published.min(now))).await?;
    references::adopt_replies(&mut tx, &post, now).await?;
    if way != Way::Fetched {
        let mentioned: Vec<Account> = arrived
            .people
            .iter()
            .filter(|(_, mentioned)| *mentioned)
            .map(|(account, _)| account.clone())
            .collect();
        telling::tell_mentioned(&mut tx, &post, &mentioned, now).await?;
        telling::tell_listeners(&mut tx, &post, now).await?;
        news::tell(&mut tx, now, &News::Post(post.id)).await?;
    }
    tx.commit().await?;
    app.wake.notify_waiters();
    Ok(Some(post))
}

/// Writes a post's row where there is room for it; whether it is new.
async fn place(
    tx: &mut Tx,
    post: &mut Post,
    (arrived, parent): (&Arrived, Option<&Post>),
    now: Time,
) -> sqlx::Result<bool> {
    let mut written = store::insert(&mut *tx, post, None, now).await?;
    for round in 1..=20 {
        if written {
            break;
        }
        // Two posts of one moment may meet in the 16 bits of chance; a crowded moment is stepped over.
        if store::find_by_uri(&mut *tx, &arrived.uri).await?.is_some() {
            return Ok(false);
        }
        let at = Time(arrived.published.0.saturating_add(round * round));
        post.id = PostId(id::mint_at(at, now));
        post.thread = parent.map_or(post.id, |parent| parent.thread);
        written = store::insert(&mut *tx, post, None, now).await?;
    }
    Ok(written)
}

/// Writes what an Update says about a known post; an older one is ignored. So many requests are left for what it quotes.
///
/// # Errors
/// What the database says.
pub async fn update(
    app: &App,
    author: &Account,
    before: &Post,
    arrived: &Arrived,
    fetches: u32,
) -> Result<()> {
    let now = app.clock.now();
    let updated = arrived.updated.unwrap_or(now).min(now);
    let mut after = blank(author, arrived, None, now);
    after.id = before.id;
    after.audience = before.audience;
    after.quote_of = before
        .quote_of
        .filter(|_| before.quote_uri == arrived.quote_uri);
    if before.quote_uri == arrived.quote_uri && before.quote_state.as_deref() == Some("accepted") {
        after.quote_state.clone_from(&before.quote_state);
    }
    let rewritten = (&before.html, &before.title, &before.warning)
        != (&after.html, &after.title, &after.warning);
    after.edited_at = if rewritten {
        Some(updated)
    } else {
        before.edited_at
    };
    let mut tx = app.db.begin().await?;
    if !store::revise(&mut tx, before.id, updated).await? {
        // A newer version came first.
        return Ok(());
    }
    if rewritten {
        store::insert_edit(&mut tx, before, id::mint(now)).await?;
        edit::tell_boosters(&mut tx, before, now).await?;
    }
    after.version = store::update(&mut tx, &after).await?;
    write_parts(&mut tx, author, &after, arrived, now).await?;
    if after.quote_uri.is_some() && after.quote_state.as_deref() != Some("accepted") {
        let job = Job::FetchAround {
            post: after.id,
            fetches,
        };
        jobs::enqueue(&mut tx, now, job).await?;
    }
    match arrived.held {
        // What the house does not take it takes by no edit.
        Some(reason) => held::hold_in(&mut tx, before, reason, now).await?,
        None => news::tell(&mut tx, now, &News::Edited(after.id)).await?,
    }
    tx.commit().await?;
    app.wake.notify_waiters();
    Ok(())
}

async fn write_parts(
    tx: &mut Tx,
    author: &Account,
    post: &Post,
    arrived: &Arrived,
    now: Time,
) -> Result<()> {
    let people: Vec<(AccountId, bool)> = arrived
        .people
        .iter()
        .map(|(account, mentioned)| (account.id, *mentioned))
        .collect();
    store::set_people(&mut *tx, post.id, &people).await?;
    store::set_tags(&mut *tx, post.id, &arrived.tags).await?;
    if arrived.held.is_none() {
        words::keep(&mut *tx, author, post).await?;
        previews::expect(&mut *tx, post, now).await?;
    }
    media::replace_remote(&mut *tx, author.id, post.id, &arrived.media, now).await?;
    if let Some(poll) = &arrived.poll {
        polls::write_arrived(&mut *tx, post.id, poll, now).await?;
    }
    Ok(())
}

fn blank(author: &Account, arrived: &Arrived, parent: Option<&Post>, now: Time) -> Post {
    let id = PostId(id::mint_at(arrived.published, now));
    Post {
        id,
        uri: arrived.uri.clone(),
        url: arrived.url.clone(),
        account: author.id,
        boost_of: None,
        thread: parent.map_or(id, |parent| parent.thread),
        in_reply_to: parent.map(|parent| parent.id),
        in_reply_to_uri: arrived.in_reply_to_uri.clone(),
        kind: arrived.kind.to_owned(),
        audience: arrived.audience,
        title: arrived.title.clone(),
        text: String::new(),
        html: arrived.html.clone(),
        warning: arrived.warning.clone(),
        sensitive: arrived.sensitive,
        language: arrived.language.clone(),
        emojis: arrived.emojis.clone(),
        quote_of: None,
        quote_uri: arrived.quote_uri.clone(),
        quote_state: arrived.quote_uri.as_ref().map(|_| "pending".to_owned()),
        quote_stamp_uri: arrived.quote_stamp_uri.clone(),
        quote_policy: arrived.quote_policy.clone(),
        interaction_policy: arrived.interaction_policy.clone(),
        approval: None,
        approval_uri: None,
        replies_count: 0,
        boosts_count: 0,
        favourites_count: 0,
        pinned_at: None,
        created_at: arrived.published.min(now),
        edited_at: arrived
            .updated
            .filter(|at| *at > arrived.published)
            .map(|at| at.min(now)),
        replies_fetched_at: None,
        version: 0,
    }
}
