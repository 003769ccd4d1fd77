//! The house as an icon: its logo on its colour, or a door on it.

use image::imageops::FilterType;
use image::{DynamicImage, ImageFormat, Rgba, RgbaImage};

use super::files;
use crate::app::App;
use crate::error::Result;
use crate::nodes::house::House;

/// The outline of a house with an open door, on a field of 64 by 64.
const DOOR: [(f64, f64); 11] = [
    (14.0, 50.0),
    (14.0, 26.0),
    (32.0, 12.0),
    (50.0, 26.0),
    (50.0, 50.0),
    (38.0, 50.0),
    (38.0, 36.0),
    (26.0, 36.0),
    (26.0, 50.0),
    (14.0, 50.0),
    (14.0, 50.0),
];

/// The icon as SVG, with the door.
pub fn svg(house: &House) -> String {
    let points: Vec<String> = DOOR.iter().map(|(x, y)| format!("{x},{y}")).collect();
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 64 64\"><rect width=\"64\" height=\"64\" rx=\"12\" fill=\"{}\"/><polygon points=\"{}\" fill=\"#fff\"/></svg>",
        house.accent,
        points.join(" ")
    )
}

/// The icon as PNG of so many pixels, filled to the edges so that devices may cut it as they like.
///
/// # Errors
/// What the storage says.
pub async fn png(app: &App, house: &House, size: u32) -> Result<Vec<u8>> {
    let key = format!(
        "{} {} {size}",
        house.accent,
        house.look.logo.as_deref().unwrap_or_default()
    );
    if let Some(drawn) = app.icons.get(&key) {
        return Ok(drawn);
    }
    let logo = match &house.look.logo {
        Some(file) => Some(app.media.read(&files::stored(app, file).await?).await?),
        None => None,
    };
    let ground = colour(&house.accent);
    let drawn = tokio::task::spawn_blocking(move || draw(ground, logo.as_deref(), size));
    let drawn = drawn.await.map_err(anyhow::Error::from)??;
    app.icons.put(key, drawn.clone());
    Ok(drawn)
}

fn colour(accent: &str) -> Rgba<u8> {
    let part = |at: usize| {
        let digits = accent.get(at..at + 2).unwrap_or("00");
        u8::from_str_radix(digits, 16).unwrap_or(0)
    };
    Rgba([part(1), part(3), part(5), 255])
}

fn draw(ground: Rgba<u8>, logo: Option<&[u8]>, size: u32) -> anyhow::Result<Vec<u8>> {
    let mut icon = RgbaImage::from_pixel(size, size, ground);
    match logo.and_then(|bytes| image::load_from_memory(bytes).ok()) {
        Some(logo) => {
            let logo = logo.resize(size * 14 / 25, size * 14 / 25, FilterType::CatmullRom);
            let (x, y) = ((size - logo.width()) / 2, (size - logo.height()) / 2);
            image::imageops::overlay(&mut icon, &logo.to_rgba8(), x.into(), y.into());
        }
        None => draw_door(&mut icon, size),
    }
    let mut bytes = std::io::Cursor::new(Vec::new());
    DynamicImage::ImageRgba8(icon).write_to(&mut bytes, ImageFormat::Png)?;
    Ok(bytes.into_inner())
}

fn draw_door(icon: &mut RgbaImage, size: u32) {
    let scale = 64.0 / f64::from(size);
    for (x, y, pixel) in icon.enumerate_pixels_mut() {
        let inside = [(0.25, 0.25), (0.75, 0.25), (0.25, 0.75), (0.75, 0.75)]
            .iter()
            .filter(|(dx, dy)| is_in_door((f64::from(x) + dx) * scale, (f64::from(y) + dy) * scale))
            .count();
        let white = inside as u16;
        for part in pixel.0.iter_mut().take(3) {
            *part = ((u16::from(*part) * (4 - white) + 255 * white) / 4) as u8;
        }
    }
}

/// Whether a point lies within the outline: its ray to the right crosses it an odd number of times.
fn is_in_door(x: f64, y: f64) -> bool {
    let crossings = DOOR.windows(2).filter(|edge| {
        let ((ax, ay), (bx, by)) = (edge[0], edge[1]);
        (ay > y) != (by > y) && x < (bx - ax) * (y - ay) / (by - ay) + ax
    });
    crossings.count() % 2 == 1
}

#[cfg(test)]
mod tests {
    use super::is_in_door;

    #[test]
    fn the_door_stands_open() {
        assert!(is_in_door(32.0, 20.0) && is_in_door(20.0, 45.0));
        assert!(!is_in_door(32.0, 45.0) && !is_in_door(5.0, 5.0));
    }
}
