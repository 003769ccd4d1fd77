//! Boosting: handing a post on to one's own followers.

use super::policies::{self, Interaction, Permission};
use super::{Post, counts, remove, store};
use crate::accounts::Account;
use crate::app::App;
use crate::audiences::Audience;
use crate::error::{Error, Result};
use crate::jobs::news::{self, News};
use crate::jobs::{self, Job, Notice};
use crate::kernel::clock::Time;
use crate::kernel::db::Tx;
use crate::kernel::db::sql;
use crate::kernel::id::{self, PostId};
use crate::kernel::page::Window;

/// A member boosts a post for whoever may see the post; a second boost is the same as the first.
///
/// # Errors
/// `Forbidden` when not everyone may see the post anyway.
pub async fn boost(app: &App, who: &Account, post: &Post) -> Result<Post> {
    boost_for(app, who, post, post.audience).await
}

/// As [`boost`], for an audience, which is never wider than the post's.
///
/// # Errors
/// As [`boost`].
pub async fn boost_for(app: &App, who: &Account, post: &Post, audience: Audience) -> Result<Post> {
    if !post.is_boostable_by(who.id) {
        return Err(Error::Forbidden);
    }
    let permission = policies::permission(app, who, post, Interaction::Boost).await?;
    if permission == Permission::Refused {
        return Err(Error::invalid("post", "error-boost-refused"));
    }
    let now = app.clock.now();
    let uri = |id| {
        app.origin()
            .at(&format!("/users/{}/posts/{id}/boost", who.name))
    };
    let boost = Post {
        audience: post.audience.narrower(audience),
        approval: (permission == Permission::Asked).then(|| "asked".to_owned()),
        ..blank(who, post, PostId::mint(now), now, uri)
    };
    let mut tx = app.db.begin().await?;
    if let Some(known) = store::find_boost(&mut tx, who.id, post.id).await? {
        return Ok(known);
    }
    if !write(&mut tx, &boost, post, now).await? {
        // Another request was faster.
        drop(tx);
        let known = store::find_boost(&app.db, who.id, post.id).await?;
        return known.ok_or(Error::NotFound);
    }
    if boost.approval.is_some() {
        policies::ask(&mut tx, &boost, now).await?;
        // Until its author says yes, nobody counts it.
        counts::recount(&mut tx, post.id).await?;
    } else {
        jobs::enqueue(&mut tx, now, Job::SendBoost(boost.id)).await?;
        news::tell(&mut tx, now, &News::Post(boost.id)).await?;
    }
    tx.commit().await?;
    app.wake.notify_waiters();
    Ok(boost)
}

/// A boost as it arrived.
#[derive(Clone, Debug)]
pub struct Arrived {
    /// Its id.
    pub uri: String,
    /// When it says it was made.
    pub published: Option<Time>,
    /// For whom.
    pub audience: Audience,
}

/// An Announce arrived.
///
/// # Errors
/// What the database says.
pub async fn receive(app: &App, who: &Account, post: &Post, arrived: &Arrived) -> Result<()> {
    let now = app.clock.now();
    let at = arrived.published.unwrap_or(now).min(now);
    let id = PostId(id::mint_at(at, now));
    let boost = Post {
        audience: post.audience.narrower(arrived.audience),
        ..blank(who, post, id, at, |_| arrived.uri.clone())
    };
    let mut tx = app.db.begin().await?;
    if store::find_boost(&mut tx, who.id, post.id).await?.is_none() {
        if write(&mut tx, &boost, post, now).await? {
            news::tell(&mut tx, now, &News::Post(boost.id)).await?;
        }
        tx.commit().await?;
        app.wake.notify_waiters();
    }
    Ok(())
}

/// Writes a boost; whether it was not there.
async fn write(tx: &mut Tx, boost: &Post, post: &Post, now: Time) -> Result<bool> {
    let fresh = store::insert(&mut *tx, boost, None, now).await?;
    if fresh {
        counts::recount(&mut *tx, post.id).await?;
        news::tell(&mut *tx, now, &News::Counted(post.id)).await?;
        if boost.approval.is_none() {
            counts::count(&mut *tx, boost, 1, Some(now)).await?;
        }
        if post.account != boost.account {
            let job = Job::Notify {
                account: post.account,
                kind: Notice::Boost,
                from: boost.account,
                post: Some(post.id),
            };
            jobs::enqueue(&mut *tx, now, job).await?;
        }
    }
    Ok(fresh)
}

/// Takes a boost back; a member's is told to the others.
///
/// # Errors
/// What the database says.
pub async fn unboost(app: &App, who: &Account, post: &Post) -> Result<()> {
    let now = app.clock.now();
    let mut tx = app.db.begin().await?;
    let Some(boost) = store::find_boost(&mut tx, who.id, post.id).await? else {
        return Ok(());
    };
    sql("DELETE FROM notifications WHERE kind = 'boost' AND from_id = $1 AND post_id = $2")
        .bind(who.id)
        .bind(post.id)
        .run(&mut tx)
        .await?;
    remove::erase_rows(&mut tx, boost.id).await?;
    let gone = News::Gone {
        post: boost.id,
        author: who.id,
        open: boost.audience.is_open(),
    };
    news::tell(&mut tx, now, &gone).await?;
    counts::recount(&mut tx, post.id).await?;
    news::tell(&mut tx, now, &News::Counted(post.id)).await?;
    counts::count(&mut tx, &boost, -1, None).await?;
    // One that never went out is taken back without a word.
    if who.is_local() && boost.audience != Audience::Held {
        let job = Job::SendUnboost {
            account: who.id,
            uri: boost.uri,
            object: post.uri.clone(),
            author: post.account,
        };
        jobs::enqueue(&mut tx, now, job).await?;
    }
    tx.commit().await?;
    app.wake.notify_waiters();
    Ok(())
}

fn blank(who: &Account, post: &Post, id: PostId, at: Time, uri: impl Fn(PostId) -> String) -> Post {
    Post {
        id,
        uri: uri(id),
        url: None,
        account: who.id,
        boost_of: Some(post.id),
        thread: id,
        in_reply_to: None,
        in_reply_to_uri: None,
        kind: "boost".to_owned(),
        audience: post.audience,
        title: String::new(),
        text: String::new(),
        html: String::new(),
        warning: String::new(),
        sensitive: false,
        emojis: Vec::new(),
        quote_of: None,
        quote_uri: None,
        quote_state: None,
        quote_stamp_uri: None,
        interaction_policy: None,
        approval: None,
        approval_uri: None,
        replies_count: 0,
        boosts_count: 0,
        favourites_count: 0,
        pinned_at: None,
        created_at: at,
        edited_at: None,
        replies_fetched_at: None,
        version: 0,
        language: None,
        quote_policy: "nobody".to_owned(),
    }
}

/// Who boosted a post, with the id to page by; the last first.
///
/// # Errors
/// What the database says.
pub async fn people(app: &App, post: PostId, window: Window) -> Result<Vec<(i64, Account)>> {
    let rows = sql(concat!("SELECT ", crate::account_columns!(), ", posts.id AS row_id FROM posts JOIN accounts ON accounts.id = posts.account_id WHERE posts.boost_of_id = $1 AND posts.audience <> 'held' AND accounts.deleted_at IS NULL AND posts.id < $2 AND posts.id > $3 ORDER BY posts.id DESC LIMIT $4"))
        .bind(post)
        .within(window)
        .all(&app.db)
        .await?;
    Ok(rows
        .iter()
        .map(|row| Ok((row.get("row_id")?, crate::accounts::store::read(row)?)))
        .collect::<sqlx::Result<_>>()?)
}
