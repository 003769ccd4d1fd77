//! Places (or bytes) that are taken for a while, so many for each key and so many in all.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use crate::kernel::rate_limit::Key;

/// How many places are taken, by key.
#[derive(Debug, Default)]
struct Taken {
    of: HashMap<Key, usize>,
    in_all: usize,
}

/// Places for a bounded number at a time.
#[derive(Debug)]
pub struct Slots {
    each: usize,
    all: usize,
    taken: Arc<Mutex<Taken>>,
}

/// Places that are taken; given back when dropped.
#[derive(Debug)]
pub struct Slot {
    key: Key,
    many: usize,
    taken: Arc<Mutex<Taken>>,
}

impl Slots {
    /// `each` places for one key, `all` for everybody together.
    pub fn new(each: usize, all: usize) -> Self {
        Self {
            each,
            all,
            taken: Arc::default(),
        }
    }

    /// Takes a place, where one is free.
    pub fn take(&self, key: impl Into<Key>) -> Option<Slot> {
        self.take_many(key, 1)
    }

    /// Takes so many places at once, where they are free.
    pub fn take_many(&self, key: impl Into<Key>, many: usize) -> Option<Slot> {
        let key = key.into();
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let of = taken.of.get(&key).copied().unwrap_or_default() + many;
        let in_all = taken.in_all + many;
        if of > self.each || in_all > self.all {
            return None;
        }
        taken.of.insert(key, of);
        taken.in_all = in_all;
        Some(Slot {
            key,
            many,
            taken: self.taken.clone(),
        })
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        taken.in_all = taken.in_all.saturating_sub(self.many);
        if let Some(of) = taken.of.get_mut(&self.key) {
            *of = of.saturating_sub(self.many);
            if *of == 0 {
                taken.of.remove(&self.key);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Slots;

    #[test]
    fn places_are_bounded_for_each_and_for_all() {
        let slots = Slots::new(2, 3);
        let a = (slots.take("a"), slots.take("a"));
        assert!(a.0.is_some() && a.1.is_some() && slots.take("a").is_none());
        let b = slots.take("b");
        assert!(b.is_some() && slots.take("c").is_none());
        drop(a);
        assert!(slots.take("c").is_some());
    }
}
