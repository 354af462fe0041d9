//! All tests of the crate, against an issuer that really listens.

#![allow(missing_docs)]

/// What a request may look like, and what it gets: RFC 6750.
mod answer;
/// The axum adapter.
mod axum;
/// Where keys come from, and how they stay fresh.
mod keys;
/// The poem adapter.
mod poem;
/// An issuer, and tokens of all kinds.
mod support;
/// Which tokens are taken, and which never.
mod token;
