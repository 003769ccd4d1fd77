//! How the house looks: its display face, its pictures, and what its front page shows in which order.

use std::collections::HashMap;

use super::House;
use crate::app::App;
use crate::error::Result;
use crate::kernel::db::{Tx, sql};
use crate::nodes::store;

/// The display face; the shape of corners goes with it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Face {
    /// A grotesque.
    #[default]
    Grotesque,
    /// A condensed poster face.
    Poster,
    /// A slab.
    Slab,
    /// A serif of high contrast.
    Serif,
    /// A rounded one.
    Rounded,
    /// A monospace.
    Mono,
}

impl Face {
    /// All of them, in the order in which they are offered.
    pub const ALL: [Self; 6] = [
        Self::Grotesque,
        Self::Poster,
        Self::Slab,
        Self::Serif,
        Self::Rounded,
        Self::Mono,
    ];

    /// Its name in the database, in addresses and in messages.
    pub fn name(self) -> &'static str {
        match self {
            Self::Grotesque => "grotesque",
            Self::Poster => "poster",
            Self::Slab => "slab",
            Self::Serif => "serif",
            Self::Rounded => "rounded",
            Self::Mono => "mono",
        }
    }

    /// Reads its name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|face| face.name() == name)
    }
}

/// A part of the front page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Section {
    /// What the host says about itself.
    About,
    /// Pinned posts.
    Pinned,
    /// The newest sound.
    Music,
    /// What only followers see, and how to become one.
    Inside,
    /// Whom the host follows elsewhere.
    Friends,
    /// The newest posts.
    Latest,
}

impl Section {
    /// All of them, in the order of a new house.
    pub const ALL: [Self; 6] = [
        Self::About,
        Self::Pinned,
        Self::Music,
        Self::Inside,
        Self::Latest,
        Self::Friends,
    ];

    /// Its name in the database and in messages.
    pub fn name(self) -> &'static str {
        match self {
            Self::About => "about",
            Self::Pinned => "pinned",
            Self::Music => "music",
            Self::Inside => "inside",
            Self::Friends => "friends",
            Self::Latest => "latest",
        }
    }

    /// Reads its name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|section| section.name() == name)
    }
}

/// How a house looks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Look {
    /// The display face.
    pub face: Face,
    /// The picture across the front page; else the host's own.
    pub hero: Option<String>,
    /// What of that picture must stay visible, percent from the left and from the top.
    pub focus: (u8, u8),
    /// Shown beside the name of the house.
    pub logo: Option<String>,
    /// The parts of the front page, and whether each is shown.
    pub front: Vec<(Section, bool)>,
}

impl Default for Look {
    fn default() -> Self {
        Self {
            face: Face::default(),
            hero: None,
            focus: (50, 50),
            logo: None,
            front: Section::ALL.map(|section| (section, true)).to_vec(),
        }
    }
}

impl Look {
    pub(super) fn of(kept: &HashMap<String, String>) -> Self {
        let text = |key: &str| kept.get(key).map(String::as_str).unwrap_or_default();
        let file = |key: &str| Some(text(key)).filter(|file| !file.is_empty());
        let focus = text("house.focus")
            .split_once(' ')
            .and_then(|(x, y)| Some((x.parse().ok()?, y.parse().ok()?)));
        Self {
            face: Face::parse(text("house.face")).unwrap_or_default(),
            hero: file("house.hero").map(str::to_owned),
            focus: focus.unwrap_or((50, 50)),
            logo: file("house.logo").map(str::to_owned),
            front: read_front(text("house.front")),
        }
    }
}

/// Reads the order; parts it does not know yet come last.
fn read_front(text: &str) -> Vec<(Section, bool)> {
    let mut front: Vec<(Section, bool)> = Vec::new();
    let named = text.split(',').filter_map(|word| {
        let hidden = word.strip_prefix('-');
        Some((Section::parse(hidden.unwrap_or(word))?, hidden.is_none()))
    });
    for part in named.chain(Section::ALL.map(|section| (section, true))) {
        if !front.iter().any(|(known, _)| *known == part.0) {
            front.push(part);
        }
    }
    front
}

/// Changes the colour and the look of the house; the order of the front page stays. Whether that changed anything.
///
/// # Errors
/// `Invalid` when the colour is none.
pub async fn save_look(tx: &mut Tx, house: &House) -> Result<bool> {
    let (before, look) = (super::read(&mut *tx).await?, &house.look);
    super::write(&mut *tx, house).await?;
    let focus = format!("{} {}", look.focus.0.min(100), look.focus.1.min(100));
    let pairs = [
        ("house.face", look.face.name()),
        ("house.hero", look.hero.as_deref().unwrap_or_default()),
        ("house.focus", &focus),
        ("house.logo", look.logo.as_deref().unwrap_or_default()),
    ];
    for (key, value) in pairs {
        store::set_state(&mut *tx, key, value).await?;
    }
    Ok(super::read(tx).await? != before)
}

/// Changes which parts the front page shows, and their order. Whether that changed anything.
///
/// # Errors
/// What the database says.
pub async fn arrange(tx: &mut Tx, front: &[(Section, bool)]) -> sqlx::Result<bool> {
    let words = front.iter().map(|(section, shown)| {
        let hidden = if *shown { "" } else { "-" };
        format!("{hidden}{}", section.name())
    });
    let words: Vec<String> = words.collect();
    let before = super::read(&mut *tx).await?;
    store::set_state(&mut *tx, "house.front", &words.join(",")).await?;
    Ok(super::read(tx).await? != before)
}

/// Whether a file is a picture of the house.
///
/// # Errors
/// What the database says.
pub async fn is_house_picture(app: &App, file: &str) -> Result<bool> {
    let row = sql("SELECT key FROM node_state WHERE key IN ('house.hero', 'house.logo') AND value = $1 LIMIT 1")
        .bind(file)
        .optional(&app.db)
        .await?;
    Ok(row.is_some())
}

#[cfg(test)]
mod tests {
    use super::{Section, read_front};

    #[test]
    fn an_order_keeps_what_it_does_not_name() {
        let front = read_front("latest,-about,nonsense,latest");
        assert_eq!(front[0], (Section::Latest, true));
        assert_eq!(front[1], (Section::About, false));
        assert_eq!(front.len(), Section::ALL.len());
    }
}
