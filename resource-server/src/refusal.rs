//! Reasons for refusing a request, with their status, error code and description.

use std::time::Duration;

use http::StatusCode;
use thiserror::Error;

/// Why a request is refused.
///
/// Texts are fixed: no input of the request is repeated in them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
#[error("{}", self.description())]
pub enum Refusal {
    /// The request has no token.
    NoToken,
    /// The request has two `Authorization` headers, or a token in the header and another in the body.
    SeveralTokens,
    /// The token is in the query, which is logged.
    TokenInQuery,

    /// The token exceeds the maximum length.
    TooLong,
    /// The token is not a JWS in compact form.
    Malformed,
    /// The header or the claims have a duplicate member.
    Duplicate,
    /// `alg` is not allowed; `none` and symmetric algorithms never are.
    AlgorithmNotAllowed,
    /// `typ` is not `at+jwt`.
    WrongType,
    /// The header has `crit`.
    Critical,
    /// The issuer has no key with this `kid` for this `alg`.
    UnknownKey,
    /// The signature does not verify with the named key.
    WrongSignature,
    /// The claims are not a JSON object, or a claim has the wrong type.
    MalformedClaims,
    /// A claim that RFC 9068 requires is missing.
    #[error("{} ({claim})", self.description(), claim = .0)]
    MissingClaim(&'static str),
    /// `iss` is another issuer.
    WrongIssuer,
    /// `aud` does not contain this API.
    WrongAudience,
    /// `exp` has passed.
    Expired,
    /// `nbf` is in the future.
    NotYetValid,
    /// `iat` is in the future.
    IssuedInTheFuture,
    /// The session was revoked at the issuer; see [`RevocationFeed`](crate::RevocationFeed).
    SessionRevoked,

    /// The token lacks a scope that the route requires.
    InsufficientScope {
        /// The scopes that the route requires.
        scopes: &'static [&'static str],
    },
    /// The token lacks a role that the route requires.
    InsufficientRole,
    /// The user's sign-in is too old, or too weak, for the route (RFC 9470).
    InsufficientAuthentication {
        /// The maximum age of the sign-in.
        max_age: Option<Duration>,
        /// The accepted values of `acr`.
        acr_values: &'static [&'static str],
    },

    /// The issuer's keys are not known yet, or a new one could not be fetched: the token may be valid.
    KeysUnavailable,
}

impl Refusal {
    /// The status of the response.
    pub const fn status(self) -> StatusCode {
        match self {
            Self::SeveralTokens | Self::TokenInQuery => StatusCode::BAD_REQUEST,
            Self::InsufficientScope { .. } | Self::InsufficientRole => StatusCode::FORBIDDEN,
            Self::KeysUnavailable => StatusCode::SERVICE_UNAVAILABLE,
            _ => StatusCode::UNAUTHORIZED,
        }
    }

    /// The `error` code. `None` without a token: the response "SHOULD NOT include an error code or other
    /// error information", RFC 6750 §3.1.
    pub const fn error(self) -> Option<&'static str> {
        match self {
            Self::NoToken | Self::KeysUnavailable => None,
            Self::SeveralTokens | Self::TokenInQuery => Some("invalid_request"),
            Self::InsufficientScope { .. } | Self::InsufficientRole => Some("insufficient_scope"),
            Self::InsufficientAuthentication { .. } => Some("insufficient_user_authentication"),
            _ => Some("invalid_token"),
        }
    }

    /// The label for metrics and logs.
    pub const fn reason(self) -> &'static str {
        match self {
            Self::NoToken => "no_token",
            Self::SeveralTokens => "several_tokens",
            Self::TokenInQuery => "token_in_query",
            Self::TooLong => "too_long",
            Self::Malformed => "malformed",
            Self::Duplicate => "duplicate_member",
            Self::AlgorithmNotAllowed => "algorithm_not_allowed",
            Self::WrongType => "wrong_type",
            Self::Critical => "critical_extension",
            Self::UnknownKey => "unknown_key",
            Self::WrongSignature => "wrong_signature",
            Self::MalformedClaims => "malformed_claims",
            Self::MissingClaim(_) => "missing_claim",
            Self::WrongIssuer => "wrong_issuer",
            Self::WrongAudience => "wrong_audience",
            Self::Expired => "expired",
            Self::NotYetValid => "not_yet_valid",
            Self::IssuedInTheFuture => "issued_in_the_future",
            Self::SessionRevoked => "session_revoked",
            Self::InsufficientScope { .. } => "insufficient_scope",
            Self::InsufficientRole => "insufficient_role",
            Self::InsufficientAuthentication { .. } => "insufficient_authentication",
            Self::KeysUnavailable => "keys_unavailable",
        }
    }

    /// The `error_description`, for client developers: printable ASCII without `"` and `\`.
    pub const fn description(self) -> &'static str {
        match self {
            Self::NoToken => "Sign in, and send the access token as Authorization: Bearer.",
            Self::SeveralTokens => "Send one access token, in one Authorization header.",
            Self::TokenInQuery => {
                "Send the access token in the Authorization header, not in the query."
            }
            Self::TooLong => "The access token is too long.",
            Self::Malformed => "The access token is not a signed JWT.",
            Self::Duplicate => "The access token has a duplicate member.",
            Self::AlgorithmNotAllowed => {
                "The access token is signed by an algorithm that is not allowed."
            }
            Self::WrongType => "The JWT is not an access token (typ at+jwt).",
            Self::Critical => "The access token has a critical extension that is not supported.",
            Self::UnknownKey => "The access token is signed by an unknown key.",
            Self::WrongSignature => "The signature of the access token is wrong.",
            Self::MalformedClaims => "The claims of the access token are malformed.",
            Self::MissingClaim(_) => "The access token lacks a claim that RFC 9068 requires.",
            Self::WrongIssuer => "The access token is from another issuer.",
            Self::WrongAudience => "The access token is for another audience.",
            Self::Expired => "The access token has expired.",
            Self::NotYetValid | Self::IssuedInTheFuture => "The access token is not valid yet.",
            Self::SessionRevoked => "The session of the access token was revoked.",
            Self::InsufficientScope { .. } => {
                "The access token lacks a scope that this request requires."
            }
            Self::InsufficientRole => "The user lacks a role that this request requires.",
            Self::InsufficientAuthentication { .. } => {
                "Sign in again: this request requires a more recent or stronger sign-in."
            }
            Self::KeysUnavailable => "Access tokens cannot be verified right now; try again.",
        }
    }
}
