//! Running the node.

use std::fs::File;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::{open, say};
use crate::app::App;
use crate::jobs;
use crate::kernel::config::Settings;
use crate::kernel::http::raise_descriptors;
use crate::nodes::setup;
use crate::{server, worker};

/// A node that serves; it ends when told to.
pub struct Running {
    /// The node.
    pub app: App,
    /// Where it listens.
    pub address: SocketAddr,
    stop: watch::Sender<bool>,
    stopping: Arc<AtomicBool>,
    server: JoinHandle<()>,
    worker: Option<JoinHandle<()>>,
    _lock: Option<File>,
}

impl Running {
    /// Stops: takes nothing new, lets what is under way end within twenty seconds.
    pub async fn stop(self) {
        self.stopping.store(true, Ordering::SeqCst);
        let _ = self.stop.send(true);
        self.app.closing.send_replace(true);
        self.app.wake.notify_waiters();
        let ended = async {
            let _ = self.server.await;
            if let Some(worker) = self.worker {
                self.app.wake.notify_waiters();
                let _ = worker.await;
            }
        };
        let _ = tokio::time::timeout(Duration::from_secs(18), ended).await;
        self.app.db.close().await;
    }
}

/// On SQLite exactly one process serves.
fn lock(app: &App) -> anyhow::Result<Option<File>> {
    if app.db.is_postgres() {
        return Ok(None);
    }
    let path = app.settings.data_dir.join("serve.lock");
    let file = File::create(&path)?;
    file.try_lock().map_err(|_| {
        anyhow::anyhow!(
            "another afterparty serves from {} already; stop it first",
            app.settings.data_dir.display()
        )
    })?;
    Ok(Some(file))
}

/// Starts serving; with `work` also the loops that deliver, process and perform.
///
/// # Errors
/// When another process serves from the same folder or the address is taken.
#[expect(
    clippy::disallowed_methods,
    reason = "the server and its worker are the tasks of the process; both are waited for"
)]
pub async fn start(app: App, listener: TcpListener, work: bool) -> anyhow::Result<Running> {
    let lock = lock(&app)?;
    if lock.is_some() {
        jobs::void_leases(&app.db).await?;
    }
    let address = listener.local_addr()?;
    let (stop, stopped) = watch::channel(false);
    let stopping = Arc::new(AtomicBool::new(false));
    let router = server::router(&app);
    let server = tokio::spawn(server::connections::serve(listener, router, stopped));
    let worker = work.then(|| tokio::spawn(worker::run(app.clone(), stopping.clone())));
    Ok(Running {
        app,
        address,
        stop,
        stopping,
        server,
        worker,
        _lock: lock,
    })
}

/// How many open files are enough for a house with friends on a thousand others.
pub const ENOUGH: u64 = 4_096;

/// `afterparty serve`
pub async fn run(settings: Settings) -> anyhow::Result<()> {
    let listen = settings.server.listen;
    let metrics = settings.server.metrics_listen;
    let files = raise_descriptors();
    if files < ENOUGH {
        tracing::warn!(
            files,
            "this process may have few files open; raise LimitNOFILE, or slow peers will hold up others"
        );
    }
    let app = open(settings).await?;
    if let Some(address) = metrics {
        serve_metrics(address).await?;
    }
    let listener = TcpListener::bind(listen)
        .await
        .map_err(|cause| anyhow::anyhow!("server.listen is {listen}: {cause}"))?;
    let running = start(app, listener, true).await?;
    announce(&running.app, running.address).await?;
    wait_for_signal().await;
    say("Closing the house …");
    running.stop().await;
    Ok(())
}

async fn announce(app: &App, address: SocketAddr) -> anyhow::Result<()> {
    let url = app.origin().url.clone();
    if setup::is_done(app).await? {
        say(&format!("The house is open: {url}"));
    } else {
        let token = setup::new_token(app).await?;
        let local = format!("http://localhost:{}", address.port());
        let base = if app.settings.node.url.is_some() {
            &url
        } else {
            &local
        };
        say("Welcome. Open this address in your browser to set up your house (it works once):");
        say(&format!("\n    {base}/setup/{token}\n"));
    }
    Ok(())
}

/// Waits for Ctrl-C or SIGTERM.
pub async fn wait_for_signal() {
    use tokio::signal::unix::{SignalKind, signal};
    let Ok(mut terminate) = signal(SignalKind::terminate()) else {
        let _ = tokio::signal::ctrl_c().await;
        return;
    };
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        _ = terminate.recv() => {}
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "the listener for figures lives as long as the process"
)]
async fn serve_metrics(address: SocketAddr) -> anyhow::Result<()> {
    let handle = metrics_exporter_prometheus::PrometheusBuilder::new().install_recorder()?;
    let listener = TcpListener::bind(address)
        .await
        .map_err(|cause| anyhow::anyhow!("server.metrics_listen is {address}: {cause}"))?;
    let router = axum::Router::new().route(
        "/metrics",
        axum::routing::get(move || std::future::ready(handle.render())),
    );
    let (running, stopped) = watch::channel(false);
    tokio::spawn(async move {
        server::connections::serve(listener, router, stopped).await;
        drop(running);
    });
    Ok(())
}
