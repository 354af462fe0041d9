//! What all log lines of a request say.

use poem::Request;
use tracing::Span;

use crate::response::request_id;
use crate::response::trace_context::TraceContext;

/// The id of a request, and the trace that it belongs to if its caller names one.
pub(super) struct RequestContext {
    pub(super) id: String,
    trace: Option<TraceContext>,
}

/// Makes a span of this level. The level is a constant.
macro_rules! span {
    ($level:ident, $context:expr, $method:expr, $path:expr) => {{
        let trace = $context.trace.as_ref();
        tracing::span!(
            tracing::Level::$level,
            "request",
            id = %$context.id,
            method = $method,
            path = $path,
            trace_id = trace.map(|trace| &*trace.trace_id),
            parent_id = trace.map(|trace| &*trace.parent_id),
        )
    }};
}

impl RequestContext {
    pub(super) fn new(request: &Request) -> Self {
        Self {
            id: request_id::random(),
            trace: TraceContext::read(request.headers()),
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
