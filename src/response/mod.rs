//! Parts of HTTP responses that endpoints and API share: errors, CORS, the caller's address.

pub mod body;
pub mod caller;
pub mod cors;
mod error_response;
pub mod host;
pub mod oauth_error;
pub mod problem;
pub mod request_grant;
pub mod request_id;
pub mod trace_context;

pub(crate) use self::error_response::RETRY_AFTER;
