//! From typed text to what is shown and sent.

use std::collections::HashMap;

use crate::accounts::{self, Account, Emoji};
use crate::app::App;
use crate::error::Result;
use crate::kernel::html::escape;
use crate::kernel::text::{Segment, fold_tag, link_html, paragraphs, segments};

/// Typed text, understood.
#[derive(Debug)]
pub struct Rendered {
    /// As HTML.
    pub html: String,
    /// Whom it mentions.
    pub mentions: Vec<Account>,
    /// Its hashtags, folded.
    pub tags: Vec<String>,
}

/// Handles `name@domain` a text mentions, as written; those without a domain are ours.
pub fn handles(text: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for segment in segments(text) {
        if let Segment::Mention { written, .. } = segment
            && let Some(handle) = accounts::split_handle(written)
            && !found.contains(&handle)
            && found.len() < 64
        {
            found.push(handle);
        }
    }
    found
}

/// Renders text; a mention counts where the account is known here.
///
/// # Errors
/// What the database says.
pub async fn render(app: &App, text: &str) -> Result<Rendered> {
    let origin = app.origin();
    let mut known: HashMap<(String, String), Account> = HashMap::new();
    let mut mentions = Vec::new();
    for (name, domain) in handles(text) {
        let handle = if domain.is_empty() {
            name.clone()
        } else {
            format!("{name}@{domain}")
        };
        if let Some(account) = accounts::find_by_handle(app, &handle)
            .await?
            .filter(|account| account.deleted_at.is_none())
        {
            if !mentions
                .iter()
                .any(|mentioned: &Account| mentioned.id == account.id)
            {
                mentions.push(account.clone());
            }
            known.insert((name, domain), account);
        }
    }
    let mut tags: Vec<String> = Vec::new();
    let html = paragraphs(text, |segment| match segment {
        Segment::Plain(text) => escape(text),
        Segment::Link(link) => link_html(link),
        Segment::Hashtag(tag) => {
            let folded = fold_tag(tag);
            let html = format!(
                "<a href=\"{}\" class=\"mention hashtag\" rel=\"tag\">#<span>{}</span></a>",
                escape(&origin.at(&format!("/tags/{folded}"))),
                escape(tag)
            );
            if !tags.contains(&folded) && tags.len() < 64 {
                tags.push(folded);
            }
            html
        }
        Segment::Mention { written, .. } => {
            match accounts::split_handle(written).and_then(|handle| known.get(&handle)) {
                Some(account) => mention_html(account),
                None => escape(written),
            }
        }
    });
    Ok(Rendered {
        html,
        mentions,
        tags,
    })
}

fn mention_html(account: &Account) -> String {
    let url = account.url.as_deref().unwrap_or(&account.uri);
    format!(
        "<span class=\"h-card\"><a href=\"{}\" class=\"u-url mention\">@<span>{}</span></a></span>",
        escape(url),
        escape(&account.name)
    )
}

/// Most pictures of emoji in one text; beyond them stand their names.
const PICTURES: usize = 200;

/// Replaces `:name:` outside of tags by the emoji's picture, at the address of ours that `address` gives it; after
/// sanitising.
pub fn with_emojis(html: &str, emojis: &[Emoji], address: impl Fn(&str) -> String) -> String {
    if emojis.is_empty() || !html.contains(':') {
        return html.to_owned();
    }
    let known: HashMap<&str, &str> = emojis
        .iter()
        .rev()
        .map(|emoji| (emoji.shortcode.as_str(), emoji.url.as_str()))
        .collect();
    let mut drawn: HashMap<&str, String> = HashMap::new();
    let mut out = String::with_capacity(html.len());
    let mut left = PICTURES;
    let mut rest = html;
    while let Some(start) = rest.find(['<', ':']).filter(|_| left > 0) {
        out.push_str(&rest[..start]);
        rest = &rest[start..];
        if rest.starts_with('<') {
            let end = rest.find('>').map_or(rest.len(), |end| end + 1);
            out.push_str(&rest[..end]);
            rest = &rest[end..];
            continue;
        }
        let code = code_of(rest);
        let found = code.and_then(|code| known.get_key_value(code));
        let Some((code, url)) = found else {
            out.push(':');
            rest = &rest[1..];
            continue;
        };
        let picture = drawn.entry(code).or_insert_with(|| {
            format!(
                "<img class=\"emoji\" src=\"{}\" alt=\":{}:\" title=\":{}:\" loading=\"lazy\">",
                escape(&address(url)),
                escape(code),
                escape(code)
            )
        });
        out.push_str(picture);
        left -= 1;
        rest = &rest[code.len() + 2..];
    }
    out.push_str(rest);
    out
}

/// What stands between a colon at the begin and the next one, where both are near enough.
fn code_of(rest: &str) -> Option<&str> {
    let behind = &rest.as_bytes()[1..rest.len().min(402)];
    let end = behind.iter().position(|byte| matches!(byte, b':' | b'<'))?;
    rest.get(1..=end).filter(|_| behind[end] == b':')
}

#[cfg(test)]
mod tests {
    use super::{Emoji, with_emojis};

    #[test]
    fn emoji_stand_in_text_and_never_in_attributes() {
        let emojis = [Emoji {
            shortcode: "party".to_owned(),
            url: "/p/x".to_owned(),
        }];
        let with = |html: &str| with_emojis(html, &emojis, str::to_owned);
        let html = with("<a href=\"https://a.example/:party:\">:party: a:b</a>");
        assert!(html.contains("href=\"https://a.example/:party:\""));
        assert_eq!(html.matches("<img").count(), 1);
        assert!(html.ends_with(" a:b</a>"));
        assert_eq!(with("::party::").matches("<img").count(), 1);
        assert_eq!(with(":ü:party:ü").matches("<img").count(), 1);
        // However often they are named, a text has so many pictures and no more.
        let many = with(&":party:".repeat(10_000));
        assert_eq!(many.matches("<img").count(), 200);
    }
}
