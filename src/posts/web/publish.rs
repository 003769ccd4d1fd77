//! What becomes of a filled-in form: a post, one that waits for its moment, or one that waits for somebody's word.

use super::filled::Filled;
use super::form::ComposeForm;
use crate::accounts::{self, Account};
use crate::app::App;
use crate::audiences::Audience;
use crate::crew::{self, Right, audit, drafts};
use crate::error::{Error, Result};
use crate::federation::look_up;
use crate::kernel::clock::Time;
use crate::kernel::id::{MediaId, PostId};
use crate::kernel::zone::Zone;
use crate::media::upload::{self, Upload};
use crate::media::{self, Described};
use crate::members::tiers;
use crate::moderation::writing;
use crate::posts::compose::{self, Draft};
use crate::posts::copies::Travels;
use crate::posts::scheduled;
use crate::timelines::lists;

/// The audience that was chosen. A ticked tier counts whatever else stands there: what was meant for a few is never
/// read by all.
async fn audience(app: &App, author: &Account, form: &ComposeForm) -> Result<Audience> {
    if !form.chosen.is_empty() || form.audience == "tiers" {
        let grants = tiers::any_of(app, author, &form.chosen).await?;
        let grant = grants.ok_or_else(|| Error::invalid("tiers", "error-no-tier"))?;
        return Ok(Audience::Grant(grant));
    }
    if let Some(list) = form.audience.strip_prefix("list-") {
        let list = list.parse().map_err(|_| Error::NotFound)?;
        return match lists::audience(app, author.id, list).await {
            Ok(audience) => Ok(Audience::Grant(audience)),
            Err(Error::NotFound) => Err(Error::invalid("tiers", "error-not-your-list")),
            Err(error) => Err(error),
        };
    }
    if form.audience == "crew" {
        return Ok(Audience::Grant(crew::inside(app, author).await?));
    }
    Ok(match form.audience.as_str() {
        // Narrowed to whom the answered post is for.
        "inside" if form.in_reply_to.is_some() => Audience::Followers,
        name => Audience::parse(name, None),
    })
}

/// What became of a form.
pub(super) enum Done {
    /// It is a post of this account.
    Published(String, PostId),
    /// It waits for its moment, or for somebody who may publish.
    Waits,
}

/// In whose name a form is written, and by whom where that is somebody else.
async fn author(app: &App, member: &Account, form: &ComposeForm) -> Result<Account> {
    if !form.as_house && form.again.is_none() {
        return Ok(member.clone());
    }
    let rights = crew::rights(app, member).await?;
    if !rights.has(Right::Post) && !rights.has(Right::Draft) {
        return Err(Error::Forbidden);
    }
    accounts::first_host(app).await?.ok_or(Error::NotFound)
}

/// When a form is to be published; nothing for at once.
fn moment(form: &ComposeForm, zone: Option<Zone>) -> Result<Option<Time>> {
    if form.at.is_empty() {
        return Ok(None);
    }
    let at = Time::parse(&format!("{}:00Z", form.at.get(..16).unwrap_or_default()))
        .ok_or_else(|| Error::invalid("scheduled_at", "error-scheduled-soon"))?;
    // A script says how the clocks will stand then; without one the zone of the account does.
    if let Ok(minutes) = form.zone.parse::<i64>() {
        return Ok(Some(Time(at.0 - minutes.clamp(-900, 900) * 60_000)));
    }
    let (year, month, day, hour, minute) = at.parts();
    let zone = zone.unwrap_or(Zone::UTC);
    Ok(zone.moment((year, month, day), (hour, minute)))
}

/// Takes the files in, then writes the post, puts it off or hands it on; files stay with the form when something
/// else is wrong.
pub(super) async fn publish(
    app: &App,
    (member, zone): (&Account, Option<Zone>),
    mut filled: Filled,
    form: &mut ComposeForm,
) -> Result<Done> {
    if member.frozen_at.is_some() {
        return Err(Error::invalid("text", "error-frozen"));
    }
    let author = author(app, member, form).await?;
    let prepares = filled.has("prepare");
    describe(app, &author, &filled, form).await?;
    let trouble = filled.trouble.take();
    let described = filled.has("described");
    let fresh = filled.files.len();
    take_in(app, &author, filled, form).await?;
    if let Some(trouble) = trouble {
        return Err(trouble);
    }
    if fresh > 0 && !described {
        // What just came has no description yet: the form is shown once more to ask for it.
        form.asks = true;
        return Err(Error::Invalid(Vec::new()));
    }
    let draft = draft(app, member, &author, form).await?;
    compose::check(app, &draft)?;
    look_up::learn_mentions(app, &draft.text).await;
    let at = moment(form, zone)?;
    let foreign = author.id != member.id;
    if foreign && (prepares || !crew::rights(app, member).await?.has(Right::Post)) {
        let any = crew::rights(app, member).await?.has(Right::Post);
        drafts::prepare(app, (member, any), &draft, (form.again, at)).await?;
        return Ok(Done::Waits);
    }
    write(app, (member, &author), (draft, at), form.again).await
}

/// Writes a post or puts it off; where it is the house's, with the entry in the log and the end of the draft it was.
async fn write(
    app: &App,
    (member, author): (&Account, &Account),
    (draft, at): (Draft, Option<Time>),
    again: Option<i64>,
) -> Result<Done> {
    let (now, text) = (app.clock.now(), draft.text.clone());
    let mut tx;
    let (done, fresh) = match at {
        Some(at) => {
            scheduled::check(app, author, &draft, at).await?;
            tx = app.db.begin().await?;
            let (_, fresh) = scheduled::create_in(&mut tx, author.id, draft, (now, at)).await?;
            (Done::Waits, fresh)
        }
        None => {
            let draft = writing::screen(app, author, draft).await?;
            let prepared = compose::prepare(app, author, draft).await?;
            tx = app.db.begin().await?;
            let (post, fresh) = compose::write(app, &mut tx, author, prepared).await?;
            (Done::Published(author.name.clone(), post.id), fresh)
        }
    };
    if fresh && author.id != member.id {
        audit::note(&mut tx, now, member.id, "posted", &text).await?;
    }
    if let Some(again) = again {
        drafts::discard(&mut tx, again).await?;
    }
    tx.commit().await?;
    app.wake.notify_waiters();
    Ok(done)
}

/// The post a form asks for.
async fn draft(app: &App, member: &Account, author: &Account, form: &ComposeForm) -> Result<Draft> {
    Ok(Draft {
        app: None,
        held: None,
        byline: (author.id != member.id).then_some((member.id, form.signed)),
        text: form.text.clone(),
        warning: form.warning.clone(),
        sensitive: form.sensitive,
        language: Some(form.language.clone()),
        audience: audience(app, author, form).await?,
        teaser: form.teaser.clone(),
        blurred: form.blurred,
        travels: if form.audience.starts_with("list-") {
            Travels::Text.name().to_owned()
        } else {
            form.travels.clone()
        },
        in_reply_to: form.in_reply_to,
        quote: form.quote,
        quote_policy: if form.quote_policy.is_empty() {
            "everyone".to_owned()
        } else {
            form.quote_policy.clone()
        },
        media: form.media.iter().map(|item| item.id).collect(),
        poll: form.poll.clone(),
        idempotency_key: Some(form.key.clone()).filter(|key| !key.is_empty()),
    })
}

/// Notes what was said about files that were uploaded before.
async fn describe(
    app: &App,
    member: &Account,
    filled: &Filled,
    form: &mut ComposeForm,
) -> Result<()> {
    let mut gone = false;
    for id in filled
        .all("media")
        .iter()
        .filter_map(|id| id.parse::<MediaId>().ok())
    {
        let number = |axis: &str| {
            filled
                .text(&format!("focus-{axis}-{id}"))
                .parse()
                .unwrap_or(0)
        };
        let said = filled.text(&format!("description-{id}"));
        upload::check_description(app, &said)?;
        // Only what stands in no post yet is described here.
        if media::get(app, member.id, id).await.is_ok() {
            let described = Described {
                id,
                description: said,
                focus: (number("x"), number("y")),
            };
            media::describe(app, member.id, &described).await?;
        }
        match media::get(app, member.id, id).await {
            Ok(item) => form.media.push(item),
            Err(Error::NotFound) => gone = true,
            Err(error) => return Err(error),
        }
    }
    if gone && !compose::was_sent(app, member, &form.key).await? {
        return Err(Error::invalid("media", "error-media-gone"));
    }
    Ok(())
}

/// Takes the files in; a picture that was sent as a cover is shown for the sound or the video beside it.
async fn take_in(
    app: &App,
    member: &Account,
    filled: Filled,
    form: &mut ComposeForm,
) -> Result<()> {
    let most = app.settings.limits.attachments;
    let mut cover = filled.cover;
    for file in filled.files {
        if i64::try_from(form.media.len()).unwrap_or(0) >= most {
            return Err(Error::invalid_with("media", "error-too-many", most));
        }
        let takes = file.kind.group() != "image";
        let upload = Upload {
            file,
            cover: if takes { cover.take() } else { None },
            description: String::new(),
            focus: (0, 0),
        };
        let taken = upload::upload(app, member, upload).await?;
        upload::process(app, taken.id).await?;
        form.media.push(media::get(app, member.id, taken.id).await?);
    }
    if let Some(cover) = cover
        && let Some(item) = form.media.iter_mut().find(|item| item.kind != "image")
    {
        upload::set_cover(app, item.id, cover).await?;
        *item = media::get(app, member.id, item.id).await?;
    }
    Ok(())
}
