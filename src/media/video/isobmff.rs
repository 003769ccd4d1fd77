//! MP4, MOV and M4A: boxes of a length, a kind and a content (ISO/IEC 14496-12).

use std::io;
use std::ops::Range;

use super::{Disk, Facts, broken};

/// How deep boxes stand in one another where anything of ours stands.
const DEEP: usize = 8;
/// Bytes of a table of samples.
const TABLE: u64 = 16 << 20;

/// A box: what kind, where it begins, where its content does, where it ends.
#[derive(Clone, Copy)]
struct Atom {
    kind: [u8; 4],
    from: u64,
    inner: u64,
    end: u64,
}

/// What is gathered of a track while it is walked.
#[derive(Default)]
struct Track {
    handler: [u8; 4],
    size: Option<(i64, i64)>,
    tables: Vec<Atom>,
}

/// Reads what a file tells and voids what tells too much.
pub(super) fn clean(file: &mut Disk) -> io::Result<Facts> {
    let mut facts = Facts::default();
    let mut seen = false;
    for atom in children(file, 0..file.size)? {
        match &atom.kind {
            b"moov" => {
                seen = true;
                movie(file, atom, &mut facts)?;
            }
            b"moof" => fragment(file, atom, &mut facts)?,
            b"free" | b"skip" | b"uuid" | b"meta" | b"udta" | b"wide" => void(file, atom)?,
            _ => {}
        }
    }
    if seen { Ok(facts) } else { Err(broken()) }
}

/// The boxes of a stretch; the last may be cut short where a file was not closed.
fn children(file: &mut Disk, range: Range<u64>) -> io::Result<Vec<Atom>> {
    let mut found = Vec::new();
    let mut from = range.start;
    while from + 8 <= range.end {
        file.count()?;
        let head: [u8; 8] = file.read(from)?;
        let kind = [head[4], head[5], head[6], head[7]];
        let mut inner = from + 8;
        let length = match u32::from_be_bytes([head[0], head[1], head[2], head[3]]) {
            0 => range.end - from,
            1 => {
                inner += 8;
                u64::from_be_bytes(file.read(from + 8)?)
            }
            length => u64::from(length),
        };
        let end = from.checked_add(length).ok_or_else(broken)?;
        if end < inner || end > range.end {
            return Err(broken());
        }
        found.push(Atom {
            kind,
            from,
            inner,
            end,
        });
        from = end;
    }
    Ok(found)
}

/// A piece of a film that is written while it is recorded; one with a track that must go is not taken, since where
/// its samples lie is told in many places.
fn fragment(file: &mut Disk, piece: Atom, facts: &mut Facts) -> io::Result<()> {
    if facts.has_foreign {
        return Err(broken());
    }
    for atom in children(file, piece.inner..piece.end)? {
        match &atom.kind {
            b"uuid" | b"udta" | b"meta" => void(file, atom)?,
            b"traf" => {
                for part in children(file, atom.inner..atom.end)? {
                    if matches!(&part.kind, b"uuid" | b"udta" | b"meta") {
                        void(file, part)?;
                    }
                }
            }
            _ => {}
        }
    }
    Ok(())
}

fn movie(file: &mut Disk, movie: Atom, facts: &mut Facts) -> io::Result<()> {
    for atom in children(file, movie.inner..movie.end)? {
        match &atom.kind {
            b"mvhd" => facts.duration_ms = duration(file, atom)?,
            b"trak" => {
                let mut track = Track::default();
                walk_track(file, atom, &mut track, 0)?;
                match &track.handler {
                    b"vide" => {
                        facts.has_pictures = true;
                        facts.size = facts.size.or(track.size);
                    }
                    b"soun" => facts.has_sound = true,
                    b"hint" | b"tmcd" => {}
                    _ => {
                        // A track of places and times, or of words in which some cameras write them: its samples
                        // go with it.
                        facts.has_foreign = true;
                        zero_samples(file, &track)?;
                        void(file, atom)?;
                    }
                }
            }
            b"udta" | b"meta" | b"uuid" | b"free" | b"skip" => void(file, atom)?,
            _ => {}
        }
    }
    Ok(())
}

fn walk_track(file: &mut Disk, parent: Atom, track: &mut Track, depth: usize) -> io::Result<()> {
    if depth > DEEP {
        return Err(broken());
    }
    for atom in children(file, parent.inner..parent.end)? {
        match &atom.kind {
            b"mdia" | b"minf" | b"stbl" => walk_track(file, atom, track, depth + 1)?,
            b"tkhd" => {
                track.size = shown_size(file, atom)?;
                forget_times(file, atom)?;
            }
            b"mdhd" => forget_times(file, atom)?,
            // A second handler, inside `minf`, speaks of references.
            b"hdlr" if track.handler == [0; 4] => track.handler = file.read(atom.inner + 8)?,
            b"stsz" | b"stz2" | b"stsc" | b"stco" | b"co64" => track.tables.push(atom),
            b"udta" | b"meta" | b"uuid" | b"free" | b"skip" => void(file, atom)?,
            _ => {}
        }
    }
    Ok(())
}

/// Turns a box into one that is skipped, of the same length and empty.
fn void(file: &mut Disk, atom: Atom) -> io::Result<()> {
    file.write(atom.from + 4, b"free")?;
    file.zero(atom.inner..atom.end)
}

/// When it was recorded is nobody's business.
fn forget_times(file: &mut Disk, atom: Atom) -> io::Result<()> {
    let [version]: [u8; 1] = file.read(atom.inner)?;
    let length = if version == 1 { 16 } else { 8 };
    file.zero(atom.inner + 4..(atom.inner + 4 + length).min(atom.end))
}

fn duration(file: &mut Disk, atom: Atom) -> io::Result<Option<i64>> {
    let [version]: [u8; 1] = file.read(atom.inner)?;
    let (scale, length) = if version == 1 {
        let scale: [u8; 4] = file.read(atom.inner + 20)?;
        (scale, u64::from_be_bytes(file.read(atom.inner + 24)?))
    } else {
        let scale: [u8; 4] = file.read(atom.inner + 12)?;
        let length: [u8; 4] = file.read(atom.inner + 16)?;
        (scale, u64::from(u32::from_be_bytes(length)))
    };
    forget_times(file, atom)?;
    let scale = u128::from(u32::from_be_bytes(scale));
    if scale == 0 {
        return Ok(None);
    }
    let ms = i64::try_from(u128::from(length) * 1000 / scale).ok();
    Ok(ms.filter(|ms| (1..=86_400_000 * 7).contains(ms)))
}

/// Width and height as shown: a film that was held upright is turned by its matrix.
fn shown_size(file: &mut Disk, atom: Atom) -> io::Result<Option<(i64, i64)>> {
    let [version]: [u8; 1] = file.read(atom.inner)?;
    let matrix = atom.inner + if version == 1 { 52 } else { 40 };
    let fields: [u8; 44] = file.read(matrix)?;
    let number = |at: usize| {
        let bytes = [fields[at], fields[at + 1], fields[at + 2], fields[at + 3]];
        i64::from(i32::from_be_bytes(bytes)) >> 16
    };
    let turned = number(0) == 0 && number(4) != 0;
    let (width, height) = (number(36), number(40));
    let sound = |n: i64| (1..=16_384).contains(&n);
    let size = if turned {
        (height, width)
    } else {
        (width, height)
    };
    Ok(Some(size).filter(|(width, height)| sound(*width) && sound(*height)))
}

/// Overwrites every sample of a track, chunk by chunk, as its tables say (§8.7).
fn zero_samples(file: &mut Disk, track: &Track) -> io::Result<()> {
    let mut tables = [Vec::new(), Vec::new(), Vec::new()];
    let (mut same, mut wide) = (0, false);
    for atom in &track.tables {
        let content = file.read_all(atom.inner..atom.end, TABLE)?;
        let numbers: Vec<u32> = content
            .chunks_exact(4)
            .map(|four| u32::from_be_bytes([four[0], four[1], four[2], four[3]]))
            .collect();
        let after = |skip: usize| numbers.get(skip..).unwrap_or_default().to_vec();
        match &atom.kind {
            b"stsz" => {
                same = numbers.get(1).copied().unwrap_or(0);
                tables[0] = after(3);
            }
            b"stsc" => tables[1] = after(2),
            b"stco" | b"co64" => {
                wide = &atom.kind == b"co64";
                tables[2] = after(2);
            }
            _ => {}
        }
    }
    let [sizes, groups, chunks] = tables;
    let places: Vec<u64> = if wide {
        let pairs = chunks.chunks_exact(2);
        pairs
            .map(|pair| u64::from(pair[0]) << 32 | u64::from(pair[1]))
            .collect()
    } else {
        chunks.into_iter().map(u64::from).collect()
    };
    let groups: Vec<(u32, u32)> = groups
        .chunks_exact(3)
        .map(|group| (group[0], group[1]))
        .collect();
    let mut sizes = sizes.into_iter();
    let (mut group, mut zeroed) = (0, 0_u64);
    for (number, place) in (1_u32..).zip(places) {
        while groups
            .get(group + 1)
            .is_some_and(|(first, _)| *first <= number)
        {
            group += 1;
        }
        let samples = groups.get(group).map_or(1, |(_, samples)| *samples);
        let length: u64 = if same > 0 {
            u64::from(same) * u64::from(samples)
        } else {
            let taken = sizes.by_ref().take(samples as usize);
            taken.map(u64::from).sum()
        };
        let end = place.saturating_add(length).min(file.size);
        // Samples do not lie over one another; a table that says so would have the disk written without end.
        zeroed += end.saturating_sub(place);
        if zeroed > file.size {
            return Err(broken());
        }
        file.zero(place..end)?;
    }
    Ok(())
}
