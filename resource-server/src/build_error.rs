//! Errors of building a verifier.

use thiserror::Error;

use crate::issuer::fetch_error::FetchError;

/// Why a verifier could not be built.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum BuildError {
    /// The issuer or `jwks_uri` is not an https URL; http is allowed for loopback addresses only.
    #[error(
        "{0:?} is not an https URL, or has a fragment, or is an issuer with a query (http is allowed for \
         loopback addresses only)"
    )]
    Address(String),
    /// An audience is empty, so the `aud` check would be meaningless.
    #[error("an audience is empty; use the URL of this API")]
    NoAudience,
    /// The list of allowed algorithms is empty.
    #[error("no signature algorithm is allowed")]
    NoAlgorithm,
    /// `expiry_leeway` or `clock_skew` exceeds five minutes.
    #[error("expiry_leeway and clock_skew may be five minutes at most")]
    Leeway,
    /// The realm cannot be quoted in a header.
    #[error("the realm must be printable ASCII without \" and \\")]
    Realm,
    /// The fixed keys are not a JWK set with a key for an allowed algorithm.
    #[error("the fixed keys are not a JWK set with a key for an allowed algorithm")]
    FixedJwks,
    /// The first fetch of the keys failed.
    #[error("cannot fetch the issuer's keys: {0}")]
    Fetch(FetchError),
    /// A revocation feed needs the issuer's metadata, which is not read when `jwks_uri` or keys are set.
    #[error("a revocation feed needs the issuer's metadata; do not set jwks_uri or fixed_jwks")]
    FeedWithoutMetadata,
    /// There is no tokio runtime to fetch keys on.
    #[error("build a verifier within a tokio runtime")]
    NoRuntime,
    /// The TLS library found no system certificates.
    #[error("cannot set up TLS: {0}")]
    Tls(String),
}
