//! The words and phrases of filters.

use super::get;
use crate::app::App;
use crate::error::{Error, Result};
use crate::jobs::news::{self, News};
use crate::kernel::clock::Time;
use crate::kernel::db::{Row, Tx, sql};
use crate::kernel::id::{self, AccountId, FilterId};

/// Longest keyword, characters.
const LONGEST: usize = 500;
/// Most keywords of a filter.
const MOST: i64 = 500;
/// Most keywords of a member: each post of a page is looked through for each of them.
const MOST_OF_ALL: i64 = 1_000;

/// A word or phrase.
#[derive(Clone, Debug)]
pub struct Keyword {
    /// Its id.
    pub id: i64,
    /// The filter it belongs to.
    pub filter: FilterId,
    /// What is looked for, whatever its case.
    pub keyword: String,
    /// Whether it must stand as a whole word.
    pub whole_word: bool,
}

impl Keyword {
    /// Whether it stands in a text that is lower-case already.
    pub(super) fn is_in(&self, text: &str) -> bool {
        let wanted = self.keyword.to_lowercase();
        let is_word = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || c == '_');
        // A word's edge counts only where the keyword itself begins or ends in a word.
        let (first, last) = (
            is_word(wanted.chars().next()),
            is_word(wanted.chars().last()),
        );
        !wanted.is_empty()
            && text.match_indices(&wanted).any(|(at, _)| {
                !self.whole_word
                    || !(first && is_word(text[..at].chars().next_back())
                        || last && is_word(text[at + wanted.len()..].chars().next()))
            })
    }
}

/// A keyword as it is filled in: a new one, a changed one, or one to remove.
#[derive(Clone, Debug, Default)]
pub struct KeywordEdit {
    /// Which one, where it is known already.
    pub id: Option<i64>,
    /// What is looked for.
    pub keyword: Option<String>,
    /// Whether it must stand as a whole word.
    pub whole_word: Option<bool>,
    /// Whether it is to go.
    pub remove: bool,
}

pub(super) fn read(row: &Row) -> sqlx::Result<Keyword> {
    Ok(Keyword {
        id: row.get("id")?,
        filter: row.get("filter_id")?,
        keyword: row.get("keyword")?,
        whole_word: row.get("whole_word")?,
    })
}

/// The keyword of one of this member's filters.
///
/// # Errors
/// `NotFound` when it is not theirs.
pub async fn find(app: &App, member: AccountId, id: i64) -> Result<Keyword> {
    let filters = super::list(app, member).await?;
    let mut keywords = filters.into_iter().flat_map(|filter| filter.keywords);
    keywords
        .find(|keyword| keyword.id == id)
        .ok_or(Error::NotFound)
}

pub(super) async fn write_all(
    tx: &mut Tx,
    now: Time,
    filter: FilterId,
    edits: Vec<KeywordEdit>,
) -> Result<()> {
    for edit in edits.into_iter().take(500) {
        let keyword = edit.keyword.unwrap_or_default();
        if keyword.chars().count() > LONGEST {
            return Err(Error::invalid("keyword", "error-filter-keyword"));
        }
        match edit.id {
            Some(id) if edit.remove => {
                sql("DELETE FROM filter_keywords WHERE id = $1 AND filter_id = $2")
                    .bind(id)
                    .bind(filter)
                    .run(&mut *tx)
                    .await?;
            }
            Some(id) => {
                sql("UPDATE filter_keywords SET keyword = CASE WHEN $3 = '' THEN keyword ELSE $3 END, whole_word = COALESCE($4, whole_word) WHERE id = $1 AND filter_id = $2")
                    .bind(id)
                    .bind(filter)
                    .bind(keyword.trim())
                    .bind(edit.whole_word.map(i64::from))
                    .run(&mut *tx)
                    .await?;
            }
            None if !edit.remove => {
                add(
                    &mut *tx,
                    now,
                    filter,
                    &keyword,
                    edit.whole_word == Some(true),
                )
                .await?;
            }
            None => {}
        }
    }
    Ok(())
}

async fn add(
    tx: &mut Tx,
    now: Time,
    filter: FilterId,
    keyword: &str,
    whole_word: bool,
) -> Result<i64> {
    let keyword = keyword.trim();
    if keyword.is_empty() || keyword.chars().count() > LONGEST {
        return Err(Error::invalid("keyword", "error-filter-keyword"));
    }
    let id = id::mint(now);
    let touched = sql("INSERT INTO filter_keywords (id, filter_id, keyword, whole_word) SELECT CAST($1 AS BIGINT), CAST($2 AS BIGINT), CAST($3 AS TEXT), CAST($4 AS BIGINT) WHERE (SELECT COUNT(*) FROM filter_keywords WHERE filter_id = $2) < $5 AND (SELECT COUNT(*) FROM filter_keywords JOIN filters ON filters.id = filter_keywords.filter_id WHERE filters.account_id = (SELECT account_id FROM filters WHERE id = $2)) < $6")
        .bind(id)
        .bind(filter)
        .bind(keyword)
        .bind(whole_word)
        .bind(MOST)
        .bind(MOST_OF_ALL)
        .run(tx)
        .await?;
    if touched == 0 {
        return Err(Error::invalid_with("keyword", "error-too-many", MOST));
    }
    Ok(id)
}

/// Adds a keyword to a filter, or changes one.
///
/// # Errors
/// `NotFound` when it is not theirs, `Invalid` when it is empty.
pub async fn write(
    app: &App,
    member: AccountId,
    filter: FilterId,
    edit: KeywordEdit,
) -> Result<Keyword> {
    get(app, member, filter).await?;
    let mut tx = app.db.begin().await?;
    let id = match edit.id {
        Some(id) => {
            write_all(&mut tx, app.clock.now(), filter, vec![edit]).await?;
            id
        }
        None => {
            let keyword = edit.keyword.unwrap_or_default();
            let whole = edit.whole_word == Some(true);
            add(&mut tx, app.clock.now(), filter, &keyword, whole).await?
        }
    };
    news::tell(&mut tx, app.clock.now(), &News::Filters(member)).await?;
    tx.commit().await?;
    find(app, member, id).await
}

/// Removes a keyword.
///
/// # Errors
/// `NotFound` when it is not theirs.
pub async fn remove(app: &App, member: AccountId, id: i64) -> Result<()> {
    find(app, member, id).await?;
    let mut tx = app.db.begin().await?;
    sql("DELETE FROM filter_keywords WHERE id = $1")
        .bind(id)
        .run(&mut tx)
        .await?;
    news::tell(&mut tx, app.clock.now(), &News::Filters(member)).await?;
    tx.commit().await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{FilterId, Keyword};

    #[test]
    fn whole_words_are_whole_in_every_script() {
        let is_in = |keyword: &str, whole_word: bool, text: &str| {
            let keyword = Keyword {
                id: 1,
                filter: FilterId(1),
                keyword: keyword.into(),
                whole_word,
            };
            keyword.is_in(&text.to_lowercase())
        };
        assert!(is_in("Tour", false, "tourist") && !is_in("Tour", true, "tourist"));
        assert!(is_in("Tour", true, "On TOUR!") && is_in("#tour", true, "a #tour"));
        assert!(
            is_in("straße", true, "Die STRASSE, die Straße") && !is_in("über", true, "überall")
        );
    }
}
