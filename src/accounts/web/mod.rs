//! Pages about accounts.

pub mod door;
pub mod leave;
pub mod mail;
pub mod profile;
pub mod security;
pub mod settings;

use askama::Template;

use crate::ui::Ui;

/// A page that asks once before something happens.
#[derive(Template)]
#[template(path = "ui/confirm.html")]
pub struct ConfirmPage {
    /// What every page knows.
    pub ui: Ui,
    /// What is about to happen.
    pub title: String,
    /// To what.
    pub sentence: String,
    /// Where the form goes.
    pub action: String,
    /// Whether a comment can be given.
    pub ask_comment: bool,
    /// What goes along.
    pub hidden: Vec<(String, String)>,
    /// What the button says.
    pub button: String,
    /// Whether it cannot be taken back.
    pub danger: bool,
    /// Where one goes instead.
    pub back: String,
}

/// A page that says something and offers one step.
#[derive(Template)]
#[template(path = "ui/message.html")]
pub struct MessagePage {
    /// What every page knows.
    pub ui: Ui,
    /// The heading.
    pub title: String,
    /// What is said.
    pub sentences: Vec<String>,
    /// Codes to keep.
    pub codes: Vec<String>,
    /// Where to go, and what the button says.
    pub step: Option<(String, String)>,
}
