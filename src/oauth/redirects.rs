//! Where people are led back to after they allowed an app: only by schemes that apps use.

use super::OUT_OF_BAND;
use crate::kernel::config::Settings;

/// Schemes of known apps that have no dot in them (RFC 8252 §7.1 asks for one, most of these are older).
const APPS: [&str; 44] = [
    "amaroq",
    "croissant",
    "dawnapp",
    "fedilab",
    "feditext",
    "focus",
    "husky",
    "icecubesapp",
    "impressia",
    "indigenous",
    "ivory",
    "kaiteki",
    "linky",
    "mammoth",
    "mastalab",
    "mastodon",
    "mastodon-android-auth",
    "mastonaut",
    "megalodon-android-auth",
    "metatext",
    "mona",
    "moshidon-android-auth",
    "oauth2redirect",
    "openvibe",
    "pachli",
    "phanpy",
    "pinafore",
    "pixelfed",
    "pixelix-android-auth",
    "pixeldroid",
    "radiant",
    "raccoonforfriendica",
    "subwaytooter",
    "tapestry",
    "thedesk",
    "tokodon",
    "toot",
    "tootapp",
    "tootle",
    "tooot",
    "tuba",
    "tusky",
    "vernissage",
    "whalebird",
];

/// Whether an app may have people sent to this address: a web address, the scheme of a known app or of one that the
/// operator names, or one that is a domain read backwards, such as `org.example.app` (RFC 8252 §7.1). Every other
/// scheme may mean something to the device that an app has no business with.
pub fn may_lead_to(settings: &Settings, address: &str) -> bool {
    let Some((scheme, _)) = address.split_once(':') else {
        return false;
    };
    let scheme = scheme.to_ascii_lowercase();
    let named = settings.redirect_schemes.contains(&scheme);
    address == OUT_OF_BAND
        || matches!(scheme.as_str(), "https" | "http")
        || named
        || APPS.contains(&scheme.as_str())
        || is_a_domain_backwards(&scheme)
}

fn is_a_domain_backwards(scheme: &str) -> bool {
    let mut parts = scheme.split('.');
    let top = parts.next().unwrap_or_default();
    let letters = (2..=12).contains(&top.len()) && top.chars().all(|c| c.is_ascii_alphabetic());
    let rest: Vec<&str> = parts.collect();
    let sound = |part: &&str| {
        !part.is_empty()
            && part
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '+'))
    };
    letters && !rest.is_empty() && rest.iter().all(sound)
}

#[cfg(test)]
mod tests {
    use super::{APPS, is_a_domain_backwards};

    #[test]
    fn only_domains_are_read_backwards() {
        for scheme in ["com.tapbots.ivory", "org.joinmastodon.android", "io.x"] {
            assert!(is_a_domain_backwards(scheme), "{scheme}");
        }
        for scheme in [
            "x-apple.systempreferences",
            "javascript",
            ".com",
            "com.",
            "com..x",
            "a.b",
        ] {
            assert!(!is_a_domain_backwards(scheme), "{scheme}");
        }
        assert!(
            APPS.iter()
                .all(|scheme| *scheme == scheme.to_ascii_lowercase())
        );
    }
}
