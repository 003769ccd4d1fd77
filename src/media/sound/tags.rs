//! Tags: what belongs to a song, of all that its file can say.

use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::path::Path;

use symphonia::core::meta::{MetadataContainer, RawValue, StandardTag, Tag};

/// Longest name read from a tag, characters.
const LONGEST: usize = 300;
/// Bytes of a tag.
pub(super) const TAG: usize = 64 << 10;

/// What belongs to a song, of all that tags can say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tags {
    /// The title.
    pub title: Option<String>,
    /// Who plays.
    pub artist: Option<String>,
    /// What it is part of.
    pub album: Option<String>,
    /// Its number there.
    pub track: Option<u64>,
    /// What sort of music it is.
    pub genre: Option<String>,
    /// When it came out: a year, or a day as digits and hyphens.
    pub date: Option<String>,
}

impl Tags {
    /// Takes from a set of tags what is not known yet.
    pub(super) fn read(&mut self, held: &MetadataContainer) {
        let mut read = Self::default();
        for tag in &held.tags {
            match &tag.std {
                Some(known) => read.take(known),
                None => read.take_list(tag),
            }
        }
        let fields = [
            (&mut self.title, read.title),
            (&mut self.artist, read.artist),
            (&mut self.album, read.album),
            (&mut self.genre, read.genre),
            (&mut self.date, read.date),
        ];
        for (field, read) in fields {
            if field.is_none() {
                *field = read;
            }
        }
        self.track = self.track.or(read.track);
    }

    fn take(&mut self, tag: &StandardTag) {
        match tag {
            StandardTag::TrackTitle(text) => first(&mut self.title, || name(text)),
            StandardTag::Album(text) => first(&mut self.album, || name(text)),
            StandardTag::Artist(text) => join(&mut self.artist, text),
            StandardTag::Genre(text) => join(&mut self.genre, text),
            StandardTag::RecordingDate(text) | StandardTag::ReleaseDate(text) => {
                first(&mut self.date, || date(text));
            }
            StandardTag::RecordingYear(year) | StandardTag::ReleaseYear(year) => {
                first(&mut self.date, || date(&year.to_string()));
            }
            StandardTag::TrackNumber(number) => self.track = self.track.or(Some(*number)),
            _ => {}
        }
    }

    /// A tag of several texts: people or kinds, one after the other (ID3v2.4 §4.2).
    fn take_list(&mut self, tag: &Tag) {
        let RawValue::StringList(texts) = &tag.raw.value else {
            return;
        };
        let field = match tag.raw.key.as_str() {
            "TIT2" => &mut self.title,
            "TPE1" => &mut self.artist,
            "TALB" => &mut self.album,
            "TCON" => &mut self.genre,
            "TDRC" => return first(&mut self.date, || date(texts.first()?)),
            "TRCK" => {
                self.track = self.track.or_else(|| number(texts.first()?));
                return;
            }
            _ => return,
        };
        for text in texts.iter() {
            join(field, text);
        }
    }
}

fn first(field: &mut Option<String>, text: impl FnOnce() -> Option<String>) {
    if field.is_none() {
        *field = text();
    }
}

/// The text of a tag, where it has any.
fn name(text: &str) -> Option<String> {
    let text: String = text
        .chars()
        .filter(|c| !c.is_control())
        .take(LONGEST)
        .collect();
    Some(text.trim().to_owned()).filter(|text| !text.is_empty())
}

/// The tags of waves: a list of named texts (RIFF, `LIST` of the form `INFO`), which the decoder passes over.
pub(super) fn read_info_list(path: &Path, tags: &mut Tags) -> io::Result<()> {
    let mut file = File::open(path)?;
    let mut at = 12;
    for _ in 0..64 {
        let mut head = [0; 8];
        file.seek(SeekFrom::Start(at))?;
        file.read_exact(&mut head)?;
        let (kind, length) = chunk(&head);
        if kind == *b"LIST" && (length as usize) < TAG {
            let mut list = vec![0; length as usize];
            file.read_exact(&mut list)?;
            let mut rest = list.strip_prefix(b"INFO").unwrap_or_default();
            while let Some((head, content)) = rest.split_first_chunk::<8>() {
                let (kind, length) = chunk(head);
                let text = content.get(..length as usize).unwrap_or_default();
                let text = name(&String::from_utf8_lossy(text));
                match &kind {
                    b"INAM" => tags.title = text,
                    b"IART" => tags.artist = text,
                    b"IPRD" => tags.album = text,
                    b"ITRK" | b"IPRT" => tags.track = text.and_then(|text| number(&text)),
                    b"IGNR" => tags.genre = text,
                    b"ICRD" => tags.date = text.and_then(|text| date(&text)),
                    _ => {}
                }
                let next = (length as usize).saturating_add(length as usize % 2);
                rest = content.get(next..).unwrap_or_default();
            }
        }
        at += 8 + u64::from(length) + u64::from(length % 2);
    }
    Ok(())
}

fn chunk(head: &[u8; 8]) -> ([u8; 4], u32) {
    let [a, b, c, d, e, f, g, h] = *head;
    ([a, b, c, d], u32::from_le_bytes([e, f, g, h]))
}

/// The number at the beginning of a text like `7/12`.
fn number(text: &str) -> Option<u64> {
    let digits = text.split(|c: char| !c.is_ascii_digit()).next()?;
    digits.parse().ok()
}

/// The day or the year at the beginning of a text; nothing where it begins with something else.
fn date(text: &str) -> Option<String> {
    let day = text.chars().take_while(|c| c.is_ascii_digit() || *c == '-');
    let day: String = day.take(10).collect();
    (day.len() >= 4).then_some(day)
}

/// Adds a text to those that a field has, unless it is among them.
fn join(field: &mut Option<String>, text: &str) {
    let Some(text) = name(text) else {
        return;
    };
    match field {
        None => *field = Some(text),
        Some(held) if held.split(", ").any(|one| one == text) => {}
        Some(held) => *field = name(&format!("{held}, {text}")),
    }
}
