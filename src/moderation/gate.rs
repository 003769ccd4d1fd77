//! The gate: whether an answer, a mention or a newcomer's post is shown, waits for a look, or is turned away.

use std::time::Duration;

use crate::accounts::{self, Account, Kind as Lives};
use crate::app::App;
use crate::audiences::{self, Audience};
use crate::error::{Error, Result};
use crate::kernel::clock::Time;
use crate::kernel::db::sql;
use crate::kernel::id::AccountId;
use crate::moderation::calm::{self, Calm, Kind};
use crate::moderation::filters::{self, Content, Filter};
use crate::moderation::rules::{self, Rules};
use crate::posts::{self, Post, held};
use crate::relations::follows;

/// After how long somebody is no stranger any more.
const KNOWN: Duration = Duration::from_secs(30 * 86_400);

/// How far back an alarm reaches.
const LATELY: Duration = Duration::from_secs(1200);

/// What is written, as far as the gate looks at it.
#[derive(Debug)]
pub struct About<'a> {
    /// What it answers, where that is known here.
    pub parent: Option<&'a Post>,
    /// Whether it mentions somebody whose home is here.
    pub mentions: bool,
    /// Whether it quotes somebody whose home is here.
    pub quotes: bool,
    /// For whom it is.
    pub audience: Audience,
    /// Everything that can be read in it: content, warning, title, choices, what its files show.
    pub html: &'a str,
    /// Whether it comes now, rather than being fetched after it was there for a while.
    pub fresh: bool,
}

/// What becomes of it.
#[derive(Debug)]
pub enum Verdict {
    /// It is shown; whether its pictures are hidden at first.
    Pass {
        /// Whether its pictures are hidden at first.
        hidden: bool,
    },
    /// It waits for a look, for this reason.
    Hold(&'static str),
    /// It is turned away, with a sentence.
    Refuse(Error),
}

/// What the gate knows about who writes.
struct Writer<'a> {
    account: &'a Account,
    host: Account,
    followed_since: Option<Time>,
}

impl<'a> Writer<'a> {
    async fn of(app: &App, account: &'a Account, host: &Account) -> Result<Self> {
        let follow = follows::find(&app.db, account.id, host.id).await?;
        Ok(Self {
            account,
            followed_since: follow.and_then(|follow| follow.accepted_at),
            host: host.clone(),
        })
    }

    fn lives_here(&self) -> bool {
        self.account.kind == Lives::Local
    }

    /// Where strictness would hurt: a member reads why and keeps their text; what came from elsewhere waits.
    fn strict(&self, sentence: &'static str, reason: &'static str) -> Verdict {
        if self.lives_here() {
            Verdict::Refuse(Error::invalid("text", sentence))
        } else {
            Verdict::Hold(reason)
        }
    }
}

/// Whether an answer in a house's thread, a mention of somebody here, or a member's post passes. Who belongs to the
/// house always does; what only a few read is no business of the gate.
///
/// # Errors
/// What the database says.
pub async fn verdict(app: &App, author: &Account, about: &About<'_>) -> Result<Verdict> {
    let pass = Verdict::Pass { hidden: false };
    let shown_here = match about.parent {
        Some(parent) => is_of_the_house(app, parent).await?,
        None => false,
    };
    let incoming = shown_here || about.mentions || about.quotes;
    let concerns = incoming || author.kind == Lives::Local;
    let few = match about.audience {
        Audience::People | Audience::Grant(_) | Audience::Held => true,
        // What somebody writes for their own followers is theirs, unless it answers the house.
        Audience::Followers => !shown_here,
        Audience::Public | Audience::Unlisted => false,
    };
    let Some(host) = accounts::first_host(app).await? else {
        return Ok(pass);
    };
    if few || !concerns || author.role != accounts::Role::Member {
        return Ok(pass);
    }
    let writer = Writer::of(app, author, &host).await?;
    let verdict = judge(app, &writer, about, incoming).await?;
    if incoming
        && about.fresh
        && calm::count(app, author.id, matches!(verdict, Verdict::Hold(_))).await?
    {
        // What strangers wrote in the minutes that rang the alarm waits as well, this one included.
        return Box::pin(judge(app, &writer, about, incoming)).await;
    }
    Ok(verdict)
}

/// Lets wait what strangers wrote in the conversations of the house within the last minutes.
///
/// # Errors
/// What the database says.
pub async fn hold_recent(app: &App) -> Result<()> {
    let since = app.clock.now().minus(LATELY);
    let rows = sql(concat!("SELECT ", crate::post_columns!(), " FROM posts JOIN posts root ON root.id = posts.thread_id WHERE posts.id IN (SELECT id FROM posts WHERE fetched_at > $2 UNION ALL SELECT id FROM posts WHERE is_local = 1 AND id > $1) AND root.is_local = 1 AND posts.in_reply_to_id IS NOT NULL AND posts.boost_of_id IS NULL AND posts.audience IN ('public', 'unlisted', 'followers') ORDER BY posts.id DESC LIMIT 300"))
        .bind(crate::kernel::id::first_of(since))
        .bind(since)
        .all(&app.db)
        .await?;
    let Some(host) = accounts::first_host(app).await? else {
        return Ok(());
    };
    for post in posts::store::read_all(&rows)? {
        let author = accounts::get(app, post.account).await?;
        // Looking back is about strangers: what a member wrote has been seen, and stays.
        if author.role != accounts::Role::Member || author.kind == Lives::Local {
            continue;
        }
        let writer = Writer::of(app, &author, &host).await?;
        if !is_known(app, &writer).await? {
            held::hold(app, &post, "alarm").await?;
        }
    }
    Ok(())
}

async fn judge(
    app: &App,
    writer: &Writer<'_>,
    about: &About<'_>,
    incoming: bool,
) -> Result<Verdict> {
    let rules = rules::get(app).await?;
    let mut hidden = writer.account.sensitised_at.is_some();
    let content = Content::of(about.html);
    for filter in filters::list(app).await? {
        if filter.catches(&content) {
            match act(&filter) {
                Verdict::Pass { .. } => hidden = true,
                strict => return Ok(strict),
            }
        }
    }
    let active = calm::active(app).await?;
    let known = is_known(app, writer).await?;
    if incoming && let Some(verdict) = crowd(app, writer, &active, known).await? {
        return Ok(verdict);
    }
    if let Some(verdict) = door(app, writer, &rules, incoming).await? {
        return Ok(verdict);
    }
    if known {
        return Ok(Verdict::Pass { hidden });
    }
    if rules.first_posts > 0 && shown_so_far(app, writer.account.id).await? < rules.first_posts {
        return Ok(Verdict::Hold("first"));
    }
    Ok(Verdict::Pass {
        hidden: hidden || rules.blur,
    })
}

fn act(filter: &Filter) -> Verdict {
    match filter.act.as_str() {
        "hold" => Verdict::Hold("filter"),
        "refuse" => Verdict::Refuse(Error::invalid("text", "error-filtered")),
        _ => Verdict::Pass { hidden: true },
    }
}

/// What is done about a crowd at the moment.
async fn crowd(
    app: &App,
    writer: &Writer<'_>,
    active: &[Calm],
    known: bool,
) -> Result<Option<Verdict>> {
    if calm::quarantines(active, &writer.account.host) {
        return Ok(Some(Verdict::Hold("quarantine")));
    }
    let of = |kind: Kind| active.iter().find(|calm| calm.kind == kind);
    if of(Kind::Pause).is_some() {
        return Ok(Some(writer.strict("error-paused", "pause")));
    }
    if let Some(slow) = of(Kind::Slow)
        && wrote_within(app, writer.account.id, slow.minutes).await?
    {
        return Ok(Some(writer.strict("error-slow", "slow")));
    }
    if of(Kind::Hold).is_some() && !known {
        return Ok(Some(Verdict::Hold("hold")));
    }
    if of(Kind::Known).is_some() {
        let belongs = writer.lives_here()
            || writer.followed_since.is_some()
            || is_guest(app, writer.account.id).await?;
        if !belongs {
            return Ok(Some(Verdict::Hold("known")));
        }
    }
    Ok(None)
}

/// What somebody needs to answer: days, and a tier. Whom the host follows needs neither.
async fn door(
    app: &App,
    writer: &Writer<'_>,
    rules: &Rules,
    incoming: bool,
) -> Result<Option<Verdict>> {
    let now = app.clock.now();
    if follows::is_following(&app.db, writer.host.id, writer.account.id).await? {
        return Ok(None);
    }
    // What an account elsewhere says about its age is its own word; here counts since when it is known.
    let since = if writer.lives_here() {
        writer.account.created_at
    } else {
        crate::kernel::id::time_of(writer.account.id.0)
    };
    let age = now.since(since).as_secs() / 86_400;
    if incoming && i64::try_from(age).unwrap_or(i64::MAX) < rules.days {
        return Ok(Some(writer.strict("error-too-new", "days")));
    }
    if incoming
        && let Some(tier) = rules.tier
        && !audiences::is_member(&app.db, tier, writer.account.id, now).await?
    {
        return Ok(Some(writer.strict("error-needs-tier", "tier")));
    }
    Ok(None)
}

/// Whether somebody is no stranger: long a follower or a member, with a tier, or followed by the host.
async fn is_known(app: &App, writer: &Writer<'_>) -> Result<bool> {
    let now = app.clock.now();
    let long = |since: Time| now.since(since) >= KNOWN;
    if writer.followed_since.is_some_and(long)
        || (writer.lives_here() && long(writer.account.created_at))
        || follows::is_following(&app.db, writer.host.id, writer.account.id).await?
    {
        return Ok(true);
    }
    let row = sql("SELECT audience_members.account_id FROM audience_members JOIN tiers ON tiers.audience_id = audience_members.audience_id WHERE audience_members.account_id = $1 AND (audience_members.until IS NULL OR audience_members.until > $2) LIMIT 1")
        .bind(writer.account.id)
        .bind(now)
        .optional(&app.db)
        .await?;
    Ok(row.is_some())
}

async fn is_guest(app: &App, account: AccountId) -> Result<bool> {
    let row = sql("SELECT id FROM guest_sessions WHERE account_id = $1 LIMIT 1")
        .bind(account)
        .optional(&app.db)
        .await?;
    Ok(row.is_some())
}

/// Whether a post stands in a conversation that somebody here began.
pub(super) async fn is_of_the_house(app: &App, post: &Post) -> Result<bool> {
    let row = sql("SELECT is_local FROM posts WHERE id IN ($1, $2) AND is_local = 1 LIMIT 1")
        .bind(post.id)
        .bind(post.thread)
        .optional(&app.db)
        .await?;
    Ok(row.is_some())
}

/// Whether somebody wrote an answer that is shown here within so many minutes.
async fn wrote_within(app: &App, account: AccountId, minutes: i64) -> Result<bool> {
    let minutes = u64::try_from(minutes).unwrap_or(0);
    let since = app.clock.now().minus(Duration::from_secs(minutes * 60));
    let row = sql("SELECT id FROM posts WHERE account_id = $1 AND (fetched_at > $3 OR (is_local = 1 AND id > $2)) AND in_reply_to_id IS NOT NULL AND held_audience IS NULL LIMIT 1")
        .bind(account)
        .bind(crate::kernel::id::first_of(since))
        .bind(since)
        .optional(&app.db)
        .await?;
    Ok(row.is_some())
}

/// How many posts of somebody were shown here so far.
async fn shown_so_far(app: &App, account: AccountId) -> Result<i64> {
    let row = sql("SELECT COUNT(*) AS n FROM (SELECT posts.id FROM posts LEFT JOIN posts root ON root.id = posts.thread_id WHERE posts.account_id = $1 AND posts.boost_of_id IS NULL AND posts.held_audience IS NULL AND (posts.is_local = 1 OR root.is_local = 1) AND (posts.audience IN ('public', 'unlisted') OR (posts.audience = 'followers' AND posts.in_reply_to_id IS NOT NULL AND root.is_local = 1 AND root.account_id <> posts.account_id)) LIMIT 200) AS shown")
        .bind(account)
        .one(&app.db)
        .await?;
    Ok(row.get("n")?)
}

/// Whether pictures of somebody are hidden at first, also once they change what they wrote.
///
/// # Errors
/// What the database says.
pub(super) async fn hides_pictures_of(app: &App, author: &Account) -> Result<bool> {
    if author.sensitised_at.is_some() {
        return Ok(true);
    }
    if !rules::get(app).await?.blur || author.role != accounts::Role::Member {
        return Ok(false);
    }
    match accounts::first_host(app).await? {
        Some(host) => Ok(!is_known(app, &Writer::of(app, author, &host).await?).await?),
        None => Ok(false),
    }
}
