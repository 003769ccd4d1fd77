//! What is one's own, to take along and to bring: lists as Mastodon writes and reads them, and an archive.

pub mod archives;
pub mod farewell;
pub mod imports;
mod packing;
pub mod web;

use std::fmt::Write as _;

use crate::accounts::Account;
use crate::app::App;
use crate::error::Result;
use crate::kernel::db::sql;

/// A list one can take along.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Whom one follows.
    Following,
    /// Whom one blocks.
    Blocks,
    /// Whom one mutes.
    Mutes,
    /// The nodes one mutes.
    Domains,
    /// The lists one keeps.
    Lists,
    /// What one bookmarked.
    Bookmarks,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::Following,
        Self::Blocks,
        Self::Mutes,
        Self::Domains,
        Self::Lists,
        Self::Bookmarks,
    ];

    /// Its name in addresses, in the database and in messages.
    pub fn name(self) -> &'static str {
        match self {
            Self::Following => "following",
            Self::Blocks => "blocks",
            Self::Mutes => "mutes",
            Self::Domains => "domains",
            Self::Lists => "lists",
            Self::Bookmarks => "bookmarks",
        }
    }

    /// Reads its name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// What its file is called by Mastodon.
    pub fn file(self) -> &'static str {
        match self {
            Self::Following => "following_accounts.csv",
            Self::Blocks => "blocked_accounts.csv",
            Self::Mutes => "muted_accounts.csv",
            Self::Domains => "blocked_domains.csv",
            Self::Lists => "lists.csv",
            Self::Bookmarks => "bookmarks.csv",
        }
    }
}

/// A field of comma-separated values (RFC 4180 §2).
fn field(text: &str) -> String {
    if text.contains([',', '"', '\n', '\r']) {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text.to_owned()
    }
}

/// Who follows a member, as Mastodon writes it; no home reads it.
///
/// # Errors
/// What the database says.
pub async fn followers(app: &App, member: &Account) -> Result<String> {
    let rows = sql("SELECT accounts.name || '@' || CASE WHEN accounts.domain = '' THEN $2 ELSE accounts.domain END AS line FROM follows JOIN accounts ON accounts.id = follows.follower_id WHERE follows.followee_id = $1 AND follows.accepted_at IS NOT NULL AND accounts.deleted_at IS NULL ORDER BY follows.id")
        .bind(member.id)
        .bind(app.origin().domain.clone())
        .all(&app.db)
        .await?;
    let mut text = "Account address\n".to_owned();
    for row in rows {
        let _ = writeln!(text, "{}", field(&row.get::<String>("line")?));
    }
    Ok(text)
}

/// A list as Mastodon writes it, so that any home reads it.
///
/// # Errors
/// What the database says.
pub async fn csv(app: &App, member: &Account, kind: Kind) -> Result<String> {
    let own = app.origin().domain.clone();
    let (head, query) = match kind {
        Kind::Following => (
            "Account address,Show boosts,Notify on new posts,Languages\n",
            sql(
                "SELECT accounts.name || '@' || CASE WHEN accounts.domain = '' THEN $2 ELSE accounts.domain END AS line, CASE WHEN follows.boosts = 1 THEN 'true' ELSE 'false' END || ',' || CASE WHEN follows.notify = 1 THEN 'true' ELSE 'false' END AS more FROM follows JOIN accounts ON accounts.id = follows.followee_id WHERE follows.follower_id = $1 AND accounts.deleted_at IS NULL ORDER BY follows.id",
            ),
        ),
        Kind::Blocks => (
            "",
            sql(
                "SELECT accounts.name || '@' || CASE WHEN accounts.domain = '' THEN $2 ELSE accounts.domain END AS line, '' AS more FROM blocks JOIN accounts ON accounts.id = blocks.target_id WHERE blocks.account_id = $1 AND accounts.deleted_at IS NULL ORDER BY blocks.created_at, accounts.id",
            ),
        ),
        Kind::Mutes => (
            "Account address,Hide notifications\n",
            sql(
                "SELECT accounts.name || '@' || CASE WHEN accounts.domain = '' THEN $2 ELSE accounts.domain END AS line, CASE WHEN mutes.notifications = 1 THEN 'true' ELSE 'false' END AS more FROM mutes JOIN accounts ON accounts.id = mutes.target_id WHERE mutes.account_id = $1 AND accounts.deleted_at IS NULL ORDER BY mutes.created_at, accounts.id",
            ),
        ),
        Kind::Domains => (
            "",
            sql(
                "SELECT host AS line, '' AS more FROM muted_nodes WHERE account_id = $1 AND host <> $2 ORDER BY host",
            ),
        ),
        Kind::Lists => (
            "",
            sql(
                "SELECT lists.title AS line, accounts.name || '@' || CASE WHEN accounts.domain = '' THEN $2 ELSE accounts.domain END AS more FROM lists JOIN list_members ON list_members.list_id = lists.id JOIN accounts ON accounts.id = list_members.account_id WHERE lists.account_id = $1 AND accounts.deleted_at IS NULL ORDER BY lists.id, accounts.id",
            ),
        ),
        Kind::Bookmarks => (
            "",
            sql(
                "SELECT posts.uri AS line, '' AS more FROM bookmarks JOIN posts ON posts.id = bookmarks.post_id WHERE bookmarks.account_id = $1 AND posts.uri <> $2 AND posts.audience <> 'held' ORDER BY bookmarks.id",
            ),
        ),
    };
    let mut text = head.to_owned();
    for row in query.bind(member.id).bind(own).all(&app.db).await? {
        let (line, more): (String, String) = (row.get("line")?, row.get("more")?);
        let rest = match kind {
            Kind::Following => format!(",{more},"),
            Kind::Mutes => format!(",{more}"),
            Kind::Lists => format!(",{}", field(&more)),
            _ => String::new(),
        };
        let _ = writeln!(text, "{}{rest}", field(&line));
    }
    Ok(text)
}
