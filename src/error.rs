//! What can go wrong for whoever asked; each surface renders it in its own form.

use std::time::Duration;

use crate::kernel::db::Trouble;

/// A result whose error reaches the one who asked.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// A sentence for people: the id of a message in `locales/`, and what it mentions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sentence {
    /// The message's id.
    pub id: &'static str,
    /// What stands for `{ $value }` in it.
    pub value: Option<String>,
}

/// What is wrong with one field of a form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The field's name; empty where it is the whole.
    pub field: &'static str,
    /// What to change.
    pub sentence: Sentence,
}

/// Why a request has no better answer.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is no such thing, or it is not for this viewer: the two look the same.
    #[error("there is no such thing")]
    NotFound,
    /// Somebody has to sign in first.
    #[error("sign in first")]
    SignInRequired,
    /// This viewer may not do this.
    #[error("not allowed")]
    Forbidden,
    /// What was sent cannot be used as it is.
    #[error("{}", describe(.0))]
    Invalid(Vec<Problem>),
    /// It clashes with what is there.
    #[error("{}", .0.id)]
    Conflict(Sentence),
    /// Too often.
    #[error("too often; try again in {} s", .0.as_secs())]
    TooMany(Duration),
    /// Something outside is not to be had right now.
    #[error("{}", .0.id)]
    Unavailable(Sentence),
    /// A fault of ours; its cause is logged, the visitor sees a calm sentence.
    #[error(transparent)]
    Internal(anyhow::Error),
}

fn describe(problems: &[Problem]) -> String {
    let parts: Vec<String> = problems
        .iter()
        .map(|problem| {
            format!(
                "{}: {} {}",
                problem.field,
                problem.sentence.id,
                problem.sentence.value.as_deref().unwrap_or_default()
            )
        })
        .collect();
    parts.join("; ")
}

impl Error {
    /// One field is wrong; `id` names the sentence that says what to change.
    pub fn invalid(field: &'static str, id: &'static str) -> Self {
        Self::Invalid(vec![Problem {
            field,
            sentence: Sentence { id, value: None },
        }])
    }

    /// As [`Error::invalid`], with a value the sentence mentions.
    pub fn invalid_with(field: &'static str, id: &'static str, value: impl ToString) -> Self {
        Self::Invalid(vec![Problem {
            field,
            sentence: Sentence {
                id,
                value: Some(value.to_string()),
            },
        }])
    }

    /// It clashes with what is there; `id` names the sentence.
    pub fn conflict(id: &'static str) -> Self {
        Self::Conflict(Sentence { id, value: None })
    }

    /// Something outside is not to be had; `id` names the sentence.
    pub fn unavailable(id: &'static str, value: impl ToString) -> Self {
        Self::Unavailable(Sentence {
            id,
            value: Some(value.to_string()),
        })
    }
}

impl From<anyhow::Error> for Error {
    fn from(error: anyhow::Error) -> Self {
        let trouble = error.chain().find_map(trouble_of);
        match trouble {
            Some(Trouble::Full) => Self::unavailable("error-disk-full", ""),
            Some(_) => Self::unavailable("error-database", ""),
            None => Self::Internal(error),
        }
    }
}

/// After how many seconds whoever was told that something is not to be had may ask again.
const SOON: u64 = 30;

impl Error {
    /// After how many seconds the same may be asked again, where that is known.
    pub fn retry_after(&self) -> Option<u64> {
        match self {
            Self::TooMany(wait) => Some(wait.as_secs().max(1)),
            Self::Unavailable(_) => Some(SOON),
            _ => None,
        }
    }

    /// Whether a row with the same key stood there already.
    pub fn is_duplicate(&self) -> bool {
        let Self::Internal(error) = self else {
            return false;
        };
        matches!(error.downcast_ref(), Some(sqlx::Error::Database(error)) if error.is_unique_violation())
    }
}

/// What keeps the house from working, where that is the reason: a disk without room, a database that cannot be used.
fn trouble_of(cause: &(dyn std::error::Error + 'static)) -> Option<Trouble> {
    if let Some(error) = cause.downcast_ref::<std::io::Error>() {
        if error.kind() != std::io::ErrorKind::StorageFull {
            return None;
        }
        tracing::error!(%error, "the disk is full");
        return Some(Trouble::Full);
    }
    let error = cause.downcast_ref::<sqlx::Error>()?;
    let trouble = Trouble::of(error)?;
    trouble.say(error);
    Some(trouble)
}

impl From<sqlx::Error> for Error {
    fn from(error: sqlx::Error) -> Self {
        anyhow::Error::from(error).into()
    }
}

impl From<std::io::Error> for Error {
    fn from(error: std::io::Error) -> Self {
        anyhow::Error::from(error).into()
    }
}

impl From<serde_json::Error> for Error {
    fn from(error: serde_json::Error) -> Self {
        Self::Internal(error.into())
    }
}
