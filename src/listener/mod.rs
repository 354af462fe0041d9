//! The accept loop: connection limits, graceful shutdown.

mod activity;
mod address_limit;
mod automatic_error;
mod connection;
mod head_timer;
mod http2;
mod lingering_stream;
mod listen_error;
mod listening_socket;
mod open_connections;
mod passed;
mod places;
mod shutdown;
mod sockets;
mod stream;
mod tcp_sockets;
mod time_limits;
mod tls;
mod unix_socket;

use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt as _;
use poem::http::uri::Scheme;
use poem::{Addr, Endpoint, Response};
use tokio::task::{JoinSet, yield_now};
use tokio::time::Instant;

use self::connection::Connection;
pub use self::listen_error::ListenError;
use self::places::{Places, Taken};
use self::shutdown::Shutdown;
pub use self::sockets::Sockets;
use self::stream::Stream;
use self::time_limits::TimeLimits;
pub use self::tls::{SOON as CERTIFICATE_EXPIRES_SOON, Tls, TlsError, TlsFile};
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
    let sockets = sockets.into();
    // Dropped and so aborted at the end.
    let mut reload = JoinSet::new();
    sockets.tls().map(|tls| reload.spawn(tls.clone().reload()));
    let mut acceptor = Acceptor {
        sockets,
        app: Arc::new(app),
        places: Places::new(settings),
        limits: TimeLimits::new(settings),
        shutdown: Shutdown::new(),
    };
    acceptor.accept_until(stop).await;
    let stopped = Instant::now();
    let end = stopped + settings.shutdown_timeout.0;
    let open = acceptor.shutdown.connections();
    if open > 0 {
        tracing::info!(connections = open, "waiting for open connections");
    }
    acceptor.shutdown.begin();
    let drained = acceptor.shutdown.drained(stopped + acceptor.limits.drain);
    acceptor.accept_until(drained).await;
    if !acceptor.close().await.finish(end).await {
        tracing::warn!("some requests did not finish within server.shutdown_timeout");
    }
    Ok(())
}

/// Accepts connections and starts a task for each.
struct Acceptor<E> {
    sockets: Sockets,
    app: Arc<E>,
    places: Places,
    limits: TimeLimits,
    shutdown: Shutdown,
}

impl<E: Endpoint<Output = Response> + 'static> Acceptor<E> {
    async fn accept_until(&mut self, end: impl Future<Output = ()>) {
        let mut end = std::pin::pin!(end);
        loop {
            tokio::select! {
                () = &mut end => return,
                accepted = accept(&mut self.sockets, &self.places) => self.serve(accepted),
            }
        }
    }

    fn serve(&self, accepted: Option<(Stream, Addr, Taken)>) {
        let Some((stream, remote, taken)) = accepted else {
            return;
        };
        let connection = Connection {
            app: Arc::clone(&self.app),
            remote,
            scheme: Scheme::HTTP,
            opened: Instant::now(),
            limits: self.limits,
            watcher: self.shutdown.watcher(),
            places: self.places.clone(),
            taken,
        };
        match (stream, self.sockets.tls().cloned()) {
            (Stream::Tcp(stream), Some(tls)) => tokio::spawn(connection.serve_tls(stream, tls)),
            (stream, _) => tokio::spawn(connection.serve_http1(stream)),
        };
    }

    /// Closes the sockets. The connections that wait to be accepted would be reset, so they are served, unless the
    /// sockets stay open at the service manager.
    async fn close(mut self) -> Shutdown {
        if !self.sockets.are_passed() {
            self.sockets.remove_files();
            // Lets the runtime see the connections.
            yield_now().await;
            while let Some(accepted) = accept(&mut self.sockets, &self.places).now_or_never() {
                self.serve(accepted);
            }
        }
        self.shutdown
    }
}

/// Accepts a connection, and closes it if its address has too many.
async fn accept(sockets: &mut Sockets, places: &Places) -> Option<(Stream, Addr, Taken)> {
    let permit = places.wait().await?;
    match sockets.accept().await {
        Ok((stream, remote)) => {
            let taken = places.take(permit, address(&remote))?;
            if let Stream::Tcp(stream) = &stream {
                // A response is one small write and must not wait for more data.
                let _ = stream.set_nodelay(true);
            }
            Some((stream, remote, taken))
        }
        Err(error) => {
            tracing::warn!(%error, "cannot accept a connection");
            tokio::time::sleep(ACCEPT_RETRY_DELAY).await;
            None
        }
    }
}

/// The IP address, which a Unix socket does not have.
fn address(remote: &Addr) -> Option<IpAddr> {
    remote.as_socket_addr().map(SocketAddr::ip)
}
