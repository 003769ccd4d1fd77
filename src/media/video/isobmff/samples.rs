//! Where the samples of tracks lie, as their tables say (§8.7).

use std::io;
use std::ops::Range;

use super::{Atom, Disk, broken};

/// Bytes of one table.
const TABLE: u64 = 8 << 20;
/// Bytes of the tables of all tracks together.
const TABLES: u64 = 24 << 20;

/// The tables of a track.
#[derive(Default)]
pub(super) struct Tables {
    /// Those of sizes, of chunks and of where these lie.
    pub(super) atoms: Vec<Atom>,
    /// Whether what they call the size of a sample is its size.
    pub(super) is_certain: bool,
    /// Whether they say that each sample has one byte.
    pub(super) is_odd: bool,
}

/// The stretches in which the samples of these tracks lie, in order, none over another.
pub(super) fn ranges(file: &mut Disk, tracks: &[Tables]) -> io::Result<Vec<Range<u64>>> {
    let atoms = tracks.iter().flat_map(|tables| &tables.atoms);
    let all = atoms.map(|atom| atom.end - atom.inner);
    if all.fold(0, u64::saturating_add) > TABLES {
        return Err(broken());
    }
    let mut found: Vec<Range<u64>> = Vec::new();
    for tables in tracks {
        found.extend(chunks(file, tables)?);
    }
    found.sort_by_key(|range| range.start);
    found.dedup_by(|next, before| {
        let touches = next.start <= before.end;
        if touches {
            before.end = before.end.max(next.end);
        }
        touches
    });
    Ok(found)
}

/// What one table says, as numbers.
#[derive(Default)]
struct Numbers {
    /// The size that all samples have; nought where each has its own.
    same: u64,
    sizes: Vec<u32>,
    /// From which chunk on, how many samples a chunk has.
    groups: Vec<(u32, u32)>,
    places: Vec<u64>,
}

fn read(file: &mut Disk, tables: &Tables) -> io::Result<Numbers> {
    let mut read = Numbers::default();
    for atom in &tables.atoms {
        let content = file.read_all(atom.inner..atom.end, TABLE)?;
        let words = content.as_chunks::<4>().0.iter();
        let mut words = words.map(|four| u32::from_be_bytes(*four)).skip(1);
        match &atom.kind {
            b"stsz" => {
                read.same = words.next().unwrap_or(0).into();
                read.sizes = words.skip(1).collect();
            }
            b"stz2" => read.sizes = small_sizes(&content),
            b"stsc" => {
                let numbers: Vec<u32> = words.skip(1).collect();
                let groups = numbers.as_chunks::<3>().0.iter();
                read.groups = groups
                    .map(|[first, samples, _]| (*first, *samples))
                    .collect();
            }
            b"stco" => read.places = words.skip(1).map(u64::from).collect(),
            _ => {
                let numbers = content.get(8..).unwrap_or_default().as_chunks::<8>().0;
                read.places = numbers.iter().map(|n| u64::from_be_bytes(*n)).collect();
            }
        }
    }
    Ok(read)
}

/// Sizes of four, eight or sixteen bits (§8.7.3.3).
fn small_sizes(content: &[u8]) -> Vec<u32> {
    let sizes = content.get(12..).unwrap_or_default();
    match content.get(7) {
        Some(4) => sizes
            .iter()
            .flat_map(|two| [u32::from(two >> 4), u32::from(two & 15)])
            .collect(),
        Some(8) => sizes.iter().map(|size| u32::from(*size)).collect(),
        _ => {
            let sizes = sizes.as_chunks::<2>().0.iter();
            sizes.map(|size| u16::from_be_bytes(*size).into()).collect()
        }
    }
}

/// Where the chunks of a track lie.
fn chunks(file: &mut Disk, tables: &Tables) -> io::Result<Vec<Range<u64>>> {
    let read = read(file, tables)?;
    let mut sizes = read.sizes.into_iter();
    let (mut group, mut sum) = (0, 0_u64);
    let mut found = Vec::with_capacity(read.places.len());
    for (number, place) in (1_u32..).zip(read.places) {
        while read
            .groups
            .get(group + 1)
            .is_some_and(|(first, _)| *first <= number)
        {
            group += 1;
        }
        let samples = read.groups.get(group).map_or(1, |(_, samples)| *samples);
        let length: u64 = if read.same > 0 {
            read.same.saturating_mul(samples.into())
        } else {
            let taken = sizes.by_ref().take(samples as usize);
            taken.map(u64::from).sum()
        };
        let end = place.saturating_add(length).min(file.size);
        // Samples do not lie over one another; a table that says so would have the disk written without end.
        sum = sum.saturating_add(end.saturating_sub(place));
        if sum > file.size {
            return Err(broken());
        }
        if place < end {
            found.push(place..end);
        }
    }
    Ok(found)
}
