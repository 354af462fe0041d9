//! Pages that say why there is no other page.

use askama::Template;
use poem::http::StatusCode;

use super::Site;
use super::texts::ErrorTexts;

/// An error page.
#[derive(Debug, Template)]
#[template(path = "error.html")]
pub struct ErrorPage<'a> {
    /// What all pages share.
    pub site: Site<'a>,
    /// The kind of error.
    pub kind: ErrorKind,
    /// The status of the response.
    pub status: StatusCode,
    /// The reason for the developer of the client. It contains no input.
    pub detail: Option<&'a str>,
    /// The id of the request, as in the log.
    pub request_id: Option<&'a str>,
}

/// The kind of an error that gets a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorKind {
    /// The authorization request is not valid.
    InvalidRequest,
    /// The form has no valid form token, or another site sent it.
    FormRefused,
    /// The query is too long.
    TooLong,
    /// The server is busy, or its database does not respond.
    Unavailable,
    /// The server failed.
    ServerError,
}

impl ErrorKind {
    /// All variants.
    pub const ALL: [Self; 5] = [
        Self::InvalidRequest,
        Self::FormRefused,
        Self::TooLong,
        Self::Unavailable,
        Self::ServerError,
    ];

    /// The usual status of the response.
    pub const fn status(self) -> StatusCode {
        match self {
            Self::InvalidRequest => StatusCode::BAD_REQUEST,
            Self::FormRefused => StatusCode::FORBIDDEN,
            Self::TooLong => StatusCode::URI_TOO_LONG,
            Self::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
            Self::ServerError => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }
}

impl ErrorPage<'_> {
    const fn texts(&self) -> &'static ErrorTexts {
        let texts = self.site.texts;
        match self.kind {
            ErrorKind::InvalidRequest => &texts.invalid_request,
            ErrorKind::FormRefused => &texts.form_refused,
            ErrorKind::TooLong => &texts.too_long,
            ErrorKind::Unavailable => &texts.unavailable,
            ErrorKind::ServerError => &texts.server_error,
        }
    }
}

/// The page for a form that came without the cookie that was set before it.
#[derive(Debug, Template)]
#[template(path = "no_cookies.html")]
pub struct NoCookiesPage<'a> {
    /// What all pages share.
    pub site: Site<'a>,
    /// The URL of another attempt, such as `?client_id=…`.
    pub address: &'a str,
}
