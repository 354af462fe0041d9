//! HTTP/2 (RFC 9113), with the limits of HTTP/1.1 as far as they apply.

use std::convert::Infallible;
use std::error::Error;
use std::pin::pin;

use hyper::body::{Body, Incoming};
use hyper::server::conn::http2::Builder;
use hyper::service::HttpService;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::{Instant, sleep_until, timeout};

use super::activity::{Activity, Closing, Verdict};
use super::open_connections::OpenConnection;
use super::shutdown::Watcher;
use super::time_limits::TimeLimits;

/// Requests that a client may have open at once. "It is recommended that this value be no smaller than 100", RFC 9113
/// §6.5.2.
const MAX_STREAMS: u32 = 100;
/// Streams that a client has reset and that are not yet forgotten (rapid reset, CVE-2023-44487).
const MAX_PENDING_RESETS: usize = 20;
/// Streams that the server had to reset, because the client broke the protocol.
const MAX_ERRORS: usize = 100;
/// Bytes of a request's body that may arrive before it is read. The default of RFC 9113 §6.9.2.
const STREAM_WINDOW: u32 = 65_535;
/// The same for all requests of a connection.
const CONNECTION_WINDOW: u32 = 4 * STREAM_WINDOW;
/// Maximum size of a request's head, as the sum that RFC 9113 §6.5.2 defines.
const MAX_HEAD_SIZE: u32 = 16 * 1024;
/// Bytes of a response that wait for the client.
const SEND_BUFFER: usize = 64 * 1024;

/// Serves a connection until it ends, is closed by its limits, or the server stops.
pub(super) async fn serve<S, H>(
    stream: S,
    service: H,
    activity: Activity,
    limits: TimeLimits,
    (watcher, open): (Watcher, &OpenConnection),
) where
    S: AsyncRead + AsyncWrite + Unpin + 'static,
    H: HttpService<Incoming, Error = Infallible, Future: Send + 'static>,
    H::ResBody: Body<Data: Send, Error: Into<Box<dyn Error + Send + Sync>>> + Send + 'static,
{
    let mut connection = pin!(builder().serve_connection(TokioIo::new(stream), service));
    let mut check = pin!(sleep_until(Instant::now()));
    let mut shutdown = pin!(until_shutdown(watcher, &activity, limits));
    let mut is_stopping = false;
    open.observe({
        let activity = activity.clone();
        move || activity.idle_since()
    });
    let mut surplus = pin!(open.surplus());
    let mut is_surplus = false;
    let mut is_closing = false;
    loop {
        let grace = tokio::select! {
            // The client closed the connection or did not send HTTP/2.
            ended = &mut connection => return ended
                .unwrap_or_else(|error| tracing::debug!(%error, "connection ended")),
            closing = activity.worn_out() => match closing {
                Closing::Graceful => limits.head,
                Closing::Immediate => return tracing::debug!("requests after the last one"),
            },
            () = &mut shutdown, if !is_stopping => {
                is_stopping = true;
                limits.drain
            }
            () = &mut surplus, if !is_surplus => {
                is_surplus = true;
                limits.head
            }
            () = &mut check => match activity.judge(Instant::now()) {
                _ if is_closing && activity.is_idle() => return,
                Verdict::Keep(until) if !is_closing => {
                    check.as_mut().reset(until);
                    continue;
                }
                _ => limits.head,
            },
        };
        // Tells the client which requests are still answered (GOAWAY), RFC 9113 §6.8.
        if !is_closing {
            connection.as_mut().graceful_shutdown();
        }
        is_closing = true;
        check.as_mut().reset(Instant::now() + grace);
    }
}

/// Waits until the connection is to be closed because the server stops. A client that has sent no request would not
/// send one after GOAWAY, so it gets some time.
async fn until_shutdown(mut watcher: Watcher, activity: &Activity, limits: TimeLimits) {
    watcher.begun().await;
    drop(timeout(limits.drain, activity.used()).await);
}

fn builder() -> Builder<TokioExecutor> {
    let mut builder = Builder::new(TokioExecutor::new());
    builder
        .max_concurrent_streams(MAX_STREAMS)
        .max_pending_accept_reset_streams(MAX_PENDING_RESETS)
        .max_local_error_reset_streams(MAX_ERRORS)
        .max_header_list_size(MAX_HEAD_SIZE)
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_send_buf_size(SEND_BUFFER);
    builder
}
