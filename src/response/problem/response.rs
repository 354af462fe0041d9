//! The response for a problem, RFC 9457.

use poem::Response;
use poem::error::ResponseError;
use poem::http::StatusCode;
use poem_openapi::payload::{Json, Payload};
use poem_openapi::registry::{MetaResponses, Registry};
use poem_openapi::types::{ToJSON as _, Type};
use poem_openapi::{ApiResponse, Object};
use serde_json::Value;

use super::{InvalidField, Problem};
use crate::response::error_response::{
    ErrorResponse, RETRY_AFTER, documented, other_audience_challenge,
};

/// Media types of a PATCH body.
const PATCH_FORMATS: &str = "application/merge-patch+json, application/json";

/// What went wrong, RFC 9457.
#[derive(Object)]
#[oai(rename = "Problem")]
struct ProblemBody {
    /// What kind of problem, in words.
    title: String,
    /// The status of the answer.
    status: i32,
    /// What to do.
    detail: String,
    /// The fields of the body, or the parameters, that are wrong.
    #[oai(skip_serializing_if_is_none)]
    errors: Option<Vec<InvalidField>>,
}

impl Problem {
    /// The response body.
    pub fn body(&self) -> Value {
        let (title, detail) = self.words();
        let body = ProblemBody {
            title: title.to_owned(),
            status: i32::from(self.status().as_u16()),
            detail: detail.to_owned(),
            errors: match self {
                Self::Invalid(fields) => Some(fields.clone()),
                _ => None,
            },
        };
        body.to_json().unwrap_or_default()
    }

    /// RFC 6750 §3: without a token the challenge names no error; else it says which.
    fn challenge(&self) -> Option<String> {
        let error = match self {
            Self::NoToken => return Some("Bearer realm=\"jeton\"".to_owned()),
            Self::BadRequest(_) => "invalid_request",
            Self::InvalidToken(_) => "invalid_token",
            Self::OtherAudience => return Some(other_audience_challenge()),
            // RFC 9470 §3.
            Self::StaleSignIn(seconds) => {
                return Some(format!(
                    "Bearer realm=\"jeton\", error=\"insufficient_user_authentication\", \
                     max_age={seconds}"
                ));
            }
            Self::InsufficientScope(scope) => {
                return Some(format!(
                    "Bearer realm=\"jeton\", error=\"insufficient_scope\", scope=\"{scope}\""
                ));
            }
            _ => return None,
        };
        Some(format!("Bearer realm=\"jeton\", error=\"{error}\""))
    }
}

impl ResponseError for Problem {
    fn status(&self) -> StatusCode {
        match self {
            Self::NoToken | Self::InvalidToken(_) | Self::OtherAudience | Self::StaleSignIn(_) => {
                StatusCode::UNAUTHORIZED
            }
            Self::BadRequest(_) => StatusCode::BAD_REQUEST,
            Self::Invalid(_) => StatusCode::UNPROCESSABLE_ENTITY,
            Self::InsufficientScope(_) | Self::Forbidden(_) => StatusCode::FORBIDDEN,
            Self::Conflict(_) => StatusCode::CONFLICT,
            Self::PreconditionFailed => StatusCode::PRECONDITION_FAILED,
            Self::RequestTimeout => StatusCode::REQUEST_TIMEOUT,
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::UnsupportedMediaType { .. } => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::TooManyAttempts(_) => StatusCode::TOO_MANY_REQUESTS,
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::MethodNotAllowed(_) => StatusCode::METHOD_NOT_ALLOWED,
            Self::Busy(_) => StatusCode::SERVICE_UNAVAILABLE,
            Self::Failed(_) => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    fn as_response(&self) -> Response {
        let response = ErrorResponse {
            status: self.status(),
            content_type: "application/problem+json",
            body: self.body(),
            challenge: self.challenge(),
            retry_after: match self {
                Self::Busy(_) => Some(RETRY_AFTER),
                Self::TooManyAttempts(seconds) => Some(*seconds),
                _ => None,
            },
            allow: match self {
                Self::MethodNotAllowed(allow) => Some(allow),
                _ => None,
            },
            accept_patch: match self {
                Self::UnsupportedMediaType { is_patch: true } => Some(PATCH_FORMATS),
                _ => None,
            },
            log: (self.words().0, self.reason()),
        };
        response.log_and_build()
    }
}

/// Every error status of the API, for the OpenAPI document.
impl ApiResponse for Problem {
    fn meta() -> MetaResponses {
        let responses = [
            (400, "The request cannot be understood."),
            (
                401,
                "The access token is missing, expired, revoked or not for this server.",
            ),
            (
                403,
                "The access token, or the origin of the page, does not allow this.",
            ),
            (404, "Not found."),
            (408, "The request body did not arrive in time."),
            (409, "The present state does not allow this."),
            (
                412,
                "The resource was changed; its ETag is not the one in `If-Match`.",
            ),
            (413, "The request body is too large."),
            (415, "The request body is not JSON."),
            (422, "The fields listed in `errors` are invalid."),
            (429, "Too many attempts have failed."),
            (500, "The server failed."),
            (503, "The server is busy."),
        ];
        documented(
            "application/problem+json",
            ProblemBody::schema_ref,
            &responses,
        )
    }

    fn register(registry: &mut Registry) {
        <Json<ProblemBody> as Payload>::register(registry);
    }
}
