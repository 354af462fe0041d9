//! The whole suite in one binary; its modules mirror `src/`.
//!
//! A test's name is the sentence that a failing build prints. `row N` above a test is a row of
//! `docs/protocol.md`.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on stops and says where"
)]

mod support;

/// The account and admin API.
mod api;
/// Request layers: caching, framework errors, panics, timeouts.
mod app;
/// Attacks: privileges, rotation, hostile clients and servers.
mod attack;
/// Audit events.
mod audit;
/// The authorization endpoint, the code grant and browser sessions.
mod authorization;
/// Client settings and secrets.
mod client;
/// Client authentication: Basic, body credentials, public clients.
mod client_authentication;
/// The OpenAPI document and Swagger UI.
mod document;
/// Protocol endpoints: /token, the JWKS, the metadata.
mod endpoint;
/// The fuzz targets on their seeds.
mod fuzz;
/// Grants.
mod grant;
/// Signing keys: JWKs, states, rotation.
mod key;
/// The layout of the sources.
mod layout;
/// Maintenance over four hundred days and on several nodes.
mod maintenance;
/// HTML pages.
mod page;
/// The binary: its command line, and crashes.
mod process;
/// Redirect URIs: the rules of their registration, and the comparison.
mod redirect_uri;
/// CORS, OAuth errors, the caller's address.
mod response;
/// Several root secrets, and a foreign one.
mod root_secret;
/// User authentication and throttling.
mod sign_in;
/// The tables, with several processes and on each engine.
mod store;
/// Tokens and the rules of rotation.
mod token;
