//! What all log lines of a request say.

use tracing::Span;

use crate::response::request_id;

/// The id of a request.
pub(super) struct RequestContext {
    pub(super) id: String,
}

/// Makes a span of this level. The level is a constant.
macro_rules! span {
    ($level:ident, $context:expr, $method:expr, $path:expr) => {{
        tracing::span!(
            tracing::Level::$level,
            "request",
            id = %$context.id,
            method = $method,
            path = $path,
        )
    }};
}

impl RequestContext {
    pub(super) fn new() -> Self {
        Self {
            id: request_id::random(),
        }
    }

    pub(super) fn span(&self, method: &str, path: &str) -> Span {
        span!(INFO, self, method, path)
    }

    /// A span that exists only if lines of the level debug are written.
    pub(super) fn debug_span(&self, method: &str, path: &str) -> Span {
        span!(DEBUG, self, method, path)
    }
}
