//! What a member does not want to see: words and posts, where, and until when.

pub mod keywords;

pub use keywords::{Keyword, KeywordEdit};

use crate::app::App;
use crate::error::{Error, Result};
use crate::jobs::news::{self, News};
use crate::kernel::clock::Time;
use crate::kernel::db::{Row, sql};
use crate::kernel::id::{self, AccountId, FilterId, PostId};

/// Most filters of a member.
const MOST: usize = 100;
/// Where a filter works.
pub const CONTEXTS: [&str; 5] = ["home", "notifications", "public", "thread", "account"];

/// A filter.
#[derive(Clone, Debug)]
pub struct Filter {
    /// Its id.
    pub id: FilterId,
    /// What the member calls it.
    pub title: String,
    /// Where it works.
    pub contexts: Vec<String>,
    /// `warn` or `hide`.
    pub action: String,
    /// Until when.
    pub expires_at: Option<Time>,
    /// Its words.
    pub keywords: Vec<Keyword>,
    /// Its posts, with the id of each entry.
    pub posts: Vec<(i64, PostId)>,
}

impl Filter {
    /// The words of it that stand in a text.
    pub fn matches(&self, text: &str) -> Vec<String> {
        let text = text.to_lowercase();
        let found = self.keywords.iter().filter(|keyword| keyword.is_in(&text));
        found.map(|keyword| keyword.keyword.clone()).collect()
    }
}

/// Until when a filter is to work.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Until {
    /// As before; a new one for good.
    #[default]
    Unsaid,
    /// For good.
    Forever,
    /// Until then.
    At(Time),
}

impl Until {
    /// What it makes of what was there before.
    fn over(self, before: Option<Time>) -> Option<Time> {
        match self {
            Self::Unsaid => before,
            Self::Forever => None,
            Self::At(at) => Some(at),
        }
    }
}

/// A filter as it is filled in.
#[derive(Clone, Debug, Default)]
pub struct Edit {
    /// What the member calls it.
    pub title: Option<String>,
    /// Where it works.
    pub contexts: Option<Vec<String>>,
    /// `warn` or `hide`.
    pub action: Option<String>,
    /// Until when, where that changes.
    pub expires_at: Until,
    /// Its words.
    pub keywords: Vec<KeywordEdit>,
}

fn read(row: &Row) -> sqlx::Result<Filter> {
    let contexts: String = row.get("contexts")?;
    Ok(Filter {
        id: row.get("id")?,
        title: row.get("title")?,
        contexts: serde_json::from_str(&contexts).unwrap_or_default(),
        action: row.get("action")?,
        expires_at: row.get("expires_at")?,
        keywords: Vec::new(),
        posts: Vec::new(),
    })
}

/// A member's filters, those past their time included.
///
/// # Errors
/// What the database says.
pub async fn list(app: &App, member: AccountId) -> Result<Vec<Filter>> {
    let rows = sql("SELECT id, title, contexts, action, expires_at FROM filters WHERE account_id = $1 ORDER BY id LIMIT 200")
        .bind(member)
        .all(&app.db)
        .await?;
    let mut filters = rows.iter().map(read).collect::<sqlx::Result<Vec<_>>>()?;
    if filters.is_empty() {
        return Ok(filters);
    }
    let keywords = sql("SELECT filter_keywords.id, filter_keywords.filter_id, filter_keywords.keyword, filter_keywords.whole_word FROM filter_keywords JOIN filters ON filters.id = filter_keywords.filter_id WHERE filters.account_id = $1 ORDER BY filter_keywords.id")
        .bind(member)
        .all(&app.db)
        .await?;
    let posts = sql("SELECT filter_posts.id, filter_posts.filter_id, filter_posts.post_id FROM filter_posts JOIN filters ON filters.id = filter_posts.filter_id WHERE filters.account_id = $1 ORDER BY filter_posts.id")
        .bind(member)
        .all(&app.db)
        .await?;
    for filter in &mut filters {
        for row in &keywords {
            let keyword = keywords::read(row)?;
            if keyword.filter == filter.id {
                filter.keywords.push(keyword);
            }
        }
        for row in &posts {
            if row.get::<FilterId>("filter_id")? == filter.id {
                filter.posts.push((row.get("id")?, row.get("post_id")?));
            }
        }
    }
    Ok(filters)
}

/// The filters that work right now.
///
/// # Errors
/// What the database says.
pub async fn active(app: &App, member: AccountId) -> Result<Vec<Filter>> {
    let now = app.clock.now();
    let mut filters = list(app, member).await?;
    filters.retain(|filter| filter.expires_at.is_none_or(|until| until > now));
    Ok(filters)
}

/// A filter of this member.
///
/// # Errors
/// `NotFound` when it is not theirs.
pub async fn get(app: &App, member: AccountId, id: FilterId) -> Result<Filter> {
    let filters = list(app, member).await?;
    let found = filters.into_iter().find(|filter| filter.id == id);
    found.ok_or(Error::NotFound)
}

fn check(title: &str, contexts: &[String], action: &str) -> Result<()> {
    if title.trim().is_empty() || title.chars().count() > 200 {
        return Err(Error::invalid("title", "error-filter-title"));
    }
    let known = |context: &String| CONTEXTS.contains(&context.as_str());
    if contexts.is_empty() || !contexts.iter().all(known) {
        return Err(Error::invalid("context", "error-filter-context"));
    }
    if !["warn", "hide"].contains(&action) {
        return Err(Error::invalid("filter_action", "error-filter-action"));
    }
    Ok(())
}

/// Makes a filter.
///
/// # Errors
/// `Invalid` without a title or a context.
pub async fn create(app: &App, member: AccountId, edit: Edit) -> Result<Filter> {
    let (title, contexts) = (
        edit.title.unwrap_or_default(),
        edit.contexts.unwrap_or_default(),
    );
    let action = edit.action.unwrap_or_else(|| "warn".to_owned());
    check(&title, &contexts, &action)?;
    if list(app, member).await?.len() >= MOST {
        return Err(Error::invalid_with("title", "error-too-many", MOST));
    }
    let id = FilterId::mint(app.clock.now());
    let mut tx = app.db.begin().await?;
    sql("INSERT INTO filters (id, account_id, title, contexts, action, expires_at) VALUES ($1, $2, $3, $4, $5, $6)")
        .bind(id)
        .bind(member)
        .bind(title.trim())
        .bind(serde_json::to_string(&contexts)?)
        .bind(action)
        .bind(edit.expires_at.over(None))
        .run(&mut tx)
        .await?;
    keywords::write_all(&mut tx, app.clock.now(), id, edit.keywords).await?;
    news::tell(&mut tx, app.clock.now(), &News::Filters(member)).await?;
    tx.commit().await?;
    get(app, member, id).await
}

/// Changes a filter.
///
/// # Errors
/// `NotFound` when it is not theirs, `Invalid` without a title or a context.
pub async fn update(app: &App, member: AccountId, id: FilterId, edit: Edit) -> Result<Filter> {
    let before = get(app, member, id).await?;
    let title = edit.title.unwrap_or(before.title);
    let contexts = edit.contexts.unwrap_or(before.contexts);
    let action = edit.action.unwrap_or(before.action);
    check(&title, &contexts, &action)?;
    let mut tx = app.db.begin().await?;
    sql("UPDATE filters SET title = $1, contexts = $2, action = $3, expires_at = $4 WHERE id = $5")
        .bind(title.trim())
        .bind(serde_json::to_string(&contexts)?)
        .bind(action)
        .bind(edit.expires_at.over(before.expires_at))
        .bind(id)
        .run(&mut tx)
        .await?;
    keywords::write_all(&mut tx, app.clock.now(), id, edit.keywords).await?;
    news::tell(&mut tx, app.clock.now(), &News::Filters(member)).await?;
    tx.commit().await?;
    get(app, member, id).await
}

/// Adds a post to a filter.
///
/// # Errors
/// `NotFound` when the filter is not theirs.
pub async fn add_post(app: &App, member: AccountId, filter: FilterId, post: PostId) -> Result<()> {
    get(app, member, filter).await?;
    let now = app.clock.now();
    let mut tx = app.db.begin().await?;
    sql("INSERT INTO filter_posts (id, filter_id, post_id) VALUES ($1, $2, $3) ON CONFLICT (filter_id, post_id) DO NOTHING")
        .bind(id::mint(now))
        .bind(filter)
        .bind(post)
        .run(&mut tx)
        .await?;
    news::tell(&mut tx, now, &News::Filters(member)).await?;
    tx.commit().await?;
    Ok(())
}

/// Takes a post out of a filter, by the id of the entry.
///
/// # Errors
/// `NotFound` when it is not theirs.
pub async fn remove_post(app: &App, member: AccountId, entry: i64) -> Result<()> {
    let mut tx = app.db.begin().await?;
    let touched = sql("DELETE FROM filter_posts WHERE id = $1 AND filter_id IN (SELECT id FROM filters WHERE account_id = $2)")
        .bind(entry)
        .bind(member)
        .run(&mut tx)
        .await?;
    if touched != 1 {
        return Err(Error::NotFound);
    }
    news::tell(&mut tx, app.clock.now(), &News::Filters(member)).await?;
    tx.commit().await?;
    Ok(())
}

/// Removes a filter with everything in it.
///
/// # Errors
/// `NotFound` when it is not theirs.
pub async fn remove(app: &App, member: AccountId, id: FilterId) -> Result<()> {
    get(app, member, id).await?;
    let mut tx = app.db.begin().await?;
    for statement in [
        sql("DELETE FROM filter_keywords WHERE filter_id = $1"),
        sql("DELETE FROM filter_posts WHERE filter_id = $1"),
        sql("DELETE FROM filters WHERE id = $1"),
    ] {
        statement.bind(id).run(&mut tx).await?;
    }
    news::tell(&mut tx, app.clock.now(), &News::Filters(member)).await?;
    tx.commit().await?;
    Ok(())
}
