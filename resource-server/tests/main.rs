//! All tests of the crate, against an issuer that really listens.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on stops, and says where"
)]

/// Which algorithms and keys verify.
mod algorithms;
/// What a request may look like, and what it gets: RFC 6750.
mod answer;
/// The axum adapter.
mod axum;
/// What the claims may look like, and what they then mean.
mod claims;
/// Hearing of sign-outs.
mod feed;
/// How keys stay fresh, and what happens while the issuer is down.
mod freshness;
/// Where keys come from, and which are taken.
mod keys;
/// What the layer of tower makes of bodies and services.
mod layer;
/// Issuers that hang, move, or take new keys at a bad time.
mod outage;
/// The poem adapter.
mod poem;
/// When keys and metadata are fetched again.
mod refresh;
/// An issuer, and tokens of all kinds.
mod support;
/// Which tokens are taken, and which never.
mod token;
