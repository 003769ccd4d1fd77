//! FLAC: blocks of metadata before the sound, and what Ogg shares with them: comments and pictures.

use std::io;

use super::{Sound, Tags, Text, broken, fit};

/// Names of title, artist, album, track, date and genre in a comment.
pub(super) const NAMES: [&str; 6] = ["TITLE", "ARTIST", "ALBUM", "TRACKNUMBER", "DATE", "GENRE"];
/// Most blocks in one file.
const BLOCKS: usize = 4096;
/// The most bytes a block can say it has.
const LARGEST: u64 = (1 << 24) - 1;
/// The most bytes of a table of places that is kept: one for each second of 16 hours.
const PLACES: u64 = 1 << 20;

/// Kinds of blocks (RFC 9639 §8.1).
const STREAM_INFO: u8 = 0;
const PADDING: u8 = 1;
const SEEK_TABLE: u8 = 3;
const COMMENT: u8 = 4;
const PICTURE: u8 = 6;

/// Most tags one after another at the end of a file.
const TAIL: usize = 64;

/// A block's kind and what is in it.
type Block = (u8, Vec<u8>);

/// Writes the blocks anew in the room they had, and cuts tags of other formats at the end.
pub(super) fn clean(sound: &mut Sound, tags: &Tags, cover: Option<&[u8]>) -> io::Result<()> {
    let (mut blocks, end) = read(sound)?;
    let used: u64 = blocks.iter().map(size).fold(4, u64::saturating_add);
    let room = end.checked_sub(used).ok_or_else(broken)?;
    blocks.extend(build(room, tags, cover));
    let tail = tail(sound, end)?;
    write(sound, &blocks, end)?;
    sound.cut(tail)
}

/// The blocks that the sound needs, and where it begins.
fn read(sound: &mut Sound) -> io::Result<(Vec<Block>, u64)> {
    if sound.array(0)? != *b"fLaC" {
        return Err(broken());
    }
    let mut needed: Vec<Block> = Vec::new();
    let mut at = 4_u64;
    for count in 0..BLOCKS {
        let [kind, a, b, c] = sound.array(at)?;
        let (is_last, kind) = (kind & 0x80 != 0, kind & 0x7f);
        let length = u64::from(u32::from_be_bytes([0, a, b, c]));
        if (count == 0) != (kind == STREAM_INFO) || count == 0 && length != 34 {
            return Err(broken());
        }
        let is_table = kind == SEEK_TABLE && length % 18 == 0 && length <= PLACES;
        if count == 0 || is_table && needed.len() == 1 {
            let mut content = vec![0; usize::try_from(length).unwrap_or(0)];
            sound.read(at.saturating_add(4), &mut content)?;
            needed.push((kind, content));
        }
        at = at.saturating_add(4).saturating_add(length);
        if is_last {
            let is_sound = at == sound.length || is_sync(sound.array(at)?);
            return is_sound.then_some((needed, at)).ok_or_else(broken);
        }
    }
    Err(broken())
}

/// Whether a frame of sound begins so.
fn is_sync(head: [u8; 2]) -> bool {
    u16::from_be_bytes(head) & 0xfffe == 0xfff8
}

fn size(block: &Block) -> u64 {
    (block.1.len() as u64).saturating_add(4)
}

/// The comment and the picture, which leave nothing or as much as a block of padding takes.
fn build(room: u64, tags: &Tags, cover: Option<&[u8]>) -> Vec<Block> {
    let cover = cover.filter(|cover| (cover.len() as u64) < room);
    let blocks = fit(tags, NAMES, cover, |texts, cover| {
        let build = |spaces| {
            let comment = (COMMENT, comment(spaces, texts, None));
            let picture = cover.map(|cover| (PICTURE, picture(cover)));
            [comment].into_iter().chain(picture).collect()
        };
        let blocks: Vec<Block> = build(0);
        let used = blocks.iter().map(size).fold(0, u64::saturating_add);
        let rest = room.checked_sub(used)?;
        let are_small = blocks.iter().all(|block| size(block) < LARGEST);
        are_small.then(|| match rest {
            1..=3 => build(rest as usize),
            _ => blocks,
        })
    });
    blocks.unwrap_or_default()
}

fn write(sound: &mut Sound, blocks: &[Block], end: u64) -> io::Result<()> {
    let mut at = 4_u64;
    for block in blocks {
        let next = at.saturating_add(size(block));
        sound.write(at, &head(block.0, size(block), next == end))?;
        sound.write(at.saturating_add(4), &block.1)?;
        at = next;
    }
    while at < end {
        let left = end - at;
        let mut taken = left.min(LARGEST + 4);
        if (1..4).contains(&(left - taken)) {
            taken -= 4;
        }
        let next = at.saturating_add(taken);
        sound.write(at, &head(PADDING, taken, next == end))?;
        sound.zero(at.saturating_add(4), next)?;
        at = next;
    }
    Ok(())
}

fn head(kind: u8, size: u64, is_last: bool) -> [u8; 4] {
    let [.., a, b, c] = size.saturating_sub(4).to_be_bytes();
    [kind | if is_last { 0x80 } else { 0 }, a, b, c]
}

/// A comment in the form of Vorbis: the name of a program, here so many spaces, and the texts.
pub(super) fn comment(spaces: usize, texts: &[Text], picture: Option<&str>) -> Vec<u8> {
    let picture = picture.map(|picture| format!("METADATA_BLOCK_PICTURE={picture}"));
    let texts = texts.iter().map(|(name, text)| format!("{name}={text}"));
    let lines: Vec<String> = texts.chain(picture).collect();
    let count = |length: usize| u32::try_from(length).unwrap_or(u32::MAX).to_le_bytes();
    let mut bytes = count(spaces).to_vec();
    bytes.resize(spaces.saturating_add(4), b' ');
    bytes.extend(count(lines.len()));
    for line in lines {
        bytes.extend(count(line.len()));
        bytes.extend(line.as_bytes());
    }
    bytes
}

/// A front cover: its sort, its type, no words, no size and no colours, which the picture tells itself.
pub(super) fn picture(cover: &[u8]) -> Vec<u8> {
    let count = |length: usize| u32::try_from(length).unwrap_or(u32::MAX).to_be_bytes();
    let kind = b"\0\0\0\x03\0\0\0\x0aimage/jpeg";
    [&kind[..], &[0; 20], &count(cover.len()), cover].concat()
}

/// Where the tags at the end of a file begin: ID3v1 and what was added to it, APE, Lyrics3; none before the floor.
pub(super) fn tail(sound: &mut Sound, floor: u64) -> io::Result<u64> {
    let mut end = sound.length;
    for _ in 0..TAIL {
        let Some(length) = last_tag(sound, end, floor)? else {
            return Ok(end);
        };
        let rest = end.checked_sub(length).filter(|rest| *rest >= floor);
        end = rest.ok_or_else(broken)?;
    }
    Err(broken())
}

/// How long the tag is that ends here.
fn last_tag(sound: &mut Sound, end: u64, floor: u64) -> io::Result<Option<u64>> {
    let back = |length: u64| end.checked_sub(length).filter(|at| *at >= floor);
    for (mark, length) in [(&b"TAG"[..], 128), (b"TAG+", 227)] {
        if has(sound, mark, back(length))? {
            return Ok(Some(length));
        }
    }
    if has(sound, b"APETAGEX", back(32))? {
        let length = sound
            .array(end.saturating_sub(20))
            .map(u32::from_le_bytes)?;
        let length = u64::from(length).max(32);
        let is_headed = has(sound, b"APETAGEX", back(length + 32))?;
        return Ok(Some(length + if is_headed { 32 } else { 0 }));
    }
    if has(sound, b"LYRICS200", back(9))? {
        let digits: [u8; 6] = sound.array(end.saturating_sub(15))?;
        let length = String::from_utf8_lossy(&digits).parse().unwrap_or(0_u64);
        let length = length.saturating_add(15);
        let is_whole = has(sound, b"LYRICSBEGIN", back(length))?;
        return Ok(is_whole.then_some(length));
    }
    Ok(None)
}

fn has(sound: &mut Sound, mark: &[u8], at: Option<u64>) -> io::Result<bool> {
    let Some(at) = at else {
        return Ok(false);
    };
    let mut bytes = vec![0; mark.len()];
    sound.read(at, &mut bytes)?;
    Ok(bytes == mark)
}

#[cfg(test)]
mod tests {
    use super::super::tests::{cleaned, has, once};
    use crate::media::kinds::Kind;

    fn block(kind: u8, content: &[u8]) -> Vec<u8> {
        let size = u32::try_from(content.len()).unwrap().to_be_bytes();
        [&[kind], &size[1..], content].concat()
    }

    const SOUND: &[u8] = b"\xff\xf8 what is heard";

    fn file(blocks: &[Vec<u8>]) -> Vec<u8> {
        let info = block(0, &[9; 34]);
        [b"fLaC", &info[..], &blocks.concat(), SOUND].concat()
    }

    #[test]
    fn blocks_are_written_anew_in_their_room() {
        let table = block(3, &[5; 36]);
        let bytes = file(&[
            block(4, &[b"GONE".repeat(20), vec![1; 60]].concat()),
            table.clone(),
            block(2, b"GONE"),
            block(0x86, &b"GONE".repeat(9)),
        ]);
        let ape = [&b"GONEAPETAGEX\xd0\x07\0\0\x24\0\0\0"[..], &[0; 16]].concat();
        let old = [&b"TAGGONE"[..], &[0; 121]].concat();
        let clean = cleaned(
            Kind::Flac,
            &[&bytes[..], &ape, &old].concat(),
            Some(b"\xff\xd8COVER"),
        );
        assert_eq!(clean.len(), bytes.len());
        assert!(clean.ends_with(SOUND) && clean[42..].starts_with(&table));
        let comment = b"\x04\0\0\x37\0\0\0\0\x03\0\0\0\x0a\0\0\0TITLE=Ours\x0c\0\0\0ARTIST=B";
        assert!(clean[82..].starts_with(comment));
        assert!(has(&clean, b"\xff\xd8COVER\x81\0"));
    }

    #[test]
    fn every_room_is_filled_to_the_last_byte() {
        for room in 0..200 {
            let bytes = file(&[block(0x84, &vec![200; room])]);
            let clean = cleaned(Kind::Flac, &bytes, Some(b"\xff\xd8COVER"));
            assert!(
                clean.len() == bytes.len() && clean.ends_with(SOUND),
                "{room}"
            );
            let (mut at, mut last) = (4, false);
            while !last {
                last = clean[at] & 0x80 != 0;
                at += 4 + usize::from(clean[at + 2]) * 256 + usize::from(clean[at + 3]);
            }
            assert_eq!(at + SOUND.len(), clean.len(), "{room}");
            assert!(!has(&clean, &[200, 200]));
            assert_eq!(has(&clean, b"Ours"), room >= 22, "{room}");
        }
        let bare = [&b"fLaC\x80\0\0\x22"[..], &[9; 34], SOUND].concat();
        assert_eq!(cleaned(Kind::Flac, &bare, None), bare);
        let large = file(&[block(6, &vec![b'x'; 0xff_fff0]), block(0x86, &[b'x'; 40])]);
        let clean = once(Kind::Flac, &large, None).unwrap();
        assert!(clean.ends_with(SOUND) && !has(&clean, b"x"));
    }
}
