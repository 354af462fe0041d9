//! Errors of fetching documents from an issuer.

use thiserror::Error;

/// Why a document could not be fetched from the issuer. The text contains the URL, without a password, and
/// nothing of a body.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum FetchError {
    /// There was no response: the URL, and the network error.
    #[error("cannot reach {0}: {1}")]
    Unreachable(String, String),
    /// The response did not arrive within the timeout.
    #[error("{0} did not respond in time")]
    TooSlow(String),
    /// The status is not 200.
    #[error("{0} responded with status {1}")]
    Status(String, u16),
    /// The URL redirects to another. Redirects are not followed, because the issuer does not vouch for the
    /// target.
    #[error("{0} redirects to {1}, which is not followed; configure the final URL")]
    Redirect(String, String),
    /// The document exceeds 512 KiB.
    #[error("{0} responded with more than 512 KiB")]
    TooLarge(String),
    /// The response is not authorization server metadata (RFC 8414).
    #[error("{0} is not authorization server metadata (RFC 8414)")]
    NotMetadata(String),
    /// The metadata names another issuer: the URL, and that issuer.
    #[error("{0} is the metadata of the issuer {1:?}; configure exactly this issuer")]
    WrongIssuer(String, String),
    /// The `jwks_uri` of the metadata is not an https URL.
    #[error("the jwks_uri {0:?} is not an https URL")]
    InsecureJwksUri(String),
    /// The response is not a JWK set (RFC 7517).
    #[error("{0} is not a JWK set (RFC 7517)")]
    NotAJwkSet(String),
    /// The JWK set has no key for an allowed algorithm.
    #[error("{0} has no key for an allowed algorithm")]
    NoUsableKey(String),
    /// The metadata has no `revoked_sessions_endpoint`, or one at another origin, which must not receive
    /// the client's secret.
    #[error("the issuer's metadata has no revoked_sessions_endpoint at its own origin")]
    NoRevocationFeed,
    /// The response is not a page of revoked sessions.
    #[error("{0} is not a revocation feed")]
    NotARevocationFeed(String),
}
