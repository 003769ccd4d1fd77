//! How people become members of this house, as the host set it last.

use std::collections::HashMap;

use super::store;
use crate::app::App;
use crate::error::{Error, Result};
use crate::kernel::config::RegistrationMode;
use crate::kernel::db::{Conn, Tx, sql};

/// Most questions that are asked.
const QUESTIONS: usize = 5;

/// Who may become a member.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Whoever likes.
    Open,
    /// Whoever asks and is let in by the host.
    Request,
    /// Whoever was invited.
    Invitation,
    /// Nobody; the host makes accounts.
    Closed,
}

impl Mode {
    /// All of them, from open to closed.
    pub const ALL: [Self; 4] = [Self::Open, Self::Request, Self::Invitation, Self::Closed];

    /// Its name in the database and in messages.
    pub fn name(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Request => "request",
            Self::Invitation => "invitation",
            Self::Closed => "closed",
        }
    }

    /// Reads its name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|mode| mode.name() == name)
    }
}

/// How people become members.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Joining {
    /// Who may.
    pub mode: Mode,
    /// What who asks is asked.
    pub questions: Vec<String>,
    /// How many people each member may invite.
    pub allowance: i64,
    /// Whether there is a waiting list.
    pub waiting: bool,
    /// What those who wait are asked; may be empty.
    pub waiting_question: String,
}

/// How people become members; until the host sets it, as the settings say.
///
/// # Errors
/// What the database says.
pub async fn get(app: &App) -> Result<Joining> {
    Ok(read(app, &app.db).await?)
}

async fn read(app: &App, conn: impl Conn) -> sqlx::Result<Joining> {
    let rows = sql("SELECT key, value FROM node_state WHERE key IN ('joining.mode', 'joining.questions', 'joining.allowance', 'joining.waiting', 'joining.waiting_question')")
        .all(conn)
        .await?;
    let kept: HashMap<String, String> = rows
        .iter()
        .map(|row| Ok((row.get("key")?, row.get("value")?)))
        .collect::<sqlx::Result<_>>()?;
    let configured = match app.settings.registration {
        RegistrationMode::Open => Mode::Open,
        RegistrationMode::Closed => Mode::Closed,
    };
    let text = |key: &str| kept.get(key).map(String::as_str).unwrap_or_default();
    Ok(Joining {
        mode: Mode::parse(text("joining.mode")).unwrap_or(configured),
        questions: serde_json::from_str(text("joining.questions")).unwrap_or_default(),
        allowance: text("joining.allowance").parse().unwrap_or(0),
        waiting: text("joining.waiting") == "1",
        waiting_question: text("joining.waiting_question").to_owned(),
    })
}

/// Changes how people become members. Whether that changed anything.
///
/// # Errors
/// `Invalid` when a question is too long or there are too many.
pub async fn set(app: &App, tx: &mut Tx, joining: &Joining) -> Result<bool> {
    let long = joining
        .questions
        .iter()
        .chain([&joining.waiting_question])
        .any(|question| question.chars().count() > 200);
    if long || joining.questions.len() > QUESTIONS {
        return Err(Error::invalid("questions", "error-questions"));
    }
    let allowance = joining.allowance.clamp(0, 1_000).to_string();
    let questions = serde_json::to_string(&joining.questions)?;
    let before = read(app, &mut *tx).await?;
    let pairs = [
        ("joining.mode", joining.mode.name()),
        ("joining.questions", questions.as_str()),
        ("joining.allowance", allowance.as_str()),
        ("joining.waiting", if joining.waiting { "1" } else { "0" }),
        ("joining.waiting_question", joining.waiting_question.trim()),
    ];
    for (key, value) in pairs {
        store::set_state(&mut *tx, key, value).await?;
    }
    Ok(read(app, tx).await? != before)
}
