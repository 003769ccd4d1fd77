//! How many connections are kept for later: not more than the process may have open beside all else.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How long a connection is kept after its last use.
pub(super) const IDLE: Duration = Duration::from_secs(30);
/// How many are kept for one host.
pub(super) const PER_HOST: usize = 2;
/// Most that are kept in all.
const MOST: usize = 2_000;

/// The hosts to which connections may be open after their use.
#[derive(Debug)]
pub(super) struct Kept {
    used: Mutex<HashMap<String, Instant>>,
    hosts: usize,
}

impl Default for Kept {
    fn default() -> Self {
        let half = usize::try_from(descriptors().0 / 2).unwrap_or(MOST);
        Self::of(half.min(MOST) / PER_HOST)
    }
}

impl Kept {
    fn of(hosts: usize) -> Self {
        Self {
            used: Mutex::default(),
            hosts,
        }
    }

    /// Whether a connection to this host may be kept.
    pub(super) fn has_room(&self, host: &str) -> bool {
        let mut used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        if used.len() >= self.hosts && !used.contains_key(host) {
            used.retain(|_, at| now.duration_since(*at) < IDLE);
            if used.len() >= self.hosts {
                return false;
            }
        }
        used.insert(host.to_owned(), now);
        true
    }

    /// Whether a connection to this host may have been open already, before [`Kept::has_room`] is asked.
    pub(super) fn may_be_reused(&self, host: &str) -> bool {
        let used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        used.get(host).is_some_and(|at| at.elapsed() < IDLE)
    }
}

/// How many descriptors this process may have open: now, and at most.
pub fn descriptors() -> (u64, u64) {
    let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile);
    let of = |bound: Option<u64>| bound.unwrap_or(u64::MAX);
    (of(limit.current), of(limit.maximum))
}

/// Allows this process as many descriptors as it may have; how many those are.
pub fn raise_descriptors() -> u64 {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: limit.maximum,
        maximum: limit.maximum,
    };
    if let Err(error) = setrlimit(Resource::Nofile, raised) {
        tracing::warn!(%error, "the number of open files could not be raised");
    }
    descriptors().0
}

#[cfg(test)]
mod tests {
    use super::Kept;

    #[test]
    fn so_many_hosts_and_no_more() {
        let kept = Kept::of(3);
        assert!(!kept.may_be_reused("a"));
        for host in ["a", "b", "c", "a", "c"] {
            assert!(kept.has_room(host), "{host}");
        }
        assert!(kept.may_be_reused("a") && !kept.may_be_reused("d"));
        assert!(!kept.has_room("d"));
        assert!(kept.has_room("b"));
    }
}
