//! All tests of the crate, against an issuer that listens on a socket.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a failing test panics"
)]

/// Signature algorithms and keys.
mod algorithms;
/// The axum adapter.
mod axum;
/// Formats and meaning of claims.
mod claims;
/// Freshness of keys, cool-down, and an issuer that is down.
mod freshness;
/// Headers and signatures of tokens.
mod header;
/// Metadata and JWK sets.
mod keys;
/// Bodies and services in the tower layer.
mod layer;
/// The layout of `src/`.
mod layout;
/// Issuers that hang, change `jwks_uri`, or rotate keys during a cool-down or an outage.
mod outage;
/// The poem adapter.
mod poem;
/// Times at which keys and metadata are fetched.
mod refresh;
/// Credentials of a request, and responses: RFC 6750.
mod requests;
/// Revoked sessions.
mod revocation_feed;
/// A test issuer and its tokens.
mod support;
/// Claims and format of tokens.
mod token;
