//! Quoting with consent (FEP-044f).

use super::{Post, stamps, store};
use crate::accounts::{self, Account};
use crate::app::App;
use crate::error::{Error, Result};
use crate::jobs::{self, Job, Notice};
use crate::kernel::db::{Conn, Row, Tx, ids, sql};
use crate::kernel::html::escape;
use crate::kernel::id::PostId;
use crate::kernel::page::Window;
use crate::relations::follows;

/// Whether somebody may quote a post of ours.
async fn may_quote(app: &App, who: &Account, quoted: &Post) -> Result<bool> {
    if who.id == quoted.account {
        return Ok(true);
    }
    let blocked = crate::relations::blocks::between(&app.db, who.id, quoted.account).await?;
    Ok(quoted.is_boostable()
        && !blocked
        && match quoted.quote_policy.as_str() {
            "everyone" => true,
            "followers" => follows::is_following(&app.db, who.id, quoted.account).await?,
            _ => false,
        })
}

/// Fills in what a new post quotes; of a remote post the consent is asked for later.
pub(super) async fn prepare(
    app: &App,
    author: &Account,
    mut post: Post,
    quoted: Option<&Post>,
) -> Result<Post> {
    let Some(quoted) = quoted else {
        return Ok(post);
    };
    if quoted.boost_of.is_some() || (!quoted.audience.is_open() && quoted.account != author.id) {
        return Err(Error::invalid("quote", "error-quote-narrow"));
    }
    let quoted_author = crate::accounts::get(app, quoted.account).await?;
    if quoted_author.is_local() && !may_quote(app, author, quoted).await? {
        return Err(Error::invalid("quote", "error-quote-refused"));
    }
    let address = quoted.url.as_deref().unwrap_or(&quoted.uri);
    post.html.push_str(&format!(
        "<p class=\"quote-inline\">RE: <a href=\"{0}\">{0}</a></p>",
        escape(address)
    ));
    post.quote_of = Some(quoted.id);
    post.quote_uri = Some(quoted.uri.clone());
    post.quote_state = Some(
        if quoted_author.is_local() {
            "accepted"
        } else {
            "pending"
        }
        .to_owned(),
    );
    Ok(post)
}

/// Writes what follows from a new quote, in its transaction: our own consent, or the request for another's.
pub(super) async fn settle(tx: &mut Tx, app: &App, post: &Post) -> Result<()> {
    let (Some(quoted), Some(state)) = (post.quote_of, post.quote_state.as_deref()) else {
        return Ok(());
    };
    let now = app.clock.now();
    if state == "pending" {
        jobs::enqueue(&mut *tx, now, Job::SendQuoteRequest(post.id)).await?;
        return Ok(());
    }
    let Some(quoted) = store::find(&mut *tx, quoted).await? else {
        return Ok(());
    };
    if quoted.account == post.account {
        return Ok(());
    }
    let stamp = stamps::insert(&mut *tx, app, quoted.id, &post.uri).await?;
    let author = crate::accounts::store::find(&mut *tx, quoted.account)
        .await?
        .ok_or(Error::NotFound)?;
    sql("UPDATE posts SET quote_stamp_uri = $1 WHERE id = $2")
        .bind(stamps::uri(app, &author, stamp))
        .bind(post.id)
        .run(&mut *tx)
        .await?;
    let job = Job::Notify {
        account: quoted.account,
        kind: Notice::Quote,
        from: post.account,
        post: Some(post.id),
    };
    jobs::enqueue(&mut *tx, now, job).await?;
    Ok(())
}

/// A request to quote a post of ours arrived: it is answered by the post's policy. Whether that lets them.
///
/// # Errors
/// What the database says.
pub async fn receive_request(
    app: &App,
    who: &Account,
    quoted: &Post,
    quoting_uri: &str,
    request: serde_json::Value,
) -> Result<bool> {
    let allowed = may_quote(app, who, quoted).await?;
    let now = app.clock.now();
    let mut tx = app.db.begin().await?;
    let stamp = if allowed {
        Some(stamps::insert(&mut tx, app, quoted.id, quoting_uri).await?)
    } else {
        None
    };
    jobs::enqueue(
        &mut tx,
        now,
        Job::SendQuoteAnswer {
            account: quoted.account,
            to: who.id,
            request,
            stamp,
        },
    )
    .await?;
    tx.commit().await?;
    app.wake.notify_waiters();
    Ok(allowed)
}

/// Keeps a request of somebody whose posts wait for a look.
///
/// # Errors
/// What the database says.
pub async fn put_off_request(
    app: &App,
    who: &Account,
    quoted: &Post,
    quoting_uri: &str,
    request: serde_json::Value,
) -> Result<()> {
    let now = app.clock.now();
    // Most of what is put aside is never let through; its requests go in time.
    sql("DELETE FROM quote_wishes WHERE created_at < $1")
        .bind(now.minus(std::time::Duration::from_secs(30 * 86_400)))
        .run(&app.db)
        .await?;
    sql("INSERT INTO quote_wishes (quoting_uri, account_id, post_id, request, created_at) VALUES ($1, $2, $3, $4, $5) ON CONFLICT (quoting_uri) DO NOTHING")
        .bind(quoting_uri)
        .bind(who.id)
        .bind(quoted.id)
        .bind(request.to_string())
        .bind(now)
        .run(&app.db)
        .await?;
    Ok(())
}

/// Answers the request of a post that was let through, where there was one.
///
/// # Errors
/// What the database says.
pub async fn take_up_request(app: &App, quoting: PostId) -> Result<()> {
    let Some(quoting) = store::find(&app.db, quoting).await? else {
        return Ok(());
    };
    let row = request_of(&app.db, &quoting).await?;
    let Some(row) = row else { return Ok(()) };
    if let Some(quoted) = store::find(&app.db, row.get("post_id")?).await? {
        let who = accounts::get(app, quoting.account).await?;
        let request = serde_json::from_str(&row.get::<String>("request")?)?;
        receive_request(app, &who, &quoted, &quoting.uri, request).await?;
    }
    sql("DELETE FROM quote_wishes WHERE quoting_uri = $1")
        .bind(&quoting.uri)
        .run(&app.db)
        .await?;
    Ok(())
}

async fn request_of(conn: impl Conn, quoting: &Post) -> sqlx::Result<Option<Row>> {
    sql("SELECT post_id, request FROM quote_wishes WHERE quoting_uri = $1 AND account_id = $2")
        .bind(&quoting.uri)
        .bind(quoting.account)
        .optional(conn)
        .await
}

/// Whether a request was put off until this post is seen.
pub(super) async fn has_request(conn: impl Conn, quoting: &Post) -> sqlx::Result<bool> {
    Ok(request_of(conn, quoting).await?.is_some())
}

/// The answer to our request arrived.
///
/// # Errors
/// What the database says.
pub async fn receive_answer(app: &App, post: &Post, stamp: Option<&str>) -> Result<()> {
    let now = app.clock.now();
    let mut tx = app.db.begin().await?;
    let state = if stamp.is_some() {
        "accepted"
    } else {
        "rejected"
    };
    sql("UPDATE posts SET quote_state = $1, quote_stamp_uri = $2, version = version + 1 WHERE id = $3")
        .bind(state)
        .bind(stamp)
        .bind(post.id)
        .run(&mut tx)
        .await?;
    jobs::enqueue(
        &mut tx,
        now,
        Job::SendEdit {
            post: post.id,
            version: -1,
        },
    )
    .await?;
    tx.commit().await?;
    app.wake.notify_waiters();
    Ok(())
}

/// Notes what checking a remote quote found.
///
/// # Errors
/// What the database says.
pub async fn set_state(
    conn: impl Conn,
    post: PostId,
    state: &str,
    quoted: Option<PostId>,
) -> Result<()> {
    sql("UPDATE posts SET quote_state = $1, quote_of_id = COALESCE($2, quote_of_id), version = version + 1 WHERE id = $3")
        .bind(state)
        .bind(quoted)
        .bind(post)
        .run(conn)
        .await?;
    Ok(())
}

/// The author takes a consent back: the quote is shown without their post from now on.
///
/// # Errors
/// `NotFound` when the quoting post does not quote the author.
pub async fn revoke(app: &App, author: &Account, quoting: PostId) -> Result<()> {
    let quoting = store::find(&app.db, quoting)
        .await?
        .ok_or(Error::NotFound)?;
    let quoted = match quoting.quote_of {
        Some(id) => store::find(&app.db, id)
            .await?
            .filter(|quoted| quoted.account == author.id)
            .ok_or(Error::NotFound)?,
        None => return Err(Error::NotFound),
    };
    let now = app.clock.now();
    let mut tx = app.db.begin().await?;
    sql("UPDATE posts SET quote_state = 'revoked', version = version + 1 WHERE id = $1")
        .bind(quoting.id)
        .run(&mut tx)
        .await?;
    let row = sql("UPDATE quote_stamps SET revoked_at = $1 WHERE post_id = $2 AND quoting_uri = $3 AND revoked_at IS NULL RETURNING id")
        .bind(now)
        .bind(quoted.id)
        .bind(&quoting.uri)
        .optional(&mut tx)
        .await?;
    if let Some(row) = row {
        jobs::enqueue(
            &mut tx,
            now,
            Job::SendStampDelete {
                account: author.id,
                stamp: row.get("id")?,
                to: quoting.account,
            },
        )
        .await?;
    }
    tx.commit().await?;
    app.wake.notify_waiters();
    Ok(())
}

/// A remote author took a consent back.
///
/// # Errors
/// What the database says.
pub async fn receive_revocation(app: &App, author: &Account, stamp: &str) -> Result<()> {
    sql("UPDATE posts SET quote_state = 'revoked', version = version + 1 WHERE quote_stamp_uri = $1 AND quote_of_id IN (SELECT id FROM posts WHERE account_id = $2)").bind(stamp).bind(author.id).run(&app.db).await?;
    Ok(())
}

/// The posts that quote one, with consent, as far as the viewer may see them; the newest first.
///
/// # Errors
/// What the database says.
pub async fn of_post(
    app: &App,
    viewer: Option<&Account>,
    quoted: PostId,
    window: Window,
) -> Result<Vec<Post>> {
    let rows = sql(concat!(
        "SELECT ",
        crate::post_columns!(),
        " FROM posts WHERE posts.quote_of_id = $6 AND posts.quote_state = 'accepted' AND ",
        crate::visible!(),
        " AND ",
        crate::heard!(),
        " AND posts.id < $3 AND posts.id > $4 ORDER BY posts.id DESC LIMIT $5"
    ))
    .bind(viewer.map_or(0, |viewer| viewer.id.0))
    .bind(app.clock.now())
    .within(window)
    .bind(quoted)
    .all(&app.db)
    .await?;
    Ok(store::read_all(&rows)?)
}

/// By how many posts each of these is quoted, with consent; those that none quotes are left out.
///
/// # Errors
/// What the database says.
pub async fn counts(app: &App, posts: &[PostId]) -> Result<Vec<(PostId, i64)>> {
    let rows = sql("SELECT quote_of_id, COUNT(*) AS n FROM posts WHERE quote_of_id IN (SELECT value FROM json_each($1)) AND quote_of_id IS NOT NULL AND quote_state = 'accepted' AND audience IN ('public', 'unlisted') GROUP BY quote_of_id")
        .bind(ids(posts.iter().copied()))
        .all(&app.db)
        .await?;
    let read = |row: &Row| Ok((row.get("quote_of_id")?, row.get("n")?));
    Ok(rows.iter().map(read).collect::<sqlx::Result<_>>()?)
}

/// Changes who may quote a post of the author from now on.
///
/// # Errors
/// `NotFound` when it is not theirs.
pub async fn set_policy(app: &App, author: &Account, id: PostId, policy: &str) -> Result<()> {
    let mut tx = app.db.begin().await?;
    let row = sql("UPDATE posts SET quote_policy = $1, version = version + 1 WHERE id = $2 AND account_id = $3 AND boost_of_id IS NULL AND audience IN ('public', 'unlisted') RETURNING version")
        .bind(policy)
        .bind(id)
        .bind(author.id)
        .optional(&mut tx)
        .await?
        .ok_or(Error::NotFound)?;
    let version: i64 = row.get("version")?;
    let job = Job::SendEdit { post: id, version };
    jobs::enqueue(&mut tx, app.clock.now(), job).await?;
    tx.commit().await?;
    app.wake.notify_waiters();
    Ok(())
}
