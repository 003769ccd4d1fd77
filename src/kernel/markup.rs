//! The marks of HTML, read in one pass: every byte is looked at a bounded number of times, whatever is nested in what.
//!
//! This decides nothing about safety; it only keeps what comes after it linear.

use std::borrow::Cow;
use std::cell::RefCell;

use html5ever::tendril::StrTendril;
use html5ever::tokenizer::{
    BufferQueue, Token as Piece, TokenSink, TokenSinkResult, Tokenizer, TokenizerOpts,
};

/// Most attributes of one tag that are read.
const ATTRIBUTES: usize = 32;
/// Longest value of an attribute that is read, in bytes.
const VALUE: usize = 8_192;

/// Elements whose content is no markup.
const RAW: [&str; 10] = [
    "script",
    "style",
    "iframe",
    "noscript",
    "textarea",
    "title",
    "xmp",
    "noembed",
    "noframes",
    "plaintext",
];

/// A piece of a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Token<'a> {
    /// Text between tags, its entities as written.
    Text(&'a str),
    /// What stands in an element whose content is no markup.
    Raw(&'a str),
    /// The begin of an element.
    Start(Tag<'a>),
    /// The end of an element: its name as written.
    End(&'a str),
}

/// The begin of an element.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tag<'a> {
    /// Its name as written.
    pub name: &'a str,
    attributes: &'a str,
    /// Whether it says that it has no content.
    pub closed: bool,
}

impl<'a> Tag<'a> {
    /// The first of its attributes with this name, its entities read.
    pub fn get(&self, name: &str) -> Option<String> {
        let written = self.raw(name)?;
        Some(decode(written).into_owned())
    }

    /// As [`Tag::get`], as it was written between the quotes.
    pub fn raw(&self, name: &str) -> Option<&'a str> {
        let found = self
            .attributes()
            .find(|(known, _)| known.eq_ignore_ascii_case(name));
        found
            .map(|(_, value)| value)
            .filter(|value| value.len() <= VALUE)
    }

    fn attributes(&self) -> impl Iterator<Item = (&'a str, &'a str)> {
        let mut rest = self.attributes;
        let read = move || {
            rest = rest.trim_start_matches(|c: char| c.is_ascii_whitespace() || c == '/');
            if rest.is_empty() {
                return None;
            }
            // A name may begin with an equals sign, and nothing else may have one in it.
            let ends = |c: char| c.is_ascii_whitespace() || matches!(c, '=' | '/' | '>');
            let first = rest.chars().next().map_or(0, char::len_utf8);
            let end = rest[first..]
                .find(ends)
                .map_or(rest.len(), |end| end + first);
            let (name, after) = rest.split_at(end);
            let after = after.trim_start_matches(|c: char| c.is_ascii_whitespace());
            let Some(after) = after.strip_prefix('=') else {
                rest = after;
                return Some((name, ""));
            };
            let after = after.trim_start_matches(|c: char| c.is_ascii_whitespace());
            let (value, after) = match after.chars().next() {
                Some(quote @ ('"' | '\'')) => {
                    after[1..].split_once(quote).unwrap_or((&after[1..], ""))
                }
                _ => {
                    let end = after.find(|c: char| c.is_ascii_whitespace());
                    after.split_at(end.unwrap_or(after.len()))
                }
            };
            rest = after;
            Some((name, value))
        };
        std::iter::from_fn(read).take(ATTRIBUTES)
    }
}

/// The `link` elements of a page or an XRD, in their order.
pub fn links(page: &str) -> impl Iterator<Item = Tag<'_>> {
    Scanner::new(page).filter_map(|token| match token {
        Token::Start(tag) => tag.name.eq_ignore_ascii_case("link").then_some(tag),
        _ => None,
    })
}

/// Reads a page piece by piece. What is never closed is left out to the end.
#[derive(Debug)]
pub struct Scanner<'a> {
    text: &'a str,
    at: usize,
    raw: Option<&'a str>,
    steps: usize,
}

impl<'a> Scanner<'a> {
    /// Begins at the first byte.
    pub fn new(text: &'a str) -> Self {
        Self {
            text,
            at: 0,
            raw: None,
            steps: 0,
        }
    }

    /// How many bytes were looked at so far, each as often as it was.
    pub fn steps(&self) -> usize {
        self.steps
    }

    /// Goes on to an offset from here; all up to it was looked at.
    fn go(&mut self, length: usize) -> &'a str {
        let piece = &self.text[self.at..self.at + length];
        self.at += length;
        self.steps += length;
        piece
    }

    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    /// The content of an element that is no markup, up to its end tag or the end of all.
    fn raw_content(&mut self, name: &str) -> Token<'a> {
        let rest = self.rest();
        let ends = |at: &usize| {
            let behind = &rest.as_bytes()[at + 2..];
            behind.len() >= name.len()
                && behind[..name.len()].eq_ignore_ascii_case(name.as_bytes())
                && behind
                    .get(name.len())
                    .is_none_or(|c| c.is_ascii_whitespace() || matches!(c, b'/' | b'>'))
        };
        let end = rest.match_indices("</").map(|(at, _)| at).find(ends);
        Token::Raw(self.go(end.unwrap_or(rest.len())))
    }

    /// Text up to the next sign that begins a tag or a comment.
    fn text(&mut self) -> Option<Token<'a>> {
        let rest = self.rest().as_bytes();
        let begins = |at: usize| {
            rest.get(at + 1)
                .is_some_and(|c| c.is_ascii_alphabetic() || matches!(c, b'/' | b'!' | b'?'))
        };
        let end = (0..rest.len()).find(|at| rest[*at] == b'<' && begins(*at));
        match end {
            Some(0) => None,
            end => Some(Token::Text(self.go(end.unwrap_or(rest.len())))),
        }
    }

    /// A comment, a declaration or an instruction: nothing of it is read.
    fn comment(&mut self) {
        let rest = self.rest();
        let end = if rest.starts_with("<!--") {
            // The shortest comments end at once.
            rest[2..].find("-->").map(|at| at + 5)
        } else {
            rest.find('>').map(|at| at + 1)
        };
        self.go(end.unwrap_or(rest.len()));
    }

    fn end_tag(&mut self) -> Option<Token<'a>> {
        let rest = self.rest();
        let Some(end) = rest.find('>') else {
            self.go(rest.len());
            return None;
        };
        let written = &self.go(end + 1)[2..end];
        let name = written
            .split(|c: char| c.is_ascii_whitespace() || c == '/')
            .next()?;
        (!name.is_empty()).then_some(Token::End(name))
    }

    fn start_tag(&mut self) -> Option<Token<'a>> {
        let rest = self.rest();
        let mut quote = None;
        let mut before = b' ';
        let end = rest.bytes().position(|c| {
            let ends = match quote {
                Some(open) => {
                    if c == open {
                        quote = None;
                    }
                    false
                }
                None if matches!(c, b'"' | b'\'') && before == b'=' => {
                    quote = Some(c);
                    false
                }
                None => c == b'>',
            };
            if !c.is_ascii_whitespace() || before != b'=' {
                before = c;
            }
            ends
        });
        let Some(end) = end else {
            self.go(rest.len());
            return None;
        };
        let inner = &self.go(end + 1)[1..end];
        let name_end = inner
            .find(|c: char| c.is_ascii_whitespace() || c == '/')
            .unwrap_or(inner.len());
        let (name, attributes) = inner.split_at(name_end);
        if RAW.iter().any(|raw| name.eq_ignore_ascii_case(raw)) {
            self.raw = Some(name);
        }
        Some(Token::Start(Tag {
            name,
            attributes,
            closed: attributes.ends_with('/'),
        }))
    }
}

impl<'a> Iterator for Scanner<'a> {
    type Item = Token<'a>;

    fn next(&mut self) -> Option<Token<'a>> {
        while self.at < self.text.len() {
            if let Some(name) = self.raw.take() {
                return Some(self.raw_content(name));
            }
            if let Some(text) = self.text() {
                return Some(text);
            }
            let found = match self.rest().as_bytes().get(1) {
                Some(b'/') => match self.rest().as_bytes().get(2) {
                    Some(c) if c.is_ascii_alphabetic() => self.end_tag(),
                    _ => {
                        self.comment();
                        None
                    }
                },
                Some(b'!' | b'?') => {
                    self.comment();
                    None
                }
                _ => self.start_tag(),
            };
            if found.is_some() {
                return found;
            }
        }
        None
    }
}

/// Collects the characters of text without tags.
struct Characters(RefCell<String>);

impl TokenSink for Characters {
    type Handle = ();

    fn process_token(&self, token: Piece, _line: u64) -> TokenSinkResult<()> {
        if let Piece::CharacterTokens(text) = token {
            self.0.borrow_mut().push_str(&text);
        }
        TokenSinkResult::Continue
    }
}

/// Text with its entities read.
pub fn decode(text: &str) -> Cow<'_, str> {
    if !text.contains('&') {
        return Cow::Borrowed(text);
    }
    let tokenizer = Tokenizer::new(Characters(RefCell::default()), TokenizerOpts::default());
    let input = BufferQueue::default();
    // What is no tag here shall not become one there.
    input.push_back(StrTendril::from_slice(&text.replace('<', "&lt;")));
    let _ = tokenizer.feed(&input);
    tokenizer.end();
    Cow::Owned(tokenizer.sink.0.take())
}

#[cfg(test)]
mod tests {
    use super::{Scanner, Token, decode};

    fn shown(text: &str) -> String {
        let mut out = String::new();
        for token in Scanner::new(text) {
            match token {
                Token::Text(text) => out.push_str(&format!("[{text}]")),
                Token::Raw(text) => out.push_str(&format!("({text})")),
                Token::Start(tag) => out.push_str(&format!(
                    "<{} {:?} {:?}>",
                    tag.name,
                    tag.get("href"),
                    tag.closed
                )),
                Token::End(name) => out.push_str(&format!("</{name}>")),
            }
        }
        out
    }

    #[test]
    fn pages_fall_into_their_pieces() {
        for (text, pieces) in [
            ("a < b <3", "[a < b <3]"),
            ("<p>x</p>", "<p None false>[x]</p>"),
            ("<a HREF='x>y' b>z", "<a Some(\"x>y\") false>[z]"),
            ("<a href = \"x&amp;y\"/>", "<a Some(\"x&y\") true>"),
            ("<a href=x/y>", "<a Some(\"x/y\") false>"),
            ("<a x=it's href=y>", "<a Some(\"y\") false>"),
            ("<!-- <b> --><i>", "<i None false>"),
            ("<!--><b>--><i>", "<b None false>[-->]<i None false>"),
            ("x<!-- never closed <b>", "[x]"),
            ("<?php echo 1 ?>y</ x>z", "[y][z]"),
            (
                "<script>if (a </b>) x</SCRIPT >y",
                "<script None false>(if (a </b>) x)</SCRIPT>[y]",
            ),
            (
                "<title>never closed <b>",
                "<title None false>(never closed <b>)",
            ),
            ("<p title=\"never closed>x", ""),
            ("ü<ü><p>ü", "[ü<ü>]<p None false>[ü]"),
        ] {
            assert_eq!(shown(text), pieces, "{text}");
        }
    }

    #[test]
    fn entities_are_read_and_make_no_tags() {
        assert_eq!(
            decode("a&amp;b &eacute; &lt;b&gt; &#39;&nbsp;"),
            "a&b é <b> '\u{a0}"
        );
        assert_eq!(decode("<b>&amp;</b>"), "<b>&</b>");
        assert_eq!(decode("AT&T"), "AT&T");
    }

    /// Whatever is repeated, twice as much takes twice as many steps.
    #[test]
    fn steps_grow_with_the_text() {
        for piece in [
            "<a href=x>",
            "<",
            "<<",
            "</",
            "<!--",
            "<!-",
            "<!-- --",
            "<?",
            "<a ",
            "<a b=\"",
            "<script>",
            "</script>",
            "<script></scrip",
            "<title>",
            "&",
            "&amp;",
            "<p>x</p>",
            "<b a=1 a=2>",
            "<a b='c' ",
            "<!>",
            "<textarea></",
        ] {
            for n in [1_000, 4_000] {
                let text = piece.repeat(n);
                let mut scanner = Scanner::new(&text);
                while scanner.next().is_some() {}
                assert!(
                    scanner.steps() <= text.len(),
                    "{piece} takes {} steps for {} bytes",
                    scanner.steps(),
                    text.len()
                );
            }
        }
    }
}
