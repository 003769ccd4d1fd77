//! Who calls, with which token, and what is said.

use std::net::IpAddr;

use axum::extract::{FromRequest, FromRequestParts, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use serde::de::DeserializeOwned;

use super::answer::{Refused, in_language_of};
use super::params::Params;
use crate::accounts::Account;
use crate::app::App;
use crate::error::Error;
use crate::kernel::clock::Time;
use crate::kernel::net;
use crate::kernel::rate_limit::Key;
use crate::oauth::{Token, tokens};

/// What an endpoint needs of its caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Needs {
    /// Nothing; a token is heard where there is one.
    Nothing,
    /// A token, also one of an app alone.
    App,
    /// Nothing; but a token that comes has one of these scopes.
    MaybeMember(&'static [&'static str]),
    /// A member's token with one of these scopes.
    Member(&'static [&'static str]),
}

/// A call: its token was looked at, its values are read.
pub struct Caller {
    /// The node.
    pub app: App,
    /// The token, where there is one.
    pub token: Option<Token>,
    /// For whom it acts.
    pub viewer: Option<Account>,
    /// What was sent.
    pub params: Params,
    /// The path that was called.
    pub path: String,
    /// Where from: an address, or the prefix of one.
    pub address: IpAddr,
    /// The headers.
    pub headers: HeaderMap,
}

impl Caller {
    /// The member it acts for.
    ///
    /// # Errors
    /// 401 where there is none.
    pub fn member(&self) -> Result<&Account, Refused> {
        Ok(self.viewer.as_ref().ok_or(Error::SignInRequired)?)
    }

    /// The token.
    ///
    /// # Errors
    /// 401 where there is none.
    pub fn token(&self) -> Result<&Token, Refused> {
        Ok(self.token.as_ref().ok_or(Error::SignInRequired)?)
    }
}

/// What [`require`] found out, for the handler.
#[derive(Clone, Default)]
struct Known {
    token: Option<Token>,
    viewer: Option<Account>,
}

/// What stands in an endpoint's path; what cannot be read leads nowhere.
pub struct Path<T>(pub T);

impl<T: DeserializeOwned + Send> FromRequestParts<App> for Path<T> {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Refused> {
        let found = axum::extract::Path::from_request_parts(parts, app).await;
        let axum::extract::Path(value) = found.map_err(|_| Error::NotFound)?;
        Ok(Self(value))
    }
}

/// The address limits are keyed by.
#[derive(Clone, Copy)]
struct From(IpAddr);

impl FromRequest<App> for Caller {
    type Rejection = Refused;

    async fn from_request(request: Request, app: &App) -> Result<Self, Refused> {
        let known = request
            .extensions()
            .get::<Known>()
            .cloned()
            .unwrap_or_default();
        let address = request
            .extensions()
            .get::<From>()
            .map_or(IpAddr::from([0, 0, 0, 0]), |from| from.0);
        let path = request.uri().path().to_owned();
        let headers = request.headers().clone();
        Ok(Self {
            app: app.clone(),
            token: known.token,
            viewer: known.viewer,
            params: Params::read(app, request).await?,
            path,
            address,
            headers,
        })
    }
}

/// The bearer token of a request's header (RFC 6750 §2.1).
pub fn bearer(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

/// Lets a request through to its endpoint when the token does, within the limits; tells how much is left.
pub async fn require(
    State((app, needs)): State<(App, Needs)>,
    request: Request,
    next: Next,
) -> Response {
    let headers = request.headers().clone();
    in_language_of(&headers, guarded(app, needs, request, next)).await
}

async fn guarded(app: App, needs: Needs, request: Request, next: Next) -> Response {
    let (parts, body) = request.into_parts();
    let address = net::source(&app.settings.server.trusted_proxies, &parts);
    let mut request = Request::from_parts(parts, body);
    let now = app.clock.now();
    let known = match look(&app, request.headers(), needs).await {
        Ok(known) => known,
        Err(refused) => return refused.into_response(),
    };
    let key = known
        .viewer
        .as_ref()
        .map_or_else(|| Key::from(address), |viewer| Key::from(viewer.id.0));
    let frozen = known
        .viewer
        .as_ref()
        .is_some_and(|viewer| viewer.frozen_at.is_some());
    if frozen && request.method() != http::Method::GET {
        return Refused::from(Error::Forbidden).into_response();
    }
    let taken = app.limits.api.take(key, now);
    let left = app.limits.api.left(key, now);
    let mut response = match taken {
        Ok(()) => {
            request.extensions_mut().insert(known);
            request.extensions_mut().insert(From(address));
            next.run(request).await
        }
        Err(wait) => Refused::from(Error::TooMany(wait)).into_response(),
    };
    show_limits(response.headers_mut(), app.limits.api.burst(), left, now);
    response
}

async fn look(app: &App, headers: &HeaderMap, needs: Needs) -> Result<Known, Refused> {
    let invalid = || Refused::with(StatusCode::UNAUTHORIZED, "The access token is invalid");
    let found = match bearer(headers) {
        Some(secret) => Some(tokens::find(app, secret).await?.ok_or_else(invalid)?),
        None => None,
    };
    let (token, viewer) = match found {
        Some((token, viewer)) => (Some(token), viewer),
        None => (None, None),
    };
    match needs {
        Needs::Nothing => {}
        Needs::MaybeMember(scopes) => {
            if let Some(token) = &token {
                within(token, scopes)?;
            }
        }
        Needs::App => {
            token.as_ref().ok_or_else(invalid)?;
        }
        Needs::Member(scopes) => {
            let token = token.as_ref().ok_or_else(invalid)?;
            if viewer.is_none() {
                let sentence = "This method requires an authenticated user";
                return Err(Refused::with(StatusCode::UNPROCESSABLE_ENTITY, sentence));
            }
            within(token, scopes)?;
        }
    }
    Ok(Known { token, viewer })
}

fn within(token: &Token, scopes: &[&str]) -> Result<(), Refused> {
    if scopes.iter().any(|scope| token.scopes.allow(scope)) {
        return Ok(());
    }
    let sentence = "This action is outside the authorized scopes";
    Err(Refused::with(StatusCode::FORBIDDEN, sentence))
}

fn show_limits(headers: &mut HeaderMap, burst: u32, left: u32, now: Time) {
    let reset = now.plus(std::time::Duration::from_secs(300)).rfc3339();
    headers.insert("x-ratelimit-limit", HeaderValue::from(burst));
    headers.insert("x-ratelimit-remaining", HeaderValue::from(left));
    if let Ok(value) = HeaderValue::from_str(&reset) {
        headers.insert("x-ratelimit-reset", value);
    }
}
