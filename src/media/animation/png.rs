//! Animated PNG (PNG third edition §4.9): the frames and their colours; texts, times and places go.

use std::io::{Read as _, Write as _};

use flate2::Compression;
use flate2::read::ZlibDecoder;
use flate2::write::ZlibEncoder;

use super::{Found, Reader};
use crate::media::colours;

/// What every PNG begins with.
const SIGNATURE: [u8; 8] = *b"\x89PNG\r\n\x1a\n";
/// The chunks that are kept as they are.
const KEPT: [&[u8; 4]; 13] = [
    b"IHDR", b"PLTE", b"tRNS", b"gAMA", b"cHRM", b"sRGB", b"cICP", b"bKGD", b"acTL", b"fcTL",
    b"fdAT", b"IDAT", b"IEND",
];
/// Most bytes of a profile, unpacked.
const PROFILE: u64 = 4 << 20;

/// The frames of an animated PNG.
pub(super) fn read(bytes: &[u8]) -> Option<Found> {
    let mut reader = Reader(bytes);
    if reader.array()? != SIGNATURE {
        return None;
    }
    let (mut kept, mut size, mut frames) = (SIGNATURE.to_vec(), None, 0);
    while let Some((kind, content, whole)) = chunk(&mut reader) {
        if let (b"IHDR", [w0, w1, w2, w3, h0, h1, h2, h3, ..]) = (&kind, content) {
            size = Some((
                u32::from_be_bytes([*w0, *w1, *w2, *w3]),
                u32::from_be_bytes([*h0, *h1, *h2, *h3]),
            ));
        }
        frames += u64::from(kind == *b"fcTL");
        if KEPT.contains(&&kind) {
            kept.extend(whole);
        } else if kind == *b"iCCP" {
            kept.extend(profile(content).unwrap_or_default());
        }
        if kind == *b"IEND" {
            break;
        }
    }
    Some(Found {
        bytes: kept,
        size: size?,
        frames,
    })
}

/// A chunk's kind, its content, and all of it.
fn chunk<'a>(reader: &mut Reader<'a>) -> Option<([u8; 4], &'a [u8], &'a [u8])> {
    let length = usize::try_from(u32::from_be_bytes(*reader.0.first_chunk()?)).ok()?;
    let whole = reader.take(length.checked_add(12)?)?;
    let kind = *whole.get(4..)?.first_chunk()?;
    Some((kind, whole.get(8..8 + length)?, whole))
}

/// The chunk of a colour profile, without the names in it.
fn profile(content: &[u8]) -> Option<Vec<u8>> {
    let name = content.iter().position(|byte| *byte == 0)?;
    let mut unpacked = Vec::new();
    ZlibDecoder::new(content.get(name + 2..)?)
        .take(PROFILE)
        .read_to_end(&mut unpacked)
        .ok()?;
    let mut packer = ZlibEncoder::new(b"iCCPicc\0\0".to_vec(), Compression::default());
    packer.write_all(&colours::nameless(&unpacked)?).ok()?;
    let inside = packer.finish().ok()?;
    let mut crc = flate2::Crc::new();
    crc.update(&inside);
    let length = u32::try_from(inside.len() - 4).ok()?;
    Some([&length.to_be_bytes()[..], &inside, &crc.sum().to_be_bytes()].concat())
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use image::{AnimationDecoder as _, codecs::png::PngDecoder};

    use super::{SIGNATURE, read};

    fn chunk(kind: &[u8], content: &[u8]) -> Vec<u8> {
        let inside = [kind, content].concat();
        let mut crc = flate2::Crc::new();
        crc.update(&inside);
        let length = u32::try_from(content.len()).unwrap();
        [&length.to_be_bytes()[..], &inside, &crc.sum().to_be_bytes()].concat()
    }

    fn animated() -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut encoder = png::Encoder::new(&mut bytes, 8, 4);
        encoder.set_color(png::ColorType::Grayscale);
        encoder.set_animated(3, 0).unwrap();
        let mut writer = encoder.write_header().unwrap();
        for value in [10, 130, 250] {
            writer.write_image_data(&[value; 32]).unwrap();
        }
        writer.finish().unwrap();
        bytes
    }

    #[test]
    fn frames_stay_and_texts_go() {
        let plain = animated();
        let wide = moxcms::ColorProfile::new_display_p3().encode().unwrap();
        let mut packed =
            flate2::write::ZlibEncoder::new(b"GONE\0\0".to_vec(), flate2::Compression::default());
        std::io::Write::write_all(&mut packed, &wide).unwrap();
        // After the signature and the head.
        let (head, rest) = plain.split_at(33);
        let marked = [
            head,
            &chunk(b"iCCP", &packed.finish().unwrap()),
            &chunk(b"tEXt", b"Comment\0GONE"),
            &chunk(b"eXIf", b"GONE"),
            rest,
            b"GONE",
        ]
        .concat();
        let found = read(&marked).unwrap();
        assert_eq!((found.frames, found.size), (3, (8, 4)));
        assert!(found.bytes.starts_with(&SIGNATURE));
        assert!(!found.bytes.windows(4).any(|four| four == b"GONE"));
        assert!(found.bytes.windows(4).any(|four| four == b"iCCP"));
        let decoder = PngDecoder::new(Cursor::new(&found.bytes))
            .unwrap()
            .apng()
            .unwrap();
        let frames = decoder.into_frames().collect_frames().unwrap();
        let values = frames.iter().map(|frame| frame.buffer().get_pixel(3, 3)[0]);
        assert_eq!(values.collect::<Vec<_>>(), [10, 130, 250]);
    }
}
