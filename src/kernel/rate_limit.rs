//! Rate limits: a token bucket for each key, in bounded memory.

use std::net::IpAddr;
use std::num::NonZeroUsize;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use lru::LruCache;

use crate::kernel::clock::Time;
use crate::kernel::crypt;

/// Most keys a limit remembers; beyond it the one longest unused is forgotten.
const MOST_KEYS: NonZeroUsize = NonZeroUsize::new(20_000).expect("it is not zero");

/// What a limit counts by: 16 bytes, however long the text was that somebody sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Key([u8; 16]);

impl Key {
    fn of(kind: u8, bytes: &[u8]) -> Self {
        let digest = crypt::sha256_parts(&[&[kind], bytes]);
        let mut key = [0; 16];
        key.copy_from_slice(&digest[..16]);
        Self(key)
    }
}

impl From<&str> for Key {
    fn from(text: &str) -> Self {
        Self::of(0, text.as_bytes())
    }
}

impl From<&String> for Key {
    fn from(text: &String) -> Self {
        Self::from(text.as_str())
    }
}

impl From<IpAddr> for Key {
    fn from(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V4(v4) => Self::of(1, &v4.octets()),
            IpAddr::V6(v6) => Self::of(2, &v6.octets()),
        }
    }
}

impl From<i64> for Key {
    fn from(number: i64) -> Self {
        Self::of(3, &number.to_be_bytes())
    }
}

/// The one key of a limit that counts everybody together.
impl From<()> for Key {
    fn from((): ()) -> Self {
        Self([0; 16])
    }
}

impl<A: Into<Key>, B: Into<Key>> From<(A, B)> for Key {
    fn from((first, second): (A, B)) -> Self {
        let (first, second): (Key, Key) = (first.into(), second.into());
        Self::of(4, &[first.0, second.0].concat())
    }
}

impl<A: Into<Key>, B: Into<Key>, C: Into<Key>> From<(A, B, C)> for Key {
    fn from((first, second, third): (A, B, C)) -> Self {
        Self::from((first, (second, third)))
    }
}

/// How many are left, and when that was so.
#[derive(Clone, Copy, Debug)]
struct Bucket {
    left: f64,
    at: Time,
}

/// Allows `burst` at once and `burst` again over each `period`.
#[derive(Debug)]
pub struct RateLimit {
    burst: f64,
    period_ms: f64,
    buckets: Mutex<LruCache<Key, Bucket>>,
}

impl RateLimit {
    /// A limit of `burst` in `period`.
    pub fn new(burst: u32, period: Duration) -> Self {
        Self {
            burst: f64::from(burst),
            period_ms: period.as_secs_f64() * 1000.0,
            buckets: Mutex::new(LruCache::unbounded()),
        }
    }

    /// How many at once.
    pub fn burst(&self) -> u32 {
        self.burst as u32
    }

    fn buckets(&self) -> MutexGuard<'_, LruCache<Key, Bucket>> {
        self.buckets.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many a bucket holds by now.
    fn filled(&self, bucket: Option<&Bucket>, now: Time) -> f64 {
        bucket.map_or(self.burst, |bucket| {
            let gained = now.since(bucket.at).as_millis() as f64 * self.burst / self.period_ms;
            (bucket.left + gained).min(self.burst)
        })
    }

    /// After how long one is free again.
    fn wait(&self, left: f64) -> Duration {
        let wait = (1.0 - left) * self.period_ms / self.burst;
        Duration::from_millis(wait.ceil() as u64 + 1)
    }

    /// How many are left right now.
    pub fn left(&self, key: impl Into<Key>, now: Time) -> u32 {
        self.filled(self.buckets().peek(&key.into()), now) as u32
    }

    /// Whether one is left, without taking it; on refusal tells after how long to try again.
    ///
    /// # Errors
    /// The time until the next one is free.
    pub fn check(&self, key: impl Into<Key>, now: Time) -> Result<(), Duration> {
        let left = self.filled(self.buckets().peek(&key.into()), now);
        if left >= 1.0 {
            Ok(())
        } else {
            Err(self.wait(left))
        }
    }

    /// Takes one; on refusal tells after how long to try again.
    ///
    /// # Errors
    /// The time until the next one is free.
    pub fn take(&self, key: impl Into<Key>, now: Time) -> Result<(), Duration> {
        let key = key.into();
        let mut buckets = self.buckets();
        let known = buckets.get(&key).copied();
        let left = self.filled(known.as_ref(), now);
        let taken = left >= 1.0;
        let bucket = Bucket {
            left: if taken { left - 1.0 } else { left },
            at: known.map_or(now, |known| now.max(known.at)),
        };
        buckets.put(key, bucket);
        if buckets.len() > MOST_KEYS.get() {
            buckets.pop_lru();
        }
        if taken { Ok(()) } else { Err(self.wait(left)) }
    }

    /// Gives one back: what it was taken for succeeded, and successes do not count.
    pub fn give_back(&self, key: impl Into<Key>, now: Time) {
        let mut buckets = self.buckets();
        if let Some(bucket) = buckets.get_mut(&key.into()) {
            bucket.left = (self.filled(Some(bucket), now) + 1.0).min(self.burst);
            bucket.at = now.max(bucket.at);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Duration, IpAddr, Key, MOST_KEYS, RateLimit, Time};

    const NOW: Time = Time(1_000_000);

    #[test]
    fn a_limit_refuses_and_recovers() {
        let limit = RateLimit::new(2, Duration::from_secs(10));
        assert!(limit.take("a", NOW).is_ok());
        assert!(limit.take("a", NOW).is_ok());
        assert!(limit.check("a", NOW).is_err());
        let wait = limit.take("a", NOW).unwrap_err();
        assert!(limit.take("b", NOW).is_ok());
        assert!(limit.take("a", NOW.plus(wait)).is_ok());
    }

    #[test]
    fn what_is_given_back_can_be_taken_again() {
        let limit = RateLimit::new(1, Duration::from_secs(10));
        for _ in 0..5 {
            assert!(limit.take("a", NOW).is_ok());
            limit.give_back("a", NOW);
        }
        assert_eq!(limit.left("a", NOW), 1, "never more than the burst");
        limit.give_back("nobody", NOW);
        assert_eq!(limit.left("nobody", NOW), 1);
    }

    #[test]
    fn a_clock_set_back_gives_nothing_away() {
        let limit = RateLimit::new(1, Duration::from_secs(10));
        assert!(limit.take("a", NOW).is_ok());
        assert!(limit.take("a", NOW.minus(Duration::from_secs(60))).is_err());
        assert!(limit.take("a", NOW.plus(Duration::from_secs(5))).is_err());
    }

    #[test]
    fn the_longest_unused_is_forgotten_first() {
        let limit = RateLimit::new(1, Duration::from_secs(3600));
        assert!(limit.take("victim", NOW).is_ok());
        for number in 0..100_000_i64 {
            let _ = limit.take(number, NOW);
            if number % 10_000 == 0 {
                assert!(limit.take("victim", NOW).is_err(), "forgotten at {number}");
            }
        }
        assert_eq!(limit.buckets().len(), MOST_KEYS.get());
    }

    #[test]
    fn one_address_has_one_key() {
        let v4: IpAddr = "192.0.2.7".parse().unwrap();
        let mapped: IpAddr = "::ffff:192.0.2.7".parse().unwrap();
        assert_eq!(Key::from(v4), Key::from(mapped));
        assert_ne!(Key::from("192.0.2.7"), Key::from(v4));
        assert_ne!(Key::from(("a", "bc")), Key::from(("ab", "c")));
        assert_ne!(Key::from(("a", "b")), Key::from(("b", "a")));
    }
}
