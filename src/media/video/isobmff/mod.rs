//! MP4, MOV and M4A: boxes of a length, a kind and a content (ISO/IEC 14496-12). What a player needs is named here;
//! every other box is voided.

mod entries;
mod samples;

use std::io;
use std::ops::Range;

use self::samples::Tables;
use super::{Disk, Facts, broken};

/// How deep boxes stand in one another where anything of ours stands.
const DEEP: usize = 8;
/// Most tracks of one film.
const TRACKS: usize = 64;

/// What stays of a piece of a film (§8.8).
const PIECE: [&[u8; 4]; 2] = [b"mfhd", b"traf"];
/// What stays of a track's part in a piece.
const TRACK_PIECE: [&[u8; 4]; 7] = [
    b"tfhd", b"tfdt", b"trun", b"sdtp", b"sbgp", b"sgpd", b"subs",
];
/// What stays of the index of the pieces, and of what announces them.
const INDEX: [&[u8; 4]; 4] = [b"tfra", b"mfro", b"mehd", b"trex"];
/// What stays of a track as it is.
const TRACK_FIELDS: [&[u8; 4]; 18] = [
    b"elst", b"vmhd", b"smhd", b"nmhd", b"elng", b"stts", b"ctts", b"cslg", b"stss", b"stps",
    b"sdtp", b"sbgp", b"sgpd", b"subs", b"clef", b"prof", b"enof", b"padb",
];

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
    tables: Tables,
}

/// What is gathered of a film while it is walked.
#[derive(Default)]
struct Film {
    facts: Facts,
    kept: Vec<Tables>,
    foreign: Vec<Tables>,
    /// The boxes of the tracks that go, which are voided once their tables were read.
    gone: Vec<Atom>,
    /// Whether its samples are told of elsewhere than in its tables.
    is_in_pieces: bool,
}

/// Reads what a file tells and voids what tells too much.
pub(super) fn clean(file: &mut Disk) -> io::Result<Facts> {
    let mut film = Film::default();
    let (mut seen, mut data) = (false, Vec::new());
    for atom in children(file, 0..file.size)? {
        match &atom.kind {
            b"ftyp" | b"styp" | b"sidx" | b"ssix" | b"pdin" => {}
            b"moov" if !seen => {
                seen = true;
                movie(file, atom, &mut film)?;
            }
            b"moof" => fragment(file, atom, &mut film)?,
            b"mfra" => only(file, atom, &INDEX)?,
            b"mdat" => data.push(atom.inner..atom.end),
            // A place kept free for the length of what follows; a file may begin with it.
            b"wide" => file.zero(atom.inner..atom.end)?,
            _ => void(file, atom)?,
        }
    }
    if !seen {
        return Err(broken());
    }
    empty_data(file, &film, &data)?;
    for track in film.gone {
        void(file, track)?;
    }
    Ok(film.facts)
}

/// Overwrites what no picture and no sound needs of the data: samples of the tracks that went, and what cameras write
/// between the samples. Where it is not certain how long the samples are, only those that went.
fn empty_data(file: &mut Disk, film: &Film, data: &[Range<u64>]) -> io::Result<()> {
    let are_certain = film
        .kept
        .iter()
        .all(|tables| tables.is_certain && !tables.is_odd);
    let kept = samples::ranges(file, &film.kept)?;
    if are_certain && !film.is_in_pieces {
        for range in data {
            let mut from = range.start;
            for sample in &kept {
                if sample.end <= from || sample.start >= range.end {
                    continue;
                }
                file.zero(from..sample.start.max(from))?;
                from = sample.end;
            }
            file.zero(from.min(range.end)..range.end)?;
        }
        return Ok(());
    }
    for range in samples::ranges(file, &film.foreign)? {
        file.zero(range)?;
    }
    Ok(())
}

/// Voids all but these kinds, and what is left over at the end.
fn only(file: &mut Disk, parent: Atom, kinds: &[&[u8; 4]]) -> io::Result<()> {
    for atom in children(file, parent.inner..parent.end)? {
        if !kinds.contains(&&atom.kind) {
            void(file, atom)?;
        }
    }
    Ok(())
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
    // Fewer bytes than a box has.
    file.zero(from..range.end)?;
    Ok(found)
}

/// A piece of a film that is written while it is recorded; one with a track that must go is not taken, since where
/// its samples lie is told in many places.
fn fragment(file: &mut Disk, piece: Atom, film: &mut Film) -> io::Result<()> {
    film.is_in_pieces = true;
    if film.facts.has_foreign {
        return Err(broken());
    }
    only(file, piece, &PIECE)?;
    for atom in children(file, piece.inner..piece.end)? {
        if &atom.kind == b"traf" {
            only(file, atom, &TRACK_PIECE)?;
        }
    }
    Ok(())
}

fn movie(file: &mut Disk, movie: Atom, film: &mut Film) -> io::Result<()> {
    for atom in children(file, movie.inner..movie.end)? {
        match &atom.kind {
            b"mvhd" => film.facts.duration_ms = duration(file, atom)?,
            b"mvex" => only(file, atom, &INDEX)?,
            b"trak" => take_track(file, atom, film)?,
            _ => void(file, atom)?,
        }
    }
    Ok(())
}

fn take_track(file: &mut Disk, atom: Atom, film: &mut Film) -> io::Result<()> {
    let mut track = Track::default();
    walk_track(file, atom, &mut track, 0)?;
    if film.kept.len() + film.foreign.len() >= TRACKS {
        return Err(broken());
    }
    match &track.handler {
        b"vide" => {
            film.facts.has_pictures = true;
            film.facts.size = film.facts.size.or(track.size);
            film.kept.push(track.tables);
        }
        b"soun" => {
            film.facts.has_sound = true;
            film.kept.push(track.tables);
        }
        _ => {
            // A track of places and times, or of words in which some cameras write them: its samples go with it.
            film.facts.has_foreign = true;
            film.foreign.push(track.tables);
            film.gone.push(atom);
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
            b"mdia" | b"minf" | b"stbl" | b"dinf" | b"edts" | b"tapt" => {
                walk_track(file, atom, track, depth + 1)?;
            }
            b"tkhd" => {
                track.size = shown_size(file, atom)?;
                forget_times(file, atom)?;
            }
            b"mdhd" => forget_times(file, atom)?,
            b"hdlr" => {
                let kind: [u8; 4] = file.read(atom.inner + 8)?;
                // A second handler, inside `minf`, speaks of references.
                if track.handler == [0; 4] {
                    track.handler = kind;
                }
                // Who made the handler, and what they called it.
                file.zero((atom.inner + 12).min(atom.end)..atom.end)?;
            }
            b"dref" => entries::clean_references(file, atom)?,
            b"stsd" => track.tables.is_certain = entries::clean(file, atom, &track.handler)?,
            b"stsz" => {
                let size: [u8; 4] = file.read(atom.inner + 4)?;
                // Samples of one byte are those of old sound, where that means something else.
                track.tables.is_odd = size == [0, 0, 0, 1];
                track.tables.atoms.push(atom);
            }
            b"stz2" | b"stsc" | b"stco" | b"co64" => track.tables.atoms.push(atom),
            kind if TRACK_FIELDS.contains(&kind) => {}
            _ => void(file, atom)?,
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
