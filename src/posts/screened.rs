//! What moderation has looked at.

use std::ops::Deref;

/// Something that somebody wrote and moderation looked at: no draft becomes a post, and no edit changes one, without it.
#[derive(Clone, Debug)]
pub struct Screened<T>(T);

impl<T> Screened<T> {
    /// Says that moderation looked at it; only `moderation::writing` may.
    pub fn by_moderation(written: T) -> Self {
        Self(written)
    }

    /// What was looked at.
    pub(super) fn into_inner(self) -> T {
        self.0
    }
}

impl<T> Deref for Screened<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}
