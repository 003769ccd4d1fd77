//! The words of posts, so that they can be found: accents and case folded, the same on both databases.

use unicode_normalization::UnicodeNormalization as _;
use unicode_normalization::char::is_combining_mark;

use super::{Post, store};
use crate::accounts::Account;
use crate::app::App;
use crate::audiences::Audience;
use crate::error::Result;
use crate::kernel::db::{Tx, sql};
use crate::kernel::html::to_text;
use crate::kernel::id::PostId;
use crate::kernel::page::Window;

/// Text as it is compared: decomposed, without marks, lower-case.
fn fold(text: &str) -> String {
    text.nfkd()
        .filter(|c| !is_combining_mark(*c))
        .collect::<String>()
        .to_lowercase()
}

/// Keeps the words of a post where somebody may ever find it: its author here, or everyone with the author's consent.
pub(super) async fn keep(tx: &mut Tx, author: &Account, post: &Post) -> sqlx::Result<()> {
    remove(&mut *tx, post.id).await?;
    let open = post.audience == Audience::Public && author.indexable;
    if post.boost_of.is_some() || !(author.is_local() || open) {
        return Ok(());
    }
    let text = format!("{}\n{}\n{}", post.title, post.warning, to_text(&post.html));
    sql("INSERT INTO post_texts (rowid, body) VALUES ($1, $2)")
        .on_postgres(
            "INSERT INTO post_texts (post_id, body) VALUES ($1, to_tsvector('simple', $2))",
        )
        .bind(post.id)
        .bind(fold(&text))
        .run(tx)
        .await?;
    Ok(())
}

/// Forgets the words of a post.
pub(super) async fn remove(tx: &mut Tx, post: PostId) -> sqlx::Result<()> {
    sql("DELETE FROM post_texts WHERE rowid = $1")
        .on_postgres("DELETE FROM post_texts WHERE post_id = $1")
        .bind(post)
        .run(tx)
        .await?;
    Ok(())
}

/// What was typed, as both databases read it: words, and phrases in quotation marks; all of them must stand in a post.
fn query(text: &str) -> String {
    let folded = fold(text);
    let mut parts = Vec::new();
    for (at, piece) in folded.split('"').enumerate() {
        let phrase = at % 2 == 1;
        let words: Vec<&str> = piece
            .split(|c: char| !c.is_alphanumeric())
            .filter(|word| !word.is_empty())
            .collect();
        if phrase && !words.is_empty() {
            parts.push(format!("\"{}\"", words.join(" ")));
        } else {
            parts.extend(words.iter().map(|word| format!("\"{word}\"")));
        }
    }
    parts.truncate(20);
    parts.join(" ")
}

/// Posts in which the words stand: the viewer's own, and public ones whose authors want to be found; the newest first.
///
/// # Errors
/// What the database says.
pub async fn find(
    app: &App,
    viewer: &Account,
    text: &str,
    author: Option<crate::kernel::id::AccountId>,
    (window, offset): (Window, i64),
) -> Result<Vec<Post>> {
    let query = query(text);
    if query.is_empty() {
        return Ok(Vec::new());
    }
    let rows = sql(concat!("SELECT ", crate::post_columns!(), " FROM posts JOIN accounts ON accounts.id = posts.account_id WHERE posts.id IN (SELECT rowid FROM post_texts WHERE post_texts MATCH $6) AND (posts.account_id = $1 OR (posts.audience = 'public' AND accounts.indexable = 1)) AND accounts.deleted_at IS NULL AND ", crate::visible!(), " AND ", crate::heard!(), " AND ", crate::wanted!(), " AND ($7 = 0 OR posts.account_id = $7) AND posts.id < $3 AND posts.id > $4 ORDER BY posts.id DESC LIMIT $5 OFFSET $8"))
        .on_postgres(concat!("SELECT ", crate::post_columns!(), " FROM posts JOIN accounts ON accounts.id = posts.account_id WHERE posts.id IN (SELECT post_id FROM post_texts WHERE body @@ websearch_to_tsquery('simple', $6)) AND (posts.account_id = $1 OR (posts.audience = 'public' AND accounts.indexable = 1)) AND accounts.deleted_at IS NULL AND ", crate::visible!(), " AND ", crate::heard!(), " AND ", crate::wanted!(), " AND ($7 = 0 OR posts.account_id = $7) AND posts.id < $3 AND posts.id > $4 ORDER BY posts.id DESC LIMIT $5 OFFSET $8"))
        .bind(viewer.id)
        .bind(app.clock.now())
        .within(window)
        .bind(query)
        .bind(author.map_or(0, |author| author.0))
        .bind(offset)
        .all(&app.db)
        .await?;
    Ok(store::read_all(&rows)?)
}

#[cfg(test)]
mod tests {
    use super::{fold, query};

    #[test]
    fn what_is_typed_becomes_words_and_nothing_else() {
        assert_eq!(fold("Zürich ÉTÉ Straße"), "zurich ete straße");
        assert_eq!(query("Zürich tonight"), "\"zurich\" \"tonight\"");
        assert_eq!(
            query("\"on the boat\" friday"),
            "\"on the boat\" \"friday\""
        );
        assert_eq!(
            query("* OR NEAR( a:b -c \""),
            "\"or\" \"near\" \"a\" \"b\" \"c\""
        );
        assert_eq!(query("\"\" ** --"), "");
    }
}
