//! Devices that signed in before, known by marks in a cookie that only this node can make; nothing is kept of them.

use crate::app::App;
use crate::kernel::crypt;
use crate::kernel::id::AccountId;

/// The name of the cookie, beside the session's.
pub const COOKIE: &str = "device";
/// How long a device is known without signing in, in seconds.
pub const LIFE: u32 = 365 * 86_400;
/// Accounts of which a device keeps a mark.
const MOST: usize = 4;

/// What a mark is signed over: it ends with the password.
fn signature(app: &App, device: &str, (account, password): (AccountId, &str)) -> String {
    let password = crypt::token_hash(password);
    app.secret
        .sign("device", &format!("{account} {device} {password}"))
}

/// Splits a mark, `account.device.signature`.
fn parts(mark: &str) -> Option<(&str, &str, &str)> {
    let (account, rest) = mark.split_once('.')?;
    let (device, signature) = rest.split_once('.')?;
    Some((account, device, signature))
}

/// The device of these marks, where it signed in to this account with the password (its hash) it has now.
pub fn recognise(app: &App, marks: &str, owner: (AccountId, &str)) -> Option<String> {
    let wanted = owner.0.to_string();
    marks.split('~').take(MOST).find_map(|mark| {
        let (account, device, signed) = parts(mark)?;
        let real = account == wanted
            && crypt::equal(signed.as_bytes(), signature(app, device, owner).as_bytes());
        real.then(|| device.to_owned())
    })
}

/// The marks of a device that has just signed in to an account.
pub fn remember(app: &App, marks: &str, owner: (AccountId, &str)) -> String {
    let device = recognise(app, marks, owner).unwrap_or_else(crypt::opaque);
    let signature = signature(app, &device, owner);
    let account = owner.0.to_string();
    let mut kept = vec![format!("{account}.{device}.{signature}")];
    let others = marks
        .split('~')
        .filter(|mark| parts(mark).is_some_and(|(known, ..)| known != account))
        .filter(|mark| mark.len() < 200 && mark.is_ascii());
    kept.extend(others.take(MOST - 1).map(str::to_owned));
    kept.join("~")
}
