//! Accounts: local, remote, guest and the node's own, in one table.

pub mod bounces;
pub mod create;
pub mod dispatch;
pub mod keys;
pub mod letters;
pub mod links;
pub mod preferences;
pub mod profile;
pub mod remote;
pub mod remove;
pub mod second_factor;
pub mod sessions;
pub mod sign_in;
pub(crate) mod store;
pub mod web;

use serde::{Deserialize, Serialize};

use crate::app::App;
use crate::error::{Error, Result};
use crate::kernel::clock::Time;
use crate::kernel::db::Tx;
use crate::kernel::id::{AccountId, InboxId};
use crate::kernel::origin::Origin;

/// Where an account lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Here.
    Local,
    /// On another node.
    Remote,
    /// Nowhere else; someone proven only at our door.
    Guest,
    /// This node's own actor.
    Node,
}

/// What an account may do here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// The artist or brand: runs the house.
    Host,
    /// Helps the host; has a member's rights as yet.
    Crew,
    /// A fan whose home is here.
    Member,
}

impl Role {
    /// The role's name in the database and on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Host => "host",
            Self::Crew => "crew",
            Self::Member => "member",
        }
    }

    /// Reads a role's name.
    pub fn parse(name: &str) -> Option<Self> {
        [Self::Host, Self::Crew, Self::Member]
            .into_iter()
            .find(|role| role.name() == name)
    }
}

/// A line of a profile: a name and what it says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Field {
    /// The name, plain text.
    pub name: String,
    /// The value: plain text of local accounts, sanitised HTML of remote ones.
    pub value: String,
    /// Since when the page it links to is known to link back.
    #[serde(default)]
    pub verified_at: Option<Time>,
    /// Whether it is shown to followers only, on pages here.
    #[serde(default)]
    pub for_followers: bool,
}

/// A custom emoji as its author's node defines it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Emoji {
    /// The name without colons.
    pub shortcode: String,
    /// The picture's address over there.
    pub url: String,
}

/// An account.
#[derive(Clone, Debug)]
pub struct Account {
    /// Our id.
    pub id: AccountId,
    /// Where it lives.
    pub kind: Kind,
    /// What it may do here.
    pub role: Role,
    /// The name in its handle.
    pub name: String,
    /// The host of its uri; empty for local accounts.
    pub host: String,
    /// What its handle ends in; empty for local accounts.
    pub domain: String,
    /// The actor's id on the wire.
    pub uri: String,
    /// The page for people.
    pub url: Option<String>,
    /// The actor's type on the wire.
    pub actor_type: String,
    /// The name it shows; may be empty.
    pub display_name: String,
    /// Plain text of local accounts, sanitised HTML of remote ones.
    pub bio: String,
    /// The lines of its profile.
    pub fields: Vec<Field>,
    /// Custom emoji in its name, bio and fields.
    pub emojis: Vec<Emoji>,
    /// The picture's file here.
    pub avatar: Option<String>,
    /// The wide picture's file here.
    pub header: Option<String>,
    /// The picture's address over there.
    pub avatar_url: Option<String>,
    /// The wide picture's address over there.
    pub header_url: Option<String>,
    /// Whether follows must be accepted by hand.
    pub locked: bool,
    /// Whether a program speaks here.
    pub bot: bool,
    /// Whether it wants to be found and suggested.
    pub discoverable: bool,
    /// Whether its public posts may be searched.
    pub indexable: bool,
    /// The id of its RSA key.
    pub public_key_id: Option<String>,
    /// Its RSA key.
    pub public_key_pem: Option<String>,
    /// The id of its Ed25519 key.
    pub ed25519_key_id: Option<String>,
    /// Its Ed25519 key as a Multikey value.
    pub ed25519_key: Option<String>,
    /// Where its deliveries go.
    pub inbox_id: Option<InboxId>,
    /// Where deliveries to its node go, if it has such an address.
    pub shared_inbox_id: Option<InboxId>,
    /// The collection of its followers.
    pub followers_uri: Option<String>,
    /// The collection of whom it follows.
    pub following_uri: Option<String>,
    /// The collection of its activities.
    pub outbox_uri: Option<String>,
    /// The collection of its pinned posts.
    pub featured_uri: Option<String>,
    /// Other accounts it says are the same person.
    pub aliases: Vec<String>,
    /// Where it moved.
    pub moved_to: Option<String>,
    /// When it moved.
    pub moved_at: Option<Time>,
    /// How many follow it.
    pub followers_count: i64,
    /// How many it follows.
    pub following_count: i64,
    /// How many posts it wrote.
    pub posts_count: i64,
    /// When it last posted.
    pub last_post_at: Option<Time>,
    /// When it came to be, as far as known.
    pub created_at: Time,
    /// When it last changed.
    pub updated_at: Time,
    /// When its document was last fetched.
    pub fetched_at: Option<Time>,
    /// When its older posts were fetched.
    pub backfilled_at: Option<Time>,
    /// When the host locked it out.
    pub disabled_at: Option<Time>,
    /// Since when its posts stand on no public list.
    pub silenced_at: Option<Time>,
    /// Since when its pictures are hidden at first.
    pub sensitised_at: Option<Time>,
    /// Since when it only reads.
    pub frozen_at: Option<Time>,
    /// When it ended.
    pub deleted_at: Option<Time>,
    /// Grows with every change.
    pub version: i64,
}

impl Account {
    /// Whether its home is this node (the node's own actor included).
    pub fn is_local(&self) -> bool {
        matches!(self.kind, Kind::Local | Kind::Node | Kind::Guest)
    }

    /// Whether it can act: neither ended nor locked out.
    pub fn is_active(&self) -> bool {
        self.deleted_at.is_none() && self.disabled_at.is_none()
    }

    /// `nina` at home, `nina@far.example` elsewhere.
    pub fn acct(&self) -> String {
        if self.domain.is_empty() {
            self.name.clone()
        } else {
            format!("{}@{}", self.name, self.domain)
        }
    }

    /// `nina@nova.example`, as it is written anywhere.
    pub fn handle(&self, origin: &Origin) -> String {
        let domain = if self.domain.is_empty() {
            &origin.domain
        } else {
            &self.domain
        };
        format!("{}@{domain}", self.name)
    }

    /// The name to show.
    pub fn shown_name(&self) -> &str {
        if self.display_name.trim().is_empty() {
            &self.name
        } else {
            &self.display_name
        }
    }

    /// The path of our page about it.
    pub fn path(&self) -> String {
        format!("/@{}", self.acct())
    }

    /// The lines of its profile that everybody sees.
    pub fn open_fields(&self) -> impl Iterator<Item = &Field> {
        self.fields.iter().filter(|field| !field.for_followers)
    }

    /// Whether it runs this house.
    pub fn is_host(&self) -> bool {
        self.kind == Kind::Local && self.role == Role::Host
    }
}

/// The account with this id.
///
/// # Errors
/// `NotFound` when there is none.
pub async fn get(app: &App, id: AccountId) -> Result<Account> {
    store::find(&app.db, id).await?.ok_or(Error::NotFound)
}

/// The account with this id, if any.
///
/// # Errors
/// What the database says.
pub async fn find(app: &App, id: AccountId) -> Result<Option<Account>> {
    Ok(store::find(&app.db, id).await?)
}

/// The accounts with these ids, in no order.
///
/// # Errors
/// What the database says.
pub async fn list(app: &App, ids: &[AccountId]) -> Result<Vec<Account>> {
    Ok(store::list(&app.db, ids).await?)
}

/// The account with this actor id, if known here.
///
/// # Errors
/// What the database says.
pub async fn find_by_uri(app: &App, uri: &str) -> Result<Option<Account>> {
    Ok(store::find_by_uri(&app.db, uri).await?)
}

/// The local account of this name, also the node's own; never a deleted one.
///
/// # Errors
/// What the database says.
pub async fn find_local(app: &App, name: &str) -> Result<Option<Account>> {
    Ok(store::find_by_handle(&app.db, &name.to_lowercase(), "").await?)
}

/// The account of a handle `name` or `name@domain`, with or without a leading `@`, if known here.
///
/// # Errors
/// What the database says.
pub async fn find_by_handle(app: &App, handle: &str) -> Result<Option<Account>> {
    let Some((name, domain)) = split_handle(handle) else {
        return Ok(None);
    };
    let own = domain.is_empty() || domain == app.origin().domain;
    Ok(store::find_by_handle(
        &app.db,
        &name.to_lowercase(),
        if own { "" } else { &domain },
    )
    .await?)
}

/// Name and lower-case ASCII domain of a handle; the domain is empty where none was written.
pub fn split_handle(handle: &str) -> Option<(String, String)> {
    let handle = handle.trim().trim_start_matches('@');
    let (name, domain) = handle.split_once('@').unwrap_or((handle, ""));
    let sound = !name.is_empty()
        && name.len() <= 2048
        && name
            .chars()
            .all(|c| c.is_alphanumeric() || matches!(c, '_' | '.' | '-'));
    let domain = if domain.is_empty() {
        String::new()
    } else {
        crate::kernel::origin::ascii_domain(domain)?
    };
    sound.then(|| (name.to_owned(), domain))
}

/// This node's own actor.
///
/// # Errors
/// When the database cannot be read; it exists since the first start.
pub async fn node_actor(app: &App) -> Result<Account> {
    store::node_actor(&app.db)
        .await?
        .ok_or_else(|| Error::Internal(anyhow::anyhow!("the node's own actor is missing")))
}

/// The house's first host, if there is one yet.
///
/// # Errors
/// What the database says.
pub async fn first_host(app: &App) -> Result<Option<Account>> {
    Ok(store::first_host(&app.db).await?)
}

/// Local accounts, the oldest first.
///
/// # Errors
/// What the database says.
pub async fn list_local(app: &App) -> Result<Vec<Account>> {
    Ok(store::list_local(&app.db).await?)
}

/// Locks an account out from now on, or lets it in again; its sessions end. Whether that changed anything.
///
/// # Errors
/// `Conflict` when it is the last host.
pub async fn set_disabled(tx: &mut Tx, id: AccountId, since: Option<Time>) -> Result<bool> {
    let account = store::lock(&mut *tx, id).await?.ok_or(Error::NotFound)?;
    if account.disabled_at.is_some() == since.is_some() {
        return Ok(false);
    }
    if since.is_some() && account.is_host() && !store::another_host(&mut *tx, id).await? {
        return Err(Error::conflict("error-last-host"));
    }
    store::set_disabled(&mut *tx, id, since).await?;
    sessions::end_all(tx, id).await?;
    Ok(true)
}

/// Gives an account another role. Whether that changed anything.
///
/// # Errors
/// `Conflict` when that would leave the house without a host.
pub async fn set_role(tx: &mut Tx, id: AccountId, role: Role) -> Result<bool> {
    let account = store::lock(&mut *tx, id).await?.ok_or(Error::NotFound)?;
    if account.role == role {
        return Ok(false);
    }
    if account.is_host() && !store::another_host(&mut *tx, id).await? {
        return Err(Error::conflict("error-last-host"));
    }
    store::set_role(&mut *tx, id, role).await?;
    if role != Role::Crew {
        store::leave_crew(tx, id).await?;
    }
    Ok(true)
}

/// How many members were here within the last four weeks, with a browser or an app.
///
/// # Errors
/// What the database says.
pub async fn count_active(app: &App) -> Result<i64> {
    let since = app
        .clock
        .now()
        .minus(std::time::Duration::from_secs(28 * 86_400));
    Ok(store::count_active(&app.db, since).await?)
}
