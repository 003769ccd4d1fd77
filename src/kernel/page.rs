//! Keyset paging: a page is asked for by the id it starts before or after.

/// Which part of a list is asked for, newest first.
#[derive(Clone, Copy, Debug)]
pub struct Window {
    /// Only what is older than this id.
    pub before: i64,
    /// Only what is newer than this id.
    pub after: i64,
    /// At most so many rows.
    pub limit: i64,
    /// Whether the rows next to `after` are wanted, not the newest ones.
    pub oldest_first: bool,
}

impl Window {
    /// The newest `limit` rows.
    pub fn newest(limit: i64) -> Self {
        Self {
            before: i64::MAX,
            after: 0,
            limit,
            oldest_first: false,
        }
    }

    /// The `limit` rows older than `before`, or the newest when that is not given.
    pub fn before(before: Option<i64>, limit: i64) -> Self {
        Self {
            before: before.unwrap_or(i64::MAX),
            ..Self::newest(limit)
        }
    }
}
