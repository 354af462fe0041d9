//! The error answer of the account door: problem details, RFC 9457.

use poem::Response;
use poem::error::{MethodNotAllowedError, NotFoundError, ResponseError};
use poem::http::{HeaderValue, StatusCode, header};
use poem_openapi::payload::Json;
use poem_openapi::registry::{MetaMediaType, MetaResponse, MetaResponses, Registry};
use poem_openapi::types::Type;
use poem_openapi::{ApiResponse, Object};

use crate::error::Error;
use crate::token::active::Inactive;

/// Seconds; what kept the server busy is over then, or lasts.
const RETRY_AFTER: &str = "1";

/// A refusal or failure of the account door.
#[derive(Debug)]
pub enum Problem {
    /// No access token was sent.
    NoToken,
    /// The request cannot be understood.
    BadRequest(&'static str),
    /// The access token is no good; the reason is for the log.
    InvalidToken(String),
    /// The access token does not allow this; it would need this scope.
    InsufficientScope(&'static str),
    /// There is nothing at this path.
    NotFound,
    /// The path knows other methods.
    MethodNotAllowed(String),
    /// Try again soon; the reason is for the log.
    Busy(String),
    /// Our own failure; the reason is for the log.
    Failed(String),
}

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
}

impl Problem {
    /// What the framework raises by itself, in our shape.
    #[must_use]
    pub fn from_framework(error: &poem::Error, allow: &str) -> Self {
        if error.is::<NotFoundError>() {
            Self::NotFound
        } else if error.is::<MethodNotAllowedError>() {
            Self::MethodNotAllowed(allow.to_owned())
        } else if error.status().is_client_error() {
            Self::BadRequest("The request cannot be understood.")
        } else {
            Self::Failed(error.to_string())
        }
    }

    const fn words(&self) -> (&'static str, &'static str) {
        match self {
            Self::NoToken => (
                "No access token",
                "Send Authorization: Bearer and an access token.",
            ),
            Self::BadRequest(detail) => ("Bad request", detail),
            Self::InvalidToken(_) => (
                "Invalid access token",
                "It is expired, ended, damaged, or not for this server. Refresh it or sign in.",
            ),
            Self::InsufficientScope(_) => (
                "Insufficient scope",
                "The access token does not allow this. Sign in with the scope that \
                 WWW-Authenticate names.",
            ),
            Self::NotFound => ("Not found", "There is nothing at this path."),
            Self::MethodNotAllowed(_) => (
                "Method not allowed",
                "This path does not know that method. See Allow.",
            ),
            Self::Busy(_) => ("Busy", "The server is busy. Try again after Retry-After."),
            Self::Failed(_) => ("Server error", "The server failed. Try again."),
        }
    }

    /// RFC 6750 §3: without a token the challenge names no error; else it says which.
    fn challenge(&self) -> Option<String> {
        let error = match self {
            Self::NoToken => return Some("Bearer realm=\"jeton\"".to_owned()),
            Self::BadRequest(_) => "invalid_request",
            Self::InvalidToken(_) => "invalid_token",
            Self::InsufficientScope(scope) => {
                return Some(format!(
                    "Bearer realm=\"jeton\", error=\"insufficient_scope\", scope=\"{scope}\""
                ));
            }
            _ => return None,
        };
        Some(format!("Bearer realm=\"jeton\", error=\"{error}\""))
    }

    fn log(&self) {
        match self {
            Self::Failed(reason) => tracing::error!(reason, "request failed"),
            Self::Busy(reason) => tracing::warn!(reason, "request put off"),
            Self::InvalidToken(reason) => tracing::info!(reason, "access token refused"),
            other => tracing::info!(reason = other.words().0, "request refused"),
        }
    }
}

/// A failure that knows no door, such as the store's.
impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        match error {
            Error::TemporarilyUnavailable(reason) => Self::Busy(reason.into_owned()),
            other => Self::Failed(other.to_string()),
        }
    }
}

impl From<Inactive> for Problem {
    fn from(why: Inactive) -> Self {
        match why {
            Inactive::Refused(reason) => Self::InvalidToken(reason),
            Inactive::Unknown(error) => error.into(),
        }
    }
}

impl From<sea_orm::DbErr> for Problem {
    fn from(error: sea_orm::DbErr) -> Self {
        Error::from(error).into()
    }
}

impl std::fmt::Display for Problem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.words().0)
    }
}

impl std::error::Error for Problem {}

impl ResponseError for Problem {
    fn status(&self) -> StatusCode {
        match self {
            Self::NoToken | Self::InvalidToken(_) => StatusCode::UNAUTHORIZED,
            Self::BadRequest(_) => StatusCode::BAD_REQUEST,
            Self::InsufficientScope(_) => StatusCode::FORBIDDEN,
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::MethodNotAllowed(_) => StatusCode::METHOD_NOT_ALLOWED,
            Self::Busy(_) => StatusCode::SERVICE_UNAVAILABLE,
            Self::Failed(_) => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    fn as_response(&self) -> Response {
        self.log();
        let (title, detail) = self.words();
        let body = serde_json::json!({
            "title": title,
            "status": self.status().as_u16(),
            "detail": detail,
        });
        let mut answer = Response::builder()
            .status(self.status())
            .content_type("application/problem+json")
            .body(body.to_string());
        let challenge = self
            .challenge()
            .and_then(|text| HeaderValue::try_from(text).ok());
        if let Some(challenge) = challenge {
            answer
                .headers_mut()
                .insert(header::WWW_AUTHENTICATE, challenge);
        }
        if let Self::Busy(_) = self {
            let seconds = HeaderValue::from_static(RETRY_AFTER);
            answer.headers_mut().insert(header::RETRY_AFTER, seconds);
        }
        if let Self::MethodNotAllowed(allow) = self
            && let Ok(allow) = HeaderValue::try_from(allow)
        {
            answer.headers_mut().insert(header::ALLOW, allow);
        }
        answer
    }
}

/// For the document: every status that the account door refuses with.
impl ApiResponse for Problem {
    fn meta() -> MetaResponses {
        let answer = |status, description| MetaResponse {
            description,
            status: Some(status),
            status_range: None,
            content: vec![MetaMediaType {
                content_type: "application/problem+json",
                schema: ProblemBody::schema_ref(),
            }],
            headers: vec![],
        };
        MetaResponses {
            responses: vec![
                answer(400, "The request cannot be understood."),
                answer(
                    401,
                    "The access token is missing, expired, ended or not for this server.",
                ),
                answer(403, "The access token does not allow this."),
                answer(500, "The server failed."),
                answer(503, "The server is busy."),
            ],
        }
    }

    fn register(registry: &mut Registry) {
        <Json<ProblemBody> as poem_openapi::payload::Payload>::register(registry);
    }
}
