//! Why there is no verifier, and what to do.

use std::fmt;

use crate::issuer::fetch::FetchError;

/// Why there is no verifier.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum BuildError {
    /// The issuer, or the address of the keys, is no https URL; http is for this machine alone.
    Address(String),
    /// An audience is empty: a token for anybody would do.
    NoAudience,
    /// The allow-list of algorithms is empty.
    NoAlgorithm,
    /// A leeway is longer than five minutes.
    Leeway,
    /// The realm cannot stand in a header.
    Realm,
    /// The fixed keys are no JWK set with a key for an allowed algorithm.
    FixedJwks,
    /// The keys could not be fetched.
    Fetch(FetchError),
    /// A revocation feed is found by the issuer's metadata, which is not read when the keys are given.
    FeedWithoutMetadata,
    /// There is no tokio runtime to fetch keys on.
    NoRuntime,
    /// The TLS library found no certificates of the system.
    Tls(String),
}

impl fmt::Display for BuildError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address(text) => write!(
                f,
                "{text:?} is no https address without a fragment, or is an issuer with a query (http is \
                 for this machine alone)"
            ),
            Self::NoAudience => f.write_str("an audience is empty; name this API, by its URL"),
            Self::NoAlgorithm => f.write_str("no signature algorithm is allowed"),
            Self::Leeway => f.write_str("expiry_leeway and clock_skew are five minutes at most"),
            Self::Realm => f.write_str("the realm is printable ASCII without \" and \\"),
            Self::FixedJwks => {
                f.write_str("the fixed keys are no JWK set with a key for an allowed algorithm")
            }
            Self::Fetch(error) => write!(f, "the issuer's keys cannot be fetched: {error}"),
            Self::FeedWithoutMetadata => {
                f.write_str("a revocation feed is found by the issuer's metadata alone")
            }
            Self::NoRuntime => f.write_str("build a verifier within a tokio runtime"),
            Self::Tls(why) => write!(f, "TLS cannot be set up: {why}"),
        }
    }
}

impl std::error::Error for BuildError {}
