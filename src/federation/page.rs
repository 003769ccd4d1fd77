//! What a page for people says about the document of the same thing.

use http::header;

use crate::kernel::http::Answer;
use crate::kernel::markup;

/// Most bytes of a page that are looked through for its head.
const HEAD: usize = 256 << 10;

/// Whether a link leads to an ActivityPub document.
fn is_document(rel: &str, media_type: &str) -> bool {
    let plain = media_type.split(';').next().unwrap_or_default().trim();
    rel.split_ascii_whitespace()
        .any(|rel| rel.eq_ignore_ascii_case("alternate"))
        && (plain.eq_ignore_ascii_case("application/activity+json")
            || (plain.eq_ignore_ascii_case("application/ld+json")
                && media_type.contains("activitystreams")))
}

/// The address of the document that a page names: its `Link` headers first, then its head.
pub(super) fn alternate(answer: &Answer) -> Option<String> {
    let headers = answer.headers.get_all(header::LINK).iter();
    let headers = headers.filter_map(|value| value.to_str().ok());
    let by_header = headers.flat_map(links).find_map(|(target, parameters)| {
        let of = |name: &str| {
            let found = parameters.iter().find(|(known, _)| known == name);
            found.map_or("", |(_, value)| value.as_str())
        };
        is_document(of("rel"), of("type")).then_some(target)
    });
    let target = by_header.or_else(|| {
        let head = &answer.body[..answer.body.len().min(HEAD)];
        in_head(&String::from_utf8_lossy(head))
    })?;
    answer.url.join(&target).ok().map(String::from)
}

fn in_head(page: &str) -> Option<String> {
    markup::links(page).find_map(|link| {
        let document = is_document(&link.get("rel")?, &link.get("type")?);
        link.get("href").filter(|_| document)
    })
}

/// A link: its target, and its parameters by their names in small letters.
type Link = (String, Vec<(String, String)>);

/// The links of a `Link` header (RFC 8288 §3), at most thirty-two; what cannot be read ends it.
fn links(value: &str) -> Vec<Link> {
    let (mut found, mut rest) = (Vec::new(), value);
    while found.len() < 32 {
        let Some((target, after)) = rest
            .split_once('<')
            .and_then(|(_, after)| after.split_once('>'))
        else {
            break;
        };
        let (parameters, after) = parameters(after);
        found.push((target.trim().to_owned(), parameters));
        rest = after;
    }
    found
}

/// The parameters of one link, and what follows it.
fn parameters(mut rest: &str) -> (Vec<(String, String)>, &str) {
    let mut found = Vec::new();
    loop {
        rest = rest.trim_start();
        let Some(after) = rest.strip_prefix(';') else {
            return (found, rest.strip_prefix(',').unwrap_or(""));
        };
        let end = after.find(['=', ';', ',']).unwrap_or(after.len());
        let name = after[..end].trim().to_ascii_lowercase();
        let after = &after[end..];
        let (value, after) = match after.strip_prefix('=').map(str::trim_start) {
            None => ("", after),
            Some(after) => match after.strip_prefix('"') {
                Some(quoted) => quoted.split_once('"').unwrap_or((quoted, "")),
                None => after.split_at(after.find([';', ',']).unwrap_or(after.len())),
            },
        };
        found.push((name, value.trim().to_owned()));
        rest = after;
    }
}

#[cfg(test)]
mod tests {
    use super::{in_head, is_document, links};

    #[test]
    fn links_of_any_shape_are_read() {
        let value = "<http://a.example/feed>; rel=\"alternate\"; type=\"application/rss+xml\", <n/2,3>;rel=\"self  alternate\" ; TYPE=application/activity+json;title, <c>";
        let found = links(value);
        let targets: Vec<&str> = found.iter().map(|(target, _)| target.as_str()).collect();
        assert_eq!(targets, ["http://a.example/feed", "n/2,3", "c"]);
        assert_eq!(
            found[1].1[1],
            ("type".into(), "application/activity+json".into())
        );
        for broken in [
            "",
            "<",
            "a",
            "<a>;",
            "<a>;=",
            "<a>;b=\"",
            ",,,",
            "<a>;;;;<b>",
        ] {
            assert!(links(broken).len() <= 2, "{broken}");
        }
        assert!(is_document(
            "Alternate",
            "application/ld+json; profile=\"https://www.w3.org/ns/activitystreams\""
        ));
        assert!(!is_document("alternate", "application/ld+json"));
        assert!(!is_document("stylesheet", "application/activity+json"));
    }

    #[test]
    fn a_head_names_its_document() {
        let page = "<html><head><link rel=alternate type='text/xml' href=/feed><LINK href=\"/n/1?a=1&amp;b=2\" REL=alternate type='application/activity+json; charset=utf-8'>";
        assert_eq!(in_head(page).as_deref(), Some("/n/1?a=1&b=2"));
        assert_eq!(in_head("<p>no"), None);
    }
}
