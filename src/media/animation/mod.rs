//! Moving pictures: they stay in the container they came in, without what their makers left in it.

mod gif;
mod png;
mod webp;

use image::ImageFormat;

use crate::error::{Error, Result};

/// Most frames of one.
const FRAMES: u64 = 1_000;
/// Most pixels of all its frames together.
const PIXELS: u64 = 400_000_000;
/// Longest side, pixels.
const SIDE: u32 = 2_048;

/// A moving picture, ready to be kept.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Moving {
    /// Its container, with the frames and nothing else.
    pub bytes: Vec<u8>,
    /// Its media type.
    pub media_type: &'static str,
    /// The extension of its file.
    pub extension: &'static str,
    /// Pixels across.
    pub width: u32,
    /// Pixels down.
    pub height: u32,
}

/// What a container was found to hold.
struct Found {
    bytes: Vec<u8>,
    size: (u32, u32),
    frames: u64,
}

/// The picture in its container where it has several frames.
///
/// # Errors
/// `Invalid` with a sentence when it has too many of them, or they are too large.
pub(super) fn keep(bytes: &[u8], format: ImageFormat) -> Result<Option<Moving>> {
    let (found, media_type, extension) = match format {
        ImageFormat::Gif => (gif::read(bytes), "image/gif", "gif"),
        ImageFormat::WebP => (webp::read(bytes), "image/webp", "webp"),
        // Programs know it as what it also is; the extension says that it moves.
        ImageFormat::Png => (png::read(bytes), "image/png", "apng"),
        _ => return Ok(None),
    };
    let Some(found) = found.filter(|found| found.frames > 1) else {
        return Ok(None);
    };
    let (width, height) = found.size;
    let pixels = u64::from(width) * u64::from(height) * found.frames;
    if found.frames > FRAMES || pixels > PIXELS || width.max(height) > SIDE {
        let most = PIXELS / 1_000_000;
        return Err(Error::invalid_with(
            "picture",
            "error-animation-large",
            most,
        ));
    }
    Ok(Some(Moving {
        bytes: found.bytes,
        media_type,
        extension,
        width,
        height,
    }))
}

/// Reads what is asked for, and nothing where the bytes end before.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(taken)
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.take(N)?.try_into().ok()
    }
}

#[cfg(test)]
mod tests {
    use image::{Delay, Frame, ImageFormat, Rgba, RgbaImage};

    use super::{FRAMES, keep};

    /// A GIF of so many frames, each of one colour.
    pub(super) fn gif(frames: u8) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut encoder = image::codecs::gif::GifEncoder::new(&mut bytes);
        encoder
            .set_repeat(image::codecs::gif::Repeat::Infinite)
            .unwrap();
        for value in 0..frames {
            let picture = RgbaImage::from_pixel(8, 4, Rgba([value * 20, 9, 200, 255]));
            let delay = Delay::from_numer_denom_ms(100, 1);
            encoder
                .encode_frame(Frame::from_parts(picture, 0, 0, delay))
                .unwrap();
        }
        drop(encoder);
        bytes
    }

    #[test]
    fn one_frame_does_not_move_and_too_many_are_refused() {
        assert_eq!(keep(&gif(1), ImageFormat::Gif).unwrap(), None);
        let moving = keep(&gif(3), ImageFormat::Gif).unwrap().unwrap();
        assert_eq!((moving.width, moving.height), (8, 4));
        // The frames repeat what lies between the head and the end.
        let bytes = gif(2);
        let head = bytes.len()
            - bytes
                .windows(2)
                .rev()
                .position(|w| w == [0x21, 0xf9])
                .unwrap()
            - 2;
        let frame = bytes[head..bytes.len() - 1].to_vec();
        let many = usize::try_from(FRAMES).unwrap();
        let long = [&bytes[..head], &frame.repeat(many), b";"].concat();
        let refused = keep(&long, ImageFormat::Gif).unwrap_err();
        assert!(
            refused.to_string().contains("error-animation-large"),
            "{refused}"
        );
    }

    #[test]
    fn what_is_cut_short_does_no_harm() {
        let bytes = gif(3);
        for length in 0..bytes.len() {
            for format in [ImageFormat::Gif, ImageFormat::WebP, ImageFormat::Png] {
                let _ = keep(&bytes[..length], format);
            }
        }
    }
}
