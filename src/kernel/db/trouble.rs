//! What keeps a database from being used, where that is no fault of a statement.

use std::sync::Mutex;
use std::time::{Duration, Instant};

/// Why a database cannot be used at the moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// Its disk has no room.
    Full,
    /// It is not there, goes, only reads at the moment, or has no time.
    Away,
    /// Its disk lost what it was told to keep: nothing it said since can be believed.
    Broken,
}

impl Trouble {
    /// Tells trouble from a fault of ours.
    pub fn of(error: &sqlx::Error) -> Option<Self> {
        let error = match error {
            sqlx::Error::Database(error) => error,
            sqlx::Error::PoolTimedOut
            | sqlx::Error::PoolClosed
            | sqlx::Error::WorkerCrashed
            | sqlx::Error::Io(_)
            | sqlx::Error::Tls(_)
            | sqlx::Error::Protocol(_)
            | sqlx::Error::BeginFailed => return Some(Self::Away),
            _ => return None,
        };
        let code = error.code().unwrap_or_default();
        match code.parse::<u32>() {
            Ok(number) if code.len() < 5 => Self::of_sqlite(number),
            _ => Self::of_postgres(&code),
        }
    }

    /// By the result codes of SQLite; the lowest byte is the kind.
    fn of_sqlite(code: u32) -> Option<Self> {
        match (code, code & 0xff) {
            // A failed fsync of the file or its folder.
            (1_034 | 1_290, _) => Some(Self::Broken),
            (_, 13) => Some(Self::Full),
            // Busy, locked, read-only, a fault of the disk, not to be opened.
            (_, 5 | 6 | 8 | 10 | 14) => Some(Self::Away),
            _ => None,
        }
    }

    /// By the SQLSTATE of PostgreSQL (its manual, appendix A).
    fn of_postgres(code: &str) -> Option<Self> {
        match code {
            "53100" => Some(Self::Full),
            // Read-only, too slow, no lock to be had, a fault of the disk, taken out of service or not yet made.
            "25006" | "57014" | "55P03" | "58030" | "40001" | "40P01" | "55000" | "3D000" => {
                Some(Self::Away)
            }
            // Lost connections, shortages, servers that go or come.
            _ if ["08", "53"].contains(&code.get(..2)?) || code.starts_with("57P") => {
                Some(Self::Away)
            }
            _ => None,
        }
    }

    /// Says it in the log, once a second at most: one cause makes thousands of requests fail.
    pub fn say(self, error: &sqlx::Error) {
        static SAID: Mutex<Option<(Instant, u64)>> = Mutex::new(None);
        let Ok(mut said) = SAID.lock() else { return };
        let silent = match &mut *said {
            Some((at, silent)) if at.elapsed() < Duration::from_secs(1) => {
                *silent += 1;
                return;
            }
            Some((_, silent)) => *silent,
            None => 0,
        };
        *said = Some((Instant::now(), 0));
        let what = match self {
            Self::Full => "the database's disk is full",
            Self::Away => "the database cannot be used at the moment",
            Self::Broken => "the database's disk lost what it was told to keep",
        };
        tracing::error!(%error, not_said = silent, "{what}");
    }
}

/// Ends the program where the disk lost what it was told to keep: a second try could seem to work and keep nothing.
#[expect(
    clippy::exit,
    reason = "whatever is cleaned up on the way out could be lost as well"
)]
pub(super) fn stop_if_broken<T>(outcome: sqlx::Result<T>) -> sqlx::Result<T> {
    if let Err(error) = &outcome
        && Trouble::of(error) == Some(Trouble::Broken)
    {
        tracing::error!(%error, "the disk of the database does not keep what it is told; the node stops. Look at the disk before it is started again");
        std::process::exit(74);
    }
    outcome
}

#[cfg(test)]
mod tests {
    use super::Trouble;

    #[test]
    fn trouble_is_told_from_faults_of_ours() {
        for (code, trouble) in [
            (13, Some(Trouble::Full)),
            (5, Some(Trouble::Away)),
            (517, Some(Trouble::Away)),
            (1_032, Some(Trouble::Away)),
            (1_034, Some(Trouble::Broken)),
            (778, Some(Trouble::Away)),
            (19, None),
            (2_067, None),
            (1, None),
        ] {
            assert_eq!(Trouble::of_sqlite(code), trouble, "{code}");
        }
        for (code, trouble) in [
            ("53100", Some(Trouble::Full)),
            ("53300", Some(Trouble::Away)),
            ("57P01", Some(Trouble::Away)),
            ("57P03", Some(Trouble::Away)),
            ("08006", Some(Trouble::Away)),
            ("25006", Some(Trouble::Away)),
            ("23505", None),
            ("42703", None),
            ("", None),
        ] {
            assert_eq!(Trouble::of_postgres(code), trouble, "{code}");
        }
    }
}
