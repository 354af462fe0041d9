//! One connection, from TLS to its last response.

use std::convert::Infallible;
use std::error::Error;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::Duration;

use hyper::body::{Body, Incoming};
use hyper::service::{HttpService, service_fn};
use hyper_util::rt::TokioIo;
use poem::error::ResponseError as _;
use poem::http::header::{self, HeaderValue};
use poem::http::uri::Scheme;
use poem::web::{LocalAddr, RemoteAddr};
use poem::{Addr, Endpoint, Request, Response};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout_at};
use tokio_io_timeout::TimeoutStream;

use super::activity::Activity;
use super::head_timer::{Head, HeadTimer};
use super::http2;
use super::lingering_stream::LingeringStream;
use super::places::{Placed, Places, RequestPlace, Taken};
use super::shutdown::Watcher;
use super::time_limits::TimeLimits;
use super::tls::{self, Tls};
use crate::error::{Error as RequestError, Reason};
use crate::response::oauth_error::OAuthError;

/// Maximum size of a request's head.
const MAX_HEAD_SIZE: usize = 16 * 1024;

/// A connection that was accepted.
pub(super) struct Connection<E> {
    pub app: Arc<E>,
    pub remote: Addr,
    pub scheme: Scheme,
    pub opened: Instant,
    pub limits: TimeLimits,
    /// Lets the shutdown wait for this connection.
    pub watcher: Watcher,
    /// Where further requests take their places.
    pub places: Places,
    pub taken: Taken,
}

impl<E: Endpoint<Output = Response> + 'static> Connection<E> {
    /// Serves HTTP over TLS. The handshake is a part of the first head: both together have its time limit. While the
    /// server stops, it has the time of an idle connection.
    pub async fn serve_tls(mut self, stream: TcpStream, tls: Tls) {
        let handshake = timeout_at(self.opened + self.limits.head, tls.accept(stream));
        let stream = tokio::select! {
            outcome = handshake => match outcome {
                Ok(Ok(stream)) => stream,
                Ok(Err(error)) => return tracing::debug!(%error, "no TLS handshake"),
                Err(_elapsed) => return tracing::debug!("the TLS handshake took too long"),
            },
            () = self.idle_end() => return,
        };
        self.scheme = Scheme::HTTPS;
        // Boxed because the futures are large, and most of the handshakes may be a flood.
        if tls::is_http2(&stream) {
            Box::pin(self.serve_http2(stream)).await;
        } else {
            Box::pin(self.serve_http1(stream)).await;
        }
    }

    async fn serve_http2<S>(self, stream: S)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let activity = Activity::new(self.opened, self.limits);
        let stream = LingeringStream::new(stream, Head::new(self.opened));
        let stream = with_write_timeout(stream, self.limits.request);
        let requests = activity.clone();
        let places = self.places.of_connection(super::address(&self.remote));
        let service = service(self.app, self.remote, self.scheme, move || {
            let request = requests.begin();
            let taken = places.take()?;
            Some((Some(taken), |_: &mut Response| drop(request)))
        });
        let closing = (self.watcher.clone(), self.taken.connection());
        http2::serve(stream, service, activity, self.limits, closing).await;
        // The shutdown has waited for it.
        drop((self.watcher, self.taken));
    }

    /// Serves HTTP/1.1.
    pub async fn serve_http1<S>(self, stream: S)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let head = Head::new(self.opened);
        let open = self.taken.connection();
        open.observe({
            let head = head.clone();
            move || head.idle_since()
        });
        let (watcher, is_surplus) = (self.watcher.clone(), open.is_surplus());
        let closes = Arc::new(move || watcher.closes() || is_surplus());
        let mut end = pin!(self.end());
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
                service(self.app, self.remote, self.scheme, {
                    let head = head.clone();
                    move || {
                        head.complete();
                        let closes = Arc::clone(&closes);
                        let answer = move |response: &mut Response| {
                            if closes() {
                                close_after(response);
                            }
                        };
                        Some((None, answer))
                    }
                }),
            );
        let mut connection = pin!(connection);
        let mut is_ending = false;
        // What has arrived is read before an idle connection is closed.
        let outcome = loop {
            tokio::select! {
                biased;
                outcome = &mut connection => break outcome,
                () = &mut end, if !is_ending => {
                    is_ending = true;
                    // The response to a request whose head is arriving closes the connection.
                    if !head.is_arriving() {
                        connection.as_mut().graceful_shutdown();
                    }
                }
            }
        };
        // The client closed the connection or did not send HTTP.
        if let Err(error) = outcome {
            tracing::debug!(%error, "connection ended");
        }
        drop((self.watcher, self.taken));
    }

    /// Waits until the connection is to be closed if it is idle.
    fn end(&self) -> impl Future<Output = ()> + Send + use<E> {
        let (stop, surplus) = (self.idle_end(), self.taken.connection().surplus());
        async move {
            tokio::select! {
                () = stop => (),
                () = surplus => (),
            }
        }
    }

    /// Waits until the connection is to be closed if it is idle, because the server stops.
    fn idle_end(&self) -> impl Future<Output = ()> + Send + use<E> {
        self.watcher
            .clone()
            .idle_end(self.opened, self.limits.drain)
    }
}

/// Lets the client send its next request on another connection: "a signal that the sender will close this connection
/// after completion of the response", RFC 9112 §9.6.
fn close_after(response: &mut Response) {
    let close = HeaderValue::from_static("close");
    response.headers_mut().insert(header::CONNECTION, close);
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

/// The app as a service. It calls `begin` with each request, and what that returns with the response, whose body keeps
/// the place. A request without a place is refused.
fn service<E, B>(
    app: Arc<E>,
    remote: Addr,
    scheme: Scheme,
    begin: impl Fn() -> Option<(Option<RequestPlace>, B)>,
) -> impl HttpService<
    Incoming,
    ResBody: Body<Data: Send, Error: Into<Box<dyn Error + Send + Sync>>> + Send + 'static,
    Error = Infallible,
    Future: Send + 'static,
>
where
    E: Endpoint<Output = Response> + 'static,
    B: FnOnce(&mut Response) + Send + 'static,
{
    service_fn(move |request| {
        let allowed = begin();
        let app = Arc::clone(&app);
        let request = Request::from((
            request,
            LocalAddr::default(),
            RemoteAddr(remote.clone()),
            scheme.clone(),
        ));
        // hyper keeps the place of this future, several kilobytes, for as long as the connection is open.
        Box::pin(async move {
            let (response, taken) = match allowed {
                Some((taken, answer)) => {
                    let mut response = app.get_response(request).await;
                    answer(&mut response);
                    (response, taken)
                }
                None => (no_place().as_response(), None),
            };
            let placed = |body| Placed {
                body,
                _taken: taken,
            };
            Ok(hyper::Response::from(response).map(placed))
        })
    })
}

const fn no_place() -> OAuthError {
    OAuthError(RequestError::TemporarilyUnavailable(Reason::Borrowed(
        "too many open requests: see server.max_connections_per_address and server.max_connections",
    )))
}
