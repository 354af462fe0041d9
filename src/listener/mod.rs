//! The accept loop: connection limit, graceful shutdown.

mod activity;
mod address_limit;
mod automatic_error;
mod connection;
mod head_timer;
mod http2;
mod lingering_stream;
mod sockets;
mod time_limits;
mod tls;

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use hyper_util::server::graceful::GracefulShutdown;
use poem::http::uri::Scheme;
use poem::{Endpoint, Response};
use tokio::net::TcpStream;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::Instant;

use self::address_limit::{AddressLimit, Place};
use self::connection::Connection;
pub use self::sockets::{BindError, Sockets};
use self::time_limits::TimeLimits;
pub use self::tls::{Tls, TlsError, TlsFile};
use crate::config::ServerSettings;

/// Delay after a failed accept: the process may have no free file descriptor.
const ACCEPT_RETRY_DELAY: Duration = Duration::from_millis(50);

/// Serves `app` until `stop`, then lets open requests finish.
///
/// The framework's own server has no timeout for a request's head and no connection limit, so slow clients
/// could block it.
pub async fn serve<E>(
    sockets: impl Into<Sockets>,
    app: E,
    settings: &ServerSettings,
    stop: impl Future<Output = ()>,
) -> io::Result<()>
where
    E: Endpoint<Output = Response> + 'static,
{
    let app = Arc::new(app);
    let mut sockets = sockets.into();
    let tls = sockets.tls().cloned();
    // Dropped and so aborted at the end.
    let mut reload = JoinSet::new();
    tls.clone().map(|tls| reload.spawn(tls.reload()));
    let graceful = GracefulShutdown::new();
    let (stopping, is_stopping) = watch::channel(());
    let limits = Limits::new(settings);
    let mut stop = std::pin::pin!(stop);
    loop {
        let accepted = tokio::select! {
            () = &mut stop => break,
            accepted = accept(&mut sockets, &limits) => accepted,
        };
        let Some((stream, remote, places)) = accepted else {
            continue;
        };
        let connection = Connection {
            app: Arc::clone(&app),
            remote,
            scheme: Scheme::HTTP,
            opened: Instant::now(),
            limits: limits.times,
            watcher: graceful.watcher(),
            places,
        };
        match tls.clone() {
            None => tokio::spawn(connection.serve_http1(stream)),
            Some(tls) => tokio::spawn(connection.serve_tls(stream, tls, is_stopping.clone())),
        };
    }
    drop((sockets, stopping));
    finish(graceful, settings.shutdown_timeout.0).await;
    Ok(())
}

/// The limits of all connections and of those of an address.
struct Limits {
    permits: Arc<Semaphore>,
    addresses: AddressLimit,
    times: TimeLimits,
}

impl Limits {
    fn new(settings: &ServerSettings) -> Self {
        Self {
            permits: Arc::new(Semaphore::new(
                settings.max_connections.min(Semaphore::MAX_PERMITS),
            )),
            addresses: AddressLimit::new(settings),
            times: TimeLimits::new(settings),
        }
    }
}

/// Accepts a connection, and closes it if its address has too many.
async fn accept(
    sockets: &mut Sockets,
    limits: &Limits,
) -> Option<(TcpStream, SocketAddr, (OwnedSemaphorePermit, Place))> {
    let permit = Arc::clone(&limits.permits).acquire_owned().await.ok()?;
    match sockets.accept().await {
        Ok((stream, remote)) => {
            let place = limits.addresses.take(remote.ip())?;
            // A response is one small write and must not wait for more data.
            let _ = stream.set_nodelay(true);
            Some((stream, remote, (permit, place)))
        }
        Err(error) => {
            tracing::warn!(%error, "cannot accept a connection");
            tokio::time::sleep(ACCEPT_RETRY_DELAY).await;
            None
        }
    }
}

async fn finish(graceful: GracefulShutdown, timeout: Duration) {
    let open = graceful.count();
    if open > 0 {
        tracing::info!(connections = open, "waiting for open connections");
    }
    if tokio::time::timeout(timeout, graceful.shutdown())
        .await
        .is_err()
    {
        tracing::warn!("some requests did not finish within server.shutdown_timeout");
    }
}
