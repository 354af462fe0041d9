//! One connection, from TLS to its last response.

use std::convert::Infallible;
use std::error::Error;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use hyper::body::{Body, Incoming};
use hyper::service::{HttpService, service_fn};
use hyper_util::rt::TokioIo;
use hyper_util::server::graceful::Watcher;
use poem::http::uri::Scheme;
use poem::web::{LocalAddr, RemoteAddr};
use poem::{Addr, Endpoint, Request, Response};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::{OwnedSemaphorePermit, watch};
use tokio::time::{Instant, timeout_at};
use tokio_io_timeout::TimeoutStream;

use super::activity::Activity;
use super::address_limit::Place;
use super::head_timer::{Head, HeadTimer};
use super::http2;
use super::lingering_stream::LingeringStream;
use super::time_limits::TimeLimits;
use super::tls::{self, Tls};

/// Maximum size of a request's head.
const MAX_HEAD_SIZE: usize = 16 * 1024;

/// A connection that was accepted.
pub(super) struct Connection<E> {
    pub app: Arc<E>,
    pub remote: SocketAddr,
    pub scheme: Scheme,
    pub opened: Instant,
    pub limits: TimeLimits,
    /// Lets the shutdown wait for this connection.
    pub watcher: Watcher,
    pub places: (OwnedSemaphorePermit, Place),
}

impl<E: Endpoint<Output = Response> + 'static> Connection<E> {
    /// Serves HTTP over TLS. The handshake is a part of the first head: both together have its time limit. It ends when
    /// the server stops.
    pub async fn serve_tls(
        mut self,
        stream: TcpStream,
        tls: Tls,
        mut stopping: watch::Receiver<()>,
    ) {
        let handshake = timeout_at(self.opened + self.limits.head, tls.accept(stream));
        let stream = tokio::select! {
            _ = stopping.changed() => return,
            outcome = handshake => match outcome {
                Ok(Ok(stream)) => stream,
                Ok(Err(error)) => return tracing::debug!(%error, "no TLS handshake"),
                Err(_elapsed) => return tracing::debug!("the TLS handshake took too long"),
            },
        };
        self.scheme = Scheme::HTTPS;
        // Boxed because the futures are large, and most of the handshakes may be a flood.
        if tls::is_http2(&stream) {
            Box::pin(self.serve_http2(stream, stopping)).await;
        } else {
            Box::pin(self.serve_http1(stream)).await;
        }
    }

    async fn serve_http2<S>(self, stream: S, stopping: watch::Receiver<()>)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let activity = Activity::new(self.opened, self.limits);
        let stream = LingeringStream::new(stream, Head::default());
        let stream = with_write_timeout(stream, self.limits.request);
        let requests = activity.clone();
        let service = service(self.app, self.remote, self.scheme, move || {
            let request = requests.begin();
            || drop(request)
        });
        http2::serve(stream, service, activity, self.limits, stopping).await;
        // The shutdown has waited for it.
        drop((self.watcher, self.places));
    }

    /// Serves HTTP/1.1.
    pub fn serve_http1<S>(self, stream: S) -> impl Future<Output = ()> + Send + use<S, E>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let head = Head::default();
        let stream = LingeringStream::new(stream, head.clone());
        let connection = hyper::server::conn::http1::Builder::new()
            .timer(HeadTimer::new(self.limits, self.opened, head.clone()))
            .header_read_timeout(self.limits.head)
            .max_header_size(MAX_HEAD_SIZE)
            .max_buf_size(MAX_HEAD_SIZE)
            // Copying a short body behind its head costs less than a write of two buffers.
            .writev(false)
            .serve_connection(
                TokioIo::new(with_write_timeout(stream, self.limits.request)),
                service(self.app, self.remote, self.scheme, move || {
                    head.complete();
                    || ()
                }),
            );
        let connection = self.watcher.watch(connection);
        let places = self.places;
        async move {
            // The client closed the connection or did not send HTTP.
            if let Err(error) = connection.await {
                tracing::debug!(%error, "connection ended");
            }
            drop(places);
        }
    }
}

/// A stream with a write timeout: a client that does not read must not keep its permit and its response in
/// memory.
fn with_write_timeout<S: AsyncRead + AsyncWrite>(
    stream: S,
    timeout: Duration,
) -> Pin<Box<TimeoutStream<S>>> {
    let mut stream = TimeoutStream::new(stream);
    stream.set_write_timeout(Some(timeout));
    Box::pin(stream)
}

/// The app as a service. It calls `begin` with each request, and what that returns when there is a response.
fn service<E, B>(
    app: Arc<E>,
    remote: SocketAddr,
    scheme: Scheme,
    begin: impl Fn() -> B,
) -> impl HttpService<
    Incoming,
    ResBody: Body<Data: Send, Error: Into<Box<dyn Error + Send + Sync>>> + Send + 'static,
    Error = Infallible,
    Future: Send + 'static,
>
where
    E: Endpoint<Output = Response> + 'static,
    B: FnOnce() + Send + 'static,
{
    service_fn(move |request| {
        let answer = begin();
        let app = Arc::clone(&app);
        let request = Request::from((
            request,
            LocalAddr::default(),
            RemoteAddr(Addr::socket(remote)),
            scheme.clone(),
        ));
        // hyper keeps the place of this future, several kilobytes, for as long as the connection is open.
        Box::pin(async move {
            let response = hyper::Response::from(app.get_response(request).await);
            answer();
            Ok(response)
        })
    })
}
