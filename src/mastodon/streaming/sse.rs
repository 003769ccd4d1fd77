//! `GET /api/v1/streaming/user` and the others, by server-sent events.

use axum::extract::{Path, Query, State};
use axum::response::sse::{Event, Sse};
use axum::response::{IntoResponse as _, Response};
use futures_util::stream;
use serde::Deserialize;

use super::session::{Next, Session};
use super::{Listener, Stream};
use crate::app::App;
use crate::error::Error;
use crate::mastodon::Refused;

/// What a stream needs besides its name.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Which {
    tag: String,
    list: String,
    only_media: String,
}

/// Opens a stream named by the path: `user`, `user/notification`, `public/local` …
pub async fn open(
    State(app): State<App>,
    Path(name): Path<String>,
    Query(which): Query<Which>,
    listener: Listener,
) -> Result<Response, Refused> {
    let mut name = name.trim_end_matches('/').replace('/', ":");
    if matches!(which.only_media.as_str(), "true" | "1") {
        name.push_str(":media");
    }
    let stream = Stream::parse(&name, &which.tag, &which.list).ok_or(Error::NotFound)?;
    let mut session = Session::open(&app, listener)?;
    if !session.listen(stream) {
        return Err(Error::Forbidden.into());
    }
    let events = stream::unfold(session, async |mut session| {
        let event = match session.next().await {
            Next::Tell(_, telling) => Event::default().event(telling.event).data(telling.payload),
            Next::Beat => Event::default().comment("thump"),
            Next::End => return None,
        };
        Some((Ok::<_, std::convert::Infallible>(event), session))
    });
    Ok(Sse::new(events).into_response())
}
