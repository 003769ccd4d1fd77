//! Sound: how long it is, what its tags say, its cover, and the shape of its waves.

mod clean;
mod tags;
mod vorbis;

use std::fs::File;
use std::io;
use std::iter;
use std::path::Path;
use std::time::Duration;

use symphonia::core::codecs::audio::AudioDecoderOptions;
use symphonia::core::common::Limit;
use symphonia::core::errors::Error as DecodeError;
use symphonia::core::formats::probe::Hint;
use symphonia::core::formats::{FormatOptions, FormatReader, TrackType};
use symphonia::core::io::{MediaSourceStream, MediaSourceStreamOptions};
use symphonia::core::meta::{MetadataContainer, MetadataOptions, StandardVisualKey, Visual};

use tokio::sync::Semaphore;

use super::kinds::Kind;
use crate::error::{Error, Result};
use tags::TAG;
pub use tags::Tags;

/// How many bars a waveform has.
pub const BARS: usize = 120;
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

/// Overwrites the tags of a file, in place, with these and a cover (a JPEG that was drawn anew); comments, places,
/// serials and whatever else a program left go. Of MP3 it tells how long its frames play, in milliseconds.
///
/// # Errors
/// `Invalid` with a sentence when it is broken; it may be half cleaned then and must not be kept.
pub async fn clean(
    path: &Path,
    kind: Kind,
    tags: &Tags,
    cover: Option<&[u8]>,
) -> Result<Option<i64>> {
    let (path, tags, cover) = (path.to_owned(), tags.clone(), cover.map(<[u8]>::to_vec));
    let cleaned =
        tokio::task::spawn_blocking(move || clean::clean(&path, kind, &tags, cover.as_deref()));
    let played = cleaned
        .await
        .map_err(anyhow::Error::from)?
        .map_err(|error| match error.kind() {
            io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof => {
                tracing::debug!(%error, "an uploaded sound could not be cleaned");
                Error::invalid("media", "error-sound-broken")
            }
            _ => Error::from(error),
        })?;
    Ok(played.and_then(|ms| i64::try_from(ms).ok()))
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
                facts.tags.read(held);
                read_cover(held, &mut facts);
            }
        }
        if metadata.pop().is_none() {
            break;
        }
    }
    if kind == Kind::Wav {
        // The list ends where the file does.
        let _ = tags::read_info_list(path, &mut facts.tags);
    }
    Ok(facts)
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

/// How a kind is decoded. How long an MP3 is, is guessed by its first frames where it does not say: it is not cut there.
fn options(kind: Kind) -> AudioDecoderOptions {
    AudioDecoderOptions::default().gapless(kind != Kind::Mp3)
}

fn draw_now(path: &Path, kind: Kind) -> Option<(Vec<u8>, i64)> {
    let mut format = open(path, kind).ok()?;
    let track = format.default_track(TrackType::Audio)?;
    let (id, parameters) = (track.id, track.codec_params.as_ref()?.audio()?.clone());
    let mut decoder = symphonia::default::get_codecs()
        .make_audio_decoder(&parameters, &options(kind))
        .ok()?;
    let rate = u64::from(parameters.sample_rate?).max(1);
    // Not heard: what an encoder needs before and after.
    let unheard = u64::from(track.delay.unwrap_or(0)) + u64::from(track.padding.unwrap_or(0));
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
    let unheard = if kind == Kind::Mp3 { unheard } else { 0 };
    let heard = waves.frames.saturating_sub(unheard);
    let ms = i64::try_from(heard * 1000 / rate).ok()?;
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
