//! Live streams: `GET /api/v1/streaming` by WebSocket, `GET /api/v1/streaming/…` by server-sent events.

mod hub;
mod session;
mod sse;
mod ws;

use axum::Router;
use axum::extract::FromRequestParts;
use axum::routing::get;
use http::StatusCode;
use http::request::Parts;

use super::Refused;
use super::caller::bearer;
use crate::accounts::Account;
use crate::app::App;
use crate::kernel::id::ListId;
use crate::kernel::text::fold_tag;
use crate::oauth::{Token, tokens};

/// A stream somebody listens to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stream {
    /// The home, and notifications.
    User,
    /// Notifications alone.
    Notifications,
    /// Public posts: all, the house's, those of elsewhere; with files only.
    Public {
        /// Those of the house only.
        local: bool,
        /// Those of elsewhere only.
        remote: bool,
        /// Those with files only.
        media: bool,
    },
    /// Public posts with a hashtag; the house's only.
    Hashtag {
        /// The hashtag, folded.
        tag: String,
        /// Those of the house only.
        local: bool,
    },
    /// A list.
    List(ListId),
    /// Direct posts.
    Direct,
}

impl Stream {
    /// The stream of a name, with the hashtag or list it needs.
    fn parse(name: &str, tag: &str, list: &str) -> Option<Self> {
        let media = name.ends_with(":media");
        let tag = fold_tag(tag);
        let plain = name.strip_suffix(":media").unwrap_or(name);
        match plain {
            "user" => Some(Self::User),
            "user:notification" => Some(Self::Notifications),
            "public" | "public:local" | "public:remote" => Some(Self::Public {
                local: plain == "public:local",
                remote: plain == "public:remote",
                media,
            }),
            "hashtag" | "hashtag:local" if !tag.is_empty() => Some(Self::Hashtag {
                tag,
                local: plain == "hashtag:local",
            }),
            "list" => Some(Self::List(list.parse().ok()?)),
            "direct" => Some(Self::Direct),
            _ => None,
        }
    }

    /// What clients call it, in the parts they expect.
    fn names(&self) -> Vec<String> {
        match self {
            Self::User => vec!["user".to_owned()],
            Self::Notifications => vec!["user:notification".to_owned()],
            Self::Public {
                local,
                remote,
                media,
            } => {
                let mut name = "public".to_owned();
                name.push_str(if *local { ":local" } else { "" });
                name.push_str(if *remote { ":remote" } else { "" });
                name.push_str(if *media { ":media" } else { "" });
                vec![name]
            }
            Self::Hashtag { tag, local } => {
                let name = if *local { "hashtag:local" } else { "hashtag" };
                vec![name.to_owned(), tag.clone()]
            }
            Self::List(id) => vec!["list".to_owned(), id.to_string()],
            Self::Direct => vec!["direct".to_owned()],
        }
    }

    /// Whether a token may listen to it.
    fn allows(&self, token: &Token) -> bool {
        let scopes = &token.scopes;
        match self {
            Self::User => scopes.allow("read:statuses") && scopes.allow("read:notifications"),
            Self::Notifications => scopes.allow("read:notifications"),
            Self::List(_) => scopes.allow("read:lists"),
            Self::Public { .. } | Self::Hashtag { .. } | Self::Direct => {
                scopes.allow("read:statuses")
            }
        }
    }
}

/// Who listens: by a token in the header, in the WebSocket's protocol or in the address.
#[derive(Clone)]
struct Listener {
    token: Token,
    member: Account,
    /// The protocol that is to be echoed.
    protocol: Option<String>,
}

impl FromRequestParts<App> for Listener {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Refused> {
        let protocol = parts
            .headers
            .get("sec-websocket-protocol")
            .and_then(|value| value.to_str().ok())
            .map(|text| text.split(',').next().unwrap_or_default().trim().to_owned())
            .filter(|text| !text.is_empty());
        let query = parts.uri.query().unwrap_or_default();
        let in_query = url::form_urlencoded::parse(query.as_bytes())
            .find(|(name, _)| name == "access_token")
            .map(|(_, value)| value.into_owned());
        let invalid = || Refused::with(StatusCode::UNAUTHORIZED, "The access token is invalid");
        let candidates = [
            bearer(&parts.headers).map(str::to_owned),
            protocol.clone(),
            in_query,
        ];
        let mut found = None;
        for secret in candidates.into_iter().flatten() {
            found = tokens::find(app, &secret).await?;
            if found.is_some() {
                break;
            }
        }
        let found = found.ok_or_else(invalid)?;
        Ok(Self {
            token: found.0,
            member: found.1.ok_or_else(invalid)?,
            protocol,
        })
    }
}

/// The routes of the streams; they read their token themselves.
pub fn router() -> Router<App> {
    Router::new()
        .route("/api/v1/streaming", get(ws::open))
        .route("/api/v1/streaming/", get(ws::open))
        .route("/api/v1/streaming/health", get(healthy))
        .route("/api/v1/streaming/{*stream}", get(sse::open))
        .layer(super::routes::cors())
}

async fn healthy() -> &'static str {
    "OK"
}
