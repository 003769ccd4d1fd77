//! Lists that are brought along: read at once, done line by line, with what could not be done.

use super::Kind;
use crate::accounts::{self, Account};
use crate::app::App;
use crate::error::{Error, Result};
use crate::federation::objects::Found;
use crate::federation::webfinger;
use crate::jobs::{self, Job};
use crate::kernel::clock::Time;
use crate::kernel::db::{Row, sql};
use crate::kernel::id;
use crate::kernel::origin::ascii_domain;
use crate::kernel::text::csv_fields;
use crate::posts::keep;
use crate::relations::{blocks, follows};
use crate::timelines::lists::{self, Edit};

/// Most lines of a list.
const LINES: usize = 20_000;
/// How many lines are done before the next turn.
const AT_ONCE: usize = 20;

/// A list that is being brought.
#[derive(Clone, Debug)]
pub struct Import {
    /// Its number.
    pub id: i64,
    /// What it is.
    pub kind: Kind,
    /// How many lines it has.
    pub total: i64,
    /// How many are done.
    pub done: i64,
    /// Lines that could not be done.
    pub failed: Vec<String>,
    /// When it was brought.
    pub created_at: Time,
}

fn read(row: &Row) -> sqlx::Result<Import> {
    let (kind, failed): (String, String) = (row.get("kind")?, row.get("failed")?);
    Ok(Import {
        id: row.get("id")?,
        kind: Kind::parse(&kind).unwrap_or(Kind::Following),
        total: row.get("total")?,
        done: row.get("done")?,
        failed: serde_json::from_str(&failed).unwrap_or_default(),
        created_at: row.get("created_at")?,
    })
}

/// Takes a list in; it is done in turns.
///
/// # Errors
/// `Invalid` when it is empty or too long.
pub async fn begin(app: &App, member: &Account, kind: Kind, text: &str) -> Result<()> {
    let heads = ["account address", "#domain", "domain"];
    let lines: Vec<&str> = text
        .trim_start_matches('\u{feff}')
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .filter(|line| {
            let lower = line.to_lowercase();
            !heads.iter().any(|head| lower.starts_with(head))
        })
        .collect();
    if lines.is_empty() {
        return Err(Error::invalid("list", "error-import-empty"));
    }
    if lines.len() > LINES {
        return Err(Error::invalid_with("list", "error-too-many", LINES));
    }
    let now = app.clock.now();
    let id = id::mint(now);
    let mut tx = app.db.begin().await?;
    sql("INSERT INTO imports (id, account_id, kind, lines, total, created_at) VALUES ($1, $2, $3, $4, $5, $6)")
        .bind(id)
        .bind(member.id)
        .bind(kind.name())
        .bind(serde_json::to_string(&lines)?)
        .bind(i64::try_from(lines.len()).unwrap_or(i64::MAX))
        .bind(now)
        .run(&mut tx)
        .await?;
    jobs::enqueue(&mut tx, now, Job::Import(id)).await?;
    tx.commit().await?;
    app.wake.notify_waiters();
    Ok(())
}

/// The lists a member brought, the newest first.
///
/// # Errors
/// What the database says.
pub async fn list(app: &App, member: &Account) -> Result<Vec<Import>> {
    let rows = sql("SELECT * FROM imports WHERE account_id = $1 ORDER BY id DESC LIMIT 20")
        .bind(member.id)
        .all(&app.db)
        .await?;
    Ok(rows.iter().map(read).collect::<sqlx::Result<_>>()?)
}

/// Does the next lines of a list, and comes back for the rest.
///
/// # Errors
/// What the database says.
pub async fn go_on(app: &App, id: i64) -> Result<()> {
    let row = sql("SELECT * FROM imports WHERE id = $1")
        .bind(id)
        .optional(&app.db)
        .await?;
    let Some(row) = row else { return Ok(()) };
    let mut import = read(&row)?;
    let lines: Vec<String> = serde_json::from_str(&row.get::<String>("lines")?)?;
    let member = accounts::get(app, row.get("account_id")?).await?;
    let from = usize::try_from(import.done).unwrap_or(usize::MAX);
    if from >= lines.len() || !member.is_active() {
        return Ok(());
    }
    let upto = lines.len().min(from + AT_ONCE);
    for line in &lines[from..upto] {
        if one(app, &member, import.kind, line).await.is_err() {
            import.failed.push(line.chars().take(120).collect());
        }
    }
    import.failed.truncate(500);
    let now = app.clock.now();
    let mut tx = app.db.begin().await?;
    sql("UPDATE imports SET done = $2, failed = $3 WHERE id = $1")
        .bind(id)
        .bind(i64::try_from(upto).unwrap_or(i64::MAX))
        .bind(serde_json::to_string(&import.failed)?)
        .run(&mut tx)
        .await?;
    if upto < lines.len() {
        jobs::enqueue(&mut tx, now, Job::Import(id)).await?;
    }
    tx.commit().await?;
    app.wake.notify_waiters();
    Ok(())
}

async fn named(app: &App, handle: &str) -> Result<Account> {
    match webfinger::look_up(app, handle).await {
        Ok(Found::Account(account)) => Ok(account),
        _ => Err(Error::NotFound),
    }
}

/// Does one line; twice is the same as once.
async fn one(app: &App, member: &Account, kind: Kind, line: &str) -> Result<()> {
    let fields = csv_fields(line);
    let first = fields[0].trim();
    match kind {
        Kind::Following => {
            let other = named(app, first).await?;
            if other.id != member.id && follows::find(&app.db, member.id, other.id).await?.is_none()
            {
                follows::request(app, member, &other).await?;
            }
            Ok(())
        }
        Kind::Blocks => blocks::block(app, member, &named(app, first).await?).await,
        Kind::Mutes => {
            let other = named(app, first).await?;
            blocks::set_muted(app, member, &other, Some(blocks::Mute::WHOLE)).await
        }
        Kind::Domains => {
            let host = ascii_domain(first).ok_or(Error::NotFound)?;
            blocks::set_node_muted(app, member.id, &host, true).await
        }
        Kind::Lists => {
            let other = named(app, fields.get(1).ok_or(Error::NotFound)?.trim()).await?;
            let known = lists::list(app, member.id).await?;
            let list = match known.into_iter().find(|list| list.title == first) {
                Some(list) => list,
                None => {
                    let edit = Edit {
                        title: Some(first.to_owned()),
                        ..Edit::default()
                    };
                    lists::create(app, member.id, edit).await?
                }
            };
            lists::set_people(app, member.id, list.id, &[other.id], true).await
        }
        Kind::Bookmarks => match webfinger::look_up(app, first).await {
            Ok(Found::Post(post)) => keep::set_bookmark(app, member.id, post.id, true).await,
            _ => Err(Error::NotFound),
        },
    }
}
