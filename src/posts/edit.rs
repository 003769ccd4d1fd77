//! Changing a post, with its history.

use super::compose::{self, Draft, NewPoll};
use super::{Post, Screened, polls, previews, render, store, telling, words};
use crate::accounts::Account;
use crate::app::App;
use crate::error::{Error, Result};
use crate::jobs::news::{self, News};
use crate::jobs::{self, Job, Notice};
use crate::kernel::clock::Time;
use crate::kernel::db::{Tx, sql};
use crate::kernel::id::{AccountId, MediaId, PostId};
use crate::media::{self, Described};

/// An earlier version of a post.
#[derive(Debug, Clone)]
pub struct Version {
    /// When it was written.
    pub created_at: Time,
    /// Its title.
    pub title: String,
    /// Its content.
    pub html: String,
    /// Its warning.
    pub warning: String,
}

/// What an edit changes.
#[derive(Clone, Debug, Default)]
pub struct Edit {
    /// The new text.
    pub text: String,
    /// The new warning; empty for none.
    pub warning: String,
    /// Whether pictures are hidden at first.
    pub sensitive: bool,
    /// The language.
    pub language: Option<String>,
    /// The attachments it is to have, where those change.
    pub media: Option<Vec<MediaId>>,
    /// What its files show from now on.
    pub described: Vec<Described>,
    /// The poll it is to have, where that changes; with other choices all votes are void.
    pub poll: Option<NewPoll>,
}

/// Changes a post of the author and tells everyone who has it.
///
/// # Errors
/// `NotFound` when it is not the author's, `Invalid` when something is too long.
pub async fn edit(app: &App, author: &Account, id: PostId, edit: Screened<Edit>) -> Result<Post> {
    let edit = edit.into_inner();
    let before = store::find(&app.db, id)
        .await?
        .filter(|post| post.account == author.id && post.boost_of.is_none())
        .ok_or(Error::NotFound)?;
    let has_more = before.kind == "question"
        || before.quote_uri.is_some()
        || !media::of_post(app, id).await?.is_empty();
    let draft = Draft {
        text: edit.text.clone(),
        warning: edit.warning.clone(),
        poll: edit.poll.clone(),
        ..Draft::default()
    };
    if edit.poll.is_some() || !(has_more && edit.text.trim().is_empty()) {
        compose::check(app, &draft)?;
    }
    let rendered = render::render(app, &edit.text).await?;
    let now = app.clock.now();
    let mut after = before.clone();
    after.text = edit.text.replace("\r\n", "\n").trim_end().to_owned();
    after.html.clone_from(&rendered.html);
    after.warning = edit.warning.trim().to_owned();
    after.sensitive = edit.sensitive || !after.warning.is_empty() || author.sensitised_at.is_some();
    after.language = edit.language.or(after.language);
    after.edited_at = Some(now);
    let mut tx = app.db.begin().await?;
    store::insert_edit(&mut tx, &before, crate::kernel::id::mint(now)).await?;
    after.version = store::update(&mut tx, &after).await?;
    let people: Vec<(AccountId, bool)> = rendered
        .mentions
        .iter()
        .map(|account| (account.id, true))
        .collect();
    store::set_people(&mut tx, id, &people).await?;
    store::set_tags(&mut tx, id, &rendered.tags).await?;
    words::keep(&mut tx, author, &after).await?;
    previews::expect(&mut tx, &after, now).await?;
    if let Some(wished) = &edit.media {
        media::rearrange(&mut tx, author.id, id, wished).await?;
    }
    if let Some(poll) = &edit.poll {
        polls::rewrite(&mut tx, id, poll, now).await?;
    }
    for described in &edit.described {
        media::describe_in(&mut tx, author.id, id, described).await?;
    }
    telling::tell_mentioned(&mut tx, &after, &rendered.mentions, now).await?;
    tell_boosters(&mut tx, &after, now).await?;
    jobs::enqueue(
        &mut tx,
        now,
        Job::SendEdit {
            post: id,
            version: after.version,
        },
    )
    .await?;
    news::tell(&mut tx, now, &News::Edited(id)).await?;
    tx.commit().await?;
    app.wake.notify_waiters();
    Ok(after)
}

/// Tells members who boosted a post that it reads differently now.
pub(super) async fn tell_boosters(tx: &mut Tx, post: &Post, now: Time) -> sqlx::Result<()> {
    let rows = sql("SELECT posts.account_id FROM posts JOIN accounts ON accounts.id = posts.account_id WHERE posts.boost_of_id = $1 AND accounts.kind = 'local' LIMIT 100")
        .bind(post.id)
        .all(&mut *tx)
        .await?;
    for row in rows {
        let account: AccountId = row.get("account_id")?;
        if account != post.account {
            let job = Job::Notify {
                account,
                kind: Notice::Edit,
                from: post.account,
                post: Some(post.id),
            };
            jobs::enqueue(&mut *tx, now, job).await?;
        }
    }
    Ok(())
}

/// The versions of a post before the present one, oldest first.
///
/// # Errors
/// What the database says.
pub async fn history(app: &App, id: PostId) -> Result<Vec<Version>> {
    let rows = store::edits(&app.db, id).await?;
    Ok(rows
        .into_iter()
        .map(|(created_at, title, html, warning)| Version {
            created_at,
            title,
            html,
            warning,
        })
        .collect())
}
