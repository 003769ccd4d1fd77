//! The house: its name, its line, its colour.

use super::store;
use crate::app::App;
use crate::error::{Error, Result};
use crate::kernel::db::Tx;

/// How the house presents itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct House {
    /// Its name.
    pub name: String,
    /// One line of what this is.
    pub line: String,
    /// The accent colour, `#rrggbb`.
    pub accent: String,
}

impl Default for House {
    fn default() -> Self {
        Self {
            name: "Afterparty".to_owned(),
            line: String::new(),
            accent: "#d6336c".to_owned(),
        }
    }
}

/// The house as it stands.
///
/// # Errors
/// What the database says.
pub async fn get(app: &App) -> Result<House> {
    let blank = House::default();
    Ok(House {
        name: store::state(&app.db, "house.name")
            .await?
            .unwrap_or(blank.name),
        line: store::state(&app.db, "house.line")
            .await?
            .unwrap_or(blank.line),
        accent: store::state(&app.db, "house.accent")
            .await?
            .unwrap_or(blank.accent),
    })
}

/// Changes how the house presents itself.
///
/// # Errors
/// `Invalid` when the name is empty or the colour is none.
pub async fn update(app: &App, house: &House) -> Result<()> {
    let mut tx = app.db.begin().await?;
    write(&mut tx, house).await?;
    tx.commit().await?;
    Ok(())
}

pub(super) async fn write(tx: &mut Tx, house: &House) -> Result<()> {
    let name = house.name.trim();
    if name.is_empty() || name.chars().count() > 80 {
        return Err(Error::invalid_with("house", "error-house-name", 80));
    }
    if house.line.chars().count() > 200 {
        return Err(Error::invalid_with("line", "error-too-long", 200));
    }
    if !is_colour(&house.accent) {
        return Err(Error::invalid("accent", "error-colour"));
    }
    store::set_state(&mut *tx, "house.name", name).await?;
    store::set_state(&mut *tx, "house.line", house.line.trim()).await?;
    store::set_state(&mut *tx, "house.accent", &house.accent.to_lowercase()).await?;
    Ok(())
}

fn is_colour(text: &str) -> bool {
    text.strip_prefix('#')
        .is_some_and(|digits| digits.len() == 6 && digits.chars().all(|c| c.is_ascii_hexdigit()))
}
