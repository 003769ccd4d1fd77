//! What members write and change, through the gate; and what reads differently once it is here.

use super::gate::{self, About, Verdict, is_of_the_house, verdict};
use crate::accounts::{self, Account, Kind as Lives};
use crate::app::App;
use crate::audiences::Audience;
use crate::error::{Error, Result};
use crate::kernel::db::sql;
use crate::kernel::html::escape;
use crate::kernel::id::PostId;
use crate::media;
use crate::moderation::filters::{self, Content, Filter};
use crate::posts::arrive::Arrived;
use crate::posts::compose::{self, Draft};
use crate::posts::edit::{self, Edit};
use crate::posts::{self, Post, Screened, held, scheduled};

/// Writes a member's post, if the gate lets it through, or lets it wait.
///
/// # Errors
/// As [`compose::create`], and what the gate says.
pub async fn write(app: &App, author: &Account, draft: Draft) -> Result<Post> {
    let draft = screen(app, author, draft).await?;
    compose::create(app, author, draft).await
}

/// Everything that can be read in a draft.
async fn readable(app: &App, draft: &Draft, html: &str) -> Result<String> {
    let mut all = format!("{html} {}", escape(&draft.warning));
    for option in draft.poll.iter().flat_map(|poll| &poll.options) {
        all.push_str(&format!(" {}", escape(option)));
    }
    for id in &draft.media {
        let row = sql("SELECT description FROM media WHERE id = $1")
            .bind(*id)
            .optional(&app.db)
            .await?;
        let said: Option<String> = row.map(|row| row.get("description")).transpose()?;
        all.push_str(&format!(" {}", escape(&said.unwrap_or_default())));
    }
    Ok(all)
}

/// Looks at a draft, and lets it wait where the gate says so; nothing else makes one that can be written.
///
/// # Errors
/// What the gate says.
pub async fn screen(app: &App, author: &Account, mut draft: Draft) -> Result<Screened<Draft>> {
    if author.frozen_at.is_some() {
        return Err(Error::invalid("text", "error-frozen"));
    }
    let parent = match draft.in_reply_to {
        Some(id) => posts::find(app, id).await?,
        None => None,
    };
    if parent
        .as_ref()
        .is_some_and(|parent| parent.waits_for_author().is_some())
    {
        return Err(Error::invalid("text", "error-reply-waits"));
    }
    if let Some(parent) = parent
        .as_ref()
        .filter(|parent| parent.audience == Audience::Held)
    {
        // An answer to what waits, waits with it, and is no wider than that will be.
        let meant = held::meant(app, parent.id).await?;
        draft.audience = draft.audience.narrower(meant);
        draft.held = Some("first".to_owned());
        return Ok(Screened::by_moderation(draft));
    }
    let quoted = match draft.quote {
        Some(id) => posts::find(app, id).await?,
        None => None,
    };
    let rendered = posts::render::render(app, &draft.text).await?;
    let about = About {
        parent: parent.as_ref(),
        mentions: rendered.mentions.iter().any(Account::is_local),
        quotes: quoted.is_some_and(|quoted| app.origin().owns(&quoted.uri)),
        audience: compose::narrowed(parent.as_ref(), draft.audience),
        html: &readable(app, &draft, &rendered.html).await?,
        fresh: true,
    };
    match verdict(app, author, &about).await? {
        Verdict::Pass { hidden } => draft.sensitive |= hidden,
        Verdict::Hold(reason) => draft.held = Some(reason.to_owned()),
        Verdict::Refuse(error) => return Err(error),
    }
    // The scanner has the word about everybody's files but the house's own.
    if draft.held.is_none()
        && author.role == accounts::Role::Member
        && media::any_suspect(app, &draft.media).await?
    {
        draft.held = Some("scan".to_owned());
    }
    Ok(Screened::by_moderation(draft))
}

/// Whether a post of somebody concerns the house, so that it is read by the filters: in one of its conversations, or
/// open and by a member.
async fn is_read(app: &App, author: &Account, post: &Post) -> Result<bool> {
    let answers = is_of_the_house(app, post).await?;
    let read = match post.audience {
        Audience::Public | Audience::Unlisted => answers || author.kind == Lives::Local,
        Audience::Followers => answers && post.in_reply_to.is_some(),
        _ => false,
    };
    Ok(read && author.role == accounts::Role::Member)
}

/// Changes a post of a member, if filters and scanner let it through; what is hidden at first stays so. What files show
/// is part of the words, as they are changed with it.
///
/// # Errors
/// As [`edit::edit`], and `Invalid` where the post would not have been let through.
pub async fn change(app: &App, author: &Account, post: PostId, mut wished: Edit) -> Result<Post> {
    let before = posts::find(app, post).await?;
    let before = before.filter(|before| before.account == author.id);
    let before = match before {
        // What waits is read as what it will be.
        Some(before) if before.audience == Audience::Held => Some(Post {
            audience: held::meant(app, before.id).await?,
            ..before
        }),
        before => before,
    };
    if let Some(before) = before
        && is_read(app, author, &before).await?
    {
        let mut words = format!("{} {}", wished.text, wished.warning);
        for option in wished.poll.iter().flat_map(|poll| &poll.options) {
            words.push_str(&format!(" {option}"));
        }
        for described in &wished.described {
            words.push_str(&format!(" {}", described.description));
        }
        let content = Content::of(&escape(&words));
        for filter in filters::list(app).await? {
            match (filter.catches(&content), filter.act.as_str()) {
                (false, _) => {}
                (true, "hide") => wished.sensitive = true,
                (true, _) => return Err(Error::invalid("text", "error-filtered")),
            }
        }
        if media::any_suspect(app, wished.media.as_deref().unwrap_or_default()).await? {
            return Err(Error::invalid("text", "error-media-held"));
        }
        wished.sensitive |= before.sensitive && gate::hides_pictures_of(app, author).await?;
    }
    edit::edit(app, author, post, Screened::by_moderation(wished)).await
}

/// Looks at a post whose place became known only after it came: what answers the house meets the gate like any answer.
///
/// # Errors
/// What the database says.
pub async fn look_at_place(app: &App, id: PostId) -> Result<()> {
    let Some(post) = posts::find(app, id).await? else {
        return Ok(());
    };
    let author = accounts::get(app, post.account).await?;
    let Some(parent) = post.in_reply_to else {
        return Ok(());
    };
    let parent = posts::find(app, parent).await?;
    let about = About {
        parent: parent.as_ref(),
        mentions: false,
        quotes: false,
        audience: post.audience,
        html: &format!("{} {}", post.html, escape(&post.warning)),
        fresh: false,
    };
    match verdict(app, &author, &about).await? {
        Verdict::Pass { .. } => Ok(()),
        Verdict::Hold(reason) => held::hold(app, &post, reason).await,
        Verdict::Refuse(_) => held::hold(app, &post, "filter").await,
    }
}

/// Looks at what a post from elsewhere is to read from now on: what the filters would not have let through waits.
///
/// # Errors
/// What the database says.
pub async fn look_again(
    app: &App,
    author: &Account,
    before: &Post,
    after: &mut Arrived,
) -> Result<()> {
    let readable = |html: &str, warning: &str, title: &str| {
        format!("{html} {} {}", escape(warning), escape(title))
    };
    let old = readable(&before.html, &before.warning, &before.title);
    let new = readable(&after.html, &after.warning, &after.title);
    if old == new || !is_read(app, author, before).await? {
        return Ok(());
    }
    let content = Content::of(&new);
    let stops = |filter: &Filter| filter.act != "hide" && filter.catches(&content);
    if filters::list(app).await?.iter().any(stops) {
        after.held = Some("filter");
    }
    Ok(())
}

/// Writes a post whose moment has come; one that the gate would turn away waits for a look.
///
/// # Errors
/// What the database says.
pub async fn publish_scheduled(app: &App, id: i64) -> Result<()> {
    let Some((author, draft)) = scheduled::due(app, id).await? else {
        return Ok(());
    };
    let screened = match screen(app, &author, draft.clone()).await {
        // Who may not write at the moment may not by having written before.
        Err(Error::Invalid(_)) if author.frozen_at.is_some() => {
            return scheduled::put_aside(app, id, "error-frozen").await;
        }
        // It was meant to be read: what would be turned away now waits for a look instead of being lost.
        Err(Error::Invalid(_)) => Screened::by_moderation(Draft {
            held: Some("pause".to_owned()),
            ..draft
        }),
        screened => screened?,
    };
    scheduled::publish(app, id, &author, screened).await
}
