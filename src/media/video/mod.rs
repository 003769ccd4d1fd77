//! Video and other files of boxes: what they tell about themselves is read, and what tells too much is voided in place.

mod ebml;
mod isobmff;
pub mod poster;

use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::ops::Range;
use std::path::Path;

use tokio::sync::Semaphore;

use super::kinds::Kind;
use crate::error::{Error, Result};

/// What a file of boxes tells about itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Facts {
    /// How long it is, milliseconds.
    pub duration_ms: Option<i64>,
    /// Width and height, pixels, as it is shown.
    pub size: Option<(i64, i64)>,
    /// Whether it holds pictures.
    pub has_pictures: bool,
    /// Whether it holds sound.
    pub has_sound: bool,
    /// Whether it held a track that is neither.
    pub has_foreign: bool,
}

/// One file at a time.
static TURN: Semaphore = Semaphore::const_new(1);

/// Most elements a file may be made of before it counts as broken; frames are not counted.
const ELEMENTS: usize = 20_000;

/// Reads what a file tells and voids its metadata in place: nothing moves, so what points into it stays right.
///
/// # Errors
/// `Invalid` with a sentence when it is broken or holds nothing that can be played.
pub async fn clean(path: &Path, kind: Kind) -> Result<Facts> {
    let _turn = TURN.acquire().await.map_err(anyhow::Error::from)?;
    let path = path.to_owned();
    let cleaned = tokio::task::spawn_blocking(move || {
        let mut file = Disk::open(&path)?;
        match kind {
            Kind::WebM => ebml::clean(&mut file),
            _ => isobmff::clean(&mut file),
        }
    });
    let facts = cleaned.await.map_err(anyhow::Error::from)?;
    let facts = facts.map_err(|error| {
        tracing::debug!(%error, "an uploaded video could not be read");
        Error::invalid("media", "error-video-broken")
    })?;
    if facts.has_pictures || facts.has_sound {
        Ok(facts)
    } else {
        Err(Error::invalid("media", "error-video-broken"))
    }
}

/// A file whose elements are walked and overwritten.
struct Disk {
    file: File,
    size: u64,
    elements: usize,
}

fn broken() -> io::Error {
    io::ErrorKind::InvalidData.into()
}

impl Disk {
    fn open(path: &Path) -> io::Result<Self> {
        let file = File::options().read(true).write(true).open(path)?;
        Ok(Self {
            size: file.metadata()?.len(),
            file,
            elements: 0,
        })
    }

    /// Counts one more element.
    fn count(&mut self) -> io::Result<()> {
        self.elements += 1;
        if self.elements > ELEMENTS {
            return Err(broken());
        }
        Ok(())
    }

    fn read<const N: usize>(&mut self, at: u64) -> io::Result<[u8; N]> {
        let mut bytes = [0; N];
        self.file.seek(SeekFrom::Start(at))?;
        self.file.read_exact(&mut bytes)?;
        Ok(bytes)
    }

    /// A short stretch of the file; longer ones are no part of a sound file.
    fn read_all(&mut self, range: Range<u64>, most: u64) -> io::Result<Vec<u8>> {
        let length = range.end.checked_sub(range.start).ok_or_else(broken)?;
        if length > most || range.end > self.size {
            return Err(broken());
        }
        let mut bytes = vec![0; usize::try_from(length).map_err(|_| broken())?];
        self.file.seek(SeekFrom::Start(range.start))?;
        self.file.read_exact(&mut bytes)?;
        Ok(bytes)
    }

    fn write(&mut self, at: u64, bytes: &[u8]) -> io::Result<()> {
        if at.saturating_add(bytes.len() as u64) > self.size {
            return Err(broken());
        }
        self.file.seek(SeekFrom::Start(at))?;
        self.file.write_all(bytes)
    }

    /// Overwrites with zeroes.
    fn zero(&mut self, range: Range<u64>) -> io::Result<()> {
        let zeroes = vec![0; 64 << 10];
        let mut at = range.start;
        let end = range.end.min(self.size);
        while at < end {
            let step = (end - at).min(zeroes.len() as u64);
            self.write(at, &zeroes[..usize::try_from(step).unwrap_or(0)])?;
            at += step;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::{Disk, Facts, ebml, isobmff};

    fn atom(kind: &[u8; 4], content: &[u8]) -> Vec<u8> {
        let length = u32::try_from(content.len() + 8).unwrap();
        [&length.to_be_bytes()[..], kind, content].concat()
    }

    fn words(numbers: &[u32]) -> Vec<u8> {
        numbers.iter().flat_map(|n| n.to_be_bytes()).collect()
    }

    fn handler(kind: &[u8; 4]) -> Vec<u8> {
        atom(b"hdlr", &[&[0; 8][..], kind, &[0; 13]].concat())
    }

    fn track(handler_kind: &[u8; 4], samples: Vec<u8>) -> Vec<u8> {
        let mut header = words(&[
            0,
            7,
            7,
            1,
            0,
            0,
            0,
            0,
            0,
            0,
            0x10000,
            0,
            0,
            0,
            0x10000,
            0,
            0,
            0,
            0x4000_0000,
        ]);
        header.extend(words(&[640 << 16, 360 << 16]));
        let media = [
            handler(handler_kind),
            atom(b"minf", &atom(b"stbl", &samples)),
        ]
        .concat();
        atom(
            b"trak",
            &[atom(b"tkhd", &header), atom(b"mdia", &media)].concat(),
        )
    }

    fn walk(
        bytes: &[u8],
        clean: fn(&mut Disk) -> std::io::Result<Facts>,
    ) -> (std::io::Result<Facts>, Vec<u8>) {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(bytes).unwrap();
        let facts = clean(&mut Disk::open(file.path()).unwrap());
        (facts, std::fs::read(file.path()).unwrap())
    }

    fn film() -> Vec<u8> {
        let start = atom(b"ftyp", b"isom\0\0\0\0");
        let data_at = u32::try_from(start.len() + 8).unwrap();
        let data = atom(b"mdat", b"PICTURESGPS+52.5+013.4");
        let place = [
            atom(b"stsz", &words(&[0, 14, 1])),
            atom(b"stsc", &words(&[0, 1, 1, 1, 1])),
            atom(b"stco", &words(&[0, 1, data_at + 8])),
        ]
        .concat();
        let movie = [
            atom(b"mvhd", &words(&[0, 99, 99, 1000, 2500])),
            track(b"vide", Vec::new()),
            track(b"meta", place),
            atom(b"udta", &atom(b"\xa9xyz", b"+52.5+013.4/")),
            atom(b"uuid", b"<x:xmpmeta>where I live</x:xmpmeta>"),
        ]
        .concat();
        [start, data, atom(b"moov", &movie)].concat()
    }

    #[test]
    fn a_film_keeps_its_pictures_and_loses_where_it_was_made() {
        let before = film();
        let (facts, after) = walk(&before, isobmff::clean);
        let facts = facts.unwrap();
        assert_eq!(
            (facts.duration_ms, facts.size),
            (Some(2500), Some((640, 360)))
        );
        assert!(facts.has_pictures && !facts.has_sound);
        assert_eq!(before.len(), after.len(), "nothing moves");
        let text = String::from_utf8_lossy(&after);
        assert!(text.contains("PICTURES"));
        for secret in ["52.5", "where I live", "xyz"] {
            assert!(!text.contains(secret), "{secret}");
        }
    }

    #[test]
    fn tables_that_point_at_the_same_place_write_nothing_twice() {
        let many = vec![0; 5_000];
        let place = [
            atom(b"stsz", &words(&[0, u32::MAX, 5_000])),
            atom(b"stsc", &words(&[0, 1, 1, u32::MAX, 1])),
            atom(b"stco", &[words(&[0, 5_000]), words(&many)].concat()),
        ]
        .concat();
        let movie = [track(b"vide", Vec::new()), track(b"meta", place)].concat();
        let file = [atom(b"ftyp", b"isom\0\0\0\0"), atom(b"moov", &movie)].concat();
        assert!(walk(&file, isobmff::clean).0.is_err());
        // A film in pieces whose metadata track lies in each of them is not taken.
        let movie = [track(b"vide", Vec::new()), track(b"meta", Vec::new())].concat();
        let pieces = [atom(b"moov", &movie), atom(b"moof", b"")].concat();
        assert!(walk(&pieces, isobmff::clean).0.is_err());
    }

    #[test]
    fn broken_films_are_refused_without_harm() {
        let sound = film();
        for length in 0..sound.len() {
            let _ = walk(&sound[..length], isobmff::clean);
        }
        let endless = [&words(&[1])[..], b"moov", &[0xff; 8]].concat();
        assert!(walk(&endless, isobmff::clean).0.is_err());
        let mut deep = Vec::new();
        for _ in 0..200 {
            deep = atom(b"mdia", &deep);
        }
        let deep = atom(b"moov", &atom(b"trak", &deep));
        assert!(walk(&deep, isobmff::clean).0.is_err());
        let many: Vec<u8> = (0..30_000).flat_map(|_| atom(b"free", b"")).collect();
        assert!(walk(&many, isobmff::clean).0.is_err());
    }

    fn element(id: &[u8], content: &[u8]) -> Vec<u8> {
        let length = u32::try_from(content.len()).unwrap() | 0x1000_0000;
        [id, &length.to_be_bytes(), content].concat()
    }

    #[test]
    fn a_webm_loses_its_tags() {
        let info = [
            element(&[0x2a, 0xd7, 0xb1], &1_000_000_u32.to_be_bytes()),
            element(&[0x44, 0x89], &1500.0_f64.to_be_bytes()),
            element(&[0x7b, 0xa9], b"my flat"),
        ]
        .concat();
        let video = [element(&[0xb0], &[2, 128]), element(&[0xba], &[1, 104])].concat();
        let entry = element(
            &[0xae],
            &[element(&[0x83], &[1]), element(&[0xe0], &video)].concat(),
        );
        let segment = [
            element(&[0x15, 0x49, 0xa9, 0x66], &info),
            element(&[0x16, 0x54, 0xae, 0x6b], &entry),
            element(&[0x12, 0x54, 0xc3, 0x67], b"+52.5+013.4"),
            element(&[0x1f, 0x43, 0xb6, 0x75], b"FRAMES"),
        ]
        .concat();
        let file = [
            element(&[0x1a, 0x45, 0xdf, 0xa3], &element(&[0x42, 0x82], b"webm")),
            element(&[0x18, 0x53, 0x80, 0x67], &segment),
        ]
        .concat();
        let (facts, after) = walk(&file, ebml::clean);
        let facts = facts.unwrap();
        assert_eq!(
            (facts.duration_ms, facts.size),
            (Some(1500), Some((640, 360)))
        );
        let text = String::from_utf8_lossy(&after);
        assert!(text.contains("FRAMES") && !text.contains("52.5") && !text.contains("my flat"));
        assert_eq!(
            walk(&after, ebml::clean).0.unwrap(),
            facts,
            "what was voided can be walked"
        );
        for length in 0..file.len() {
            let _ = walk(&file[..length], ebml::clean);
        }
    }
}
