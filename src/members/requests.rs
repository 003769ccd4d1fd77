//! People who asked to become members, with their answers to the host's questions.

use std::net::IpAddr;

use crate::accounts::create::{self, New};
use crate::accounts::{Account, Role, letters, sign_in, store};
use crate::app::App;
use crate::error::{Error, Result};
use crate::kernel::clock::Time;
use crate::kernel::db::{Row, sql};
use crate::kernel::id;
use crate::locale::Locale;
use crate::nodes::house;
use crate::nodes::joining::{self, Mode};

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
    let rows = sql("SELECT * FROM join_requests ORDER BY id LIMIT 200")
        .all(&app.db)
        .await?;
    Ok(rows.iter().map(read).collect::<sqlx::Result<_>>()?)
}

/// The name somebody asks for.
///
/// # Errors
/// What the database says.
pub async fn name(app: &App, number: i64) -> Result<Option<String>> {
    let row = sql("SELECT name FROM join_requests WHERE id = $1")
        .bind(number)
        .optional(&app.db)
        .await?;
    Ok(row.map(|row| row.get("name")).transpose()?)
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

/// Lets somebody in who asked, and tells them by mail.
///
/// # Errors
/// `NotFound` when somebody else decided, `Invalid` when the name or the address was taken meanwhile.
pub async fn accept(app: &App, number: i64) -> Result<Account> {
    let row = sql("SELECT * FROM join_requests WHERE id = $1")
        .bind(number)
        .optional(&app.db)
        .await?;
    let request = read(&row.ok_or(Error::NotFound)?)?;
    let locale = Locale::of_header(&request.locale);
    let new = New {
        name: &request.name,
        display_name: "",
        email: Some(&request.email),
        password: "",
        role: Role::Member,
        confirmed: app.mailer.is_none(),
    };
    let prepared = create::prepare_with(app, new, request.password.clone()).await?;
    let mut tx = app.db.begin().await?;
    let taken = sql("DELETE FROM join_requests WHERE id = $1")
        .bind(number)
        .run(&mut tx)
        .await?;
    if taken == 0 {
        return Err(Error::NotFound);
    }
    let account = create::write(app, &mut tx, prepared).await?;
    if app.mailer.is_some() {
        letters::write_confirmation(app, &mut tx, locale, (account.id, &request.email)).await?;
    }
    tx.commit().await?;
    app.wake.notify_waiters();
    Ok(account)
}

/// Does not let somebody in who asked; they are told in calm words, and what they wrote is forgotten.
///
/// # Errors
/// What the database says.
pub async fn refuse(app: &App, number: i64) -> Result<()> {
    let name = house::get(app).await?.name;
    let mut tx = app.db.begin().await?;
    let row = sql("DELETE FROM join_requests WHERE id = $1 RETURNING email, locale")
        .bind(number)
        .optional(&mut tx)
        .await?;
    if let Some(row) = row {
        let (email, tag): (String, String) = (row.get("email")?, row.get("locale")?);
        let locale = Locale::of_header(&tag);
        let subject = locale.text_with("mail-refused-subject", "house", name.clone());
        let text = locale.text_with("mail-refused-text", "house", name);
        letters::write(app, &mut tx, &email, &subject, &text).await?;
    }
    tx.commit().await?;
    app.wake.notify_waiters();
    Ok(())
}
