//! The id of a request.

use std::cell::RefCell;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use poem::Request;

use crate::secret::random_bytes;

/// Bytes of a request id. Two requests of one day do not share an id.
const LENGTH: usize = 9;

/// Random bytes that a thread gets at once, because each call takes as long as a hundred of them.
const RESERVE: usize = LENGTH * 64;

thread_local! {
    static BYTES: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// A random id.
pub fn random() -> String {
    BYTES.with_borrow_mut(|bytes| {
        if bytes.is_empty() {
            bytes.extend_from_slice(&random_bytes::<RESERVE>());
        }
        let rest = bytes.len().saturating_sub(LENGTH);
        let id = URL_SAFE_NO_PAD.encode(bytes.get(rest..).unwrap_or_default());
        bytes.truncate(rest);
        id
    })
}

/// The id of a request for a page, as in the log and in the header `X-Request-Id` of its response. In the request's data.
#[derive(Clone, Debug)]
pub struct RequestId(pub String);

impl RequestId {
    /// The id of this request.
    pub fn of(request: &Request) -> Option<&str> {
        request.data::<Self>().map(|RequestId(id)| id.as_str())
    }
}
