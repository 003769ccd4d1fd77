//! Sound: how long it is, what its tags say, its cover, and the shape of its waves.

mod clean;
mod vorbis;

use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::iter;
use std::path::Path;
use std::time::Duration;

use symphonia::core::codecs::audio::AudioDecoderOptions;
use symphonia::core::common::Limit;
use symphonia::core::errors::Error as DecodeError;
use symphonia::core::formats::probe::Hint;
use symphonia::core::formats::{FormatOptions, FormatReader, TrackType};
use symphonia::core::io::{MediaSourceStream, MediaSourceStreamOptions};
use symphonia::core::meta::{
    MetadataContainer, MetadataOptions, StandardTag, StandardVisualKey, Visual,
};

use tokio::sync::Semaphore;

use super::kinds::Kind;
use crate::error::{Error, Result};

/// How many bars a waveform has.
pub const BARS: usize = 120;
/// Longest name read from a tag, characters.
const LONGEST: usize = 300;
/// Bytes of a tag.
const TAG: usize = 64 << 10;
/// Bytes of a cover inside a file.
const COVER: usize = 16 << 20;
/// The most frames that are drawn: four hours of a disc.
const FRAMES: u64 = 4 * 3600 * 48_000;
/// How long a drawing may take a core.
const PATIENCE: Duration = Duration::from_secs(45);

/// One drawing at a time.
static TURN: Semaphore = Semaphore::const_new(1);

/// What a file of sound tells about itself.
#[derive(Clone, Debug, Default)]
pub struct Facts {
    /// How long it is, milliseconds.
    pub duration_ms: Option<i64>,
    /// What its tags say.
    pub tags: Tags,
    /// The picture inside it, as it lies there.
    pub cover: Option<Vec<u8>>,
}

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

/// Overwrites the tags of a file, in place, with these and a cover (a JPEG that was drawn anew); comments, places,
/// serials and whatever else a program left go.
///
/// # Errors
/// `Invalid` with a sentence when it is broken; it may be half cleaned then and must not be kept.
pub async fn clean(path: &Path, kind: Kind, tags: &Tags, cover: Option<&[u8]>) -> Result<()> {
    let (path, tags, cover) = (path.to_owned(), tags.clone(), cover.map(<[u8]>::to_vec));
    let cleaned =
        tokio::task::spawn_blocking(move || clean::clean(&path, kind, &tags, cover.as_deref()));
    cleaned
        .await
        .map_err(anyhow::Error::from)?
        .map_err(|error| match error.kind() {
            io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof => {
                tracing::debug!(%error, "an uploaded sound could not be cleaned");
                Error::invalid("media", "error-sound-broken")
            }
            _ => error.into(),
        })
}

/// Reads what a file tells.
///
/// # Errors
/// `Invalid` with a sentence when it is broken.
pub async fn inspect(path: &Path, kind: Kind) -> Result<Facts> {
    let path = path.to_owned();
    let read = tokio::task::spawn_blocking(move || inspect_now(&path, kind));
    // A parser that breaks down has met a broken file.
    let facts = read
        .await
        .unwrap_or_else(|_| Err("it broke down".to_owned()));
    facts.map_err(|cause| {
        tracing::debug!(cause, "an uploaded sound could not be read");
        Error::invalid("media", "error-sound-broken")
    })
}

fn open(path: &Path, kind: Kind) -> std::result::Result<Box<dyn FormatReader>, String> {
    let file = File::open(path).map_err(|error| error.to_string())?;
    let stream = MediaSourceStream::new(Box::new(file), MediaSourceStreamOptions::default());
    let mut hint = Hint::new();
    hint.with_extension(kind.extension());
    let bounded = MetadataOptions::default()
        .limit_tag_bytes(Limit::Maximum(TAG))
        .limit_visual_bytes(Limit::Maximum(COVER));
    symphonia::default::get_probe()
        .probe(&hint, stream, FormatOptions::default(), bounded)
        .map_err(|error| error.to_string())
}

fn inspect_now(path: &Path, kind: Kind) -> std::result::Result<Facts, String> {
    let mut format = open(path, kind)?;
    let track = format.default_track(TrackType::Audio);
    let track = track.ok_or("there is no sound in it")?;
    let length = track.time_base.zip(track.duration);
    let length = length.and_then(|(base, length)| base.calc_duration(length));
    let mut facts = Facts {
        duration_ms: length
            .and_then(|length| i64::try_from(length.as_millis()).ok())
            .filter(|ms| (1..=604_800_000).contains(ms)),
        ..Facts::default()
    };
    let mut metadata = format.metadata();
    loop {
        if let Some(revision) = metadata.current() {
            for held in iter::once(&revision.media)
                .chain(revision.per_track.iter().map(|one| &one.metadata))
            {
                read_tags(held, &mut facts.tags);
                read_cover(held, &mut facts);
            }
        }
        if metadata.pop().is_none() {
            break;
        }
    }
    if kind == Kind::Wav {
        // The list ends where the file does.
        let _ = read_info_list(path, &mut facts.tags);
    }
    Ok(facts)
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
fn read_info_list(path: &Path, tags: &mut Tags) -> io::Result<()> {
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

fn read_tags(held: &MetadataContainer, tags: &mut Tags) {
    for tag in held.tags.iter().filter_map(|tag| tag.std.as_ref()) {
        let (field, text) = match tag {
            StandardTag::TrackTitle(text) => (&mut tags.title, name(text)),
            StandardTag::Artist(text) => (&mut tags.artist, name(text)),
            StandardTag::Album(text) => (&mut tags.album, name(text)),
            StandardTag::Genre(text) => (&mut tags.genre, name(text)),
            StandardTag::RecordingDate(text) | StandardTag::ReleaseDate(text) => {
                (&mut tags.date, date(text))
            }
            StandardTag::RecordingYear(year) | StandardTag::ReleaseYear(year) => {
                (&mut tags.date, date(&year.to_string()))
            }
            StandardTag::TrackNumber(number) => {
                tags.track = tags.track.or(Some(*number));
                continue;
            }
            _ => continue,
        };
        if field.is_none() {
            *field = text;
        }
    }
}

fn read_cover(held: &MetadataContainer, facts: &mut Facts) {
    let front = |visual: &&Visual| visual.usage == Some(StandardVisualKey::FrontCover);
    let covers = &held.visuals;
    if let Some(cover) = covers.iter().find(front).or(covers.first())
        && facts.cover.is_none()
    {
        facts.cover = Some(cover.data.to_vec());
    }
}

/// Draws a sound: its loudest moment in each of [`BARS`] equal parts, a byte each, and how long it really is.
/// Nothing for what cannot be decoded within bounds: Opus not at all, Vorbis not with tables that no encoder writes.
pub async fn draw(path: &Path, kind: Kind) -> Option<(Vec<u8>, i64)> {
    // One at a time, and none for long.
    let _turn = TURN.acquire().await.ok()?;
    let path = path.to_owned();
    let drawn = tokio::task::spawn_blocking(move || match kind {
        Kind::Opus => None,
        Kind::Vorbis if !vorbis::has_small_tables(&path) => None,
        _ => draw_now(&path, kind),
    });
    drawn.await.ok().flatten()
}

fn draw_now(path: &Path, kind: Kind) -> Option<(Vec<u8>, i64)> {
    let mut format = open(path, kind).ok()?;
    let track = format.default_track(TrackType::Audio)?;
    let (id, parameters) = (track.id, track.codec_params.as_ref()?.audio()?.clone());
    let mut decoder = symphonia::default::get_codecs()
        .make_audio_decoder(&parameters, &AudioDecoderOptions::default())
        .ok()?;
    let rate = u64::from(parameters.sample_rate?).max(1);
    let begun = std::time::Instant::now();
    let mut waves = Waves::default();
    let mut samples: Vec<f32> = Vec::new();
    while let Ok(Some(packet)) = format.next_packet() {
        if packet.track_id != id {
            continue;
        }
        match decoder.decode(&packet) {
            Ok(sound) => {
                samples.resize(sound.samples_interleaved(), 0.0);
                sound.copy_to_slice_interleaved(&mut samples);
                let channels = sound.spec().channels().count().max(1);
                waves.add(&samples, channels);
            }
            Err(DecodeError::DecodeError(_)) => {}
            Err(_) => break,
        }
        if waves.frames > FRAMES || begun.elapsed() > PATIENCE {
            return None;
        }
    }
    let ms = i64::try_from(waves.frames * 1000 / rate).ok()?;
    (waves.frames > 0).then(|| (waves.bars(), ms))
}

/// Peaks of stretches that grow as the sound does, so that memory does not.
struct Waves {
    peaks: Vec<f32>,
    stretch: u64,
    frames: u64,
}

impl Default for Waves {
    fn default() -> Self {
        Self {
            peaks: Vec::new(),
            stretch: 256,
            frames: 0,
        }
    }
}

impl Waves {
    /// Most peaks that are held.
    const MOST: usize = 1 << 14;

    fn add(&mut self, samples: &[f32], channels: usize) {
        for frame in samples.chunks(channels) {
            let at = usize::try_from(self.frames / self.stretch).unwrap_or(usize::MAX);
            if at >= Self::MOST {
                let halves = self.peaks.chunks(2);
                self.peaks = halves
                    .map(|pair| pair.iter().copied().fold(0.0, f32::max))
                    .collect();
                self.stretch *= 2;
            }
            let at = usize::try_from(self.frames / self.stretch).unwrap_or(0);
            let loud = frame.iter().fold(0.0_f32, |loud, one| loud.max(one.abs()));
            match self.peaks.get_mut(at) {
                Some(peak) => *peak = peak.max(loud),
                None => self.peaks.push(loud),
            }
            self.frames += 1;
        }
    }

    /// The bars, the loudest of them 255.
    fn bars(&self) -> Vec<u8> {
        let most = self.peaks.iter().copied().fold(f32::EPSILON, f32::max);
        (0..BARS)
            .map(|bar| {
                let from = bar * self.peaks.len() / BARS;
                let to = ((bar + 1) * self.peaks.len() / BARS).max(from + 1);
                let part = self.peaks.get(from..to.min(self.peaks.len()));
                let loud = part.unwrap_or_default().iter().copied().fold(0.0, f32::max);
                (loud / most * 255.0).clamp(0.0, 255.0) as u8
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::{BARS, draw_now, inspect_now};
    use crate::media::kinds::Kind;
    use std::io::Write as _;

    /// Waves of a second: silence, then full loudness.
    fn wav() -> Vec<u8> {
        let samples: Vec<u8> = (0..8000_i32)
            .flat_map(|n| {
                let loud = if n < 4000 { 0 } else { 30_000 };
                let value = if n % 2 == 0 { loud } else { -loud };
                i16::try_from(value).unwrap().to_le_bytes()
            })
            .collect();
        let mut bytes = b"RIFF".to_vec();
        bytes.extend((36 + 16_000_u32).to_le_bytes());
        bytes.extend(b"WAVEfmt ");
        for part in [
            &16_u32.to_le_bytes()[..],
            &1_u16.to_le_bytes(),
            &1_u16.to_le_bytes(),
            &8000_u32.to_le_bytes(),
            &16_000_u32.to_le_bytes(),
            &2_u16.to_le_bytes(),
            &16_u16.to_le_bytes(),
            b"data",
            &16_000_u32.to_le_bytes(),
            &samples,
        ] {
            bytes.extend(part);
        }
        bytes
    }

    #[test]
    fn waves_are_measured_and_drawn() {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(&wav()).unwrap();
        let facts = inspect_now(file.path(), Kind::Wav).unwrap();
        assert_eq!(facts.duration_ms, Some(1000));
        let (bars, ms) = draw_now(file.path(), Kind::Wav).unwrap();
        assert_eq!((bars.len(), ms), (BARS, 1000));
        assert_eq!((bars[0], bars[BARS - 1]), (0, 255));
    }

    #[test]
    fn what_is_cut_short_or_is_something_else_does_no_harm() {
        let whole = wav();
        for length in (0..200).chain([1000, 9000]) {
            let mut file = tempfile::NamedTempFile::new().unwrap();
            file.write_all(&whole[..length]).unwrap();
            for kind in [
                Kind::Wav,
                Kind::Mp3,
                Kind::Flac,
                Kind::M4a,
                Kind::Vorbis,
                Kind::Opus,
            ] {
                let _ = inspect_now(file.path(), kind);
                let _ = draw_now(file.path(), kind);
            }
        }
    }
}
