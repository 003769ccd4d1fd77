//! Addresses of files of narrower posts: signed, and open for minutes.

use serde_json::Value;

use crate::app::App;
use crate::kernel::crypt;
use crate::kernel::id::AccountId;

/// How long an address that opens a narrower post's file lasts, in milliseconds: at most ten minutes, at least five.
/// Within each step it stays the same, so that apps need not fetch anew what they have.
const LASTS: i64 = 600_000;
/// The step in which such addresses change, in milliseconds.
const STEP: i64 = 300_000;
/// How the part of such an address begins that opens it.
pub const SIGNED: &str = "?e=";

/// What opens a file of a narrower post for a few minutes: to whoever has the address, or to one reader who has no
/// cookie, such as an app, as long as they may see it.
pub fn key(app: &App, file: &str, reader: Option<AccountId>) -> String {
    let ends = (app.clock.now().0 / STEP) * STEP + LASTS;
    let signature = signature(app, file, reader, ends);
    let reader = reader.map_or_else(String::new, |reader| format!("&v={reader}"));
    format!("{SIGNED}{ends}{reader}&k={signature}")
}

fn signature(app: &App, file: &str, reader: Option<AccountId>, ends: i64) -> String {
    let reader = reader.map_or(0, |reader| reader.0);
    app.secret.sign("file", &format!("{file} {reader} {ends}"))
}

/// Whether a key opens a file at this moment.
pub fn opens(app: &App, file: &str, reader: Option<AccountId>, (ends, key): (i64, &str)) -> bool {
    let signed = signature(app, file, reader, ends);
    ends > app.clock.now().0 && crypt::equal(key.as_bytes(), signed.as_bytes())
}

/// Gives every address of ours in a document that ends soon a new end; whether there was one.
pub fn renew_addresses(app: &App, document: &mut Value) -> bool {
    match document {
        Value::String(text) => match renewed(app, text) {
            Some(address) => {
                *text = address;
                true
            }
            None => false,
        },
        Value::Array(items) => renew_all(app, items.iter_mut()),
        Value::Object(members) => renew_all(app, members.values_mut()),
        _ => false,
    }
}

fn renew_all<'a>(app: &App, items: impl Iterator<Item = &'a mut Value>) -> bool {
    // Each of them, not only up to the first.
    items
        .filter_map(|item| renew_addresses(app, item).then_some(()))
        .count()
        > 0
}

fn renewed(app: &App, address: &str) -> Option<String> {
    let (before, key_of) = address.split_once(SIGNED)?;
    let file = before.strip_prefix(&app.origin().at("/media/"))?;
    let (ends, signature_of) = key_of.split_once("&k=")?;
    let ends: i64 = ends.parse().ok()?;
    let real = crypt::equal(
        signature(app, file, None, ends).as_bytes(),
        signature_of.as_bytes(),
    );
    let soon = ends < app.clock.now().0 + STEP;
    (real && soon).then(|| format!("{before}{}", key(app, file, None)))
}
