//! Connections: accepted by us, so that who is half open is not waited for.

use std::io::ErrorKind;
use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use http::Request;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use hyper_util::server::graceful::GracefulShutdown;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tower_service::Service as _;

use crate::kernel::net::Peer;

/// How long a connection may take for its request line and headers, and be idle between two requests.
const HEADERS: Duration = Duration::from_secs(10);

/// Serves HTTP/1.1 until told to stop; what is under way then goes on to its end. HTTP/2 without TLS is not spoken:
/// a proxy in front does not need it, and nobody else should come by it.
#[expect(
    clippy::disallowed_methods,
    reason = "a connection ends with its client, its timeouts or the server"
)]
pub async fn serve(listener: TcpListener, router: Router, mut stopped: watch::Receiver<bool>) {
    let ending = GracefulShutdown::new();
    loop {
        let (stream, peer) = tokio::select! {
            accepted = accept(&listener) => accepted,
            _ = stopped.wait_for(|stopped| *stopped) => break,
        };
        let (router, watcher) = (router.clone(), ending.watcher());
        tokio::spawn(async move {
            // Who says nothing at all is not waited for either.
            let first = tokio::time::timeout(HEADERS, stream.peek(&mut [0])).await;
            if !matches!(first, Ok(Ok(length)) if length > 0) {
                return;
            }
            let answer = service_fn(move |request: Request<Incoming>| {
                let mut request = request.map(Body::new);
                request.extensions_mut().insert(Peer(peer));
                router.clone().call(request)
            });
            let mut builder = auto::Builder::new(TokioExecutor::new()).http1_only();
            builder
                .http1()
                .timer(TokioTimer::new())
                .header_read_timeout(HEADERS);
            let connection = builder.serve_connection_with_upgrades(TokioIo::new(stream), answer);
            if let Err(error) = watcher.watch(connection.into_owned()).await {
                tracing::debug!(%error, "a connection broke off");
            }
        });
    }
    drop(listener);
    ending.shutdown().await;
}

/// The next connection. What our own shortage causes passes; it is said and waited out.
async fn accept(listener: &TcpListener) -> (TcpStream, SocketAddr) {
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => {
                let _ = stream.set_nodelay(true);
                return (stream, peer);
            }
            Err(error)
                if matches!(
                    error.kind(),
                    ErrorKind::ConnectionRefused
                        | ErrorKind::ConnectionAborted
                        | ErrorKind::ConnectionReset
                ) => {}
            Err(error) => {
                tracing::error!(%error, "no connection can be accepted right now");
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
        }
    }
}
