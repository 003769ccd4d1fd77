//! Word and link filters of the house, and what they would have caught.

use std::collections::HashSet;

use crate::app::App;
use crate::error::{Error, Result};
use crate::kernel::clock::Time;
use crate::kernel::db::{Row, Tx, sql};
use crate::kernel::html::{to_text, truncate};
use crate::kernel::id;
use crate::kernel::origin::ascii_domain;
use crate::posts::{Post, store};

/// Longest pattern.
const LENGTH: usize = 100;
/// Most filters.
const MOST: i64 = 500;
/// How many of the last answers a trial looks at.
const LOOKED_AT: i64 = 1_000;

/// A filter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Filter {
    /// Its number; 0 while it is only tried.
    pub id: i64,
    /// `word` or `link`.
    pub kind: String,
    /// The word or phrase, or the name of a host.
    pub pattern: String,
    /// `hold`, `refuse` or `hide`.
    pub act: String,
}

fn read(row: &Row) -> sqlx::Result<Filter> {
    Ok(Filter {
        id: row.get("id")?,
        kind: row.get("kind")?,
        pattern: row.get("pattern")?,
        act: row.get("act")?,
    })
}

impl Filter {
    /// A filter as somebody filled it in.
    ///
    /// # Errors
    /// `Invalid` when it is empty, too long or of no known kind.
    pub fn new(kind: &str, pattern: &str, act: &str) -> Result<Self> {
        let pattern = pattern.trim().to_lowercase();
        let known = ["word", "link"].contains(&kind) && ["hold", "refuse", "hide"].contains(&act);
        if pattern.chars().count() < 2 || pattern.chars().count() > LENGTH || !known {
            return Err(Error::invalid_with("pattern", "error-filter", LENGTH));
        }
        let pattern = if kind == "link" {
            let bare = pattern.trim_start_matches("https://");
            let bare = bare.trim_start_matches("http://");
            ascii_domain(bare.split('/').next().unwrap_or_default())
                .ok_or_else(|| Error::invalid_with("pattern", "error-filter", LENGTH))?
        } else {
            pattern
        };
        Ok(Self {
            id: 0,
            kind: kind.to_owned(),
            pattern,
            act: act.to_owned(),
        })
    }

    /// Whether it catches this content.
    pub fn catches(&self, content: &Content) -> bool {
        if self.kind == "link" {
            let below = format!(".{}", self.pattern);
            return content
                .hosts
                .iter()
                .any(|host| *host == self.pattern || host.ends_with(&below));
        }
        let text = &content.text;
        text.match_indices(&self.pattern).any(|(at, found)| {
            let edge = |c: Option<char>| c.is_none_or(|c| !c.is_alphanumeric());
            edge(text[..at].chars().next_back()) && edge(text[at + found.len()..].chars().next())
        })
    }
}

/// What stands in a post, read once for all filters.
#[derive(Debug)]
pub struct Content {
    text: String,
    hosts: HashSet<String>,
}

impl Content {
    /// Reads a content.
    pub fn of(html: &str) -> Self {
        Self {
            text: to_text(html).to_lowercase(),
            hosts: hosts(html),
        }
    }
}

/// Longest name of a host with what may stand around it in an address, in bytes.
const AUTHORITY: usize = 512;

/// The hosts that a content links to or writes out, as a browser would read their addresses. Only what can be part of
/// an address's authority is read, so that no byte is read twice.
fn hosts(html: &str) -> HashSet<String> {
    let ends =
        |c: char| c.is_whitespace() || matches!(c, '"' | '\'' | '<' | '>' | '/' | '\\' | '?' | '#');
    let mut found = HashSet::new();
    for (at, _) in html.match_indices("://") {
        let rest = truncate(html[at + 3..].trim_start_matches(['/', '\\']), AUTHORITY);
        let authority = &rest[..rest.find(ends).unwrap_or(rest.len())];
        let authority = authority.replace("&amp;", "&");
        let read = url::Url::parse(&format!("https://{authority}"));
        if let Some(host) = read.ok().and_then(|url| url.host_str().map(str::to_owned)) {
            found.insert(host.trim_end_matches('.').to_owned());
        }
    }
    found
}

/// All filters, the oldest first.
///
/// # Errors
/// What the database says.
pub async fn list(app: &App) -> Result<Vec<Filter>> {
    let rows = sql("SELECT id, kind, pattern, act FROM word_filters ORDER BY id LIMIT $1")
        .bind(MOST)
        .all(&app.db)
        .await?;
    Ok(rows.iter().map(read).collect::<sqlx::Result<_>>()?)
}

/// Adds a filter.
///
/// # Errors
/// `Invalid` when there are too many.
pub async fn add(tx: &mut Tx, now: Time, filter: &Filter) -> Result<()> {
    let touched = sql("INSERT INTO word_filters (id, kind, pattern, act, created_at) SELECT CAST($1 AS BIGINT), CAST($2 AS TEXT), CAST($3 AS TEXT), CAST($4 AS TEXT), CAST($5 AS BIGINT) WHERE (SELECT COUNT(*) FROM word_filters) < $6")
        .bind(id::mint(now))
        .bind(&filter.kind)
        .bind(&filter.pattern)
        .bind(&filter.act)
        .bind(now)
        .bind(MOST)
        .run(tx)
        .await?;
    if touched == 0 {
        return Err(Error::invalid_with("pattern", "error-too-many", MOST));
    }
    Ok(())
}

/// Removes a filter; its pattern, where it was still there.
///
/// # Errors
/// What the database says.
pub async fn remove(tx: &mut Tx, id: i64) -> sqlx::Result<Option<String>> {
    let row = sql("DELETE FROM word_filters WHERE id = $1 RETURNING pattern")
        .bind(id)
        .optional(tx)
        .await?;
    row.map(|row| row.get("pattern")).transpose()
}

/// What a filter would have caught of the last thousand open answers: how many, and the newest of them.
///
/// # Errors
/// What the database says.
pub async fn dry_run(app: &App, filter: &Filter) -> Result<(usize, Vec<Post>)> {
    let rows = sql(concat!("SELECT ", crate::post_columns!(), " FROM posts JOIN posts root ON root.id = posts.thread_id WHERE root.is_local = 1 AND posts.in_reply_to_id IS NOT NULL AND posts.audience IN ('public', 'unlisted') ORDER BY posts.id DESC LIMIT $1"))
        .bind(LOOKED_AT)
        .all(&app.db)
        .await?;
    let mut caught = store::read_all(&rows)?;
    caught.retain(|post| filter.catches(&Content::of(&post.html)));
    let count = caught.len();
    caught.truncate(10);
    Ok((count, caught))
}

#[cfg(test)]
mod tests {
    use super::{Content, Filter};

    #[test]
    fn words_are_whole_and_links_reach_below() {
        let word = Filter::new("word", "Free tickets", "hold").unwrap();
        for (text, caught) in [
            ("<p>get FREE tickets now</p>", true),
            ("<p>carefree tickets</p>", false),
            ("<p>free ticketsale</p>", false),
            ("<p>free&nbsp;tickets</p>", false),
            ("<p>(free tickets)</p>", true),
        ] {
            assert_eq!(word.catches(&Content::of(text)), caught, "{text}");
        }
        let link = Filter::new("link", "https://spam.example/x", "hold").unwrap();
        assert_eq!(link.pattern, "spam.example");
        for (text, caught) in [
            ("<a href=\"https://a.spam.example/y\">y</a>", true),
            ("see http://SPAM.example", true),
            ("https://x@spam.example/", true),
            ("https://%73pam.example/", true),
            ("https://spam.example./", true),
            ("https://spam.example:8443/?a=1&amp;b=2", true),
            ("<a href=\"https://notspam.example\">y</a>", false),
            ("https://good.example/https//spam.example", false),
        ] {
            assert_eq!(link.catches(&Content::of(text)), caught, "{text}");
        }
        assert_eq!(
            Filter::new("link", "bücher.example", "hold")
                .unwrap()
                .pattern,
            "xn--bcher-kva.example"
        );
        assert!(Filter::new("link", "https://", "hold").is_err());
        assert!(Filter::new("word", "a", "hold").is_err());
        assert!(Filter::new("word", "abc", "explode").is_err());
    }
}
