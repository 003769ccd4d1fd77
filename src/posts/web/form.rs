//! The form a post is written in, and the post it becomes.

use super::filled::Filled;
use crate::accounts::{self, Account};
use crate::app::App;
use crate::audiences::Audience;
use crate::error::{Error, Problem, Result};
use crate::federation::webfinger;
use crate::kernel::crypt;
use crate::kernel::id::{AudienceId, ListId, MediaId, PostId};
use crate::media::upload::{self, Upload};
use crate::media::{self, Media};
use crate::members::tiers;
use crate::posts::compose::{self, Draft, NewPoll};
use crate::posts::copies::Travels;
use crate::timelines::lists;

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
    /// The audience's name, `inside` for whom the answered post is for, `tiers`, or `list-` with the number of a list.
    pub audience: String,
    /// The tiers it can be for: number and name.
    pub tiers: Vec<(AudienceId, String)>,
    /// The tiers it is for.
    pub chosen: Vec<AudienceId>,
    /// The lists it can be for: number and name.
    pub lists: Vec<(ListId, String)>,
    /// What everybody else sees of a post for tiers.
    pub teaser: String,
    /// Whether everybody else sees its first picture as a blur.
    pub blurred: bool,
    /// What of a post for tiers leaves.
    pub travels: String,
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
            travels: Travels::Text.name().to_owned(),
            ..Self::default()
        }
    }

    /// Offers the tiers of the house to its host, and everybody their lists.
    ///
    /// # Errors
    /// What the database says.
    pub async fn offering(mut self, app: &App, author: &Account) -> Result<Self> {
        let host = accounts::first_host(app).await?;
        if host.is_some_and(|host| host.id == author.id) {
            let all = tiers::list(app).await?.into_iter();
            self.tiers = all.map(|tier| (tier.id, tier.face.name)).collect();
        }
        let all = lists::list(app, author.id).await?.into_iter();
        self.lists = all.map(|list| (list.id, list.title)).collect();
        Ok(self)
    }

    /// Whether this tier is chosen.
    pub fn is_for(&self, tier: &AudienceId) -> bool {
        self.chosen.contains(tier)
    }

    /// Whether this list is chosen.
    pub fn is_for_list(&self, list: &ListId) -> bool {
        self.audience == format!("list-{list}")
    }

    /// The audiences everybody has, and of an answer inside that of what it answers.
    pub fn audiences(&self) -> Vec<&'static str> {
        if self.audience == "inside" {
            vec!["inside", "people"]
        } else {
            vec!["public", "unlisted", "followers", "people"]
        }
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
        return Ok(Audience::Grant(
            lists::audience(app, author.id, list).await?,
        ));
    }
    Ok(match form.audience.as_str() {
        // Narrowed to whom the answered post is for.
        "inside" if form.in_reply_to.is_some() => Audience::Followers,
        name => Audience::parse(name, None),
    })
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
        audience: audience(app, member, form).await?,
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
