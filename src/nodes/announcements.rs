//! What the host tells everyone who lives here: shown until it is dismissed, or over.

use std::collections::HashMap;
use std::time::Duration;

use unicode_segmentation::UnicodeSegmentation as _;

use crate::app::App;
use crate::error::{Error, Result};
use crate::kernel::clock::Time;
use crate::kernel::db::{Row, Tx, sql};
use crate::kernel::id::{AccountId, AnnouncementId};
use crate::kernel::text::simple_html;

/// Characters of one.
const LONGEST: usize = 5_000;
/// Different reactions to one.
const REACTIONS: i64 = 8;
/// As many are shown.
const SHOWN: i64 = 40;

/// An announcement as a member sees it.
#[derive(Clone, Debug)]
pub struct Announcement {
    /// Its id.
    pub id: AnnouncementId,
    /// What was typed.
    pub text: String,
    /// The same as HTML.
    pub html: String,
    /// When it was made.
    pub created_at: Time,
    /// When it was last changed.
    pub updated_at: Time,
    /// When it is over.
    pub ends_at: Option<Time>,
    /// Whether the member dismissed it.
    pub read: bool,
    /// An emoji, how many chose it, and whether the member did.
    pub reactions: Vec<(String, i64, bool)>,
}

fn read(row: &Row) -> sqlx::Result<Announcement> {
    Ok(Announcement {
        id: row.get("id")?,
        text: row.get("text")?,
        html: row.get("html")?,
        created_at: row.get("created_at")?,
        updated_at: row.get("updated_at")?,
        ends_at: row.get("ends_at")?,
        read: row.get("read_by_me")?,
        reactions: Vec::new(),
    })
}

fn check(text: &str) -> Result<&str> {
    let text = text.trim();
    if text.is_empty() || text.chars().count() > LONGEST {
        return Err(Error::invalid_with(
            "announcement",
            "error-announcement",
            LONGEST,
        ));
    }
    Ok(text)
}

/// Tells everyone, for some days or until it is taken back.
///
/// # Errors
/// `Invalid` when it is empty or too long.
pub async fn publish(tx: &mut Tx, now: Time, text: &str, days: Option<u64>) -> Result<()> {
    let text = check(text)?;
    let ends_at = days.map(|days| now.plus(Duration::from_secs(days.clamp(1, 366) * 86_400)));
    sql("INSERT INTO announcements (id, text, html, created_at, updated_at, ends_at) VALUES ($1, $2, $3, $4, $4, $5)")
        .bind(AnnouncementId::mint(now))
        .bind(text)
        .bind(simple_html(text))
        .bind(now)
        .bind(ends_at)
        .run(tx)
        .await?;
    Ok(())
}

/// Says it in other words; who dismissed it sees it again.
///
/// # Errors
/// `Invalid` when it is empty or too long, `NotFound` when it is gone.
pub async fn change(tx: &mut Tx, now: Time, id: AnnouncementId, text: &str) -> Result<()> {
    let text = check(text)?;
    let touched =
        sql("UPDATE announcements SET text = $1, html = $2, updated_at = $3 WHERE id = $4")
            .bind(text)
            .bind(simple_html(text))
            .bind(now)
            .bind(id)
            .run(&mut *tx)
            .await?;
    if touched == 0 {
        return Err(Error::NotFound);
    }
    sql("DELETE FROM announcement_reads WHERE announcement_id = $1")
        .bind(id)
        .run(tx)
        .await?;
    Ok(())
}

/// Takes it back; what it said, where it was still told.
///
/// # Errors
/// What the database says.
pub async fn take_back(tx: &mut Tx, id: AnnouncementId) -> sqlx::Result<Option<String>> {
    for statement in [
        sql("DELETE FROM announcement_reads WHERE announcement_id = $1"),
        sql("DELETE FROM announcement_reactions WHERE announcement_id = $1"),
    ] {
        statement.bind(id).run(&mut *tx).await?;
    }
    let row = sql("DELETE FROM announcements WHERE id = $1 RETURNING text")
        .bind(id)
        .optional(tx)
        .await?;
    row.map(|row| row.get("text")).transpose()
}

/// What is told now, newest first, as a member sees it.
///
/// # Errors
/// What the database says.
pub async fn list(app: &App, member: AccountId) -> Result<Vec<Announcement>> {
    let rows = sql("SELECT announcements.id, announcements.text, announcements.html, announcements.created_at, announcements.updated_at, announcements.ends_at, CAST(CASE WHEN reads.account_id IS NULL THEN 0 ELSE 1 END AS BIGINT) AS read_by_me FROM announcements LEFT JOIN announcement_reads AS reads ON reads.announcement_id = announcements.id AND reads.account_id = $1 WHERE announcements.ends_at IS NULL OR announcements.ends_at > $2 ORDER BY announcements.id DESC LIMIT $3")
        .bind(member)
        .bind(app.clock.now())
        .bind(SHOWN)
        .all(&app.db)
        .await?;
    let mut found: Vec<Announcement> = rows.iter().map(read).collect::<sqlx::Result<_>>()?;
    if found.is_empty() {
        return Ok(found);
    }
    let rows = sql("SELECT announcement_id, name, COUNT(*) AS n, CAST(MAX(CASE WHEN account_id = $1 THEN 1 ELSE 0 END) AS BIGINT) AS mine FROM announcement_reactions GROUP BY announcement_id, name ORDER BY MIN(created_at), name")
        .bind(member)
        .all(&app.db)
        .await?;
    let mut reactions: HashMap<AnnouncementId, Vec<(String, i64, bool)>> = HashMap::new();
    for row in &rows {
        let one = (row.get("name")?, row.get("n")?, row.get("mine")?);
        reactions
            .entry(row.get("announcement_id")?)
            .or_default()
            .push(one);
    }
    for one in &mut found {
        one.reactions = reactions.remove(&one.id).unwrap_or_default();
    }
    Ok(found)
}

/// Refuses what is not told now.
async fn must_be_told(app: &App, id: AnnouncementId) -> Result<()> {
    let row =
        sql("SELECT id FROM announcements WHERE id = $1 AND (ends_at IS NULL OR ends_at > $2)")
            .bind(id)
            .bind(app.clock.now())
            .optional(&app.db)
            .await?;
    row.map(|_| ()).ok_or(Error::NotFound)
}

/// Puts it out of a member's sight.
///
/// # Errors
/// `NotFound` when it is not told.
pub async fn dismiss(app: &App, member: AccountId, id: AnnouncementId) -> Result<()> {
    must_be_told(app, id).await?;
    sql("INSERT INTO announcement_reads (announcement_id, account_id) VALUES ($1, $2) ON CONFLICT (announcement_id, account_id) DO NOTHING")
        .bind(id)
        .bind(member)
        .run(&app.db)
        .await?;
    Ok(())
}

/// Adds a member's reaction, or takes it back.
///
/// # Errors
/// `NotFound` when it is not told, `Invalid` when the reaction is no emoji or one too many.
pub async fn react(
    app: &App,
    member: AccountId,
    id: AnnouncementId,
    name: &str,
    on: bool,
) -> Result<()> {
    must_be_told(app, id).await?;
    if !on {
        sql("DELETE FROM announcement_reactions WHERE announcement_id = $1 AND account_id = $2 AND name = $3")
            .bind(id)
            .bind(member)
            .bind(name)
            .run(&app.db)
            .await?;
        return Ok(());
    }
    if !is_emoji(name) {
        return Err(Error::invalid("announcement", "error-reaction"));
    }
    let mut tx = app.db.begin().await?;
    // Its row is held, so that two who are first with a ninth emoji wait for each other.
    sql("UPDATE announcements SET ends_at = ends_at WHERE id = $1")
        .bind(id)
        .run(&mut tx)
        .await?;
    let row = sql("SELECT COUNT(DISTINCT name) AS n FROM announcement_reactions WHERE announcement_id = $1 AND name <> $2")
        .bind(id)
        .bind(name)
        .one(&mut tx)
        .await?;
    if row.get::<i64>("n")? >= REACTIONS {
        return Err(Error::invalid("announcement", "error-reactions"));
    }
    sql("INSERT INTO announcement_reactions (announcement_id, account_id, name, created_at) VALUES ($1, $2, $3, $4) ON CONFLICT (announcement_id, account_id, name) DO NOTHING")
        .bind(id)
        .bind(member)
        .bind(name)
        .bind(app.clock.now())
        .run(&mut tx)
        .await?;
    tx.commit().await?;
    Ok(())
}

/// Whether it is one emoji: one sign on the screen that is no letter, digit or mark of punctuation.
fn is_emoji(name: &str) -> bool {
    let keycap = name.ends_with('\u{20e3}');
    let sign = |c: char| matches!(c, '\u{a9}' | '\u{ae}' | '\u{203c}'..='\u{3299}' | '\u{1f000}'..='\u{1faff}');
    name.len() <= 64
        && name.graphemes(true).count() == 1
        && (keycap
            || name
                .chars()
                .next()
                .is_some_and(|c| sign(c) && !c.is_alphabetic()))
}

#[cfg(test)]
mod tests {
    use super::is_emoji;

    #[test]
    fn reactions_are_emoji() {
        for emoji in ["❤", "❤️", "🎉", "👩🏽‍🎤", "🇩🇪", "1️⃣", "☂️", "©"]
        {
            assert!(is_emoji(emoji), "{emoji}");
        }
        for other in [
            "", "a", "1", "!", "ab", "🎉🎉", ":party:", "あ", "漢", "<b>", "🎉a",
        ] {
            assert!(!is_emoji(other), "{other}");
        }
    }
}
