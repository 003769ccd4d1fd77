//! The cookies of this house, each bound to it.

use http::{HeaderMap, header};

use crate::app::App;

/// The name of the session cookie: bound to the host under TLS, to the port without.
pub fn cookie_name(app: &App) -> String {
    let origin = app.origin();
    if origin.scheme() == "https" {
        return "__Host-afterparty".to_owned();
    }
    let port = origin
        .authority()
        .rsplit_once(':')
        .map_or("80", |(_, port)| port);
    format!("afterparty-{port}")
}

/// The `Set-Cookie` value that signs a browser in, or out where the token is empty.
pub fn cookie(app: &App, token: &str) -> String {
    let age = if token.is_empty() { 0 } else { 90 * 86_400 };
    full_cookie(app, &cookie_name(app), token, age)
}

fn full_cookie(app: &App, name: &str, value: &str, seconds: u32) -> String {
    let secure = if app.origin().scheme() == "https" {
        "; Secure"
    } else {
        ""
    };
    format!("{name}={value}; Path=/; HttpOnly; SameSite=Lax; Max-Age={seconds}{secure}")
}

/// The cookie of a guest.
pub const GUEST: &str = "guest";

/// The full name of a cookie of ours beside the member's.
pub fn cookie_of(app: &App, name: &str) -> String {
    format!("{}-{name}", cookie_name(app))
}

/// The `Set-Cookie` value of such a cookie; it is taken back where it may live no second.
pub fn named_cookie(app: &App, name: &str, value: &str, seconds: u32) -> String {
    full_cookie(app, &cookie_of(app, name), value, seconds)
}

/// The value of a cookie.
pub fn read_cookie(headers: &HeaderMap, name: &str) -> Option<String> {
    let cookies = headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok());
    cookies.flat_map(|value| value.split(';')).find_map(|pair| {
        let (key, value) = pair.trim().split_once('=')?;
        (key == name).then(|| value.to_owned())
    })
}
