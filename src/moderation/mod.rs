//! Reports.

use crate::accounts::Account;
use crate::app::App;
use crate::error::{Error, Result};
use crate::jobs::{self, Job};
use crate::kernel::clock::Time;
use crate::kernel::db::{Row, sql};
use crate::kernel::id::{AccountId, ReportId};

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
    /// When it came.
    pub created_at: Time,
    /// When it was closed.
    pub closed_at: Option<Time>,
}

fn read(row: &Row) -> sqlx::Result<Report> {
    let posts: String = row.get("posts")?;
    Ok(Report {
        id: row.get("id")?,
        from: row.get("from_id")?,
        target: row.get("target_id")?,
        comment: row.get("comment")?,
        posts: serde_json::from_str(&posts).unwrap_or_default(),
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
    let id = ReportId::mint(now);
    let mut tx = app.db.begin().await?;
    let touched = sql("INSERT INTO reports (id, uri, from_id, target_id, comment, posts, created_at, category) VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT DO NOTHING")
        .bind(id)
        .bind(new.uri)
        .bind(from.id)
        .bind(target.id)
        .bind(new.comment.trim())
        .bind(serde_json::to_string(new.posts)?)
        .bind(now)
        .bind(new.category)
        .run(&mut tx)
        .await?;
    if touched == 1 && new.forward && !target.is_local() {
        jobs::enqueue(&mut tx, now, Job::SendReport(id)).await?;
    }
    tx.commit().await?;
    app.wake.notify_waiters();
    Ok(id)
}

/// The report with this id, if any.
///
/// # Errors
/// What the database says.
pub async fn find(app: &App, id: ReportId) -> Result<Option<Report>> {
    Ok(sql("SELECT * FROM reports WHERE id = $1")
        .bind(id)
        .optional(&app.db)
        .await?
        .as_ref()
        .map(read)
        .transpose()?)
}

/// The newest reports, the open ones first.
///
/// # Errors
/// What the database says.
pub async fn list(app: &App) -> Result<Vec<Report>> {
    let rows = sql("SELECT * FROM reports ORDER BY CASE WHEN closed_at IS NULL THEN 0 ELSE 1 END, id DESC LIMIT 200")
        .all(&app.db)
        .await?;
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

/// Closes a report.
///
/// # Errors
/// What the database says.
pub async fn close(app: &App, id: ReportId) -> Result<()> {
    sql("UPDATE reports SET closed_at = $1 WHERE id = $2")
        .bind(app.clock.now())
        .bind(id)
        .run(&app.db)
        .await?;
    Ok(())
}
