//! A small map in memory that forgets what was longest unused when it is full.

use std::hash::Hash;
use std::num::NonZeroUsize;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use lru::LruCache;

/// At most as many entries as it was made for.
#[derive(Debug)]
pub struct Cache<K: Hash + Eq, V>(Mutex<LruCache<K, V>>);

impl<K: Hash + Eq, V: Clone> Cache<K, V> {
    /// An empty cache for `most` entries.
    pub fn new(most: NonZeroUsize) -> Self {
        let mut entries = LruCache::unbounded();
        entries.resize(most);
        Self(Mutex::new(entries))
    }

    fn entries(&self) -> MutexGuard<'_, LruCache<K, V>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is remembered for `key`.
    pub fn get(&self, key: &K) -> Option<V> {
        self.entries().get(key).cloned()
    }

    /// Remembers a value.
    pub fn put(&self, key: K, value: V) {
        self.entries().put(key, value);
    }

    /// Forgets a value.
    pub fn forget(&self, key: &K) {
        self.entries().pop(key);
    }
}
/// One value that is read for a few seconds before it is made anew.
#[derive(Debug)]
pub struct Recent<V>(Mutex<Option<(Instant, V)>>);

impl<V> Default for Recent<V> {
    fn default() -> Self {
        Self(Mutex::new(None))
    }
}

impl<V: Clone> Recent<V> {
    fn kept(&self) -> MutexGuard<'_, Option<(Instant, V)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The value, where it is no older than this.
    pub fn get(&self, age: Duration) -> Option<V> {
        let kept = self.kept();
        let fresh = kept.as_ref().filter(|(at, _)| at.elapsed() < age);
        fresh.map(|(_, value)| value.clone())
    }

    /// Keeps a value.
    pub fn put(&self, value: V) {
        *self.kept() = Some((Instant::now(), value));
    }

    /// Forgets it.
    pub fn forget(&self) {
        *self.kept() = None;
    }
}
