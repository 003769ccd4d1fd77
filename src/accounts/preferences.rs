//! What a member prefers when writing, and which strangers may notify them.

use serde::{Deserialize, Serialize};

use super::Account;
use crate::app::App;
use crate::error::Result;
use crate::kernel::db::sql;
use crate::kernel::id::AccountId;

/// What happens to notifications from people one may not want to hear from: `accept`, `filter` or `drop`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Policy {
    /// From whom the member does not follow.
    pub not_following: String,
    /// From who does not follow the member.
    pub not_followers: String,
    /// From accounts younger than a month.
    pub new_accounts: String,
    /// Direct posts nobody asked for.
    pub private_mentions: String,
    /// From whom the host limits.
    pub limited_accounts: String,
}

impl Default for Policy {
    fn default() -> Self {
        let accept = || "accept".to_owned();
        Self {
            not_following: accept(),
            not_followers: accept(),
            new_accounts: accept(),
            private_mentions: accept(),
            limited_accounts: accept(),
        }
    }
}

/// A member's preferences.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Preferences {
    /// Who may see new posts: `public`, `unlisted`, `followers` or `people`.
    pub audience: String,
    /// Whether pictures are hidden at first.
    pub sensitive: bool,
    /// The language of new posts.
    pub language: Option<String>,
    /// Which strangers may notify.
    pub policy: Policy,
    /// Who may quote new posts: `everyone`, `followers` or `nobody`.
    pub quote_policy: String,
    /// The time zone, as the IANA database names it; empty where it is not known.
    pub zone: String,
    /// Whether nobody else sees who follows them and whom they follow.
    pub hides_follows: bool,
}

impl Default for Preferences {
    fn default() -> Self {
        Self {
            audience: "public".to_owned(),
            sensitive: false,
            language: None,
            policy: Policy::default(),
            quote_policy: "everyone".to_owned(),
            zone: String::new(),
            hides_follows: false,
        }
    }
}

/// A member's preferences.
///
/// # Errors
/// What the database says.
pub async fn get(app: &App, member: AccountId) -> Result<Preferences> {
    let row = sql("SELECT audience, sensitive, language, notification_policy, quote_policy, zone, hides_follows FROM preferences WHERE account_id = $1")
        .bind(member)
        .optional(&app.db)
        .await?;
    let Some(row) = row else {
        return Ok(Preferences::default());
    };
    let policy: String = row.get("notification_policy")?;
    Ok(Preferences {
        audience: row.get("audience")?,
        sensitive: row.get("sensitive")?,
        language: row.get("language")?,
        policy: serde_json::from_str(&policy).unwrap_or_default(),
        quote_policy: row.get("quote_policy")?,
        zone: row.get("zone")?,
        hides_follows: row.get("hides_follows")?,
    })
}

/// Writes a member's preferences.
///
/// # Errors
/// What the database says.
pub async fn set(app: &App, member: AccountId, wanted: &Preferences) -> Result<()> {
    sql("INSERT INTO preferences (account_id, audience, sensitive, language, notification_policy, hides_follows, quote_policy, zone) VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (account_id) DO UPDATE SET audience = EXCLUDED.audience, sensitive = EXCLUDED.sensitive, language = EXCLUDED.language, notification_policy = EXCLUDED.notification_policy, hides_follows = EXCLUDED.hides_follows, quote_policy = EXCLUDED.quote_policy, zone = EXCLUDED.zone")
        .bind(member)
        .bind(&wanted.audience)
        .bind(wanted.sensitive)
        .bind(wanted.language.clone())
        .bind(serde_json::to_string(&wanted.policy)?)
        .bind(wanted.hides_follows)
        .bind(&wanted.quote_policy)
        .bind(&wanted.zone)
        .run(&app.db)
        .await?;
    Ok(())
}

/// Whether an account hides who follows it and whom it follows from this viewer.
///
/// # Errors
/// What the database says.
pub async fn hides_follows(app: &App, owner: &Account, viewer: Option<&Account>) -> Result<bool> {
    let own = viewer.is_some_and(|viewer| viewer.id == owner.id);
    Ok(!own && owner.is_local() && get(app, owner.id).await?.hides_follows)
}
