//! The zone in which a visitor's times are shown.

use http::request::Parts;

use super::Ui;
use super::cookies::read_cookie;
use crate::accounts::{Account, preferences};
use crate::app::App;
use crate::error::Error;
use crate::kernel::clock::Time;
use crate::kernel::zone::Zone;

/// The cookie in which a browser keeps its time zone.
pub const ZONE: &str = "zone";

/// The time zone of whoever looks: as the browser says, else as the member's account says.
pub(super) async fn zone_of(
    app: &App,
    parts: &Parts,
    account: Option<&Account>,
) -> Result<Option<Zone>, Error> {
    let told = read_cookie(&parts.headers, ZONE).and_then(|name| Zone::parse(&name));
    match account {
        Some(account) if told.is_none() => {
            Ok(Zone::parse(&preferences::get(app, account.id).await?.zone))
        }
        _ => Ok(told),
    }
}

impl Ui {
    /// How long ago.
    pub fn ago(&self, at: &Time) -> String {
        self.locale
            .ago(*at, self.now, self.zone.unwrap_or(Zone::UTC))
    }

    /// A date with its time of day, in the reader's zone; where that is not known it says so.
    pub fn moment(&self, at: &Time) -> String {
        match self.zone {
            Some(zone) => self.locale.moment(*at, zone),
            None => format!("{} UTC", self.locale.moment(*at, Zone::UTC)),
        }
    }
}
