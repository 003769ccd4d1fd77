//! Apps: registered here, or described by a document at their own address.

use std::time::Duration;

use serde::Deserialize;

use super::redirects;
use super::scopes::Scopes;
use crate::app::App as Node;
use crate::error::{Error, Result};
use crate::kernel::clock::Time;
use crate::kernel::crypt;
use crate::kernel::db::{Row, sql};
use crate::kernel::id::{AccountId, AppId};
use crate::kernel::origin::{parse_url, same_origin};

/// The columns of `apps` that are read.
macro_rules! app_columns {
    () => {
        "apps.id, apps.client_id, apps.secret_hash, apps.name, apps.website, apps.redirect_uris, apps.scopes, apps.created_at"
    };
}

/// Longest name, address or list of addresses that is taken.
const LONGEST: usize = 2_000;
/// Most addresses an app may be sent back to.
const ADDRESSES: usize = 20;
/// After how long an app's own document is read again.
const STALE: Duration = Duration::from_secs(86_400);
/// Most bytes of such a document.
const DOCUMENT: usize = 64 << 10;

/// A program that acts for members.
#[derive(Clone, Debug)]
pub struct App {
    /// Its id.
    pub id: AppId,
    /// What it calls itself towards us.
    pub client_id: String,
    /// A digest of what it proves itself with; none for public ones.
    secret_hash: Option<String>,
    /// What people call it.
    pub name: String,
    /// Its page.
    pub website: Option<String>,
    /// Where people may be sent back to, byte for byte.
    pub redirect_uris: Vec<String>,
    /// What it may ask for.
    pub scopes: Scopes,
    /// When it was registered or last read.
    pub created_at: Time,
}

impl App {
    /// Whether this is its secret.
    pub fn proves(&self, secret: &str) -> bool {
        self.secret_hash
            .as_deref()
            .is_some_and(|hash| crypt::equal(hash.as_bytes(), crypt::token_hash(secret).as_bytes()))
    }

    /// Whether people may be sent to this address: exactly one of those it registered. A loopback
    /// address may carry another port (RFC 8252 §7.3).
    pub fn redirects_to(&self, address: &str) -> bool {
        self.redirect_uris
            .iter()
            .any(|known| known == address || same_but_port(known, address))
    }
}

fn same_but_port(known: &str, address: &str) -> bool {
    let strip = |text: &str| {
        let rest = text.strip_prefix("http://")?;
        let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        let host = ["127.0.0.1", "[::1]"].into_iter().find(|host| {
            authority.strip_prefix(host).is_some_and(|port| {
                port.is_empty()
                    || port.strip_prefix(':').is_some_and(|port| {
                        !port.is_empty() && port.chars().all(|c| c.is_ascii_digit())
                    })
            })
        })?;
        Some((host, path.to_owned()))
    };
    strip(known).is_some_and(|known| Some(known) == strip(address))
}

/// What an app says when it registers.
#[derive(Clone, Debug, Default)]
pub struct New {
    /// What people call it.
    pub name: String,
    /// Its page.
    pub website: Option<String>,
    /// Where people may be sent back to.
    pub redirect_uris: Vec<String>,
    /// What it may ask for.
    pub scopes: Scopes,
}

fn read(row: &Row) -> sqlx::Result<App> {
    let uris: String = row.get("redirect_uris")?;
    let scopes: String = row.get("scopes")?;
    Ok(App {
        id: row.get("id")?,
        client_id: row.get("client_id")?,
        secret_hash: row.get("secret_hash")?,
        name: row.get("name")?,
        website: row.get("website")?,
        redirect_uris: serde_json::from_str(&uris).unwrap_or_default(),
        scopes: Scopes::parse(&scopes).unwrap_or_default(),
        created_at: row.get("created_at")?,
    })
}

fn check(node: &Node, new: &New) -> Result<()> {
    let sound = |uri: &String| {
        uri.len() <= LONGEST
            && redirects::may_lead_to(&node.settings, uri)
            && !uri.contains('#')
            && !uri.chars().any(|c| c.is_control() || c == ' ')
    };
    if new.name.trim().is_empty() || new.name.len() > LONGEST {
        return Err(Error::invalid("client_name", "error-app-name"));
    }
    if new.redirect_uris.is_empty()
        || new.redirect_uris.len() > ADDRESSES
        || !new.redirect_uris.iter().all(sound)
    {
        return Err(Error::invalid("redirect_uris", "error-app-address"));
    }
    Ok(())
}

/// Registers an app; it and the secret, which is kept by nobody else.
///
/// # Errors
/// `Invalid` when a name or an address is missing or cannot be used.
pub async fn register(node: &Node, new: &New) -> Result<(App, String)> {
    check(node, new)?;
    let (client_id, secret) = (crypt::token(), crypt::token());
    let hash = crypt::token_hash(&secret);
    write(node, &client_id, Some(&hash), new).await?;
    let app = find(node, &client_id).await?.ok_or(Error::NotFound)?;
    Ok((app, secret))
}

async fn write(node: &Node, client_id: &str, secret: Option<&str>, new: &New) -> Result<()> {
    let now = node.clock.now();
    sql("INSERT INTO apps (id, client_id, secret_hash, name, website, redirect_uris, scopes, created_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (client_id) DO UPDATE SET name = EXCLUDED.name, website = EXCLUDED.website, redirect_uris = EXCLUDED.redirect_uris, scopes = EXCLUDED.scopes, created_at = EXCLUDED.created_at")
        .bind(AppId::mint(now))
        .bind(client_id)
        .bind(secret)
        .bind(new.name.trim())
        .bind(new.website.clone().filter(|page| parse_url(page).is_some()))
        .bind(serde_json::to_string(&new.redirect_uris)?)
        .bind(new.scopes.to_string())
        .bind(now)
        .run(&node.db)
        .await?;
    Ok(())
}

/// The app of a client id, if known.
///
/// # Errors
/// What the database says.
pub async fn find(node: &Node, client_id: &str) -> Result<Option<App>> {
    let row = sql(concat!(
        "SELECT ",
        app_columns!(),
        " FROM apps WHERE client_id = $1"
    ))
    .bind(client_id)
    .optional(&node.db)
    .await?;
    Ok(row.as_ref().map(read).transpose()?)
}

/// The apps that have a token for a member.
///
/// # Errors
/// What the database says.
pub async fn of_member(node: &Node, member: AccountId) -> Result<Vec<App>> {
    let rows = sql(concat!(
        "SELECT ",
        app_columns!(),
        " FROM apps WHERE id IN (SELECT app_id FROM tokens WHERE account_id = $1) ORDER BY id"
    ))
    .bind(member)
    .all(&node.db)
    .await?;
    Ok(rows.iter().map(read).collect::<sqlx::Result<_>>()?)
}

/// The app with this id.
///
/// # Errors
/// `NotFound` when there is none.
pub async fn get(node: &Node, id: AppId) -> Result<App> {
    let row = sql(concat!(
        "SELECT ",
        app_columns!(),
        " FROM apps WHERE id = $1"
    ))
    .bind(id)
    .optional(&node.db)
    .await?;
    Ok(read(&row.ok_or(Error::NotFound)?)?)
}

/// The command line's own app, which nobody is ever sent back to.
///
/// # Errors
/// What the database says.
pub async fn of_the_command_line(node: &Node) -> Result<App> {
    let scopes = "profile read write follow push";
    own(node, "command-line", "Command line", scopes).await
}

/// The app of signed-in browsers that are told about notifications.
///
/// # Errors
/// What the database says.
pub async fn of_browsers(node: &Node) -> Result<App> {
    own(node, "browsers", "Notifications in a browser", "push").await
}

async fn own(node: &Node, id: &str, name: &str, scopes: &str) -> Result<App> {
    let new = New {
        name: name.to_owned(),
        redirect_uris: vec![super::OUT_OF_BAND.to_owned()],
        scopes: Scopes::parse(scopes).unwrap_or_default(),
        website: None,
    };
    write(node, id, None, &new).await?;
    find(node, id).await?.ok_or(Error::NotFound)
}

/// What an app says of itself at its own address (client id metadata document).
#[derive(Debug, Deserialize)]
struct Document {
    client_id: String,
    client_name: Option<String>,
    client_uri: Option<String>,
    #[serde(default)]
    redirect_uris: Vec<String>,
    scope: Option<String>,
}

/// The app of a client id; where that is an address, what stands there is fetched first.
///
/// # Errors
/// `NotFound` when there is no such app or its document does not speak for it.
pub async fn resolve(node: &Node, client_id: &str) -> Result<App> {
    let known = find(node, client_id).await?;
    let now = node.clock.now();
    let fresh = known
        .as_ref()
        .is_some_and(|app| app.secret_hash.is_some() || now.since(app.created_at) < STALE);
    if fresh || !client_id.starts_with("http") {
        return known.ok_or(Error::NotFound);
    }
    let fetched = fetch(node, client_id).await;
    if let Ok(new) = fetched {
        write(node, client_id, None, &new).await?;
        return find(node, client_id).await?.ok_or(Error::NotFound);
    }
    known.ok_or(Error::NotFound)
}

async fn fetch(node: &Node, client_id: &str) -> Result<New> {
    let answer = node
        .http
        .get(client_id, "application/json", DOCUMENT)
        .await
        .map_err(|_| Error::NotFound)?;
    let document: Document = serde_json::from_slice(&answer.body).map_err(|_| Error::NotFound)?;
    // An app is where it says it is, and sends nobody to a stranger's page.
    let own = |uri: &String| !uri.starts_with("http") || same_origin(uri, client_id);
    if document.client_id != client_id
        || answer.url.as_str() != client_id
        || !document.redirect_uris.iter().all(own)
    {
        return Err(Error::NotFound);
    }
    let scopes = document.scope.as_deref().and_then(Scopes::parse);
    let new = New {
        name: document.client_name.unwrap_or_else(|| client_id.to_owned()),
        website: document.client_uri,
        redirect_uris: document.redirect_uris,
        scopes: scopes
            .unwrap_or_else(|| Scopes::parse("profile read write follow push").unwrap_or_default()),
    };
    check(node, &new)?;
    Ok(new)
}

#[cfg(test)]
mod tests {
    use super::same_but_port;

    #[test]
    fn only_the_port_of_a_loopback_address_may_differ() {
        assert!(same_but_port(
            "http://127.0.0.1/cb",
            "http://127.0.0.1:4711/cb"
        ));
        assert!(same_but_port("http://[::1]:1/cb", "http://[::1]:2/cb"));
        for other in [
            "http://127.0.0.1:4711/other",
            "http://127.0.0.1.evil.example/cb",
            "http://127.0.0.1:@evil.example/cb",
            "https://127.0.0.1/cb",
            "http://localhost:1/cb",
        ] {
            assert!(!same_but_port("http://127.0.0.1/cb", other), "{other}");
        }
        assert!(!same_but_port(
            "https://a.example/cb",
            "https://a.example:2/cb"
        ));
    }
}
