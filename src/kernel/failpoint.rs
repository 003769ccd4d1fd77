//! Places at which tests make the program fail, behind the feature `failpoints`; without it they are nothing.
//!
//! `FAILPOINTS="post.after_commit=kill@2,inbox.perform=panic:poison"`: the second time the first place is reached the
//! program ends as by a power cut; each time the second is reached with something that holds that word, it panics.

/// Reaches a place; `about` is what it is reached with.
#[cfg(not(feature = "failpoints"))]
#[inline]
pub fn reach(_place: &str, _about: &str) {}

#[cfg(feature = "failpoints")]
pub use on::{reach, tell};

#[cfg(feature = "failpoints")]
mod on {
    use std::sync::{LazyLock, Mutex, PoisonError};

    /// A place, what happens there, and how often it was reached.
    struct Point {
        place: String,
        what: What,
        reached: u64,
    }

    enum What {
        Kill(u64),
        Panic(String),
    }

    static POINTS: LazyLock<Mutex<Vec<Point>>> = LazyLock::new(|| {
        let told = std::env::var("FAILPOINTS").unwrap_or_default();
        Mutex::new(read(&told))
    });

    fn read(told: &str) -> Vec<Point> {
        let point = |one: &str| {
            let (place, what) = one.split_once('=')?;
            let what = match what.split_once(['@', ':'])? {
                ("kill", times) => What::Kill(times.parse().ok()?),
                ("panic", word) => What::Panic(word.to_owned()),
                _ => return None,
            };
            Some(Point {
                place: place.to_owned(),
                what,
                reached: 0,
            })
        };
        told.split(',').filter_map(point).collect()
    }

    /// Adds places to those of `FAILPOINTS`, in the same words.
    pub fn tell(told: &str) {
        let mut points = POINTS.lock().unwrap_or_else(PoisonError::into_inner);
        points.extend(read(told));
    }

    /// Reaches a place; `about` is what it is reached with.
    ///
    /// # Panics
    /// Where it was told to.
    pub fn reach(place: &str, about: &str) {
        let mut points = POINTS.lock().unwrap_or_else(PoisonError::into_inner);
        let mut panics = false;
        for point in points.iter_mut().filter(|point| point.place == place) {
            point.reached += 1;
            match &point.what {
                What::Kill(times) if *times == point.reached => std::process::abort(),
                What::Panic(word) => panics |= about.contains(word.as_str()),
                What::Kill(_) => {}
            }
        }
        drop(points);
        assert!(!panics, "a failpoint");
    }
}
