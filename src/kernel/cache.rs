//! A small map in memory that forgets what was longest unused when it is full.

use std::hash::Hash;
use std::num::NonZeroUsize;
use std::sync::{Mutex, MutexGuard, PoisonError};

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
