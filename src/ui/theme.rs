//! `/theme.css`: the house's colours, display face and corners as custom properties.

use axum::extract::{Query, State};
use axum::response::{IntoResponse, Response};
use http::header;
use serde::Deserialize;

use super::colour;
use crate::app::App;
use crate::nodes::house::{self, Face, House};

/// A house as it might look; what is not named is as it is.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct Draft {
    accent: Option<String>,
    face: Option<String>,
    focus: Option<String>,
}

/// The address of a house's theme: it changes with the house, so that browsers may keep it.
pub fn address(house: &House) -> String {
    let query: String = url::form_urlencoded::Serializer::new(String::new())
        .append_pair("accent", &house.accent)
        .append_pair("face", house.look.face.name())
        .append_pair(
            "focus",
            &format!("{}-{}", house.look.focus.0, house.look.focus.1),
        )
        .append_pair("v", env!("CARGO_PKG_VERSION"))
        .finish();
    format!("/theme.css?{query}")
}

/// `GET /theme.css`: of the house, or of a draft of it.
pub async fn show(State(app): State<App>, Query(draft): Query<Draft>) -> Response {
    let house = house::get(&app).await.unwrap_or_default();
    let age = if draft.accent.is_some() { 86_400 } else { 60 };
    let accent = draft.accent.filter(|accent| house::is_colour(accent));
    let face = draft.face.as_deref().and_then(Face::parse);
    let focus = draft.focus.as_deref().and_then(|focus| {
        let (x, y) = focus.split_once('-')?;
        Some((
            x.parse::<u8>().ok()?.min(100),
            y.parse::<u8>().ok()?.min(100),
        ))
    });
    let (x, y) = focus.unwrap_or(house.look.focus);
    let css = format!(
        "{}{}.hero-picture{{object-position:{x}% {y}%}}\n",
        colour::theme(&accent.unwrap_or(house.accent)),
        face_css(face.unwrap_or(house.look.face))
    );
    let headers = [
        (header::CONTENT_TYPE, "text/css; charset=utf-8".to_owned()),
        (header::CACHE_CONTROL, format!("public, max-age={age}")),
    ];
    (headers, css).into_response()
}

/// What a face needs to be set well.
struct Cut {
    /// The weight it has.
    weight: u16,
    /// How wide it runs beside Arial, thousandths; then its ascent and descent, thousandths of that.
    fallback: (u16, u16, u16),
    /// The corners of its house, pixels.
    radius: u16,
    /// Space between letters in large sizes, thousandths of their size.
    tracking: i16,
}

fn cut(face: Face) -> Cut {
    let (weight, fallback, radius, tracking) = match face {
        Face::Grotesque => (800, (998, 932, 271), 6, -20),
        Face::Poster => (400, (904, 1301, 364), 0, 0),
        Face::Slab => (400, (1264, 914, 357), 0, -10),
        Face::Serif => (400, (1031, 946, 218), 0, -15),
        Face::Rounded => (800, (1023, 1054, 512), 22, -15),
        Face::Mono => (700, (1364, 821, 265), 0, -40),
    };
    Cut {
        weight,
        fallback,
        radius,
        tracking,
    }
}

/// The display face, with a stand-in of the same measure, so that nothing moves when it arrives.
fn face_css(face: Face) -> String {
    let cut = cut(face);
    let (size, ascent, descent) = cut.fallback;
    let [size, ascent, descent] = [size, ascent, descent].map(|part| f64::from(part) / 10.0);
    format!(
        "@font-face{{font-family:House;src:url(/assets/face-{name}.woff2) format(\"woff2\");font-weight:{weight};font-display:swap}}\n\
         @font-face{{font-family:\"House stand-in\";src:local(\"Arial\"),local(\"Helvetica\"),local(\"Liberation Sans\"),local(\"Roboto\");size-adjust:{size}%;ascent-override:{ascent}%;descent-override:{descent}%;line-gap-override:0%}}\n\
         :root{{--display:House,\"House stand-in\",system-ui,sans-serif;--display-weight:{weight};--tracking:{tracking}em;--radius:{radius}px}}\n",
        name = face.name(),
        weight = cut.weight,
        tracking = f64::from(cut.tracking) / 1000.0,
        radius = cut.radius,
    )
}
