//! Why a request is refused, and how that is answered: RFC 6750 §3, RFC 9470 §3.

use std::fmt;
use std::time::Duration;

use http::{HeaderValue, StatusCode, header};

/// What a client may do when the keys are not there yet, in seconds.
const RETRY_AFTER: &str = "5";

/// Why a request is refused.
///
/// A variant's text is fixed: nothing of the request is repeated in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Refusal {
    /// The request has no token.
    NoToken,
    /// There are two `Authorization` headers, or a token in the header and another in the body.
    SeveralTokens,
    /// The token is in the query, where logs keep it.
    TokenInQuery,

    /// The token is longer than this API reads.
    TooLong,
    /// It is no JWS in compact form.
    Malformed,
    /// A member of its header or of its claims comes twice.
    Duplicate,
    /// Its `alg` is not on the list; `none` and the symmetric ones never are.
    AlgorithmNotAllowed,
    /// Its `typ` is not `at+jwt`.
    WrongType,
    /// Its header has `crit`.
    Critical,
    /// The issuer has no key of this `kid` for this `alg`.
    UnknownKey,
    /// The signature is not by the key that it names.
    WrongSignature,
    /// The claims are no JSON object, or one has the wrong type.
    MalformedClaims,
    /// A claim that RFC 9068 requires is missing.
    MissingClaim(&'static str),
    /// `iss` is another issuer.
    WrongIssuer,
    /// `aud` does not hold this API.
    WrongAudience,
    /// `exp` has passed.
    Expired,
    /// `nbf` is yet to come.
    NotYetValid,
    /// `iat` is yet to come.
    IssuedInTheFuture,
    /// Its session was ended at the issuer, as [`RevocationFeed`](crate::RevocationFeed) tells.
    SessionEnded,

    /// The token's scope lacks what the route demands.
    InsufficientScope {
        /// The scopes that the route demands.
        scopes: &'static [&'static str],
    },
    /// The token's roles lack what the route demands.
    InsufficientRole,
    /// The person's sign-in is too old, or not of the kind that the route demands (RFC 9470).
    InsufficientAuthentication {
        /// How old a sign-in may be.
        max_age: Option<Duration>,
        /// The kinds of sign-in that would do.
        acr_values: &'static [&'static str],
    },

    /// The issuer's keys are not known yet, or a new one could not be fetched: the token may be good.
    KeysUnavailable,
}

impl Refusal {
    /// The status of the answer.
    #[must_use]
    pub const fn status(self) -> StatusCode {
        match self {
            Self::SeveralTokens | Self::TokenInQuery => StatusCode::BAD_REQUEST,
            Self::InsufficientScope { .. } | Self::InsufficientRole => StatusCode::FORBIDDEN,
            Self::KeysUnavailable => StatusCode::SERVICE_UNAVAILABLE,
            _ => StatusCode::UNAUTHORIZED,
        }
    }

    /// The `error` code; none where the request had no token: it "SHOULD NOT include an error code or
    /// other error information", RFC 6750 §3.1.
    #[must_use]
    pub const fn error(self) -> Option<&'static str> {
        match self {
            Self::NoToken | Self::KeysUnavailable => None,
            Self::SeveralTokens | Self::TokenInQuery => Some("invalid_request"),
            Self::InsufficientScope { .. } | Self::InsufficientRole => Some("insufficient_scope"),
            Self::InsufficientAuthentication { .. } => Some("insufficient_user_authentication"),
            _ => Some("invalid_token"),
        }
    }

    /// A short name for a metric's label; these are few.
    #[must_use]
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
            Self::SessionEnded => "session_ended",
            Self::InsufficientScope { .. } => "insufficient_scope",
            Self::InsufficientRole => "insufficient_role",
            Self::InsufficientAuthentication { .. } => "insufficient_authentication",
            Self::KeysUnavailable => "keys_unavailable",
        }
    }

    /// What a developer of a client should know; printable ASCII without `"` and `\`.
    #[must_use]
    pub const fn description(self) -> &'static str {
        match self {
            Self::NoToken => "Sign in, and send the access token as Authorization: Bearer.",
            Self::SeveralTokens => "Send one access token, in one Authorization header.",
            Self::TokenInQuery => {
                "Send the access token in the Authorization header, not in the query."
            }
            Self::TooLong => "The access token is too long.",
            Self::Malformed => "The access token is not a signed JWT.",
            Self::Duplicate => "A member of the access token comes twice.",
            Self::AlgorithmNotAllowed => {
                "The access token is signed by an algorithm that is not allowed."
            }
            Self::WrongType => "The JWT is not an access token (typ at+jwt).",
            Self::Critical => "The access token has a critical extension that is not understood.",
            Self::UnknownKey => "The access token is signed by a key that is not known.",
            Self::WrongSignature => "The signature of the access token is wrong.",
            Self::MalformedClaims => "The claims of the access token are malformed.",
            Self::MissingClaim(_) => "The access token lacks a claim that RFC 9068 requires.",
            Self::WrongIssuer => "The access token is from another issuer.",
            Self::WrongAudience => "The access token is for another audience.",
            Self::Expired => "The access token has expired.",
            Self::NotYetValid | Self::IssuedInTheFuture => "The access token is not valid yet.",
            Self::SessionEnded => "The session of the access token was ended.",
            Self::InsufficientScope { .. } => "The access token lacks a scope that this needs.",
            Self::InsufficientRole => "The user lacks a role that this needs.",
            Self::InsufficientAuthentication { .. } => {
                "Sign in again: this needs a fresher or stronger sign-in."
            }
            Self::KeysUnavailable => "Access tokens cannot be verified right now; try again.",
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::MissingClaim(claim) => write!(f, "{} ({claim})", self.description()),
            _ => f.write_str(self.description()),
        }
    }
}

impl std::error::Error for Refusal {}

/// What every challenge of an API says.
#[derive(Clone, Debug)]
pub(crate) struct Realm {
    /// What the tokens open.
    pub realm: String,
    /// Where the document of RFC 9728 is.
    pub resource_metadata: Option<String>,
}

/// A refusal as an HTTP answer, before any framework's types.
pub(crate) struct Answer {
    pub status: StatusCode,
    pub headers: Vec<(header::HeaderName, HeaderValue)>,
    /// `application/problem+json`, RFC 9457.
    pub body: String,
}

impl Realm {
    /// The answer to a request that was refused on a route that demands `scopes`.
    pub(crate) fn answer(&self, refusal: Refusal, scopes: &[&str]) -> Answer {
        let mut headers = vec![
            (
                header::CONTENT_TYPE,
                HeaderValue::from_static("application/problem+json"),
            ),
            (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
        ];
        if refusal == Refusal::KeysUnavailable {
            headers.push((header::RETRY_AFTER, HeaderValue::from_static(RETRY_AFTER)));
        } else if let Ok(challenge) = HeaderValue::try_from(self.challenge(refusal, scopes)) {
            headers.push((header::WWW_AUTHENTICATE, challenge));
        }
        Answer {
            status: refusal.status(),
            headers,
            body: problem(refusal).to_string(),
        }
    }

    fn challenge(&self, refusal: Refusal, scopes: &[&str]) -> String {
        let mut challenge = format!("Bearer realm=\"{}\"", self.realm);
        let mut add = |name: &str, value: &str| {
            challenge.extend([", ", name, "=\"", value, "\""]);
        };
        if let Some(error) = refusal.error() {
            add("error", error);
            add("error_description", refusal.description());
        }
        let scopes = match refusal {
            Refusal::NoToken => scopes,
            Refusal::InsufficientScope { scopes } => scopes,
            _ => &[],
        };
        if !scopes.is_empty() {
            add("scope", &scopes.join(" "));
        }
        if let Refusal::InsufficientAuthentication {
            max_age,
            acr_values,
        } = refusal
        {
            if let Some(max_age) = max_age {
                add("max_age", &max_age.as_secs().to_string());
            }
            if !acr_values.is_empty() {
                add("acr_values", &acr_values.join(" "));
            }
        }
        if let Some(url) = &self.resource_metadata {
            add("resource_metadata", url);
        }
        challenge
    }
}

fn problem(refusal: Refusal) -> serde_json::Value {
    let status = refusal.status();
    let mut problem = serde_json::json!({
        "type": "about:blank",
        "title": status.canonical_reason().unwrap_or_default(),
        "status": status.as_u16(),
        "detail": refusal.description(),
    });
    if let (Some(error), Some(members)) = (refusal.error(), problem.as_object_mut()) {
        members.insert("error".to_owned(), error.into());
    }
    problem
}
