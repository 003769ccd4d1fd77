//! SQL of credentials.

use crate::accounts::sessions;
use crate::kernel::clock::Time;
use crate::kernel::db::{Conn, Row, Tx, sql};
use crate::kernel::id::AccountId;

/// What proves the owner of a local account.
#[derive(Debug, Clone)]
pub struct Credentials {
    pub email: Option<String>,
    pub email_confirmed_at: Option<Time>,
    pub password: Option<String>,
    pub totp_secret: Option<Vec<u8>>,
    pub totp_confirmed_at: Option<Time>,
    pub recovery_codes: Vec<String>,
}

fn read(row: &Row) -> sqlx::Result<Credentials> {
    let codes: String = row.get("recovery_codes")?;
    Ok(Credentials {
        email: row.get("email")?,
        email_confirmed_at: row.get("email_confirmed_at")?,
        password: row.get("password")?,
        totp_secret: row.get("totp_secret")?,
        totp_confirmed_at: row.get("totp_confirmed_at")?,
        recovery_codes: serde_json::from_str(&codes).unwrap_or_default(),
    })
}

pub async fn insert(
    conn: impl Conn,
    id: AccountId,
    email: Option<&str>,
    confirmed_at: Option<Time>,
    password: &str,
) -> sqlx::Result<()> {
    sql("INSERT INTO credentials (account_id, email, email_confirmed_at, password) VALUES ($1, $2, $3, $4)")
        .bind(id)
        .bind(email)
        .bind(confirmed_at)
        .bind(password)
        .run(conn)
        .await?;
    Ok(())
}

pub async fn find(conn: impl Conn, id: AccountId) -> sqlx::Result<Option<Credentials>> {
    sql("SELECT account_id, email, email_confirmed_at, password, totp_secret, totp_confirmed_at, recovery_codes, locale FROM credentials WHERE account_id = $1")
        .bind(id)
        .optional(conn)
        .await?
        .as_ref()
        .map(read)
        .transpose()
}

/// The confirmed mail address of an account, and its language.
pub async fn address(
    conn: impl Conn,
    id: AccountId,
) -> sqlx::Result<Option<(String, Option<String>)>> {
    let row = sql("SELECT email, locale FROM credentials WHERE account_id = $1 AND email IS NOT NULL AND email_confirmed_at IS NOT NULL")
        .bind(id)
        .optional(conn)
        .await?;
    row.map(|row| Ok((row.get("email")?, row.get("locale")?)))
        .transpose()
}

pub async fn find_by_email(conn: impl Conn, email: &str) -> sqlx::Result<Option<AccountId>> {
    sql("SELECT account_id FROM credentials WHERE email = $1")
        .bind(email)
        .optional(conn)
        .await?
        .map(|row| row.get("account_id"))
        .transpose()
}

pub async fn set_password(conn: impl Conn, id: AccountId, password: &str) -> sqlx::Result<()> {
    sql("UPDATE credentials SET password = $1 WHERE account_id = $2")
        .bind(password)
        .bind(id)
        .run(conn)
        .await?;
    Ok(())
}

/// Takes an address from another account that never confirmed it. Nobody signs in there until they showed that the
/// address is theirs, by its link or for a new password.
pub async fn release_email(tx: &mut Tx, email: &str, but: AccountId) -> sqlx::Result<()> {
    let rows = sql("UPDATE credentials SET email = NULL, password = NULL WHERE email = $1 AND email_confirmed_at IS NULL AND account_id <> $2 RETURNING account_id")
        .bind(email)
        .bind(but)
        .all(&mut *tx)
        .await?;
    for row in &rows {
        sessions::end_all(&mut *tx, row.get("account_id")?).await?;
    }
    Ok(())
}

pub async fn set_email(conn: impl Conn, id: AccountId, email: &str, now: Time) -> sqlx::Result<()> {
    sql("UPDATE credentials SET email = $1, email_confirmed_at = $2 WHERE account_id = $3")
        .bind(email)
        .bind(now)
        .bind(id)
        .run(conn)
        .await?;
    Ok(())
}

/// Keeps a secret that is to be confirmed; whether none counts yet.
pub async fn offer_totp(conn: impl Conn, id: AccountId, secret: Vec<u8>) -> sqlx::Result<bool> {
    let touched = sql("UPDATE credentials SET totp_secret = $1, totp_step = 0 WHERE account_id = $2 AND totp_confirmed_at IS NULL")
        .bind(secret)
        .bind(id)
        .run(conn)
        .await?;
    Ok(touched == 1)
}

pub async fn remove_totp(conn: impl Conn, id: AccountId) -> sqlx::Result<()> {
    sql("UPDATE credentials SET totp_secret = NULL, totp_confirmed_at = NULL, totp_step = 0, recovery_codes = '[]' WHERE account_id = $1")
        .bind(id)
        .run(conn)
        .await?;
    Ok(())
}

/// Lets the offered secret count from now on; whether none did before.
pub async fn confirm_totp(
    conn: impl Conn,
    id: AccountId,
    now: Time,
    codes: &[String],
) -> sqlx::Result<bool> {
    let touched = sql("UPDATE credentials SET totp_confirmed_at = $1, recovery_codes = $2 WHERE account_id = $3 AND totp_confirmed_at IS NULL AND totp_secret IS NOT NULL")
        .bind(now)
        .bind(serde_json::to_string(codes).unwrap_or_default())
        .bind(id)
        .run(conn)
        .await?;
    Ok(touched == 1)
}

/// Uses up a time step; whether it was still unused.
pub async fn use_step(conn: impl Conn, id: AccountId, step: i64) -> sqlx::Result<bool> {
    let touched =
        sql("UPDATE credentials SET totp_step = $1 WHERE account_id = $2 AND totp_step < $1")
            .bind(step)
            .bind(id)
            .run(conn)
            .await?;
    Ok(touched == 1)
}

/// Replaces the recovery codes; whether nobody else did so in between.
pub async fn replace_codes(
    conn: impl Conn,
    id: AccountId,
    before: &[String],
    after: &[String],
) -> sqlx::Result<bool> {
    let touched = sql(
        "UPDATE credentials SET recovery_codes = $1 WHERE account_id = $2 AND recovery_codes = $3",
    )
    .bind(serde_json::to_string(after).unwrap_or_default())
    .bind(id)
    .bind(serde_json::to_string(before).unwrap_or_default())
    .run(conn)
    .await?;
    Ok(touched == 1)
}

pub async fn delete(conn: impl Conn, id: AccountId) -> sqlx::Result<()> {
    sql("DELETE FROM credentials WHERE account_id = $1")
        .bind(id)
        .run(conn)
        .await?;
    Ok(())
}
