//! A code by mail: for people without a home. They are a guest account of this house until they prove a home.

use std::net::IpAddr;

use super::door::Arrival;
use super::ways::{self, Means, Start};
use super::{Attempt, Closed};
use crate::accounts::letters::{self, By};
use crate::accounts::{self, Account, create, sign_in};
use crate::app::App;
use crate::error::Result;
use crate::kernel::clock::Time;
use crate::kernel::crypt;
use crate::kernel::db::sql;
use crate::kernel::id::AccountId;
use crate::locale::Locale;
use crate::moderation::rules;
use crate::nodes::house;

/// Sends a code to a mail address; the state and the cookie of the way.
///
/// # Errors
/// What the database says; `Closed` when it is no address, mail is not set up, or it was asked for too often.
pub async fn send(
    app: &App,
    (address, from): (&str, IpAddr),
    next: &str,
    locale: Locale,
) -> Attempt<(String, String)> {
    if app.mailer.is_none() {
        return Ok(Err(Closed::Unable));
    }
    let Ok(address) = sign_in::fold_email(address) else {
        return Ok(Err(Closed::NotAHome));
    };
    if rules::get(app).await?.turns_away(&address) {
        return Ok(Err(Closed::TurnedAway));
    }
    let asked = ("guest", By::Address(from));
    if letters::may_write(app, &address, asked).is_err()
        || app.limits.all_letters.take((), app.clock.now()).is_err()
    {
        return Ok(Err(Closed::Often));
    }
    let (state, code) = (
        crypt::token(),
        format!("{:06}", crypt::random_below(1_000_000)),
    );
    let start = Start {
        state: &state,
        home: &address,
        wanted: None,
        code: Some(&code),
        next,
    };
    let cookie = ways::begin(app, Means::Mail, start).await?;
    let name = house::get(app).await?.name;
    let subject = locale.text_with("guest-mail-subject", "house", name.clone());
    let text = locale.text_with("guest-mail-text", "house", name);
    let mut tx = app.db.begin().await?;
    letters::write(
        app,
        &mut tx,
        &address,
        &subject,
        &text.replace("{code}", &code),
    )
    .await?;
    tx.commit().await?;
    app.wake.notify_waiters();
    Ok(Ok((state, cookie)))
}

/// Ends the way by the code.
///
/// # Errors
/// What the database says; `Closed` when the code is wrong or the address belongs to a home by now.
pub async fn arrive(app: &App, state: &str, code: &str, cookie: Option<&str>) -> Attempt<Arrival> {
    let code: String = code.chars().filter(char::is_ascii_digit).collect();
    let way = match ways::end(app, Means::Mail, state, cookie, Some(&code)).await? {
        Ok(way) => way,
        Err(closed) => return Ok(Err(closed)),
    };
    let guest = match find(app, &way.home).await? {
        Some((_, Some(_))) => return Ok(Err(Closed::HasAHome)),
        Some((guest, None)) => accounts::get(app, guest).await?,
        None => make(app, &way.home).await?,
    };
    if !guest.is_active() {
        return Ok(Err(Closed::Refused));
    }
    Ok(Ok(Arrival::of(guest, way, "mail")))
}

/// The guest of an address, and who they turned out to be.
async fn find(app: &App, address: &str) -> Result<Option<(AccountId, Option<AccountId>)>> {
    let row = sql("SELECT account_id, merged_into_id FROM guest_mails WHERE address = $1")
        .bind(address)
        .optional(&app.db)
        .await?;
    Ok(match row {
        Some(row) => Some((row.get("account_id")?, row.get("merged_into_id")?)),
        None => None,
    })
}

async fn make(app: &App, address: &str) -> Result<Account> {
    let guest = create::guest(app).await?;
    let touched = sql("INSERT INTO guest_mails (address, account_id, created_at) VALUES ($1, $2, $3) ON CONFLICT (address) DO NOTHING")
        .bind(address)
        .bind(guest.id)
        .bind(app.clock.now())
        .run(&app.db)
        .await?;
    if touched == 1 {
        return Ok(guest);
    }
    // The same code was typed twice at the same moment; the first one counts.
    match find(app, address).await? {
        Some((first, _)) => accounts::get(app, first).await,
        None => Ok(guest),
    }
}

/// Notes that a guest by mail and a home were proven in the same browser; whether both are one person is asked.
///
/// # Errors
/// What the database says.
pub async fn offer(app: &App, guest: AccountId, home: AccountId) -> Result<()> {
    sql("UPDATE guest_mails SET offered_to_id = $1 WHERE account_id = $2 AND merged_into_id IS NULL")
        .bind(home)
        .bind(guest)
        .run(&app.db)
        .await?;
    Ok(())
}

/// The mail address that may be joined to a home, and its guest.
///
/// # Errors
/// What the database says.
pub async fn offered(app: &App, home: AccountId) -> Result<Option<(String, AccountId)>> {
    let row = sql("SELECT address, account_id FROM guest_mails WHERE offered_to_id = $1 AND merged_into_id IS NULL LIMIT 1")
        .bind(home)
        .optional(&app.db)
        .await?;
    Ok(match row {
        Some(row) => Some((row.get("address")?, row.get("account_id")?)),
        None => None,
    })
}

/// Answers the offer: joins the guest by mail to the home, with what they may see, dated; or forgets the offer.
///
/// # Errors
/// What the database says.
pub async fn answer(app: &App, home: &Account, yes: bool) -> Result<()> {
    let Some((_, guest)) = offered(app, home.id).await? else {
        return Ok(());
    };
    if yes {
        return merge(app, guest, home).await;
    }
    sql("UPDATE guest_mails SET offered_to_id = NULL WHERE account_id = $1")
        .bind(guest)
        .run(&app.db)
        .await?;
    Ok(())
}

async fn merge(app: &App, guest: AccountId, home: &Account) -> Result<()> {
    let mut tx = app.db.begin().await?;
    let touched = sql("UPDATE guest_mails SET merged_into_id = $1, merged_at = $2 WHERE account_id = $3 AND merged_into_id IS NULL")
        .bind(home.id)
        .bind(app.clock.now())
        .bind(guest)
        .run(&mut tx)
        .await?;
    if touched == 1 {
        for statement in [
            // What the home refused stays refused, and what the guest refused is refused by both.
            sql(
                "DELETE FROM audience_members WHERE account_id = $2 AND audience_id IN (SELECT audience_id FROM tier_refusals WHERE account_id = $1)",
            ),
            sql(
                "INSERT INTO tier_refusals (audience_id, account_id, created_at) SELECT audience_id, CAST($1 AS BIGINT), created_at FROM tier_refusals WHERE account_id = $2 ON CONFLICT DO NOTHING",
            ),
            sql("DELETE FROM tier_refusals WHERE account_id = $2 AND $1 = $1"),
            // Of two rights to the same thing the longer one stays.
            sql(
                "INSERT INTO audience_members (audience_id, account_id, until) SELECT audience_id, CAST($1 AS BIGINT), until FROM audience_members WHERE account_id = $2 ON CONFLICT (audience_id, account_id) DO UPDATE SET until = CASE WHEN audience_members.until IS NULL OR EXCLUDED.until IS NULL THEN NULL WHEN EXCLUDED.until > audience_members.until THEN EXCLUDED.until ELSE audience_members.until END",
            ),
            sql("DELETE FROM audience_members WHERE account_id = $2 AND $1 = $1"),
            sql("DELETE FROM guest_sessions WHERE account_id = $2 AND $1 = $1"),
        ] {
            statement.bind(home.id).bind(guest).run(&mut tx).await?;
        }
    }
    tx.commit().await?;
    Ok(())
}

/// The mail addresses that belong to a guest: their own, and those joined to them, since when.
///
/// # Errors
/// What the database says.
pub async fn addresses(app: &App, guest: AccountId) -> Result<Vec<(String, Option<Time>)>> {
    let rows = sql("SELECT address, merged_at FROM guest_mails WHERE account_id = $1 OR merged_into_id = $1 ORDER BY address")
        .bind(guest)
        .all(&app.db)
        .await?;
    let read = |row: &crate::kernel::db::Row| Ok((row.get("address")?, row.get("merged_at")?));
    Ok(rows.iter().map(read).collect::<sqlx::Result<_>>()?)
}

/// Forgets the mail addresses of a guest.
///
/// # Errors
/// What the database says.
pub async fn forget(app: &App, guest: AccountId) -> Result<()> {
    sql("UPDATE guest_mails SET offered_to_id = NULL WHERE offered_to_id = $1")
        .bind(guest)
        .run(&app.db)
        .await?;
    sql("DELETE FROM guest_mails WHERE account_id = $1 OR merged_into_id = $1")
        .bind(guest)
        .run(&app.db)
        .await?;
    Ok(())
}
