//! How a problem is answered: status, headers and body, RFC 9457; and how the document tells of it.

use poem::Response;
use poem::error::ResponseError;
use poem::http::{HeaderValue, StatusCode, header};
use poem_openapi::payload::Json;
use poem_openapi::registry::{
    MetaHeader, MetaMediaType, MetaResponse, MetaResponses, MetaSchema, MetaSchemaRef, Registry,
};
use poem_openapi::types::{ToJSON as _, Type};
use poem_openapi::{ApiResponse, Object};
use serde_json::Value;

use super::{InvalidField, Problem};

/// Seconds; what kept the server busy is over then, or lasts.
const RETRY_AFTER: u64 = 1;

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
    /// The body.
    #[must_use]
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
            Self::NoToken | Self::InvalidToken(_) | Self::StaleSignIn(_) => {
                StatusCode::UNAUTHORIZED
            }
            Self::BadRequest(_) => StatusCode::BAD_REQUEST,
            Self::Invalid(_) => StatusCode::UNPROCESSABLE_ENTITY,
            Self::InsufficientScope(_) | Self::Forbidden(_) => StatusCode::FORBIDDEN,
            Self::Conflict(_) => StatusCode::CONFLICT,
            Self::PreconditionFailed => StatusCode::PRECONDITION_FAILED,
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::UnsupportedMediaType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::TooManyAttempts(_) => StatusCode::TOO_MANY_REQUESTS,
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::MethodNotAllowed(_) => StatusCode::METHOD_NOT_ALLOWED,
            Self::Busy(_) => StatusCode::SERVICE_UNAVAILABLE,
            Self::Failed(_) => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    fn as_response(&self) -> Response {
        self.log();
        let mut answer = Response::builder()
            .status(self.status())
            .content_type("application/problem+json")
            .body(self.body().to_string());
        let challenge = self
            .challenge()
            .and_then(|text| HeaderValue::try_from(text).ok());
        if let Some(challenge) = challenge {
            answer
                .headers_mut()
                .insert(header::WWW_AUTHENTICATE, challenge);
        }
        let seconds = match self {
            Self::Busy(_) => Some(RETRY_AFTER),
            Self::TooManyAttempts(seconds) => Some(*seconds),
            _ => None,
        };
        if let Some(seconds) = seconds {
            answer
                .headers_mut()
                .insert(header::RETRY_AFTER, seconds.into());
        }
        if let Self::MethodNotAllowed(allow) = self
            && let Ok(allow) = HeaderValue::try_from(allow)
        {
            answer.headers_mut().insert(header::ALLOW, allow);
        }
        answer
    }
}

/// For the document: every status that these doors refuse with.
impl ApiResponse for Problem {
    fn meta() -> MetaResponses {
        let answer = |status, description, headers| MetaResponse {
            description,
            status: Some(status),
            status_range: None,
            content: vec![MetaMediaType {
                content_type: "application/problem+json",
                schema: ProblemBody::schema_ref(),
            }],
            headers,
        };
        let challenge = || documented("WWW-Authenticate", "What is wrong, RFC 6750 section 3.");
        let retry_after = || documented("Retry-After", "Seconds to wait.");
        MetaResponses {
            responses: vec![
                answer(400, "The request cannot be understood.", vec![]),
                answer(
                    401,
                    "The access token is missing, expired, ended or not for this server.",
                    vec![challenge()],
                ),
                answer(403, "The access token does not allow this.", vec![]),
                answer(404, "There is no such thing.", vec![]),
                answer(409, "What is there already does not allow this.", vec![]),
                answer(
                    412,
                    "It is not as `If-Match` says: it was changed meanwhile.",
                    vec![],
                ),
                answer(413, "The request body is too large.", vec![]),
                answer(415, "The request body is not JSON.", vec![]),
                answer(422, "The fields that `errors` names are wrong.", vec![]),
                answer(429, "Too many attempts have failed.", vec![retry_after()]),
                answer(500, "The server failed.", vec![]),
                answer(503, "The server is busy.", vec![retry_after()]),
            ],
        }
    }

    fn register(registry: &mut Registry) {
        <Json<ProblemBody> as poem_openapi::payload::Payload>::register(registry);
    }
}

fn documented(name: &str, description: &str) -> MetaHeader {
    MetaHeader {
        name: name.to_owned(),
        description: Some(description.to_owned()),
        required: true,
        deprecated: false,
        schema: MetaSchemaRef::Inline(Box::new(MetaSchema::new("string"))),
    }
}
