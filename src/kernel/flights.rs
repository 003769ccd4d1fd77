//! One flight for each key: what many want at the same moment is done once, and all of them get what came of it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::OnceCell;

use crate::kernel::rate_limit::Key;

/// Work under way, by key. Nothing is remembered once nobody waits for it.
#[derive(Debug)]
pub struct Flights<T>(Mutex<HashMap<Key, Arc<OnceCell<T>>>>);

impl<T> Default for Flights<T> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<T: Clone> Flights<T> {
    /// Does the work, or waits for whoever does it already. When they give up in between, the next one does it.
    pub async fn join<F: Future<Output = T>>(
        &self,
        key: impl Into<Key>,
        work: impl FnOnce() -> F,
    ) -> T {
        let key = key.into();
        let flight = self.flights().entry(key).or_default().clone();
        let landing = Landing {
            flights: self,
            key,
            flight,
        };
        landing.flight.get_or_init(work).await.clone()
    }

    fn flights(&self) -> std::sync::MutexGuard<'_, HashMap<Key, Arc<OnceCell<T>>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Forgets a flight once it has landed, or nobody waits for it any more.
struct Landing<'a, T> {
    flights: &'a Flights<T>,
    key: Key,
    flight: Arc<OnceCell<T>>,
}

impl<T> Drop for Landing<'_, T> {
    fn drop(&mut self) {
        let mut flights = self
            .flights
            .0
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let own = flights
            .get(&self.key)
            .is_some_and(|known| Arc::ptr_eq(known, &self.flight));
        // The map's and this one: nobody else waits.
        let alone = Arc::strong_count(&self.flight) <= 2;
        if own && (alone || self.flight.initialized()) {
            flights.remove(&self.key);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::Flights;

    #[tokio::test]
    async fn many_wait_for_one() {
        let (flights, done) = (Flights::default(), AtomicU32::new(0));
        let work = async || {
            tokio::task::yield_now().await;
            done.fetch_add(1, Ordering::SeqCst)
        };
        let all = (0..100).map(|_| flights.join("key", work));
        let landed = futures_util::future::join_all(all).await;
        assert!(landed.iter().all(|one| *one == 0));
        assert!(flights.flights().is_empty());
        assert_eq!(flights.join("key", work).await, 1, "nothing is remembered");
    }

    #[tokio::test]
    async fn who_gives_up_leaves_it_to_the_next() {
        let flights = Flights::default();
        let never = flights.join("key", std::future::pending::<u8>);
        let _ = tokio::time::timeout(std::time::Duration::from_millis(5), never).await;
        assert_eq!(flights.join("key", async || 7_u8).await, 7);
    }
}
