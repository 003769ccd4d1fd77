//! Request bodies: bounded in sum and by source while they wait in memory, and never waited for in silence.

use std::io;
use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::body::{Body, BodyDataStream, Bytes};
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use futures_util::{StreamExt as _, stream};
use http::{StatusCode, header};
use http_body::Body as _;

use crate::app::App;
use crate::kernel::net;
use crate::kernel::slots::Slot;

/// How long a body may fall silent.
const SILENCE: Duration = Duration::from_secs(30);
/// Bytes of a body that count; what is larger is an upload, which goes to the disk piece by piece.
const COUNTED: usize = 4 << 20;

/// What a request holds until it is answered.
#[derive(Default)]
struct Held {
    slots: Mutex<Vec<Slot>>,
    full: AtomicBool,
}

/// A body on its way.
struct Coming {
    app: App,
    from: IpAddr,
    data: BodyDataStream,
    counted: usize,
    held: Arc<Held>,
}

/// Counts what a body brings into memory, and refuses it where too much waits there already.
pub async fn bound(State(app): State<App>, request: Request, next: Next) -> Response {
    if request.body().is_end_stream() {
        return next.run(request).await;
    }
    let (parts, body) = request.into_parts();
    let held = Arc::new(Held::default());
    let coming = Coming {
        from: net::source(&app.settings.server.trusted_proxies, &parts),
        app,
        data: body.into_data_stream(),
        counted: 0,
        held: held.clone(),
    };
    let body = Body::from_stream(stream::unfold(coming, async |mut coming| {
        let piece = coming.piece().await?;
        Some((piece, coming))
    }));
    let answer = next.run(Request::from_parts(parts, body)).await;
    if held.full.load(Ordering::SeqCst) {
        let later = [(header::RETRY_AFTER, "30")];
        return (StatusCode::SERVICE_UNAVAILABLE, later).into_response();
    }
    answer
}

impl Coming {
    async fn piece(&mut self) -> Option<io::Result<Bytes>> {
        let piece = match tokio::time::timeout(SILENCE, self.data.next()).await {
            Err(_) => return Some(Err(io::ErrorKind::TimedOut.into())),
            Ok(piece) => piece?,
        };
        let piece = match piece {
            Ok(piece) => piece,
            Err(error) => return Some(Err(io::Error::other(error))),
        };
        let many = piece.len().min(COUNTED.saturating_sub(self.counted));
        self.counted += many;
        if many > 0 {
            let Some(slot) = self.app.bodies.take_many(self.from, many) else {
                self.held.full.store(true, Ordering::SeqCst);
                return Some(Err(io::ErrorKind::OutOfMemory.into()));
            };
            let slots = &self.held.slots;
            slots
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .push(slot);
        }
        Some(Ok(piece))
    }
}
