//! German and English: messages in `locales/`, in Fluent.

use std::sync::LazyLock;

use fluent_bundle::concurrent::FluentBundle;
use fluent_bundle::{FluentArgs, FluentResource, FluentValue};

use crate::error::{Problem, Sentence};
use crate::kernel::clock::Time;
use crate::kernel::zone::Zone;

/// A language of the pages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Locale {
    /// English.
    En,
    /// German.
    De,
}

type Bundle = FluentBundle<FluentResource>;

/// The English messages.
pub const ENGLISH: &str = include_str!("../locales/en.ftl");
/// The German messages.
pub const GERMAN: &str = include_str!("../locales/de.ftl");

fn bundle(tag: &str, text: &str) -> Bundle {
    let resource = FluentResource::try_new(text.to_owned()).unwrap_or_else(|(resource, errors)| {
        tracing::error!(?errors, "messages in {tag} cannot all be read");
        resource
    });
    let mut bundle = Bundle::new_concurrent(vec![tag.parse().unwrap_or_default()]);
    bundle.set_use_isolating(false);
    bundle.add_resource_overriding(resource);
    bundle
}

static EN: LazyLock<Bundle> = LazyLock::new(|| bundle("en", ENGLISH));
static DE: LazyLock<Bundle> = LazyLock::new(|| bundle("de", GERMAN));

impl Locale {
    /// The language's tag.
    pub fn tag(self) -> &'static str {
        match self {
            Self::En => "en",
            Self::De => "de",
        }
    }

    /// The language a browser prefers (RFC 9110 §12.5.4).
    pub fn of_header(header: &str) -> Self {
        let mut best = (0.0_f32, Self::En);
        for part in header.split(',') {
            let (tag, quality) = part.split_once(";q=").unwrap_or((part, "1"));
            let quality = quality.trim().parse().unwrap_or(0.0);
            let locale = match tag.trim().get(..2).map(str::to_ascii_lowercase).as_deref() {
                Some("de") => Self::De,
                Some("en") => Self::En,
                _ => continue,
            };
            if quality > best.0 {
                best = (quality, locale);
            }
        }
        best.1
    }

    /// A message.
    pub fn text(self, id: &str) -> String {
        self.format(id, None)
    }

    /// A message with one argument.
    pub fn text_with<'a>(
        self,
        id: &str,
        name: &'a str,
        value: impl Into<FluentValue<'a>>,
    ) -> String {
        let mut args = FluentArgs::new();
        args.set(name, value);
        self.format(id, Some(&args))
    }

    fn format(self, id: &str, args: Option<&FluentArgs<'_>>) -> String {
        let bundle = match self {
            Self::En => &*EN,
            Self::De => &*DE,
        };
        let Some(pattern) = bundle.get_message(id).and_then(|message| message.value()) else {
            return id.to_owned();
        };
        bundle
            .format_pattern(pattern, args, &mut Vec::new())
            .into_owned()
    }

    /// A sentence of an error.
    pub fn sentence(self, sentence: &Sentence) -> String {
        self.text_with(
            sentence.id,
            "value",
            sentence.value.clone().unwrap_or_default(),
        )
    }

    /// The sentences about one field.
    pub fn problems(self, problems: &[Problem], field: &str) -> Vec<String> {
        problems
            .iter()
            .filter(|problem| problem.field == field)
            .map(|problem| self.sentence(&problem.sentence))
            .collect()
    }

    /// A date with its time of day, as clocks show it in a zone.
    pub fn moment(self, at: Time, zone: Zone) -> String {
        let (year, month, day, hour, minute) = zone.parts(at);
        match self {
            Self::En => format!(
                "{day} {} {year}, {hour:02}:{minute:02}",
                MONTHS_EN[month as usize - 1]
            ),
            Self::De => format!(
                "{day}. {} {year}, {hour:02}:{minute:02}",
                MONTHS_DE[month as usize - 1]
            ),
        }
    }

    /// How long ago, in a few signs; the date beyond a week.
    pub fn ago(self, at: Time, now: Time, zone: Zone) -> String {
        let seconds = now.since(at).as_secs();
        match seconds {
            0..60 => self.text("ago-now"),
            60..3600 => self.text_with("ago-minutes", "n", seconds / 60),
            3600..86_400 => self.text_with("ago-hours", "n", seconds / 3600),
            86_400..604_800 => self.text_with("ago-days", "n", seconds / 86_400),
            _ => self.date(at, zone),
        }
    }

    /// A date, as calendars show it in a zone.
    pub fn date(self, at: Time, zone: Zone) -> String {
        let (year, month, day, ..) = zone.parts(at);
        match self {
            Self::En => format!("{day} {} {year}", MONTHS_EN[month as usize - 1]),
            Self::De => format!("{day}. {} {year}", MONTHS_DE[month as usize - 1]),
        }
    }
}

const MONTHS_EN: [&str; 12] = [
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
];
const MONTHS_DE: [&str; 12] = [
    "Jan.", "Feb.", "März", "Apr.", "Mai", "Juni", "Juli", "Aug.", "Sept.", "Okt.", "Nov.", "Dez.",
];

#[cfg(test)]
mod tests {
    use super::{ENGLISH, GERMAN, Locale};
    use std::collections::BTreeSet;

    fn ids(text: &str) -> BTreeSet<&str> {
        text.lines()
            .filter(|line| !line.starts_with([' ', '#', '}']))
            .filter_map(|line| line.split_once(" ="))
            .map(|(id, _)| id)
            .collect()
    }

    #[test]
    fn both_languages_have_the_same_messages() {
        let (english, german) = (ids(ENGLISH), ids(GERMAN));
        let missing: Vec<_> = english.symmetric_difference(&german).collect();
        assert!(missing.is_empty(), "only in one language: {missing:?}");
    }

    #[test]
    fn the_browser_chooses_the_language() {
        assert_eq!(Locale::of_header("de-AT,de;q=0.9,en;q=0.8"), Locale::De);
        assert_eq!(Locale::of_header("fr, en;q=0.5, de;q=0.4"), Locale::En);
        assert_eq!(Locale::of_header(""), Locale::En);
    }
}
