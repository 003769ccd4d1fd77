//! Ogg: pages of packets; the comments of Vorbis and Opus are their second packet.

use std::collections::HashMap;
use std::io;
use std::sync::LazyLock;

use super::flac::{NAMES, comment, picture};
use super::{Sound, Tags, broken, fit};
use crate::kernel::crypt::base64;

/// The most bytes of a comment.
const LARGEST: usize = 16 << 20;
/// The most pages of one comment, and places where a page should stand and does not.
const MOST: usize = 4096;
/// The most streams in one file.
const STREAMS: usize = 256;
/// How comments begin.
const OPUS: &[u8] = b"OpusTags";
const VORBIS: &[u8] = b"\x03vorbis";

/// What each byte does to a sum (RFC 3533 §6, field 7).
static SUMS: LazyLock<[u32; 256]> = LazyLock::new(|| {
    let bit = |sum: u32| sum << 1 ^ if sum >> 31 == 1 { 0x04c1_1db7 } else { 0 };
    std::array::from_fn(|byte| (0..8).fold((byte as u32) << 24, |sum, _| bit(sum)))
});

/// Replaces comments, empties streams that are not sound, and what is no page; cuts what lies after the last page.
pub(super) fn clean(sound: &mut Sound, tags: &Tags, cover: Option<&[u8]>) -> io::Result<()> {
    let mut streams: HashMap<u32, Stream> = HashMap::new();
    let (mut at, mut misses) = (0, 0);
    while let Some(mut page) = next_page(sound, at, &mut misses)? {
        sound.zero(at, page.at)?;
        at = page.at.saturating_add(page.bytes.len() as u64);
        if page.has(2) {
            let before = streams.insert(page.serial(), Stream::new(&page));
            if before.is_some_and(|stream| !stream.is_done()) || streams.len() > STREAMS {
                return Err(broken());
            }
        }
        match streams.get_mut(&page.serial()) {
            Some(stream) if stream.mark.is_some() => {
                if stream.follow(&page)? {
                    stream.replace(sound, tags, cover)?;
                }
            }
            _ => page.empty(sound)?,
        }
    }
    let has_sound = streams.values().any(|stream| stream.mark.is_some());
    if !has_sound || !streams.values().all(Stream::is_done) {
        return Err(broken());
    }
    sound.cut(at)
}

/// What is known of a stream.
struct Stream {
    /// How its comment begins; nothing where it is not sound.
    mark: Option<&'static [u8]>,
    /// Packets that ended; of interest up to two.
    packets: u8,
    /// The parts of its comment: where the page of each stands, where in it the part begins, and how long it is.
    comment: Vec<(u64, usize, usize)>,
}

impl Stream {
    fn new(first: &Page) -> Self {
        let content = first.bytes.get(first.content()..).unwrap_or_default();
        let marks = [(&b"OpusHead"[..], OPUS), (b"\x01vorbis", VORBIS)];
        let mark = marks.iter().find(|(head, _)| content.starts_with(head));
        Self {
            mark: mark.map(|(_, mark)| *mark),
            packets: 0,
            comment: Vec::new(),
        }
    }

    fn is_done(&self) -> bool {
        self.mark.is_none() || self.packets > 1
    }

    /// Counts the packets of a page, and tells whether the comment ends there.
    fn follow(&mut self, page: &Page) -> io::Result<bool> {
        if self.packets > 1 {
            return Ok(false);
        }
        // A comment of which a page is missing would be put together wrongly.
        if self.packets == 1 && page.has(1) == self.comment.is_empty() {
            return Err(broken());
        }
        let (mut from, mut length) = (page.content(), 0_usize);
        for part in page.lengths() {
            match self.packets {
                0 => from += usize::from(*part),
                _ => length += usize::from(*part),
            }
            self.packets += u8::from(*part < 255);
            if self.packets > 1 {
                break;
            }
        }
        if self.packets > 1 || length > 0 {
            self.comment.push((page.at, from, length));
        }
        if self.length() > LARGEST || self.comment.len() > MOST {
            return Err(broken());
        }
        Ok(self.packets > 1)
    }

    fn length(&self) -> usize {
        self.comment.iter().map(|(_, _, length)| *length).sum()
    }

    /// Writes a comment of the same length over the old one.
    fn replace(&mut self, sound: &mut Sound, tags: &Tags, cover: Option<&[u8]>) -> io::Result<()> {
        let mark = self.mark.unwrap_or_default();
        let packet = build(mark, self.length(), tags, cover).ok_or_else(broken)?;
        let mut left = &packet[..];
        for (count, (at, from, length)) in self.comment.drain(..).enumerate() {
            let mut page = page_at(sound, at)?.ok_or_else(broken)?;
            let old = page.bytes.get_mut(from..).unwrap_or_default();
            if count == 0 && !old.starts_with(mark) {
                return Err(broken());
            }
            let old = old.get_mut(..length).ok_or_else(broken)?;
            old.copy_from_slice(left.split_off(..length).ok_or_else(broken)?);
            page.write(sound)?;
        }
        Ok(())
    }
}

/// A comment of exactly this length.
fn build(mark: &[u8], length: usize, tags: &Tags, cover: Option<&[u8]>) -> Option<Vec<u8>> {
    let cover = cover.filter(|cover| cover.len() < length);
    fit(tags, NAMES, cover, |texts, cover| {
        let picture = cover.map(|cover| base64(&picture(cover)));
        let build = |spaces| [mark, &comment(spaces, texts, picture.as_deref())].concat();
        let mut packet = build(0);
        let rest = length.checked_sub(packet.len())?;
        if mark == OPUS {
            packet.resize(length, 0);
        } else {
            // This one has no padding, so spaces take its place, and ends in a set bit (Vorbis I §5.2.1).
            packet = build(rest.checked_sub(1)?);
            packet.push(1);
        }
        Some(packet)
    })
}

/// A page and where it stands (RFC 3533 §6).
struct Page {
    at: u64,
    bytes: Vec<u8>,
}

impl Page {
    /// Whether it goes on with a packet (1) or begins a stream (2).
    fn has(&self, flag: u8) -> bool {
        self.bytes.get(5).is_some_and(|flags| flags & flag != 0)
    }

    fn serial(&self) -> u32 {
        let serial = self.bytes.get(14..18).and_then(<[u8]>::first_chunk);
        serial.map_or(0, |serial| u32::from_le_bytes(*serial))
    }

    /// Where the lengths of its parts end and its content begins.
    fn content(&self) -> usize {
        27 + self.bytes.get(26).map_or(0, |count| usize::from(*count))
    }

    /// The lengths of its parts, where they are read already.
    fn lengths(&self) -> &[u8] {
        self.bytes.get(27..self.content()).unwrap_or_default()
    }

    /// The sum of its bytes, that of its own field taken as nought.
    fn sum(&self) -> [u8; 4] {
        let (head, rest) = self.bytes.split_at_checked(22).unwrap_or_default();
        let bytes = head.iter().chain(&[0; 4]).chain(rest.iter().skip(4));
        let sums = &*SUMS;
        let sum = bytes.fold(0, |sum: u32, byte| {
            sum << 8 ^ sums[usize::from((sum >> 24) as u8 ^ byte)]
        });
        sum.to_le_bytes()
    }

    fn empty(&mut self, sound: &mut Sound) -> io::Result<()> {
        let from = self.content();
        let content = self.bytes.get_mut(from..).unwrap_or_default();
        if content.iter().any(|byte| *byte != 0) {
            content.fill(0);
            self.write(sound)?;
        }
        Ok(())
    }

    fn write(&mut self, sound: &mut Sound) -> io::Result<()> {
        let sum = self.sum();
        if let Some(field) = self.bytes.get_mut(22..26) {
            field.copy_from_slice(&sum);
        }
        sound.write(self.at, &self.bytes)
    }
}

/// The page that stands here, whole and with the right sum: players pass over others.
fn page_at(sound: &mut Sound, at: u64) -> io::Result<Option<Page>> {
    let (bytes, mut size) = (Vec::new(), 27);
    let mut page = Page { at, bytes };
    // The head, the lengths it counts, and the content they add up to.
    for _ in 0..3 {
        if sound.length.saturating_sub(at) < size as u64 {
            return Ok(None);
        }
        page.bytes.resize(size, 0);
        sound.read(at, &mut page.bytes)?;
        if !page.bytes.starts_with(b"OggS\0") {
            return Ok(None);
        }
        let lengths = page.lengths().iter().map(|part| usize::from(*part));
        size = page.content() + lengths.sum::<usize>();
    }
    let is_right = page.bytes.get(22..26) == Some(&page.sum());
    Ok(is_right.then_some(page))
}

/// The next page from here on.
fn next_page(sound: &mut Sound, from: u64, misses: &mut usize) -> io::Result<Option<Page>> {
    let mut next = Some(from);
    while let Some(at) = next {
        let page = page_at(sound, at)?;
        if page.is_some() {
            return Ok(page);
        }
        *misses += 1;
        if *misses > MOST {
            return Err(broken());
        }
        next = sound.find(b"OggS", at.saturating_add(1))?;
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::super::tests::{cleaned, has};
    use super::Page;
    use crate::media::kinds::Kind;

    fn page(flags: u8, serial: u8, lengths: &[u8], content: &[u8]) -> Vec<u8> {
        let head = [&b"OggS\0"[..], &[flags], &[5; 8], &[serial], &[0; 11]].concat();
        let bytes = [&head, &[lengths.len() as u8][..], lengths, content].concat();
        let page = Page { at: 0, bytes };
        [&page.bytes[..22], &page.sum(), &page.bytes[26..]].concat()
    }

    #[test]
    fn comments_are_replaced_and_other_streams_emptied() {
        let head = page(2, 1, &[12], b"OpusHead\x01\x02\0\0");
        let sound = page(4, 1, &[5, 5], b"soundSOUND");
        let comment = [b"OpusTags\x04\0\0\0GONE", &b"GONE".repeat(20)[..]].concat();
        let song = [head, page(0, 1, &[96], &comment), sound.clone()].concat();
        let clean = cleaned(Kind::Opus, &[&song[..], b"GONE"].concat(), None);
        assert!(clean.len() == song.len() && clean.ends_with(&sound));
        assert!(has(
            &clean,
            b"OpusTags\0\0\0\0\x03\0\0\0\x0a\0\0\0TITLE=Ours"
        ));
        assert!(has(&clean, b"TRACKNUMBER=7\0\0\0\0"));
        // A stream of notes, and bytes that are no page, as what stands between two songs.
        let notes = page(2, 9, &[12], b"fishead\0GONE");
        let bytes = [&notes[..], &song, b"GONE OggS\0GONE", &song].concat();
        let clean = cleaned(Kind::Opus, &bytes, None);
        assert!(clean.len() == bytes.len() && clean.ends_with(&sound));
        assert!(clean.starts_with(&page(2, 9, &[12], &[0; 12])));
        let titles = clean.windows(10).filter(|part| part == b"TITLE=Ours");
        assert_eq!(titles.count(), 2);
    }

    #[test]
    fn a_comment_of_vorbis_keeps_its_pages_and_its_neighbours() {
        let comment = [b"\x03vorbis\x04\0\0\0", &b"GONE".repeat(91)[..], b"\x01"].concat();
        let (first, second) = comment.split_at(255);
        let sound = page(4, 1, &[5], b"sound");
        let bytes = [
            page(2, 1, &[11], b"\x01vorbis...."),
            page(0, 1, &[255], first),
            page(1, 1, &[121, 13], &[second, b"\x05vorbis setup"].concat()),
            sound.clone(),
        ];
        let clean = cleaned(Kind::Opus, &bytes.concat(), Some(b"\xff\xd8COVER"));
        assert!(clean.len() == bytes.concat().len() && clean.ends_with(&sound));
        assert!(has(&clean, b"  \x04\0\0\0\x0a\0\0\0TITLE=Ours"));
        assert!(has(&clean, b"PICTURE=AAAAAwAAAAppbWFnZS9qcGVnAAAA"));
        assert!(has(&clean, b"AAAH/9hDT1ZFUg==\x01\x05vorbis setup"));
    }
}
