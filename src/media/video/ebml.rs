//! WebM: elements of an id, a length and a content (RFC 8794, RFC 9559).

use std::io;
use std::ops::Range;

use super::{Disk, Facts, broken};

const HEADER: u32 = 0x1A45_DFA3;
const DOC_TYPE: u32 = 0x4282;
const SEGMENT: u32 = 0x1853_8067;
const INFO: u32 = 0x1549_A966;
const SCALE: u32 = 0x002A_D7B1;
const DURATION: u32 = 0x4489;
/// The programs that wrote it: they must be there, and may say nothing.
const PROGRAMS: [u32; 2] = [0x4D80, 0x5741];
const TRACKS: u32 = 0x1654_AE6B;
const TRACK: u32 = 0xAE;
const TRACK_NUMBER: u32 = 0xD7;
const TRACK_TYPE: u32 = 0x83;
const CODEC: u32 = 0x86;
const CODEC_PRIVATE: u32 = 0x63A2;
const VIDEO: u32 = 0xE0;
const WIDTH: u32 = 0xB0;
const HEIGHT: u32 = 0xBA;
const CLUSTER: u32 = 0x1F43_B675;
const SIMPLE_BLOCK: u32 = 0xA3;
const BLOCK_GROUP: u32 = 0xA0;
const BLOCK: u32 = 0xA1;
const VOID: u8 = 0xEC;

/// What of the header stays: versions and bounds.
const HEADER_FIELDS: [u32; 7] = [DOC_TYPE, 0x4286, 0x42F7, 0x42F2, 0x42F3, 0x4287, 0x4285];
/// What else of a segment stays: where its parts and its pictures lie.
const PLACES: [u32; 2] = [0x114D_9B74, 0x1C53_BB6B];
/// What of a cluster stays, beside its blocks: its moment, its place and the length of the one before.
const CLUSTER_FIELDS: [u32; 3] = [0xE7, 0xA7, 0xAB];
/// What of a track stays: what a player needs, and its language.
const TRACK_FIELDS: [u32; 23] = [
    TRACK_NUMBER,
    TRACK_TYPE,
    CODEC,
    CODEC_PRIVATE,
    VIDEO,
    0x73C5,
    0xB9,
    0x88,
    0x55AA,
    0x9C,
    0x6DE7,
    0x6DF8,
    0x0023_E383,
    0x0023_4E7A,
    0x0023_314F,
    0x55EE,
    0x41E4,
    0x0022_B59C,
    0x0022_B59D,
    0x56AA,
    0x56BB,
    0xE1,
    0x6D80,
];
/// Bytes of what a codec is told.
const PRIVATE: u64 = 1 << 20;
/// Most blocks that are looked at; a day of pictures and sound has fewer.
const BLOCKS: usize = 8_000_000;

/// An element: which, where it begins, where its content does, where it ends.
#[derive(Clone, Copy)]
struct Element {
    id: u32,
    from: u64,
    inner: u64,
    end: u64,
    /// Whether it says how long it is; a live recording does not.
    closed: bool,
}

/// Reads what a file tells and voids all that a player does not need.
pub(super) fn clean(file: &mut Disk) -> io::Result<Facts> {
    let mut facts = Facts::default();
    let mut from = 0;
    while let Some(element) = element(file, from, file.size)? {
        match element.id {
            HEADER => check(file, element)?,
            SEGMENT => segment(file, element, &mut facts)?,
            _ => void(file, element)?,
        }
        from = element.end;
    }
    file.zero(from..file.size)?;
    Ok(facts)
}

/// The element that begins here, if one does; one of unknown length reaches to the end.
fn element(file: &mut Disk, from: u64, end: u64) -> io::Result<Option<Element>> {
    if from + 2 > end {
        return Ok(None);
    }
    file.count()?;
    let head = file.read_all(from..end.min(from + 12), 12)?;
    let id_length = head[0].leading_zeros() as usize + 1;
    let size_byte = *head.get(id_length).ok_or_else(broken)?;
    let size_length = size_byte.leading_zeros() as usize + 1;
    if id_length > 4 || size_length > 8 || head.len() < id_length + size_length {
        return Err(broken());
    }
    let id = u32::try_from(big_endian(&head[..id_length])).map_err(|_| broken())?;
    let mask = (1_u64 << (7 * size_length)) - 1;
    let length = big_endian(&head[id_length..id_length + size_length]) & mask;
    let inner = from + (id_length + size_length) as u64;
    let closed = length != mask;
    let last = if closed {
        inner.checked_add(length).ok_or_else(broken)?
    } else {
        end
    };
    if last > end {
        return Err(broken());
    }
    Ok(Some(Element {
        id,
        from,
        inner,
        end: last,
        closed,
    }))
}

fn children(file: &mut Disk, range: Range<u64>) -> io::Result<Vec<Element>> {
    let mut found = Vec::new();
    let mut from = range.start;
    while let Some(element) = element(file, from, range.end)? {
        from = element.end;
        found.push(element);
    }
    Ok(found)
}

/// Only what browsers play passes; its larger relative is no WebM.
fn check(file: &mut Disk, header: Element) -> io::Result<()> {
    for child in children(file, header.inner..header.end)? {
        if child.id == DOC_TYPE && file.read_all(child.inner..child.end, 16)? != b"webm" {
            return Err(broken());
        }
        if !HEADER_FIELDS.contains(&child.id) {
            void(file, child)?;
        }
    }
    Ok(())
}

/// Walks what is in a segment. A cluster is entered as if its blocks stood beside it, since a live one does not say
/// where it ends.
fn segment(file: &mut Disk, segment: Element, facts: &mut Facts) -> io::Result<()> {
    let mut from = segment.inner;
    let mut foreign = Vec::new();
    let (mut blocks, mut is_in_cluster) = (0, false);
    loop {
        let part = match element(file, from, segment.end) {
            Ok(Some(part)) => part,
            Ok(None) => break,
            // A recording that broke off in the middle of a block.
            Err(_) if is_in_cluster => break,
            Err(error) => return Err(error),
        };
        from = part.end;
        if is_in_cluster {
            // Frames are counted for themselves.
            file.elements -= 1;
            blocks += 1;
        }
        if blocks > BLOCKS || !part.closed && part.id != CLUSTER {
            return Err(broken());
        }
        match part.id {
            INFO => info(file, part, facts)?,
            TRACKS => foreign.extend(tracks(file, part, facts)?),
            CLUSTER => {
                is_in_cluster = true;
                from = part.inner;
            }
            SIMPLE_BLOCK | BLOCK_GROUP if !is_foreign(file, part, &foreign)? => {}
            id if PLACES.contains(&id) || is_in_cluster && CLUSTER_FIELDS.contains(&id) => {}
            _ => void(file, part)?,
        }
    }
    file.zero(from..segment.end)
}

/// Whether a block belongs to a track that went; its number stands first.
fn is_foreign(file: &mut Disk, part: Element, foreign: &[u64]) -> io::Result<bool> {
    if foreign.is_empty() {
        return Ok(false);
    }
    let mut block = part;
    if part.id == BLOCK_GROUP {
        let mut from = part.inner;
        loop {
            let child = element(file, from, part.end)?.ok_or_else(broken)?;
            file.elements -= 1;
            if child.id == BLOCK {
                block = child;
                break;
            }
            from = child.end;
        }
    }
    let head = file.read_all(block.inner..block.end.min(block.inner + 8), 8)?;
    let length = head.first().map_or(8, |byte| byte.leading_zeros() as usize);
    let number = head.get(..=length).ok_or_else(broken)?;
    let mask = (1_u64 << (7 * number.len())) - 1;
    Ok(foreign.contains(&(big_endian(number) & mask)))
}

fn info(file: &mut Disk, info: Element, facts: &mut Facts) -> io::Result<()> {
    let (mut scale, mut length) = (1_000_000, None);
    for child in children(file, info.inner..info.end)? {
        match child.id {
            SCALE => scale = unsigned(file, child)?,
            DURATION => length = float(file, child)?,
            id if PROGRAMS.contains(&id) => file.zero(child.inner..child.end)?,
            _ => void(file, child)?,
        }
    }
    let ms = length.map(|length| length * scale as f64 / 1_000_000.0);
    facts.duration_ms = ms
        .filter(|ms| ms.is_finite() && (1.0..=604_800_000.0).contains(ms))
        .map(|ms| ms as i64);
    Ok(())
}

/// Reads the tracks; the numbers of those that are neither picture nor sound, which go.
fn tracks(file: &mut Disk, tracks: Element, facts: &mut Facts) -> io::Result<Vec<u64>> {
    let mut foreign = Vec::new();
    for track in children(file, tracks.inner..tracks.end)? {
        if track.id != TRACK {
            void(file, track)?;
            continue;
        }
        let fields = children(file, track.inner..track.end)?;
        let (mut number, mut is_kept) = (0, false);
        for field in &fields {
            match field.id {
                TRACK_NUMBER => number = unsigned(file, *field)?,
                TRACK_TYPE => {
                    let kind = unsigned(file, *field)?;
                    facts.has_pictures |= kind == 1;
                    facts.has_sound |= kind == 2;
                    is_kept = matches!(kind, 1 | 2);
                }
                _ => {}
            }
        }
        if is_kept {
            clean_track(file, &fields, facts)?;
        } else {
            foreign.push(number);
            void(file, track)?;
        }
    }
    Ok(foreign)
}

fn clean_track(file: &mut Disk, fields: &[Element], facts: &mut Facts) -> io::Result<()> {
    let mut codec = Vec::new();
    for field in fields {
        match field.id {
            VIDEO => facts.size = facts.size.or(size(file, *field)?),
            CODEC => codec = file.read_all(field.inner..field.end, 64)?,
            id if TRACK_FIELDS.contains(&id) => {}
            _ => void(file, *field)?,
        }
    }
    let private = fields.iter().find(|field| field.id == CODEC_PRIVATE);
    if let Some(private) = private
        && codec.starts_with(b"A_VORBIS")
    {
        let mut content = file.read_all(private.inner..private.end, PRIVATE)?;
        empty_comment(&mut content).ok_or_else(broken)?;
        file.write(private.inner, &content)?;
    }
    Ok(())
}

fn size(file: &mut Disk, video: Element) -> io::Result<Option<(i64, i64)>> {
    let (mut width, mut height) = (0, 0);
    for side in children(file, video.inner..video.end)? {
        match side.id {
            WIDTH => width = unsigned(file, side)?,
            HEIGHT => height = unsigned(file, side)?,
            _ => {}
        }
    }
    let side = |n: u64| i64::try_from(n).ok().filter(|n| (1..=16_384).contains(n));
    Ok(side(width).zip(side(height)))
}

/// Empties the second of the three packets that Vorbis is told (RFC 9559 §5.1.4.1.29): a comment of spaces alone.
fn empty_comment(content: &mut [u8]) -> Option<()> {
    // Two less than three packets, and the lengths of the first two, in steps of 255.
    let (count, mut rest) = content.split_first().map(|(count, rest)| (*count, rest))?;
    let mut lengths = [0_usize; 2];
    for length in &mut lengths {
        loop {
            let (part, left) = rest.split_first()?;
            rest = left;
            *length += usize::from(*part);
            if *part != 255 {
                break;
            }
        }
    }
    let left = rest.len();
    let from = content.len() - left + lengths[0];
    let comment = content.get_mut(from..from + lengths[1])?;
    let spaces = comment.len().checked_sub(16)?;
    if count != 2 || !comment.starts_with(b"\x03vorbis") {
        return None;
    }
    let (head, tail) = comment.split_at_mut(11);
    head[7..].copy_from_slice(&u32::try_from(spaces).ok()?.to_le_bytes());
    tail[..spaces].fill(b' ');
    tail[spaces..].copy_from_slice(&[0, 0, 0, 0, 1]);
    Some(())
}

fn big_endian(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0, |n, byte| n << 8 | u64::from(*byte))
}

fn unsigned(file: &mut Disk, element: Element) -> io::Result<u64> {
    let bytes = file.read_all(element.inner..element.end, 8)?;
    Ok(big_endian(&bytes))
}

fn float(file: &mut Disk, element: Element) -> io::Result<Option<f64>> {
    let bytes = file.read_all(element.inner..element.end, 8)?;
    Ok(match bytes.as_slice() {
        [a, b, c, d] => Some(f64::from(f32::from_be_bytes([*a, *b, *c, *d]))),
        [a, b, c, d, e, f, g, h] => Some(f64::from_be_bytes([*a, *b, *c, *d, *e, *f, *g, *h])),
        _ => None,
    })
}

/// Turns an element into one that is skipped, of the same length and empty.
fn void(file: &mut Disk, element: Element) -> io::Result<()> {
    let whole = element.end - element.from;
    file.zero(element.from..element.end)?;
    // The length takes as many bytes as a short element has room for, else eight.
    let bytes = (whole - 1).min(8);
    let length = whole - 1 - bytes;
    let marked = length | 1 << (7 * bytes);
    file.write(element.from, &[VOID])?;
    let skip = usize::try_from(8 - bytes).unwrap_or(0);
    file.write(element.from + 1, &marked.to_be_bytes()[skip..])
}
