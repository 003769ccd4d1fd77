//! What the house says about itself at length: who it is, its rules, privacy, terms.

use std::collections::HashMap;

use crate::app::App;
use crate::error::{Error, Result};
use crate::kernel::clock::Time;
use crate::kernel::db::{Conn, Tx, sql};
use crate::nodes::store;

/// Longest text.
const LONGEST: usize = 50_000;
/// Most rules.
const RULES: usize = 50;
/// Longest rule.
const RULE: usize = 1_000;

/// A text, and when it was last changed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Text {
    /// As it was typed; empty for none.
    pub text: String,
    /// When it was changed; nothing where it never was.
    pub at: Option<Time>,
}

/// The texts of the house.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Texts {
    /// Who the house is.
    pub about: Text,
    /// Its rules, one a line.
    pub rules: Text,
    /// What becomes of what people leave here.
    pub privacy: Text,
    /// Terms, and whatever the law wants said about who runs it.
    pub terms: Text,
}

impl Texts {
    /// The rules, one each.
    pub fn rules(&self) -> Vec<&str> {
        let lines = self.rules.text.lines().map(str::trim);
        lines.filter(|line| !line.is_empty()).collect()
    }

    /// Each with the name it is kept and typed under.
    fn each(&self) -> [(&'static str, &Text); 4] {
        [
            ("about", &self.about),
            ("rules", &self.rules),
            ("privacy", &self.privacy),
            ("terms", &self.terms),
        ]
    }
}

/// The texts as they stand.
///
/// # Errors
/// What the database says.
pub async fn get(app: &App) -> Result<Texts> {
    Ok(read(&app.db).await?)
}

async fn read(conn: impl Conn) -> sqlx::Result<Texts> {
    let rows = sql("SELECT key, value FROM node_state WHERE key IN ('house.about', 'house.about_at', 'house.rules', 'house.rules_at', 'house.privacy', 'house.privacy_at', 'house.terms', 'house.terms_at')")
        .all(conn)
        .await?;
    let mut kept: HashMap<String, String> = rows
        .iter()
        .map(|row| Ok((row.get("key")?, row.get("value")?)))
        .collect::<sqlx::Result<_>>()?;
    let mut text = |name: &str| Text {
        text: kept.remove(&format!("house.{name}")).unwrap_or_default(),
        at: kept
            .remove(&format!("house.{name}_at"))
            .and_then(|at| at.parse().ok())
            .map(Time),
    };
    Ok(Texts {
        about: text("about"),
        rules: text("rules"),
        privacy: text("privacy"),
        terms: text("terms"),
    })
}

/// Changes the texts; those that read as before keep their date. Whether that changed anything.
///
/// # Errors
/// `Invalid` for what is too long.
pub async fn save(tx: &mut Tx, wanted: &Texts, now: Time) -> Result<bool> {
    let rules = wanted.rules();
    if rules.len() > RULES {
        return Err(Error::invalid_with("rules", "error-too-many", RULES));
    }
    if rules.iter().any(|rule| rule.chars().count() > RULE) {
        return Err(Error::invalid_with("rules", "error-too-long", RULE));
    }
    let before = read(&mut *tx).await?;
    let mut changed = false;
    for ((name, wanted), (_, before)) in wanted.each().into_iter().zip(before.each()) {
        let text = wanted.text.replace("\r\n", "\n");
        let text = text.trim();
        if text.chars().count() > LONGEST {
            return Err(Error::invalid_with(name, "error-too-long", LONGEST));
        }
        if text != before.text {
            changed = true;
            store::set_state(&mut *tx, &format!("house.{name}"), text).await?;
            let at = now.0.to_string();
            store::set_state(&mut *tx, &format!("house.{name}_at"), &at).await?;
        }
    }
    Ok(changed)
}
