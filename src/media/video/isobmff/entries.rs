//! How samples are to be read, and where else they may lie (§8.5.2, §8.7.2).

use std::io;
use std::ops::Range;

use super::{Atom, Disk, children, void};

/// Most ways in which the samples of one track are written.
const ENTRIES: usize = 16;
/// What stays beside a way of writing pictures or sound: what a decoder is told, and how it is shown.
const FIELDS: [&[u8; 4]; 36] = [
    b"avcC", b"hvcC", b"lhvC", b"vvcC", b"av1C", b"vpcC", b"esds", b"colr", b"pasp", b"clap",
    b"btrt", b"fiel", b"gama", b"mdcv", b"clli", b"CoLL", b"SmDm", b"dvcC", b"dvvC", b"dvwC",
    b"chrm", b"d263", b"sinf", b"wave", b"frma", b"mp4a", b"chan", b"enda", b"dOps", b"dfLa",
    b"alac", b"dac3", b"dec3", b"srat", b"pcmC", b"chnl",
];

/// Empties who made an entry and how they called it, and voids what no player needs; whether the tables tell the sizes
/// of the samples truly.
pub(super) fn clean(file: &mut Disk, atom: Atom, handler: &[u8; 4]) -> io::Result<bool> {
    let mut is_certain = true;
    for entry in children(file, (atom.inner + 8).min(atom.end)..atom.end)?
        .into_iter()
        .take(ENTRIES)
    {
        let inner = entry.inner;
        // Reserved bytes, an index, a version, a revision; then a vendor of four letters.
        let [.., version, _, _]: [u8; 12] = file.read(inner)?;
        file.zero(clamped(inner + 12..inner + 16, entry))?;
        let from = match handler {
            b"vide" => {
                // The name of the program that compressed it.
                file.zero(clamped(inner + 42..inner + 74, entry))?;
                inner + 78
            }
            b"soun" => {
                // Old sound of QuickTime counts in other units.
                is_certain &= version == 0;
                inner + [28, 44, 64].get(usize::from(version)).unwrap_or(&28)
            }
            _ => {
                is_certain = false;
                continue;
            }
        };
        match clean_fields(file, clamped(from..entry.end, entry)) {
            // Some programs put there what is no box; it stays, as it stood.
            Err(error) if error.kind() != io::ErrorKind::InvalidData => return Err(error),
            _ => {}
        }
    }
    Ok(is_certain)
}

fn clamped(range: Range<u64>, entry: Atom) -> Range<u64> {
    range.start.min(entry.end)..range.end.min(entry.end)
}

fn clean_fields(file: &mut Disk, range: Range<u64>) -> io::Result<()> {
    for field in children(file, range)? {
        match &field.kind {
            b"dfLa" => clean_lossless(file, field)?,
            kind if FIELDS.contains(&kind) => {}
            _ => void(file, field)?,
        }
    }
    Ok(())
}

/// Blocks of FLAC: all but the first, which tells how the sound is written, become padding.
fn clean_lossless(file: &mut Disk, field: Atom) -> io::Result<()> {
    let mut at = field.inner + 4;
    while at + 4 <= field.end {
        file.count()?;
        let [kind, a, b, c]: [u8; 4] = file.read(at)?;
        let end = at + 4 + u64::from(u32::from_be_bytes([0, a, b, c]));
        if kind & 0x7f != 0 {
            file.write(at, &[kind & 0x80 | 1])?;
            file.zero(at + 4..end.min(field.end))?;
        }
        at = end;
    }
    Ok(())
}

/// References to other files say that all is in this one, and nothing of where it was before.
pub(super) fn clean_references(file: &mut Disk, atom: Atom) -> io::Result<()> {
    for entry in children(file, (atom.inner + 8).min(atom.end)..atom.end)? {
        if entry.inner + 4 <= entry.end {
            file.write(entry.inner, &[0, 0, 0, 1])?;
            file.zero(entry.inner + 4..entry.end)?;
        }
    }
    Ok(())
}
