//! HTML of strangers, made shallow and well nested before it is cleaned.

use super::{BLOCKS, KEPT, LINES, known, shown};
use crate::kernel::markup::{Tag, Token};

/// How deep elements may stand in one another; the text of deeper ones stays.
pub(super) const DEPTH: usize = 32;
/// Most elements of a text; the text of more stays.
pub(super) const ELEMENTS: usize = 4_000;

/// Whether a sign is looked at by what escapes: besides the marks of HTML those that begin as the no-break space does.
fn is_escaped(sign: char) -> bool {
    matches!(sign, '&' | '>' | '<' | '\u{80}'..='\u{bf}')
}

/// Most signs to be escaped in one stretch of text.
pub(super) const STRETCH: usize = 256;

/// HTML of a few elements, each closed, none deep.
#[derive(Default)]
pub(super) struct Pruned {
    pub(super) out: String,
    open: Vec<&'static str>,
    elements: usize,
    /// Whether text was written since the last block or line began.
    in_line: bool,
    /// Whether a line ends before what comes next.
    breaks: bool,
    /// Signs to be escaped since the last empty comment.
    escaped: usize,
}

impl Pruned {
    pub(super) fn of(html: &str) -> Self {
        let mut pruned = Self::default();
        for token in shown(html) {
            pruned.take(token);
        }
        pruned.close_down_to(0);
        pruned
    }

    fn take(&mut self, token: Token<'_>) {
        match token {
            Token::Text(text) => self.text(&text.replace('<', "&lt;")),
            Token::Raw(_) => {}
            Token::Start(tag) => self.start(tag),
            Token::End(name) => {
                self.line(name);
                let at = self
                    .open
                    .iter()
                    .rposition(|open| name.eq_ignore_ascii_case(open));
                match at {
                    Some(at) => self.close_down_to(at),
                    None if name.eq_ignore_ascii_case("br") => self.line_break(),
                    None => {}
                }
            }
        }
    }

    /// Writes text. What writes the cleaned text escapes each stretch in a time that grows with the square of the signs to
    /// be escaped in it; an empty comment, which is left out again, ends a stretch before it is long.
    fn text(&mut self, text: &str) {
        if !text.trim().is_empty() {
            if std::mem::take(&mut self.breaks) {
                self.line_break();
            }
            self.in_line = true;
        }
        let mut written = 0;
        for (at, _) in text.match_indices(is_escaped) {
            if self.escaped == STRETCH {
                self.out.push_str(&text[written..at]);
                self.out.push_str("<!---->");
                (written, self.escaped) = (at, 0);
            }
            self.escaped += 1;
        }
        self.out.push_str(&text[written..]);
    }

    fn line_break(&mut self) {
        if self.elements < ELEMENTS {
            self.elements += 1;
            self.out.push_str("<br>");
        }
    }

    fn start(&mut self, tag: Tag<'_>) {
        self.line(tag.name);
        let Some(name) = known(&KEPT, tag.name) else {
            if tag.name.eq_ignore_ascii_case("img") {
                self.picture(tag);
            }
            return;
        };
        self.end_what_it_ends(name);
        let single = matches!(name, "br" | "hr");
        if self.elements >= ELEMENTS || (self.open.len() >= DEPTH && !single) {
            return;
        }
        let attribute = |name: &str, most: usize| {
            let value = tag.raw(name).filter(|value| value.len() <= most)?;
            Some(format!(" {name}=\"{}\"", value.replace('"', "&quot;")))
        };
        let href = if name == "a" {
            attribute("href", 2_100)
        } else {
            None
        };
        let class = if matches!(name, "a" | "span") {
            attribute("class", 256)
        } else {
            None
        };
        self.elements += 1;
        self.out.push_str(&format!(
            "<{name}{}{}>",
            href.unwrap_or_default(),
            class.unwrap_or_default()
        ));
        if !single {
            self.open.push(name);
        }
    }

    /// Notes where an element begins or ends a line or a block.
    fn line(&mut self, name: &str) {
        let single = ["br", "hr", "li"];
        if known(&BLOCKS, name).is_some() || single.iter().any(|one| name.eq_ignore_ascii_case(one))
        {
            (self.in_line, self.breaks) = (false, false);
        } else if self.in_line && known(&LINES, name).is_some() {
            (self.in_line, self.breaks) = (false, true);
        }
    }

    /// A picture within the text: its words, or else its address, as a link to it.
    fn picture(&mut self, tag: Tag<'_>) {
        let address = tag.raw("src").filter(|address| address.len() <= 2_100);
        let address = address.filter(|address| address.starts_with("http"));
        let words = tag.raw("alt").map(str::trim).filter(|alt| !alt.is_empty());
        let words = words.or(address).unwrap_or_default().replace('<', "&lt;");
        let emoji = words.starts_with(':') && words.ends_with(':');
        match address.filter(|_| !emoji && !self.open.contains(&"a")) {
            Some(address) if self.elements < ELEMENTS && self.open.len() < DEPTH => {
                self.elements += 1;
                self.out
                    .push_str(&format!("<a href=\"{}\">", address.replace('"', "&quot;")));
                self.text(&words);
                self.out.push_str("</a>");
            }
            _ => self.text(&words),
        }
    }

    /// What a browser closes by itself where this begins.
    fn end_what_it_ends(&mut self, name: &str) {
        let last = |open: &[&str], of: &dyn Fn(&str) -> bool| open.iter().rposition(|one| of(one));
        let heading = |one: &str| one.len() == 2 && one.starts_with('h') && one != "hr";
        if BLOCKS.contains(&name)
            && let Some(at) = last(&self.open, &|one| one == "p")
        {
            self.close_down_to(at);
        }
        if heading(name)
            && let Some(at) = last(&self.open, &heading)
        {
            self.close_down_to(at);
        }
        if name == "a"
            && let Some(at) = last(&self.open, &|one| one == "a")
        {
            self.close_down_to(at);
        }
        if name == "li" {
            let list = last(&self.open, &|one| matches!(one, "ul" | "ol"));
            let item = last(&self.open, &|one| one == "li");
            if let Some(at) = item.filter(|item| list.is_none_or(|list| list < *item)) {
                self.close_down_to(at);
            }
        }
    }

    fn close_down_to(&mut self, at: usize) {
        for name in self.open.drain(at..).rev() {
            self.out.push_str(&format!("</{name}>"));
        }
    }
}
