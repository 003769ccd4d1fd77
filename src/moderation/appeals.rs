//! Statements of reasons, and what whoever they are about answers.

use super::measures::{self, Kind, Measure, WORDS, check, read};
use crate::accounts::{self, Account, Kind as Lives, letters, sign_in};
use crate::app::App;
use crate::error::{Error, Result};
use crate::jobs::{self, Job};
use crate::kernel::crypt;
use crate::kernel::db::{Tx, sql};
use crate::kernel::id::AccountId;
use crate::locale::Locale;
use crate::nodes::house;

/// What opens the page of one measure to whom it is about, also where they cannot sign in any more.
fn key(app: &App, id: i64) -> String {
    app.secret.sign_address(&format!("appeal {id}"))
}

/// The measure such a link is about.
///
/// # Errors
/// `NotFound` when the link is none of ours.
pub async fn by_link(app: &App, id: i64, given: &str) -> Result<Measure> {
    if !crypt::equal(given.as_bytes(), key(app, id).as_bytes()) {
        return Err(Error::NotFound);
    }
    measures::get(app, id).await
}

/// The statement of reasons: what is done and why, with where to answer.
#[derive(Clone, Debug)]
pub struct Statement {
    /// Its subject.
    pub subject: String,
    /// Its text; its last line is the address of the page where one answers.
    pub text: String,
    /// That address.
    pub link: String,
}

fn statement(
    app: &App,
    house: String,
    locale: Locale,
    (id, kind, reasons): (i64, Kind, &str),
) -> Statement {
    let link = app.origin().at(&format!("/appeal/{id}/{}", key(app, id)));
    let what = locale.text(&format!("measure-did-{}", kind.name()));
    Statement {
        subject: locale.text_with("mail-measure-subject", "house", house),
        text: locale
            .text("mail-measure-text")
            .replace("{what}", &what)
            .replace("{reasons}", reasons)
            .replace("{link}", &link),
        link,
    }
}

/// The statement of reasons for somebody whose home is elsewhere, with whom it is for.
///
/// # Errors
/// `NotFound` when there is no such measure.
pub async fn statement_of(app: &App, id: i64) -> Result<(Account, Statement)> {
    let measure = measures::get(app, id).await?;
    let account = accounts::get(app, measure.account).await?;
    let house = house::get(app).await?.name;
    let about = (id, measure.kind, measure.reasons.as_str());
    Ok((account, statement(app, house, Locale::En, about)))
}

/// Tells somebody what is done and why: a member and a guest by mail to the address they proved, whoever has a home
/// elsewhere by a direct message.
///
/// # Errors
/// What the database says.
pub(super) async fn tell(
    app: &App,
    tx: &mut Tx,
    account: &Account,
    about: (i64, Kind, &str),
) -> Result<()> {
    let address = match account.kind {
        Lives::Local => sign_in::store::address(&mut *tx, account.id).await?,
        Lives::Guest => guest_address(&mut *tx, account.id).await?,
        _ => {
            if !account.is_local() && account.inbox_id.is_some() {
                jobs::enqueue(&mut *tx, app.clock.now(), Job::SendMeasure(about.0)).await?;
            }
            None
        }
    };
    let Some((address, locale)) = address else {
        return Ok(());
    };
    let locale = Locale::of_header(&locale.unwrap_or_default());
    let house = house::get(app).await?.name;
    let said = statement(app, house, locale, about);
    letters::write(app, tx, &address, &said.subject, &said.text).await
}

async fn guest_address(
    tx: &mut Tx,
    id: AccountId,
) -> sqlx::Result<Option<(String, Option<String>)>> {
    let row = sql("SELECT address FROM guest_mails WHERE account_id = $1")
        .bind(id)
        .optional(tx)
        .await?;
    row.map(|row| Ok((row.get("address")?, None))).transpose()
}

/// Somebody answers what was done about them, once.
///
/// # Errors
/// `NotFound` when it is not theirs or was answered already, `Invalid` without words.
pub async fn appeal(app: &App, account: AccountId, id: i64, words: &str) -> Result<()> {
    let words = check("appeal", words)?;
    let touched = sql("UPDATE measures SET appeal = $1, appealed_at = $2 WHERE id = $3 AND account_id = $4 AND appealed_at IS NULL AND lifted_at IS NULL")
        .bind(words)
        .bind(app.clock.now())
        .bind(id)
        .bind(account)
        .run(&app.db)
        .await?;
    if touched == 0 {
        return Err(Error::NotFound);
    }
    Ok(())
}

/// Answers an appeal: the measure is lifted, or stays; they read why.
///
/// # Errors
/// `NotFound` when it was answered already.
pub async fn answer(app: &App, id: i64, words: &str, lifts: bool) -> Result<()> {
    let touched = sql("UPDATE measures SET answer = $1, answered_at = $2 WHERE id = $3 AND appealed_at IS NOT NULL AND answered_at IS NULL")
        .bind(words.chars().take(WORDS).collect::<String>())
        .bind(app.clock.now())
        .bind(id)
        .run(&app.db)
        .await?;
    if touched == 0 {
        return Err(Error::NotFound);
    }
    if lifts {
        measures::lift(app, id).await?;
    }
    let measure = measures::get(app, id).await?;
    let mut tx = app.db.begin().await?;
    if let Some((address, locale)) = sign_in::store::address(&mut tx, measure.account).await? {
        let locale = Locale::of_header(&locale.unwrap_or_default());
        let house = house::get(app).await?.name;
        let subject = locale.text_with("mail-measure-subject", "house", house);
        let said = locale.text(if lifts {
            "mail-appeal-granted"
        } else {
            "mail-appeal-kept"
        });
        let text = format!("{said}\n\n{}", measure.answer);
        letters::write(app, &mut tx, &address, &subject, text.trim()).await?;
    }
    tx.commit().await?;
    app.wake.notify_waiters();
    Ok(())
}

/// Appeals that wait for an answer, with whose they are.
///
/// # Errors
/// What the database says.
pub async fn appeals(app: &App) -> Result<Vec<(Measure, Account)>> {
    let rows = sql("SELECT * FROM measures WHERE appealed_at IS NOT NULL AND answered_at IS NULL AND lifted_at IS NULL ORDER BY appealed_at LIMIT 100")
        .all(&app.db)
        .await?;
    let mut found = Vec::new();
    for row in &rows {
        let measure = read(row)?;
        found.push((measure.clone(), accounts::get(app, measure.account).await?));
    }
    Ok(found)
}
