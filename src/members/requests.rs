//! People who asked to become members, with their answers to the host's questions.

use std::net::IpAddr;

use crate::accounts::create::{self, New, Prepared};
use crate::accounts::{Account, Role, letters, sign_in, store};
use crate::app::App;
use crate::error::{Error, Result};
use crate::kernel::clock::Time;
use crate::kernel::db::{Row, Tx, sql};
use crate::kernel::id;
use crate::locale::Locale;
use crate::nodes::house;
use crate::nodes::joining::{self, Mode};

/// The columns of `join_requests` that are read.
macro_rules! request_columns {
    () => {
        "join_requests.id, join_requests.name, join_requests.email, join_requests.password, join_requests.answers, join_requests.locale, join_requests.created_at"
    };
}

/// Longest answer.
const ANSWER: usize = 2_000;
/// Most requests that wait; a house that is flooded takes no more until some are decided.
const MOST: i64 = 5_000;

/// Somebody who asks to become a member.
#[derive(Clone, Debug)]
pub struct Request {
    /// Its number.
    pub id: i64,
    /// The name they want.
    pub name: String,
    /// Their mail address.
    pub email: String,
    /// Each question with its answer.
    pub answers: Vec<(String, String)>,
    /// When they asked.
    pub created_at: Time,
    password: String,
    locale: String,
}

fn read(row: &Row) -> sqlx::Result<Request> {
    let answers: String = row.get("answers")?;
    Ok(Request {
        id: row.get("id")?,
        name: row.get("name")?,
        email: row.get("email")?,
        answers: serde_json::from_str(&answers).unwrap_or_default(),
        created_at: row.get("created_at")?,
        password: row.get("password")?,
        locale: row.get("locale")?,
    })
}

/// Keeps a request. Who asks with an address that is known here learns of it by mail alone.
///
/// # Errors
/// `Forbidden` where nobody can ask, `Invalid` for what cannot be taken.
pub async fn ask(
    app: &App,
    (name, email, password): (&str, &str, &str),
    answers: &[(String, String)],
    (locale, from): (Locale, IpAddr),
) -> Result<()> {
    if joining::get(app).await?.mode != Mode::Request {
        return Err(Error::Forbidden);
    }
    let name = &*create::fold_name(name);
    create::check_name(name)?;
    sign_in::check_password(password)?;
    let folded = sign_in::fold_email(email)?;
    super::check_mail(app, &folded).await?;
    for (_, answer) in answers {
        if answer.trim().is_empty() {
            return Err(Error::invalid("answer", "error-answer"));
        }
        if answer.chars().count() > ANSWER {
            return Err(Error::invalid_with("answer", "error-too-long", ANSWER));
        }
    }
    let hash = app.passwords.hash(password).await;
    let now = app.clock.now();
    let mut tx = app.db.begin().await?;
    let waiting: i64 = sql("SELECT COUNT(*) AS n FROM join_requests")
        .one(&mut tx)
        .await?
        .get("n")?;
    if waiting >= MOST {
        return Err(Error::conflict("error-requests"));
    }
    if store::name_taken(&mut tx, name).await? {
        return Err(Error::invalid("name", "error-name-taken"));
    }
    let known = sign_in::store::find_by_email(&mut tx, &folded).await?;
    if known.is_some() {
        drop(tx);
        return letters::write_known_address(app, locale, email, from).await;
    }
    let touched = sql("INSERT INTO join_requests (id, name, email, password, answers, locale, created_at) VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT DO NOTHING")
        .bind(id::mint(now))
        .bind(name)
        .bind(&folded)
        .bind(&hash)
        .bind(serde_json::to_string(answers)?)
        .bind(locale.tag())
        .bind(now)
        .run(&mut tx)
        .await?;
    let same = sql("SELECT id FROM join_requests WHERE email = $1")
        .bind(&folded)
        .optional(&mut tx)
        .await?;
    tx.commit().await?;
    if touched == 0 && same.is_none() {
        return Err(Error::invalid("name", "error-name-taken"));
    }
    Ok(())
}

/// Who waits, the first first.
///
/// # Errors
/// What the database says.
pub async fn list(app: &App) -> Result<Vec<Request>> {
    let rows = sql(concat!(
        "SELECT ",
        request_columns!(),
        " FROM join_requests ORDER BY id LIMIT 200"
    ))
    .all(&app.db)
    .await?;
    Ok(rows.iter().map(read).collect::<sqlx::Result<_>>()?)
}

/// How many wait.
///
/// # Errors
/// What the database says.
pub async fn count(app: &App) -> Result<i64> {
    let row = sql("SELECT COUNT(*) AS n FROM join_requests")
        .one(&app.db)
        .await?;
    Ok(row.get("n")?)
}

/// Somebody who asked, before they are let in: their keys take their time outside of the transaction.
pub struct Welcome {
    request: Request,
    prepared: Prepared,
}

/// Prepares to let somebody in who asked; [`accept`] does it.
///
/// # Errors
/// `NotFound` when somebody else decided.
pub async fn prepare(app: &App, number: i64) -> Result<Welcome> {
    let row = sql(concat!(
        "SELECT ",
        request_columns!(),
        " FROM join_requests WHERE id = $1"
    ))
    .bind(number)
    .optional(&app.db)
    .await?;
    let request = read(&row.ok_or(Error::NotFound)?)?;
    let new = New {
        name: &request.name,
        display_name: "",
        email: Some(&request.email),
        password: "",
        role: Role::Member,
        confirmed: app.mailer.is_none(),
    };
    let prepared = create::prepare_with(app, new, request.password.clone()).await?;
    Ok(Welcome { request, prepared })
}

/// Lets somebody in who asked, and tells them by mail.
///
/// # Errors
/// `NotFound` when somebody else decided, `Invalid` when the name or the address was taken meanwhile.
pub async fn accept(app: &App, tx: &mut Tx, welcome: Welcome) -> Result<Account> {
    let Welcome { request, prepared } = welcome;
    let taken = sql("DELETE FROM join_requests WHERE id = $1")
        .bind(request.id)
        .run(&mut *tx)
        .await?;
    if taken == 0 {
        return Err(Error::NotFound);
    }
    let account = create::write(app, &mut *tx, prepared).await?;
    if app.mailer.is_some() {
        let locale = Locale::of_header(&request.locale);
        letters::write_confirmation(app, tx, locale, (account.id, &request.email)).await?;
    }
    Ok(account)
}

/// Does not let somebody in who asked; they are told in calm words, and what they wrote is forgotten. The name they
/// wanted, where nobody else decided.
///
/// # Errors
/// What the database says.
pub async fn refuse(app: &App, tx: &mut Tx, number: i64) -> Result<Option<String>> {
    let row = sql("DELETE FROM join_requests WHERE id = $1 RETURNING name, email, locale")
        .bind(number)
        .optional(&mut *tx)
        .await?;
    let Some(row) = row else { return Ok(None) };
    let (email, tag): (String, String) = (row.get("email")?, row.get("locale")?);
    let (house, locale) = (house::read(&mut *tx).await?.name, Locale::of_header(&tag));
    let subject = locale.text_with("mail-refused-subject", "house", house.clone());
    let text = locale.text_with("mail-refused-text", "house", house);
    letters::write(app, tx, &email, &subject, &text).await?;
    Ok(Some(row.get("name")?))
}
