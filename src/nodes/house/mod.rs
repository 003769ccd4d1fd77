//! The house: its name, its line, and how it looks.

mod look;
pub mod texts;

use std::collections::HashMap;

use super::store;
use crate::app::App;
use crate::error::{Error, Result};
use crate::kernel::db::{Conn, Tx, sql};

pub use look::{Face, Look, Section, arrange, is_house_picture, save_look};

/// How the house presents itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct House {
    /// Its name.
    pub name: String,
    /// One line of what this is.
    pub line: String,
    /// The accent colour, `#rrggbb`.
    pub accent: String,
    /// Face, pictures and the order of the front page.
    pub look: Look,
    /// A sentence above all conversations; mostly none.
    pub note: String,
}

impl Default for House {
    fn default() -> Self {
        Self {
            name: "Afterparty".to_owned(),
            line: String::new(),
            accent: "#d6336c".to_owned(),
            look: Look::default(),
            note: String::new(),
        }
    }
}

/// The house as it stands.
///
/// # Errors
/// What the database says.
pub async fn get(app: &App) -> Result<House> {
    Ok(read(&app.db).await?)
}

/// As [`get`], inside a transaction too.
///
/// # Errors
/// What the database says.
pub async fn read(conn: impl Conn) -> sqlx::Result<House> {
    let rows = sql("SELECT key, value FROM node_state WHERE key IN ('house.name', 'house.line', 'house.accent', 'house.face', 'house.hero', 'house.focus', 'house.logo', 'house.front', 'house.calm')")
        .all(conn)
        .await?;
    let mut kept: HashMap<String, String> = rows
        .iter()
        .map(|row| Ok((row.get("key")?, row.get("value")?)))
        .collect::<sqlx::Result<_>>()?;
    let blank = House::default();
    let look = Look::of(&kept);
    Ok(House {
        name: kept.remove("house.name").unwrap_or(blank.name),
        line: kept.remove("house.line").unwrap_or(blank.line),
        accent: kept.remove("house.accent").unwrap_or(blank.accent),
        look,
        note: kept.remove("house.calm").unwrap_or_default(),
    })
}

/// Changes the name, the line and the colour of the house. Whether that changed anything.
///
/// # Errors
/// `Invalid` when the name is empty or the colour is none.
pub async fn update(tx: &mut Tx, house: &House) -> Result<bool> {
    let before = read(&mut *tx).await?;
    write(&mut *tx, house).await?;
    Ok(read(tx).await? != before)
}

async fn write(tx: &mut Tx, house: &House) -> Result<()> {
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

/// Whether this is a colour as browsers send it, `#rrggbb`.
pub fn is_colour(text: &str) -> bool {
    text.strip_prefix('#')
        .is_some_and(|digits| digits.len() == 6 && digits.chars().all(|c| c.is_ascii_hexdigit()))
}
