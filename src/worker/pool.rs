//! Tasks beside each other, of which those that wait for others do not stand in the way.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use tokio::task::{Id, JoinSet};

/// After this time a task counts as waiting for somebody who is slow.
const SLOW: Duration = Duration::from_secs(2);

/// Running tasks. New ones are started as long as few of them are fresh, and not too many run in all.
pub(super) struct WorkerPool {
    tasks: JoinSet<()>,
    begun: HashMap<Id, Instant>,
    fresh: usize,
    most: usize,
}

impl WorkerPool {
    /// At most so many that began lately, and so many in all.
    pub(super) fn new(fresh: usize, most: usize) -> Self {
        Self {
            tasks: JoinSet::new(),
            begun: HashMap::new(),
            fresh,
            most,
        }
    }

    /// How many more may be started.
    pub(super) fn room(&mut self) -> usize {
        while let Some(ended) = self.tasks.try_join_next_with_id() {
            self.forget(ended);
        }
        let fresh = self.begun.values().filter(|at| at.elapsed() < SLOW).count();
        let room = self.fresh.saturating_sub(fresh);
        room.min(self.most.saturating_sub(self.begun.len()))
    }

    pub(super) fn start(&mut self, task: impl Future<Output = ()> + Send + 'static) {
        let id = self.tasks.spawn(task).id();
        self.begun.insert(id, Instant::now());
    }

    /// Waits until one ends; for ever where none runs.
    pub(super) async fn one_ended(&mut self) {
        match self.tasks.join_next_with_id().await {
            Some(ended) => self.forget(ended),
            None => std::future::pending().await,
        }
    }

    /// Waits until all ended.
    pub(super) async fn all_ended(&mut self) {
        while self.tasks.join_next().await.is_some() {}
    }

    fn forget(&mut self, ended: Result<(Id, ()), tokio::task::JoinError>) {
        let id = match ended {
            Ok((id, ())) => id,
            Err(error) => error.id(),
        };
        self.begun.remove(&id);
    }
}

#[cfg(test)]
mod tests {
    use super::{SLOW, WorkerPool};
    use std::time::Duration;

    #[tokio::test]
    async fn who_waits_for_long_makes_room_up_to_a_bound() {
        let mut pool = WorkerPool::new(2, 5);
        for _ in 0..2 {
            assert_eq!(pool.room(), 2);
            for _ in 0..2 {
                pool.start(std::future::pending());
            }
            assert_eq!(pool.room(), 0);
            tokio::time::sleep(SLOW + Duration::from_millis(50)).await;
        }
        assert_eq!(pool.room(), 1, "five in all");
        pool.start(async {});
        pool.one_ended().await;
        assert_eq!(pool.room(), 1);
    }
}
