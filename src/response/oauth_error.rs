//! The error answer of a protocol endpoint, RFC 6749 §5.2: status, headers and log in one place.

use poem::error::{MethodNotAllowedError, NotFoundError, ReadBodyError, ResponseError};
use poem::http::{StatusCode, header};
use poem::{Response, http::HeaderValue};
use poem_openapi::payload::Json;
use poem_openapi::registry::{
    MetaHeader, MetaMediaType, MetaResponse, MetaResponses, MetaSchemaRef, Registry,
};
use poem_openapi::types::Type;
use poem_openapi::{ApiResponse, Object};
use serde_json::{Value, json};

use crate::error::{Error, Reason};

/// A client that comes too early finds the same queue; a little later it is gone.
const RETRY_AFTER: &str = "1";

/// An error as it leaves the server.
#[derive(Debug)]
pub struct ErrorAnswer(pub Error);

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

impl From<Error> for ErrorAnswer {
    fn from(error: Error) -> Self {
        Self(error)
    }
}

impl std::fmt::Display for ErrorAnswer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

impl std::error::Error for ErrorAnswer {}

impl ErrorAnswer {
    /// What the framework raises by itself, in our shape. `allow` names the methods of the path.
    #[must_use]
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

    /// The body.
    #[must_use]
    pub fn body(&self) -> Value {
        json!({
            "error": self.0.code(),
            "error_description": self.0.description(),
        })
    }

    fn log(&self) {
        let (code, reason) = (self.0.code(), self.0.reason());
        match &self.0 {
            Error::ServerError(_) => tracing::error!(code, reason, "request failed"),
            Error::TemporarilyUnavailable(_) => tracing::warn!(code, reason, "request put off"),
            _ => tracing::info!(code, reason, "request refused"),
        }
    }
}

impl ResponseError for ErrorAnswer {
    fn status(&self) -> StatusCode {
        match &self.0 {
            Error::InvalidClient(_) | Error::InvalidToken(_) => StatusCode::UNAUTHORIZED,
            Error::InsufficientScope(_) => StatusCode::FORBIDDEN,
            Error::NotFound(_) => StatusCode::NOT_FOUND,
            Error::MethodNotAllowed(_) => StatusCode::METHOD_NOT_ALLOWED,
            Error::TooLarge(_) => StatusCode::PAYLOAD_TOO_LARGE,
            Error::TooManyAttempts(_) => StatusCode::TOO_MANY_REQUESTS,
            Error::TemporarilyUnavailable(_) => StatusCode::SERVICE_UNAVAILABLE,
            Error::ServerError(_) => StatusCode::INTERNAL_SERVER_ERROR,
            _ => StatusCode::BAD_REQUEST,
        }
    }

    fn as_response(&self) -> Response {
        self.log();
        let mut answer = Response::builder()
            .status(self.status())
            .content_type("application/json")
            .body(self.body().to_string());
        let headers = answer.headers_mut();
        match &self.0 {
            // "The server generating a 401 response MUST send a WWW-Authenticate header field",
            // RFC 9110 §15.5.2, however the client tried.
            Error::InvalidClient(_) => {
                let challenge =
                    HeaderValue::from_static("Basic realm=\"jeton\", charset=\"UTF-8\"");
                headers.insert(header::WWW_AUTHENTICATE, challenge);
            }
            Error::InvalidToken(_) => {
                let challenge = "Bearer realm=\"jeton\", error=\"invalid_token\"";
                let challenge = HeaderValue::from_static(challenge);
                headers.insert(header::WWW_AUTHENTICATE, challenge);
            }
            Error::InsufficientScope(scope) => {
                let challenge = format!(
                    "Bearer realm=\"jeton\", error=\"insufficient_scope\", scope=\"{scope}\""
                );
                if let Ok(challenge) = HeaderValue::try_from(challenge) {
                    headers.insert(header::WWW_AUTHENTICATE, challenge);
                }
            }
            Error::MethodNotAllowed(allow) => {
                if let Ok(allow) = HeaderValue::try_from(allow.as_ref()) {
                    headers.insert(header::ALLOW, allow);
                }
            }
            Error::TemporarilyUnavailable(_) => {
                headers.insert(header::RETRY_AFTER, HeaderValue::from_static(RETRY_AFTER));
            }
            Error::TooManyAttempts(seconds) => {
                headers.insert(header::RETRY_AFTER, HeaderValue::from(*seconds));
            }
            // The rest of a body that was not read would be taken for the next request.
            Error::TooLarge(_) => {
                headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
            }
            _ => {}
        }
        answer
    }
}

/// For the document: every status that a protocol endpoint answers with.
impl ApiResponse for ErrorAnswer {
    fn meta() -> MetaResponses {
        let answer = |status, description, headers| MetaResponse {
            description,
            status: Some(status),
            status_range: None,
            content: vec![MetaMediaType {
                content_type: "application/json",
                schema: ErrorBody::schema_ref(),
            }],
            headers,
        };
        MetaResponses {
            responses: vec![
                answer(400, "The request was refused.", vec![]),
                answer(
                    401,
                    "The client did not prove who it is.",
                    vec![documented("WWW-Authenticate", "RFC 9110 section 11.6.1.")],
                ),
                answer(
                    403,
                    "The access token does not allow this.",
                    vec![documented("WWW-Authenticate", "RFC 6750 section 3.")],
                ),
                answer(413, "The body is too large.", vec![]),
                answer(
                    429,
                    "Too many sign-ins have failed.",
                    vec![documented("Retry-After", "Seconds to wait.")],
                ),
                answer(500, "The server failed.", vec![]),
                answer(
                    503,
                    "The server is busy.",
                    vec![documented("Retry-After", "Seconds to wait.")],
                ),
            ],
        }
    }

    fn register(registry: &mut Registry) {
        <Json<ErrorBody> as poem_openapi::payload::Payload>::register(registry);
    }
}

fn documented(name: &str, description: &str) -> MetaHeader {
    MetaHeader {
        name: name.to_owned(),
        description: Some(description.to_owned()),
        required: true,
        deprecated: false,
        schema: MetaSchemaRef::Inline(Box::new(poem_openapi::registry::MetaSchema::new("string"))),
    }
}
