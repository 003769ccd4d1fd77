//! Decoding a picture within a bound of memory: what is large is made smaller while it is decoded, where its format
//! allows that.

use std::io::Cursor;

use image::metadata::Orientation;
use image::{DynamicImage, ImageBuffer, ImageDecoder as _, ImageFormat, ImageReader, Limits};
use jpeg_decoder::PixelFormat;

use crate::error::{Error, Result};

/// Most pixels by the header, before anything is decoded.
const PIXELS: u64 = 50_000_000;
/// Bytes of a picture that is decoded whole.
const WHOLE: u64 = 64 << 20;
/// Bytes that a JPEG in several passes holds until the last of them.
const PASSES: u64 = 96 << 20;

fn broken() -> Error {
    Error::invalid("picture", "error-picture-broken")
}

/// Too large; so many millions of pixels work in its format.
fn large(megapixels: u64) -> Error {
    Error::invalid_with("picture", "error-picture-large", megapixels)
}

/// A picture as it was decoded.
#[derive(Debug)]
pub(super) struct Decoded {
    /// Its pixels.
    pub picture: DynamicImage,
    /// How it is to be turned.
    pub orientation: Orientation,
    /// What its colours mean, where it says so.
    pub profile: Option<Vec<u8>>,
}

/// Decodes a picture whose longest side matters up to so many pixels.
///
/// # Errors
/// `Invalid` with a sentence when it is broken or too large.
pub(super) fn decode(bytes: &[u8], format: ImageFormat, longest: u32) -> Result<Decoded> {
    let mut reader = ImageReader::with_format(Cursor::new(bytes), format);
    let mut limits = Limits::default();
    limits.max_alloc = Some(2 * WHOLE);
    reader.limits(limits);
    let mut decoder = reader.into_decoder().map_err(|_| broken())?;
    let (width, height) = decoder.dimensions();
    let pixels = u64::from(width) * u64::from(height);
    if pixels > PIXELS || pixels == 0 {
        return Err(large(PIXELS / 1_000_000));
    }
    let orientation = decoder.orientation().map_err(|_| broken())?;
    let profile = decoder.icc_profile().unwrap_or_default();
    let total = decoder.total_bytes();
    let picture = match format {
        ImageFormat::Jpeg if total > WHOLE / 2 => smaller_jpeg(bytes, longest)?,
        ImageFormat::Png if total > WHOLE => smaller_png(bytes, longest)?,
        // Two of its frames are held at a time.
        ImageFormat::Gif if total > WHOLE / 2 => return Err(large(WHOLE / 2 / 4_000_000)),
        _ if total > WHOLE => return Err(large(WHOLE / 4_000_000)),
        _ => DynamicImage::from_decoder(decoder).map_err(|_| broken())?,
    };
    Ok(Decoded {
        picture,
        orientation,
        profile,
    })
}

/// A JPEG of a half, a quarter or an eighth of its size, as far as that is still enough (ITU-T T.81 A.3.3).
fn smaller_jpeg(bytes: &[u8], longest: u32) -> Result<DynamicImage> {
    if let Some(held) = held_by_passes(bytes).filter(|held| *held > PASSES) {
        let pixels = dimensions(bytes).map_or(PIXELS, |(width, height)| {
            u64::from(width) * u64::from(height)
        });
        return Err(large((PASSES * pixels / held / 1_000_000).max(1)));
    }
    let side = |side: u32| u16::try_from(side).unwrap_or(u16::MAX);
    let mut decoder = jpeg_decoder::Decoder::new(Cursor::new(bytes));
    decoder
        .scale(side(longest), side(longest))
        .map_err(|_| broken())?;
    let pixels = decoder.decode().map_err(|_| broken())?;
    let info = decoder.info().ok_or_else(broken)?;
    let (width, height) = (info.width.into(), info.height.into());
    let picture = match info.pixel_format {
        PixelFormat::RGB24 => {
            ImageBuffer::from_raw(width, height, pixels).map(DynamicImage::ImageRgb8)
        }
        PixelFormat::L8 => {
            ImageBuffer::from_raw(width, height, pixels).map(DynamicImage::ImageLuma8)
        }
        // Of print, or of medicine.
        PixelFormat::CMYK32 | PixelFormat::L16 => return Err(large(WHOLE / 2 / 3_000_000)),
    };
    picture.ok_or_else(broken)
}

/// Width and height of a JPEG.
fn dimensions(bytes: &[u8]) -> Option<(u16, u16)> {
    let frame = frame_of(bytes)?.1;
    let number = |at: usize| Some(u16::from_be_bytes([*frame.get(at)?, *frame.get(at + 1)?]));
    number(3).zip(number(1))
}

/// How many bytes a JPEG in several passes holds until its last one; nothing for one of a single pass.
fn held_by_passes(bytes: &[u8]) -> Option<u64> {
    let (kind, frame) = frame_of(bytes)?;
    // 0xc2 and its relatives are progressive.
    if !matches!(kind, 0xc2 | 0xc6 | 0xca | 0xce) {
        return None;
    }
    let (width, height) = dimensions(bytes)?;
    let parts = frame.get(6..)?.as_chunks::<3>().0;
    let sampling = |part: &[u8; 3]| (u64::from(part[1] >> 4), u64::from(part[1] & 15));
    let parts: Vec<(u64, u64)> = parts.iter().map(sampling).collect();
    let across = parts.iter().map(|part| part.0).max()?.max(1);
    let down = parts.iter().map(|part| part.1).max()?.max(1);
    let whole = u64::from(width) * u64::from(height) * 2;
    Some(
        parts
            .iter()
            .map(|part| whole * part.0 * part.1 / (across * down))
            .sum(),
    )
}

/// The head of the frame of a JPEG: its kind and what is in it (ITU-T T.81 B.2.2).
fn frame_of(bytes: &[u8]) -> Option<(u8, &[u8])> {
    let mut at = 2;
    loop {
        let [0xff, kind] = *bytes.get(at..at + 2)? else {
            return None;
        };
        if kind == 0xff {
            at += 1;
            continue;
        }
        let length = usize::from(u16::from_be_bytes([
            *bytes.get(at + 2)?,
            *bytes.get(at + 3)?,
        ]));
        let is_frame = (0xc0..=0xcf).contains(&kind) && !matches!(kind, 0xc4 | 0xc8 | 0xcc);
        if is_frame {
            return Some((kind, bytes.get(at + 4..(at + 2).checked_add(length)?)?));
        }
        at = (at + 2).checked_add(length.max(2))?;
    }
}

/// A PNG whose squares of so many pixels became one each, row by row.
fn smaller_png(bytes: &[u8], longest: u32) -> Result<DynamicImage> {
    let mut decoder = png::Decoder::new(Cursor::new(bytes));
    decoder.set_transformations(png::Transformations::normalize_to_color8());
    decoder.set_ignore_text_chunk(true);
    let mut reader = decoder.read_info().map_err(|_| broken())?;
    let info = reader.info();
    if info.interlaced {
        return Err(large(WHOLE / 4_000_000));
    }
    let (width, height) = (info.width, info.height);
    let (colour, _) = reader.output_color_type();
    let channels = colour.samples();
    let square = (width.max(height) / longest.max(1)).max(1);
    let (across, down) = (width.div_ceil(square), height.div_ceil(square));
    let mut pixels = Vec::with_capacity(across as usize * down as usize * channels);
    let mut sums = vec![0_u32; across as usize * channels];
    for row in 0..height {
        let line = reader
            .next_row()
            .map_err(|_| broken())?
            .ok_or_else(broken)?;
        for (x, pixel) in line.data().chunks_exact(channels).enumerate() {
            let from = x / square as usize * channels;
            let into = sums.get_mut(from..from + channels).ok_or_else(broken)?;
            for (sum, part) in into.iter_mut().zip(pixel) {
                *sum += u32::from(*part);
            }
        }
        let is_last = row + 1 == height;
        if (row + 1) % square == 0 || is_last {
            let rows = row % square + 1;
            for (x, sums) in sums.chunks_exact_mut(channels).enumerate() {
                let left = width - u32::try_from(x).unwrap_or(0) * square;
                let count = rows * left.min(square);
                for sum in sums {
                    pixels.push(u8::try_from(*sum / count).unwrap_or(u8::MAX));
                    *sum = 0;
                }
            }
        }
    }
    let picture = match colour {
        png::ColorType::Grayscale => {
            ImageBuffer::from_raw(across, down, pixels).map(DynamicImage::ImageLuma8)
        }
        png::ColorType::GrayscaleAlpha => {
            ImageBuffer::from_raw(across, down, pixels).map(DynamicImage::ImageLumaA8)
        }
        png::ColorType::Rgba => {
            ImageBuffer::from_raw(across, down, pixels).map(DynamicImage::ImageRgba8)
        }
        _ => ImageBuffer::from_raw(across, down, pixels).map(DynamicImage::ImageRgb8),
    };
    picture.ok_or_else(broken)
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use image::{ImageFormat, Rgb, RgbImage};

    use super::{decode, held_by_passes};

    /// Two halves, red above blue.
    fn halves(width: u32, height: u32, format: ImageFormat) -> Vec<u8> {
        let picture = RgbImage::from_fn(width, height, |_, y| {
            if y < height / 2 {
                Rgb([250, 0, 0])
            } else {
                Rgb([0, 0, 250])
            }
        });
        let mut bytes = Cursor::new(Vec::new());
        picture.write_to(&mut bytes, format).unwrap();
        bytes.into_inner()
    }

    #[test]
    fn large_pictures_become_smaller_while_they_are_decoded() {
        for format in [ImageFormat::Jpeg, ImageFormat::Png] {
            let bytes = halves(7_000, 7_000, format);
            let picture = decode(&bytes, format, 2_048).unwrap().picture;
            let (width, height) = (picture.width(), picture.height());
            assert!(
                width == height && (2_048..=4_096).contains(&width),
                "{format:?}: {width}"
            );
            let picture = picture.to_rgb8();
            let (above, below) = (picture.get_pixel(9, 9), picture.get_pixel(9, height - 9));
            assert!(above[0] > 200 && above[2] < 60, "{format:?}: {above:?}");
            assert!(below[2] > 200 && below[0] < 60, "{format:?}: {below:?}");
        }
        let odd = halves(9_001, 4_999, ImageFormat::Png);
        let picture = decode(&odd, ImageFormat::Png, 2_048).unwrap().picture;
        assert_eq!((picture.width(), picture.height()), (2_251, 1_250));
    }

    #[test]
    fn what_cannot_be_made_smaller_says_which_size_works() {
        let mut passes = halves(16, 16, ImageFormat::Jpeg);
        assert_eq!(held_by_passes(&passes), None);
        // The frame says that it comes in passes, and how large it is.
        let at = passes
            .windows(2)
            .position(|two| two == [0xff, 0xc0])
            .unwrap();
        passes[at + 1] = 0xc2;
        passes[at + 5..at + 9].copy_from_slice(&[0x1b, 0x58, 0x1b, 0x58]);
        let held = held_by_passes(&passes).unwrap();
        assert!(held >= 7_000 * 7_000 * 3, "{held}");
        let refused = decode(&passes, ImageFormat::Jpeg, 2_048).unwrap_err();
        assert!(
            refused.to_string().contains("error-picture-large"),
            "{refused}"
        );
    }
}
