//! Codes: a member's yes on its way to the app, good once and for ten minutes.

use std::time::Duration;

use super::apps::App as Client;
use super::scopes::Scopes;
use super::tokens;
use crate::accounts::Account;
use crate::app::App;
use crate::error::Result;
use crate::kernel::crypt;
use crate::kernel::db::sql;
use crate::kernel::id::{AccountId, AppId};

/// How long a code is good.
const LIFE: Duration = Duration::from_secs(600);

/// What a member agreed to.
#[derive(Clone, Debug)]
pub struct Consent {
    /// Where the member is sent back to.
    pub redirect_uri: String,
    /// What the app may do.
    pub scopes: Scopes,
    /// The challenge the app must answer (RFC 7636, S256).
    pub challenge: Option<String>,
}

/// What an app shows for a code.
#[derive(Clone, Copy, Debug)]
pub struct Redemption<'a> {
    /// The code.
    pub code: &'a str,
    /// Where the member was sent back to.
    pub redirect_uri: &'a str,
    /// The answer to the challenge.
    pub verifier: Option<&'a str>,
    /// Whether the app proved itself with its secret.
    pub proven: bool,
}

/// Writes a code for a member's consent.
///
/// # Errors
/// What the database says.
pub async fn issue(
    app: &App,
    client: &Client,
    member: &Account,
    consent: &Consent,
) -> Result<String> {
    let code = crypt::token();
    sql("INSERT INTO codes (code_hash, app_id, account_id, redirect_uri, scopes, challenge, expires_at) VALUES ($1, $2, $3, $4, $5, $6, $7)")
        .bind(crypt::token_hash(&code))
        .bind(client.id)
        .bind(member.id)
        .bind(&consent.redirect_uri)
        .bind(consent.scopes.to_string())
        .bind(consent.challenge.clone())
        .bind(app.clock.now().plus(LIFE))
        .run(&app.db)
        .await?;
    Ok(code)
}

/// Turns a code into a token, once; a second time ends the token that came of it.
///
/// # Errors
/// What the database says; nothing is given where something does not fit.
pub async fn redeem(
    app: &App,
    client: &Client,
    redemption: Redemption<'_>,
) -> Result<Option<(tokens::Token, String)>> {
    let now = app.clock.now();
    let hash = crypt::token_hash(redemption.code);
    let mut tx = app.db.begin().await?;
    let row = sql("UPDATE codes SET used_at = $1 WHERE code_hash = $2 AND used_at IS NULL RETURNING app_id, account_id, redirect_uri, scopes, challenge, expires_at")
        .bind(now)
        .bind(&hash)
        .optional(&mut tx)
        .await?;
    let Some(row) = row else {
        tokens::end_of_code(&mut tx, &hash).await?;
        tx.commit().await?;
        return Ok(None);
    };
    let (owner, account): (AppId, AccountId) = (row.get("app_id")?, row.get("account_id")?);
    let (redirect_uri, scopes): (String, String) = (row.get("redirect_uri")?, row.get("scopes")?);
    let challenge: Option<String> = row.get("challenge")?;
    let expires_at: crate::kernel::clock::Time = row.get("expires_at")?;
    let answered = match (&challenge, redemption.verifier) {
        (Some(challenge), Some(verifier)) => crypt::equal(
            crypt::url_base64(&crypt::sha256(verifier.as_bytes())).as_bytes(),
            challenge.as_bytes(),
        ),
        // Who cannot keep a secret must have asked with a challenge.
        (None, None) => redemption.proven,
        _ => false,
    };
    let fits = owner == client.id
        && redirect_uri == redemption.redirect_uri
        && expires_at > now
        && answered;
    if !fits {
        tx.commit().await?;
        return Ok(None);
    }
    let scopes = Scopes::parse(&scopes).unwrap_or_default();
    let issued = tokens::insert(&mut tx, client, Some(account), &scopes, Some(&hash), now).await?;
    tx.commit().await?;
    Ok(Some(issued))
}
