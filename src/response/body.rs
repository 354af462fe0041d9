//! The body of a request, and whether it is still arriving.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use poem::{Request, RequestBody};

/// Whether a request waits for its body. In the request's data, shared with its time limit.
#[derive(Clone, Debug, Default)]
pub struct Arrival(Arc<AtomicBool>);

impl Arrival {
    /// Whether the body is being read.
    pub fn is_awaited(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    fn set(&self, is_awaited: bool) {
        self.0.store(is_awaited, Ordering::Relaxed);
    }
}

/// Reads a body of at most `limit` bytes.
pub async fn read(
    request: &Request,
    body: &mut RequestBody,
    limit: usize,
) -> poem::Result<Vec<u8>> {
    let arrival = request.data::<Arrival>().cloned().unwrap_or_default();
    arrival.set(true);
    let bytes = body.take()?.into_bytes_limit(limit).await?;
    arrival.set(false);
    Ok(bytes.into())
}
