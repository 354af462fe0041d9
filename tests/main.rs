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

/// The door for a signed-in person: what an access token opens, and how it is refused.
mod account;
/// What operators do over HTTP.
mod admin;
/// The layers that every request passes: caching, framework errors, panics, time.
mod app;
/// What an adversary tried.
mod attack;
/// What is told of what happens, and kept.
mod audit;
/// Where a request comes from.
mod caller;
/// Which client asks: Basic, body credentials, public clients.
mod client_authentication;
/// Which pages of other origins may read what the doors answer.
mod cors;
/// The OpenAPI document and the page that shows it.
mod document;
/// /token, the JWKS, the metadata: what a client sees.
mod endpoint;

/// What a client gives for tokens: who signs in, who stays signed in, who is found out.
mod grant;

/// Signing keys: their JWKs, their states, their rotation.
mod key;

/// What may be registered of a client, and how it is changed.
mod registration;

/// Root secrets: several at once, and a foreign one.
mod root_secret;

/// The tables, several processes at once, and what stays when a session has ended.
mod store;

/// What is handed out: tokens, and the rules of rotation.
mod token;

/// Which person asks, and how guessing is slowed.
mod user_authentication;

/// The map of the house holds.
mod house;
/// The real binary, its command line, and what it survives.
mod process;
/// What runs beside the requests, over four hundred days and on several nodes.
mod upkeep;
