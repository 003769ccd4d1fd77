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
const TITLE: u32 = 0x7BA9;
const DATE: u32 = 0x4461;
const TRACKS: u32 = 0x1654_AE6B;
const TRACK: u32 = 0xAE;
const TRACK_TYPE: u32 = 0x83;
const TRACK_NAME: u32 = 0x536E;
const VIDEO: u32 = 0xE0;
const WIDTH: u32 = 0xB0;
const HEIGHT: u32 = 0xBA;
const TAGS: u32 = 0x1254_C367;
const ATTACHMENTS: u32 = 0x1941_A469;
const VOID: u8 = 0xEC;

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

/// Reads what a file tells and voids what tells too much.
pub(super) fn clean(file: &mut Disk) -> io::Result<Facts> {
    let mut facts = Facts::default();
    let mut from = 0;
    while let Some(element) = element(file, from, file.size)? {
        match element.id {
            HEADER => check(file, element)?,
            SEGMENT => segment(file, element, &mut facts)?,
            _ => {}
        }
        from = element.end;
    }
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
    let number = |bytes: &[u8]| {
        bytes
            .iter()
            .fold(0_u64, |n, byte| n << 8 | u64::from(*byte))
    };
    let id = u32::try_from(number(&head[..id_length])).map_err(|_| broken())?;
    let mask = (1_u64 << (7 * size_length)) - 1;
    let length = number(&head[id_length..id_length + size_length]) & mask;
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
    }
    Ok(())
}

fn segment(file: &mut Disk, segment: Element, facts: &mut Facts) -> io::Result<()> {
    let mut from = segment.inner;
    while let Some(part) = element(file, from, segment.end)? {
        match part.id {
            INFO => info(file, part, facts)?,
            TRACKS => tracks(file, part, facts)?,
            TAGS | ATTACHMENTS => void(file, part)?,
            _ => {}
        }
        if !part.closed {
            // A live recording: nothing but frames comes after this.
            break;
        }
        from = part.end;
    }
    Ok(())
}

fn info(file: &mut Disk, info: Element, facts: &mut Facts) -> io::Result<()> {
    let (mut scale, mut length) = (1_000_000, None);
    for child in children(file, info.inner..info.end)? {
        match child.id {
            SCALE => scale = unsigned(file, child)?,
            DURATION => length = float(file, child)?,
            TITLE | DATE => void(file, child)?,
            _ => {}
        }
    }
    let ms = length.map(|length| length * scale as f64 / 1_000_000.0);
    facts.duration_ms = ms
        .filter(|ms| ms.is_finite() && (1.0..=604_800_000.0).contains(ms))
        .map(|ms| ms as i64);
    Ok(())
}

fn tracks(file: &mut Disk, tracks: Element, facts: &mut Facts) -> io::Result<()> {
    for track in children(file, tracks.inner..tracks.end)? {
        if track.id != TRACK {
            continue;
        }
        for field in children(file, track.inner..track.end)? {
            match field.id {
                TRACK_TYPE => match unsigned(file, field)? {
                    1 => facts.has_pictures = true,
                    2 => facts.has_sound = true,
                    _ => {}
                },
                TRACK_NAME => void(file, field)?,
                VIDEO => {
                    let (mut width, mut height) = (0, 0);
                    for side in children(file, field.inner..field.end)? {
                        match side.id {
                            WIDTH => width = unsigned(file, side)?,
                            HEIGHT => height = unsigned(file, side)?,
                            _ => {}
                        }
                    }
                    let side = |n: u64| i64::try_from(n).ok().filter(|n| (1..=16_384).contains(n));
                    facts.size = facts.size.or(side(width).zip(side(height)));
                }
                _ => {}
            }
        }
    }
    Ok(())
}

fn unsigned(file: &mut Disk, element: Element) -> io::Result<u64> {
    let bytes = file.read_all(element.inner..element.end, 8)?;
    Ok(bytes.iter().fold(0, |n, byte| n << 8 | u64::from(*byte)))
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
