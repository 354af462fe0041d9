//! Errors of protocol requests: one variant for each error code of the RFCs.

pub mod database;

use std::borrow::Cow;

use sea_orm::DbErr;

use self::database::is_temporary;

/// The reason of a refusal, for the log only. It contains no secret and no input.
pub type Reason = Cow<'static, str>;

/// The description of a token for another audience, at the endpoints that take bearer tokens.
pub const OTHER_AUDIENCE: &str = "The token is for another audience: see its aud. Request one for this server, with its \
                                  issuer as resource.";

/// A refusal or a failure.
///
/// The response contains the code and a fixed description, so that causes that must be
/// indistinguishable (unknown user, wrong password) do not differ. The reason is logged.
#[derive(Debug, thiserror::Error)]
#[error("{}: {}", self.code(), self.reason())]
pub enum Error {
    /// `invalid_request`, RFC 6749 §5.2.
    InvalidRequest(Reason),
    /// `invalid_request`: this parameter is the cause. The response names it, so it is a name that the code knows.
    InvalidParameter(ParameterFault, &'static str),
    /// The head is malformed, or has no valid `Host`: `invalid_request`, RFC 9112 §3.2.
    InvalidHead(Reason),
    /// The head is too large: `invalid_request`, with status 431.
    HeadTooLarge,
    /// A page of an origin that no client has sent the request: `invalid_request`, with status 403.
    ForeignOrigin,
    /// The body is too large: `invalid_request`, with status 413.
    TooLarge(Reason),
    /// The body did not arrive in time: `invalid_request`, with status 408.
    RequestTimeout,
    /// The path does not exist: `invalid_request`, with status 404.
    NotFound(Reason),
    /// The path has only these methods: `invalid_request`, with status 405.
    MethodNotAllowed(Reason),
    /// `invalid_client`, RFC 6749 §5.2.
    InvalidClient {
        /// The reason.
        reason: Reason,
        /// Whether the request had an `Authorization` header.
        by_header: bool,
    },
    /// `invalid_grant`, RFC 6749 §5.2.
    InvalidGrant(Reason),
    /// `unauthorized_client`, RFC 6749 §5.2.
    UnauthorizedClient(Reason),
    /// `unsupported_grant_type`, RFC 6749 §5.2.
    UnsupportedGrantType(Reason),
    /// `invalid_scope`, RFC 6749 §5.2.
    InvalidScope(Reason),
    /// `invalid_target`, RFC 8707 §2.
    InvalidTarget(Reason),
    /// `unsupported_token_type`, RFC 7009 §2.2.1.
    UnsupportedTokenType(Reason),
    /// The request has no bearer token. "The resource server SHOULD NOT include an error code or other error
    /// information" in the challenge, RFC 6750 §3.1; the body has `invalid_token`.
    NoToken,
    /// `invalid_token`, RFC 6750 §3.1: the bearer token of the request is not valid.
    InvalidToken(Reason),
    /// `invalid_token`, RFC 6750 §3.1: the bearer token of the request is for another audience. Its bearer can read
    /// that in `aud`, so the response says it.
    OtherAudience,
    /// `insufficient_scope`, RFC 6750 §3.1: the bearer token lacks this scope.
    InsufficientScope(Cow<'static, str>),
    /// `temporarily_unavailable`: the request can be retried.
    TemporarilyUnavailable(Reason),
    /// `temporarily_unavailable`, with status 429: too many failed sign-ins. The seconds to wait.
    TooManyAttempts(u64),
    /// `server_error`: a failure of the server.
    ServerError(Reason),
}

/// What is wrong with a parameter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ParameterFault {
    /// It is required and missing, or has no value.
    Missing,
    /// "Request and response parameters MUST NOT be included more than once", RFC 6749 §3.2.
    Repeated,
    /// It must be in the body, RFC 6749 §2.3.1.
    InQuery,
    /// Its value has not the form that it must have.
    Malformed,
}

impl ParameterFault {
    /// A phrase before the name of the parameter.
    const fn phrase(self) -> &'static str {
        match self {
            Self::Missing => "Missing parameter",
            Self::Repeated => "Parameter given twice",
            Self::InQuery => "Parameter that must be in the body, not in the URL",
            Self::Malformed => "Malformed parameter",
        }
    }
}

impl Error {
    /// The error code in the response.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::InvalidRequest(_)
            | Self::InvalidParameter(..)
            | Self::InvalidHead(_)
            | Self::HeadTooLarge
            | Self::ForeignOrigin
            | Self::TooLarge(_)
            | Self::RequestTimeout
            | Self::NotFound(_)
            | Self::MethodNotAllowed(_) => "invalid_request",
            Self::InvalidClient { .. } => "invalid_client",
            Self::InvalidGrant(_) => "invalid_grant",
            Self::UnauthorizedClient(_) => "unauthorized_client",
            Self::UnsupportedGrantType(_) => "unsupported_grant_type",
            Self::InvalidScope(_) => "invalid_scope",
            Self::InvalidTarget(_) => "invalid_target",
            Self::UnsupportedTokenType(_) => "unsupported_token_type",
            Self::NoToken | Self::InvalidToken(_) | Self::OtherAudience => "invalid_token",
            Self::InsufficientScope(_) => "insufficient_scope",
            Self::TemporarilyUnavailable(_) | Self::TooManyAttempts(_) => "temporarily_unavailable",
            Self::ServerError(_) => "server_error",
        }
    }

    /// The `error_description` of RFC 6749 §5.2: "Human-readable ASCII text providing additional
    /// information, used to assist the client developer in understanding the error".
    pub fn description(&self) -> Cow<'static, str> {
        if let Self::InvalidParameter(fault, name) = self {
            return format!("{}: {name}.", fault.phrase()).into();
        }
        self.fixed_description().into()
    }

    const fn fixed_description(&self) -> &'static str {
        match self {
            Self::InvalidRequest(_) | Self::InvalidParameter(..) => {
                "The request is malformed. A form is application/x-www-form-urlencoded in UTF-8, \
                 with each parameter once. Use one method of authentication, never in the URL."
            }
            Self::InvalidHead(_) => {
                "The head of the request is not valid HTTP/1.1, or it has no Host header, a malformed one \
                 or more than one."
            }
            Self::HeadTooLarge => "The head of the request is too large.",
            Self::ForeignOrigin => {
                "The Origin header names a page whose origin is not registered with any client. Register \
                 it. If a proxy forwards the header from another page, let the proxy remove it."
            }
            Self::TooLarge(_) => "The request body is too large.",
            Self::RequestTimeout => "The request body did not arrive in time. Send it again.",
            Self::NotFound(_) => "This path does not exist. See /docs for the API.",
            Self::MethodNotAllowed(_) => "Method not allowed; see the Allow header.",
            Self::InvalidClient { .. } => {
                "The client is unknown, or not named by client_id, or its authentication is missing, wrong or \
                 not the registered one."
            }
            Self::InvalidGrant(_) => {
                "The username or password is wrong, or the code or the refresh token is invalid, expired, \
                 used or revoked, or was issued to another client, redirect_uri or code_verifier."
            }
            Self::UnauthorizedClient(_) => "The client is not registered for this grant type.",
            Self::UnsupportedGrantType(_) => {
                "Supported grant types are authorization_code, password, refresh_token and client_credentials."
            }
            Self::InvalidScope(_) => {
                "The scope is malformed, or exceeds what the client or the session may have."
            }
            Self::InvalidTarget(_) => {
                "The client or the session may not request this resource, or the request names \
                 more than one."
            }
            Self::UnsupportedTokenType(_) => {
                "Access tokens of the client_credentials grant cannot be revoked. They expire."
            }
            Self::NoToken => {
                "The request has no access token. Send one in the Authorization header, as Bearer."
            }
            Self::InvalidToken(_) => {
                "The bearer token is expired, revoked, damaged, or not for this server."
            }
            Self::OtherAudience => OTHER_AUDIENCE,
            Self::InsufficientScope(_) => {
                "The bearer token lacks the scope that WWW-Authenticate names. Request it."
            }
            Self::TemporarilyUnavailable(_) => "The server is busy. Try again after Retry-After.",
            Self::TooManyAttempts(_) => {
                "Too many sign-ins have failed. Try again after Retry-After."
            }
            Self::ServerError(_) => "The server failed. The request can be tried again.",
        }
    }

    /// The reason, for the log.
    pub fn reason(&self) -> Cow<'_, str> {
        match self {
            Self::InvalidParameter(..) => self.description(),
            Self::InvalidRequest(reason)
            | Self::InvalidHead(reason)
            | Self::TooLarge(reason)
            | Self::NotFound(reason)
            | Self::InvalidClient { reason, .. }
            | Self::InvalidGrant(reason)
            | Self::UnauthorizedClient(reason)
            | Self::UnsupportedGrantType(reason)
            | Self::InvalidScope(reason)
            | Self::InvalidTarget(reason)
            | Self::UnsupportedTokenType(reason)
            | Self::InvalidToken(reason)
            | Self::TemporarilyUnavailable(reason)
            | Self::ServerError(reason) => Cow::Borrowed(reason),
            Self::ForeignOrigin => "the origin is not registered with any client".into(),
            Self::HeadTooLarge => "the head is too large".into(),
            Self::RequestTimeout => "the body did not arrive within server.request_timeout".into(),
            Self::MethodNotAllowed(_) => "method not allowed".into(),
            Self::NoToken => "no access token".into(),
            Self::OtherAudience => "the token is for another audience".into(),
            Self::InsufficientScope(_) => "insufficient scope".into(),
            Self::TooManyAttempts(_) => "too many sign-ins have failed".into(),
        }
    }
}

/// A temporary error of the database can be retried; any other is a failure of the server.
impl From<DbErr> for Error {
    fn from(error: DbErr) -> Self {
        let reason = Reason::Owned(format!("store: {error}"));
        if is_temporary(&error) {
            Self::TemporarilyUnavailable(reason)
        } else {
            Self::ServerError(reason)
        }
    }
}
