//! Authorization server metadata: RFC 8414, and the same at the path of OpenID Connect Discovery.

use std::sync::{Arc, OnceLock};

use poem::web::Data;
use poem_openapi::param::Header;
use poem_openapi::{Object, OpenApi};

use super::Tag;
use super::caching::{Cached, Prebuilt};
use super::{authorization, end_session, jwks, revoked_sessions, userinfo};
use crate::authorization::{pkce, prompt};
use crate::client::GrantType;
use crate::response::oauth_error::OAuthError;
use crate::scope::{OPENID_SCOPES, OWN_SCOPES};
use crate::server::AuthorizationServer;
use crate::sign_in;

/// The path of RFC 8414 §3, inserted before the issuer's own path.
pub const OAUTH: &str = "/.well-known/oauth-authorization-server";
/// The path of OpenID Connect Discovery §4, appended to the issuer's own path.
pub const OPENID: &str = "/.well-known/openid-configuration";

/// The metadata endpoint. The settings do not change, so the document is built once.
#[derive(Default)]
pub struct MetadataEndpoint(OnceLock<Prebuilt<ServerMetadata>>);

/// Authorization server metadata, RFC 8414 section 2.
#[derive(Object)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "the standards define the members"
)]
pub struct ServerMetadata {
    /// The `iss` of all tokens.
    issuer: String,
    /// URL of the authorization endpoint: the hosted sign-in page.
    authorization_endpoint: String,
    /// URL of the end-session endpoint (OpenID Connect RP-Initiated Logout).
    end_session_endpoint: String,
    /// URL of the token endpoint.
    token_endpoint: String,
    /// URL of the userinfo endpoint (OpenID Connect Core section 5.3).
    userinfo_endpoint: String,
    /// URL of the revocation endpoint (RFC 7009).
    revocation_endpoint: String,
    /// URL of the introspection endpoint (RFC 7662).
    introspection_endpoint: String,
    /// URL of the list of revoked sessions. Not defined by an RFC.
    revoked_sessions_endpoint: String,
    /// URL of the JWKS.
    jwks_uri: String,
    /// Scopes of this server, those of OpenID Connect first.
    scopes_supported: Vec<String>,
    /// Response types of the authorization endpoint.
    response_types_supported: Vec<String>,
    /// How the authorization endpoint returns its parameters.
    response_modes_supported: Vec<String>,
    /// Values of `prompt`.
    prompt_values_supported: Vec<String>,
    /// PKCE methods (RFC 7636).
    code_challenge_methods_supported: Vec<String>,
    /// Authorization responses have the parameter `iss` (RFC 9207).
    authorization_response_iss_parameter_supported: bool,
    /// Grant types of the token endpoint.
    grant_types_supported: Vec<String>,
    /// Client authentication at the token endpoint.
    token_endpoint_auth_methods_supported: Vec<String>,
    /// Client authentication at the revocation endpoint.
    revocation_endpoint_auth_methods_supported: Vec<String>,
    /// Client authentication at the introspection endpoint.
    introspection_endpoint_auth_methods_supported: Vec<String>,
    /// URL of the documentation for developers.
    service_documentation: String,
    /// `public`: every client sees the same `sub`.
    subject_types_supported: Vec<String>,
    /// Values of `acr` (RFC 9470). `pwd`: by password.
    acr_values_supported: Vec<String>,
    /// The algorithm that signs ID tokens, and access tokens.
    id_token_signing_alg_values_supported: Vec<String>,
    /// Claims of ID tokens and of the userinfo endpoint.
    claims_supported: Vec<String>,
    /// The parameter `claims` has no effect.
    claims_parameter_supported: bool,
    /// The parameter `request` is refused.
    request_parameter_supported: bool,
    /// The parameter `request_uri` is refused. The default of OpenID Connect Discovery would be that it is not.
    request_uri_parameter_supported: bool,
}

/// The claims of ID tokens, and those of the userinfo endpoint.
const CLAIMS: [&str; 15] = [
    "iss",
    "sub",
    "aud",
    "exp",
    "iat",
    "auth_time",
    "acr",
    "sid",
    "at_hash",
    "nonce",
    "preferred_username",
    "name",
    "updated_at",
    "email",
    "email_verified",
];

impl ServerMetadata {
    fn of(server: &AuthorizationServer) -> Self {
        let issuer = &server.settings.issuer;
        let list =
            |values: &[&str]| -> Vec<String> { values.iter().map(|v| (*v).to_owned()).collect() };
        let own_scopes = OWN_SCOPES.map(|own| own.name);
        let methods = list(&["client_secret_basic", "client_secret_post", "none"]);
        Self {
            issuer: issuer.clone(),
            authorization_endpoint: format!("{issuer}{}", authorization::PATH),
            end_session_endpoint: format!("{issuer}{}", end_session::PATH),
            token_endpoint: format!("{issuer}/token"),
            userinfo_endpoint: format!("{issuer}{}", userinfo::PATH),
            revocation_endpoint: format!("{issuer}/revoke"),
            introspection_endpoint: format!("{issuer}/introspect"),
            revoked_sessions_endpoint: format!("{issuer}{}", revoked_sessions::PATH),
            jwks_uri: format!("{issuer}{}", jwks::PATH),
            scopes_supported: list(&[&OPENID_SCOPES[..], &own_scopes].concat()),
            response_types_supported: list(&["code"]),
            response_modes_supported: list(&["query"]),
            prompt_values_supported: list(&prompt::VALUES),
            code_challenge_methods_supported: list(&pkce::METHODS),
            authorization_response_iss_parameter_supported: true,
            grant_types_supported: list(&GrantType::ALL.map(GrantType::as_str)),
            token_endpoint_auth_methods_supported: methods.clone(),
            revocation_endpoint_auth_methods_supported: methods,
            introspection_endpoint_auth_methods_supported: list(&[
                "client_secret_basic",
                "client_secret_post",
            ]),
            service_documentation: format!("{issuer}/docs"),
            subject_types_supported: list(&["public"]),
            acr_values_supported: list(&[sign_in::PASSWORD_ACR]),
            id_token_signing_alg_values_supported: list(&["RS256"]),
            claims_supported: list(&CLAIMS),
            claims_parameter_supported: false,
            request_parameter_supported: false,
            request_uri_parameter_supported: false,
        }
    }
}

impl MetadataEndpoint {
    /// The document.
    pub fn document(&self, server: &AuthorizationServer) -> &Prebuilt<ServerMetadata> {
        let age = server.settings.keys.jwks_max_age.0;
        let build = || Prebuilt::new(&ServerMetadata::of(server), age);
        self.0.get_or_init(build)
    }
}

#[OpenApi]
#[expect(clippy::unused_async, reason = "poem-openapi requires async")]
impl MetadataEndpoint {
    /// Authorization server metadata
    ///
    /// URLs of the endpoints and what they support (RFC 8414).
    #[oai(
        path = "/.well-known/oauth-authorization-server",
        method = "get",
        operation_id = "fetchServerMetadata",
        tag = "Tag::Keys"
    )]
    async fn oauth(
        &self,
        server: Data<&Arc<AuthorizationServer>>,
        /// The ETag of the cached metadata.
        #[oai(name = "If-None-Match")]
        if_none_match: Header<Option<String>>,
    ) -> Result<Cached<ServerMetadata>, OAuthError> {
        let document = self.document(&server);
        Ok(Cached::answer(document, if_none_match.0.as_deref()))
    }

    /// The same metadata for OpenID Connect clients
    ///
    /// Libraries for OpenID Connect find the endpoints here (OpenID Connect Discovery section 4).
    #[oai(
        path = "/.well-known/openid-configuration",
        method = "get",
        operation_id = "fetchOpenidConfiguration",
        tag = "Tag::Keys"
    )]
    async fn openid(
        &self,
        server: Data<&Arc<AuthorizationServer>>,
        /// The ETag of the cached metadata.
        #[oai(name = "If-None-Match")]
        if_none_match: Header<Option<String>>,
    ) -> Result<Cached<ServerMetadata>, OAuthError> {
        let document = self.document(&server);
        Ok(Cached::answer(document, if_none_match.0.as_deref()))
    }
}
