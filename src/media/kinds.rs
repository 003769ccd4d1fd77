//! What a file is, by its first bytes; what its sender calls it is not believed.

use std::io;
use std::path::Path;

use tokio::io::AsyncReadExt as _;

use crate::app::App;
use crate::error::{Error, Result};

/// How many of the first bytes tell.
pub const HEAD: usize = 64;

/// A kind of file that is taken in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// JPEG, PNG, GIF, WebP.
    Picture,
    /// MPEG-1 layer III.
    Mp3,
    /// MPEG-4 with sound alone.
    M4a,
    /// Free lossless sound.
    Flac,
    /// Ogg with Vorbis.
    Vorbis,
    /// Ogg with Opus.
    Opus,
    /// Waves.
    Wav,
    /// MPEG-4.
    Mp4,
    /// QuickTime.
    Mov,
    /// WebM.
    WebM,
}

impl Kind {
    /// Tells a kind by the first bytes of a file.
    ///
    /// # Errors
    /// `Invalid` with a sentence that says what can be sent instead.
    pub fn tell(head: &[u8]) -> Result<Self> {
        let starts = |mark: &[u8]| head.starts_with(mark);
        let at = |from: usize, mark: &[u8]| head.get(from..from + mark.len()) == Some(mark);
        let has = |mark: &[u8]| head.windows(mark.len()).any(|part| part == mark);
        let picture = starts(b"\xff\xd8\xff")
            || starts(b"\x89PNG\r\n\x1a\n")
            || starts(b"GIF8")
            || starts(b"RIFF") && at(8, b"WEBP");
        if picture {
            Ok(Self::Picture)
        } else if at(4, b"ftyp") {
            Self::of_brand(head.get(8..12).unwrap_or_default())
        } else if at(4, b"moov") || at(4, b"wide") || at(4, b"mdat") {
            Ok(Self::Mov)
        } else if starts(b"fLaC") {
            Ok(Self::Flac)
        } else if starts(b"RIFF") && at(8, b"WAVE") {
            Ok(Self::Wav)
        } else if starts(b"OggS") && has(b"OpusHead") {
            Ok(Self::Opus)
        } else if starts(b"OggS") && has(b"\x01vorbis") {
            Ok(Self::Vorbis)
        } else if starts(b"\x1a\x45\xdf\xa3") && has(b"webm") {
            Ok(Self::WebM)
        } else if starts(b"ID3") || is_mpeg_frame(head) {
            Ok(Self::Mp3)
        } else {
            Err(Error::invalid("media", "error-media-kind"))
        }
    }

    /// As [`Kind::tell`], by what stands behind so many bytes of tags: what begins with them is sound.
    ///
    /// # Errors
    /// As [`Kind::tell`].
    pub fn tell_behind(head: &[u8], tags: u64) -> Result<Self> {
        match Self::tell(head) {
            Ok(kind) if tags == 0 || kind.group() == "audio" => Ok(kind),
            // What lies between a tag and the first frame is passed over.
            _ if tags > 0 => Ok(Self::Mp3),
            told => told,
        }
    }

    fn of_brand(brand: &[u8]) -> Result<Self> {
        match brand {
            b"heic" | b"heix" | b"mif1" | b"msf1" | b"avif" | b"avis" | b"hevc" => {
                Err(Error::invalid("picture", "error-picture-heic"))
            }
            b"M4A " | b"M4B " => Ok(Self::M4a),
            b"qt  " => Ok(Self::Mov),
            _ => Ok(Self::Mp4),
        }
    }

    /// `image`, `audio` or `video`.
    pub fn group(self) -> &'static str {
        match self {
            Self::Picture => "image",
            Self::Mp4 | Self::Mov | Self::WebM => "video",
            _ => "audio",
        }
    }

    /// Its media type; of pictures their own code knows better.
    pub fn media_type(self) -> &'static str {
        match self {
            Self::Picture => "image/jpeg",
            Self::Mp3 => "audio/mpeg",
            Self::M4a => "audio/mp4",
            Self::Flac => "audio/flac",
            Self::Vorbis | Self::Opus => "audio/ogg",
            Self::Wav => "audio/wav",
            Self::Mp4 => "video/mp4",
            Self::Mov => "video/quicktime",
            Self::WebM => "video/webm",
        }
    }

    /// The extension of its file.
    pub fn extension(self) -> &'static str {
        match self {
            Self::Picture => "jpg",
            Self::Mp3 => "mp3",
            Self::M4a => "m4a",
            Self::Flac => "flac",
            Self::Vorbis => "ogg",
            Self::Opus => "opus",
            Self::Wav => "wav",
            Self::Mp4 => "mp4",
            Self::Mov => "mov",
            Self::WebM => "webm",
        }
    }

    /// Most bytes of one, and the sentence that says so.
    pub fn limit(self, app: &App) -> (u64, &'static str) {
        let limits = &app.settings.limits;
        let (most, sentence) = match self.group() {
            "image" => (limits.picture_bytes, "error-picture-bytes"),
            "audio" => (limits.sound_bytes, "error-sound-bytes"),
            _ => (limits.video_bytes, "error-video-bytes"),
        };
        (u64::try_from(most).unwrap_or(0), sentence)
    }
}

/// How many bytes a tag takes that stands before everything else; nothing where there is none (ID3v2.4 §3.1).
pub fn tag_before(head: &[u8]) -> Option<u64> {
    let [b'I', b'D', b'3', _, _, flags, sizes @ ..] = head.first_chunk::<10>()? else {
        return None;
    };
    if sizes.iter().any(|part| *part >= 0x80) {
        return None;
    }
    let size = sizes
        .iter()
        .fold(0, |size, part| size << 7 | u64::from(*part));
    Some(10 + size + if flags & 0x10 == 0 { 0 } else { 10 })
}

/// The first bytes of a file.
///
/// # Errors
/// What the system says.
pub async fn head_of(path: &Path) -> io::Result<Vec<u8>> {
    let mut head = Vec::new();
    let file = tokio::fs::File::open(path).await?;
    file.take(HEAD as u64).read_to_end(&mut head).await?;
    Ok(head)
}

/// The media type of a file of ours, by its extension.
pub fn media_type_of(name: &str) -> &'static str {
    match name.rsplit('.').next() {
        Some("jpg") => "image/jpeg",
        Some("png" | "apng") => "image/png",
        Some("gif") => "image/gif",
        Some("webp") => "image/webp",
        Some("mp3") => "audio/mpeg",
        Some("m4a") => "audio/mp4",
        Some("flac") => "audio/flac",
        Some("ogg" | "opus") => "audio/ogg",
        Some("wav") => "audio/wav",
        Some("mp4") => "video/mp4",
        Some("mov") => "video/quicktime",
        Some("webm") => "video/webm",
        _ => "application/octet-stream",
    }
}

/// The sync word of a frame, of layer III, with a sound rate (ISO/IEC 11172-3 §2.4.2.3).
fn is_mpeg_frame(head: &[u8]) -> bool {
    matches!(head, [0xff, second, third, ..] if second & 0xe6 == 0xe2 && third & 0xf0 != 0xf0 && third & 0x0c != 0x0c)
}

#[cfg(test)]
mod tests {
    use super::Kind;

    #[test]
    fn files_are_told_by_their_first_bytes() {
        let known: [(&[u8], Kind); 10] = [
            (b"\xff\xd8\xff\xe0", Kind::Picture),
            (b"RIFF\0\0\0\0WEBPVP8 ", Kind::Picture),
            (b"RIFF\0\0\0\0WAVEfmt ", Kind::Wav),
            (b"ID3\x04\0\0", Kind::Mp3),
            (b"\xff\xfb\x90\x64", Kind::Mp3),
            (b"\0\0\0\x20ftypM4A \0", Kind::M4a),
            (b"\0\0\0\x20ftypisom", Kind::Mp4),
            (b"\0\0\0\x14ftypqt  ", Kind::Mov),
            (b"OggS\0\x02\0\0\0\0\0\0\x01vorbis", Kind::Vorbis),
            (b"\x1a\x45\xdf\xa3\x9f\x42\x82\x84webm", Kind::WebM),
        ];
        for (head, kind) in known {
            assert_eq!(Kind::tell(head).unwrap(), kind);
        }
        let foreign: [&[u8]; 9] = [
            b"",
            b"<html>",
            b"<svg xmlns=",
            b"\0\0\0\x18ftypheic",
            b"\x1a\x45\xdf\xa3\x9f\x42\x82\x88matroska",
            b"#EXTM3U\n",
            b"%PDF-1.7",
            b"push graphic-context",
            b"OggS\0\x02\x80theora",
        ];
        for head in foreign {
            assert!(Kind::tell(head).is_err(), "{head:?}");
        }
    }
}
