//! Sound files without what their makers left in them: every tag is overwritten by a new one, in place.

mod flac;
mod id3;
mod mp4;
mod ogg;
mod wav;

use std::fs::{File, OpenOptions};
use std::io::{self, BufReader, Read, Seek, SeekFrom, Write};
use std::path::Path;

use super::Tags;
use crate::media::kinds::Kind;

/// Most writes to one file: a stretch of zeros takes one for each 64 KiB, a file in tatters very many.
const WRITES: u32 = 1 << 18;
/// Bytes that are looked through or emptied at once.
const WINDOW: usize = 64 << 10;
/// What is written where something was.
static ZEROS: [u8; WINDOW] = [0; WINDOW];

/// Rewrites every tag of a file with what is kept (and the cover, a JPEG that was drawn anew), and nothing else; no
/// sample moves. Of MP3 it is known then how long it plays, in milliseconds.
///
/// # Errors
/// `InvalidData` when the file is broken, else what the system says; it may be half cleaned then.
pub(super) fn clean(
    path: &Path,
    kind: Kind,
    tags: &Tags,
    cover: Option<&[u8]>,
) -> io::Result<Option<u64>> {
    let file = OpenOptions::new().read(true).write(true).open(path)?;
    rewrite(&mut Sound::new(Box::new(file))?, kind, tags, cover)
}

fn rewrite(
    sound: &mut Sound,
    kind: Kind,
    tags: &Tags,
    cover: Option<&[u8]>,
) -> io::Result<Option<u64>> {
    if kind == Kind::Mp3 {
        return id3::clean(sound, tags, cover).map(Some);
    }
    // Only of MP3 a tag may stand before everything else; what it says is written where the format has its place.
    let before = id3::before(sound)?;
    sound.cut_front(before)?;
    let cleaned = match kind {
        Kind::Flac => flac::clean(sound, tags, cover),
        Kind::Vorbis | Kind::Opus => ogg::clean(sound, tags, cover),
        Kind::Wav => wav::clean(sound, tags),
        Kind::M4a => mp4::clean(sound, tags, cover),
        _ => Err(broken()),
    };
    cleaned.map(|()| None)
}

fn broken() -> io::Error {
    io::ErrorKind::InvalidData.into()
}

/// What can be read, written and cut; a file, or bytes in a test.
trait Disk: Read + Write + Seek {
    fn cut(&mut self, length: u64) -> io::Result<()>;
}

impl Disk for File {
    fn cut(&mut self, length: u64) -> io::Result<()> {
        self.set_len(length)
    }
}

/// An open file of sound.
struct Sound {
    disk: BufReader<Box<dyn Disk>>,
    at: u64,
    length: u64,
    writes: u32,
}

impl Sound {
    fn new(mut disk: Box<dyn Disk>) -> io::Result<Self> {
        let length = disk.seek(SeekFrom::End(0))?;
        disk.seek(SeekFrom::Start(0))?;
        Ok(Self {
            disk: BufReader::new(disk),
            at: 0,
            length,
            writes: 0,
        })
    }

    fn read(&mut self, at: u64, into: &mut [u8]) -> io::Result<()> {
        let end = at.checked_add(into.len() as u64).ok_or_else(broken)?;
        if end > self.length {
            return Err(broken());
        }
        // What lies in the buffer already is not asked for again.
        let to = i64::try_from(at).map_err(|_| broken())?;
        let from = i64::try_from(self.at).map_err(|_| broken())?;
        self.disk.seek_relative(to.saturating_sub(from))?;
        self.disk.read_exact(into)?;
        self.at = end;
        Ok(())
    }

    fn array<const N: usize>(&mut self, at: u64) -> io::Result<[u8; N]> {
        let mut bytes = [0; N];
        self.read(at, &mut bytes)?;
        Ok(bytes)
    }

    fn write(&mut self, at: u64, bytes: &[u8]) -> io::Result<()> {
        self.writes = self.writes.saturating_add(1);
        if self.writes > WRITES {
            return Err(broken());
        }
        // Seeking so also empties the buffer, which would hold what was there before.
        self.disk.seek(SeekFrom::Start(at))?;
        self.disk.get_mut().write_all(bytes)?;
        self.at = at.saturating_add(bytes.len() as u64);
        self.length = self.length.max(self.at);
        Ok(())
    }

    fn zero(&mut self, from: u64, to: u64) -> io::Result<()> {
        let mut at = from;
        while at < to {
            let left = usize::try_from(to - at).unwrap_or(usize::MAX);
            let zeros = ZEROS.get(..left).unwrap_or(&ZEROS);
            self.write(at, zeros)?;
            at += zeros.len() as u64;
        }
        Ok(())
    }

    fn cut(&mut self, length: u64) -> io::Result<()> {
        if length < self.length {
            self.at = self.disk.seek(SeekFrom::Start(0))?;
            self.disk.get_mut().cut(length)?;
            self.length = length;
        }
        Ok(())
    }

    /// Cuts so many bytes off the front: what follows moves there.
    fn cut_front(&mut self, length: u64) -> io::Result<()> {
        if length == 0 {
            return Ok(());
        }
        let mut window = vec![0; WINDOW];
        let mut from = length;
        while from < self.length {
            let left = usize::try_from(self.length - from).unwrap_or(WINDOW);
            window.truncate(left);
            self.read(from, &mut window)?;
            self.write(from - length, &window)?;
            from += window.len() as u64;
        }
        self.cut(self.length.saturating_sub(length))
    }

    /// Where a mark stands next.
    fn find(&mut self, mark: &[u8], from: u64) -> io::Result<Option<u64>> {
        let overlap = mark.len().saturating_sub(1) as u64;
        let mut window = vec![0; WINDOW];
        let mut at = from;
        while self.length.saturating_sub(at) > overlap {
            let left = self.length.saturating_sub(at);
            window.truncate(usize::try_from(left).unwrap_or(WINDOW));
            self.read(at, &mut window)?;
            if let Some(found) = window.windows(mark.len()).position(|part| part == mark) {
                return Ok(Some(at.saturating_add(found as u64)));
            }
            // The mark may lie across the border.
            at = at
                .saturating_add(window.len() as u64)
                .saturating_sub(overlap);
        }
        Ok(None)
    }
}

/// A text and the name of its field.
type Text = (&'static str, String);

/// Builds a tag of as much as there is room for; what tells the least is left out first.
/// The names are those of title, artist, album, track, date and genre.
fn fit<T>(
    tags: &Tags,
    names: [&'static str; 6],
    cover: Option<&[u8]>,
    build: impl Fn(&[Text], Option<&[u8]>) -> Option<T>,
) -> Option<T> {
    let texts = [
        tags.title.clone(),
        tags.artist.clone(),
        tags.album.clone(),
        tags.track.map(|track| track.to_string()),
        tags.date.clone(),
        tags.genre.clone(),
    ];
    let texts = names.into_iter().zip(texts).filter_map(|(name, text)| {
        // A zero would end the text, and all that follows would be read as something else.
        let text: String = text?.chars().filter(|c| !c.is_control()).collect();
        (!text.trim().is_empty()).then(|| (name, text.trim().to_owned()))
    });
    let texts: Vec<Text> = texts.collect();
    let drawn = cover.and_then(|cover| build(&texts, Some(cover)));
    drawn.or_else(|| {
        let mut counts = (0..=texts.len()).rev();
        counts.find_map(|count| build(texts.get(..count)?, None))
    })
}

#[cfg(test)]
mod tests {
    use super::{Disk, Kind, Sound, Tags, rewrite};
    use std::io::{self, Cursor};

    impl Disk for Cursor<Vec<u8>> {
        fn cut(&mut self, length: u64) -> io::Result<()> {
            self.get_mut().truncate(usize::try_from(length).unwrap());
            Ok(())
        }
    }

    pub(super) fn tags() -> Tags {
        Tags {
            title: Some("Ours".to_owned()),
            artist: Some("Bänd".to_owned()),
            track: Some(7),
            ..Tags::default()
        }
    }

    pub(super) fn once(kind: Kind, bytes: &[u8], cover: Option<&[u8]>) -> io::Result<Vec<u8>> {
        let mut sound = Sound::new(Box::new(Cursor::new(bytes.to_vec())))?;
        let _ = rewrite(&mut sound, kind, &tags(), cover)?;
        let mut clean = vec![0; usize::try_from(sound.length).unwrap()];
        sound.read(0, &mut clean).map(|()| clean)
    }

    /// What a file becomes. It must become the same once more, keep no mark, and do no harm wherever it is cut off.
    pub(super) fn cleaned(kind: Kind, bytes: &[u8], cover: Option<&[u8]>) -> Vec<u8> {
        for length in 0..bytes.len() {
            if let Ok(short) = once(kind, &bytes[..length], cover) {
                let again = once(kind, &short, cover).unwrap();
                assert_eq!(again, short, "{length}");
                // Half a tag after lossless sound is not known from sound.
                assert!(kind == Kind::Flac || !has(&short, b"GONE"));
            }
        }
        let clean = once(kind, bytes, cover).unwrap();
        assert_eq!(once(kind, &clean, cover).unwrap(), clean);
        assert!(!has(&clean, b"GONE"));
        clean
    }

    pub(super) fn has(bytes: &[u8], mark: &[u8]) -> bool {
        bytes.windows(mark.len()).any(|part| part == mark)
    }

    #[test]
    fn a_file_on_the_disk_is_cleaned_and_cut() {
        let path = std::env::temp_dir().join(format!("clean-{}.mp3", std::process::id()));
        let frame = [&b"\xff\xf3\x14\0"[..], &[7; 20]].concat();
        std::fs::write(&path, [&frame[..], &frame, b"GONE"].concat()).unwrap();
        let ms = super::clean(&path, Kind::Mp3, &tags(), None).unwrap();
        assert_eq!(ms, Some(48), "two frames of 576 samples at 24 kHz");
        assert_eq!(std::fs::read(&path).unwrap(), [&frame[..], &frame].concat());
        std::fs::remove_file(&path).unwrap();
    }
}
