//! The id of a request.

use poem::Request;

/// The id of a request for a page, as in the log and in the header `X-Request-Id` of its response. In the request's data.
#[derive(Clone, Debug)]
pub struct RequestId(pub String);

impl RequestId {
    /// The id of this request.
    pub fn of(request: &Request) -> Option<&str> {
        request.data::<Self>().map(|RequestId(id)| id.as_str())
    }
}
