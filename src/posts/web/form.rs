//! The form a post is written in: what was typed, what was uploaded, and the post it becomes.

use axum::extract::Multipart;
use axum::extract::multipart::Field;
use http::StatusCode;

use crate::accounts::Account;
use crate::app::App;
use crate::audiences::Audience;
use crate::error::{Error, Problem, Result};
use crate::federation::webfinger;
use crate::kernel::crypt;
use crate::kernel::id::{AudienceId, MediaId, PostId};
use crate::media::incoming::{Arriving, Incoming};
use crate::media::upload::{self, Upload};
use crate::media::{self, Media};
use crate::members::tiers;
use crate::posts::compose::{self, Draft, NewPoll};
use crate::ui::form::{held, piece, typed};

/// The form a post is written in, with what was typed and what is wrong with it.
#[derive(Clone, Debug, Default)]
pub struct ComposeForm {
    /// Under what name the device keeps the draft.
    pub draft: String,
    /// The same form sent twice makes one post.
    pub key: String,
    /// What was typed.
    pub text: String,
    /// The warning.
    pub warning: String,
    /// Whether pictures are hidden at first.
    pub sensitive: bool,
    /// The language.
    pub language: String,
    /// The audience's name, or `tier-` with the number of a tier.
    pub audience: String,
    /// The tiers it can be for: number and name.
    pub tiers: Vec<(AudienceId, String)>,
    /// What everybody else sees of a post for a tier.
    pub teaser: String,
    /// What it answers.
    pub in_reply_to: Option<PostId>,
    /// What it quotes.
    pub quote: Option<PostId>,
    /// Who may quote it.
    pub quote_policy: String,
    /// Files that are uploaded already.
    pub media: Vec<Media>,
    /// The poll.
    pub poll: Option<NewPoll>,
    /// Whether it comes back to ask what its pictures show.
    pub asks: bool,
    /// What is wrong.
    pub problems: Vec<Problem>,
}

impl ComposeForm {
    /// An empty form.
    pub fn blank(draft: &str) -> Self {
        Self {
            draft: draft.to_owned(),
            key: crypt::opaque(),
            audience: "public".to_owned(),
            quote_policy: "everyone".to_owned(),
            ..Self::default()
        }
    }

    /// Offers the tiers of the house to its host.
    ///
    /// # Errors
    /// What the database says.
    pub async fn offering(mut self, app: &App, author: &Account) -> Result<Self> {
        if author.is_host() {
            let all = tiers::list(app).await?.into_iter();
            self.tiers = all.map(|tier| (tier.id, tier.name)).collect();
        }
        Ok(self)
    }

    /// Whether this tier is chosen.
    pub fn is_for(&self, tier: &AudienceId) -> bool {
        self.audience == format!("tier-{tier}")
    }

    /// The fields for a poll's options; four where there is none yet.
    pub fn options(&self) -> Vec<String> {
        let mut options = self
            .poll
            .as_ref()
            .map(|poll| poll.options.clone())
            .unwrap_or_default();
        while options.len() < 4 {
            options.push(String::new());
        }
        options
    }

    /// Whether several options may be chosen.
    pub fn multiple(&self) -> bool {
        self.poll.as_ref().is_some_and(|poll| poll.multiple)
    }

    /// Whether a picture can be shown for what is uploaded.
    pub fn takes_cover(&self) -> bool {
        self.media.iter().any(|item| item.kind != "image")
    }

    /// How long a poll can last: seconds, message, whether it is chosen.
    pub fn times(&self) -> Vec<(i64, &'static str, bool)> {
        let chosen = self.poll.as_ref().map_or(86_400, |poll| poll.seconds);
        let times = [
            (300, "time-5m"),
            (3600, "time-1h"),
            (86_400, "time-1d"),
            (259_200, "time-3d"),
            (604_800, "time-7d"),
            (2_592_000, "time-30d"),
        ];
        times
            .map(|(seconds, id)| (seconds, id, seconds == chosen))
            .to_vec()
    }
}

/// What a filled-in form says.
#[derive(Default)]
pub(super) struct Filled {
    fields: Vec<(String, String)>,
    files: Vec<Incoming>,
    cover: Option<Vec<u8>>,
    /// Why a file could not be taken.
    trouble: Option<Error>,
}

impl Filled {
    /// Reads the form; files go to the disk. One that cannot be taken is told of once everything typed is read.
    pub(super) async fn read(app: &App, mut form: Multipart) -> Result<Self> {
        let mut filled = Self::default();
        loop {
            let mut part = match form.next_field().await {
                Ok(Some(part)) => part,
                Ok(None) => return Ok(filled),
                Err(error) if error.status() == StatusCode::PAYLOAD_TOO_LARGE => {
                    filled.trouble = Some(Error::invalid("media", "error-too-big"));
                    return Ok(filled);
                }
                Err(_) => return Err(Error::invalid("text", "error-form")),
            };
            if let Err(error) = filled.part(app, &mut part).await {
                filled.trouble = Some(error);
                while let Ok(Some(_)) = piece(&mut part).await {}
            }
            if filled.fields.len() + filled.files.len() > 200 {
                return Err(Error::invalid("text", "error-form"));
            }
        }
    }

    async fn part(&mut self, app: &App, part: &mut Field<'_>) -> Result<()> {
        let name = part.name().unwrap_or_default().to_owned();
        match name.as_str() {
            "file" => {
                let mut arriving = Arriving::begin(app)?;
                while let Some(piece) = piece(part).await? {
                    arriving.push(app, &piece).await?;
                }
                self.files.extend(arriving.finish(app).await?);
            }
            "cover" => {
                let most = app.settings.limits.picture_bytes;
                let bytes = held(part, usize::try_from(most).unwrap_or(usize::MAX)).await?;
                self.cover = Some(bytes).filter(|bytes| !bytes.is_empty());
            }
            _ => {
                let typed = typed(part).await?;
                self.fields.push((name, typed));
            }
        }
        Ok(())
    }

    fn text(&self, name: &str) -> String {
        self.fields
            .iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.clone())
            .unwrap_or_default()
    }

    fn all(&self, name: &str) -> Vec<String> {
        self.fields
            .iter()
            .filter(|(key, _)| key == name)
            .map(|(_, value)| value.clone())
            .collect()
    }

    fn has(&self, name: &str) -> bool {
        !self.text(name).is_empty()
    }

    fn poll(&self) -> Option<NewPoll> {
        let options: Vec<String> = self
            .all("option")
            .into_iter()
            .map(|option| option.trim().to_owned())
            .filter(|option| !option.is_empty())
            .collect();
        (!options.is_empty()).then(|| NewPoll {
            options,
            multiple: self.has("multiple"),
            seconds: self.text("seconds").parse().unwrap_or(86_400),
        })
    }

    /// The form as it stands, so that nothing typed is lost.
    pub(super) fn form(&self) -> ComposeForm {
        ComposeForm {
            draft: self.text("draft"),
            key: self.text("key"),
            text: self.text("text"),
            warning: self.text("warning"),
            sensitive: self.has("sensitive"),
            language: self.text("language"),
            audience: self.text("audience"),
            tiers: Vec::new(),
            teaser: self.text("teaser"),
            in_reply_to: self.text("in_reply_to").parse().ok(),
            quote: self.text("quote").parse().ok(),
            quote_policy: self.text("quote_policy"),
            media: Vec::new(),
            poll: self.poll(),
            asks: false,
            problems: Vec::new(),
        }
    }
}

/// The audience that was chosen: one that everybody has, or a tier.
fn audience(name: &str) -> Audience {
    let tier = name.strip_prefix("tier-").and_then(|id| id.parse().ok());
    match tier {
        Some(tier) => Audience::Grant(tier),
        None => Audience::parse(name, None),
    }
}

/// Takes the files in, then writes the post; files stay with the form when something else is wrong.
pub(super) async fn publish(
    app: &App,
    member: &Account,
    mut filled: Filled,
    form: &mut ComposeForm,
) -> Result<PostId> {
    describe(app, member, &filled, form).await?;
    let trouble = filled.trouble.take();
    let described = filled.has("described");
    let fresh = filled.files.len();
    take_in(app, member, filled, form).await?;
    if let Some(trouble) = trouble {
        return Err(trouble);
    }
    if fresh > 0 && !described {
        // What just came has no description yet: the form is shown once more to ask for it.
        form.asks = true;
        return Err(Error::Invalid(Vec::new()));
    }
    let draft = Draft {
        app: None,
        text: form.text.clone(),
        warning: form.warning.clone(),
        sensitive: form.sensitive,
        language: Some(form.language.clone()),
        audience: audience(&form.audience),
        teaser: form.teaser.clone(),
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
    };
    compose::check(app, &draft)?;
    webfinger::learn_mentions(app, &draft.text).await;
    Ok(compose::create(app, member, draft).await?.id)
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
        media::describe(app, member.id, id, &said, (number("x"), number("y"))).await?;
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
