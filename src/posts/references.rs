//! What posts name by its id on the wire: what they answer and what they quote, now or once it comes.

use std::borrow::Cow;

use super::{Post, counts, store};
use crate::app::App;
use crate::audiences::Audience;
use crate::jobs::{self, Job};
use crate::kernel::clock::Time;
use crate::kernel::db::{Conn, Tx, sql};
use crate::kernel::id::AccountId;
use crate::kernel::origin::Origin;

/// The post with this id on the wire, for somebody who names it in what they send: nothing where they may not see it,
/// or its author blocks them, so that it looks as if it were not there. Who follows somebody elsewhere, their home
/// knows; what waits for a look here, everybody else sees.
pub async fn find_named(
    conn: impl Conn,
    uri: &str,
    by: AccountId,
    now: Time,
) -> sqlx::Result<Option<Post>> {
    sql(concat!(
        "SELECT ", crate::post_columns!(), " FROM posts WHERE posts.id IN (SELECT id FROM posts WHERE uri = $3 UNION ALL ",
        "SELECT post_id FROM post_copies WHERE uri = $3) AND posts.boost_of_id IS NULL AND ((",
        crate::visible!(),
        ") OR (posts.is_local = 0 AND posts.audience IN ('followers', 'held'))) ",
        "AND NOT EXISTS (SELECT 1 FROM blocks WHERE blocks.account_id = posts.account_id AND blocks.target_id = $1)"
    ))
    .bind(by)
    .bind(now)
    .bind(uri)
    .optional(conn)
    .await?
    .as_ref()
    .map(store::read)
    .transpose()
}

/// The id on the wire of one of our posts that is named by the address of its page (`/@nova/1`); any other address as it
/// is.
pub fn id_of_page<'a>(origin: &Origin, uri: &'a str) -> Cow<'a, str> {
    let page = || {
        let path = origin.path_of(uri)?.strip_prefix("/@")?;
        let (name, number) = path.trim_end_matches('/').split_once('/')?;
        let known = !name.contains('@') && number.parse::<i64>().is_ok();
        known.then(|| origin.at(&format!("/users/{}/posts/{number}", name.to_lowercase())))
    };
    page().map_or(Cow::Borrowed(uri), Cow::Owned)
}

/// Joins the answers of somebody to a post that came in the same moment, or was there all along: nothing where they may
/// not see it.
///
/// # Errors
/// What the database says.
pub async fn join(app: &App, uri: &str, by: AccountId) -> sqlx::Result<()> {
    let now = app.clock.now();
    let mut tx = app.db.begin().await?;
    tx.hold(&[uri]).await?;
    if let Some(parent) = find_named(&mut tx, uri, by, now).await? {
        adopt_replies(&mut tx, &parent, now).await?;
    }
    tx.commit().await?;
    app.wake.notify_waiters();
    Ok(())
}

/// Joins what answered a post before it was known here.
pub async fn adopt_replies(tx: &mut Tx, post: &Post, now: Time) -> sqlx::Result<()> {
    // What is for a few named ones is answered by them alone.
    let named = post.audience == Audience::People;
    sql("UPDATE posts SET thread_id = $1 WHERE thread_id IN (SELECT id FROM posts WHERE in_reply_to_uri = $2 AND in_reply_to_id IS NULL AND ($3 = 0 OR account_id = $4 OR account_id IN (SELECT account_id FROM post_people WHERE post_id = $5)))")
        .bind(post.thread)
        .bind(&post.uri)
        .bind(named)
        .bind(post.account)
        .bind(post.id)
        .run(&mut *tx)
        .await?;
    let adopted = sql("UPDATE posts SET in_reply_to_id = $1 WHERE in_reply_to_uri = $2 AND in_reply_to_id IS NULL AND ($3 = 0 OR account_id = $4 OR account_id IN (SELECT account_id FROM post_people WHERE post_id = $1)) RETURNING id, held_audience, audience")
        .bind(post.id)
        .bind(&post.uri)
        .bind(named)
        .bind(post.account)
        .all(&mut *tx)
        .await?;
    let mut shown = 0;
    for row in &adopted {
        if row.get::<Option<String>>("held_audience")?.is_none() {
            let audience: String = row.get("audience")?;
            let open = matches!(audience.as_str(), "public" | "unlisted");
            shown += i64::from(open || !post.audience.is_open());
            // Nobody judged it as an answer so far.
            jobs::enqueue(&mut *tx, now, Job::LookAtPlace(row.get("id")?)).await?;
        }
    }
    if shown > 0 {
        counts::count_replies(&mut *tx, post.id, shown, true).await?;
    }
    if post.audience.is_open() {
        sql("UPDATE posts SET quote_of_id = $1 WHERE quote_uri = $2 AND quote_of_id IS NULL")
            .bind(post.id)
            .bind(&post.uri)
            .run(&mut *tx)
            .await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{Origin, id_of_page};

    #[test]
    fn pages_lead_to_the_ids_of_their_posts() {
        let origin = Origin::parse("https://nova.example", None).unwrap();
        let id = "https://nova.example/users/nova/posts/12";
        for page in [
            "https://nova.example/@nova/12",
            "https://nova.example/@Nova/12/",
            id,
        ] {
            assert_eq!(id_of_page(&origin, page), id);
        }
        for other in [
            "https://tide.example/@nova/12",
            "https://nova.example/@ada@tide.example/12",
            "https://nova.example/@nova/media",
        ] {
            assert_eq!(id_of_page(&origin, other), other);
        }
    }
}
