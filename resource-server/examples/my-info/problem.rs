//! The API's error responses: problem details, RFC 9457.

use jeton_resource_server::poem::Refused;
use poem::Response;
use poem::error::{MethodNotAllowedError, NotFoundError, ReadBodyError, ResponseError};
use poem::http::{HeaderValue, StatusCode, header};
use poem_openapi::payload::Json;
use poem_openapi::registry::{MetaMediaType, MetaResponse, MetaResponses, Registry};
use poem_openapi::types::Type;
use poem_openapi::{ApiResponse, Object};
use sea_orm::DbErr;
use thiserror::Error;

use super::api;

/// An error of the API.
#[derive(Debug, Error)]
#[error("{}", self.detail())]
pub enum Problem {
    /// The request cannot be parsed; the detail for the client.
    BadRequest(String),
    NotFound,
    /// Contains the allowed methods.
    MethodNotAllowed(&'static str),
    /// `If-Match` does not match.
    Conflict,
    /// The body is too large.
    TooLong,
    NotJson,
    /// Invalid fields: names and details.
    Fields(Vec<(String, String)>),
    /// The token is insufficient; the response of the verifier.
    Token(Box<http::Response<String>>),
    /// An internal error; the reason is for the log.
    Failed(String),
}

/// Problem details, RFC 9457.
#[derive(Object)]
#[oai(rename = "Problem")]
struct ProblemBody {
    /// The kind of problem.
    title: String,
    /// The status of the response.
    status: i32,
    /// What happened, or what to do.
    detail: String,
    /// The invalid fields, with status 422.
    #[oai(skip_serializing_if_is_none)]
    errors: Option<Vec<FieldError>>,
}

/// An invalid field.
#[derive(Object)]
struct FieldError {
    /// The field as a JSON pointer, such as `#/email`.
    pointer: String,
    /// What is wrong.
    detail: String,
}

impl Problem {
    /// Converts an error of the framework.
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
            Self::BadRequest("The request cannot be parsed.".to_owned())
        } else {
            Self::Failed(error.to_string())
        }
    }

    fn detail(&self) -> &str {
        match self {
            Self::BadRequest(detail) => detail,
            Self::NotFound => "Not found.",
            Self::MethodNotAllowed(_) => "Method not allowed; see the Allow header.",
            Self::Conflict => {
                "The info has changed since you read it. Read it again before you change it."
            }
            Self::TooLong => "The body is larger than 16 KiB.",
            Self::NotJson => "Send application/json.",
            Self::Fields(_) => "Some fields are invalid; see errors.",
            Self::Token(_) => "The access token does not allow this.",
            Self::Failed(_) => "Internal error. Try again.",
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

impl ResponseError for Problem {
    fn status(&self) -> StatusCode {
        match self {
            Self::BadRequest(_) => StatusCode::BAD_REQUEST,
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::MethodNotAllowed(_) => StatusCode::METHOD_NOT_ALLOWED,
            Self::Conflict => StatusCode::PRECONDITION_FAILED,
            Self::TooLong => StatusCode::PAYLOAD_TOO_LARGE,
            Self::NotJson => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::Fields(_) => StatusCode::UNPROCESSABLE_ENTITY,
            Self::Token(response) => response.status(),
            Self::Failed(_) => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    fn as_response(&self) -> Response {
        if let Self::Failed(reason) = self {
            tracing::error!(reason, "request failed");
        }
        if let Self::Token(refusal) = self {
            let (parts, body) = http::Response::clone(refusal).into_parts();
            let mut response = Response::builder().status(parts.status).body(body);
            response.headers_mut().extend(parts.headers);
            return response;
        }
        let mut response = Response::builder()
            .status(self.status())
            .content_type("application/problem+json")
            .body(self.body().to_string());
        if let Self::MethodNotAllowed(allow) = self {
            response
                .headers_mut()
                .insert(header::ALLOW, HeaderValue::from_static(allow));
        }
        response
    }
}

/// The error responses in the OpenAPI document, shared by both operations.
impl ApiResponse for Problem {
    fn meta() -> MetaResponses {
        let response = |status, description| MetaResponse {
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
                response(400, "The request cannot be parsed."),
                response(
                    401,
                    "The access token is missing or invalid, or the sign-in is too old; see WWW-Authenticate.",
                ),
                response(
                    403,
                    "The access token is insufficient; see WWW-Authenticate.",
                ),
                response(412, "The info has changed since you read it."),
                response(413, "The body is too large."),
                response(415, "The body is not JSON."),
                response(422, "Some fields are invalid."),
                response(500, "Internal error."),
                response(503, "Access tokens cannot be verified right now."),
            ],
        }
    }

    fn register(registry: &mut Registry) {
        <Json<ProblemBody> as poem_openapi::payload::Payload>::register(registry);
    }
}

/// The response to an error, as problem details.
pub fn into_response(error: poem::Error, path: &str) -> Response {
    if error.is::<Problem>() || error.is::<Refused>() {
        return error.into_response();
    }
    Problem::from_framework(&error, path).as_response()
}
