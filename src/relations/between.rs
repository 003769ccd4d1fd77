//! Everything that stands between a member and others, read for many at once.

use std::collections::HashMap;

use crate::accounts::Account;
use crate::app::App;
use crate::error::Result;
use crate::kernel::clock::Time;
use crate::kernel::db::{Conn, Row, ids, sql};
use crate::kernel::id::AccountId;
use crate::relations::follows;

/// What stands between a member and one other.
#[derive(Clone, Debug, Default)]
pub struct Relationship {
    /// Whether the member follows them.
    pub following: bool,
    /// Whether their boosts stand in the member's home.
    pub boosts: bool,
    /// Whether the member is told of every post of theirs.
    pub notify: bool,
    /// Whether they follow the member.
    pub followed_by: bool,
    /// Whether the member asked to follow them.
    pub requested: bool,
    /// Whether they asked to follow the member.
    pub requested_by: bool,
    /// Whether the member blocks them.
    pub blocking: bool,
    /// Whether they block the member.
    pub blocked_by: bool,
    /// Whether the member mutes them.
    pub muting: bool,
    /// Whether their notifications are muted too.
    pub muting_notifications: bool,
    /// Until when they are muted; for good where it is not told.
    pub muted_until: Option<Time>,
    /// Whether the member mutes their node.
    pub node_muted: bool,
    /// Whether the member recommends them.
    pub endorsed: bool,
    /// The languages of their posts that the member wants; empty for all.
    pub languages: Vec<String>,
    /// What the member wrote down about them.
    pub note: String,
}

/// What stands between a member and each of these accounts.
///
/// # Errors
/// What the database says.
pub async fn list(
    app: &App,
    member: AccountId,
    others: &[Account],
) -> Result<HashMap<AccountId, Relationship>> {
    let mut found: HashMap<AccountId, Relationship> = others
        .iter()
        .map(|other| (other.id, Relationship::default()))
        .collect();
    let list = ids(others.iter().map(|other| other.id));
    let read = async |query: crate::kernel::db::Query| -> Result<Vec<Row>> {
        Ok(query.bind(member).bind(&list).all(&app.db).await?)
    };
    for row in read(sql("SELECT followee_id AS id, accepted_at, boosts, notify, languages, (SELECT COUNT(*) FROM endorsements WHERE endorsements.account_id = $1 AND endorsements.target_id = follows.followee_id) AS endorsed FROM follows WHERE follower_id = $1 AND followee_id IN (SELECT value FROM json_each($2))")).await? {
        if let Some(one) = found.get_mut(&row.get("id")?) {
            let accepted: Option<Time> = row.get("accepted_at")?;
            one.following = accepted.is_some();
            one.requested = accepted.is_none();
            one.boosts = row.get("boosts")?;
            one.notify = row.get("notify")?;
            one.endorsed = row.get("endorsed")?;
            let languages: String = row.get("languages")?;
            one.languages = parts(&languages);
        }
    }
    for row in read(sql("SELECT follower_id AS id, accepted_at FROM follows WHERE followee_id = $1 AND follower_id IN (SELECT value FROM json_each($2))")).await? {
        if let Some(one) = found.get_mut(&row.get("id")?) {
            let accepted: Option<Time> = row.get("accepted_at")?;
            one.followed_by = accepted.is_some();
            one.requested_by = accepted.is_none();
        }
    }
    for row in read(sql("SELECT target_id AS id FROM blocks WHERE account_id = $1 AND target_id IN (SELECT value FROM json_each($2))")).await? {
        if let Some(one) = found.get_mut(&row.get("id")?) {
            one.blocking = true;
        }
    }
    for row in read(sql("SELECT account_id AS id FROM blocks WHERE target_id = $1 AND account_id IN (SELECT value FROM json_each($2))")).await? {
        if let Some(one) = found.get_mut(&row.get("id")?) {
            one.blocked_by = true;
        }
    }
    for row in read(sql("SELECT target_id AS id, notifications, until FROM mutes WHERE account_id = $1 AND target_id IN (SELECT value FROM json_each($2))")).await? {
        if let Some(one) = found.get_mut(&row.get("id")?) {
            one.muting = true;
            one.muting_notifications = row.get("notifications")?;
            one.muted_until = row.get("until")?;
        }
    }
    for row in read(sql("SELECT accounts.id FROM accounts JOIN muted_nodes ON muted_nodes.host = accounts.host WHERE muted_nodes.account_id = $1 AND accounts.id IN (SELECT value FROM json_each($2))")).await? {
        if let Some(one) = found.get_mut(&row.get("id")?) {
            one.node_muted = true;
        }
    }
    for row in read(sql("SELECT target_id AS id, text FROM personal_notes WHERE account_id = $1 AND target_id IN (SELECT value FROM json_each($2))")).await? {
        if let Some(one) = found.get_mut(&row.get("id")?) {
            one.note = row.get("text")?;
        }
    }
    Ok(found)
}

/// What stands between a member and one other.
///
/// # Errors
/// What the database says.
pub async fn one(app: &App, member: AccountId, other: &Account) -> Result<Relationship> {
    let mut found = list(app, member, std::slice::from_ref(other)).await?;
    Ok(found.remove(&other.id).unwrap_or_default())
}

/// Writes down something about somebody, for the member alone; empty removes it.
///
/// # Errors
/// What the database says.
pub async fn write_note(app: &App, member: AccountId, about: AccountId, text: &str) -> Result<()> {
    let text: String = text.trim().chars().take(2_000).collect();
    if text.is_empty() {
        sql("DELETE FROM personal_notes WHERE account_id = $1 AND target_id = $2")
            .bind(member)
            .bind(about)
            .run(&app.db)
            .await?;
        return Ok(());
    }
    sql("INSERT INTO personal_notes (account_id, target_id, text) VALUES ($1, $2, $3) ON CONFLICT (account_id, target_id) DO UPDATE SET text = EXCLUDED.text")
        .bind(member)
        .bind(about)
        .bind(text)
        .run(&app.db)
        .await?;
    Ok(())
}

fn parts(languages: &str) -> Vec<String> {
    let parts = languages.split(',').filter(|part| !part.is_empty());
    parts.map(str::to_owned).collect()
}

/// What of a followed account is to reach the member; what is not told stays as it is.
#[derive(Clone, Debug, Default)]
pub struct Wishes {
    /// Whether its boosts stand in the home.
    pub boosts: Option<bool>,
    /// Whether each post is told of.
    pub notify: Option<bool>,
    /// The languages of posts that stand in the home, BCP 47; none for all.
    pub languages: Option<Vec<String>>,
}

/// Most languages that are kept of one follow.
const LANGUAGES: usize = 50;

/// Sets what of a followed account reaches the member.
///
/// # Errors
/// What the database says.
pub async fn set_wishes(
    app: &App,
    member: AccountId,
    followee: AccountId,
    wishes: &Wishes,
) -> Result<()> {
    let number = |flag: Option<bool>| flag.map(i64::from);
    let languages = wishes.languages.as_ref().map(|languages| {
        let sound = |language: &&String| {
            !language.is_empty() && language.len() <= 35 && !language.contains(',')
        };
        let kept: Vec<&str> = languages.iter().filter(sound).map(String::as_str).collect();
        if kept.is_empty() {
            return String::new();
        }
        format!(",{},", kept[..kept.len().min(LANGUAGES)].join(","))
    });
    sql("UPDATE follows SET boosts = COALESCE($3, boosts), notify = COALESCE($4, notify), languages = COALESCE($5, languages) WHERE follower_id = $1 AND followee_id = $2")
        .bind(member)
        .bind(followee)
        .bind(number(wishes.boosts))
        .bind(number(wishes.notify))
        .bind(languages)
        .run(&app.db)
        .await?;
    Ok(())
}

/// The members who want to be told of every post of an account.
///
/// # Errors
/// What the database says.
pub async fn who_wants_all(conn: impl Conn, account: AccountId) -> sqlx::Result<Vec<AccountId>> {
    let rows = sql("SELECT follower_id FROM follows JOIN accounts ON accounts.id = follows.follower_id WHERE followee_id = $1 AND notify = 1 AND accepted_at IS NOT NULL AND accounts.kind = 'local'")
        .bind(account)
        .all(conn)
        .await?;
    rows.iter().map(|row| row.get("follower_id")).collect()
}

/// Those the member follows who follow this account too.
///
/// # Errors
/// What the database says.
pub async fn familiar(app: &App, member: AccountId, account: AccountId) -> Result<Vec<Account>> {
    let rows = sql(concat!("SELECT ", crate::account_columns!(), " FROM follows JOIN accounts ON accounts.id = follows.follower_id WHERE follows.followee_id = $1 AND follows.accepted_at IS NOT NULL AND accounts.deleted_at IS NULL AND NOT EXISTS (SELECT 1 FROM preferences WHERE preferences.hides_follows = 1 AND preferences.account_id IN (follows.follower_id, follows.followee_id)) AND follows.follower_id IN (SELECT followee_id FROM follows WHERE follower_id = $2 AND accepted_at IS NOT NULL) ORDER BY follows.id DESC LIMIT 20"))
        .bind(account)
        .bind(member)
        .all(&app.db)
        .await?;
    Ok(rows
        .iter()
        .map(crate::accounts::store::read)
        .collect::<sqlx::Result<_>>()?)
}

/// Ends somebody's follow of the member.
///
/// # Errors
/// What the database says.
pub async fn remove_follower(app: &App, member: &Account, follower: AccountId) -> Result<()> {
    if let Some(follow) = follows::find(&app.db, follower, member.id).await? {
        follows::reject(app, &follow).await?;
    }
    Ok(())
}

/// Ends a mute whose time is over.
///
/// # Errors
/// What the database says.
pub async fn end_mute(app: &App, member: AccountId, target: AccountId) -> Result<()> {
    sql("DELETE FROM mutes WHERE account_id = $1 AND target_id = $2 AND until IS NOT NULL AND until <= $3")
        .bind(member)
        .bind(target)
        .bind(app.clock.now())
        .run(&app.db)
        .await?;
    Ok(())
}
