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
    let mut stretch = Stretch::default();
    while let Some(c) = text[at..].chars().next() {
        let free = before.is_none_or(|b| begins_after(b, c));
        let here = if free {
            special(text, at, c, &mut stretch)
        } else {
            None
        };
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

/// Whether something may begin with this character behind another one. Scripts without capitals write no spaces before
/// a link.
fn begins_after(before: char, first: char) -> bool {
    let cased = before.is_ascii() || before.is_lowercase() || before.is_uppercase();
    let letter = before.is_alphanumeric() && (cased || !matches!(first, 'h' | 'H'));
    !letter && !matches!(before, '/' | '_' | '@' | '&' | '#' | '＃')
}

/// What no link holds as people write it: white space, signs of markup, quotes, brackets and stops of scripts that
/// write no spaces, and what is not seen.
fn ends_link(c: char) -> bool {
    c.is_whitespace()
        || c.is_control()
        || matches!(c,
            '<' | '>' | '"' | '`' | '|'
            // Quotes.
            | '„' | '“' | '”' | '‟' | '‚' | '‘' | '’' | '‛' | '«' | '»' | '‹' | '›'
            // Stops and brackets of CJK, and the full-width forms of ours.
            | '\u{3000}'..='\u{3004}' | '\u{3008}'..='\u{3020}' | '\u{3030}' | '\u{30fb}'
            | '\u{ff01}'..='\u{ff0c}' | '\u{ff0e}' | '\u{ff1a}'..='\u{ff20}' | '\u{ff3b}'..='\u{ff3d}'
            | '\u{ff5b}'..='\u{ff65}' | '\u{fe10}'..='\u{fe19}' | '\u{fe30}'..='\u{fe4f}'
            // Stops of other scripts.
            | '\u{60c}' | '\u{61b}' | '\u{61f}' | '\u{6d4}' | '\u{964}' | '\u{965}'
            // Not seen: soft hyphen, zero-width characters, marks of direction, the mark of byte order.
            | '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

/// A stretch of text without white space, in which links are looked for a few times only: where one after the other
/// turns out to be none, the next ones are none either.
#[derive(Default)]
struct Stretch {
    end: usize,
    tries: usize,
}

/// How many links may turn out to be none in one stretch.
const TRIES: usize = 8;
/// Longest stretch in which a link is looked for, in bytes.
const LONGEST: usize = 4_096;

fn special<'a>(
    text: &'a str,
    at: usize,
    first: char,
    stretch: &mut Stretch,
) -> Option<(Segment<'a>, usize)> {
    let rest = &text[at..];
    match first {
        'h' | 'H' => link(text, at, stretch),
        '@' => mention(rest),
        '#' | '＃' => hashtag(rest),
        _ => None,
    }
}

fn link<'a>(text: &'a str, at: usize, stretch: &mut Stretch) -> Option<(Segment<'a>, usize)> {
    let rest = &text[at..];
    let scheme = |scheme: &str| {
        let begin = rest.as_bytes().get(..scheme.len());
        begin.is_some_and(|begin| begin.eq_ignore_ascii_case(scheme.as_bytes()))
    };
    if !scheme("http://") && !scheme("https://") {
        return None;
    }
    if at >= stretch.end {
        stretch.end = at + rest.find(ends_link).unwrap_or(rest.len());
        stretch.tries = 0;
    }
    let written = &text[at..stretch.end];
    if written.len() > LONGEST || stretch.tries >= TRIES {
        return None;
    }
    let link = without_closing(written);
    if parse_url(link).is_none() {
        stretch.tries += 1;
        return None;
    }
    Some((Segment::Link(link), link.len()))
}

/// A link without the punctuation behind it, and without brackets that were opened before it.
fn without_closing(written: &str) -> &str {
    let count = |sign: char| written.matches(sign).count();
    let (round, square) = (count('('), count('['));
    let (mut round_closed, mut square_closed) = (count(')'), count(']'));
    let mut link = written;
    while let Some(last) = link.chars().next_back() {
        match last {
            ')' if round < round_closed => round_closed -= 1,
            ']' if square < square_closed => square_closed -= 1,
            '.' | ',' | ';' | ':' | '!' | '?' | '\'' | '…' | '*' | '~' | '{' | '}' | '^' => {}
            _ => break,
        }
        link = &link[..link.len() - last.len_utf8()];
    }
    link
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
        if (1..=1_000).contains(&length) && ascii_domain(&after[..length]).is_some() {
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
    let sign = rest.chars().next().map_or(0, char::len_utf8);
    let body = &rest[sign..];
    let end = body
        .find(|c: char| !(c.is_alphanumeric() || c == '_' || is_mark(c) || joins(c)))
        .unwrap_or(body.len());
    // What joins two parts of a word ends none.
    let tag = body[..end].trim_end_matches(joins);
    (!tag.starts_with(joins) && tag.chars().any(char::is_alphabetic) && tag.chars().count() <= 100)
        .then_some((Segment::Hashtag(tag), sign + tag.len()))
}

/// What stands inside a word and ends none: the middle dots of Catalan and Japanese, the joiners of Persian and of the
/// scripts of India.
fn joins(c: char) -> bool {
    matches!(c, '\u{b7}' | '\u{30fb}' | '\u{200c}' | '\u{200d}')
}

fn is_mark(c: char) -> bool {
    unicode_normalization::char::is_combining_mark(c)
}

/// A hashtag as it is compared: composed and lower-case.
pub fn fold_tag(tag: &str) -> String {
    use unicode_normalization::UnicodeNormalization as _;
    tag.trim_start_matches(['#', '＃'])
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

    /// The first link or hashtag of a text, as it is found.
    fn first(text: &str) -> Option<&str> {
        segments(text)
            .into_iter()
            .find_map(|segment| match segment {
                Segment::Link(found) | Segment::Hashtag(found) => Some(found),
                _ => None,
            })
    }

    #[test]
    fn links_end_where_people_end_them() {
        let link = "https://a.example/music";
        for (before, after) in [
            ("„", "“"),
            ("“", "”"),
            ("‚", "‘"),
            ("«", "»"),
            ("»", "«"),
            ("‹", "›"),
            ("`", "`"),
            ("*", "*"),
            ("**", "**."),
            ("~~", "~~"),
            ("（", "）です"),
            ("「", "」"),
            ("【", "】"),
            ("見て ", "。次"),
            ("", "、と"),
            ("", "，然后"),
            ("", "！"),
            ("", "？"),
            ("", "؟"),
            ("", "،"),
            ("", "।"),
            ("", "\u{200b}에서"),
            ("\u{2068}", "\u{2069}"),
            ("", "\u{feff}x"),
            ("", "\u{ad}x"),
            ("見て", " ね"),
            ("ดู", " x"),
            ("انظر", " x"),
            ("{", "}"),
            ("|", "|"),
        ] {
            let text = format!("{before}{link}{after}");
            assert_eq!(first(&text), Some(link), "{text}");
        }
        for text in [
            "xhttps://a.example/",
            "Éhttps://a.example/",
            "éhttps://a.example/",
            "_https://a.example/",
        ] {
            assert_eq!(first(text), None, "{text}");
        }
        let path = "https://a.example/夏/музыка_(demo)?q=ü";
        assert_eq!(first(path), Some(path), "what belongs to it stays");
    }

    #[test]
    fn hashtags_are_whole_words() {
        for (text, tag) in [
            ("#نرم‌افزار.", "نرم‌افزار"),
            ("#il·lusió!", "il·lusió"),
            ("＃日本 x", "日本"),
            ("#日本・東京", "日本・東京"),
            ("#dot· x", "dot"),
            ("#क्षि", "क्षि"),
        ] {
            assert_eq!(first(text), Some(tag), "{text}");
        }
        assert_eq!(first("#·x"), None);
        assert_eq!(super::fold_tag("＃Ａｂ"), "ab");
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

    /// Brackets and begun links without end: each stretch is looked at a few times, however many links begin in it.
    #[test]
    fn links_that_are_none_are_not_looked_for_again_and_again() {
        for text in [
            "(http://".repeat(12_500),
            format!("http://{}", ")".repeat(100_000)),
            format!("{}{}", "(http://".repeat(5_000), ")".repeat(60_000)),
            "http://x.example/)".repeat(5_000),
            "@a@".repeat(30_000),
            "#a".repeat(50_000),
            format!("@x@{}", "a.".repeat(50_000)),
        ] {
            let found = super::segments(&text);
            let whole: usize = found
                .iter()
                .map(|segment| match segment {
                    Segment::Plain(text) | Segment::Link(text) => text.len(),
                    Segment::Mention { written, .. } => written.len(),
                    Segment::Hashtag(tag) => tag.len() + 1,
                })
                .sum();
            assert_eq!(whole, text.len(), "nothing is lost");
        }
        let [
            Segment::Plain("("),
            Segment::Link(link),
            Segment::Plain(")."),
        ] = super::segments("(http://a.example/x_(y)).")[..]
        else {
            panic!("{:?}", super::segments("(http://a.example/x_(y))."));
        };
        assert_eq!(link, "http://a.example/x_(y)");
    }
}
