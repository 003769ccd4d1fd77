//! `GET /api/v1/streaming` by WebSocket: one connection, many streams.

use std::time::Duration;

use axum::extract::ws::{Message, WebSocket, WebSocketUpgrade};
use axum::extract::{Query, State};
use axum::response::Response;
use serde::Deserialize;
use serde_json::json;

use super::session::{Next, Session};
use super::{Listener, Stream};
use crate::app::App;
use crate::mastodon::Refused;

/// How long a message may take to leave; who reads no faster is let go.
const PATIENCE: Duration = Duration::from_secs(10);
/// Most bytes of a client's message.
const LARGEST: usize = 4 << 10;

/// What a client wants: a stream, with the hashtag or list it needs.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Wish {
    #[serde(rename = "type")]
    kind: String,
    stream: String,
    tag: String,
    list: String,
}

/// Opens the connection; a stream may be named in the address already.
pub async fn open(
    State(app): State<App>,
    Query(wish): Query<Wish>,
    listener: Listener,
    upgrade: WebSocketUpgrade,
) -> Result<Response, Refused> {
    let protocol = listener.protocol.clone();
    let mut session = Session::open(&app, listener)?;
    if !wish.stream.is_empty() {
        subscribe(&mut session, &wish);
    }
    // Small buffers: most of the time nothing is said.
    let upgrade = upgrade
        .read_buffer_size(1 << 10)
        .write_buffer_size(0)
        .max_write_buffer_size(256 << 10)
        .max_message_size(LARGEST)
        .max_frame_size(LARGEST);
    let upgrade = match protocol {
        Some(protocol) => upgrade.protocols([protocol]),
        None => upgrade,
    };
    Ok(upgrade.on_upgrade(move |socket| talk(socket, session)))
}

/// Listens to what is wished; what was refused and why.
fn subscribe(session: &mut Session, wish: &Wish) -> Option<&'static str> {
    let Some(stream) = Stream::parse(&wish.stream, &wish.tag, &wish.list) else {
        return Some("Unknown stream type");
    };
    if wish.kind == "unsubscribe" {
        session.leave(&stream);
        return None;
    }
    let allowed = session.listen(stream);
    (!allowed).then_some("Access token does not cover required scopes")
}

async fn talk(mut socket: WebSocket, mut session: Session) {
    loop {
        let message = tokio::select! {
            heard = socket.recv() => match heard {
                Some(Ok(Message::Text(text))) => {
                    let refused = match serde_json::from_str::<Wish>(&text) {
                        Ok(wish) => subscribe(&mut session, &wish),
                        Err(_) => Some("The message cannot be read"),
                    };
                    match refused {
                        Some(error) => Message::text(json!({"error": error, "status": 400}).to_string()),
                        None => continue,
                    }
                }
                Some(Ok(Message::Close(_)) | Err(_)) | None => return,
                Some(Ok(_)) => continue,
            },
            next = session.next() => match next {
                Next::Tell(stream, telling) => Message::text(
                    json!({"stream": stream.names(), "event": telling.event, "payload": telling.payload}).to_string(),
                ),
                Next::Beat => Message::Ping(Vec::new().into()),
                Next::End => {
                    let _ = tokio::time::timeout(PATIENCE, socket.send(Message::Close(None))).await;
                    return;
                }
            },
        };
        let sent = tokio::time::timeout(PATIENCE, socket.send(message)).await;
        if !matches!(sent, Ok(Ok(()))) {
            return;
        }
    }
}
