//! WebP (RFC 9649): the frames of an animation and its colours; what cameras and programs added goes.

use super::{Found, Reader};
use crate::media::colours;

/// Flags of the head: there is a colour profile, Exif, XMP, an animation (RFC 9649 §2.7.1).
const PROFILE: u8 = 0x20;
const EXIF: u8 = 0x08;
const XMP: u8 = 0x04;
const ANIMATED: u8 = 0x02;

/// The frames of a WebP that is animated.
pub(super) fn read(bytes: &[u8]) -> Option<Found> {
    let mut reader = Reader(bytes.get(12..)?);
    let (kind, head) = chunk(&mut reader)?;
    let [flags, _, _, _, w0, w1, w2, h0, h1, h2] = *head else {
        return None;
    };
    if kind != *b"VP8X" || flags & ANIMATED == 0 {
        return None;
    }
    let (mut kept, mut profile, mut frames) = (Vec::new(), Vec::new(), 0);
    while let Some((kind, content)) = chunk(&mut reader) {
        match &kind {
            b"ICCP" => profile = colours::nameless(content).unwrap_or_default(),
            b"ANIM" if content.len() == 6 => put(&mut kept, *b"ANIM", content),
            b"ANMF" => {
                put(&mut kept, *b"ANMF", &frame(content)?);
                frames += 1;
            }
            _ => {}
        }
    }
    let has_profile = if profile.is_empty() { 0 } else { PROFILE };
    let flags = flags & !(PROFILE | EXIF | XMP) | has_profile;
    let mut inside = b"WEBP".to_vec();
    put(&mut inside, *b"VP8X", &[&[flags], head.get(1..)?].concat());
    if !profile.is_empty() {
        put(&mut inside, *b"ICCP", &profile);
    }
    inside.extend(kept);
    let mut whole = Vec::with_capacity(inside.len() + 8);
    put(&mut whole, *b"RIFF", &inside);
    Some(Found {
        bytes: whole,
        size: (
            u32::from_le_bytes([w0, w1, w2, 0]) + 1,
            u32::from_le_bytes([h0, h1, h2, 0]) + 1,
        ),
        frames,
    })
}

fn chunk<'a>(reader: &mut Reader<'a>) -> Option<([u8; 4], &'a [u8])> {
    let kind = reader.array()?;
    let length = usize::try_from(u32::from_le_bytes(reader.array()?)).ok()?;
    let content = reader.take(length)?;
    // The last one may lack what makes it even.
    let _ = reader.take(length % 2);
    Some((kind, content))
}

fn put(into: &mut Vec<u8>, kind: [u8; 4], content: &[u8]) {
    into.extend(kind);
    into.extend(u32::try_from(content.len()).unwrap_or(0).to_le_bytes());
    into.extend(content);
    into.resize(into.len() + content.len() % 2, 0);
}

/// A frame: its place and time, its pixels, and how clear they are (RFC 9649 §2.7.1.1).
fn frame(content: &[u8]) -> Option<Vec<u8>> {
    let mut reader = Reader(content);
    let mut kept = reader.take(16)?.to_vec();
    while let Some((kind, content)) = chunk(&mut reader) {
        if matches!(&kind, b"ALPH" | b"VP8 " | b"VP8L") {
            put(&mut kept, kind, content);
        }
    }
    Some(kept)
}

#[cfg(test)]
mod tests {
    use image::{AnimationDecoder as _, ImageFormat, Rgba, RgbaImage, codecs::webp::WebPDecoder};
    use std::io::Cursor;

    use super::{put, read};

    /// An animation of stills, with what a camera and a program left in it.
    fn animated(values: &[u8]) -> Vec<u8> {
        let mut inside = b"WEBP".to_vec();
        put(&mut inside, *b"VP8X", &[0x0e, 0, 0, 0, 7, 0, 0, 3, 0, 0]);
        put(&mut inside, *b"ANIM", &[0; 6]);
        for value in values {
            let picture = RgbaImage::from_pixel(8, 4, Rgba([*value, 9, 90, 255]));
            let mut still = Cursor::new(Vec::new());
            picture.write_to(&mut still, ImageFormat::WebP).unwrap();
            let mut frame = vec![0, 0, 0, 0, 0, 0, 7, 0, 0, 3, 0, 0, 100, 0, 0, 0];
            put(&mut frame, *b"GONE", b"GONE!");
            frame.extend(&still.into_inner()[12..]);
            put(&mut inside, *b"ANMF", &frame);
        }
        put(&mut inside, *b"EXIF", b"GONE");
        put(&mut inside, *b"XMP ", b"GONE");
        let mut whole = Vec::new();
        put(&mut whole, *b"RIFF", &inside);
        whole
    }

    #[test]
    fn frames_stay_and_what_a_camera_said_goes() {
        let found = read(&animated(&[10, 130, 250])).unwrap();
        assert_eq!((found.frames, found.size), (3, (8, 4)));
        assert!(!found.bytes.windows(4).any(|four| four == b"GONE"));
        let decoder = WebPDecoder::new(Cursor::new(&found.bytes)).unwrap();
        let frames = decoder.into_frames().collect_frames().unwrap();
        let reds = frames.iter().map(|frame| frame.buffer().get_pixel(3, 3)[0]);
        for (red, meant) in reds.zip([10_u8, 130, 250]) {
            assert!(red.abs_diff(meant) <= 1, "{red} for {meant}");
        }
        let bytes = animated(&[1, 2]);
        for length in 0..bytes.len() {
            let _ = read(&bytes[..length]);
        }
    }
}
