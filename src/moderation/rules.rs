//! Rules at the door, as the host set them: what waits for a look, who may answer, what is hidden at first.

use serde::{Deserialize, Serialize};

use crate::app::App;
use crate::error::{Error, Result};
use crate::kernel::db::{Conn, Tx, sql};
use crate::kernel::id::AudienceId;

/// Most mail domains that are turned away.
const DOMAINS: usize = 2_000;

/// The rules.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Rules {
    /// How many posts of somebody new wait for a look; none where it is 0.
    pub first_posts: i64,
    /// How many days somebody must be known before they answer; at once where it is 0.
    pub days: i64,
    /// The tier somebody must have to answer.
    pub tier: Option<AudienceId>,
    /// Whether pictures and films of strangers are hidden at first.
    pub blur: bool,
    /// From how many answers in ten minutes on the alarm may ring.
    pub alarm_from: i64,
    /// Whether strangers wait for a look by themselves when the alarm rings.
    pub holds: bool,
    /// How many days old an account at a home must be to come in as a guest; any where it is 0.
    pub guest_days: i64,
    /// Mail domains with which nobody becomes a member or a guest.
    pub mail_domains: Vec<String>,
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            first_posts: 0,
            days: 0,
            tier: None,
            blur: false,
            alarm_from: 20,
            holds: true,
            guest_days: 0,
            mail_domains: Vec::new(),
        }
    }
}

impl Rules {
    /// Whether nobody becomes a member with an address there.
    pub fn turns_away(&self, address: &str) -> bool {
        let domain = address.rsplit('@').next().unwrap_or_default();
        let domain = domain.to_ascii_lowercase();
        self.mail_domains
            .iter()
            .any(|known| domain == *known || domain.ends_with(&format!(".{known}")))
    }
}

/// The rules as they stand.
///
/// # Errors
/// What the database says.
pub async fn get(app: &App) -> Result<Rules> {
    Ok(read(&app.db).await?)
}

/// As [`get`], inside a transaction too.
///
/// # Errors
/// What the database says.
pub async fn read(conn: impl Conn) -> sqlx::Result<Rules> {
    let row = sql("SELECT value FROM node_state WHERE key = 'peace.rules'")
        .optional(conn)
        .await?;
    let kept: Option<String> = row.map(|row| row.get("value")).transpose()?;
    Ok(kept
        .and_then(|kept| serde_json::from_str(&kept).ok())
        .unwrap_or_default())
}

/// Nobody needs a tier to answer that is none any more.
///
/// # Errors
/// What the database says.
pub async fn forget_tier(tx: &mut Tx, tier: AudienceId) -> Result<()> {
    let rules = read(&mut *tx).await?;
    if rules.tier == Some(tier) {
        let tier = None;
        set(tx, Rules { tier, ..rules }).await?;
    }
    Ok(())
}

/// Changes the rules. Whether that changed anything.
///
/// # Errors
/// `Invalid` when a mail domain is none or there are too many.
pub async fn set(tx: &mut Tx, rules: Rules) -> Result<bool> {
    let mut domains = Vec::new();
    for domain in &rules.mail_domains {
        let domain = crate::kernel::origin::ascii_domain(domain.trim_start_matches('@'))
            .ok_or_else(|| Error::invalid_with("mail_domains", "error-mail-domain", domain))?;
        domains.push(domain);
    }
    if domains.len() > DOMAINS {
        return Err(Error::invalid_with(
            "mail_domains",
            "error-too-many",
            DOMAINS,
        ));
    }
    let rules = Rules {
        first_posts: rules.first_posts.clamp(0, 100),
        days: rules.days.clamp(0, 365),
        guest_days: rules.guest_days.clamp(0, 365),
        alarm_from: rules.alarm_from.clamp(3, 100_000),
        mail_domains: domains,
        ..rules
    };
    let before = read(&mut *tx).await?;
    sql("INSERT INTO node_state (key, value) VALUES ('peace.rules', $1) ON CONFLICT (key) DO UPDATE SET value = EXCLUDED.value")
        .bind(serde_json::to_string(&rules)?)
        .run(tx)
        .await?;
    Ok(before != rules)
}
