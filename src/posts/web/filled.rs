//! What a filled-in form of a post says: what was typed, and the files that came with it.

use axum::extract::Multipart;
use axum::extract::multipart::Field;
use http::StatusCode;

use super::form::ComposeForm;
use crate::app::App;
use crate::error::{Error, Result};
use crate::media::incoming::{Arriving, Incoming};
use crate::posts::compose::NewPoll;
use crate::ui::form::{held, piece, typed};

/// What a filled-in form says.
#[derive(Default)]
pub(super) struct Filled {
    fields: Vec<(String, String)>,
    pub(super) files: Vec<Incoming>,
    pub(super) cover: Option<Vec<u8>>,
    /// Why a file could not be taken.
    pub(super) trouble: Option<Error>,
}

impl Filled {
    /// Reads the form; files go to the disk. One that cannot be taken is told of once everything typed is read.
    pub(super) async fn read(app: &App, mut form: Multipart) -> Result<Self> {
        let mut filled = Self::default();
        loop {
            let mut part = match form.next_field().await {
                Ok(Some(part)) => part,
                Ok(None) => return Ok(filled),
                Err(error) if error.status() == StatusCode::PAYLOAD_TOO_LARGE => {
                    filled.trouble = Some(Error::invalid("media", "error-too-big"));
                    return Ok(filled);
                }
                Err(_) => return Err(Error::invalid("text", "error-form")),
            };
            if let Err(error) = filled.part(app, &mut part).await {
                filled.trouble = Some(error);
                while let Ok(Some(_)) = piece(&mut part).await {}
            }
            if filled.fields.len() + filled.files.len() > 200 {
                return Err(Error::invalid("text", "error-form"));
            }
        }
    }

    async fn part(&mut self, app: &App, part: &mut Field<'_>) -> Result<()> {
        let name = part.name().unwrap_or_default().to_owned();
        match name.as_str() {
            "file" => {
                let mut arriving = Arriving::begin(app)?;
                while let Some(piece) = piece(part).await? {
                    arriving.push(app, &piece).await?;
                }
                self.files.extend(arriving.finish(app).await?);
            }
            "cover" => {
                let most = app.settings.limits.picture_bytes;
                let bytes = held(part, usize::try_from(most).unwrap_or(usize::MAX)).await?;
                self.cover = Some(bytes).filter(|bytes| !bytes.is_empty());
            }
            _ => {
                let typed = typed(part).await?;
                self.fields.push((name, typed));
            }
        }
        Ok(())
    }

    pub(super) fn text(&self, name: &str) -> String {
        self.fields
            .iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.clone())
            .unwrap_or_default()
    }

    pub(super) fn all(&self, name: &str) -> Vec<String> {
        self.fields
            .iter()
            .filter(|(key, _)| key == name)
            .map(|(_, value)| value.clone())
            .collect()
    }

    pub(super) fn has(&self, name: &str) -> bool {
        !self.text(name).is_empty()
    }

    fn poll(&self) -> Option<NewPoll> {
        let options: Vec<String> = self
            .all("option")
            .into_iter()
            .map(|option| option.trim().to_owned())
            .filter(|option| !option.is_empty())
            .collect();
        (!options.is_empty()).then(|| NewPoll {
            options,
            hides_totals: self.has("hide_totals"),
            multiple: self.has("multiple"),
            seconds: self.text("seconds").parse().unwrap_or(86_400),
        })
    }

    /// The form as it stands, so that nothing typed is lost.
    pub(super) fn form(&self) -> ComposeForm {
        ComposeForm {
            draft: self.text("draft"),
            key: self.text("key"),
            text: self.text("text"),
            warning: self.text("warning"),
            sensitive: self.has("sensitive"),
            language: self.text("language"),
            audience: self.text("audience"),
            tiers: Vec::new(),
            chosen: self
                .all("tier")
                .iter()
                .filter_map(|tier| tier.parse().ok())
                .collect(),
            lists: Vec::new(),
            teaser: self.text("teaser"),
            blurred: self.has("blurred"),
            travels: self.text("travels"),
            in_reply_to: self.text("in_reply_to").parse().ok(),
            asks_author: false,
            quote: self.text("quote").parse().ok(),
            quote_policy: self.text("quote_policy"),
            as_house: self.has("as_house"),
            signed: self.has("signed"),
            offers_house: false,
            publishes: false,
            offers_crew: false,
            again: self.text("again").parse().ok(),
            at: self.text("at"),
            zone: self.text("zone"),
            media: Vec::new(),
            poll: self.poll(),
            asks: false,
            problems: Vec::new(),
        }
    }
}
