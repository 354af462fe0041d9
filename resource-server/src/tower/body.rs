//! A body whose beginning may have been read; the service still receives it whole.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};

use crate::credentials::MAX_FORM_PREFIX;

/// A request's body. The beginning of a form was searched for a second token.
#[derive(Debug)]
pub struct Peeked<B: Body> {
    /// The frames read so far, including an error.
    read: VecDeque<Result<Frame<Bytes>, B::Error>>,
    /// `None` after its end, where it must not be polled again.
    rest: Option<B>,
}

impl<B: Body<Data = Bytes> + Unpin> Peeked<B> {
    pub(super) const fn new(rest: B) -> Self {
        Self {
            read: VecDeque::new(),
            rest: Some(rest),
        }
    }

    /// Reads the beginning of the body.
    pub(super) async fn read_prefix(&mut self) -> Vec<u8> {
        let mut prefix = Vec::new();
        while prefix.len() < MAX_FORM_PREFIX {
            let Some(frame) = poll_fn(|context| self.poll_rest(context)).await else {
                break;
            };
            let data = frame.as_ref().ok().and_then(Frame::data_ref);
            if let Some(data) = data {
                prefix.extend_from_slice(data);
            }
            let last = data.is_none();
            self.read.push_back(frame);
            if last {
                break;
            }
        }
        prefix
    }

    fn poll_rest(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        let Some(rest) = &mut self.rest else {
            return Poll::Ready(None);
        };
        let polled = Pin::new(rest).poll_frame(context);
        if matches!(polled, Poll::Ready(None)) {
            self.rest = None;
        }
        polled
    }

    fn read_bytes(&self) -> u64 {
        let frames = self.read.iter().filter_map(|frame| frame.as_ref().ok());
        let lengths = frames.filter_map(|frame| Some(frame.data_ref()?.len() as u64));
        lengths.sum()
    }
}

impl<B: Body<Data = Bytes> + Unpin> Body for Peeked<B>
where
    B::Error: Unpin,
{
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        if let Some(frame) = self.read.pop_front() {
            return Poll::Ready(Some(frame));
        }
        self.poll_rest(context)
    }

    fn is_end_stream(&self) -> bool {
        self.read.is_empty() && self.rest.as_ref().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        let read = self.read_bytes();
        let rest = self.rest.as_ref().map(Body::size_hint);
        let rest = rest.unwrap_or_else(|| SizeHint::with_exact(0));
        let mut hint = SizeHint::new();
        hint.set_lower(rest.lower().saturating_add(read));
        if let Some(upper) = rest.upper() {
            hint.set_upper(upper.saturating_add(read));
        }
        hint
    }
}
