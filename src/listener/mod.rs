//! Connections: how many, how long a client may take, and how they end.

mod lingering;

use std::convert::Infallible;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use poem::http::uri::Scheme;
use poem::web::{LocalAddr, RemoteAddr};
use poem::{Addr, Endpoint, Request, Response};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_io_timeout::TimeoutStream;

use crate::config;
use lingering::Lingering;

/// More than any request head that has a reason.
const HEAD: usize = 64 * 1024;
/// After an accept that failed for want of file descriptors.
const PAUSE: Duration = Duration::from_millis(50);

/// Serves `app` until `stop`, then lets requests under way finish.
///
/// The framework's own server puts no bound on the time that a request head takes, nor on the
/// number of connections: a few slow clients would hold it for ever.
///
/// # Errors
///
/// When the listener has no address.
pub async fn serve<E>(
    listener: TcpListener,
    app: E,
    settings: &config::Server,
    stop: impl Future<Output = ()>,
) -> io::Result<()>
where
    E: Endpoint<Output = Response> + 'static,
{
    let app = Arc::new(app);
    let local = listener.local_addr()?;
    let graceful = GracefulShutdown::new();
    let places = Arc::new(Semaphore::new(
        settings.max_connections.min(Semaphore::MAX_PERMITS),
    ));
    let mut stop = std::pin::pin!(stop);
    loop {
        let accepted = tokio::select! {
            () = &mut stop => break,
            accepted = accept(&listener, &places) => accepted,
        };
        let Some((stream, remote, place)) = accepted else {
            continue;
        };
        let connection = graceful.watch(
            hyper::server::conn::http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(settings.header_read_timeout.0)
                .max_buf_size(HEAD)
                .serve_connection(
                    TokioIo::new(impatient(stream, settings.request_timeout.0)),
                    service(&app, local, remote),
                ),
        );
        tokio::spawn(async move {
            // What ends a connection is the client's affair: it went away, or sent no HTTP.
            if let Err(error) = connection.await {
                tracing::debug!(%error, "connection ended");
            }
            drop(place);
        });
    }
    drop(listener);
    finish(graceful, settings.shutdown_timeout.0).await;
    Ok(())
}

async fn accept(
    listener: &TcpListener,
    places: &Arc<Semaphore>,
) -> Option<(TcpStream, SocketAddr, tokio::sync::OwnedSemaphorePermit)> {
    let place = Arc::clone(places).acquire_owned().await.ok()?;
    match listener.accept().await {
        Ok((stream, remote)) => {
            // An answer is one small write; it must not wait for more to come.
            let _ = stream.set_nodelay(true);
            Some((stream, remote, place))
        }
        Err(error) => {
            tracing::warn!(%error, "a connection could not be accepted");
            tokio::time::sleep(PAUSE).await;
            None
        }
    }
}

/// A stream to a client that must take what it asked for: without a bound, one that does not read
/// holds its place, and its answer in memory, for ever.
fn impatient(stream: TcpStream, timeout: Duration) -> Pin<Box<TimeoutStream<Lingering>>> {
    let mut stream = TimeoutStream::new(Lingering::new(stream));
    stream.set_write_timeout(Some(timeout));
    Box::pin(stream)
}

fn service<E>(
    app: &Arc<E>,
    local: SocketAddr,
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
        let app = Arc::clone(&app);
        let request = Request::from((
            request,
            LocalAddr(Addr::socket(local)),
            RemoteAddr(Addr::socket(remote)),
            Scheme::HTTP,
        ));
        async move { Ok::<_, Infallible>(hyper::Response::from(app.get_response(request).await)) }
    })
}

async fn finish(graceful: GracefulShutdown, timeout: Duration) {
    let open = graceful.count();
    if open > 0 {
        tracing::info!(connections = open, "finishing the requests under way");
    }
    if tokio::time::timeout(timeout, graceful.shutdown())
        .await
        .is_err()
    {
        tracing::warn!("some requests did not finish in server.shutdown_timeout");
    }
}
