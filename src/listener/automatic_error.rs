//! Error responses that hyper writes itself, when it cannot parse a head, in the format of RFC 6749 §5.2.
//!
//! hyper has no setting for them: a status line and `content-length: 0`, before any request reaches the service.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::AsyncWrite;

use crate::error::Error;
use crate::response::oauth_error::OAuthError;

/// A response that is being written in place of hyper's.
pub(super) struct Replacement {
    bytes: Vec<u8>,
    written: usize,
    /// The number of bytes that hyper wrote.
    replaced: usize,
}

impl Replacement {
    /// The replacement of an error response that hyper has written before a request was complete. `None` for other
    /// bytes: the rest of the response before it.
    pub(super) fn of(written: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(written).ok()?;
        let (status_line, headers) = text.split_once("\r\n")?;
        let is_empty = headers.contains("content-length: 0\r\n") && headers.ends_with("\r\n\r\n");
        let error = match status_line.split(' ').nth(1)? {
            "400" if is_empty => Error::InvalidHead("it is not HTTP/1.1".into()),
            "414" | "431" if is_empty => Error::HeadTooLarge,
            _ => return None,
        };
        tracing::debug!(%error, "a head is refused");
        let body = OAuthError(error).body().to_string();
        let length = body.len();
        let response = format!(
            "{status_line}\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\
             Cache-Control: no-store\r\nPragma: no-cache\r\nX-Content-Type-Options: nosniff\r\n\
             Connection: close\r\n\r\n{body}"
        );
        Some(Self {
            bytes: response.into_bytes(),
            written: 0,
            replaced: written.len(),
        })
    }

    /// Writes the rest. Returns the number of bytes that hyper wrote.
    pub(super) fn poll_write(
        &mut self,
        mut stream: Pin<&mut impl AsyncWrite>,
        context: &mut Context<'_>,
    ) -> Poll<io::Result<usize>> {
        while let Some(rest) = self
            .bytes
            .get(self.written..)
            .filter(|rest| !rest.is_empty())
        {
            let written = ready!(stream.as_mut().poll_write(context, rest))?;
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.written += written;
        }
        Poll::Ready(Ok(self.replaced))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_empty_error_response_is_replaced() {
        let of = |text: &str| Replacement::of(text.as_bytes()).is_some();
        assert!(of("HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n"));
        assert!(of(
            "HTTP/1.1 431 Request Header Fields Too Large\r\ncontent-length: 0\r\n\r\n"
        ));
        assert!(!of(
            "HTTP/1.1 400 Bad Request\r\ncontent-length: 2\r\n\r\n{}"
        ));
        assert!(!of(
            "HTTP/1.1 304 Not Modified\r\ncontent-length: 0\r\n\r\n"
        ));
        assert!(!of("HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n"));
        assert!(!of("the rest of a body\r\n\r\n"));
    }
}
