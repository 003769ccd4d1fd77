//! Who may answer, favourite and boost a post, as its author says (`interactionPolicy`, gotosocial.org/ns).

use serde::{Deserialize, Serialize};

use super::{Post, counts, held, store};
use crate::accounts::{self, Account};
use crate::app::App;
use crate::audiences::Audience;
use crate::error::{Error, Result};
use crate::jobs::{self, Job};
use crate::kernel::clock::Time;
use crate::kernel::db::{Conn, Tx, sql};
use crate::relations::follows;

/// The collection everybody is in (ActivityPub §5.6).
pub const EVERYONE: &str = "https://www.w3.org/ns/activitystreams#Public";

/// What somebody does with a post.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Interaction {
    /// Answering it.
    Reply,
    /// Favouriting it.
    Favourite,
    /// Boosting it.
    Boost,
}

/// Who may do one thing with a post.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rule {
    /// Actors and collections of actors that may, without being looked at.
    pub automatic: Vec<String>,
    /// Actors and collections of actors that may, once the author said yes.
    pub manual: Vec<String>,
}

/// Who may do what with a post of elsewhere; without a rule, whoever sees it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct InteractionPolicy {
    /// `canReply`.
    pub reply: Option<Rule>,
    /// `canLike`.
    pub favourite: Option<Rule>,
    /// `canAnnounce`.
    pub boost: Option<Rule>,
}

impl InteractionPolicy {
    fn rule(&self, interaction: Interaction) -> Option<&Rule> {
        match interaction {
            Interaction::Reply => self.reply.as_ref(),
            Interaction::Favourite => self.favourite.as_ref(),
            Interaction::Boost => self.boost.as_ref(),
        }
    }

    /// Whether it says more than that whoever sees the post may.
    pub fn says_something(&self) -> bool {
        [&self.reply, &self.favourite, &self.boost]
            .iter()
            .any(|rule| rule.is_some())
    }
}

/// Whether somebody may do something with a post.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Permission {
    /// They may.
    Granted,
    /// They may once the author said yes.
    Asked,
    /// They may not.
    Refused,
}

/// What a post's author lets somebody do with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Allowed {
    /// Answer it.
    pub reply: Permission,
    /// Favourite it.
    pub favourite: Permission,
    /// Boost it.
    pub boost: Permission,
    /// Quote it.
    pub quote: Permission,
}

impl Allowed {
    /// What is let to whoever sees the post.
    pub fn of_nobody(post: &Post) -> Self {
        let everyone = post.is_boostable() && post.quote_policy == "everyone";
        Self {
            reply: Permission::Granted,
            favourite: Permission::Granted,
            boost: Permission::Granted,
            quote: if everyone {
                Permission::Granted
            } else {
                Permission::Refused
            },
        }
    }

    /// Whether it may be answered, at once or later.
    pub fn reply(&self) -> bool {
        self.reply != Permission::Refused
    }

    /// Whether its author is asked before an answer goes out.
    pub fn asks(&self) -> bool {
        self.reply == Permission::Asked
    }

    /// Whether it may be favourited.
    pub fn favourite(&self) -> bool {
        self.favourite != Permission::Refused
    }

    /// Whether it may be boosted, at once or later.
    pub fn boost(&self) -> bool {
        self.boost != Permission::Refused
    }
}

/// What an account may do with a post it sees; most posts say nothing, and cost nothing here.
///
/// # Errors
/// What the database says.
pub async fn allowed(app: &App, who: &Account, post: &Post) -> Result<Allowed> {
    let plain = Allowed {
        quote: quote_permission(app, who, post).await?,
        ..Allowed::of_nobody(post)
    };
    if post.interaction_policy.is_none() {
        return Ok(plain);
    }
    Ok(Allowed {
        quote: plain.quote,
        reply: permission(app, who, post, Interaction::Reply).await?,
        favourite: permission(app, who, post, Interaction::Favourite).await?,
        boost: permission(app, who, post, Interaction::Boost).await?,
    })
}

/// Whether an account may do something with a post it sees.
///
/// # Errors
/// What the database says.
pub async fn permission(
    app: &App,
    who: &Account,
    post: &Post,
    interaction: Interaction,
) -> Result<Permission> {
    let rule = post
        .interaction_policy
        .as_ref()
        .and_then(|policy| policy.rule(interaction));
    let Some(rule) = rule.filter(|_| post.account != who.id) else {
        return Ok(Permission::Granted);
    };
    let names = |list: &[String], uri: &str| list.iter().any(|named| named == uri);
    // Who is named themselves goes before the collections that they are in.
    if names(&rule.automatic, &who.uri) || is_mentioned(app, who, post, interaction).await? {
        return Ok(Permission::Granted);
    }
    if names(&rule.manual, &who.uri) {
        return Ok(Permission::Asked);
    }
    let circles = circles(app, who, post).await?;
    let one_of = |list: &[String]| circles.iter().any(|circle| names(list, circle));
    Ok(if one_of(&rule.automatic) {
        Permission::Granted
    } else if one_of(&rule.manual) {
        Permission::Asked
    } else {
        Permission::Refused
    })
}

/// Whether an account may quote a post: its author may, and for followers those who follow.
async fn quote_permission(app: &App, who: &Account, post: &Post) -> Result<Permission> {
    let may = match post.quote_policy.as_str() {
        _ if post.account == who.id => true,
        _ if !post.is_boostable() => false,
        "everyone" => true,
        "followers" => follows::is_following(&app.db, who.id, post.account).await?,
        _ => false,
    };
    Ok(if may {
        Permission::Granted
    } else {
        Permission::Refused
    })
}

/// Whoever is mentioned may answer, whatever the policy says.
async fn is_mentioned(
    app: &App,
    who: &Account,
    post: &Post,
    interaction: Interaction,
) -> Result<bool> {
    if interaction != Interaction::Reply {
        return Ok(false);
    }
    let row = sql(
        "SELECT post_id FROM post_people WHERE post_id = $1 AND account_id = $2 AND mentioned = 1",
    )
    .bind(post.id)
    .bind(who.id)
    .optional(&app.db)
    .await?;
    Ok(row.is_some())
}

/// The collections an account is in, as seen from a post's author: everybody, and who follows and is followed.
async fn circles(app: &App, who: &Account, post: &Post) -> Result<Vec<String>> {
    let mut found = vec![EVERYONE.to_owned()];
    let author = accounts::get(app, post.account).await?;
    let followers = author.followers_uri.unwrap_or_default();
    if follows::is_following(&app.db, who.id, author.id).await? {
        found.push(followers.clone());
    }
    if follows::is_following(&app.db, author.id, who.id).await?
        && let Some(home) = followers.strip_suffix("/followers")
    {
        found.push(format!("{home}/following"));
    }
    Ok(found)
}

/// Lets a post of ours wait for the word of the author whom it answers, or whose post it boosts, and asks them; what
/// waits for a look of the house already is asked about when that has let it through.
pub(super) async fn ask(tx: &mut Tx, post: &Post, now: Time) -> sqlx::Result<()> {
    sql("UPDATE posts SET approval = 'asked' WHERE id = $1")
        .bind(post.id)
        .run(&mut *tx)
        .await?;
    if held::note(&mut *tx, post.id, post.audience, held::FOR_APPROVAL).await? {
        jobs::enqueue(tx, now, Job::AskApproval(post.id)).await?;
    }
    Ok(())
}

/// The post of ours that an author was asked about, as it will be: with the audience it is meant for.
///
/// # Errors
/// What the database says.
pub async fn asked(app: &App, post: &Post) -> Result<Option<Post>> {
    if post.audience != Audience::Held || post.approval.as_deref() != Some("asked") {
        return Ok(None);
    }
    Ok(Some(Post {
        audience: held::meant(app, post.id).await?,
        ..post.clone()
    }))
}

/// The author whom a post of ours answers, or whose post it boosts, lets it through, with a consent; or does not: then
/// its author alone sees it.
///
/// # Errors
/// What the database says.
pub async fn answer(app: &App, post: &Post, consent: Option<&str>) -> Result<()> {
    let mut tx = app.db.begin().await?;
    let state = if consent.is_some() {
        "given"
    } else {
        "refused"
    };
    sql("UPDATE posts SET approval = $2, approval_uri = $3 WHERE id = $1")
        .bind(post.id)
        .bind(state)
        .bind(consent)
        .run(&mut tx)
        .await?;
    match consent {
        Some(_) if waits(&mut tx, post).await? => {
            held::release_in(app, &mut tx, post.id).await?;
        }
        Some(_) => {}
        None => {
            if post.approval.as_deref() == Some("given") {
                // A consent can be taken back.
                held::hold_in(&mut tx, post, held::REFUSED, app.clock.now()).await?;
            }
            sql("UPDATE posts SET held_for = $2 WHERE id = $1 AND held_for = 'approval'")
                .bind(post.id)
                .bind(held::REFUSED)
                .run(&mut tx)
                .await?;
        }
    }
    if let Some(boosted) = post.boost_of {
        counts::recount(&mut tx, boosted).await?;
    }
    tx.commit().await?;
    app.wake.notify_waiters();
    Ok(())
}

/// Whether a post waits for this word alone, or was kept back by an earlier one, and not for a look of the house.
async fn waits(conn: impl Conn, post: &Post) -> Result<bool> {
    let row = sql("SELECT held_for FROM posts WHERE id = $1")
        .bind(post.id)
        .optional(conn)
        .await?;
    let row = row.ok_or(Error::NotFound)?;
    let reason: Option<String> = row.get("held_for")?;
    Ok(matches!(
        reason.as_deref(),
        Some(held::FOR_APPROVAL | held::REFUSED)
    ))
}

/// The post of ours an answer is about, by the id it has on the wire, if the author who answers is the one who was
/// asked.
///
/// # Errors
/// What the database says.
pub async fn concerned(app: &App, author: &Account, uri: &str) -> Result<Option<Post>> {
    let Some(post) = store::find_by_uri(&app.db, uri).await? else {
        return Ok(None);
    };
    let about = match post.boost_of.or(post.in_reply_to) {
        Some(id) => store::find(&app.db, id).await?,
        None => None,
    };
    Ok(about
        .filter(|about| about.account == author.id && app.origin().owns(&post.uri))
        .filter(|_| post.approval.is_some())
        .map(|_| post))
}
