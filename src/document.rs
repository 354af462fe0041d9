//! The OpenAPI document: written by the doors, repaired once, and shown by Swagger UI.

use poem_openapi::{LicenseObject, OpenApiService};
use serde_json::Value;

use crate::account::password::PasswordDoor;
use crate::account::profile::ProfileDoor;
use crate::account::sessions::SessionsDoor;
use crate::admin::audit_events::AuditEventsDoor;
use crate::admin::clients::{ClientSecretsDoor, ClientsDoor};
use crate::admin::keys::KeysDoor;
use crate::admin::sessions::AdminSessionsDoor;
use crate::admin::users::UsersDoor;
use crate::endpoint::introspection::IntrospectionEndpoint;
use crate::endpoint::jwks::JwksEndpoint;
use crate::endpoint::metadata::MetadataEndpoint;
use crate::endpoint::page::LandingPage;
use crate::endpoint::revocation::RevocationEndpoint;
use crate::endpoint::revoked_sessions::RevokedSessionsEndpoint;
use crate::endpoint::token::TokenEndpoint;

/// All doors that the framework documents.
pub type Doors = (
    TokenEndpoint,
    RevocationEndpoint,
    IntrospectionEndpoint,
    RevokedSessionsEndpoint,
    JwksEndpoint,
    MetadataEndpoint,
    ProfileDoor,
    PasswordDoor,
    SessionsDoor,
    UsersDoor,
    ClientsDoor,
    ClientSecretsDoor,
    AdminSessionsDoor,
    KeysDoor,
    AuditEventsDoor,
    LandingPage,
);

/// The doors and their document, for a server that clients reach at `issuer`.
#[must_use]
pub fn service(issuer: &str) -> OpenApiService<Doors, ()> {
    let doors = (
        TokenEndpoint,
        RevocationEndpoint,
        IntrospectionEndpoint,
        RevokedSessionsEndpoint,
        JwksEndpoint,
        MetadataEndpoint,
        ProfileDoor,
        PasswordDoor,
        SessionsDoor,
        UsersDoor,
        ClientsDoor,
        ClientSecretsDoor,
        AdminSessionsDoor,
        KeysDoor,
        AuditEventsDoor,
        LandingPage,
    );
    OpenApiService::new(doors, "Jeton", env!("CARGO_PKG_VERSION"))
        .description(
            "An OAuth 2 authorization server: short-lived access tokens that any API verifies by \
             itself, and refresh tokens that rotate at every use.",
        )
        .license(LicenseObject::new("MIT OR Apache-2.0").identifier("MIT OR Apache-2.0"))
        .server(issuer)
}

/// The document as JSON, with what the generator gets wrong put right.
#[must_use]
pub fn repaired(service: &OpenApiService<Doors, ()>) -> String {
    let Ok(mut document) = serde_json::from_str::<Value>(&service.spec()) else {
        return service.spec();
    };
    strip_charsets(&mut document);
    // `identifier` came with OpenAPI 3.1; this document is 3.0.
    if let Some(license) = document
        .pointer_mut("/info/license")
        .and_then(Value::as_object_mut)
    {
        license.remove("identifier");
    }
    let mut text = serde_json::to_string_pretty(&document).unwrap_or_default();
    text.push('\n');
    text
}

/// Media types are named bare, or generators take `application/json; charset=utf-8` for a format
/// that they do not know.
fn strip_charsets(value: &mut Value) {
    match value {
        Value::Object(members) => {
            let named: Vec<String> = members
                .keys()
                .filter(|name| name.contains("; charset="))
                .cloned()
                .collect();
            for name in named {
                if let (Some(inner), Some(bare)) = (members.remove(&name), name.split(';').next()) {
                    members.insert(bare.to_owned(), inner);
                }
            }
            members.values_mut().for_each(strip_charsets);
        }
        Value::Array(items) => items.iter_mut().for_each(strip_charsets),
        _ => {}
    }
}

/// Swagger UI with `document` inside: one page that asks no other host.
#[must_use]
pub fn swagger_ui(service: &OpenApiService<Doors, ()>, document: &str) -> String {
    service
        .swagger_ui_html()
        .replace(&service.spec(), document)
        .replacen(
            "<html charset=\"UTF-8\">",
            "<!doctype html><html lang=\"en\">",
            1,
        )
        .replacen(
            "<title>Swagger UI</title>", // An icon of nothing: browsers ask for one, and there is none.
            "<title>Jeton: API</title><link rel=\"icon\" href=\"data:,\">",
            1,
        )
}
