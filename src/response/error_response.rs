//! An error response: status, headers, body and log line, for both body formats.

use poem::Response;
use poem::http::{HeaderName, HeaderValue, StatusCode, header};
use poem_openapi::registry::{MetaMediaType, MetaResponse, MetaResponses, MetaSchemaRef};
use serde_json::Value;

use crate::device::printable_within;
use crate::error::OTHER_AUDIENCE;

/// Seconds after which a client may repeat a request that met a busy server.
pub(crate) const RETRY_AFTER: u64 = 1;

/// Maximum length of a reason in the log. An error of the framework or the database may quote the request.
const REASON_LENGTH: usize = 1000;

/// The challenge to a token for another audience. "resource servers MAY include the `error_description` attribute to
/// provide developers a human-readable explanation", RFC 6750 §3.
pub(super) fn other_audience_challenge() -> String {
    format!(
        "Bearer realm=\"jeton\", error=\"invalid_token\", error_description=\"{OTHER_AUDIENCE}\""
    )
}

/// The parts of an error response.
pub(super) struct ErrorResponse<'a> {
    pub(super) status: StatusCode,
    pub(super) content_type: &'static str,
    pub(super) body: Value,
    /// Value of `WWW-Authenticate`.
    pub(super) challenge: Option<String>,
    /// Value of `Retry-After`, in seconds.
    pub(super) retry_after: Option<u64>,
    /// Value of `Allow`.
    pub(super) allow: Option<&'a str>,
    /// Value of `Accept-Patch`, RFC 5789 §2.2.
    pub(super) accept_patch: Option<&'static str>,
    /// The error code and the reason, for the log alone.
    pub(super) log: (&'a str, &'a str),
}

impl ErrorResponse<'_> {
    /// Logs the error and builds the response.
    pub(super) fn log_and_build(self) -> Response {
        let (code, reason) = self.log;
        let reason = &printable_within(reason, REASON_LENGTH);
        match self.status {
            StatusCode::INTERNAL_SERVER_ERROR => tracing::error!(code, reason, "request failed"),
            StatusCode::SERVICE_UNAVAILABLE => tracing::warn!(code, reason, "request put off"),
            _ => tracing::info!(code, reason, "request refused"),
        }
        let mut response = Response::builder()
            .status(self.status)
            .content_type(self.content_type)
            .body(self.body.to_string());
        let mut set = |name: HeaderName, value: Option<String>| {
            if let Some(Ok(value)) = value.map(HeaderValue::try_from) {
                response.headers_mut().insert(name, value);
            }
        };
        set(header::WWW_AUTHENTICATE, self.challenge);
        set(header::RETRY_AFTER, self.retry_after.map(|s| s.to_string()));
        set(header::ALLOW, self.allow.map(str::to_owned));
        let accept_patch = HeaderName::from_static("accept-patch");
        set(accept_patch, self.accept_patch.map(str::to_owned));
        // The rest of a body that was not read would be parsed as the next request.
        if [StatusCode::PAYLOAD_TOO_LARGE, StatusCode::REQUEST_TIMEOUT].contains(&self.status) {
            set(header::CONNECTION, Some("close".to_owned()));
        }
        response
    }
}

/// Documents responses by status and description.
pub(super) fn documented(
    content_type: &'static str,
    schema: fn() -> MetaSchemaRef,
    responses: &[(u16, &'static str)],
) -> MetaResponses {
    let responses = responses.iter().map(|(status, description)| MetaResponse {
        description,
        status: Some(*status),
        status_range: None,
        content: vec![MetaMediaType {
            content_type,
            schema: schema(),
        }],
        headers: vec![],
    });
    MetaResponses {
        responses: responses.collect(),
    }
}
