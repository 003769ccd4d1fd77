//! A look at the tables of a Vorbis file before a decoder makes room for them: 256 of the largest would take gigabytes.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;

/// Bytes of the three headers of a stream; those of real encoders take a few kilobytes.
const HEADERS: usize = 256 << 10;
/// Streams in one file.
const STREAMS: usize = 16;
/// Numbers in all tables together; real encoders need some thousands.
const NUMBERS: u64 = 2 << 20;

/// What was read of a stream: its bytes, and how many packets ended in them.
#[derive(Default)]
struct Stream {
    bytes: Vec<u8>,
    packets: usize,
}

/// Whether the tables of every stream in a file are of a size that encoders write.
pub(super) fn has_small_tables(path: &Path) -> bool {
    read(path).is_ok_and(|streams| {
        let numbers = streams.values().map(|stream| numbers_in(&stream.bytes));
        numbers.fold(0, u64::saturating_add) < NUMBERS
    })
}

/// The three headers of each stream, put together from the pages they lie on (RFC 3533 §6).
fn read(path: &Path) -> io::Result<HashMap<u32, Stream>> {
    let broken = || io::Error::from(io::ErrorKind::InvalidData);
    let mut file = io::BufReader::new(File::open(path)?);
    let mut streams: HashMap<u32, Stream> = HashMap::new();
    while streams.is_empty() || streams.values().any(|stream| stream.packets < 3) {
        let mut head = [0; 27];
        file.read_exact(&mut head)?;
        if !head.starts_with(b"OggS") {
            return Err(broken());
        }
        let serial = u32::from_le_bytes([head[14], head[15], head[16], head[17]]);
        let mut lacing = vec![0; usize::from(head[26])];
        file.read_exact(&mut lacing)?;
        let length: usize = lacing.iter().map(|part| usize::from(*part)).sum();
        let mut content = vec![0; length];
        file.read_exact(&mut content)?;
        let stream = streams.entry(serial).or_default();
        if stream.packets < 3 {
            stream.bytes.extend_from_slice(&content);
            stream.packets += lacing.iter().filter(|part| **part < 255).count();
        }
        if stream.bytes.len() > HEADERS || streams.len() > STREAMS {
            return Err(broken());
        }
    }
    Ok(streams)
}

/// How many numbers the tables in these bytes hold. Each begins with a mark of 24 bits, its dimensions (16) and its
/// entries (24), at any bit (Vorbis I §3.2.1).
fn numbers_in(bytes: &[u8]) -> u64 {
    let mut found = 0_u64;
    for window in bytes.windows(9) {
        let bits = window
            .iter()
            .rev()
            .fold(0_u128, |bits, byte| bits << 8 | u128::from(*byte));
        for shift in 0..8 {
            let bits = bits >> shift;
            if bits & 0x00ff_ffff == 0x0056_4342 {
                let (dimensions, entries) = (bits >> 24 & 0xffff, bits >> 40 & 0x00ff_ffff);
                let numbers = u64::try_from(dimensions * entries).unwrap_or(u64::MAX);
                found =
                    found.saturating_add(numbers.max(u64::try_from(entries).unwrap_or(u64::MAX)));
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::{NUMBERS, numbers_in};

    #[test]
    fn large_tables_are_seen_wherever_they_begin() {
        for shift in 0..8 {
            let table = 0x0056_4342_u128 | 32 << 24 | 131_072 << 40;
            let bytes = (table << shift).to_le_bytes();
            let padded = [&[0; 5][..], &bytes, &[0; 5]].concat();
            assert_eq!(numbers_in(&padded), 32 * 131_072, "{shift}");
            assert!(numbers_in(&padded) >= NUMBERS);
        }
        assert_eq!(numbers_in(b"no table at all, but BC and V"), 0);
    }
}
