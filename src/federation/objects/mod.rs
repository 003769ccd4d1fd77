//! Objects: fetched, read, believed only from their own host.

pub mod note;
mod policy;

use std::time::Duration;

use serde_json::Value;

use super::activities::quote;
use super::actor;
use super::doc::Doc;
use super::fetch::{self, Budget};
use crate::accounts::{self, Account};
use crate::app::App;
use crate::jobs::{self, Job};
use crate::kernel::html::escape;
use crate::kernel::http::FetchError;
use crate::kernel::id::PostId;
use crate::kernel::origin::same_origin;
use crate::moderation::gate::{self, About, Verdict};
use crate::nodes::measures;
use crate::posts::arrive::{self, Arrived, Way};
use crate::posts::{self, Post};

/// What a look-up found.
#[derive(Debug)]
pub enum Found {
    /// An account.
    Account(Account),
    /// A post.
    Post(Box<Post>),
}

fn database(error: impl std::fmt::Display) -> FetchError {
    FetchError::Unreachable(error.to_string())
}

/// The post with this id: as known here, else fetched from its host. Its author must live there too.
///
/// # Errors
/// When it cannot be fetched or is no post.
pub async fn post(
    app: &App,
    uri: &str,
    signer: Option<&Account>,
    budget: &Budget,
) -> Result<Post, FetchError> {
    if let Some(post) = posts::find_by_uri(app, uri).await.map_err(database)? {
        return Ok(post);
    }
    let document = fetch::object(app, uri, signer, budget).await?;
    write(app, &document, budget).await
}

/// Writes a post document that its own host served.
///
/// # Errors
/// When it is no post or its author cannot be found.
pub async fn write(app: &App, document: &Value, budget: &Budget) -> Result<Post, FetchError> {
    let uri = Doc(document)
        .id()
        .ok_or(FetchError::Unusable("the document has no id"))?;
    if let Some(post) = posts::find_by_uri(app, uri).await.map_err(database)? {
        return Ok(post);
    }
    let author = author_of(Doc(document))
        .filter(|author| same_origin(author, uri))
        .ok_or(FetchError::Unusable("the post has no author there"))?;
    let author = actor::resolve(app, author, budget).await?;
    let mut arrived = note::read(app, document, &author)
        .await
        .map_err(database)?
        .ok_or(FetchError::Unusable("it is no post"))?;
    let wanted = admit(app, &author, &mut arrived, false).await;
    if !wanted.map_err(database)? {
        return Err(FetchError::Unusable("the house does not want it"));
    }
    arrive::insert(app, &author, &arrived, Way::Fetched)
        .await
        .map_err(database)?
        .ok_or(FetchError::Unusable("the post was deleted"))
}

/// Asks the house about a post that is new here, sent or fetched: what it lets wait is kept and shown to nobody; whether
/// it is wanted at all.
///
/// # Errors
/// What the database says.
pub async fn admit(
    app: &App,
    author: &Account,
    arrived: &mut Arrived,
    fresh: bool,
) -> crate::error::Result<bool> {
    if author.disabled_at.is_some() || author.frozen_at.is_some() {
        return Ok(false);
    }
    if measures::about(app, &author.host).await?.reject_media {
        arrived.media.clear();
    }
    let find = async |uri: &Option<String>| match uri {
        Some(uri) => posts::find_named(app, uri, author.id).await,
        None => Ok(None),
    };
    let (parent, quoted) = (
        find(&arrived.in_reply_to_uri).await?,
        find(&arrived.quote_uri).await?,
    );
    let about = About {
        parent: parent.as_ref(),
        mentions: arrived
            .people
            .iter()
            .any(|(account, mentioned)| *mentioned && account.is_local()),
        quotes: quoted.is_some_and(|quoted| app.origin().owns(&quoted.uri)),
        audience: arrived.audience,
        html: &readable(arrived),
        fresh,
    };
    match gate::verdict(app, author, &about).await? {
        Verdict::Pass { hidden } => arrived.sensitive |= hidden,
        Verdict::Hold(reason) => arrived.held = Some(reason),
        Verdict::Refuse(_) => return Ok(false),
    }
    Ok(true)
}

/// Everything that can be read in a post.
fn readable(arrived: &Arrived) -> String {
    let mut all = arrived.html.clone();
    let options = arrived.poll.iter().flat_map(|poll| &poll.options);
    let said = arrived.media.iter().map(|file| &file.description);
    let more = [&arrived.warning, &arrived.title].into_iter();
    for text in more.chain(options.map(|(title, _)| title)).chain(said) {
        all.push(' ');
        all.push_str(&escape(text));
    }
    all
}

/// Whose a post is: the first author; a video's is the person, not the channel.
pub fn author_of(doc: Doc<'_>) -> Option<&str> {
    let authors = doc.each("attributedTo");
    let person = authors
        .iter()
        .find(|author| author.kind() == Some("Person"))
        .and_then(Doc::id);
    person
        .or_else(|| authors.first().and_then(Doc::id))
        .or_else(|| doc.id_of("actor"))
}

/// Fetches what a post answers, up to the first post of its thread or the end of the budget.
///
/// # Errors
/// What the database says; a parent that cannot be had is left out.
pub async fn complete_thread(
    app: &App,
    post: &Post,
    signer: Option<&Account>,
    budget: &Budget,
) -> crate::error::Result<()> {
    let mut next = post
        .in_reply_to_uri
        .clone()
        .filter(|_| post.in_reply_to.is_none());
    let mut author = post.account;
    while let Some(uri) = next {
        if posts::find_by_uri(app, &uri).await?.is_some() || app.origin().owns(&uri) {
            // It may have come in the very moment in which its answer did.
            return Ok(posts::references::join(app, &uri, author).await?);
        }
        match self::post(app, &uri, signer, budget).await {
            Ok(parent) => {
                author = parent.account;
                next = parent
                    .in_reply_to_uri
                    .filter(|_| parent.in_reply_to.is_none());
            }
            Err(error) => {
                tracing::debug!(%uri, %error, "a parent post could not be fetched");
                return Ok(());
            }
        }
    }
    Ok(())
}

/// Fetches what a post quotes and what it answers. What is silent now is asked again later, as long as
/// the budget lasts.
///
/// # Errors
/// What the database says.
pub async fn fetch_around(app: &App, id: PostId, budget: &Budget) -> anyhow::Result<()> {
    let Some(post) = posts::find(app, id).await? else {
        return Ok(());
    };
    let silent = post.quote_uri.is_some()
        && matches!(quote::check(app, id, budget).await, Err(error) if error.is::<FetchError>());
    complete_thread(app, &post, None, budget).await?;
    let fetches = budget.left();
    if silent && fetches > 0 {
        let (now, job) = (app.clock.now(), Job::FetchAround { post: id, fetches });
        jobs::enqueue_at(&app.db, now, now.plus(LATER), job).await?;
    }
    Ok(())
}

/// After how long a silent host is asked again.
const LATER: Duration = Duration::from_secs(600);

/// Looks up an address elsewhere: a page or an id, of an account or a post.
///
/// # Errors
/// When nothing of use is there.
pub async fn look_up(app: &App, address: &str, budget: &Budget) -> Result<Found, FetchError> {
    if app.origin().owns(address) {
        return Err(FetchError::Status(http::StatusCode::NOT_FOUND));
    }
    let document = match fetch::object(app, address, None, budget).await {
        // A page for people may say where its document is.
        Err(FetchError::Unusable(_)) => fetch::behind_page(app, address, budget).await?,
        fetched => fetched?,
    };
    if Doc(&document).kind_in(&actor::TYPES).is_some() {
        return actor::write(app, &document, budget)
            .await
            .map(Found::Account);
    }
    write(app, &document, budget)
        .await
        .map(|post| Found::Post(Box::new(post)))
}

/// What an address means here: an id, or a page, of ours or of theirs.
///
/// # Errors
/// What the database says.
pub async fn known(app: &App, address: &str) -> crate::error::Result<Option<Found>> {
    if let Some(account) = accounts::find_by_uri(app, address).await? {
        return Ok(Some(Found::Account(account)));
    }
    if let Some(post) = posts::find_by_uri(app, address).await? {
        return Ok(Some(Found::Post(Box::new(post))));
    }
    let origin = app.origin();
    let Some(path) = origin
        .path_of(address)
        .and_then(|path| path.strip_prefix("/@"))
    else {
        return known_by_page(app, address).await;
    };
    let (handle, rest) = path.split_once('/').unwrap_or((path, ""));
    if let Ok(id) = rest.parse() {
        return Ok(posts::find(app, id)
            .await?
            .map(|post| Found::Post(Box::new(post))));
    }
    Ok(accounts::find_by_handle(app, handle)
        .await?
        .filter(|_| rest.is_empty())
        .map(Found::Account))
}

/// What is known of somebody else's page; it counts only on the host of what it shows.
async fn known_by_page(app: &App, address: &str) -> crate::error::Result<Option<Found>> {
    if let Some(post) = posts::find_by_page(app, address).await?
        && same_origin(&post.uri, address)
    {
        return Ok(Some(Found::Post(Box::new(post))));
    }
    let account = accounts::remote::find_by_page(app, address).await?;
    let account = account.filter(|account| same_origin(&account.uri, address));
    Ok(account.map(Found::Account))
}
