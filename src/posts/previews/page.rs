//! What the head of a page says about it: Open Graph, Twitter's cards, and plain HTML.

use encoding_rs::Encoding;

use crate::kernel::html::truncate;
use crate::kernel::markup::{self, Scanner, Tag, Token};

/// Most of them are on their first pages; a head with more is not read on.
const METAS: usize = 500;

/// What a page says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Page {
    /// Its title.
    pub title: String,
    /// A sentence about it.
    pub description: String,
    /// Who publishes it.
    pub provider: String,
    /// Who wrote it.
    pub author: String,
    /// Its picture, relative to it.
    pub picture: Option<String>,
    /// Width and height of the picture.
    pub size: Option<(i64, i64)>,
}

/// What was read so far.
#[derive(Default)]
struct Head {
    metas: Vec<(String, String)>,
    title: String,
    in_title: bool,
    over: bool,
}

impl Page {
    /// Reads the beginning of a page, in the encoding that its header, its mark or its head names.
    pub fn read(bytes: &[u8], content_type: &str) -> Self {
        let text = decode(bytes, content_type);
        let mut head = Head::default();
        for token in Scanner::new(&text) {
            match token {
                Token::Start(tag) => head.tag(&tag),
                Token::Raw(text) if head.in_title => {
                    head.title = markup::decode(truncate(text, 2000)).into_owned();
                    head.in_title = false;
                }
                _ => {}
            }
            if head.over {
                break;
            }
        }
        head.page()
    }
}

fn decode(bytes: &[u8], content_type: &str) -> String {
    let charset = |text: &str| {
        let (_, label) = text.split_once("charset=")?;
        let label: String = label
            .trim_start_matches(['"', '\''])
            .chars()
            .take_while(|c| c.is_ascii_alphanumeric() || "-_".contains(*c))
            .collect();
        Encoding::for_label(label.as_bytes())
    };
    let start = String::from_utf8_lossy(&bytes[..bytes.len().min(2048)]).to_ascii_lowercase();
    let encoding = charset(&content_type.to_ascii_lowercase())
        .or_else(|| charset(&start))
        .unwrap_or(encoding_rs::UTF_8);
    encoding.decode(bytes).0.into_owned()
}

impl Head {
    fn tag(&mut self, tag: &Tag<'_>) {
        let is = |name: &str| tag.name.eq_ignore_ascii_case(name);
        if is("title") {
            self.in_title = self.title.is_empty();
        } else if is("meta") {
            self.meta(tag);
        } else if is("body") {
            self.over = !self.metas.is_empty() || !self.title.is_empty();
        }
    }

    fn meta(&mut self, tag: &Tag<'_>) {
        let attribute = |name: &str| Some(tag.get(name)?.trim().to_owned());
        let name = attribute("property").or_else(|| attribute("name"));
        if let (Some(name), Some(content)) = (name, attribute("content"))
            && self.metas.len() < METAS
            && !content.is_empty()
        {
            self.metas.push((name.to_ascii_lowercase(), content));
        }
    }

    fn first(&self, names: &[&str]) -> Option<String> {
        let find = |name: &&str| self.metas.iter().find(|(known, _)| known == name);
        names
            .iter()
            .find_map(find)
            .map(|(_, content)| plain(content))
    }

    fn page(&self) -> Page {
        let number = |name: &str| {
            let text = self.first(&[name])?;
            text.parse().ok().filter(|n| (1..=20_000).contains(n))
        };
        let title = self.first(&["og:title", "twitter:title"]);
        let text = |names: &[&str]| self.first(names).unwrap_or_default();
        Page {
            title: title.unwrap_or_else(|| plain(&self.title)),
            description: text(&["og:description", "twitter:description", "description"]),
            provider: text(&["og:site_name", "application-name"]),
            author: text(&["author", "article:author_name", "twitter:data1"]),
            picture: self.first(&[
                "og:image:secure_url",
                "og:image",
                "og:image:url",
                "twitter:image",
            ]),
            size: number("og:image:width").zip(number("og:image:height")),
        }
    }
}

/// One line without what turns or hides text.
fn plain(text: &str) -> String {
    let words: Vec<&str> = text.split_whitespace().collect();
    let line = words.join(" ");
    line.chars()
        .filter(|c| !c.is_control() && !matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}'))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::Page;

    #[test]
    fn heads_are_read_as_their_authors_meant_them() {
        let page = Page::read(
            b"<!doctype html><html><head><title>The plain &amp; simple\n title</title><script>var a = '<meta property=og:title content=Wrong>';</script><meta content='Sold out' property='og:title'><meta name=description content='One &lt;b&gt; night'><meta property=og:image content=/poster.jpg><meta property=og:image:width content=1200><meta property=og:image:height content=630><meta property=og:site_name content=Nova></head><body><meta property=og:title content=Late>",
            "text/html; charset=utf-8",
        );
        assert_eq!(page.title, "Sold out");
        assert_eq!(page.description, "One <b> night");
        assert_eq!(
            (page.provider.as_str(), page.picture.as_deref()),
            ("Nova", Some("/poster.jpg"))
        );
        assert_eq!(page.size, Some((1200, 630)));
        let page = Page::read(
            b"<title>The plain &amp; simple\n title</title><body>",
            "text/html",
        );
        assert_eq!(page.title, "The plain & simple title");
        let page = Page::read(
            b"<meta charset=iso-8859-1><title>Z\xfcrich</title>",
            "text/html",
        );
        assert_eq!(page.title, "Z\u{fc}rich");
    }

    #[test]
    fn odd_pages_do_no_harm() {
        let deep = "<div>".repeat(50_000);
        let metas = "<meta name=a content=b>".repeat(20_000);
        for page in [
            &deep,
            &metas,
            "",
            "<title>",
            "<script>",
            "<!--",
            "\0\0",
            "<title>\u{202e}evil</title>",
        ] {
            let _ = Page::read(page.as_bytes(), "text/html; charset=x-unknown");
        }
        let page = Page::read("<title>\u{202e}gpj.exe</title>".as_bytes(), "text/html");
        assert_eq!(page.title, "gpj.exe");
    }
}
