//! Attachments: ours, and as other programs describe theirs.

use crate::kernel::crypt;
use crate::kernel::db::Row;
use crate::kernel::id::{AccountId, MediaId, PostId};

/// The columns of `media` that are read.
#[macro_export]
macro_rules! media_columns {
    () => {
        "media.id, media.account_id, media.post_id, media.kind, media.media_type, media.file, media.preview, media.remote_url, media.icon_url, media.width, media.height, media.duration_ms, media.blurhash, media.description, media.focus_x, media.focus_y, media.processing, media.title, media.artist, media.album, media.waveform"
    };
}

/// An attachment.
#[derive(Clone, Debug)]
pub struct Media {
    /// Its id.
    pub id: MediaId,
    /// Whose it is.
    pub account: AccountId,
    /// The post it belongs to.
    pub post: Option<PostId>,
    /// `image`, `audio`, `video` or `link`.
    pub kind: String,
    /// Its media type.
    pub media_type: String,
    /// Its file here.
    pub file: Option<String>,
    /// The file of its small version.
    pub preview: Option<String>,
    /// Its address over there.
    pub remote_url: Option<String>,
    /// A cover over there.
    pub icon_url: Option<String>,
    /// Width and height, pixels.
    pub size: Option<(i64, i64)>,
    /// Duration, milliseconds.
    pub duration_ms: Option<i64>,
    /// A blurred sketch of it.
    pub blurhash: Option<String>,
    /// What it shows, for who cannot see it.
    pub description: String,
    /// What must stay in view when it is cut: thousandths from the middle, right and up.
    pub focus: (i64, i64),
    /// Whether its waves or its poster are still being drawn.
    pub processing: bool,
    /// The title, of music.
    pub title: Option<String>,
    /// Who plays.
    pub artist: Option<String>,
    /// What it is part of.
    pub album: Option<String>,
    /// The shape of its waves: a byte for each bar, in base64.
    pub waveform: Option<String>,
}

impl Media {
    /// What it shows or, where nobody said, what its tags say.
    pub fn caption(&self) -> String {
        if !self.description.is_empty() {
            return self.description.clone();
        }
        let parts: Vec<&str> = [&self.artist, &self.title]
            .into_iter()
            .flatten()
            .map(String::as_str)
            .collect();
        parts.join(" – ")
    }

    /// What goes out as its name: who plays what, and what was said about it.
    pub fn full_name(&self) -> String {
        let tagged = Self {
            description: String::new(),
            ..self.clone()
        };
        let parts = [tagged.caption(), self.description.clone()];
        let parts: Vec<String> = parts.into_iter().filter(|part| !part.is_empty()).collect();
        parts.join(". ")
    }

    /// Whether it may move by itself: its still then stands in for it where nothing is to move.
    pub fn may_move(&self) -> bool {
        let moves = |kind: &str| matches!(kind, "image/gif" | "image/webp" | "image/apng");
        match &self.file {
            Some(file) => {
                self.kind == "image" && (moves(&self.media_type) || file.ends_with(".apng"))
            }
            None => {
                self.kind == "image" && (moves(&self.media_type) || self.media_type == "image/png")
            }
        }
    }

    /// How long it is, `3:21`.
    pub fn length(&self) -> Option<String> {
        let seconds = self.duration_ms? / 1000;
        Some(format!("{}:{:02}", seconds / 60, seconds % 60))
    }

    /// Its waves as the path of a drawing, 480 wide and 40 high.
    pub fn wave(&self) -> Option<String> {
        let bars = crypt::from_base64(self.waveform.as_deref()?)?;
        let lines = bars.iter().enumerate().map(|(at, bar)| {
            let half = (usize::from(*bar) * 19 / 255).max(1);
            format!("M{} {}v{}", at * 4 + 2, 20 - half, 2 * half)
        });
        Some(lines.collect())
    }
}

/// An attachment of a remote post.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Remote {
    /// `image`, `audio`, `video` or `link`.
    pub kind: &'static str,
    /// Its media type.
    pub media_type: String,
    /// Its address.
    pub url: String,
    /// A cover.
    pub icon_url: Option<String>,
    /// Width and height, pixels.
    pub size: Option<(i64, i64)>,
    /// Duration, milliseconds.
    pub duration_ms: Option<i64>,
    /// A blurred sketch of it.
    pub blurhash: Option<String>,
    /// What it shows.
    pub description: String,
    /// What must stay in view.
    pub focus: (i64, i64),
}

/// Reads a row of `media`.
pub(super) fn read(row: &Row) -> sqlx::Result<Media> {
    let (width, height): (Option<i64>, Option<i64>) = (row.get("width")?, row.get("height")?);
    Ok(Media {
        id: row.get("id")?,
        account: row.get("account_id")?,
        post: row.get("post_id")?,
        kind: row.get("kind")?,
        media_type: row.get("media_type")?,
        file: row.get("file")?,
        preview: row.get("preview")?,
        remote_url: row.get("remote_url")?,
        icon_url: row.get("icon_url")?,
        size: width.zip(height),
        duration_ms: row.get("duration_ms")?,
        blurhash: row.get("blurhash")?,
        description: row.get("description")?,
        focus: (row.get("focus_x")?, row.get("focus_y")?),
        processing: row.get::<i64>("processing")? > 0,
        title: row.get("title")?,
        artist: row.get("artist")?,
        album: row.get("album")?,
        waveform: row.get("waveform")?,
    })
}
