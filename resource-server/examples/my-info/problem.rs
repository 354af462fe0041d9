//! The API's error answers: problem details, RFC 9457.

use jeton_resource_server::poem::Refused;
use poem::Response;
use poem::error::{MethodNotAllowedError, NotFoundError, ReadBodyError, ResponseError};
use poem::http::{HeaderValue, StatusCode, header};
use poem_openapi::payload::Json;
use poem_openapi::registry::{MetaMediaType, MetaResponse, MetaResponses, Registry};
use poem_openapi::types::Type;
use poem_openapi::{ApiResponse, Object};
use sea_orm::DbErr;

use super::api;

/// A refusal or failure of the API.
#[derive(Debug)]
pub enum Problem {
    /// The body cannot be read; this is why.
    BadRequest(String),
    /// Nothing is at this path.
    NotFound,
    /// The path knows other methods: these.
    MethodNotAllowed(&'static str),
    /// It was changed since the client saw it.
    Changed,
    /// The body is longer than this API reads.
    TooLong,
    /// The body is no JSON.
    NotJson,
    /// Fields of the body cannot be taken: their names, and why.
    Fields(Vec<(String, String)>),
    /// The token does not allow it; the crate that verifies it says so.
    Token(Box<http::Response<String>>),
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
    /// The fields that cannot be taken, if the problem is with them.
    #[oai(skip_serializing_if_is_none)]
    errors: Option<Vec<FieldError>>,
}

/// A field that cannot be taken.
#[derive(Object)]
struct FieldError {
    /// Which: a JSON pointer, such as `#/email`.
    pointer: String,
    /// What would be right.
    detail: String,
}

impl Problem {
    /// What the framework raises by itself, in the API's shape.
    pub fn from_framework(error: &poem::Error, path: &str) -> Self {
        if error.is::<NotFoundError>() {
            Self::NotFound
        } else if error.is::<MethodNotAllowedError>() {
            Self::MethodNotAllowed(if path == api::PATH {
                "GET, HEAD, PUT"
            } else {
                "GET, HEAD"
            })
        } else if error.is::<ReadBodyError>() && error.status() == StatusCode::PAYLOAD_TOO_LARGE {
            Self::TooLong
        } else if error.status().is_client_error() {
            Self::BadRequest("The request cannot be understood.".to_owned())
        } else {
            Self::Failed(error.to_string())
        }
    }

    fn detail(&self) -> &str {
        match self {
            Self::BadRequest(detail) => detail,
            Self::NotFound => "Nothing is at this path.",
            Self::MethodNotAllowed(_) => "This path does not know that method. See Allow.",
            Self::Changed => "It was changed since you read it. Read it again, and then decide.",
            Self::TooLong => "The body is longer than 16 KiB.",
            Self::NotJson => "Send application/json.",
            Self::Fields(_) => "Some fields cannot be taken. See errors.",
            Self::Token(_) => "The access token does not allow this.",
            Self::Failed(_) => "The API failed. Try again.",
        }
    }

    fn body(&self) -> serde_json::Value {
        let status = self.status();
        let mut body = serde_json::json!({
            "title": status.canonical_reason().unwrap_or_default(),
            "status": status.as_u16(),
            "detail": self.detail(),
        });
        if let (Self::Fields(fields), Some(members)) = (self, body.as_object_mut()) {
            let errors = fields.iter().map(|(name, detail)| {
                serde_json::json!({ "pointer": format!("#/{name}"), "detail": detail })
            });
            members.insert("errors".to_owned(), errors.collect());
        }
        body
    }
}

impl From<DbErr> for Problem {
    fn from(error: DbErr) -> Self {
        Self::Failed(error.to_string())
    }
}

impl std::fmt::Display for Problem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.detail())
    }
}

impl std::error::Error for Problem {}

impl ResponseError for Problem {
    fn status(&self) -> StatusCode {
        match self {
            Self::BadRequest(_) => StatusCode::BAD_REQUEST,
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::MethodNotAllowed(_) => StatusCode::METHOD_NOT_ALLOWED,
            Self::Changed => StatusCode::PRECONDITION_FAILED,
            Self::TooLong => StatusCode::PAYLOAD_TOO_LARGE,
            Self::NotJson => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::Fields(_) => StatusCode::UNPROCESSABLE_ENTITY,
            Self::Token(answer) => answer.status(),
            Self::Failed(_) => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    fn as_response(&self) -> Response {
        if let Self::Failed(reason) = self {
            tracing::error!(reason, "request failed");
        }
        if let Self::Token(answer) = self {
            let (parts, body) = http::Response::clone(answer).into_parts();
            let mut answer = Response::builder().status(parts.status).body(body);
            answer.headers_mut().extend(parts.headers);
            return answer;
        }
        let mut answer = Response::builder()
            .status(self.status())
            .content_type("application/problem+json")
            .body(self.body().to_string());
        if let Self::MethodNotAllowed(allow) = self {
            answer
                .headers_mut()
                .insert(header::ALLOW, HeaderValue::from_static(allow));
        }
        answer
    }
}

/// For the document: what both operations refuse with; the rest stands with the operation.
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
                    "The access token is missing, bad, or of too old a sign-in. WWW-Authenticate says which.",
                ),
                answer(
                    403,
                    "The access token does not allow this. WWW-Authenticate says what would.",
                ),
                answer(412, "It was changed since."),
                answer(413, "The body is too long."),
                answer(415, "The body is no JSON."),
                answer(422, "Some fields cannot be taken."),
                answer(500, "The API failed."),
                answer(503, "Access tokens cannot be verified right now."),
            ],
        }
    }

    fn register(registry: &mut Registry) {
        <Json<ProblemBody> as poem_openapi::payload::Payload>::register(registry);
    }
}

/// A failure in the API's shape; one that has it already stays as it is.
pub fn shaped(error: poem::Error, path: &str) -> Response {
    if error.is::<Problem>() || error.is::<Refused>() {
        return error.into_response();
    }
    Problem::from_framework(&error, path).as_response()
}
