//! Writing a post.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::copies::{self, Travels};
use super::policies::{self, Interaction, Permission};
use super::render::{self, Rendered};
use super::{Post, Screened, bylines, held, polls, previews, quotes, store, telling, words};
use crate::accounts::Account;
use crate::app::App;
use crate::audiences::{self, Audience};
use crate::error::{Error, Problem, Result, Sentence};
use crate::jobs::{self, Job};
use crate::kernel::db::Tx;
use crate::kernel::failpoint;
use crate::kernel::id::{AccountId, AppId, MediaId, PostId};
use crate::kernel::text;
use crate::media;

/// A poll as it is asked.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct NewPoll {
    /// What can be chosen.
    pub options: Vec<String>,
    /// Whether several may be.
    pub multiple: bool,
    /// Whether the votes are shown only when it is over.
    #[serde(default)]
    pub hides_totals: bool,
    /// For how long, seconds.
    pub seconds: i64,
}

/// A post before it exists.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Draft {
    /// What was typed.
    pub text: String,
    /// What stands before it; empty for none.
    pub warning: String,
    /// Whether its pictures are hidden at first.
    pub sensitive: bool,
    /// Its language.
    pub language: Option<String>,
    /// Who may see it.
    pub audience: Audience,
    /// What it answers.
    pub in_reply_to: Option<PostId>,
    /// What it quotes.
    pub quote: Option<PostId>,
    /// Who may quote it.
    pub quote_policy: String,
    /// Its pictures.
    pub media: Vec<MediaId>,
    /// Its poll.
    pub poll: Option<NewPoll>,
    /// The same key twice makes one post.
    pub idempotency_key: Option<String>,
    /// The app it is written with.
    pub app: Option<AppId>,
    /// What everybody else sees of a post for a grant; nothing where it is empty.
    #[serde(default)]
    pub teaser: String,
    /// Whether everybody else sees its first picture as a blur.
    #[serde(default)]
    pub blurred: bool,
    /// Why it waits for a look before anybody else sees it.
    #[serde(default)]
    pub held: Option<String>,
    /// Who of the crew writes in the name of the author, and whether everybody reads their name.
    #[serde(default)]
    pub byline: Option<(AccountId, bool)>,
    /// What of a post for a grant leaves: `text`, `teaser` or `no`.
    #[serde(default)]
    pub travels: String,
}

impl Default for Draft {
    fn default() -> Self {
        Self {
            text: String::new(),
            warning: String::new(),
            sensitive: false,
            language: None,
            audience: Audience::Public,
            in_reply_to: None,
            quote: None,
            quote_policy: "everyone".to_owned(),
            media: Vec::new(),
            poll: None,
            idempotency_key: None,
            app: None,
            teaser: String::new(),
            blurred: false,
            held: None,
            byline: None,
            travels: Travels::No.name().to_owned(),
        }
    }
}

/// Checks what was typed against the limits.
///
/// # Errors
/// `Invalid`, one problem for each field.
pub fn check(app: &App, draft: &Draft) -> Result<()> {
    let limits = &app.settings.limits;
    let mut problems = Vec::new();
    let mut problem = |field, id, value: Option<i64>| {
        problems.push(Problem {
            field,
            sentence: Sentence {
                id,
                value: value.map(|v| v.to_string()),
            },
        });
    };
    let count = |n: usize| i64::try_from(n).unwrap_or(i64::MAX);
    if draft.text.trim().is_empty()
        && draft.media.is_empty()
        && draft.poll.is_none()
        && draft.quote.is_none()
    {
        problem("text", "error-post-empty", None);
    }
    // What is far too long is not counted sign by sign.
    let most = limits.post_chars.saturating_mul(64).saturating_add(1 << 16);
    if count(draft.text.len()) > most || count(text::length(&draft.text)) > limits.post_chars {
        problem("text", "error-too-long", Some(limits.post_chars));
    }
    if count(draft.warning.chars().count()) > limits.warning_chars {
        problem("warning", "error-too-long", Some(limits.warning_chars));
    }
    if count(draft.media.len()) > limits.attachments {
        problem("media", "error-too-many", Some(limits.attachments));
    }
    if let Some(poll) = &draft.poll {
        let options = &poll.options;
        if count(options.len()) > limits.poll_options || options.len() < 2 {
            problem("poll", "error-poll-options", Some(limits.poll_options));
        }
        if options.iter().any(|option| {
            option.trim().is_empty() || count(option.chars().count()) > limits.poll_option_chars
        }) {
            problem("poll", "error-poll-option", Some(limits.poll_option_chars));
        }
        if options
            .iter()
            .enumerate()
            .any(|(at, option)| options[..at].contains(option))
        {
            problem("poll", "error-poll-twice", None);
        }
        if poll.seconds < limits.poll_shortest || poll.seconds > limits.poll_longest {
            problem("poll", "error-poll-time", None);
        }
        if !draft.media.is_empty() {
            problem("poll", "error-poll-media", None);
        }
    }
    if problems.is_empty() {
        Ok(())
    } else {
        Err(Error::Invalid(problems))
    }
}

/// Whether a form with this key became a post already.
///
/// # Errors
/// What the database says.
pub async fn was_sent(app: &App, author: &Account, key: &str) -> Result<bool> {
    let found = store::find_idempotent(&app.db, author.id, key).await?;
    Ok(!key.is_empty() && found.is_some())
}

/// Writes a post, and in the same transaction everything that follows from it.
///
/// # Errors
/// `Invalid` when something is too long or empty, `NotFound` when what it answers or quotes is not for this author.
pub async fn create(app: &App, author: &Account, draft: Screened<Draft>) -> Result<Post> {
    let prepared = prepare(app, author, draft).await?;
    let mut tx = app.db.begin().await?;
    let (post, _) = write(app, &mut tx, author, prepared).await?;
    tx.commit().await?;
    failpoint::reach("post.after_commit", &post.text);
    app.wake.notify_waiters();
    Ok(post)
}

/// A post before it is written: whatever is read for it stands outside of the transaction.
#[derive(Debug)]
pub enum Prepared {
    /// The same key made this one already.
    Known(Box<Post>),
    /// It is to be written.
    New(Box<(Post, Draft, Rendered)>),
}

/// Prepares a post; [`write`] writes it.
///
/// # Errors
/// As [`create`].
pub async fn prepare(app: &App, author: &Account, draft: Screened<Draft>) -> Result<Prepared> {
    let draft = draft.into_inner();
    check(app, &draft)?;
    if let Some(key) = &draft.idempotency_key
        && let Some(post) = store::find_idempotent(&app.db, author.id, key).await?
    {
        return Ok(Prepared::Known(Box::new(post)));
    }
    let parent = match draft.in_reply_to {
        Some(id) => Some(super::get_for(app, Some(author), id).await?),
        None => None,
    };
    let quoted = match draft.quote {
        Some(id) => Some(super::get_for(app, Some(author), id).await?),
        None => None,
    };
    check_grant(app, author, draft.audience, parent.as_ref()).await?;
    let permission = match &parent {
        Some(parent) => policies::permission(app, author, parent, Interaction::Reply).await?,
        None => Permission::Granted,
    };
    if permission == Permission::Refused {
        return Err(Error::invalid("text", "error-reply-refused"));
    }
    let rendered = render::render(app, &draft.text).await?;
    let mut post = blank(app, author, &draft, &rendered, parent.as_ref());
    // Whoever wrote the answered post gets what everybody gets, and what names them; nothing narrower leaves for them.
    let gets_it = |parent: &Post| {
        let named = rendered.mentions.iter().any(|one| one.id == parent.account);
        post.audience.is_open() || (named && !post.is_for_grant())
    };
    if permission == Permission::Asked && parent.as_ref().is_some_and(gets_it) {
        post.approval = Some("asked".to_owned());
    }
    let post = quotes::prepare(app, author, post, quoted.as_ref()).await?;
    Ok(Prepared::New(Box::new((post, draft, rendered))))
}

/// Writes a prepared post with everything that follows from it, together with what else belongs to it; and whether it
/// is a new one.
///
/// # Errors
/// `Conflict` when it could not be written.
pub async fn write(
    app: &App,
    tx: &mut Tx,
    author: &Account,
    prepared: Prepared,
) -> Result<(Post, bool)> {
    let (post, draft, rendered) = match prepared {
        Prepared::Known(post) => return Ok((*post, false)),
        Prepared::New(new) => *new,
    };
    let now = app.clock.now();
    if !store::insert(&mut *tx, &post, draft.idempotency_key.as_deref(), now).await? {
        // Another request with the same key was faster.
        let key = draft.idempotency_key.unwrap_or_default();
        let known = store::find_idempotent(tx, author.id, &key).await?;
        let known = known.ok_or_else(|| Error::conflict("error-again"))?;
        return Ok((known, false));
    }
    let people: Vec<(AccountId, bool)> = rendered
        .mentions
        .iter()
        .map(|account| (account.id, true))
        .collect();
    store::set_people(&mut *tx, post.id, &people).await?;
    store::set_tags(&mut *tx, post.id, &rendered.tags).await?;
    store::set_app(&mut *tx, post.id, draft.app).await?;
    bylines::set(&mut *tx, post.id, draft.byline).await?;
    if matches!(post.audience, Audience::Grant(_)) {
        let travels = Travels::parse(&draft.travels);
        let seen = (draft.teaser.trim(), draft.blurred);
        copies::set_locked(&mut *tx, post.id, seen, travels).await?;
    }
    if draft.held.is_none() && post.approval.is_none() {
        words::keep(&mut *tx, author, &post).await?;
        previews::expect(&mut *tx, &post, now).await?;
    }
    media::attach(&mut *tx, author.id, post.id, &draft.media).await?;
    if let Some(poll) = &draft.poll {
        let lasts = Duration::from_secs(u64::try_from(poll.seconds).unwrap_or(0));
        polls::insert(&mut *tx, post.id, poll, now.plus(lasts), now).await?;
    }
    if let Some(reason) = &draft.held {
        held::note(&mut *tx, post.id, post.audience, reason).await?;
    }
    if post.approval.is_some() {
        policies::ask(&mut *tx, &post, now).await?;
    }
    if draft.held.is_some() || post.approval.is_some() {
        let post = store::find(tx, post.id).await?.ok_or(Error::NotFound)?;
        return Ok((post, true));
    }
    telling::announce(&mut *tx, &post, &rendered.mentions, now).await?;
    jobs::enqueue(&mut *tx, now, Job::SendPost(post.id)).await?;
    quotes::settle(tx, app, &post).await?;
    Ok((post, true))
}

/// Nobody writes for a grant that is not theirs, unless they answer what is for it; the crew writes for the crew.
async fn check_grant(
    app: &App,
    author: &Account,
    audience: Audience,
    parent: Option<&Post>,
) -> Result<()> {
    let answers = parent.is_some_and(|parent| parent.audience == audience);
    let Audience::Grant(grant) = audience else {
        return Ok(());
    };
    if answers || audiences::owns(&app.db, grant, author.id).await? {
        return Ok(());
    }
    let crew = audiences::kind_of(&app.db, grant).await?.as_deref() == Some("crew");
    if crew && audiences::is_member(&app.db, grant, author.id, app.clock.now()).await? {
        return Ok(());
    }
    Err(Error::Forbidden)
}

fn blank(
    app: &App,
    author: &Account,
    draft: &Draft,
    rendered: &Rendered,
    parent: Option<&Post>,
) -> Post {
    let now = app.clock.now();
    let id = PostId::mint(now);
    let origin = app.origin();
    let audience = narrowed(parent, draft.audience);
    Post {
        id,
        uri: origin.at(&format!("/users/{}/posts/{id}", author.name)),
        url: Some(origin.at(&format!("/@{}/{id}", author.name))),
        account: author.id,
        boost_of: None,
        thread: parent.map_or(id, |parent| parent.thread),
        in_reply_to: parent.map(|parent| parent.id),
        in_reply_to_uri: parent.map(|parent| parent.uri.clone()),
        kind: if draft.poll.is_some() {
            "question"
        } else {
            "note"
        }
        .to_owned(),
        audience,
        title: String::new(),
        text: draft.text.replace("\r\n", "\n").trim_end().to_owned(),
        html: rendered.html.clone(),
        warning: draft.warning.trim().to_owned(),
        sensitive: draft.sensitive || !draft.warning.trim().is_empty(),
        language: draft
            .language
            .clone()
            .filter(|language| !language.is_empty() && language.len() <= 35),
        emojis: Vec::new(),
        quote_of: None,
        quote_uri: None,
        quote_state: None,
        quote_stamp_uri: None,
        quote_policy: if audience.is_open() {
            draft.quote_policy.clone()
        } else {
            "nobody".to_owned()
        },
        interaction_policy: None,
        approval: None,
        approval_uri: None,
        replies_count: 0,
        boosts_count: 0,
        favourites_count: 0,
        pinned_at: None,
        created_at: now,
        edited_at: None,
        replies_fetched_at: None,
        version: 0,
    }
}

/// A reply to a narrower post is never wider than it; one to a grant's post is for the same grant or for who is mentioned.
/// What waits for a look has an audience of its own later; who answers it sees to that.
pub fn narrowed(parent: Option<&Post>, wished: Audience) -> Audience {
    match (wished, parent.map(|parent| parent.audience)) {
        (wished, None | Some(Audience::Held)) => wished,
        (Audience::Grant(_), Some(Audience::Grant(grant))) => Audience::Grant(grant),
        (wished, Some(audience)) => wished.narrower(audience),
    }
}
