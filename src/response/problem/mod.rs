//! The error answer of the account and the admin door: problem details, RFC 9457.

mod answer;

use std::borrow::Cow;

use poem::error::{MethodNotAllowedError, NotFoundError};
use poem::http::StatusCode;
use poem_openapi::Object;
use poem_openapi::error::{ParseParamError, ParsePathError};

use crate::error::Error;
use crate::password::NotHashed;
use crate::store::user::ChangeError;
use crate::token::active::Inactive;

/// A refusal or failure of the account or the admin door.
#[derive(Debug)]
pub enum Problem {
    /// No access token was sent.
    NoToken,
    /// The request cannot be understood.
    BadRequest(Cow<'static, str>),
    /// The body is understood, and these of its fields, or parameters, are wrong.
    Invalid(Vec<InvalidField>),
    /// The access token is no good; the reason is for the log.
    InvalidToken(String),
    /// The access token does not allow this; it would need this scope.
    InsufficientScope(&'static str),
    /// The sign-in is older than so many seconds (RFC 9470).
    StaleSignIn(u64),
    /// Whoever asks may not do this, and why.
    Forbidden(Cow<'static, str>),
    /// There is nothing at this path.
    NotFound,
    /// The path knows other methods.
    MethodNotAllowed(String),
    /// What is there already, or the state it is in, does not allow this, and why.
    Conflict(Cow<'static, str>),
    /// It is not as `If-Match` says: it was changed meanwhile.
    PreconditionFailed,
    /// The body is larger than the server reads.
    TooLarge,
    /// The body is not JSON.
    UnsupportedMediaType,
    /// Too many attempts have failed. The seconds to wait.
    TooManyAttempts(u64),
    /// Try again soon; the reason is for the log.
    Busy(String),
    /// Our own failure; the reason is for the log.
    Failed(String),
}

/// A field of the body, or a parameter, that is wrong.
#[derive(Clone, Debug, PartialEq, Eq, Object)]
pub struct InvalidField {
    /// Its name.
    pub field: String,
    /// What is wrong with it, and what would be right.
    pub detail: String,
}

impl Problem {
    /// What the framework raises by itself, in our shape.
    #[must_use]
    pub fn from_framework(error: &poem::Error, allow: &str) -> Self {
        if error.is::<NotFoundError>() {
            Self::NotFound
        } else if error.is::<MethodNotAllowedError>() {
            Self::MethodNotAllowed(allow.to_owned())
        } else if let Some(parameter) = error.downcast_ref::<ParseParamError>() {
            Self::invalid(parameter.name, parameter.reason.clone())
        } else if error.is::<ParsePathError>() {
            // There is nothing by an id of another form.
            Self::NotFound
        } else if error.status() == StatusCode::PAYLOAD_TOO_LARGE {
            Self::TooLarge
        } else if error.status().is_client_error() {
            Self::BadRequest("The request cannot be understood.".into())
        } else {
            Self::Failed(error.to_string())
        }
    }

    /// One field or parameter is wrong.
    #[must_use]
    pub fn invalid(field: &str, detail: impl Into<String>) -> Self {
        Self::Invalid(vec![InvalidField {
            field: field.to_owned(),
            detail: detail.into(),
        }])
    }

    /// Why the password in this field could not be hashed.
    #[must_use]
    pub fn of_new_password(field: &str, error: NotHashed) -> Self {
        match error {
            NotHashed::Weak(weakness) => Self::invalid(field, weakness.to_string()),
            NotHashed::Busy(busy) => Self::Busy(busy.to_string()),
        }
    }

    fn words(&self) -> (&'static str, &str) {
        match self {
            Self::NoToken => (
                "No access token",
                "Send Authorization: Bearer and an access token.",
            ),
            Self::BadRequest(detail) => ("Bad request", detail),
            Self::Invalid(_) => ("Invalid request", "Mend the fields that errors names."),
            Self::InvalidToken(_) => (
                "Invalid access token",
                "It is expired, ended, damaged, or not for this server. Refresh it or sign in.",
            ),
            Self::InsufficientScope(_) => (
                "Insufficient scope",
                "The access token does not allow this. Sign in with the scope that \
                 WWW-Authenticate names.",
            ),
            Self::StaleSignIn(_) => (
                "Sign in again",
                "This needs a sign-in that is not older than WWW-Authenticate says.",
            ),
            Self::Forbidden(detail) => ("Forbidden", detail),
            Self::NotFound => ("Not found", "There is nothing at this path."),
            Self::MethodNotAllowed(_) => (
                "Method not allowed",
                "This path does not know that method. See Allow.",
            ),
            Self::Conflict(detail) => ("Conflict", detail),
            Self::PreconditionFailed => (
                "Precondition failed",
                "It was changed meanwhile. Read it again, and send its new ETag as If-Match.",
            ),
            Self::TooLarge => ("Too large", "The request body is too large."),
            Self::UnsupportedMediaType => (
                "Unsupported media type",
                "Send a JSON body, and Content-Type: application/json.",
            ),
            Self::TooManyAttempts(_) => (
                "Too many attempts",
                "Too many attempts have failed. Try again after Retry-After.",
            ),
            Self::Busy(_) => ("Busy", "The server is busy. Try again after Retry-After."),
            Self::Failed(_) => ("Server error", "The server failed. Try again."),
        }
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
            Error::TooManyAttempts(seconds) => Self::TooManyAttempts(seconds),
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

impl From<ChangeError> for Problem {
    fn from(error: ChangeError) -> Self {
        match error {
            ChangeError::Gone => Self::NotFound,
            ChangeError::Stale => Self::PreconditionFailed,
            ChangeError::Taken | ChangeError::LastAdmin => Self::Conflict(error.to_string().into()),
            ChangeError::Store(error) => error.into(),
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
