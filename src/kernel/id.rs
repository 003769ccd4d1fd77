//! Ids: 48 bits of milliseconds and 16 that tell apart what happened in one.

use std::num::NonZeroUsize;
use std::sync::{LazyLock, Mutex, PoisonError};

use lru::LruCache;

use crate::kernel::clock::Time;
use crate::kernel::crypt;

/// Moments whose last id is remembered.
const MOMENTS: NonZeroUsize = NonZeroUsize::new(4_096).expect("it is not zero");

/// The last number that was given out in each of the latest moments.
static LAST: LazyLock<Mutex<LruCache<i64, i64>>> =
    LazyLock::new(|| Mutex::new(LruCache::new(MOMENTS)));

/// Mints an id for something that happens now; ids of one moment grow, from a start of chance.
pub fn mint(now: Time) -> i64 {
    let mut last = LAST.lock().unwrap_or_else(PoisonError::into_inner);
    let number = match last.get(&now.0) {
        Some(number) => number + 1,
        // In the lower half, so that there is room to grow.
        None => i64::from(crypt::random_u16() >> 1),
    };
    last.put(now.0, number);
    (now.0 << 16) + number
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
