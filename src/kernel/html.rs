//! HTML from strangers and from us: sanitising, escaping, plain text.

use std::collections::{HashMap, HashSet};
use std::sync::LazyLock;

use ammonia::Builder;

static RICH: LazyLock<Builder<'static>> = LazyLock::new(|| {
    let mut builder = Builder::empty();
    let tags = [
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
        .tags(HashSet::from(tags))
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

/// Cleans HTML of a peer down to text structure and http(s) links; always the last step before it is shown.
pub fn sanitize(html: &str) -> String {
    RICH.clean(html).to_string()
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
    let broken = html
        .replace("<br>", "\n")
        .replace("<br/>", "\n")
        .replace("<br />", "\n")
        .replace("</p><p>", "</p>\n\n<p>")
        .replace("</li>", "</li>\n");
    let plain = Builder::empty().clean(&broken).to_string();
    unescape(&plain).trim().to_owned()
}

/// The first link of cleaned HTML that is neither a mention nor a hashtag.
pub fn first_link(html: &str) -> Option<String> {
    html.split("<a ").skip(1).find_map(|rest| {
        let (tag, content) = rest.split_once('>')?;
        let class = attribute(tag, "class").unwrap_or_default();
        let content = content.split("</a>").next().unwrap_or_default();
        let names = class
            .split(' ')
            .any(|class| matches!(class, "mention" | "hashtag" | "u-url"))
            || to_text(content).starts_with(['@', '#']);
        let link = unescape(attribute(tag, "href")?);
        let sound = link.starts_with("https://") || link.starts_with("http://");
        (sound && !names && link.len() < 2000).then_some(link)
    })
}

fn attribute<'a>(tag: &'a str, name: &str) -> Option<&'a str> {
    let (_, rest) = tag.split_once(&format!("{name}=\""))?;
    Some(rest.split('"').next().unwrap_or_default())
}

fn unescape(text: &str) -> String {
    text.replace("&lt;", "<")
        .replace("&gt;", ">")
        .replace("&quot;", "\"")
        .replace("&#39;", "'")
        .replace("&nbsp;", "\u{a0}")
        .replace("&amp;", "&")
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
    use super::{first_link, sanitize, shorten, to_text};

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
}
