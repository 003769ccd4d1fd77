//! Plain text as people write it: links, mentions and hashtags found, lengths counted.

use unicode_segmentation::UnicodeSegmentation as _;

use crate::kernel::html::escape;
use crate::kernel::origin::{ascii_domain, parse_url};

/// What counts for a link, however long it is.
const LINK_CHARS: usize = 23;

/// A stretch of text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Segment<'a> {
    /// Words.
    Plain(&'a str),
    /// A web address.
    Link(&'a str),
    /// `@name` or `@name@domain`.
    Mention {
        /// As written, with the `@`.
        written: &'a str,
        /// The name.
        name: &'a str,
        /// The domain, where one was written.
        domain: Option<&'a str>,
    },
    /// `#tag`, without the `#`.
    Hashtag(&'a str),
}

/// Splits text into its segments.
pub fn segments(text: &str) -> Vec<Segment<'_>> {
    let mut found = Vec::new();
    let mut plain = 0;
    let mut at = 0;
    let mut before = None;
    while let Some(c) = text[at..].chars().next() {
        let free = before.is_none_or(|b: char| {
            !b.is_alphanumeric() && !matches!(b, '/' | '_' | '@' | '&' | '#')
        });
        let here = if free { special(&text[at..], c) } else { None };
        if let Some((segment, length)) = here {
            if plain < at {
                found.push(Segment::Plain(&text[plain..at]));
            }
            found.push(segment);
            before = text[..at + length].chars().next_back();
            at += length;
            plain = at;
        } else {
            before = Some(c);
            at += c.len_utf8();
        }
    }
    if plain < text.len() {
        found.push(Segment::Plain(&text[plain..]));
    }
    found
}

fn special(rest: &str, first: char) -> Option<(Segment<'_>, usize)> {
    match first {
        'h' | 'H' => link(rest),
        '@' => mention(rest),
        '#' => hashtag(rest),
        _ => None,
    }
}

fn link(rest: &str) -> Option<(Segment<'_>, usize)> {
    let lower = rest.get(..8).or(rest.get(..7))?.to_ascii_lowercase();
    if !lower.starts_with("http://") && !lower.starts_with("https://") {
        return None;
    }
    let end = rest
        .find(|c: char| c.is_whitespace() || matches!(c, '<' | '>' | '"'))
        .unwrap_or(rest.len());
    let mut link = &rest[..end];
    while let Some(last) = link.chars().next_back() {
        let closes = match last {
            ')' => link.matches('(').count() < link.matches(')').count(),
            ']' => link.matches('[').count() < link.matches(']').count(),
            c => matches!(c, '.' | ',' | ';' | ':' | '!' | '?' | '\'' | '…'),
        };
        if !closes {
            break;
        }
        link = &link[..link.len() - last.len_utf8()];
    }
    parse_url(link)?;
    Some((Segment::Link(link), link.len()))
}

fn name_length(text: &str) -> usize {
    let end = text
        .find(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-')))
        .unwrap_or(text.len());
    text[..end].trim_end_matches(['.', '-']).len()
}

fn mention(rest: &str) -> Option<(Segment<'_>, usize)> {
    let name_end = 1 + name_length(&rest[1..]);
    let name = &rest[1..name_end];
    if name.is_empty() || name.len() > 100 {
        return None;
    }
    let mut end = name_end;
    let mut domain = None;
    if let Some(after) = rest[name_end..].strip_prefix('@') {
        let mut length = after
            .find(|c: char| !(c.is_alphanumeric() || matches!(c, '.' | '-' | ':')))
            .unwrap_or(after.len());
        length = after[..length].trim_end_matches(['.', '-', ':']).len();
        if length > 0 && ascii_domain(&after[..length]).is_some() {
            domain = Some(&after[..length]);
            end = name_end + 1 + length;
        }
    }
    Some((
        Segment::Mention {
            written: &rest[..end],
            name,
            domain,
        },
        end,
    ))
}

fn hashtag(rest: &str) -> Option<(Segment<'_>, usize)> {
    let body = &rest[1..];
    let end = body
        .find(|c: char| !(c.is_alphanumeric() || c == '_' || is_mark(c)))
        .unwrap_or(body.len());
    let tag = &body[..end];
    (tag.chars().any(char::is_alphabetic) && tag.chars().count() <= 100)
        .then_some((Segment::Hashtag(tag), 1 + end))
}

fn is_mark(c: char) -> bool {
    unicode_normalization::char::is_combining_mark(c)
}

/// A hashtag as it is compared: composed and lower-case.
pub fn fold_tag(tag: &str) -> String {
    use unicode_normalization::UnicodeNormalization as _;
    tag.trim_start_matches('#')
        .nfkc()
        .collect::<String>()
        .to_lowercase()
}

/// How long a post is: characters as people see them, a link 23, a handle without its domain.
pub fn length(text: &str) -> usize {
    let count = |text: &str| text.graphemes(true).count();
    segments(text)
        .iter()
        .map(|segment| match segment {
            Segment::Plain(text) => count(text),
            Segment::Link(_) => LINK_CHARS,
            Segment::Mention { name, .. } => count(name) + 1,
            Segment::Hashtag(tag) => count(tag) + 1,
        })
        .sum()
}

/// Paragraphs and line breaks around rendered segments.
pub fn paragraphs(text: &str, mut render: impl FnMut(&Segment<'_>) -> String) -> String {
    let text = text.replace("\r\n", "\n");
    let parts: Vec<String> = text
        .split("\n\n")
        .map(|part| part.trim_matches('\n'))
        .filter(|part| !part.trim().is_empty())
        .map(|part| {
            let lines: Vec<String> = part
                .split('\n')
                .map(|line| segments(line).iter().map(&mut render).collect::<String>())
                .collect();
            format!("<p>{}</p>", lines.join("<br>"))
        })
        .collect();
    parts.concat()
}

/// A link as it is shown: without scheme, shortened, the rest hidden but copied.
pub fn link_html(link: &str) -> String {
    let bare = link.split_once("://").map_or(link, |(_, rest)| rest);
    let bare = bare.strip_prefix("www.").unwrap_or(bare);
    let prefix = &link[..link.len() - bare.len()];
    let cut = bare.char_indices().nth(30).map_or(bare.len(), |(at, _)| at);
    let (shown, hidden) = bare.split_at(cut);
    let class = if hidden.is_empty() {
        ""
    } else {
        " class=\"ellipsis\""
    };
    format!(
        "<a href=\"{}\" rel=\"nofollow noopener noreferrer\"><span class=\"invisible\">{}</span><span{class}>{}</span><span class=\"invisible\">{}</span></a>",
        escape(link),
        escape(prefix),
        escape(shown),
        escape(hidden)
    )
}

/// The value of a profile field: a link says that what it leads to is the same person's.
pub fn field_html(value: &str) -> String {
    let value = value.trim();
    if parse_url(value).is_some() {
        link_html(value).replacen("rel=\"", "rel=\"me ", 1)
    } else {
        escape(value)
    }
}

/// Text of a profile: links only.
pub fn simple_html(text: &str) -> String {
    paragraphs(text, |segment| match segment {
        Segment::Link(link) => link_html(link),
        Segment::Plain(text) => escape(text),
        Segment::Mention { written, .. } => escape(written),
        Segment::Hashtag(tag) => format!("#{}", escape(tag)),
    })
}

/// The fields of one line of comma-separated values (RFC 4180 §2), without line breaks inside; always at least one.
pub fn csv_fields(line: &str) -> Vec<String> {
    let mut fields = vec![String::new()];
    let mut quoted = false;
    let mut signs = line.trim_end_matches('\r').chars().peekable();
    while let Some(sign) = signs.next() {
        let field = fields.len() - 1;
        match sign {
            '"' if quoted && signs.peek() == Some(&'"') => {
                signs.next();
                fields[field].push('"');
            }
            '"' => quoted = !quoted,
            ',' if !quoted => fields.push(String::new()),
            sign => fields[field].push(sign),
        }
    }
    fields
}

#[cfg(test)]
mod tests {
    use super::{Segment, length, paragraphs, segments, simple_html};

    #[test]
    fn finds_links_mentions_and_hashtags() {
        let text = "Hi @nina@nova.example, see https://a.example/x(y). #Zürich #1 mail a@b.example (https://c.example/)";
        let special: Vec<Segment> = segments(text)
            .into_iter()
            .filter(|s| !matches!(s, Segment::Plain(_)))
            .collect();
        assert_eq!(
            special,
            [
                Segment::Mention {
                    written: "@nina@nova.example",
                    name: "nina",
                    domain: Some("nova.example")
                },
                Segment::Link("https://a.example/x(y)"),
                Segment::Hashtag("Zürich"),
                Segment::Link("https://c.example/"),
            ]
        );
        let whole: String = segments("a @b c")
            .iter()
            .map(|s| match s {
                Segment::Plain(t) => *t,
                Segment::Mention { written, .. } => written,
                _ => "",
            })
            .collect();
        assert_eq!(whole, "a @b c");
    }

    #[test]
    fn counts_as_people_do() {
        assert_eq!(length("👩‍👩‍👧 é"), 3);
        assert_eq!(
            length(&format!("https://a.example/{}", "x".repeat(300))),
            23
        );
        assert_eq!(length("@nina@nova.example"), 5);
        assert_eq!(length("@nina@nova.localhost:4001 hi"), 8);
    }

    #[test]
    fn text_becomes_paragraphs_and_nothing_else() {
        assert_eq!(simple_html("a\nb\n\n<c>"), "<p>a<br>b</p><p>&lt;c&gt;</p>");
        assert_eq!(paragraphs("\n\n", |_| String::new()), "");
    }
}
