//! Protocol endpoints for clients and resource servers, pages and probes.

pub mod authorization;
mod browser;
pub mod caching;
pub mod documents;
pub mod end_session;
mod form;
pub mod forward_auth;
pub mod health;
pub mod introspection;
pub mod jwks;
pub mod landing;
pub mod metadata;
pub mod metrics;
mod pages;
mod reply;
mod resource_server;
pub mod revocation;
pub mod revoked_sessions;
pub mod token;
pub mod userinfo;

use poem_openapi::Tags;

/// Groups of operations in the OpenAPI document. One word each: generators name classes after them.
#[derive(Tags)]
pub enum Tag {
    /// Get, refresh and revoke tokens.
    Token,
    /// Sign in and out on the hosted page.
    Authorization,
    /// Keys and metadata for verifying tokens.
    Keys,
    /// Introspect tokens and list revoked sessions.
    Introspection,
    /// OpenID Connect: claims about the user.
    #[oai(rename = "OpenID")]
    OpenId,
}
