//! The doors, told apart by the path of a request: what each is called, whose pages read it, and the
//! shape of its errors.

use crate::endpoint::{jwks, revoked_sessions};
use crate::response::cors::Readers;

/// Where the OpenAPI document is.
pub(super) const DOCUMENT: &str = "/openapi.json";

/// A door, below the issuer's own path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Door {
    Token,
    Revocation,
    Introspection,
    RevokedSessions,
    Jwks,
    Metadata,
    Document,
    Account,
    Admin,
    Other,
}

impl Door {
    /// The door that a path leads to.
    pub(super) fn of(path: &str) -> Self {
        match path {
            "/token" => Self::Token,
            "/revoke" => Self::Revocation,
            "/introspect" => Self::Introspection,
            revoked_sessions::PATH => Self::RevokedSessions,
            jwks::PATH => Self::Jwks,
            DOCUMENT => Self::Document,
            _ if path.starts_with("/.well-known/") => Self::Metadata,
            _ => match path.split('/').nth(1) {
                Some("account") => Self::Account,
                Some("admin") => Self::Admin,
                _ => Self::Other,
            },
        }
    }

    /// Its name in metrics: few names, whatever clients ask for.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Token => "token",
            Self::Revocation => "revocation",
            Self::Introspection => "introspection",
            Self::RevokedSessions => "revoked_sessions",
            Self::Jwks => "jwks",
            Self::Metadata => "metadata",
            Self::Account => "account",
            Self::Admin => "admin",
            Self::Document | Self::Other => "other",
        }
    }

    /// Whose pages may read what it answers.
    pub(super) const fn readers(self) -> Readers {
        match self {
            Self::Token
            | Self::Revocation
            | Self::Introspection
            | Self::RevokedSessions
            | Self::Account
            | Self::Admin => Readers::Registered,
            Self::Jwks | Self::Metadata | Self::Document => Readers::Everyone,
            Self::Other => Readers::Ourselves,
        }
    }

    /// Whether its errors are problem details (RFC 9457) rather than those of RFC 6749 §5.2.
    pub(super) const fn has_problems(self) -> bool {
        matches!(self, Self::Account | Self::Admin)
    }
}
