//! A stream that does not cut off its own last answer.
//!
//! An answer that comes before the request's body has been read (413, 401) ends the connection. If
//! bytes of that body are still on their way when the socket is closed, TCP answers them by a reset,
//! and a client that writes its whole request before it reads may then lose the answer: RFC 9112
//! §9.6, "the server's TCP stack will send a reset packet to the client, which might erase the
//! client's unacknowledged input buffers before they can be read and interpreted by the client's
//! HTTP parser". "Servers typically close a connection in stages": first the half that writes, then,
//! when the client has closed its own or a bound is reached, the rest.

use std::future::Future as _;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Instant, Sleep, sleep};

/// How long a client may send nothing before it is taken to have stopped. An idle connection waits
/// for this long at the most.
const SILENCE: Duration = Duration::from_millis(500);
/// How long a client may go on sending.
const PATIENCE: Duration = Duration::from_secs(10);
/// How much of what it sends is read, and thrown away.
const MOST: usize = 16 * 1024 * 1024;
const CHUNK: usize = 16 * 1024;

/// A TCP stream that is closed in stages.
pub(super) struct Lingering {
    stream: TcpStream,
    closing: Option<Closing>,
}

struct Closing {
    silence: Pin<Box<Sleep>>,
    patience: Pin<Box<Sleep>>,
    thrown_away: usize,
}

impl Lingering {
    pub(super) const fn new(stream: TcpStream) -> Self {
        Self {
            stream,
            closing: None,
        }
    }

    /// Reads what still comes, until the client closes or a bound is reached.
    fn poll_linger(&mut self, context: &mut Context<'_>) -> Poll<()> {
        let closing = self.closing.get_or_insert_with(|| Closing {
            silence: Box::pin(sleep(SILENCE)),
            patience: Box::pin(sleep(PATIENCE)),
            thrown_away: 0,
        });
        let mut chunk = [0; CHUNK];
        while closing.thrown_away < MOST
            && closing.silence.as_mut().poll(context).is_pending()
            && closing.patience.as_mut().poll(context).is_pending()
        {
            let mut buffer = ReadBuf::new(&mut chunk);
            let read = Pin::new(&mut self.stream).poll_read(context, &mut buffer);
            if ready!(read).is_err() || buffer.filled().is_empty() {
                break;
            }
            closing.thrown_away += buffer.filled().len();
            closing.silence.as_mut().reset(Instant::now() + SILENCE);
        }
        Poll::Ready(())
    }
}

impl AsyncRead for Lingering {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for Lingering {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().stream).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
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
