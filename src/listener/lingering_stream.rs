//! A stream that is closed in stages (lingering close).
//!
//! A response that is sent before the request's body is read (413, 401) ends the connection. If the socket
//! is closed while the body still arrives, the client may lose the response: RFC 9112 §9.6, "the server's
//! TCP stack will send a reset packet to the client, which might erase the client's unacknowledged input
//! buffers before they can be read and interpreted by the client's HTTP parser". "Servers typically close a
//! connection in stages": first the writing half; then the rest, when the client closes or a limit is
//! reached.

use std::future::Future as _;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep};

use super::automatic_error::Replacement;
use super::head_timer::Head;

/// Maximum time without data from the client. The delay of closing an idle connection.
const IDLE_TIMEOUT: Duration = Duration::from_millis(500);
/// Maximum time for which the client may continue to send.
const TOTAL_TIMEOUT: Duration = Duration::from_secs(10);
/// Maximum number of bytes to read and discard.
const MAX_DISCARDED: usize = 16 * 1024 * 1024;
const CHUNK_SIZE: usize = 16 * 1024;

pub(super) struct LingeringStream<S> {
    stream: S,
    head: Head,
    /// In place of the error response that hyper is writing.
    replacement: Option<Replacement>,
    closing: Option<Closing>,
}

struct Closing {
    idle_timeout: Pin<Box<Sleep>>,
    total_timeout: Pin<Box<Sleep>>,
    discarded: usize,
}

impl<S: AsyncRead + Unpin> LingeringStream<S> {
    pub(super) const fn new(stream: S, head: Head) -> Self {
        Self {
            stream,
            head,
            replacement: None,
            closing: None,
        }
    }

    /// Reads and discards until the client closes or a limit is reached.
    fn poll_linger(&mut self, context: &mut Context<'_>) -> Poll<()> {
        let closing = self.closing.get_or_insert_with(|| Closing {
            idle_timeout: Box::pin(sleep(IDLE_TIMEOUT)),
            total_timeout: Box::pin(sleep(TOTAL_TIMEOUT)),
            discarded: 0,
        });
        let mut chunk = [0; CHUNK_SIZE];
        while closing.discarded < MAX_DISCARDED
            && closing.idle_timeout.as_mut().poll(context).is_pending()
            && closing.total_timeout.as_mut().poll(context).is_pending()
        {
            let mut buffer = ReadBuf::new(&mut chunk);
            let read = Pin::new(&mut self.stream).poll_read(context, &mut buffer);
            if ready!(read).is_err() || buffer.filled().is_empty() {
                break;
            }
            closing.discarded += buffer.filled().len();
            closing
                .idle_timeout
                .as_mut()
                .reset(Instant::now() + IDLE_TIMEOUT);
        }
        Poll::Ready(())
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for LingeringStream<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = buffer.filled().len();
        let read = Pin::new(&mut this.stream).poll_read(context, buffer);
        if buffer.filled().len() > before {
            this.head.receive();
        }
        read
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for LingeringStream<S> {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        if this.replacement.is_none() && this.head.is_awaited() {
            this.replacement = Replacement::of(bytes);
        }
        let mut stream = Pin::new(&mut this.stream);
        let Some(replacement) = &mut this.replacement else {
            return stream.poll_write(context, bytes);
        };
        let written = ready!(replacement.poll_write(stream.as_mut(), context))?;
        this.replacement = None;
        Poll::Ready(Ok(written))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        if self.head.is_awaited() {
            let first = slices.iter().find(|slice| !slice.is_empty());
            return self.poll_write(context, first.map_or(&[], |slice| slice));
        }
        Pin::new(&mut self.get_mut().stream).poll_write_vectored(context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.closing.is_none() {
            ready!(Pin::new(&mut this.stream).poll_shutdown(context))?;
        }
        ready!(this.poll_linger(context));
        Poll::Ready(Ok(()))
    }
}
