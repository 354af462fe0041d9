//! The whole suite, in one binary; its rooms mirror `src/`.
//!
//! A test's name is the sentence that a failing build should print. The clause that it proves stands
//! above it; `row N` is the number of a promise in the list of what must hold on the wire.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on stops, and says where"
)]

mod support;

/// /token, the JWKS, the metadata: what a client sees.
mod endpoint;
/// The map of the house holds.
mod house;
/// The real binary, its command line, and what it survives.
mod process;
