//! The error response of a protocol endpoint, RFC 6749 §5.2.

use poem::Response;
use poem::error::{MethodNotAllowedError, NotFoundError, ReadBodyError, ResponseError};
use poem::http::StatusCode;
use poem_openapi::payload::{Json, Payload};
use poem_openapi::registry::{MetaResponses, Registry};
use poem_openapi::types::Type;
use poem_openapi::{ApiResponse, Object};
use serde_json::{Value, json};

use super::error_response::{ErrorResponse, RETRY_AFTER, documented, other_audience_challenge};
use crate::error::{Error, Reason};

/// An error of a protocol endpoint.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct OAuthError(pub Error);

/// The error code of a response, in its extensions, for the metrics.
#[derive(Clone, Copy)]
pub struct ErrorCode(pub &'static str);

/// What went wrong, RFC 6749 section 5.2.
#[derive(Object)]
#[oai(rename = "ErrorResponse")]
struct ErrorBody {
    /// The error code: `invalid_request`, `invalid_client`, `invalid_grant`,
    /// `unauthorized_client`, `unsupported_grant_type`, `invalid_scope`, `invalid_target`
    /// (RFC 8707), `unsupported_token_type` (RFC 7009), `invalid_token` and `insufficient_scope`
    /// (RFC 6750), `temporarily_unavailable` or `server_error`.
    error: String,
    /// What the code means, for the developer of the client.
    error_description: String,
}

impl From<Error> for OAuthError {
    fn from(error: Error) -> Self {
        Self(error)
    }
}

impl OAuthError {
    /// Converts an error of the framework. `allow` lists the methods of the path.
    pub fn from_framework(error: &poem::Error, allow: &str) -> Self {
        Self(if error.is::<NotFoundError>() {
            Error::NotFound("no such path".into())
        } else if error.is::<MethodNotAllowedError>() {
            Error::MethodNotAllowed(allow.to_owned().into())
        } else if let Some(ReadBodyError::PayloadTooLarge) = error.downcast_ref() {
            Error::TooLarge("the body is over server.body_limit".into())
        } else if error.status().is_client_error() {
            Error::InvalidRequest(Reason::Owned(error.to_string()))
        } else {
            Error::ServerError(Reason::Owned(error.to_string()))
        })
    }

    /// The response body.
    pub fn body(&self) -> Value {
        json!({
            "error": self.0.code(),
            "error_description": self.0.description(),
        })
    }

    /// Value of `WWW-Authenticate`. "The server generating a 401 response MUST send a
    /// WWW-Authenticate header field", RFC 9110 §15.5.2.
    fn challenge(&self) -> Option<String> {
        match &self.0 {
            // "If the client attempted to authenticate via the "Authorization" request header field, the
            // authorization server MUST [...] include the "WWW-Authenticate" response header field matching the
            // authentication scheme used by the client", RFC 6749 §5.2. Otherwise Basic would make a browser ask
            // its user for a password.
            Error::InvalidClient { by_header, .. } => Some(if *by_header {
                "Basic realm=\"jeton\", charset=\"UTF-8\"".to_owned()
            } else {
                "Bearer realm=\"jeton\"".to_owned()
            }),
            Error::NoToken => Some("Bearer realm=\"jeton\"".to_owned()),
            Error::InvalidToken(_) => {
                Some("Bearer realm=\"jeton\", error=\"invalid_token\"".to_owned())
            }
            Error::OtherAudience => Some(other_audience_challenge()),
            Error::InsufficientScope(scope) => Some(format!(
                "Bearer realm=\"jeton\", error=\"insufficient_scope\", scope=\"{scope}\""
            )),
            _ => None,
        }
    }
}

impl ResponseError for OAuthError {
    fn status(&self) -> StatusCode {
        match &self.0 {
            Error::InvalidClient { .. }
            | Error::NoToken
            | Error::InvalidToken(_)
            | Error::OtherAudience => StatusCode::UNAUTHORIZED,
            Error::InsufficientScope(_) | Error::ForeignOrigin => StatusCode::FORBIDDEN,
            Error::NotFound(_) => StatusCode::NOT_FOUND,
            Error::MethodNotAllowed(_) => StatusCode::METHOD_NOT_ALLOWED,
            Error::HeadTooLarge => StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
            Error::RequestTimeout => StatusCode::REQUEST_TIMEOUT,
            Error::TooLarge(_) => StatusCode::PAYLOAD_TOO_LARGE,
            Error::TooManyAttempts(_) => StatusCode::TOO_MANY_REQUESTS,
            Error::TemporarilyUnavailable(_) => StatusCode::SERVICE_UNAVAILABLE,
            Error::ServerError(_) => StatusCode::INTERNAL_SERVER_ERROR,
            _ => StatusCode::BAD_REQUEST,
        }
    }

    fn as_response(&self) -> Response {
        let reason = self.0.reason();
        let response = ErrorResponse {
            status: self.status(),
            content_type: "application/json",
            body: self.body(),
            challenge: self.challenge(),
            retry_after: match &self.0 {
                Error::TemporarilyUnavailable(_) => Some(RETRY_AFTER),
                Error::TooManyAttempts(seconds) => Some(*seconds),
                _ => None,
            },
            allow: match &self.0 {
                Error::MethodNotAllowed(allow) => Some(allow),
                _ => None,
            },
            accept_patch: None,
            log: (self.0.code(), &reason),
        };
        let mut response = response.log_and_build();
        let code = ErrorCode(self.0.code());
        response.extensions_mut().insert(code);
        response
    }
}

/// Every error status of a protocol endpoint, for the OpenAPI document.
impl ApiResponse for OAuthError {
    fn meta() -> MetaResponses {
        let responses = [
            (400, "The request was refused."),
            (401, "The client did not prove who it is."),
            (
                403,
                "The access token, or the origin of the page, does not allow this.",
            ),
            (408, "The body did not arrive in time."),
            (413, "The body is too large."),
            (429, "Too many sign-ins have failed."),
            (500, "The server failed."),
            (503, "The server is busy."),
        ];
        documented("application/json", ErrorBody::schema_ref, &responses)
    }

    fn register(registry: &mut Registry) {
        <Json<ErrorBody> as Payload>::register(registry);
    }
}
