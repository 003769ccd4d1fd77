//! Limits on how often: a token bucket for each key, bounded in number.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::kernel::clock::Time;

/// Most keys a limit remembers; beyond it the longest unused are forgotten.
const MOST_KEYS: usize = 20_000;

/// Allows `burst` at once and `burst` again over each `period`.
#[derive(Debug)]
pub struct Limit<K> {
    burst: f64,
    period_ms: f64,
    buckets: Mutex<HashMap<K, (f64, Time)>>,
}

impl<K: Hash + Eq + Clone> Limit<K> {
    /// A limit of `burst` in `period`.
    pub fn new(burst: u32, period: Duration) -> Self {
        Self {
            burst: f64::from(burst),
            period_ms: period.as_secs_f64() * 1000.0,
            buckets: Mutex::new(HashMap::new()),
        }
    }

    /// How many at once.
    pub fn burst(&self) -> u32 {
        self.burst as u32
    }

    /// How many are left right now.
    pub fn left(&self, key: &K, now: Time) -> u32 {
        let buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        buckets.get(key).map_or(self.burst as u32, |(left, at)| {
            let gained = now.since(*at).as_millis() as f64 * self.burst / self.period_ms;
            (left + gained).min(self.burst) as u32
        })
    }

    /// Takes one; on refusal tells after how long to try again.
    ///
    /// # Errors
    /// The time until the next one is free.
    #[expect(
        clippy::cast_precision_loss,
        reason = "milliseconds between two requests fit a double"
    )]
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a wait is short and positive"
    )]
    pub fn take(&self, key: &K, now: Time) -> Result<(), Duration> {
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        if buckets.len() >= MOST_KEYS && !buckets.contains_key(key) {
            let horizon = now.minus(Duration::from_millis(self.period_ms as u64));
            buckets.retain(|_, (_, at)| *at > horizon);
            if buckets.len() >= MOST_KEYS {
                buckets.clear();
            }
        }
        let (left, at) = buckets.entry(key.clone()).or_insert((self.burst, now));
        let gained = now.since(*at).as_millis() as f64 * self.burst / self.period_ms;
        *left = (*left + gained).min(self.burst);
        *at = now.max(*at);
        if *left >= 1.0 {
            *left -= 1.0;
            return Ok(());
        }
        let wait = (1.0 - *left) * self.period_ms / self.burst;
        Err(Duration::from_millis(wait.ceil() as u64 + 1))
    }
}

#[cfg(test)]
mod tests {
    use super::{Duration, Limit, Time};

    #[test]
    fn a_limit_refuses_and_recovers() {
        let limit = Limit::new(2, Duration::from_secs(10));
        let now = Time(1_000_000);
        assert!(limit.take(&"a", now).is_ok());
        assert!(limit.take(&"a", now).is_ok());
        let wait = limit.take(&"a", now).unwrap_err();
        assert!(limit.take(&"b", now).is_ok());
        assert!(limit.take(&"a", now.plus(wait)).is_ok());
    }
}
