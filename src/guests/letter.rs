//! A link in a direct message: for homes that can do nothing but deliver one.

use std::net::IpAddr;

use super::door::Arrival;
use super::homes::Home;
use super::ways::{self, Means, Start};
use super::{Attempt, Closed};
use crate::accounts::letters::{self, By};
use crate::accounts::{self, Account};
use crate::app::App;
use crate::federation::activities::letter;
use crate::federation::actor;
use crate::federation::fetch::Budget;
use crate::kernel::crypt;
use crate::locale::Locale;

/// What was sent: the state, the cookie, and the code that stands on the page and in the message.
#[derive(Clone, Debug)]
pub struct Sent {
    /// The state, which the link carries.
    pub state: String,
    /// What the browser is to remember.
    pub cookie: String,
    /// Shown here and there, so that nobody follows a link that somebody else asked for.
    pub code: String,
}

/// To whom a message goes: exactly the actor that was named, and not too often, by whatever address they are named.
///
/// # Errors
/// Why nobody is written to.
pub async fn addressee(app: &App, uri: &str, from: IpAddr) -> Result<Account, Closed> {
    let to = actor::resolve(app, uri, &Budget::person()).await?;
    if to.uri != uri || to.inbox_id.is_none() || !to.is_active() || to.is_local() {
        return Err(Closed::Nobody);
    }
    let asked = ("guest", By::Address(from));
    let often = letters::may_write(app, &to.uri, asked).is_err()
        || app.limits.all_letters.take((), app.clock.now()).is_err();
    if often { Err(Closed::Often) } else { Ok(to) }
}

/// Sends the link to whoever says to be there.
///
/// # Errors
/// What the database says; `Closed` when there is nobody to send it to.
pub async fn send(
    app: &App,
    (home, from): (&Home, IpAddr),
    next: &str,
    locale: Locale,
) -> Attempt<Sent> {
    let Some(uri) = &home.actor else {
        return Ok(Err(Closed::Nobody));
    };
    let to = match addressee(app, uri, from).await {
        Ok(to) => to,
        Err(closed) => return Ok(Err(closed)),
    };
    let (state, code) = (
        crypt::token(),
        format!("{:04}", crypt::random_below(10_000)),
    );
    let start = Start {
        state: &state,
        home: &home.origin,
        wanted: Some(uri),
        code: None,
        next,
    };
    let cookie = ways::begin(app, Means::Letter, start).await?;
    let link = app.origin().at(&format!("/auth/letter/{state}"));
    let house = crate::nodes::house::get(app).await?.name;
    let lines = [
        locale.text_with("letter-text", "house", house),
        locale.text_with("letter-code", "code", code.clone()),
        link,
        locale.text("letter-not-you"),
    ];
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    letter::send(app, &to, &lines).await?;
    app.wake.notify_waiters();
    Ok(Ok(Sent {
        state,
        cookie,
        code,
    }))
}

/// Ends the way, after the button on the page behind the link was pressed.
///
/// # Errors
/// What the database says; `Closed` with the reason.
pub async fn arrive(app: &App, state: &str, cookie: Option<&str>) -> Attempt<Arrival> {
    let way = match ways::end(app, Means::Letter, state, cookie, None).await? {
        Ok(way) => way,
        Err(closed) => return Ok(Err(closed)),
    };
    let wanted = way.wanted.clone().unwrap_or_default();
    match accounts::find_by_uri(app, &wanted).await? {
        Some(guest) if guest.is_active() && !guest.is_local() => {
            Ok(Ok(Arrival::of(guest, way, "letter")))
        }
        _ => Ok(Err(Closed::Nobody)),
    }
}
