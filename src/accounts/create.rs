//! New local accounts.

use unicode_normalization::UnicodeNormalization as _;

use super::{Account, Kind, Role, sign_in, store};
use crate::app::App;
use crate::error::{Error, Result};
use crate::kernel::crypt::{self, Ed25519Key, RsaKey};
use crate::kernel::db::Tx;
use crate::kernel::id::AccountId;

/// Names that would be mistaken for the house's own pages or voice.
const RESERVED: &[&str] = &[
    "node",
    "actor",
    "admin",
    "administrator",
    "api",
    "inbox",
    "outbox",
    "settings",
    "me",
    "users",
    "guests",
    "oauth",
    "auth",
    "home",
    "local",
    "about",
    "help",
    "support",
    "root",
    "system",
    "host",
    "crew",
    "moderator",
    "mod",
    "staff",
    "security",
    "postmaster",
    "abuse",
    "webmaster",
    "everyone",
    "here",
    "all",
    "null",
    "undefined",
    "www",
    "mail",
    "assets",
    "media",
    "search",
    "explore",
    "tags",
    "public",
    "well_known",
];

/// What a new account starts with.
pub struct New<'a> {
    /// The name of its handle.
    pub name: &'a str,
    /// The name it shows; may be empty.
    pub display_name: &'a str,
    /// Its e-mail address.
    pub email: Option<&'a str>,
    /// Its password.
    pub password: &'a str,
    /// What it may do.
    pub role: Role,
    /// Whether the address needs no confirmation.
    pub confirmed: bool,
}

/// A name as people type it, as it is kept: without what stands around it, in small letters, in the usual form of its
/// signs (UAX #15, NFKC).
pub fn fold_name(typed: &str) -> String {
    let plain: String = typed.nfkc().collect();
    plain.trim().trim_start_matches('@').trim().to_lowercase()
}

/// Checks the name of a new handle: `[a-z0-9_]{1,30}`, and none that is reserved.
///
/// # Errors
/// `Invalid`, with what to change.
pub fn check_name(name: &str) -> Result<()> {
    let sound = (1..=30).contains(&name.len())
        && name
            .chars()
            .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
    if !sound {
        return Err(Error::invalid("name", "error-name-form"));
    }
    if RESERVED.contains(&name) {
        return Err(Error::invalid("name", "error-name-reserved"));
    }
    Ok(())
}

/// A local account before it is written: keys and the password's hash take their time outside of the transaction.
pub struct Prepared {
    account: Account,
    keys: Keys,
    email: Option<String>,
    password: String,
    confirmed: bool,
}

/// Makes a local account with its keys.
///
/// # Errors
/// `Invalid` when the name, the address or the password cannot be taken.
pub async fn create(app: &App, new: New<'_>) -> Result<Account> {
    let prepared = prepare(app, new).await?;
    let mut tx = app.db.begin().await?;
    let account = write(app, &mut tx, prepared).await?;
    tx.commit().await?;
    Ok(account)
}

/// Prepares a local account.
///
/// # Errors
/// `Invalid` when the name, the address or the password cannot be taken.
pub async fn prepare(app: &App, new: New<'_>) -> Result<Prepared> {
    check_name(&fold_name(new.name))?;
    sign_in::check_password(new.password)?;
    let password = app.passwords.hash(new.password).await;
    prepare_with(app, new, password).await
}

/// As [`prepare`], where the password was hashed before.
///
/// # Errors
/// As [`prepare`].
pub async fn prepare_with(app: &App, new: New<'_>, password: String) -> Result<Prepared> {
    let name = fold_name(new.name);
    check_name(&name)?;
    let email = new.email.map(sign_in::fold_email).transpose()?;
    let keys = Keys::generate(app).await?;
    let account = blank(app, Kind::Local, &name, new.role, new.display_name, &keys);
    Ok(Prepared {
        account,
        keys,
        email,
        password,
        confirmed: new.confirmed,
    })
}

/// Writes a prepared account.
///
/// # Errors
/// `Invalid` when the name or the address is taken.
pub async fn write(app: &App, tx: &mut Tx, prepared: Prepared) -> Result<Account> {
    let Prepared { account, email, .. } = prepared;
    if store::name_taken(&mut *tx, &account.name).await? {
        return Err(Error::invalid("name", "error-name-taken"));
    }
    if let Some(email) = &email {
        // Who never confirmed an address does not keep it from whom it belongs to.
        sign_in::store::release_email(&mut *tx, email, account.id).await?;
        if sign_in::store::find_by_email(&mut *tx, email)
            .await?
            .is_some()
        {
            return Err(Error::invalid("email", "error-email-taken"));
        }
    }
    insert(app, &mut *tx, &account, prepared.keys)
        .await
        .map_err(|error| taken(error, "name", "error-name-taken"))?;
    let confirmed_at = prepared.confirmed.then(|| app.clock.now());
    sign_in::store::insert(
        &mut *tx,
        account.id,
        email.as_deref(),
        confirmed_at,
        &prepared.password,
    )
    .await
    .map_err(|error| taken(error.into(), "email", "error-email-taken"))?;
    Ok(account)
}

/// What somebody else took in the same moment is taken.
fn taken(error: Error, field: &'static str, sentence: &'static str) -> Error {
    if error.is_duplicate() {
        Error::invalid(field, sentence)
    } else {
        error
    }
}

/// Makes the account of somebody who is known by nothing but what they proved at the door. It has no keys and
/// no password, and nobody finds it.
///
/// # Errors
/// What the database says.
pub async fn guest(app: &App) -> Result<Account> {
    let keys = Keys {
        pem: String::new(),
        multibase: String::new(),
        rsa: Vec::new(),
        ed25519: Vec::new(),
    };
    let name = format!("guest_{}", crypt::hex(&crypt::random::<6>()));
    let blank = blank(app, Kind::Guest, &name, Role::Member, "", &keys);
    let uri = app.origin().at(&format!("/guests/{}", blank.id));
    let account = Account {
        url: None,
        public_key_id: None,
        public_key_pem: None,
        ed25519_key_id: None,
        ed25519_key: None,
        followers_uri: None,
        following_uri: None,
        outbox_uri: None,
        featured_uri: None,
        uri,
        ..blank
    };
    store::insert_local(&app.db, &account).await?;
    Ok(account)
}

/// Makes the node's own actor, unless it exists; at the first start.
///
/// # Errors
/// What the database says.
pub async fn ensure_node_actor(app: &App) -> Result<()> {
    if store::node_actor(&app.db).await?.is_some() {
        return Ok(());
    }
    let keys = Keys::generate(app).await?;
    let account = blank(app, Kind::Node, "node", Role::Member, "", &keys);
    let mut tx = app.db.begin().await?;
    if store::node_actor(&mut tx).await?.is_none() {
        insert(app, &mut tx, &account, keys).await?;
    }
    tx.commit().await?;
    Ok(())
}

struct Keys {
    pem: String,
    multibase: String,
    rsa: Vec<u8>,
    ed25519: Vec<u8>,
}

impl Keys {
    async fn generate(app: &App) -> Result<Self> {
        let made = tokio::task::spawn_blocking(|| {
            anyhow::Ok((RsaKey::generate()?, Ed25519Key::generate()?))
        })
        .await;
        let ((rsa, rsa_der), (ed25519, ed25519_der)) = made.map_err(anyhow::Error::from)??;
        Ok(Self {
            pem: rsa.public_pem(),
            multibase: ed25519.multibase(),
            rsa: app.secret.seal(&rsa_der),
            ed25519: app.secret.seal(&ed25519_der),
        })
    }
}

async fn insert(app: &App, tx: &mut Tx, account: &Account, keys: Keys) -> Result<()> {
    store::insert_local(&mut *tx, account).await?;
    store::insert_keys(&mut *tx, account.id, keys.rsa, keys.ed25519).await?;
    app.signers.forget(&account.id.0);
    Ok(())
}

fn blank(
    app: &App,
    kind: Kind,
    name: &str,
    role: Role,
    display_name: &str,
    keys: &Keys,
) -> Account {
    let origin = app.origin();
    let now = app.clock.now();
    let node = kind == Kind::Node;
    let uri = if node {
        origin.at("/actor")
    } else {
        origin.at(&format!("/users/{name}"))
    };
    let below = |path: &str| Some(format!("{uri}/{path}"));
    Account {
        id: AccountId::mint(now),
        kind,
        role,
        name: name.to_owned(),
        host: String::new(),
        domain: String::new(),
        url: Some(if node {
            origin.at("/about")
        } else {
            origin.at(&format!("/@{name}"))
        }),
        actor_type: if node { "Application" } else { "Person" }.to_owned(),
        display_name: display_name.trim().to_owned(),
        bio: String::new(),
        fields: Vec::new(),
        emojis: Vec::new(),
        avatar: None,
        header: None,
        avatar_url: None,
        header_url: None,
        locked: false,
        bot: node,
        discoverable: role == Role::Host,
        indexable: role == Role::Host,
        public_key_id: Some(format!("{uri}#main-key")),
        public_key_pem: Some(keys.pem.clone()),
        ed25519_key_id: Some(format!("{uri}#ed25519-key")),
        ed25519_key: Some(keys.multibase.clone()),
        inbox_id: None,
        shared_inbox_id: None,
        followers_uri: below("followers"),
        following_uri: below("following"),
        outbox_uri: below("outbox"),
        featured_uri: below("collections/featured"),
        aliases: Vec::new(),
        moved_to: None,
        moved_at: None,
        followers_count: 0,
        following_count: 0,
        posts_count: 0,
        last_post_at: None,
        created_at: now,
        updated_at: now,
        fetched_at: None,
        backfilled_at: None,
        disabled_at: None,
        silenced_at: None,
        sensitised_at: None,
        frozen_at: None,
        deleted_at: None,
        version: 0,
        uri,
    }
}

#[cfg(test)]
mod tests {
    use super::check_name;

    #[test]
    fn handles_have_one_form() {
        for good in ["nina", "a", "the_band_9", &"x".repeat(30)] {
            assert!(check_name(good).is_ok(), "{good}");
        }
        for bad in [
            "",
            "Nina",
            "näna",
            "a-b",
            "a b",
            "admin",
            "node",
            &"x".repeat(31),
        ] {
            assert!(check_name(bad).is_err(), "{bad}");
        }
    }
}
