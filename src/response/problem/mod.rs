//! Errors of the API: problem details, RFC 9457.

mod response;

use std::borrow::Cow;

use poem::error::{MethodNotAllowedError, NotFoundError};
use poem::http::StatusCode;
use poem_openapi::Object;
use poem_openapi::error::{ParseParamError, ParsePathError};

use crate::error::{Error, OTHER_AUDIENCE};
use crate::password::HashError;
use crate::store::user::UserError;
use crate::token::active::Inactive;

/// An error of the account or admin API.
#[derive(Debug, thiserror::Error)]
#[error("{}", self.words().0)]
pub enum Problem {
    /// No access token was sent.
    NoToken,
    /// The request cannot be understood.
    BadRequest(Cow<'static, str>),
    /// Fields of the body or parameters are invalid.
    Invalid(Vec<InvalidField>),
    /// The access token is not valid. The reason is for the log.
    InvalidToken(String),
    /// The access token is for another audience.
    OtherAudience,
    /// The access token lacks this scope.
    InsufficientScope(&'static str),
    /// The sign-in is older than this, in seconds (RFC 9470).
    StaleSignIn(u64),
    /// The caller may not do this. The reason is for the caller.
    Forbidden(Cow<'static, str>),
    /// The path does not exist.
    NotFound,
    /// The path has other methods, listed here.
    MethodNotAllowed(String),
    /// The present state does not allow this. The reason is for the caller.
    Conflict(Cow<'static, str>),
    /// The resource's `ETag` is not the one in `If-Match`.
    PreconditionFailed,
    /// The body is over `server.body_limit`.
    TooLarge,
    /// The body did not arrive within `server.request_timeout`.
    RequestTimeout,
    /// The body is not JSON. The response to a PATCH lists the accepted formats.
    UnsupportedMediaType {
        /// Whether the request is a PATCH.
        is_patch: bool,
    },
    /// Too many attempts have failed. The seconds to wait.
    TooManyAttempts(u64),
    /// The server is busy. The reason is for the log.
    Busy(String),
    /// The server failed. The reason is for the log.
    Failed(String),
}

/// An invalid field of the body, or an invalid parameter.
#[derive(Clone, Debug, PartialEq, Eq, Object)]
pub struct InvalidField {
    /// Its name.
    pub field: String,
    /// What is wrong with it, and what would be right.
    pub detail: String,
}

impl Problem {
    /// Converts an error of the framework. `allow` lists the methods of the path.
    pub fn from_framework(error: &poem::Error, allow: &str) -> Self {
        if error.is::<NotFoundError>() {
            Self::NotFound
        } else if error.is::<MethodNotAllowedError>() {
            Self::MethodNotAllowed(allow.to_owned())
        } else if let Some(parameter) = error.downcast_ref::<ParseParamError>() {
            Self::invalid(parameter.name, parameter.reason.clone())
        } else if error.is::<ParsePathError>() {
            // An id of another form cannot exist.
            Self::NotFound
        } else if error.status() == StatusCode::PAYLOAD_TOO_LARGE {
            Self::TooLarge
        } else if error.status().is_client_error() {
            Self::BadRequest("The request cannot be understood.".into())
        } else {
            Self::Failed(error.to_string())
        }
    }

    /// A problem with one field or parameter.
    pub fn invalid(field: &str, detail: impl Into<String>) -> Self {
        Self::Invalid(vec![InvalidField {
            field: field.to_owned(),
            detail: detail.into(),
        }])
    }

    /// The problem with a password in this field that could not be hashed.
    pub fn of_new_password(field: &str, error: HashError) -> Self {
        match error {
            HashError::Weak(weakness) => Self::invalid(field, weakness.to_string()),
            HashError::Busy(busy) => Self::Busy(busy.to_string()),
        }
    }

    fn words(&self) -> (&'static str, &str) {
        match self {
            Self::NoToken => (
                "No access token",
                "Send Authorization: Bearer and an access token.",
            ),
            Self::BadRequest(detail) => ("Bad request", detail),
            Self::Invalid(_) => ("Invalid request", "Fix the fields listed in errors."),
            Self::InvalidToken(_) => (
                "Invalid access token",
                "The token is expired, revoked, damaged, or not for this server. Refresh it or sign in.",
            ),
            Self::OtherAudience => ("Invalid access token", OTHER_AUDIENCE),
            Self::InsufficientScope(_) => (
                "Insufficient scope",
                "The access token does not allow this. Sign in with the scope that \
                 WWW-Authenticate names.",
            ),
            Self::StaleSignIn(_) => (
                "Sign in again",
                "This needs a newer sign-in: see max_age in WWW-Authenticate.",
            ),
            Self::Forbidden(detail) => ("Forbidden", detail),
            Self::NotFound => ("Not found", "There is nothing at this path."),
            Self::MethodNotAllowed(_) => (
                "Method not allowed",
                "Method not allowed; see the Allow header.",
            ),
            Self::Conflict(detail) => ("Conflict", detail),
            Self::PreconditionFailed => (
                "Precondition failed",
                "The resource was changed. Read it again and send its new ETag as If-Match.",
            ),
            Self::TooLarge => ("Too large", "The request body is too large."),
            Self::RequestTimeout => (
                "Request timeout",
                "The request body did not arrive in time. Send it again.",
            ),
            Self::UnsupportedMediaType { .. } => (
                "Unsupported media type",
                "Send a JSON body and Content-Type: application/json.",
            ),
            Self::TooManyAttempts(_) => (
                "Too many attempts",
                "Too many attempts have failed. Try again after Retry-After.",
            ),
            Self::Busy(_) => ("Busy", "The server is busy. Try again after Retry-After."),
            Self::Failed(_) => ("Server error", "The server failed. Try again."),
        }
    }

    /// The reason, for the log alone.
    fn reason(&self) -> &str {
        match self {
            Self::Failed(reason) | Self::Busy(reason) | Self::InvalidToken(reason) => reason,
            Self::OtherAudience => "the token is for another audience",
            other => other.words().0,
        }
    }
}

/// An error without an endpoint, such as the store's.
impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        match error {
            Error::TemporarilyUnavailable(reason) => Self::Busy(reason.into_owned()),
            Error::TooManyAttempts(seconds) => Self::TooManyAttempts(seconds),
            Error::RequestTimeout => Self::RequestTimeout,
            Error::ForeignOrigin => Self::Forbidden(error.description()),
            Error::InvalidHead(_) => Self::BadRequest(error.description()),
            other => Self::Failed(other.to_string()),
        }
    }
}

impl From<Inactive> for Problem {
    fn from(why: Inactive) -> Self {
        match why {
            Inactive::Refused(reason) => Self::InvalidToken(reason.into_owned()),
            Inactive::InDoubt(doubt) => Self::Busy(doubt.to_string()),
            Inactive::Unknown(error) => error.into(),
        }
    }
}

impl From<UserError> for Problem {
    fn from(error: UserError) -> Self {
        match error {
            UserError::NotFound => Self::NotFound,
            UserError::Stale => Self::PreconditionFailed,
            UserError::Taken | UserError::LastAdmin => Self::Conflict(error.to_string().into()),
            UserError::SessionEnded => Self::InvalidToken(error.to_string()),
            UserError::Store(error) => error.into(),
        }
    }
}

impl From<sea_orm::DbErr> for Problem {
    fn from(error: sea_orm::DbErr) -> Self {
        Error::from(error).into()
    }
}
