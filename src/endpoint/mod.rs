//! The door for clients and resource servers: /token, the JWKS, the metadata.

mod authorization;
mod caching;
mod form;
pub mod health;
pub mod introspection;
pub mod jwks;
pub mod metadata;
pub mod metrics;
pub mod page;
pub mod revocation;
pub mod revoked_sessions;
pub mod token;

use poem_openapi::Tags;

/// How the operations are grouped in the document. One word each: generators make a class of it.
#[derive(Tags)]
pub enum Tag {
    /// Get, refresh, end and inspect tokens.
    Token,
    /// Find out how to verify them.
    Discovery,
}
