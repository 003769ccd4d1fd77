//! Who may see a thing, decided in one place.
//!
//! Followers, tiers, ticket holders and lists write into audiences from above; every page, feed, search,
//! stream and signed fetch asks [`may_see`], or, for lists, carries the same rule in SQL ([`visible!`](crate::visible)).

mod grants;

use serde::{Deserialize, Serialize};

use crate::accounts::Account;
use crate::app::App;
use crate::error::Result;
use crate::kernel::db::{Conn, sql};
use crate::kernel::id::{AccountId, AudienceId, PostId};
use crate::relations::{blocks, follows};
pub use grants::{
    Badge, Shown, add_member, any_of, badges, create_grant, entitled, is_member, kind_of, owns,
    parts, remove_member, show_badge,
};

/// Who may see a post.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Audience {
    /// Everyone, and it is shown on public pages.
    Public,
    /// Everyone who has the address.
    Unlisted,
    /// The author's followers, and who is mentioned.
    Followers,
    /// Who is named.
    People,
    /// The members of a grant: a tier, an event, a list.
    Grant(AudienceId),
    /// Its author alone, until somebody who keeps the peace has looked at it.
    Held,
}

impl Audience {
    /// Its name in the database.
    pub fn name(self) -> &'static str {
        match self {
            Self::Public => "public",
            Self::Unlisted => "unlisted",
            Self::Followers => "followers",
            Self::People => "people",
            Self::Grant(_) => "grant",
            Self::Held => "held",
        }
    }

    /// Reads its name; a grant needs the id beside it.
    pub fn parse(name: &str, grant: Option<AudienceId>) -> Self {
        match (name, grant) {
            ("public", _) => Self::Public,
            ("unlisted", _) => Self::Unlisted,
            ("followers", _) => Self::Followers,
            ("grant", Some(id)) => Self::Grant(id),
            ("held", _) => Self::Held,
            _ => Self::People,
        }
    }

    /// Whether everyone may see it.
    pub fn is_open(self) -> bool {
        matches!(self, Self::Public | Self::Unlisted)
    }

    /// How narrow it is; a reply is never wider than what it answers.
    fn rank(self) -> u8 {
        match self {
            Self::Public => 0,
            Self::Unlisted => 1,
            Self::Followers => 2,
            Self::Grant(_) => 3,
            Self::People => 4,
            Self::Held => 5,
        }
    }

    /// The narrower of two.
    #[must_use]
    pub fn narrower(self, other: Self) -> Self {
        if other.rank() > self.rank() {
            other
        } else {
            self
        }
    }
}

/// Something with an audience.
#[derive(Clone, Copy, Debug)]
pub struct Thing {
    /// The post.
    pub post: PostId,
    /// Whose it is.
    pub author: AccountId,
    /// Who may see it.
    pub audience: Audience,
}

/// Whether a viewer may see a thing; a visitor is nobody.
///
/// # Errors
/// What the database says.
pub async fn may_see(app: &App, viewer: Option<&Account>, thing: Thing) -> Result<bool> {
    let Some(viewer) = viewer else {
        return Ok(thing.audience.is_open() && !is_locked_out(&app.db, thing.author).await?);
    };
    if viewer.id == thing.author {
        return Ok(true);
    }
    if blocks::blocks(&app.db, thing.author, viewer.id).await? {
        return Ok(false);
    }
    if thing.audience == Audience::Held || is_locked_out(&app.db, thing.author).await? {
        return Ok(false);
    }
    if thing.audience.is_open() {
        return Ok(true);
    }
    // Being named opens no tier: what is for a grant is for whoever has it, and closes with it.
    let named = !matches!(thing.audience, Audience::Grant(_));
    if named && is_named(&app.db, thing.post, viewer.id).await? {
        return Ok(true);
    }
    Ok(match thing.audience {
        Audience::Followers => follows::is_following(&app.db, viewer.id, thing.author).await?,
        Audience::Grant(grant) => {
            is_member(&app.db, grant, viewer.id, app.clock.now()).await?
                || owns(&app.db, grant, viewer.id).await?
        }
        _ => false,
    })
}

/// The same rule as a condition on `posts`, where `$1` is the viewer's id (0 for a visitor) and `$2` the present moment.
#[macro_export]
macro_rules! visible {
    () => {
        "(posts.audience IN ('public', 'unlisted') OR posts.account_id = $1 OR (posts.audience NOT IN ('held', 'grant') AND EXISTS (SELECT 1 FROM post_people WHERE post_people.post_id = posts.id AND post_people.account_id = $1)) OR (posts.audience = 'followers' AND EXISTS (SELECT 1 FROM follows WHERE follows.follower_id = $1 AND follows.followee_id = posts.account_id AND follows.accepted_at IS NOT NULL)) OR (posts.audience = 'grant' AND (EXISTS (SELECT 1 FROM audience_parts JOIN audience_members ON audience_members.audience_id = audience_parts.part_id WHERE audience_parts.audience_id = posts.audience_id AND audience_members.account_id = $1 AND (audience_members.until IS NULL OR audience_members.until > $2)) OR EXISTS (SELECT 1 FROM audiences WHERE audiences.id = posts.audience_id AND audiences.account_id = $1)))) AND NOT EXISTS (SELECT 1 FROM blocks WHERE blocks.account_id = posts.account_id AND blocks.target_id = $1) AND (posts.account_id = $1 OR posts.account_id NOT IN (SELECT id FROM accounts WHERE disabled_at IS NOT NULL))"
    };
}

/// What stands on public lists: nobody who was silenced, unless the viewer follows them; a condition on `posts` with
/// `$1` as in [`visible!`](crate::visible).
#[macro_export]
macro_rules! heard {
    () => {
        "(posts.account_id NOT IN (SELECT id FROM accounts WHERE silenced_at IS NOT NULL OR limited_at IS NOT NULL) OR posts.account_id = $1 OR EXISTS (SELECT 1 FROM follows WHERE follows.follower_id = $1 AND follows.followee_id = posts.account_id AND follows.accepted_at IS NOT NULL))"
    };
}

/// What a viewer does not turn away from: nobody they muted or blocked, no node they muted, and no boost of
/// such people; a condition on `posts` with `$1` as in [`visible!`](crate::visible).
#[macro_export]
macro_rules! wanted {
    () => {
        "NOT EXISTS (SELECT 1 FROM mutes WHERE mutes.account_id = $1 AND mutes.target_id = posts.account_id) AND NOT EXISTS (SELECT 1 FROM blocks WHERE blocks.account_id = $1 AND blocks.target_id = posts.account_id) AND NOT EXISTS (SELECT 1 FROM muted_nodes JOIN accounts author ON author.host = muted_nodes.host WHERE muted_nodes.account_id = $1 AND author.id = posts.account_id) AND NOT EXISTS (SELECT 1 FROM posts boosted WHERE boosted.id = posts.boost_of_id AND (EXISTS (SELECT 1 FROM mutes WHERE mutes.account_id = $1 AND mutes.target_id = boosted.account_id) OR EXISTS (SELECT 1 FROM blocks WHERE (blocks.account_id = $1 AND blocks.target_id = boosted.account_id) OR (blocks.account_id = boosted.account_id AND blocks.target_id = $1))))"
    };
}

/// Whether an account was locked out: what it wrote is hidden until it is let in again.
async fn is_locked_out(conn: impl Conn, account: AccountId) -> sqlx::Result<bool> {
    let row = sql("SELECT id FROM accounts WHERE id = $1 AND disabled_at IS NOT NULL")
        .bind(account)
        .optional(conn)
        .await?;
    Ok(row.is_some())
}

/// Whether an account is named by a post.
async fn is_named(conn: impl Conn, post: PostId, account: AccountId) -> sqlx::Result<bool> {
    Ok(
        sql("SELECT post_id FROM post_people WHERE post_id = $1 AND account_id = $2")
            .bind(post)
            .bind(account)
            .optional(conn)
            .await?
            .is_some(),
    )
}

#[cfg(test)]
mod tests {
    use super::{Audience, AudienceId};

    #[test]
    fn a_reply_is_never_wider_than_what_it_answers() {
        assert_eq!(
            Audience::Public.narrower(Audience::Followers),
            Audience::Followers
        );
        assert_eq!(
            Audience::People.narrower(Audience::Public),
            Audience::People
        );
        assert_eq!(
            Audience::Unlisted.narrower(Audience::Public),
            Audience::Unlisted
        );
        let grant = Audience::Grant(AudienceId(1));
        assert_eq!(Audience::parse(grant.name(), Some(AudienceId(1))), grant);
        assert_eq!(Audience::parse("grant", None), Audience::People);
    }
}
