//! The OpenAPI document and Swagger UI.
//!
//! The document is `openapi/openapi.json`, generated from the definitions here by
//! `UPDATE_OPENAPI=1 cargo test document`. The server sets the issuer and its version in it.

mod swagger_ui;

use poem_openapi::{ContactObject, LicenseObject, OpenApiService};
use serde_json::Value;

pub use swagger_ui::{DocumentPage, redirect_page, swagger_ui};

use crate::api::account::consents::ConsentsApi;
use crate::api::account::password::PasswordApi;
use crate::api::account::profile::ProfileApi;
use crate::api::account::sessions::SessionsApi;
use crate::api::admin::audit_events::AuditEventsApi;
use crate::api::admin::clients::{ClientSecretsApi, ClientsApi};
use crate::api::admin::keys::KeysApi;
use crate::api::admin::sessions::AdminSessionsApi;
use crate::api::admin::users::UsersApi;
use crate::endpoint::authorization::AuthorizationEndpoint;
use crate::endpoint::end_session::EndSessionEndpoint;
use crate::endpoint::introspection::IntrospectionEndpoint;
use crate::endpoint::jwks::JwksEndpoint;
use crate::endpoint::landing::LandingEndpoint;
use crate::endpoint::metadata::MetadataEndpoint;
use crate::endpoint::revocation::RevocationEndpoint;
use crate::endpoint::revoked_sessions::RevokedSessionsEndpoint;
use crate::endpoint::token::TokenEndpoint;
use crate::endpoint::userinfo::UserinfoEndpoint;

/// Endpoints and API, defined by poem-openapi.
pub type Definitions = (Endpoints, AccountApi, AdminApi, LandingEndpoint);

type Endpoints = (
    AuthorizationEndpoint,
    EndSessionEndpoint,
    TokenEndpoint,
    RevocationEndpoint,
    JwksEndpoint,
    MetadataEndpoint,
    IntrospectionEndpoint,
    RevokedSessionsEndpoint,
    UserinfoEndpoint,
);

type AccountApi = (ProfileApi, PasswordApi, SessionsApi, ConsentsApi);

type AdminApi = (
    UsersApi,
    ClientsApi,
    ClientSecretsApi,
    AdminSessionsApi,
    KeysApi,
    AuditEventsApi,
);

/// The issuer in the document of the repository.
pub const DEFAULT_ISSUER: &str = "http://localhost:8080";

const DOCUMENT: &str = include_str!("../../openapi/openapi.json");

/// Places of the issuer in the document, with what follows it there.
const ISSUER_POINTERS: [(&str, &str); 8] = [
    ("/info/contact/url", ""),
    ("/servers/0/url", ""),
    (
        "/components/securitySchemes/OAuth2/flows/authorizationCode/authorizationUrl",
        "/authorize",
    ),
    (
        "/components/securitySchemes/OAuth2/flows/authorizationCode/tokenUrl",
        "/token",
    ),
    (
        "/components/securitySchemes/OAuth2/flows/authorizationCode/refreshUrl",
        "/token",
    ),
    (
        "/components/securitySchemes/OAuth2/flows/password/tokenUrl",
        "/token",
    ),
    (
        "/components/securitySchemes/OAuth2/flows/password/refreshUrl",
        "/token",
    ),
    (
        "/components/securitySchemes/ServiceAccount/flows/clientCredentials/tokenUrl",
        "/token",
    ),
];

/// The API service, from which requests are routed and the document is generated.
pub fn service() -> OpenApiService<Definitions, ()> {
    OpenApiService::new(Definitions::default(), "Jeton", env!("CARGO_PKG_VERSION"))
        .description(include_str!("../../openapi/introduction.md").trim_end())
        .contact(
            ContactObject::new()
                .name("The operator of this server")
                .url(DEFAULT_ISSUER),
        )
        .license(LicenseObject::new("MIT OR Apache-2.0").url("https://spdx.org/licenses/"))
        .server(DEFAULT_ISSUER)
}

/// The document as JSON text, for a server with this issuer.
pub fn for_issuer(issuer: &str) -> String {
    let mut document: Value = serde_json::from_str(DOCUMENT).unwrap_or_default();
    let mut set = |pointer: &str, value: String| {
        if let Some(place) = document.pointer_mut(pointer) {
            *place = value.into();
        }
    };
    set("/info/version", env!("CARGO_PKG_VERSION").to_owned());
    for (pointer, path) in ISSUER_POINTERS {
        set(pointer, format!("{issuer}{path}"));
    }
    to_text(&document)
}

/// JSON text of the document as it stands in the repository.
pub fn to_text(document: &Value) -> String {
    let mut text = serde_json::to_string_pretty(document).unwrap_or_default();
    text.push('\n');
    text
}
