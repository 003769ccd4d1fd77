//! HTML from strangers and from us: sanitising, escaping, plain text.

mod prune;

use std::collections::{HashMap, HashSet};
use std::sync::LazyLock;

use ammonia::Builder;

use prune::Pruned;

use crate::kernel::markup::{Scanner, Tag, Token, decode};

static RICH: LazyLock<Builder<'static>> = LazyLock::new(|| {
    let mut builder = Builder::empty();
    let classes: HashSet<&str> = [
        "mention",
        "hashtag",
        "h-card",
        "u-url",
        "invisible",
        "ellipsis",
        "quote-inline",
    ]
    .into();
    builder
        .tags(HashSet::from(KEPT))
        .clean_content_tags(HashSet::from([
            "script", "style", "math", "svg", "iframe", "object", "template", "noscript", "title",
            "textarea",
        ]))
        .tag_attributes(HashMap::from([("a", HashSet::from(["href"]))]))
        .allowed_classes(HashMap::from([("a", classes.clone()), ("span", classes)]))
        .url_schemes(HashSet::from(["http", "https"]))
        .url_relative(ammonia::UrlRelative::Deny)
        .link_rel(Some("nofollow noopener noreferrer"))
        .strip_comments(true);
    builder
});

/// Elements that are left out with everything in them.
const HIDDEN: [&str; 4] = ["svg", "math", "object", "template"];
/// Elements that stay.
const KEPT: [&str; 26] = [
    "p",
    "br",
    "a",
    "span",
    "em",
    "strong",
    "b",
    "i",
    "u",
    "del",
    "s",
    "blockquote",
    "code",
    "pre",
    "ul",
    "ol",
    "li",
    "h1",
    "h2",
    "h3",
    "h4",
    "h5",
    "h6",
    "sub",
    "sup",
    "hr",
];
/// Elements that end a paragraph.
const BLOCKS: [&str; 12] = [
    "p",
    "blockquote",
    "pre",
    "ul",
    "ol",
    "h1",
    "h2",
    "h3",
    "h4",
    "h5",
    "h6",
    "hr",
];
/// Elements that are not kept and stand on lines of their own.
const LINES: [&str; 24] = [
    "div",
    "section",
    "article",
    "aside",
    "header",
    "footer",
    "main",
    "nav",
    "figure",
    "figcaption",
    "table",
    "tr",
    "caption",
    "dl",
    "dt",
    "dd",
    "details",
    "summary",
    "address",
    "center",
    "fieldset",
    "form",
    "video",
    "audio",
];
/// Cleans HTML of a peer down to text structure and http(s) links; always the last step before it is shown.
///
/// What goes into the cleaning is well nested and not deep, so that it takes a time that grows with the text.
pub fn sanitize(html: &str) -> String {
    RICH.clean(&Pruned::of(html).out).to_string()
}

/// The pieces of a page that are shown: nothing of elements that are left out with everything in them.
fn shown(html: &str) -> impl Iterator<Item = Token<'_>> {
    // What is left out at the moment, and how often it was opened.
    let mut hidden: Option<(&'static str, usize)> = None;
    Scanner::new(html).filter(move |token| {
        let Some((name, depth)) = hidden else {
            let Token::Start(tag) = token else {
                return true;
            };
            let found = known(&HIDDEN, tag.name);
            hidden = found.filter(|_| !tag.closed).map(|name| (name, 1));
            return found.is_none();
        };
        let depth = match token {
            Token::Start(tag) if tag.name.eq_ignore_ascii_case(name) && !tag.closed => depth + 1,
            Token::End(end) if end.eq_ignore_ascii_case(name) => depth - 1,
            _ => depth,
        };
        hidden = (depth > 0).then_some((name, depth));
        false
    })
}

fn known(names: &'static [&'static str], name: &str) -> Option<&'static str> {
    let mut names = names.iter();
    names
        .find(|known| name.eq_ignore_ascii_case(known))
        .copied()
}

/// Escapes text for HTML content and quoted attributes.
pub fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + text.len() / 8);
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c => out.push(c),
        }
    }
    out
}

/// The text of HTML: paragraphs and line breaks become line breaks, everything else its content.
pub fn to_text(html: &str) -> String {
    let mut text = String::new();
    // Line breaks that are due before more text.
    let mut due = 0;
    for token in shown(html) {
        match token {
            Token::Text(words) if due > 0 && words.trim().is_empty() => {}
            Token::Text(words) => {
                text.push_str(&"\n".repeat(due));
                due = 0;
                text.push_str(&decode(words));
            }
            Token::Raw(_) => {}
            Token::Start(tag) if tag.name.eq_ignore_ascii_case("img") => {
                text.push_str(&"\n".repeat(due));
                due = 0;
                text.push_str(&tag.get("alt").unwrap_or_default());
            }
            Token::Start(Tag { name, .. }) | Token::End(name) => {
                let breaks = breaks(name);
                if name.eq_ignore_ascii_case("br") {
                    due = (due + 1).min(2);
                } else if !text.is_empty() {
                    due = due.max(breaks);
                }
            }
        }
    }
    text.trim().to_owned()
}

/// How many line breaks stand between an element and what is around it.
fn breaks(name: &str) -> usize {
    if known(&BLOCKS, name).is_some() {
        2
    } else {
        usize::from(name.eq_ignore_ascii_case("li") || known(&LINES, name).is_some())
    }
}

/// Most links of a text that are looked at.
const LINKS: usize = 64;

/// The first link of cleaned HTML that is neither a mention nor a hashtag.
pub fn first_link(html: &str) -> Option<String> {
    let mut tokens = Scanner::new(html).peekable();
    let mut looked_at = 0;
    while let Some(token) = tokens.next() {
        let Token::Start(tag) = token else { continue };
        if !tag.name.eq_ignore_ascii_case("a") {
            continue;
        }
        looked_at += 1;
        if looked_at > LINKS {
            return None;
        }
        let class = tag.raw("class").unwrap_or_default();
        let mut names = class
            .split(' ')
            .any(|class| matches!(class, "mention" | "hashtag" | "u-url"));
        // Its first words may stand in elements of their own.
        while let Some(Token::Start(_)) = tokens.peek() {
            tokens.next();
        }
        if let Some(Token::Text(words)) = tokens.peek() {
            names |= decode(truncate(words, 20))
                .trim_start()
                .starts_with(['@', '#']);
        }
        let link = tag.get("href").unwrap_or_default();
        let sound = link.starts_with("https://") || link.starts_with("http://");
        if sound && !names && link.len() < 2000 {
            return Some(link);
        }
    }
    None
}

/// Cuts text to at most `most` characters, with an ellipsis where something was cut.
pub fn shorten(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        Some((at, _)) => format!("{}…", text[..at].trim_end()),
        None => text.to_owned(),
    }
}

/// Cuts text to at most `most` bytes at a character's boundary.
pub fn truncate(text: &str, most: usize) -> &str {
    let mut end = most.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

#[cfg(test)]
mod tests {
    use super::prune::{DEPTH, ELEMENTS, Pruned, STRETCH};
    use super::{first_link, sanitize, shorten, to_text};

    #[test]
    fn lines_that_are_blocks_stay_lines() {
        for (html, clean, text) in [
            (
                "<div>Doors 20:00</div><div>Show 21:00</div>",
                "Doors 20:00<br>Show 21:00",
                "Doors 20:00\nShow 21:00",
            ),
            (
                "<table><tr><td>a</td></tr><tr><td>b</td></tr></table>",
                "a<br>b",
                "a\nb",
            ),
            (
                "<div><div>a</div></div><p>b</p><section>c</section>",
                "a<p>b</p>c",
                "a\n\nb\n\nc",
            ),
            (
                "<dl><dt>Doors</dt><dd>20:00</dd></dl>",
                "Doors<br>20:00",
                "Doors\n20:00",
            ),
            (
                "<p>a</p><div>b</div><div></div><div>c</div>",
                "<p>a</p>b<br>c",
                "a\n\nb\nc",
            ),
            (
                "<ul><li><div>a</div></li><li><div>b</div></li></ul>",
                "<ul><li>a</li><li>b</li></ul>",
                "a\nb",
            ),
        ] {
            assert_eq!(sanitize(html), clean, "{html}");
            assert_eq!(to_text(html), text, "{html}");
        }
    }

    #[test]
    fn a_picture_in_the_text_leaves_its_words() {
        let link = |words: &str| {
            format!(
                "<p><a href=\"https://x.example/a.jpg\" rel=\"nofollow noopener noreferrer\">{words}</a></p>"
            )
        };
        assert_eq!(
            sanitize("<p><img src='https://x.example/a.jpg' alt='A poster'></p>"),
            link("A poster")
        );
        assert_eq!(
            sanitize("<p><img src='https://x.example/a.jpg'></p>"),
            link("https://x.example/a.jpg")
        );
        assert_eq!(
            sanitize("<p><img src='data:x' alt='<b>'></p>"),
            "<p>&lt;b&gt;</p>"
        );
        assert_eq!(
            sanitize("<img class='emoji' src='https://x.example/b.png' alt=':cat:'>"),
            ":cat:"
        );
        assert_eq!(to_text("<p><img alt='A poster'></p>"), "A poster");
    }

    #[test]
    fn what_runs_or_fetches_is_gone() {
        for evil in [
            "<script>alert(1)</script>",
            "<img src=x onerror=alert(1)>",
            "<svg/onload=alert(1)>",
            "<math><annotation-xml encoding=\"text/html\"><style><img src=x onerror=alert(1)></style></annotation-xml></math>",
            "<a href=\"javascript:alert(1)\">x</a>",
            "<a href=\"jAvAsCrIpT&colon;alert(1)\">x</a>",
            "<a href=\"data:text/html,x\">x</a>",
            "<a href=\"//evil.test\">x</a>",
            "<iframe srcdoc=x></iframe>",
            "<p style=\"position:fixed\" id=csrf class=\"btn btn-danger modal\">x</p>",
            "<form action=/x><input name=y><button formaction=z>go</button></form>",
            "<base href=//evil><meta http-equiv=refresh content=0><link rel=stylesheet href=x>",
        ] {
            let clean = sanitize(evil);
            for trace in [
                "script",
                "onerror",
                "onload",
                "javascript",
                "data:",
                "style",
                "id=",
                "btn",
                "<form",
                "<input",
                "<base",
                "<meta",
                "<link",
                "//evil",
            ] {
                assert!(!clean.contains(trace), "{evil} left {clean}");
            }
            assert_eq!(sanitize(&clean), clean);
        }
    }

    #[test]
    fn no_stretch_of_text_holds_many_signs_to_be_escaped() {
        for (sign, escaped) in [
            ("&", "&amp;"),
            (">", "&gt;"),
            ("&amp;", "&amp;"),
            ("&#38;", "&amp;"),
            ("\u{a0}", "&nbsp;"),
            ("a&b", "a&amp;b"),
            ("\u{bf}", "\u{bf}"),
            // Between elements that are left out it is one stretch all the same.
            ("&<x>", "&amp;"),
        ] {
            let text = format!("<p>{}</p>", sign.repeat(3_000));
            let pruned = Pruned::of(&text).out;
            let longest = pruned
                .split("<!---->")
                .map(|part| part.matches(['&', '>', '\u{a0}', '\u{bf}']).count());
            // The tags around it have signs of their own.
            assert!(longest.max().unwrap() <= STRETCH + 3, "{sign}");
            assert_eq!(
                sanitize(&text),
                format!("<p>{}</p>", escaped.repeat(3_000)),
                "{sign}"
            );
        }
    }

    #[test]
    fn mentions_and_links_stay_and_links_get_rel() {
        let html = "<p><span class=\"h-card\"><a href=\"https://a.example/@b\" class=\"u-url mention evil\" target=\"_blank\">@b</a></span></p>";
        let clean = sanitize(html);
        assert!(
            clean.contains("class=\"u-url mention\"")
                && clean.contains("rel=\"nofollow noopener noreferrer\"")
                && !clean.contains("target")
        );
    }

    #[test]
    fn the_first_link_is_no_mention_and_no_hashtag() {
        let html = "<p><a href=\"https://a.example/@b\" class=\"u-url mention\">@<span>b</span></a> <a href=\"https://a.example/t\">#<span>t</span></a> <a href=\"https://shop.example/?a=1&amp;b=2\" rel=\"nofollow\">shop</a> <a href=\"https://c.example/\">c</a></p>";
        assert_eq!(
            first_link(html).as_deref(),
            Some("https://shop.example/?a=1&b=2")
        );
        for none in [
            "",
            "<p>text</p>",
            "<a href=\"mailto:a@b\">x</a>",
            "<a ",
            "<a href=\"",
        ] {
            assert_eq!(first_link(none), None);
        }
    }

    #[test]
    fn text_of_html() {
        assert_eq!(
            to_text("<p>One<br>two</p><p>three &amp; <b>four</b></p>"),
            "One\ntwo\n\nthree & four"
        );
        assert_eq!(shorten("abcdef", 3), "abc…");
    }

    /// What strangers may send, repeated: neither what is read nor what comes out grows faster than it does.
    #[test]
    fn text_of_strangers_takes_a_time_that_grows_with_it() {
        let numbered = |n: usize, piece: &dyn Fn(usize) -> String| (0..n).map(piece).collect();
        type Piece = Box<dyn Fn(usize) -> String>;
        let fixed = |piece: &'static str| -> Piece { Box::new(|_| piece.to_owned()) };
        let pieces: Vec<Piece> = vec![
            fixed("<a href='http://x.example'>"),
            fixed("<a>"),
            fixed("<div>"),
            fixed("<ul><li>"),
            fixed("<h1><ul>"),
            fixed("<svg><g>"),
            fixed("<b><i><u><s>"),
            fixed("<a><div>"),
            fixed("<span class=mention>"),
            fixed("&"),
            fixed("°"),
            fixed("<p>"),
            fixed("</p>"),
            fixed("<blockquote>"),
            Box::new(|n| format!("<b a{n}>")),
            Box::new(|n| format!("<b a{n}><p>x")),
            Box::new(|n| format!("<p x{n}=1 ")),
        ];
        for (at, piece) in pieces.iter().enumerate() {
            let text: String = numbered(12_000, piece);
            let text = super::truncate(&text, 100_000);
            let pruned = super::Pruned::of(text);
            let bound = 4 * text.len() + 10_000;
            assert!(pruned.out.len() <= bound, "{at}: {}", pruned.out.len());
            // What goes into the cleaning is never deep, and has a bounded number of elements.
            let (mut depth, mut deepest, mut elements) = (0_usize, 0, 0);
            for token in super::Scanner::new(&pruned.out) {
                match token {
                    super::Token::Start(tag) if !matches!(tag.name, "br" | "hr") => {
                        depth += 1;
                        elements += 1;
                        deepest = deepest.max(depth);
                    }
                    super::Token::End(_) => depth = depth.checked_sub(1).unwrap(),
                    _ => {}
                }
            }
            assert!(depth == 0 && deepest <= DEPTH, "{at}: {deepest} deep");
            assert!(elements <= ELEMENTS, "{at}: {elements}");
            let clean = sanitize(text);
            assert!(clean.len() <= 8 * text.len(), "{at}: {}", clean.len());
            assert_eq!(sanitize(&clean), clean, "{at} is cleaned once for all");
            assert!(to_text(text).len() <= 2 * text.len());
            let _ = first_link(&clean);
        }
    }
}
