//! Statements of reasons, and what whoever they are about answers.

use super::measures::{self, Kind, Measure, WORDS, check, read};
use crate::accounts::{self, Account, Kind as Lives, letters, sign_in, store as account_store};
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
    measures::get(&app.db, id).await
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
    /// Whether it is about the end of an account, and so told to one that ended.
    pub is_last: bool,
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
        is_last: kind == Kind::Delete,
    }
}

/// The statement of reasons for somebody whose home is elsewhere, with whom it is for.
///
/// # Errors
/// `NotFound` when there is no such measure.
pub async fn statement_of(app: &App, id: i64) -> Result<(Account, Statement)> {
    let measure = measures::get(&app.db, id).await?;
    let account = accounts::get(app, measure.account).await?;
    let house = house::get(app).await?.name;
    let about = (id, measure.kind, measure.reasons.as_str());
    Ok((account, statement(app, house, Locale::En, about)))
}

/// A mail address, and the language that is read there.
pub(super) type Mailbox = (String, Locale);

/// The address that a member or a guest proved.
pub(super) async fn mailbox(tx: &mut Tx, account: &Account) -> sqlx::Result<Option<Mailbox>> {
    let address = match account.kind {
        Lives::Local => sign_in::store::address(tx, account.id).await?,
        Lives::Guest => guest_address(tx, account.id).await?,
        Lives::Remote | Lives::Node => None,
    };
    Ok(address.map(|(address, tag)| (address, Locale::of_header(&tag.unwrap_or_default()))))
}

/// Tells somebody what is done and why: a member and a guest by mail to the address they proved, whoever has a home
/// elsewhere by a direct message.
///
/// # Errors
/// What the database says.
pub(super) async fn tell(
    app: &App,
    tx: &mut Tx,
    (account, mailbox): (&Account, Option<Mailbox>),
    about: (i64, Kind, &str),
) -> Result<()> {
    if let Some((address, locale)) = mailbox {
        let house = house::read(&mut *tx).await?.name;
        let said = statement(app, house, locale, about);
        return letters::write(app, tx, &address, &said.subject, &said.text).await;
    }
    if account.kind == Lives::Remote && account.inbox_id.is_some() {
        jobs::enqueue(tx, app.clock.now(), Job::SendMeasure(about.0)).await?;
    }
    Ok(())
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
/// `NotFound` when it was answered already, `Conflict` when what was deleted should be given back.
pub async fn answer(
    app: &App,
    tx: &mut Tx,
    id: i64,
    (words, lifts): (&str, bool),
) -> Result<Measure> {
    let now = app.clock.now();
    let measure = measures::get(&mut *tx, id).await?;
    if lifts && measure.kind == Kind::Delete {
        return Err(Error::conflict("error-deleted-stays"));
    }
    // The account before the measure, as whoever lifts one does.
    let account = account_store::lock(&mut *tx, measure.account).await?;
    let account = account.ok_or(Error::NotFound)?;
    let touched = sql("UPDATE measures SET answer = $1, answered_at = $2 WHERE id = $3 AND appealed_at IS NOT NULL AND answered_at IS NULL")
        .bind(words.chars().take(WORDS).collect::<String>())
        .bind(now)
        .bind(id)
        .run(&mut *tx)
        .await?;
    if touched == 0 {
        return Err(Error::NotFound);
    }
    if lifts {
        measures::lift(&mut *tx, now, id).await?;
    }
    let measure = measures::get(&mut *tx, id).await?;
    if let Some((address, locale)) = mailbox(&mut *tx, &account).await? {
        let house = house::read(&mut *tx).await?.name;
        let subject = locale.text_with("mail-measure-subject", "house", house);
        let said = locale.text(if lifts {
            "mail-appeal-granted"
        } else {
            "mail-appeal-kept"
        });
        let text = format!("{said}\n\n{}", measure.answer);
        letters::write(app, tx, &address, &subject, text.trim()).await?;
    }
    Ok(measure)
}

/// Appeals that wait for an answer, with whose they are.
///
/// # Errors
/// What the database says.
pub async fn appeals(app: &App) -> Result<Vec<(Measure, Account)>> {
    let rows = sql(concat!("SELECT ", crate::measure_columns!(), " FROM measures WHERE appealed_at IS NOT NULL AND answered_at IS NULL AND lifted_at IS NULL ORDER BY appealed_at LIMIT 100"))
        .all(&app.db)
        .await?;
    let mut found = Vec::new();
    for row in &rows {
        let measure = read(row)?;
        found.push((measure.clone(), accounts::get(app, measure.account).await?));
    }
    Ok(found)
}
