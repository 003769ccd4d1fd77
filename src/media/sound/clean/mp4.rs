//! M4A, once its metadata is voided: what is kept is written into the largest free place (ISO/IEC 14496-12 §8.10).

use std::io;

use super::{Sound, Tags, Text, broken, fit};

/// Names of title, artist, album, track, date and genre; those of three letters begin with a sign of their own.
const NAMES: [&str; 6] = ["nam", "ART", "alb", "trkn", "day", "gen"];
/// Most boxes that are looked at.
const BOXES: usize = 20_000;

/// A box: its kind, where it begins, where its content does, where it ends.
type Atom = ([u8; 4], u64, u64, u64);

/// Writes what is kept; nothing where nothing was voided.
pub(super) fn clean(sound: &mut Sound, tags: &Tags, cover: Option<&[u8]>) -> io::Result<()> {
    let length = sound.length;
    let boxes = children(sound, 0, length)?;
    let movie = boxes.iter().find(|(kind, ..)| kind == b"moov");
    let (_, _, inner, end) = *movie.ok_or_else(broken)?;
    let boxes = children(sound, inner, end)?;
    // One whose head is longer is larger than any tag.
    let is_free = |(kind, from, inner, _): &&Atom| kind == b"free" && inner - from == 8;
    let free = boxes.iter().filter(is_free);
    let Some((_, from, _, end)) = free.max_by_key(|(_, from, _, end)| end - from) else {
        return Ok(());
    };
    let room = end - from;
    let list = fit(tags, NAMES, cover, |texts, cover| {
        let written = list(texts, cover, 0);
        match room.checked_sub(written.len() as u64)? {
            _ if texts.is_empty() => None,
            // Less than a box has.
            rest @ 1..8 => Some(list(texts, cover, rest as usize)),
            _ => Some(written),
        }
    });
    let Some(list) = list else {
        return Ok(());
    };
    sound.write(*from, &list)?;
    let next = from + list.len() as u64;
    if next < *end {
        let rest = u32::try_from(end - next).map_err(|_| broken())?;
        sound.write(next, &[rest.to_be_bytes(), *b"free"].concat())?;
    }
    Ok(())
}

fn children(sound: &mut Sound, from: u64, end: u64) -> io::Result<Vec<Atom>> {
    let (mut found, mut at) = (Vec::new(), from);
    while at.saturating_add(8) <= end {
        let [a, b, c, d, kind @ ..] = sound.array::<8>(at)?;
        let (length, head) = match u32::from_be_bytes([a, b, c, d]) {
            0 => (end - at, 8),
            1 => (u64::from_be_bytes(sound.array(at + 8)?), 16),
            length => (u64::from(length), 8),
        };
        let next = at.checked_add(length).filter(|next| *next <= end);
        let next = next.ok_or_else(broken)?;
        if length < head || found.len() >= BOXES {
            return Err(broken());
        }
        found.push((kind, at, at + head, next));
        at = next;
    }
    Ok(found)
}

fn atom(kind: &[u8], content: &[u8]) -> Vec<u8> {
    let length = u32::try_from(content.len().saturating_add(8)).unwrap_or(u32::MAX);
    [&length.to_be_bytes()[..], kind, content].concat()
}

/// A value: its sort (1 text, 13 JPEG, 0 numbers), no country, and itself.
fn value(kind: &[u8], sort: u8, content: &[u8]) -> Vec<u8> {
    let data = [&[0, 0, 0, sort, 0, 0, 0, 0], content].concat();
    atom(kind, &atom(b"data", &data))
}

/// The list in its boxes; the name of the handler takes so many zeros more.
fn list(texts: &[Text], cover: Option<&[u8]>, zeros: usize) -> Vec<u8> {
    let mut list = Vec::new();
    for (name, text) in texts {
        if *name == "trkn" {
            let [.., a, b] = text.parse().unwrap_or(0_u64).to_be_bytes();
            list.extend(value(b"trkn", 0, &[0, 0, a, b, 0, 0, 0, 0]));
        } else {
            list.extend(value(
                &[&[0xa9], name.as_bytes()].concat(),
                1,
                text.as_bytes(),
            ));
        }
    }
    if let Some(cover) = cover {
        list.extend(value(b"covr", 13, cover));
    }
    let handler = [&[0; 8][..], b"mdirappl", &vec![0; zeros + 9]].concat();
    let parts = [&[0; 4][..], &atom(b"hdlr", &handler), &atom(b"ilst", &list)];
    atom(b"udta", &atom(b"meta", &parts.concat()))
}

#[cfg(test)]
mod tests {
    use super::super::tests::{has, once};
    use super::atom;
    use crate::media::kinds::Kind;

    #[test]
    fn the_largest_free_place_takes_the_list() {
        for room in (0..240).chain([1000]) {
            let movie = [
                atom(b"mvhd", &[7; 20]),
                atom(b"free", &[0; 4]),
                atom(b"free", &vec![0; room]),
            ];
            let bytes = [atom(b"ftyp", b"M4A "), atom(b"moov", &movie.concat())].concat();
            let cover = Some(&b"\xff\xd8COVER"[..]);
            for length in 0..bytes.len() {
                let _ = once(Kind::M4a, &bytes[..length], cover);
            }
            let clean = once(Kind::M4a, &bytes, cover).unwrap();
            assert_eq!(clean.len(), bytes.len(), "{room}");
            assert_eq!(has(&clean, b"\xa9nam"), room >= 81, "{room}");
            assert_eq!(has(&clean, b"COVER"), room >= 173, "{room}");
        }
    }
}
