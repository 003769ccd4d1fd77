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

    fn track_header() -> Vec<u8> {
        let mut header = words(&[0, 7, 7, 1, 0, 0, 0, 0, 0, 0]);
        header.extend(words(&[0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x4000_0000]));
        header.extend(words(&[640 << 16, 360 << 16]));
        atom(b"tkhd", &header)
    }

    fn track(handler_kind: &[u8; 4], samples: Vec<u8>) -> Vec<u8> {
        let media = [
            handler(handler_kind),
            atom(b"minf", &atom(b"stbl", &samples)),
        ]
        .concat();
        atom(b"trak", &[track_header(), atom(b"mdia", &media)].concat())
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
            element(&[0x1f, 0x43, 0xb6, 0x75], &element(&[0xa3], b"FRAMES")),
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

    /// A film whose samples are told exactly: two of pictures, with words between them.
    fn exact(entry: &[u8], extra: &dyn Fn(&str) -> Vec<u8>) -> Vec<u8> {
        let start = [atom(b"ftyp", b"isom\0\0\0\0"), extra("file")].concat();
        let at = u32::try_from(start.len() + 8).unwrap();
        let data = atom(b"mdat", b"freeGPS SECRETONE.SECRET.TWO.SECRET");
        let samples = [
            atom(b"stsd", &[&words(&[0, 1])[..], entry].concat()),
            atom(b"stsz", &words(&[0, 0, 2, 4, 4])),
            atom(b"stsc", &words(&[0, 1, 1, 1, 1])),
            atom(b"stco", &words(&[0, 2, at + 14, at + 25])),
            extra("stbl"),
        ];
        let reference = [
            &words(&[0, 1])[..],
            &atom(b"alis", &[&words(&[0])[..], b"SECRET"].concat()),
        ];
        let media = [
            atom(
                b"hdlr",
                &[&[0; 8][..], b"vide", &[0; 12], b"SECRET\0"].concat(),
            ),
            atom(
                b"minf",
                &[
                    atom(b"dinf", &atom(b"dref", &reference.concat())),
                    atom(b"stbl", &samples.concat()),
                    extra("minf"),
                ]
                .concat(),
            ),
            extra("mdia"),
        ];
        let track = [
            track_header(),
            atom(b"mdia", &media.concat()),
            extra("trak"),
        ];
        let movie = [
            atom(b"mvhd", &words(&[0, 99, 99, 1000, 2500])),
            atom(b"trak", &track.concat()),
            extra("moov"),
        ];
        [start, data, atom(b"moov", &movie.concat()), extra("file")].concat()
    }

    fn entry(more: &[u8]) -> Vec<u8> {
        let mut fields = [0; 78];
        fields[12..18].copy_from_slice(b"SECRET");
        fields[43..49].copy_from_slice(b"SECRET");
        atom(
            b"avc1",
            &[&fields[..12], b"SCRT", &fields[16..], more].concat(),
        )
    }

    fn has(bytes: &[u8], mark: &[u8]) -> bool {
        bytes.windows(mark.len()).any(|part| part == mark)
    }

    #[test]
    fn of_a_film_only_what_a_player_needs_stays() {
        let kinds = [
            b"udta", b"meta", b"uuid", b"free", b"skip", b"frea", b"sefd", b"gps0", b"gps ",
            b"udat", b"thum", b"cprt", b"loci", b"ID32", b"xml ", b"bxml", b"iods", b"emsg",
            b"prft", b"tref", b"name", b"CUST", b"junk",
        ];
        for kind in kinds {
            for place in ["file", "moov", "trak", "mdia", "minf", "stbl", "entry"] {
                let more = atom(kind, b"SECRET");
                let here = |at: &str| {
                    if at == place {
                        more.clone()
                    } else {
                        Vec::new()
                    }
                };
                let before = exact(
                    &entry(&[atom(b"avcC", b"DECODER"), here("entry")].concat()),
                    &here,
                );
                let (facts, after) = walk(&before, isobmff::clean);
                assert_eq!(facts.unwrap().size, Some((640, 360)));
                assert_eq!(before.len(), after.len());
                for mark in [&b"SECRET"[..], b"SCRT", b"SECR"] {
                    assert!(
                        !has(&after, mark),
                        "{} in {place}",
                        String::from_utf8_lossy(kind)
                    );
                }
                assert!(has(&after, b"ONE.") && has(&after, b"TWO.") && has(&after, b"DECODER"));
                assert!(
                    walk(&after, isobmff::clean).0.is_ok(),
                    "it can be walked again"
                );
            }
        }
    }

    #[test]
    fn where_sizes_are_uncertain_only_other_tracks_are_emptied() {
        // Old sound counts in other units: what its tables do not name may be sound.
        let old = |version: u8| {
            let mut fields = [0; 64];
            fields[9] = version;
            let entry = atom(b"sowt", &fields);
            let bytes = exact(&entry, &|_| Vec::new());
            let at = bytes.windows(4).position(|part| part == b"vide").unwrap();
            [&bytes[..at], b"soun", &bytes[at + 4..]].concat()
        };
        let (facts, after) = walk(&old(1), isobmff::clean);
        assert!(facts.unwrap().has_sound && has(&after, b"SECRETONE."));
        let (_, after) = walk(&old(0), isobmff::clean);
        assert!(has(&after, b"ONE.") && !has(&after, b"SECRET"));
        // Sizes of four bits.
        let start = atom(b"ftyp", b"isom\0\0\0\0");
        let at = u32::try_from(start.len() + 8).unwrap();
        let place = [
            atom(b"stz2", &[&words(&[0, 4, 2])[..], &[0x57]].concat()),
            atom(b"stsc", &words(&[0, 1, 1, 2, 1])),
            atom(b"stco", &words(&[0, 1, at])),
        ];
        let movie = [track(b"vide", Vec::new()), track(b"text", place.concat())].concat();
        let file = [
            start,
            atom(b"mdat", b"SECRETSECRETKEPT"),
            atom(b"moov", &movie),
        ]
        .concat();
        let (facts, after) = walk(&file, isobmff::clean);
        assert!(facts.unwrap().has_foreign && !has(&after, b"SECRET") && has(&after, b"KEPT"));
    }

    #[test]
    fn pieces_of_a_film_lose_what_stands_beside_them() {
        let movie = [
            track(b"vide", Vec::new()),
            atom(b"mvex", &atom(b"what", b"SECRET")),
        ]
        .concat();
        let piece = [
            atom(b"mfhd", &[0; 8]),
            atom(
                b"traf",
                &[atom(b"trun", b"NEEDED"), atom(b"what", b"SECRET")].concat(),
            ),
            atom(b"what", b"SECRET"),
        ];
        let file = [
            atom(b"ftyp", b"isom\0\0\0\0"),
            atom(b"moov", &movie),
            atom(b"emsg", b"SECRET"),
            atom(b"moof", &piece.concat()),
            atom(b"mdat", b"PICTURES"),
            atom(
                b"mfra",
                &[atom(b"tfra", b"INDEX"), atom(b"what", b"SECRET")].concat(),
            ),
            b"SECRET".to_vec(),
        ];
        let (facts, after) = walk(&file.concat(), isobmff::clean);
        facts.unwrap();
        assert!(!has(&after, b"SECRET"));
        for kept in [&b"NEEDED"[..], b"PICTURES", b"INDEX"] {
            assert!(has(&after, kept));
        }
    }

    /// An element that does not say how long it is.
    fn open_element(id: &[u8], content: &[u8]) -> Vec<u8> {
        [id, &[0xff], content].concat()
    }

    /// Two tracks of pictures and sound, and two foreign ones.
    fn webm_tracks() -> Vec<u8> {
        let secret = |id: &[u8]| element(id, b"SECRET");
        let lacing = [
            &[2, 4, 22][..],
            b"HEAD\x03vorbis\x06\0\0\0SECRET\0\0\0\0\x01SETUP",
        ]
        .concat();
        let track = |number: u8, kind: u8, more: &[u8]| {
            let fields = [
                element(&[0xd7], &[number]),
                element(&[0x83], &[kind]),
                more.to_vec(),
            ];
            element(&[0xae], &fields.concat())
        };
        let sound = [
            element(&[0x86], b"A_VORBIS"),
            element(&[0x63, 0xa2], &lacing),
            secret(&[0x53, 0x6e]),
            secret(&[0x25, 0x86, 0x88]),
        ];
        [
            track(1, 1, b""),
            track(2, 2, &sound.concat()),
            track(3, 17, &secret(&[0x63, 0xa2])),
            track(4, 33, b""),
        ]
        .concat()
    }

    /// Blocks of these four tracks.
    fn webm_blocks() -> Vec<u8> {
        let secret = |id: &[u8]| element(id, b"SECRET");
        let block =
            |number: u8, word: &[u8]| element(&[0xa3], &[&[0x80 | number, 0, 0, 0], word].concat());
        let group = |number: u8, word: &[u8]| {
            element(
                &[0xa0],
                &element(&[0xa1], &[&[0x80 | number, 0, 0, 0], word].concat()),
            )
        };
        [
            element(&[0xe7], &[1]),
            block(1, b"PICTURE"),
            block(3, b"SECRET"),
            group(2, b"SOUND"),
            group(4, b"SECRET"),
            secret(&[0xec]),
            secret(&[0xbf]),
        ]
        .concat()
    }

    #[test]
    fn of_a_webm_only_what_a_player_needs_stays() {
        let secret = |id: &[u8]| element(id, b"SECRET");
        let info = [
            element(&[0x4d, 0x80], b"SECRET"),
            element(&[0x57, 0x41], b"SECRET"),
            secret(&[0x73, 0xa4]),
            secret(&[0x73, 0x84]),
            secret(&[0xec]),
        ];
        let blocks = webm_blocks();
        let tail = [
            secret(&[0x12, 0x54, 0xc3, 0x67]),
            secret(&[0x19, 0x41, 0xa4, 0x69]),
            secret(&[0x10, 0x43, 0xa7, 0x70]),
            secret(&[0xec]),
        ]
        .concat();
        for is_live in [false, true] {
            let id = [0x1f, 0x43, 0xb6, 0x75];
            let cluster = if is_live {
                open_element(&id, &blocks)
            } else {
                element(&id, &blocks)
            };
            let segment = [
                tail.clone(),
                element(&[0x15, 0x49, 0xa9, 0x66], &info.concat()),
                element(&[0x16, 0x54, 0xae, 0x6b], &webm_tracks()),
                cluster.clone(),
                cluster,
                tail.clone(),
            ]
            .concat();
            let file = [
                element(
                    &[0x1a, 0x45, 0xdf, 0xa3],
                    &[element(&[0x42, 0x82], b"webm"), secret(&[0xec])].concat(),
                ),
                element(&[0x18, 0x53, 0x80, 0x67], &segment),
                secret(&[0xec]),
            ]
            .concat();
            let (facts, after) = walk(&file, ebml::clean);
            let facts = facts.unwrap();
            assert!(facts.has_pictures && facts.has_sound && file.len() == after.len());
            assert!(
                !has(&after, b"SECRET"),
                "{}",
                String::from_utf8_lossy(&after)
            );
            for kept in [
                &b"PICTURE"[..],
                b"SOUND",
                b"SETUP",
                b"\x03vorbis\x06\0\0\0      \0\0\0\0\x01",
            ] {
                assert!(has(&after, kept));
            }
            assert_eq!(walk(&after, ebml::clean).0.unwrap(), facts);
        }
    }
}
