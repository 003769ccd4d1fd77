//! Time zones, by their names in the IANA database.

use chrono::{Datelike as _, NaiveDate, Offset as _, TimeZone as _, Timelike as _};
use chrono_tz::{OffsetName as _, Tz};

use super::clock::Time;

/// A time zone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Zone(Tz);

impl Zone {
    /// Coordinated universal time, where nothing else is known.
    pub const UTC: Self = Self(Tz::UTC);

    /// Reads a name such as `Europe/Berlin`.
    pub fn parse(name: &str) -> Option<Self> {
        let known = name.trim().parse().ok().map(Self);
        known.filter(|_| name.len() <= 64)
    }

    /// Its name in the database.
    pub fn name(self) -> &'static str {
        self.0.name()
    }

    /// Year, month, day, hour and minute of a moment here.
    pub fn parts(self, at: Time) -> (i32, u32, u32, u32, u32) {
        let at = self.0.from_utc_datetime(&at.naive());
        (at.year(), at.month(), at.day(), at.hour(), at.minute())
    }

    /// What people call it at a moment: `CET`, `CEST`, or by how much it is ahead of UTC.
    pub fn shown(self, at: Time) -> String {
        let offset = self.0.offset_from_utc_datetime(&at.naive());
        match offset.abbreviation() {
            Some(name) if name.starts_with(|first: char| first.is_ascii_alphabetic()) => {
                name.to_owned()
            }
            _ => format!("UTC{}", offset.fix()),
        }
    }

    /// The moment at which clocks here show this. Of two it is the first; one that the clocks leave out is as much
    /// later as they are put forward.
    pub fn moment(
        self,
        (year, month, day): (i32, u32, u32),
        (hour, minute): (u32, u32),
    ) -> Option<Time> {
        let local = NaiveDate::from_ymd_opt(year, month, day)?.and_hms_opt(hour, minute, 0)?;
        let found = self.0.from_local_datetime(&local);
        let at = found.earliest().or_else(|| {
            let before = local.checked_sub_signed(chrono::TimeDelta::hours(3))?;
            let before = self.0.from_local_datetime(&before).earliest()?;
            before.checked_add_signed(chrono::TimeDelta::hours(3))
        })?;
        Some(Time(at.timestamp_millis()))
    }
}

#[cfg(test)]
mod tests {
    use super::{Time, Zone};

    #[test]
    fn clocks_are_put_forward_and_back() {
        let berlin = Zone::parse("Europe/Berlin").unwrap();
        let shows = |text: &str| berlin.parts(Time::parse(text).unwrap());
        assert_eq!(shows("2026-11-28T19:00:00Z"), (2026, 11, 28, 20, 0));
        assert_eq!(shows("2026-07-01T22:30:00Z"), (2026, 7, 2, 0, 30));
        let at =
            |day: (i32, u32, u32), time: (u32, u32)| berlin.moment(day, time).unwrap().rfc3339();
        assert_eq!(at((2026, 3, 28), (20, 0)), "2026-03-28T19:00:00.000Z");
        assert_eq!(at((2026, 3, 29), (20, 0)), "2026-03-29T18:00:00.000Z");
        // Half past two is left out in spring and comes twice in autumn.
        assert_eq!(at((2026, 3, 29), (2, 30)), "2026-03-29T01:30:00.000Z");
        assert_eq!(at((2026, 10, 25), (2, 30)), "2026-10-25T00:30:00.000Z");
        assert_eq!(berlin.moment((2026, 2, 30), (1, 0)), None);
    }

    #[test]
    fn zones_have_the_names_people_use() {
        let at = Time::parse("2026-07-01T12:00:00Z").unwrap();
        for (name, shown) in [
            ("Europe/Berlin", "CEST"),
            ("UTC", "UTC"),
            ("America/Sao_Paulo", "UTC-03:00"),
        ] {
            assert_eq!(Zone::parse(name).unwrap().shown(at), shown);
        }
        for none in ["", "Mars/Phobos", "../etc/passwd"] {
            assert_eq!(Zone::parse(none), None, "{none}");
        }
    }
}
