//! The accept loop: connection limit, timeouts, graceful shutdown.

mod address_limit;
mod automatic_error;
mod head_timer;
mod lingering_stream;
mod sockets;

use std::convert::Infallible;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use hyper_util::server::graceful::GracefulShutdown;
use poem::http::uri::Scheme;
use poem::web::{LocalAddr, RemoteAddr};
use poem::{Addr, Endpoint, Request, Response};
use tokio::net::TcpStream;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_io_timeout::TimeoutStream;

use self::address_limit::{AddressLimit, Place};
use self::head_timer::{Head, HeadTimer};
use self::lingering_stream::LingeringStream;
pub use self::sockets::{BindError, Sockets};
use crate::config::ServerSettings;

/// Maximum size of a request's head.
const MAX_HEAD_SIZE: usize = 16 * 1024;
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
    let graceful = GracefulShutdown::new();
    let limits = Limits {
        permits: Arc::new(Semaphore::new(
            settings.max_connections.min(Semaphore::MAX_PERMITS),
        )),
        addresses: AddressLimit::new(settings),
    };
    let mut stop = std::pin::pin!(stop);
    loop {
        let accepted = tokio::select! {
            () = &mut stop => break,
            accepted = accept(&mut sockets, &limits) => accepted,
        };
        let Some((stream, remote, places)) = accepted else {
            continue;
        };
        let head = Head::default();
        let stream = LingeringStream::new(stream, head.clone());
        let connection = graceful.watch(
            hyper::server::conn::http1::Builder::new()
                .timer(HeadTimer::new(settings, head.clone()))
                .header_read_timeout(settings.header_read_timeout.0)
                .max_header_size(MAX_HEAD_SIZE)
                .max_buf_size(MAX_HEAD_SIZE)
                .serve_connection(
                    TokioIo::new(with_write_timeout(stream, settings.request_timeout.0)),
                    service(&app, head, remote),
                ),
        );
        tokio::spawn(async move {
            // The client closed the connection or did not send HTTP.
            if let Err(error) = connection.await {
                tracing::debug!(%error, "connection ended");
            }
            drop(places);
        });
    }
    drop(sockets);
    finish(graceful, settings.shutdown_timeout.0).await;
    Ok(())
}

/// The limits of all connections and of those of an address.
struct Limits {
    permits: Arc<Semaphore>,
    addresses: AddressLimit,
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

/// A stream with a write timeout: a client that does not read must not keep its permit and its response in
/// memory.
fn with_write_timeout(
    stream: LingeringStream,
    timeout: Duration,
) -> Pin<Box<TimeoutStream<LingeringStream>>> {
    let mut stream = TimeoutStream::new(stream);
    stream.set_write_timeout(Some(timeout));
    Box::pin(stream)
}

fn service<E>(
    app: &Arc<E>,
    head: Head,
    remote: SocketAddr,
) -> impl hyper::service::HttpService<
    hyper::body::Incoming,
    ResBody: hyper::body::Body<
        Data: Send,
        Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    > + Send,
    Error = Infallible,
    Future: Send,
> + use<E>
where
    E: Endpoint<Output = Response> + 'static,
{
    let app = Arc::clone(app);
    service_fn(move |request| {
        head.complete();
        let app = Arc::clone(&app);
        let request = Request::from((
            request,
            LocalAddr::default(),
            RemoteAddr(Addr::socket(remote)),
            Scheme::HTTP,
        ));
        async move { Ok::<_, Infallible>(hyper::Response::from(app.get_response(request).await)) }
    })
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
