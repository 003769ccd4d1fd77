//! Colour profiles (ICC.1:2022): what was drawn for a wider or another gamut is shown in the colours it was meant in.

use std::panic::{AssertUnwindSafe, catch_unwind};

use image::{DynamicImage, GrayImage, RgbImage, RgbaImage};
use moxcms::{ColorProfile, DataColorSpace, Layout, TransformOptions};

/// Most bytes of a profile that is read.
const LARGEST: usize = 4 << 20;

/// Brings a picture from the colours of its profile to sRGB; as it is where the profile cannot be read, or is of
/// other colours than the picture.
pub(super) fn to_srgb(picture: DynamicImage, profile: &[u8]) -> DynamicImage {
    // A reader of profiles that breaks down has met a broken profile.
    let converted = catch_unwind(AssertUnwindSafe(|| converted(&picture, profile)));
    converted.ok().flatten().unwrap_or(picture)
}

fn read(profile: &[u8]) -> Option<ColorProfile> {
    (profile.len() <= LARGEST)
        .then(|| ColorProfile::new_from_slice(profile).ok())
        .flatten()
}

fn converted(picture: &DynamicImage, profile: &[u8]) -> Option<DynamicImage> {
    let profile = read(profile)?;
    let (width, height) = (picture.width(), picture.height());
    let colours = picture.color();
    match (
        profile.color_space,
        colours.has_color(),
        colours.has_alpha(),
    ) {
        (DataColorSpace::Rgb, true, true) => {
            let pixels = picture.to_rgba8().into_raw();
            let pixels = run(
                &profile,
                &pixels,
                (Layout::Rgba, Layout::Rgba),
                pixels.len(),
            )?;
            RgbaImage::from_raw(width, height, pixels).map(Into::into)
        }
        (DataColorSpace::Rgb, true, false) => {
            let pixels = picture.to_rgb8().into_raw();
            let pixels = run(&profile, &pixels, (Layout::Rgb, Layout::Rgb), pixels.len())?;
            RgbImage::from_raw(width, height, pixels).map(Into::into)
        }
        (DataColorSpace::Gray, false, false) => {
            let pixels = GrayImage::into_raw(picture.to_luma8());
            let layouts = (Layout::Gray, Layout::Rgb);
            let pixels = run(&profile, &pixels, layouts, pixels.len().checked_mul(3)?)?;
            RgbImage::from_raw(width, height, pixels).map(Into::into)
        }
        _ => None,
    }
}

fn run(
    profile: &ColorProfile,
    pixels: &[u8],
    (from, to): (Layout, Layout),
    length: usize,
) -> Option<Vec<u8>> {
    let srgb = ColorProfile::new_srgb();
    let options = TransformOptions::default();
    let transform = profile.create_transform_8bit(from, &srgb, to, options);
    let mut converted = vec![0; length];
    transform.ok()?.transform(pixels, &mut converted).ok()?;
    Some(converted)
}

/// A profile without the names, dates and devices in it; nothing where it cannot be read.
pub(super) fn nameless(profile: &[u8]) -> Option<Vec<u8>> {
    let written = catch_unwind(|| {
        let mut profile = read(profile)?;
        profile.copyright = None;
        profile.description = None;
        profile.device_manufacturer = None;
        profile.device_model = None;
        profile.char_target = None;
        profile.viewing_conditions_description = None;
        profile.technology = None;
        profile.calibration_date = None;
        profile.creation_date_time = ColorProfile::new_srgb().creation_date_time;
        profile.encode().ok()
    });
    written.ok().flatten()
}

#[cfg(test)]
mod tests {
    use image::{DynamicImage, Rgb, RgbImage};
    use moxcms::ColorProfile;

    use super::{nameless, to_srgb};

    #[test]
    fn wide_colours_become_what_was_meant() {
        let red = DynamicImage::from(RgbImage::from_pixel(3, 2, Rgb([234, 51, 35])));
        let wide = ColorProfile::new_display_p3().encode().unwrap();
        let Rgb([r, g, b]) = *to_srgb(red.clone(), &wide).to_rgb8().get_pixel(1, 1);
        assert!(r >= 254 && g <= 3 && b <= 3, "{r} {g} {b}");
        for broken in [&b""[..], b"profile", &wide[..wide.len() / 2]] {
            assert_eq!(to_srgb(red.clone(), broken), red, "{}", broken.len());
        }
    }

    #[test]
    fn a_profile_loses_its_names_and_keeps_its_colours() {
        let wide = ColorProfile::new_display_p3().encode().unwrap();
        let bare = nameless(&wide).unwrap();
        assert!(bare.len() < wide.len() && nameless(b"no profile").is_none());
        let red = DynamicImage::from(RgbImage::from_pixel(1, 1, Rgb([234, 51, 35])));
        assert_eq!(to_srgb(red.clone(), &wide), to_srgb(red, &bare));
    }
}
