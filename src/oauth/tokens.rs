//! Tokens: what an app shows with every request. Only their digests are kept.

use std::time::Duration;

use super::apps::App as Client;
use super::scopes::Scopes;
use crate::accounts::{Account, store as account_store};
use crate::app::App;
use crate::error::{Error, Result};
use crate::kernel::clock::Time;
use crate::kernel::crypt;
use crate::kernel::db::{Conn, Row, Tx, sql};
use crate::kernel::id::{AccountId, AppId, TokenId};

/// A token that counts.
#[derive(Clone, Debug)]
pub struct Token {
    /// Its id.
    pub id: TokenId,
    /// Whose it is.
    pub app: AppId,
    /// For whom it acts; none for the app alone.
    pub account: Option<AccountId>,
    /// What it may do.
    pub scopes: Scopes,
    /// When it was given.
    pub created_at: Time,
}

/// An app a member let in, with what it may do.
#[derive(Clone, Debug)]
pub struct Grant {
    /// The app.
    pub app: AppId,
    /// What people call it.
    pub name: String,
    /// Its page.
    pub website: Option<String>,
    /// What it may do, taken together.
    pub scopes: Scopes,
    /// Since when.
    pub created_at: Time,
    /// When it was last here.
    pub seen_at: Time,
}

fn read(row: &Row) -> sqlx::Result<Token> {
    let scopes: String = row.get("scopes")?;
    Ok(Token {
        id: row.get("token_id")?,
        app: row.get("app_id")?,
        account: row.get("for_account")?,
        scopes: Scopes::parse(&scopes).unwrap_or_default(),
        created_at: row.get("issued_at")?,
    })
}

pub(super) async fn insert(
    tx: &mut Tx,
    client: &Client,
    account: Option<AccountId>,
    scopes: &Scopes,
    code_hash: Option<&str>,
    now: Time,
) -> sqlx::Result<(Token, String)> {
    let (id, secret) = (TokenId::mint(now), crypt::token());
    sql("INSERT INTO tokens (id, token_hash, app_id, account_id, scopes, code_hash, created_at, seen_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $7)")
        .bind(id)
        .bind(crypt::token_hash(&secret))
        .bind(client.id)
        .bind(account)
        .bind(scopes.to_string())
        .bind(code_hash)
        .bind(now)
        .run(tx)
        .await?;
    let token = Token {
        id,
        app: client.id,
        account,
        scopes: scopes.clone(),
        created_at: now,
    };
    Ok((token, secret))
}

/// Gives a token to an app, for a member or for itself; the token and what is shown once.
///
/// # Errors
/// What the database says.
pub async fn issue(
    app: &App,
    client: &Client,
    account: Option<AccountId>,
    scopes: &Scopes,
) -> Result<(Token, String)> {
    let mut tx = app.db.begin().await?;
    let issued = issue_in(&mut tx, client, account, scopes, app.clock.now()).await?;
    tx.commit().await?;
    Ok(issued)
}

/// As [`issue`], together with what else belongs to it.
///
/// # Errors
/// What the database says.
pub async fn issue_in(
    tx: &mut Tx,
    client: &Client,
    account: Option<AccountId>,
    scopes: &Scopes,
    now: Time,
) -> sqlx::Result<(Token, String)> {
    insert(tx, client, account, scopes, None, now).await
}

/// The token behind what an app showed, and the member it acts for.
///
/// # Errors
/// `Forbidden` while the member has not confirmed the mail address.
pub async fn find(app: &App, secret: &str) -> Result<Option<(Token, Option<Account>)>> {
    let row = sql(concat!("SELECT tokens.id AS token_id, tokens.app_id, tokens.account_id AS for_account, tokens.scopes, tokens.created_at AS issued_at, tokens.seen_at, CAST(CASE WHEN credentials.email IS NOT NULL AND credentials.email_confirmed_at IS NULL THEN 1 ELSE 0 END AS BIGINT) AS unconfirmed, ", crate::account_columns!(), " FROM tokens LEFT JOIN accounts ON accounts.id = tokens.account_id LEFT JOIN credentials ON credentials.account_id = tokens.account_id WHERE tokens.token_hash = $1"))
        .bind(crypt::token_hash(secret))
        .optional(&app.db)
        .await?;
    let Some(row) = row else { return Ok(None) };
    let token = read(&row)?;
    let account = match token.account {
        Some(_) => Some(account_store::read(&row)?),
        None => None,
    };
    // Who has not confirmed the address does not come in by an app either.
    if row.get("unconfirmed")? && app.mailer.is_some() {
        return Err(Error::Forbidden);
    }
    let (now, seen_at): (Time, Time) = (app.clock.now(), row.get("seen_at")?);
    if now.since(seen_at) > Duration::from_secs(3600) {
        sql("UPDATE tokens SET seen_at = $1 WHERE id = $2")
            .bind(now)
            .bind(token.id)
            .run(&app.db)
            .await?;
    }
    let active = account.as_ref().is_none_or(Account::is_active);
    Ok(active.then_some((token, account)))
}

/// Whether a token still counts.
///
/// # Errors
/// What the database says.
pub async fn counts(app: &App, id: TokenId) -> Result<bool> {
    let row = sql("SELECT tokens.id FROM tokens LEFT JOIN accounts ON accounts.id = tokens.account_id WHERE tokens.id = $1 AND accounts.disabled_at IS NULL AND accounts.deleted_at IS NULL")
        .bind(id)
        .optional(&app.db)
        .await?;
    Ok(row.is_some())
}

/// Ends a token that an app gives back; whether it was this app's.
///
/// # Errors
/// What the database says.
pub async fn revoke(app: &App, client: &Client, secret: &str) -> Result<bool> {
    let mut tx = app.db.begin().await?;
    let row = sql("SELECT id FROM tokens WHERE token_hash = $1 AND app_id = $2")
        .bind(crypt::token_hash(secret))
        .bind(client.id)
        .optional(&mut tx)
        .await?;
    if let Some(row) = &row {
        let id: TokenId = row.get("id")?;
        sql("DELETE FROM push_subscriptions WHERE token_id = $1")
            .bind(id)
            .run(&mut tx)
            .await?;
        sql("DELETE FROM tokens WHERE id = $1")
            .bind(id)
            .run(&mut tx)
            .await?;
    }
    tx.commit().await?;
    Ok(row.is_some())
}

pub(super) async fn end_of_code(tx: &mut Tx, code_hash: &str) -> sqlx::Result<()> {
    sql("DELETE FROM push_subscriptions WHERE token_id IN (SELECT id FROM tokens WHERE code_hash = $1)")
        .bind(code_hash)
        .run(&mut *tx)
        .await?;
    sql("DELETE FROM tokens WHERE code_hash = $1")
        .bind(code_hash)
        .run(tx)
        .await?;
    Ok(())
}

/// The apps a member let in, the newest first.
///
/// # Errors
/// What the database says.
pub async fn grants(app: &App, member: AccountId) -> Result<Vec<Grant>> {
    let rows = sql("SELECT apps.id, apps.name, apps.website, tokens.scopes, tokens.created_at, tokens.seen_at FROM tokens JOIN apps ON apps.id = tokens.app_id WHERE tokens.account_id = $1 ORDER BY tokens.id DESC LIMIT 200")
        .bind(member)
        .all(&app.db)
        .await?;
    let mut found: Vec<Grant> = Vec::new();
    for row in &rows {
        let (id, scopes): (AppId, String) = (row.get("id")?, row.get("scopes")?);
        let (created_at, seen_at): (Time, Time) = (row.get("created_at")?, row.get("seen_at")?);
        match found.iter_mut().find(|grant| grant.app == id) {
            Some(grant) => {
                let all = format!("{} {scopes}", grant.scopes);
                grant.scopes = Scopes::parse(&all).unwrap_or_default();
                grant.created_at = grant.created_at.min(created_at);
                grant.seen_at = grant.seen_at.max(seen_at);
            }
            None => found.push(Grant {
                app: id,
                name: row.get("name")?,
                website: row.get("website")?,
                scopes: Scopes::parse(&scopes).unwrap_or_default(),
                created_at,
                seen_at,
            }),
        }
    }
    Ok(found)
}

/// Shows an app the door: every token it has for this member ends.
///
/// # Errors
/// What the database says.
pub async fn end_app(app: &App, member: AccountId, client: AppId) -> Result<()> {
    let mut tx = app.db.begin().await?;
    sql("DELETE FROM push_subscriptions WHERE token_id IN (SELECT id FROM tokens WHERE account_id = $1 AND app_id = $2)")
        .bind(member)
        .bind(client)
        .run(&mut tx)
        .await?;
    sql("DELETE FROM codes WHERE account_id = $1 AND app_id = $2")
        .bind(member)
        .bind(client)
        .run(&mut tx)
        .await?;
    sql("DELETE FROM tokens WHERE account_id = $1 AND app_id = $2")
        .bind(member)
        .bind(client)
        .run(&mut tx)
        .await?;
    tx.commit().await?;
    Ok(())
}

/// Removes codes long past and tokens of apps alone that nobody used for a month.
///
/// # Errors
/// What the database says.
pub async fn sweep(conn: impl Conn + Copy, now: Time) -> sqlx::Result<()> {
    let month = Duration::from_secs(30 * 86_400);
    sql("DELETE FROM codes WHERE expires_at < $1")
        .bind(now.minus(month))
        .run(conn)
        .await?;
    sql("DELETE FROM tokens WHERE account_id IS NULL AND seen_at < $1")
        .bind(now.minus(month))
        .run(conn)
        .await?;
    Ok(())
}
