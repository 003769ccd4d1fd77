//! GIF89a: frames and how they follow each other; comments, texts and what programs added go.

use super::{Found, Reader};

/// What begins an extension, a frame, and the end (GIF89a, appendix A).
const EXTENSION: u8 = 0x21;
const FRAME: u8 = 0x2c;
const END: u8 = 0x3b;
/// Extensions: how a frame is shown, and what a program added.
const CONTROL: u8 = 0xf9;
const PROGRAM: u8 = 0xff;
/// The programs whose addition says how often the picture is played.
const LOOPS: [&[u8]; 2] = [b"NETSCAPE2.0", b"ANIMEXTS1.0"];

/// The frames of a GIF; a frame that is cut short is not one.
pub(super) fn read(bytes: &[u8]) -> Option<Found> {
    let mut reader = Reader(bytes);
    let head: [u8; 13] = reader.array()?;
    let [_, _, _, _, _, _, w0, w1, h0, h1, flags, ..] = head;
    let mut kept = head.to_vec();
    kept.extend(reader.take(table(flags))?);
    let mut frames = 0;
    while let Some(part) = next(&mut reader) {
        frames += u64::from(part.first() == Some(&FRAME));
        kept.extend(part);
    }
    kept.push(END);
    Some(Found {
        bytes: kept,
        size: (
            u16::from_le_bytes([w0, w1]).into(),
            u16::from_le_bytes([h0, h1]).into(),
        ),
        frames,
    })
}

/// Bytes of the table of colours that flags announce.
fn table(flags: u8) -> usize {
    if flags & 0x80 == 0 {
        0
    } else {
        3 << ((flags & 7) + 1)
    }
}

/// The next part as it is kept, empty where it is not; nothing at the end.
fn next(reader: &mut Reader<'_>) -> Option<Vec<u8>> {
    match reader.array()? {
        [EXTENSION] => extension(reader),
        [FRAME] => {
            let place: [u8; 9] = reader.array()?;
            let colours = reader.take(table(place[8]))?;
            let depth: [u8; 1] = reader.array()?;
            let mut frame = [&[FRAME], &place[..], colours, &depth].concat();
            blocks(reader, |block| frame.extend(block))?;
            frame.push(0);
            Some(frame)
        }
        _ => None,
    }
}

fn extension(reader: &mut Reader<'_>) -> Option<Vec<u8>> {
    let [kind] = reader.array()?;
    let mut parts: Vec<Vec<u8>> = Vec::new();
    // What is kept is short.
    blocks(reader, |block| {
        if parts.len() < 4 {
            parts.push(block.to_vec());
        }
    })?;
    let is_loop = parts
        .first()
        .is_some_and(|first| LOOPS.iter().any(|name| first.get(1..) == Some(*name)));
    Some(match (kind, parts.as_slice()) {
        (CONTROL, [control]) if control.len() == 5 => {
            [&[EXTENSION, CONTROL], control.as_slice(), &[0]].concat()
        }
        (PROGRAM, [name, count, ..]) if is_loop && matches!(count.as_slice(), [3, 1, _, _]) => {
            [&[EXTENSION, PROGRAM], name.as_slice(), count, &[0]].concat()
        }
        _ => Vec::new(),
    })
}

/// Reads blocks with their lengths up to the empty one.
fn blocks<'a>(reader: &mut Reader<'a>, mut each: impl FnMut(&'a [u8])) -> Option<()> {
    loop {
        let length = usize::from(*reader.0.first()?);
        let block = reader.take(length + 1)?;
        if length == 0 {
            return Some(());
        }
        each(block);
    }
}

#[cfg(test)]
mod tests {
    use image::{AnimationDecoder as _, codecs::gif::GifDecoder};
    use std::io::Cursor;

    use super::super::tests::gif;
    use super::read;

    fn frames(bytes: &[u8]) -> Vec<Vec<u8>> {
        let decoder = GifDecoder::new(Cursor::new(bytes)).unwrap();
        let frames = decoder.into_frames().collect_frames().unwrap();
        let raw = |frame: image::Frame| frame.into_buffer().into_raw();
        frames.into_iter().map(raw).collect()
    }

    #[test]
    fn frames_stay_and_comments_go() {
        let plain = gif(3);
        let start = plain
            .windows(2)
            .position(|two| two == [0x21, 0xff])
            .unwrap();
        let marked = [
            &plain[..start],
            b"\x21\xfe\x04GONE\0",
            b"\x21\xff\x0bXMP DataXMP\x04GONE\0",
            &plain[start..],
            b"GONE",
        ]
        .concat();
        let found = read(&marked).unwrap();
        assert_eq!((found.frames, found.size), (3, (8, 4)));
        assert!(!found.bytes.windows(4).any(|four| four == b"GONE"));
        assert_eq!(frames(&found.bytes), frames(&plain));
        assert!(found.bytes.windows(11).any(|name| name == b"NETSCAPE2.0"));
        assert_eq!(read(&found.bytes).unwrap().bytes, found.bytes);
    }
}
