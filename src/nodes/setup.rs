//! The first start: a one-time address, the host, the public address.

use std::sync::atomic::Ordering;

use super::house::{self, House};
use super::store;
use crate::accounts::create::{self, New};
use crate::accounts::{self, Account, Role};
use crate::app::App;
use crate::error::{Error, Result};
use crate::kernel::crypt;
use crate::kernel::db::{Conn, Db, Tx, sql};
use crate::kernel::origin::Origin;

/// What the set-up page asks.
#[derive(Clone, Debug, Default)]
pub struct Answers {
    /// The community's name.
    pub house: String,
    /// The host's name.
    pub display_name: String,
    /// The host's handle.
    pub name: String,
    /// The host's e-mail address; may be empty.
    pub email: String,
    /// The host's password.
    pub password: String,
    /// The accent colour.
    pub accent: String,
    /// The public address.
    pub url: String,
}

/// Whether the house has a host.
///
/// # Errors
/// What the database says.
pub async fn is_done(app: &App) -> Result<bool> {
    Ok(accounts::first_host(app).await?.is_some())
}

/// The public address as the database knows it.
///
/// # Errors
/// What the database says.
pub async fn stored_origin(db: &Db) -> sqlx::Result<Option<Origin>> {
    let (Some(url), Some(domain)) = (
        store::state(db, "origin.url").await?,
        store::state(db, "origin.domain").await?,
    ) else {
        return Ok(None);
    };
    Ok(Origin::parse(&url, Some(&domain)))
}

/// Keeps the public address for good.
///
/// # Errors
/// What the database says.
pub async fn keep_origin(tx: &mut Tx, origin: &Origin) -> sqlx::Result<()> {
    store::set_state(&mut *tx, "origin.url", &origin.url).await?;
    store::set_state(tx, "origin.domain", &origin.domain).await
}

/// A fresh token for the set-up address; earlier ones no longer count.
///
/// # Errors
/// What the database says.
pub async fn new_token(app: &App) -> Result<String> {
    let token = crypt::token();
    store::set_state(&app.db, "setup.token", &crypt::token_hash(&token)).await?;
    Ok(token)
}

/// Whether a set-up token counts: only while the house has no host.
///
/// # Errors
/// What the database says.
pub async fn check_token(app: &App, token: &str) -> Result<bool> {
    let kept = store::state(&app.db, "setup.token").await?;
    let fits =
        kept.is_some_and(|kept| crypt::equal(kept.as_bytes(), crypt::token_hash(token).as_bytes()));
    Ok(fits && !is_done(app).await?)
}

/// Makes the house: address, name, colour and host.
///
/// # Errors
/// `Invalid` when an answer cannot be taken, `Conflict` when the house stands already.
pub async fn finish(app: &App, answers: &Answers) -> Result<Account> {
    if is_done(app).await? {
        return Err(Error::conflict("error-setup-done"));
    }
    let domain = app.settings.node.domain.as_deref();
    let origin = Origin::parse(answers.url.trim(), domain)
        .ok_or_else(|| Error::invalid("url", "error-url"))?;
    if app
        .settings
        .node
        .url
        .as_ref()
        .is_some_and(|set| *set != origin.url)
    {
        return Err(Error::invalid_with(
            "url",
            "error-url-set",
            app.settings.node.url.clone().unwrap_or_default(),
        ));
    }
    create::check_name(&create::fold_name(&answers.name))?;
    let house = House {
        name: answers.house.clone(),
        line: String::new(),
        accent: answers.accent.clone(),
        ..House::default()
    };
    let mut tx = app.db.begin().await?;
    house::update(&mut tx, &house).await?;
    move_to(app, &mut tx, &origin).await?;
    tx.commit().await?;
    app.set_origin(origin);
    let email = Some(answers.email.as_str()).filter(|email| !email.trim().is_empty());
    let new = New {
        name: &answers.name,
        display_name: &answers.display_name,
        email,
        password: &answers.password,
        role: Role::Host,
        confirmed: true,
    };
    create::create(app, new).await
}

/// Takes the public address over, also into the ids that exist already (the node's own actor).
async fn move_to(app: &App, tx: &mut Tx, origin: &Origin) -> sqlx::Result<()> {
    let before = app.origin();
    if before.url != origin.url {
        rewrite(&mut *tx, &before.url, &origin.url).await?;
    }
    keep_origin(tx, origin).await
}

/// Whether another node may know ids of this one.
///
/// # Errors
/// What the database says.
pub async fn is_known_elsewhere(conn: impl Conn) -> sqlx::Result<bool> {
    Ok(store::state(conn, "origin.known_at").await?.is_some())
}

/// Notes that another node learned an id of this one; from then on the address stays.
///
/// # Errors
/// What the database says.
pub async fn note_known_elsewhere(app: &App) -> sqlx::Result<()> {
    if app.known_elsewhere.swap(true, Ordering::Relaxed) {
        return Ok(());
    }
    let noted = store::set_state(&app.db, "origin.known_at", &app.clock.now().0.to_string()).await;
    app.known_elsewhere.store(noted.is_ok(), Ordering::Relaxed);
    noted
}

/// Rewrites every local id for another public address, as long as no other node knows one.
///
/// # Errors
/// `Conflict` when one does.
pub async fn rehome(db: &Db, before: &Origin, after: &Origin) -> Result<()> {
    let mut tx = db.begin().await?;
    if is_known_elsewhere(&mut tx).await? {
        return Err(Error::conflict("error-rehome"));
    }
    rewrite(&mut tx, &before.url, &after.url).await?;
    keep_origin(&mut tx, after).await?;
    tx.commit().await?;
    Ok(())
}

async fn rewrite(tx: &mut Tx, before: &str, after: &str) -> sqlx::Result<()> {
    let statements = [
        sql(
            "UPDATE accounts SET uri = REPLACE(uri, $1, $2), url = REPLACE(url, $1, $2), public_key_id = REPLACE(public_key_id, $1, $2), ed25519_key_id = REPLACE(ed25519_key_id, $1, $2), followers_uri = REPLACE(followers_uri, $1, $2), following_uri = REPLACE(following_uri, $1, $2), outbox_uri = REPLACE(outbox_uri, $1, $2), featured_uri = REPLACE(featured_uri, $1, $2) WHERE kind IN ('local', 'node', 'guest')",
        ),
        sql(
            "UPDATE posts SET uri = REPLACE(uri, $1, $2), url = REPLACE(url, $1, $2), html = REPLACE(html, $1, $2), in_reply_to_uri = REPLACE(in_reply_to_uri, $1, $2), quote_uri = REPLACE(quote_uri, $1, $2)",
        ),
        sql("UPDATE follows SET uri = REPLACE(uri, $1, $2)"),
        sql("UPDATE favourites SET uri = REPLACE(uri, $1, $2)"),
        sql("UPDATE blocks SET uri = REPLACE(uri, $1, $2)"),
        sql("UPDATE tombstones SET uri = REPLACE(uri, $1, $2)"),
        sql(
            "UPDATE activities SET uri = REPLACE(uri, $1, $2), object_uri = REPLACE(object_uri, $1, $2), body = REPLACE(body, $1, $2)",
        ),
    ];
    for statement in statements {
        statement.bind(before).bind(after).run(&mut *tx).await?;
    }
    // They are of the addresses from before, and made anew.
    sql("DELETE FROM follower_digests").run(&mut *tx).await?;
    Ok(())
}
