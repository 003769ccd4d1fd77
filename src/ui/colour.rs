//! The house's colours: from one accent everything else, legible in light and dark.

use std::fmt::Write as _;

/// A colour in OKLCH: lightness 0 to 1, chroma, hue in degrees.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Oklch {
    l: f64,
    c: f64,
    h: f64,
}

/// A colour in linear sRGB, each part 0 to 1.
type Linear = [f64; 3];

fn linear_of_hex(hex: &str) -> Option<Linear> {
    let digits = hex.strip_prefix('#').filter(|digits| digits.len() == 6)?;
    let part = |at: usize| -> Option<f64> {
        let value = f64::from(u8::from_str_radix(digits.get(at..at + 2)?, 16).ok()?) / 255.0;
        Some(if value <= 0.04045 {
            value / 12.92
        } else {
            ((value + 0.055) / 1.055).powf(2.4)
        })
    };
    Some([part(0)?, part(2)?, part(4)?])
}

impl Oklch {
    /// Reads `#rrggbb`.
    pub fn of_hex(hex: &str) -> Option<Self> {
        let [r, g, b] = linear_of_hex(hex)?;
        let l = (0.412_221_470_8 * r + 0.536_332_536_3 * g + 0.051_445_992_9 * b).cbrt();
        let m = (0.211_903_498_2 * r + 0.680_699_545_1 * g + 0.107_396_956_6 * b).cbrt();
        let s = (0.088_302_461_9 * r + 0.281_718_837_6 * g + 0.629_978_700_5 * b).cbrt();
        let lightness = 0.210_454_255_3 * l + 0.793_617_785_0 * m - 0.004_072_046_8 * s;
        let a = 1.977_998_495_1 * l - 2.428_592_205_0 * m + 0.450_593_709_9 * s;
        let b = 0.025_904_037_1 * l + 0.782_771_766_2 * m - 0.808_675_766_0 * s;
        Some(Self {
            l: lightness,
            c: a.hypot(b),
            h: b.atan2(a).to_degrees().rem_euclid(360.0),
        })
    }

    fn linear(self) -> Linear {
        let (a, b) = (
            self.c * self.h.to_radians().cos(),
            self.c * self.h.to_radians().sin(),
        );
        let l = (self.l + 0.396_337_777_4 * a + 0.215_803_757_3 * b).powi(3);
        let m = (self.l - 0.105_561_345_8 * a - 0.063_854_172_8 * b).powi(3);
        let s = (self.l - 0.089_484_177_5 * a - 1.291_485_548_0 * b).powi(3);
        [
            (4.076_741_662_1 * l - 3.307_711_591_3 * m + 0.230_969_929_2 * s).clamp(0.0, 1.0),
            (-1.268_438_004_6 * l + 2.609_757_401_1 * m - 0.341_319_396_5 * s).clamp(0.0, 1.0),
            (-0.004_196_086_3 * l - 0.703_418_614_7 * m + 1.707_614_701_0 * s).clamp(0.0, 1.0),
        ]
    }

    fn css(self) -> String {
        format!("oklch({:.1}% {:.3} {:.1})", self.l * 100.0, self.c, self.h)
    }
}

fn luminance([r, g, b]: Linear) -> f64 {
    0.2126 * r + 0.7152 * g + 0.0722 * b
}

/// The contrast of two colours (WCAG 2.2), 1 to 21.
fn contrast(a: Oklch, b: Oklch) -> f64 {
    let (a, b) = (luminance(a.linear()), luminance(b.linear()));
    (a.max(b) + 0.05) / (a.min(b) + 0.05)
}

/// The accent moved in lightness until it stands out from the ground, and the ink that reads best on it.
fn correct(accent: Oklch, ground: Oklch) -> (Oklch, Oklch) {
    let white = Oklch {
        l: 1.0,
        c: 0.0,
        h: 0.0,
    };
    let black = Oklch {
        l: 0.15,
        c: 0.01,
        h: accent.h,
    };
    let step = if ground.l > 0.5 { -0.01 } else { 0.01 };
    let mut accent = accent;
    for _ in 0..100 {
        let ink = if contrast(accent, white) >= contrast(accent, black) {
            white
        } else {
            black
        };
        if contrast(accent, ground) >= 4.5 && contrast(accent, ink) >= 4.5 {
            return (accent, ink);
        }
        accent.l = (accent.l + step).clamp(0.0, 1.0);
    }
    (accent, if ground.l > 0.5 { white } else { black })
}

/// The colours of a house as CSS custom properties, for both grounds.
pub fn theme(accent: &str) -> String {
    let accent = Oklch::of_hex(accent).unwrap_or(Oklch {
        l: 0.6,
        c: 0.2,
        h: 0.0,
    });
    let mut css = String::new();
    let light = Oklch {
        l: 0.985,
        c: 0.004,
        h: accent.h,
    };
    let dark = Oklch {
        l: 0.17,
        c: 0.012,
        h: accent.h,
    };
    for (ground, open, close) in [
        (light, ":root{", "}"),
        (dark, "@media (prefers-color-scheme:dark){:root{", "}}"),
    ] {
        let (shown, ink) = correct(accent, ground);
        let soft = Oklch {
            l: if ground.l > 0.5 { 0.95 } else { 0.26 },
            c: (accent.c * 0.25).min(0.05),
            h: accent.h,
        };
        let _ = writeln!(
            css,
            "{open}--hue:{:.1};--accent:{};--accent-ink:{};--accent-soft:{};{close}",
            accent.h,
            shown.css(),
            ink.css(),
            soft.css()
        );
    }
    css
}

#[cfg(test)]
mod tests {
    use super::{Oklch, contrast, correct};

    #[test]
    fn every_accent_becomes_legible() {
        for hex in [
            "#ffff00", "#ffffff", "#000000", "#ff0000", "#00ff00", "#0000ff", "#777777", "#d6336c",
        ] {
            let accent = Oklch::of_hex(hex).unwrap();
            for l in [0.985, 0.17] {
                let ground = Oklch {
                    l,
                    c: 0.004,
                    h: accent.h,
                };
                let (shown, ink) = correct(accent, ground);
                assert!(contrast(shown, ground) >= 3.0, "{hex} on {l}");
                assert!(contrast(shown, ink) >= 4.5, "ink on {hex} at {l}");
            }
        }
        assert!(Oklch::of_hex("red").is_none());
    }
}
