//! Futures on the heap.

use std::pin::Pin;

/// A future that was made on the heap, so that it takes no room where it is awaited.
pub type Boxed<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Makes a future in a frame of its own. A function that chooses among many futures would else hold
/// room for each of them, and a task holds the largest: it was two megabytes for the jobs alone.
pub fn boxed<'a, T, F>(make: impl FnOnce() -> F) -> Boxed<'a, T>
where
    F: Future<Output = T> + Send + 'a,
{
    Box::pin(make())
}
