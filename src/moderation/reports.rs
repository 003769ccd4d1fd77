//! Reports: what is reported as it read then, who looks at it, and what came of it.

use std::time::Duration;

use crate::accounts::{Account, letters, sign_in, store as account_store};
use crate::app::App;
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::jobs::{self, Job};
use crate::kernel::clock::Time;
use crate::kernel::db::{Query, Row, Tx, sql};
use crate::kernel::html::to_text;
use crate::kernel::id::{self, AccountId, ReportId};
use crate::locale::Locale;
use crate::media;
use crate::nodes::house;
use crate::posts;

/// How many reports somebody makes in a day; of a node that sends them in its own name, all its people together.
const A_DAY: i64 = 50;
/// How many reports one page lists.
pub const AT_ONCE: usize = 50;

/// A report about an account and some of its posts.
#[derive(Clone, Debug)]
pub struct Report {
    /// Its id.
    pub id: ReportId,
    /// Who reports; of a report from elsewhere, the actor that sent it.
    pub from: AccountId,
    /// Who is reported.
    pub target: AccountId,
    /// What is said about it.
    pub comment: String,
    /// The posts' ids on the wire.
    pub posts: Vec<String>,
    /// What it is about: `spam`, `legal`, `violation` or `other`.
    pub category: String,
    /// The posts as they read when they were reported.
    pub snapshot: Vec<Shot>,
    /// Who looks at it.
    pub assigned: Option<AccountId>,
    /// When it came.
    pub created_at: Time,
    /// When it was closed.
    pub closed_at: Option<Time>,
}

/// A post as it read when it was reported.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shot {
    /// Its id on the wire.
    pub uri: String,
    /// Its warning and text, plain.
    pub text: String,
    /// What its files show.
    pub files: Vec<String>,
    /// Its files of this house, under names that stay.
    #[serde(default)]
    pub kept: Vec<String>,
    /// When it was written.
    pub created_at: Time,
}

/// What somebody of the crew noted about a report.
#[derive(Clone, Debug)]
pub struct Note {
    /// Who.
    pub by: Account,
    /// What.
    pub text: String,
    /// When.
    pub created_at: Time,
}

fn read(row: &Row) -> sqlx::Result<Report> {
    let (posts, snapshot): (String, String) = (row.get("posts")?, row.get("snapshot")?);
    Ok(Report {
        id: row.get("id")?,
        from: row.get("from_id")?,
        target: row.get("target_id")?,
        comment: row.get("comment")?,
        posts: serde_json::from_str(&posts).unwrap_or_default(),
        category: row.get("category")?,
        snapshot: serde_json::from_str(&snapshot).unwrap_or_default(),
        assigned: row.get("assigned_id")?,
        created_at: row.get("created_at")?,
        closed_at: row.get("closed_at")?,
    })
}

/// A report as it is made.
#[derive(Debug)]
pub struct New<'a> {
    /// What is said.
    pub comment: &'a str,
    /// The posts' ids on the wire.
    pub posts: &'a [String],
    /// The id of the Flag it came with.
    pub uri: Option<&'a str>,
    /// Whether the node of the reported account is told.
    pub forward: bool,
    /// What it is about: `spam`, `legal`, `violation` or `other`.
    pub category: &'a str,
}

/// Notes a report; the same Flag twice is one report.
///
/// # Errors
/// `Invalid` when the comment is too long.
pub async fn report(app: &App, from: &Account, target: &Account, new: New<'_>) -> Result<ReportId> {
    if new.comment.chars().count() > 5_000 {
        return Err(Error::invalid_with("comment", "error-too-long", 5_000));
    }
    let now = app.clock.now();
    let lately = sql("SELECT COUNT(*) AS n FROM reports WHERE from_id = $1 AND created_at > $2")
        .bind(from.id)
        .bind(now.minus(Duration::from_secs(86_400)))
        .one(&app.db)
        .await?;
    if lately.get::<i64>("n")? >= A_DAY {
        return Err(Error::TooMany(Duration::from_secs(86_400)));
    }
    let id = ReportId::mint(now);
    let mut snapshot = shoot(app, new.posts).await?;
    let mut tx = app.db.begin().await?;
    for shot in &mut snapshot {
        let mut kept = Vec::new();
        for name in &shot.kept {
            kept.extend(media::files::keep_too(&mut tx, name).await?);
        }
        shot.kept = kept;
    }
    let touched = sql("INSERT INTO reports (id, uri, from_id, target_id, comment, posts, created_at, category, snapshot) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT DO NOTHING")
        .bind(id)
        .bind(new.uri)
        .bind(from.id)
        .bind(target.id)
        .bind(new.comment.trim())
        .bind(serde_json::to_string(new.posts)?)
        .bind(now)
        .bind(new.category)
        .bind(serde_json::to_string(&snapshot)?)
        .run(&mut tx)
        .await?;
    if touched == 0 {
        // The same Flag again: nothing of this is kept twice.
        return Ok(id);
    }
    for name in snapshot.iter().flat_map(|shot| &shot.kept) {
        sql("INSERT INTO report_files (name, report_id) VALUES ($1, $2)")
            .bind(name)
            .bind(id)
            .run(&mut tx)
            .await?;
    }
    if new.forward && !target.is_local() {
        jobs::enqueue(&mut tx, now, Job::SendReport(id)).await?;
    }
    tx.commit().await?;
    app.wake.notify_waiters();
    Ok(id)
}

/// Several posts as they read now, with the files they have.
async fn shoot(app: &App, uris: &[String]) -> Result<Vec<Shot>> {
    let mut shots = Vec::new();
    for uri in uris.iter().take(50) {
        let Some(post) = posts::find_by_uri(app, uri).await? else {
            continue;
        };
        let files = media::of_post(app, post.id).await?;
        let kept = files.iter().filter_map(|item| item.file.clone()).collect();
        shots.push(Shot {
            uri: uri.clone(),
            text: format!("{} {}", post.warning, to_text(&post.html))
                .trim()
                .chars()
                .take(5_000)
                .collect(),
            files: files
                .iter()
                .map(|file| format!("{} {}", file.kind, file.description))
                .collect(),
            kept,
            created_at: post.created_at,
        });
    }
    Ok(shots)
}

/// The report with this id, if any.
///
/// # Errors
/// What the database says.
pub async fn find(app: &App, id: ReportId) -> Result<Option<Report>> {
    Ok(sql("SELECT id, from_id, target_id, comment, posts, created_at, closed_at, category, snapshot, assigned_id FROM reports WHERE id = $1")
        .bind(id)
        .optional(&app.db)
        .await?
        .as_ref()
        .map(read)
        .transpose()?)
}

/// Reports that wait, the oldest first, after one of them; without what they show.
///
/// # Errors
/// What the database says.
pub async fn waiting(app: &App, after: Option<i64>) -> Result<Vec<Report>> {
    brief(
        app,
        sql("SELECT id, from_id, target_id, comment, posts, category, '[]' AS snapshot, assigned_id, created_at, closed_at FROM reports WHERE closed_at IS NULL AND id > $1 ORDER BY id LIMIT 50")
            .bind(after.unwrap_or(0)),
    )
    .await
}

/// The reports that were closed last; without what they show.
///
/// # Errors
/// What the database says.
pub async fn closed(app: &App) -> Result<Vec<Report>> {
    brief(
        app,
        sql("SELECT id, from_id, target_id, comment, posts, category, '[]' AS snapshot, assigned_id, created_at, closed_at FROM reports WHERE closed_at IS NOT NULL ORDER BY closed_at DESC, id DESC LIMIT 20"),
    )
    .await
}

async fn brief(app: &App, query: Query) -> Result<Vec<Report>> {
    let rows = query.all(&app.db).await?;
    Ok(rows.iter().map(read).collect::<sqlx::Result<_>>()?)
}

/// How many reports wait.
///
/// # Errors
/// What the database says.
pub async fn open(app: &App) -> Result<i64> {
    let row = sql("SELECT COUNT(*) AS n FROM reports WHERE closed_at IS NULL")
        .one(&app.db)
        .await?;
    Ok(row.get("n")?)
}

/// How often somebody was reported so far.
///
/// # Errors
/// What the database says.
pub async fn times(app: &App, target: AccountId) -> Result<i64> {
    let row = sql("SELECT COUNT(*) AS n FROM reports WHERE target_id = $1")
        .bind(target)
        .one(&app.db)
        .await?;
    Ok(row.get("n")?)
}

/// Somebody of the crew looks at a report. Whether they did not so far.
///
/// # Errors
/// What the database says.
pub async fn assign(tx: &mut Tx, id: ReportId, to: AccountId) -> sqlx::Result<bool> {
    let touched = sql("UPDATE reports SET assigned_id = $1 WHERE id = $2 AND (assigned_id IS NULL OR assigned_id <> $1)")
        .bind(to)
        .bind(id)
        .run(tx)
        .await?;
    Ok(touched == 1)
}

/// What the crew noted about a report, the oldest first.
///
/// # Errors
/// What the database says.
pub async fn notes(app: &App, id: ReportId) -> Result<Vec<Note>> {
    let rows = sql(concat!("SELECT ", crate::account_columns!(), ", report_notes.text AS note, report_notes.created_at AS noted_at FROM report_notes JOIN accounts ON accounts.id = report_notes.account_id WHERE report_id = $1 ORDER BY report_notes.id LIMIT 200"))
        .bind(id)
        .all(&app.db)
        .await?;
    let read = |row: &Row| {
        Ok(Note {
            by: account_store::read(row)?,
            text: row.get("note")?,
            created_at: row.get("noted_at")?,
        })
    };
    Ok(rows.iter().map(read).collect::<sqlx::Result<_>>()?)
}

/// Notes something about a report, for the crew.
///
/// # Errors
/// `Invalid` when it is empty or too long.
pub async fn add_note(
    tx: &mut Tx,
    now: Time,
    id: ReportId,
    by: AccountId,
    text: &str,
) -> Result<()> {
    let text = text.trim();
    if text.is_empty() || text.chars().count() > 2_000 {
        return Err(Error::invalid_with("text", "error-too-long", 2_000));
    }
    sql("INSERT INTO report_notes (id, report_id, account_id, text, created_at) VALUES ($1, $2, $3, $4, $5)")
        .bind(id::mint(now))
        .bind(id)
        .bind(by)
        .bind(text)
        .bind(now)
        .run(tx)
        .await?;
    Ok(())
}

/// Closes a report, and tells a member who made it by mail what came of it: `measure` or `none`. Whether it was open.
///
/// # Errors
/// What the database says.
pub async fn close(app: &App, tx: &mut Tx, id: ReportId, outcome: &'static str) -> Result<bool> {
    let row = sql("UPDATE reports SET closed_at = $1, outcome = $2 WHERE id = $3 AND closed_at IS NULL RETURNING from_id, target_id")
        .bind(app.clock.now())
        .bind(outcome)
        .bind(id)
        .optional(&mut *tx)
        .await?;
    let Some(row) = row else { return Ok(false) };
    let from: AccountId = row.get("from_id")?;
    if let Some((address, locale)) = sign_in::store::address(&mut *tx, from).await? {
        let locale = Locale::of_header(&locale.unwrap_or_default());
        let target = account_store::find(&mut *tx, row.get("target_id")?).await?;
        let target = target.ok_or(Error::NotFound)?;
        let house = house::read(&mut *tx).await?.name;
        let subject = locale.text_with("mail-report-subject", "house", house);
        let text = locale.text_with(
            &format!("mail-report-{outcome}"),
            "name",
            format!("@{}", target.handle(&app.origin())),
        );
        letters::write(app, tx, &address, &subject, &text).await?;
    }
    Ok(true)
}

/// Opens a report again. Whether it was closed.
///
/// # Errors
/// What the database says.
pub async fn reopen(tx: &mut Tx, id: ReportId) -> sqlx::Result<bool> {
    let touched = sql(
        "UPDATE reports SET closed_at = NULL, outcome = '' WHERE id = $1 AND closed_at IS NOT NULL",
    )
    .bind(id)
    .run(tx)
    .await?;
    Ok(touched == 1)
}

/// Whether a file is kept for a report.
///
/// # Errors
/// What the database says.
pub async fn keeps(app: &App, name: &str) -> Result<bool> {
    let row = sql("SELECT name FROM report_files WHERE name = $1")
        .bind(name)
        .optional(&app.db)
        .await?;
    Ok(row.is_some())
}

/// Gives up the files of reports that were closed a month ago.
///
/// # Errors
/// What the database or the storage says.
pub async fn sweep(app: &App) -> Result<()> {
    let before = app.clock.now().minus(Duration::from_secs(30 * 86_400));
    let rows = sql("SELECT name FROM report_files WHERE report_id IN (SELECT id FROM reports WHERE closed_at < $1) LIMIT 500")
        .bind(before)
        .all(&app.db)
        .await?;
    for row in rows {
        let name: String = row.get("name")?;
        media::files::remove(app, &name).await?;
        sql("DELETE FROM report_files WHERE name = $1")
            .bind(name)
            .run(&app.db)
            .await?;
    }
    Ok(())
}
