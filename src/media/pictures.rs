//! Pictures: decoded within bounds, turned upright, stripped of everything but the picture, made smaller.

use std::io::Cursor;
use std::path::Path;

use image::codecs::jpeg::JpegEncoder;
use image::imageops::FilterType;
use image::metadata::Orientation;
use image::{DynamicImage, ImageFormat};
use tokio::sync::Semaphore;

use super::animation;
use super::colours;
use super::decode;
use super::kinds::{HEAD, Kind};
use crate::error::{Error, Result};

/// One decode at a time, so that the bound on memory holds for the node.
static TURN: Semaphore = Semaphore::const_new(1);

/// How large a picture is kept.
#[derive(Clone, Copy, Debug)]
pub struct Shape {
    /// Longest side.
    pub longest: u32,
    /// Whether it is cut to this ratio, width to height.
    pub ratio: Option<(u32, u32)>,
    /// Whether it goes on moving where it moves.
    pub motion: Motion,
}

/// What becomes of a picture that moves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Motion {
    /// Its first frame stays.
    Stilled,
    /// It moves; one too large is refused.
    Kept,
    /// It moves; of one too large the first frame stays.
    KeptWithinBounds,
}

/// Of a post.
pub const POST: Shape = Shape {
    longest: 2048,
    ratio: None,
    motion: Motion::Kept,
};
/// Of a profile.
pub const AVATAR: Shape = Shape {
    longest: 400,
    ratio: Some((1, 1)),
    motion: Motion::Stilled,
};
/// Above a profile.
pub const HEADER: Shape = Shape {
    longest: 1500,
    ratio: Some((3, 1)),
    motion: Motion::Stilled,
};
/// Across the front page of the house.
pub const HERO: Shape = Shape {
    longest: 2000,
    ratio: None,
    motion: Motion::Stilled,
};
/// Beside the name of the house.
pub const LOGO: Shape = Shape {
    longest: 512,
    ratio: None,
    motion: Motion::Stilled,
};
/// Shown for a sound or a video.
pub const COVER: Shape = Shape {
    longest: 1200,
    ratio: None,
    motion: Motion::Stilled,
};
/// A copy of a remote picture that may move.
pub const MOVING_COPY: Shape = Shape {
    motion: Motion::KeptWithinBounds,
    ..COPY
};
/// A copy of a remote picture.
pub const COPY: Shape = Shape {
    longest: 1600,
    ratio: None,
    motion: Motion::Stilled,
};

/// A picture ready to be stored.
#[derive(Debug)]
pub struct Picture {
    /// Encoded anew, or the frames of a moving one.
    pub bytes: Vec<u8>,
    /// A small version, JPEG.
    pub preview: Vec<u8>,
    /// The media type.
    pub media_type: &'static str,
    /// The extension of its file.
    pub extension: &'static str,
    /// Pixels across.
    pub width: u32,
    /// Pixels down.
    pub height: u32,
    /// A blurred sketch of it.
    pub blurhash: String,
}

/// Processes a picture somebody sent.
///
/// # Errors
/// `Invalid` with a sentence when it is no JPEG, PNG, GIF or WebP, is broken or too large.
pub async fn process(bytes: Vec<u8>, shape: Shape) -> Result<Picture> {
    let _turn = TURN.acquire().await.map_err(anyhow::Error::from)?;
    tokio::task::spawn_blocking(move || process_now(&bytes, shape))
        .await
        .map_err(anyhow::Error::from)?
}

/// As [`process`], of a file, which is read when its turn has come.
///
/// # Errors
/// As [`process`].
pub async fn process_file(path: &Path, shape: Shape) -> Result<Picture> {
    let _turn = TURN.acquire().await.map_err(anyhow::Error::from)?;
    let path = path.to_owned();
    tokio::task::spawn_blocking(move || process_now(&std::fs::read(path)?, shape))
        .await
        .map_err(anyhow::Error::from)?
}

/// The sketch of a picture as a PNG; nothing where the sketch cannot be read.
pub fn sketch(blurhash: &str, (width, height): (u32, u32)) -> Option<Vec<u8>> {
    let pixels = blurhash::decode(blurhash, width, height, 1.0).ok()?;
    let picture = image::RgbaImage::from_raw(width, height, pixels)?;
    let mut bytes = Cursor::new(Vec::new());
    picture.write_to(&mut bytes, ImageFormat::Png).ok()?;
    Some(bytes.into_inner())
}

/// The sketch of a picture as a `data:` address; nothing where the sketch cannot be read.
pub fn blur(blurhash: &str) -> Option<String> {
    use base64::Engine as _;
    let bytes = sketch(blurhash, (32, 18))?;
    let encoded = base64::engine::general_purpose::STANDARD.encode(bytes);
    Some(format!("data:image/png;base64,{encoded}"))
}

fn process_now(bytes: &[u8], shape: Shape) -> Result<Picture> {
    let broken = || Error::invalid("picture", "error-picture-broken");
    if Kind::tell(bytes.get(..HEAD.min(bytes.len())).unwrap_or_default())? != Kind::Picture {
        return Err(Error::invalid("picture", "error-picture-kind"));
    }
    let format =
        image::guess_format(bytes).map_err(|_| Error::invalid("picture", "error-picture-kind"))?;
    if !matches!(
        format,
        ImageFormat::Jpeg | ImageFormat::Png | ImageFormat::Gif | ImageFormat::WebP
    ) {
        return Err(Error::invalid("picture", "error-picture-kind"));
    }
    let moving = match shape.motion {
        Motion::Stilled => None,
        Motion::Kept => animation::keep(bytes, format)?,
        Motion::KeptWithinBounds => animation::keep(bytes, format).unwrap_or_default(),
    };
    let decoded = decode::decode(bytes, format, shape.longest)?;
    let mut picture = fit(decoded.picture, decoded.orientation, shape);
    if let Some(profile) = decoded.profile {
        picture = colours::to_srgb(picture, &profile);
    }
    let still = encode(&picture).map_err(|_| broken())?;
    Ok(match moving {
        None => still,
        Some(moving) => Picture {
            bytes: moving.bytes,
            media_type: moving.media_type,
            extension: moving.extension,
            width: moving.width,
            height: moving.height,
            ..still
        },
    })
}

/// Turns a picture upright and brings it into its shape. It is made smaller before it is turned, which copies it.
fn fit(picture: DynamicImage, orientation: Orientation, shape: Shape) -> DynamicImage {
    let Some((across, down)) = shape.ratio else {
        let mut picture = smaller(picture, shape.longest);
        picture.apply_orientation(orientation);
        return picture;
    };
    // Twice what is needed is enough to cut from, unless it is very long.
    let enough = 2 * shape.longest;
    let (short, long) = (
        picture.width().min(picture.height()),
        picture.width().max(picture.height()),
    );
    let mut picture = if long > enough && u64::from(short) * 2 > u64::from(long) {
        picture.thumbnail(enough, enough)
    } else {
        picture
    };
    picture.apply_orientation(orientation);
    let w = shape.longest.min(picture.width()).max(1);
    let h = (w * down / across).max(1);
    picture.resize_to_fill(w, h, FilterType::CatmullRom)
}

/// Bytes between the two steps of a fine resize; what would take more is averaged in one.
const BETWEEN: u64 = 48 << 20;

fn smaller(picture: DynamicImage, longest: u32) -> DynamicImage {
    let (width, height) = (picture.width(), picture.height());
    if width.max(height) <= longest {
        return picture;
    }
    let rows = u64::from(height) * u64::from(longest) / u64::from(width.max(height));
    if u64::from(width) * rows * 16 > BETWEEN {
        picture.thumbnail(longest, longest)
    } else {
        picture.resize(longest, longest, FilterType::CatmullRom)
    }
}

fn jpeg(picture: &DynamicImage, quality: u8) -> image::ImageResult<Vec<u8>> {
    let mut bytes = Vec::new();
    picture
        .to_rgb8()
        .write_with_encoder(JpegEncoder::new_with_quality(&mut bytes, quality))?;
    Ok(bytes)
}

fn encode(picture: &DynamicImage) -> image::ImageResult<Picture> {
    let transparent =
        picture.color().has_alpha() && picture.to_rgba8().pixels().any(|pixel| pixel.0[3] < 255);
    let (bytes, media_type, extension) = if transparent {
        let mut bytes = Cursor::new(Vec::new());
        picture.to_rgba8().write_to(&mut bytes, ImageFormat::Png)?;
        (bytes.into_inner(), "image/png", "png")
    } else {
        (jpeg(picture, 86)?, "image/jpeg", "jpg")
    };
    let preview = jpeg(&picture.thumbnail(640, 640), 80)?;
    let tiny = picture.thumbnail(32, 32).to_rgba8();
    let blurhash =
        blurhash::encode(4, 3, tiny.width(), tiny.height(), tiny.as_raw()).unwrap_or_default();
    Ok(Picture {
        bytes,
        preview,
        media_type,
        extension,
        width: picture.width(),
        height: picture.height(),
        blurhash,
    })
}

#[cfg(test)]
mod tests {
    use super::{Motion, POST, Shape, process_now};
    use image::{DynamicImage, ImageFormat};

    fn png(width: u32, height: u32) -> Vec<u8> {
        let mut bytes = std::io::Cursor::new(Vec::new());
        DynamicImage::new_rgb8(width, height)
            .write_to(&mut bytes, ImageFormat::Png)
            .unwrap();
        bytes.into_inner()
    }

    #[test]
    fn pictures_are_made_smaller_and_cut() {
        let picture = process_now(&png(3000, 1000), POST).unwrap();
        assert_eq!((picture.width, picture.height), (2048, 683));
        let picture = process_now(
            &png(300, 200),
            Shape {
                longest: 100,
                ratio: Some((1, 1)),
                motion: Motion::Stilled,
            },
        )
        .unwrap();
        assert_eq!((picture.width, picture.height), (100, 100));
        assert!(!picture.blurhash.is_empty());
    }

    #[test]
    fn what_is_no_picture_is_refused() {
        let mut cut = png(100, 100);
        cut.truncate(60);
        for bytes in [
            &cut[..],
            b"<svg xmlns=\"http://www.w3.org/2000/svg\"/>",
            b"<html>",
            b"push graphic-context",
            b"",
            b"\0\0\0\x18ftypheic",
        ] {
            assert!(process_now(bytes, POST).is_err());
        }
        // A header that claims 65,535 pixels a side is refused before anything is decoded.
        let mut bomb = png(10, 10);
        bomb[16..24].copy_from_slice(&[0, 0, 0xff, 0xff, 0, 0, 0xff, 0xff]);
        assert!(process_now(&bomb, POST).is_err());
    }
}
