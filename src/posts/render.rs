//! From typed text to what is shown and sent.

use std::collections::HashMap;

use crate::accounts::{self, Account};
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

/// Replaces `:name:` outside of tags by the emoji's picture on our own address; after sanitising.
pub fn with_emojis(html: &str, pictures: &[(String, String)]) -> String {
    if pictures.is_empty() || !html.contains(':') {
        return html.to_owned();
    }
    let mut out = String::with_capacity(html.len());
    let mut rest = html;
    while let Some(start) = rest.find(['<', ':']) {
        out.push_str(&rest[..start]);
        rest = &rest[start..];
        if rest.starts_with('<') {
            let end = rest.find('>').map_or(rest.len(), |end| end + 1);
            out.push_str(&rest[..end]);
            rest = &rest[end..];
            continue;
        }
        let found = pictures.iter().find(|(code, _)| {
            rest[1..]
                .strip_prefix(code.as_str())
                .is_some_and(|after| after.starts_with(':'))
        });
        if let Some((code, address)) = found {
            out.push_str(&format!(
                "<img class=\"emoji\" src=\"{}\" alt=\":{}:\" title=\":{}:\" loading=\"lazy\">",
                escape(address),
                escape(code),
                escape(code)
            ));
            rest = &rest[code.len() + 2..];
        } else {
            out.push(':');
            rest = &rest[1..];
        }
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::with_emojis;

    #[test]
    fn emoji_stand_in_text_and_never_in_attributes() {
        let pictures = [("party".to_owned(), "/p/x".to_owned())];
        let html = with_emojis(
            "<a href=\"https://a.example/:party:\">:party: a:b</a>",
            &pictures,
        );
        assert!(html.contains("href=\"https://a.example/:party:\""));
        assert_eq!(html.matches("<img").count(), 1);
        assert!(html.ends_with(" a:b</a>"));
    }
}
