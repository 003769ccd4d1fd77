//! Ids: 48 bits of milliseconds and 16 that tell apart what happened in one.

use std::sync::LazyLock;
use std::sync::atomic::{AtomicI64, AtomicU16, Ordering};

use crate::kernel::clock::Time;
use crate::kernel::crypt;

static LAST: AtomicI64 = AtomicI64::new(0);
/// What tells ids of one moment apart: counted, from a start of chance, so that a process never says the same twice
/// within 65,536 ids, wherever its clock stands.
static NEXT: LazyLock<AtomicU16> = LazyLock::new(|| AtomicU16::new(crypt::random_u16()));

/// How far a clock may seem to go back, because two threads read it, while ids go on growing: 50 ms.
const AHEAD: i64 = 50 << 16;

/// Mints an id for something that happens now; ids of one clock only grow.
pub fn mint(now: Time) -> i64 {
    let fresh = (now.0 << 16) | i64::from(NEXT.fetch_add(1, Ordering::SeqCst));
    let previous = LAST.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |last| {
        Some(if fresh > last || last - fresh > AHEAD {
            fresh
        } else {
            last + 1
        })
    });
    match previous {
        Ok(last) | Err(last) if fresh > last || last - fresh > AHEAD => fresh,
        Ok(last) | Err(last) => last + 1,
    }
}

/// Mints an id for something published earlier, so that it sorts where it belongs; never later than `now`.
///
/// Many programs publish whole seconds: within one, the id is spread at random so that two rarely meet.
pub fn mint_at(published: Time, now: Time) -> i64 {
    if published >= now {
        return mint(now);
    }
    let spread = if published.0 % 1000 == 0 {
        i64::from(crypt::random_u16()) % 1000
    } else {
        0
    };
    let at = published.0.max(0).saturating_add(spread).min(now.0);
    (at << 16) | i64::from(crypt::random_u16())
}

/// The moment an id was minted for.
pub fn time_of(id: i64) -> Time {
    Time(id >> 16)
}

/// The smallest id of a moment.
pub fn first_of(at: Time) -> i64 {
    at.0.max(0) << 16
}

/// Declares id types, one for each kind of row, so that they cannot be mixed up.
#[macro_export]
macro_rules! typed_ids {
    ($($(#[$doc:meta])* $name:ident),* $(,)?) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub i64);

        impl $name {
            /// A new id for something that happens now.
            pub fn mint(now: $crate::kernel::clock::Time) -> Self {
                Self($crate::kernel::id::mint(now))
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                self.0.fmt(f)
            }
        }

        impl std::str::FromStr for $name {
            type Err = std::num::ParseIntError;
            fn from_str(text: &str) -> Result<Self, Self::Err> {
                text.parse().map(Self)
            }
        }

        impl From<$name> for $crate::kernel::db::Arg {
            fn from(id: $name) -> Self {
                Self::Int(Some(id.0))
            }
        }

        impl From<Option<$name>> for $crate::kernel::db::Arg {
            fn from(id: Option<$name>) -> Self {
                Self::Int(id.map(|id| id.0))
            }
        }

        impl $crate::kernel::db::Column for $name {
            fn read(row: &$crate::kernel::db::Row, name: &str) -> sqlx::Result<Self> {
                row.get(name).map(Self)
            }
        }

        impl $crate::kernel::db::Column for Option<$name> {
            fn read(row: &$crate::kernel::db::Row, name: &str) -> sqlx::Result<Self> {
                Ok(row.get::<Option<i64>>(name)?.map($name))
            }
        }
    )*};
}

typed_ids! {
    /// An account: local, remote, guest or the node's own.
    AccountId,
    /// A post, or a boost of one.
    PostId,
    /// A follow, asked for or accepted.
    FollowId,
    /// A picture or other file.
    MediaId,
    /// An announcement.
    AnnouncementId,
    /// Something an account is told about.
    NotificationId,
    /// A unit of later work.
    JobId,
    /// An activity that leaves this node.
    ActivityId,
    /// An activity that arrived.
    ReceivedId,
    /// Another node.
    NodeId,
    /// An address deliveries go to.
    InboxId,
    /// A report about an account or posts.
    ReportId,
    /// A named set of people who may see something.
    AudienceId,
    /// A mail this node wrote.
    MailId,
    /// A signed-in browser.
    SessionId,
    /// A consent to be quoted.
    StampId,
    /// A program that acts for members.
    AppId,
    /// What a program shows to act for a member.
    TokenId,
    /// A list of people.
    ListId,
    /// What a member does not want to see.
    FilterId,
}

#[cfg(test)]
mod tests {
    use super::{mint, mint_at, time_of};
    use crate::kernel::clock::Time;

    #[test]
    fn ids_of_one_moment_are_distinct_and_grow() {
        let now = Time(1_800_000_000_000);
        let ids: Vec<i64> = (0..5000).map(|_| mint(now)).collect();
        assert!(ids.windows(2).all(|pair| pair[0] < pair[1]));
    }

    #[test]
    fn a_late_arrival_sorts_where_it_was_published() {
        let now = Time(1_800_000_000_000);
        let published = Time(1_700_000_000_000);
        let id = mint_at(published, now);
        assert!(time_of(id) >= published);
        assert!(time_of(id).0 < published.0 + 1000);
        assert!(time_of(mint_at(Time(i64::MAX), now)).0 <= now.0 + 1);
    }
}
