//! The form a post is written in, and the post it becomes.

use crate::accounts::{self, Account};
use crate::app::App;
use crate::audiences::{self, Audience};
use crate::crew::{self, Right, drafts};
use crate::error::{Error, Problem, Result};
use crate::kernel::crypt;
use crate::kernel::id::{AudienceId, ListId, PostId};
use crate::media::{self, Media};
use crate::members::tiers;
use crate::posts::compose::NewPoll;
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
    /// Whether the author of what it answers is asked before it goes out.
    pub asks_author: bool,
    /// What it quotes.
    pub quote: Option<PostId>,
    /// Who may quote it.
    pub quote_policy: String,
    /// Whether it is written in the name of the house, signed by who writes it, or both.
    pub as_house: bool,
    /// Whether everybody reads who wrote it.
    pub signed: bool,
    /// Whether it can be written in the name of the house.
    pub offers_house: bool,
    /// Whether the writer may publish for the house, not only prepare.
    pub publishes: bool,
    /// Whether it can be for the crew alone.
    pub offers_crew: bool,
    /// The prepared post it replaces.
    pub again: Option<i64>,
    /// When it is to be published: date and time as the browser writes them; at once where it is empty.
    pub at: String,
    /// By how many minutes that time is ahead of UTC.
    pub zone: String,
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
        let rights = crew::rights(app, author).await?;
        if rights.has(Right::Post) || rights.has(Right::Draft) {
            let all = tiers::list(app).await?.into_iter();
            self.tiers = all.map(|tier| (tier.id, tier.face.name)).collect();
        }
        self.offers_crew = rights.any();
        self.publishes = rights.has(Right::Post);
        self.offers_house =
            !author.is_host() && (rights.has(Right::Post) || rights.has(Right::Draft));
        let all = lists::list(app, author.id).await?.into_iter();
        self.lists = all.map(|list| (list.id, list.title)).collect();
        Ok(self)
    }

    /// Fills in what was prepared before.
    ///
    /// # Errors
    /// `NotFound` when it was published meanwhile, or is for somebody else to change.
    pub async fn filled_with(mut self, app: &App, member: &Account, id: i64) -> Result<Self> {
        let prepared = drafts::get(app, id).await?;
        let rights = crew::rights(app, member).await?;
        if !rights.has(Right::Post) && prepared.by.id != member.id {
            return Err(Error::NotFound);
        }
        let host = accounts::first_host(app).await?.ok_or(Error::NotFound)?;
        let draft = prepared.draft;
        for item in &draft.media {
            self.media
                .extend(media::get(app, host.id, *item).await.ok());
        }
        self.as_house = true;
        self.again = Some(id);
        self.signed = draft.byline.is_some_and(|(_, signed)| signed);
        self.text = draft.text;
        self.warning = draft.warning;
        self.sensitive = draft.sensitive;
        self.language = draft.language.unwrap_or_default();
        self.poll = draft.poll;
        self.teaser = draft.teaser;
        self.blurred = draft.blurred;
        self.travels = draft.travels;
        self.quote = draft.quote;
        self.quote_policy = draft.quote_policy;
        self.in_reply_to = draft.in_reply_to;
        if let Some(at) = prepared.run_at {
            self.at = at.rfc3339().get(..16).unwrap_or_default().to_owned();
            "0".clone_into(&mut self.zone);
        }
        self.audience = match draft.audience {
            Audience::Grant(grant) => match audiences::kind_of(&app.db, grant).await?.as_deref() {
                Some("crew") => "crew",
                Some("tier" | "any") => {
                    self.chosen = audiences::parts(&app.db, grant).await?;
                    "tiers"
                }
                // A list belongs to somebody; nobody else can be meant in its place.
                _ => "people",
            },
            audience => audience.name(),
        }
        .to_owned();
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

    /// Whether the votes are shown only when the poll is over.
    pub fn hides_totals(&self) -> bool {
        self.poll.as_ref().is_some_and(|poll| poll.hides_totals)
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
