//! What this server is and can do: RFC 8414, and OpenID Connect Discovery for those who look there.

use std::sync::Arc;

use poem::web::Data;
use poem_openapi::param::Header;
use poem_openapi::{Object, OpenApi};

use super::Tag;
use super::caching::Cached;
use super::{authorization, jwks, revoked_sessions};
use crate::grant;
use crate::response::oauth_error::ErrorAnswer;
use crate::server::AuthorizationServer;
use crate::token::claims;

/// The path of RFC 8414 §3, before the issuer's own path.
pub const OAUTH: &str = "/.well-known/oauth-authorization-server";
/// The path of OpenID Connect Discovery §4, behind the issuer's own path.
pub const OPENID: &str = "/.well-known/openid-configuration";

/// The door.
#[derive(Default)]
pub struct MetadataEndpoint;

/// What the server is and can do, RFC 8414 section 2.
#[derive(Object)]
struct ServerMetadata {
    /// The `iss` of all tokens.
    issuer: String,
    /// Where tokens are asked for.
    token_endpoint: String,
    /// Where a client signs out (RFC 7009).
    revocation_endpoint: String,
    /// Where an API asks about a token (RFC 7662).
    introspection_endpoint: String,
    /// Where an API hears which sessions were ended. Our own: no RFC has it.
    revoked_sessions_endpoint: String,
    /// Where the keys are.
    jwks_uri: String,
    /// What clients may ask for.
    scopes_supported: Vec<String>,
    /// Empty: there is no authorization endpoint.
    response_types_supported: Vec<String>,
    /// The grants of the token endpoint.
    grant_types_supported: Vec<String>,
    /// How clients authenticate there.
    token_endpoint_auth_methods_supported: Vec<String>,
    /// How clients authenticate to sign out.
    revocation_endpoint_auth_methods_supported: Vec<String>,
    /// How clients authenticate to ask about a token.
    introspection_endpoint_auth_methods_supported: Vec<String>,
    /// Where developers read on.
    service_documentation: String,
    /// `public`: everyone sees the same `sub`.
    subject_types_supported: Vec<String>,
    /// How people sign in, the `acr` of their tokens (RFC 9470): `pwd`, by password alone.
    acr_values_supported: Vec<String>,
    /// Required by OpenID Connect Discovery; access tokens are signed with it.
    id_token_signing_alg_values_supported: Vec<String>,
}

impl ServerMetadata {
    fn of(server: &AuthorizationServer) -> Self {
        let issuer = &server.settings.issuer;
        let list =
            |values: &[&str]| -> Vec<String> { values.iter().map(|v| (*v).to_owned()).collect() };
        let methods = list(&["client_secret_basic", "client_secret_post", "none"]);
        Self {
            issuer: issuer.clone(),
            token_endpoint: format!("{issuer}/token"),
            revocation_endpoint: format!("{issuer}/revoke"),
            introspection_endpoint: format!("{issuer}/introspect"),
            revoked_sessions_endpoint: format!("{issuer}{}", revoked_sessions::PATH),
            jwks_uri: format!("{issuer}{}", jwks::PATH),
            scopes_supported: list(&["account", authorization::INTROSPECT]),
            response_types_supported: Vec::new(),
            grant_types_supported: list(&grant::TYPES),
            token_endpoint_auth_methods_supported: methods.clone(),
            revocation_endpoint_auth_methods_supported: methods,
            introspection_endpoint_auth_methods_supported: list(&[
                "client_secret_basic",
                "client_secret_post",
            ]),
            service_documentation: format!("{issuer}/docs"),
            subject_types_supported: list(&["public"]),
            acr_values_supported: list(&[claims::PASSWORD]),
            id_token_signing_alg_values_supported: list(&["RS256"]),
        }
    }

    fn answer(server: &AuthorizationServer, if_none_match: Option<&str>) -> Cached<Self> {
        Cached::answer(
            Self::of(server),
            if_none_match,
            server.settings.keys.jwks_max_age.0,
        )
    }
}

#[OpenApi]
#[expect(clippy::unused_async, reason = "the framework asks for async")]
impl MetadataEndpoint {
    /// Authorization server metadata
    ///
    /// Where the endpoints are and what they support (RFC 8414).
    #[oai(
        path = "/.well-known/oauth-authorization-server",
        method = "get",
        operation_id = "fetchServerMetadata",
        tag = "Tag::Discovery"
    )]
    async fn oauth(
        &self,
        server: Data<&Arc<AuthorizationServer>>,
        /// The ETag of the metadata that you hold.
        #[oai(name = "If-None-Match")]
        if_none_match: Header<Option<String>>,
    ) -> Result<Cached<ServerMetadata>, ErrorAnswer> {
        Ok(ServerMetadata::answer(&server, if_none_match.0.as_deref()))
    }

    /// The same metadata for OpenID Connect clients
    ///
    /// Many libraries look for the JWKS here (OpenID Connect Discovery section 4). There are no ID
    /// tokens.
    #[oai(
        path = "/.well-known/openid-configuration",
        method = "get",
        operation_id = "fetchOpenidConfiguration",
        tag = "Tag::Discovery"
    )]
    async fn openid(
        &self,
        server: Data<&Arc<AuthorizationServer>>,
        /// The ETag of the metadata that you hold.
        #[oai(name = "If-None-Match")]
        if_none_match: Header<Option<String>>,
    ) -> Result<Cached<ServerMetadata>, ErrorAnswer> {
        Ok(ServerMetadata::answer(&server, if_none_match.0.as_deref()))
    }
}
