//! Time: the one clock of the program, and its format on the wire.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use chrono::{DateTime, NaiveDate, NaiveDateTime, NaiveTime, SecondsFormat, Utc};

/// A moment, in milliseconds since 1970 (UTC).
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Default,
    serde::Serialize,
    serde::Deserialize,
)]
pub struct Time(pub i64);

impl Time {
    /// The moment `duration` later.
    pub fn plus(self, duration: Duration) -> Self {
        Self(
            self.0
                .saturating_add(i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)),
        )
    }

    /// The moment `duration` earlier.
    pub fn minus(self, duration: Duration) -> Self {
        Self(
            self.0
                .saturating_sub(i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)),
        )
    }

    /// How long after `earlier` this is; nothing when it is not after it.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }

    fn utc(self) -> DateTime<Utc> {
        DateTime::from_timestamp_millis(self.0).unwrap_or_default()
    }

    /// The moment without a zone, in UTC.
    pub(super) fn naive(self) -> NaiveDateTime {
        self.utc().naive_utc()
    }

    /// `2026-11-22T10:00:00.000Z`, as every program of the fediverse reads it.
    pub fn rfc3339(self) -> String {
        self.utc().to_rfc3339_opts(SecondsFormat::Millis, true)
    }

    /// `2026-11-22`.
    pub fn date(self) -> String {
        self.utc().format("%Y-%m-%d").to_string()
    }

    /// The form of the HTTP `Date` header (RFC 9110, IMF-fixdate).
    pub fn http_date(self) -> String {
        self.utc().format("%a, %d %b %Y %H:%M:%S GMT").to_string()
    }

    /// Reads an HTTP `Date` (RFC 9110 §5.6.7).
    pub fn parse_http_date(text: &str) -> Option<Self> {
        let parsed = NaiveDateTime::parse_from_str(text, "%a, %d %b %Y %H:%M:%S GMT").ok()?;
        Some(Self(parsed.and_utc().timestamp_millis()))
    }

    /// Reads the time formats seen on the wire (RFC 3339, ISO 8601, Activity Streams 2.0 §2.3): any fraction, behind a
    /// comma as well, no seconds, any offset, or no zone at all (taken as UTC).
    pub fn parse(text: &str) -> Option<Self> {
        Some(Self::parse_with_offset(text)?.0)
    }

    /// As [`Time::parse`], with the seconds that local time is ahead of UTC, where the text names a zone.
    pub fn parse_with_offset(text: &str) -> Option<(Self, Option<i64>)> {
        let text = text.trim();
        let (date, rest) = text.split_at_checked(10)?;
        let date = NaiveDate::parse_from_str(date, "%Y-%m-%d").ok()?;
        let rest = rest.strip_prefix(['T', 't', ' '])?;
        let zone = rest.find(['Z', 'z', '+', '-', ' ']).unwrap_or(rest.len());
        let (time, zone) = rest.split_at(zone);
        let time = time.replace(',', ".");
        let formats = ["%H:%M:%S%.f", "%H:%M", "%H%M%S%.f"];
        let time = formats
            .iter()
            .find_map(|format| NaiveTime::parse_from_str(&time, format).ok())?;
        let offset = match zone.trim() {
            "" => None,
            "Z" | "z" => Some(0),
            zone => Some(offset_of(zone)?),
        };
        let at = date.and_time(time).and_utc().timestamp_millis();
        let at = at - offset.unwrap_or(0) * 1_000;
        Some((Self(at), offset))
    }

    /// The date and time of day where local time is so many seconds ahead of UTC, and by how much.
    pub fn as_written(self, offset: Option<i64>) -> String {
        let offset = offset.unwrap_or(0);
        let (year, month, day, hour, minute) = Self(self.0 + offset * 1_000).parts();
        let zone = match offset {
            0 => "UTC".to_owned(),
            offset => {
                let (sign, size) = if offset < 0 {
                    ('-', -offset)
                } else {
                    ('+', offset)
                };
                format!("UTC{sign}{:02}:{:02}", size / 3_600, size % 3_600 / 60)
            }
        };
        format!("{year}-{month:02}-{day:02} {hour:02}:{minute:02} {zone}")
    }

    /// Seconds since 1970.
    pub fn seconds(self) -> i64 {
        self.0.div_euclid(1000)
    }

    /// The calendar date and time of day, UTC, for people: `(year, month, day, hour, minute)`.
    pub fn parts(self) -> (i32, u32, u32, u32, u32) {
        use chrono::{Datelike, Timelike};
        let at = self.utc();
        (at.year(), at.month(), at.day(), at.hour(), at.minute())
    }
}

/// Seconds of an offset: `+02:00`, `+0200` or `+02`.
fn offset_of(zone: &str) -> Option<i64> {
    let (sign, digits) = match zone.split_at_checked(1)? {
        ("+", digits) => (1, digits),
        ("-", digits) => (-1, digits),
        _ => return None,
    };
    let digits = digits.replace(':', "");
    if !digits.bytes().all(|digit| digit.is_ascii_digit()) {
        return None;
    }
    let (hours, minutes) = match digits.len() {
        2 => (digits.parse::<i64>().ok()?, 0),
        4 => (digits[..2].parse().ok()?, digits[2..].parse::<i64>().ok()?),
        _ => return None,
    };
    (hours < 24 && minutes < 60).then_some(sign * (hours * 3_600 + minutes * 60))
}

/// Where the time comes from: the system, or a hand that tests move.
#[derive(Clone, Debug)]
pub enum Clock {
    /// The system's wall clock, put right by what it is off from the clock that several processes share.
    System {
        /// How far the system itself is ahead, milliseconds; for tests.
        ahead: i64,
        /// What is added, milliseconds.
        off: Arc<AtomicI64>,
    },
    /// A clock that stands still until it is moved; shared between its clones.
    Manual(Arc<AtomicI64>),
}

impl Clock {
    /// A clock for tests that starts at the real time.
    pub fn manual() -> Self {
        Self::Manual(Arc::new(AtomicI64::new(Self::system().now().0)))
    }

    /// The system's wall clock.
    pub fn system() -> Self {
        Self::ahead(0)
    }

    /// The clock of a system that is so many milliseconds ahead.
    pub fn ahead(ahead: i64) -> Self {
        Self::System {
            ahead,
            off: Arc::default(),
        }
    }

    /// Goes by another clock from here on, which showed this time just now.
    pub fn set(&self, shown: Time) {
        if let Self::System { off, .. } = self {
            let away = shown.0.saturating_sub(self.now().0);
            off.fetch_add(away, Ordering::SeqCst);
        }
    }

    /// The present moment.
    #[expect(
        clippy::disallowed_methods,
        reason = "this is the one place that reads the system's clock"
    )]
    pub fn now(&self) -> Time {
        match self {
            Self::System { ahead, off } => {
                let since = SystemTime::now()
                    .duration_since(UNIX_EPOCH)
                    .unwrap_or_default();
                let at = i64::try_from(since.as_millis()).unwrap_or(i64::MAX);
                Time(at.saturating_add(ahead + off.load(Ordering::SeqCst)))
            }
            Self::Manual(at) => Time(at.load(Ordering::SeqCst)),
        }
    }

    /// Moves a manual clock; the system's clock cannot be moved and stays as it is.
    pub fn advance(&self, by: Duration) {
        if let Self::Manual(at) = self {
            at.fetch_add(i64::try_from(by.as_millis()).unwrap_or(0), Ordering::SeqCst);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Time;

    #[test]
    fn reads_every_time_format_seen_on_the_wire() {
        let noon = Time::parse("2024-05-01T12:00:00Z");
        assert!(noon.is_some());
        for text in [
            "2024-05-01T12:00:00.000Z",
            "2024-05-01T12:00:00.123456789Z",
            "2024-05-01T12:00:00.000000+00:00",
            "2024-05-01T14:00:00+02:00",
            "2024-05-01T12:00:00+0000",
            "2024-05-01T12:00:00.000",
        ] {
            let read = Time::parse(text).map(Time::seconds);
            assert_eq!(read, noon.map(Time::seconds), "{text}");
        }
        assert_eq!(Time::parse("yesterday"), None);
    }

    #[test]
    fn odd_zones_are_no_zones() {
        for text in [
            "2026-05-01T12:00:00+aé1",
            "2026-05-01T12:00:00+-9:0",
            "2026-05-0é12:00",
            "é",
            "",
        ] {
            assert_eq!(Time::parse(text), None, "{text}");
        }
        let at = |text| Time::parse(text).map(Time::rfc3339);
        assert_eq!(
            at("2026-05-01T12:00+02").as_deref(),
            Some("2026-05-01T10:00:00.000Z")
        );
    }

    #[test]
    fn an_http_date_survives_the_round_trip() {
        let at = Time(1_700_000_000_000);
        assert_eq!(Time::parse_http_date(&at.http_date()), Some(at));
        assert_eq!(Time::parse_http_date("junk"), None);
    }
}
