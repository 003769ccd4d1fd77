//! The entities of the client API, each built in one place.
//!
//! What is absent is left out; `null` stands only where clients expect it.

pub mod account;
pub mod notification;
pub mod status;
pub mod various;

use serde_json::{Value, json};

use crate::accounts::Emoji;
use crate::app::App;
use crate::media::proxy;

/// Custom emoji, with their pictures shown from our own address.
pub fn emojis(app: &App, emojis: &[Emoji]) -> Vec<Value> {
    emojis
        .iter()
        .map(|emoji| {
            let url = app.origin().at(&proxy::address(app, &emoji.url));
            json!({"shortcode": emoji.shortcode, "url": url, "static_url": url, "visible_in_picker": false})
        })
        .collect()
}
