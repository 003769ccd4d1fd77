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

/// One ground with everything that stands on it, as CSS custom properties.
fn tokens(accent: Oklch, light: bool) -> String {
    let ground = ground(accent, light);
    let (shown, ink) = correct(accent, ground);
    let on = |l: f64, c: f64| Oklch { l, c, h: accent.h }.css();
    let soft_chroma = (accent.c * 0.25).min(0.05);
    // Lightness and chroma of: raised, line, three inks, the accent's soft ground; and the two fixed colours.
    let (rest, danger, good) = if light {
        let rest = [
            (1.0, 0.0),
            (0.88, 0.01),
            (0.22, 0.02),
            (0.38, 0.02),
            (0.48, 0.02),
            (0.95, soft_chroma),
        ];
        (rest, "oklch(50% .19 25)", "oklch(45% .12 150)")
    } else {
        let rest = [
            (0.21, 0.014),
            (0.33, 0.016),
            (0.95, 0.008),
            (0.84, 0.01),
            (0.73, 0.012),
            (0.26, soft_chroma),
        ];
        (rest, "oklch(74% .15 25)", "oklch(78% .13 150)")
    };
    let names = [
        "raised",
        "line",
        "ink",
        "ink-quiet",
        "ink-faint",
        "accent-soft",
    ];
    let mut css = format!(
        "--ground:{};--accent:{};--accent-ink:{};--danger:{danger};--good:{good};",
        ground.css(),
        shown.css(),
        ink.css()
    );
    for (name, (l, c)) in names.iter().zip(rest) {
        let _ = write!(css, "--{name}:{};", on(l, c));
    }
    css
}

/// The ground of a house: nearly white or nearly black, with a breath of the accent.
fn ground(accent: Oklch, light: bool) -> Oklch {
    let (l, c) = if light { (0.985, 0.004) } else { (0.17, 0.012) };
    Oklch { l, c, h: accent.h }
}

fn of_house(accent: &str) -> Oklch {
    Oklch::of_hex(accent).unwrap_or(Oklch {
        l: 0.6,
        c: 0.2,
        h: 0.0,
    })
}

/// The colours of a house, for both grounds and for parts of a page that show one of them.
pub fn theme(accent: &str) -> String {
    let accent = of_house(accent);
    let (light, dark) = (tokens(accent, true), tokens(accent, false));
    format!(
        ":root,.ground-light{{{light}}}\n@media (prefers-color-scheme:dark){{:root{{{dark}}}}}\n.ground-light{{color-scheme:light;{light}}}\n.ground-dark{{color-scheme:dark;{dark}}}\n"
    )
}

/// How an accent is shown on a light and on a dark ground, and whether it had to be moved to be legible there.
pub fn shown(accent: &str) -> [(String, bool); 2] {
    let accent = of_house(accent);
    [true, false].map(|light| {
        let (shown, _) = correct(accent, ground(accent, light));
        (shown.css(), (shown.l - accent.l).abs() > 0.03)
    })
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
