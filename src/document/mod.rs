//! The OpenAPI document: written by the doors, repaired once, and shown by Swagger UI.

mod header;
mod manual;
mod refusal;
mod repair;
mod schema;
mod security;
mod swagger_ui;

use poem_openapi::{ContactObject, LicenseObject, OpenApiService};

pub use repair::repaired;
pub use swagger_ui::{SwaggerUi, address_at_issuer, swagger_ui};

use crate::api::account::password::PasswordDoor;
use crate::api::account::profile::ProfileDoor;
use crate::api::account::sessions::SessionsDoor;
use crate::api::admin::audit_events::AuditEventsDoor;
use crate::api::admin::clients::{ClientSecretsDoor, ClientsDoor};
use crate::api::admin::keys::KeysDoor;
use crate::api::admin::sessions::AdminSessionsDoor;
use crate::api::admin::users::UsersDoor;
use crate::endpoint::introspection::IntrospectionEndpoint;
use crate::endpoint::jwks::JwksEndpoint;
use crate::endpoint::metadata::MetadataEndpoint;
use crate::endpoint::page::LandingPage;
use crate::endpoint::revocation::RevocationEndpoint;
use crate::endpoint::revoked_sessions::RevokedSessionsEndpoint;
use crate::endpoint::token::TokenEndpoint;

/// All doors that the framework documents.
pub type Doors = (ProtocolDoors, AccountDoors, AdminDoors, LandingPage);

type ProtocolDoors = (
    TokenEndpoint,
    RevocationEndpoint,
    IntrospectionEndpoint,
    RevokedSessionsEndpoint,
    JwksEndpoint,
    MetadataEndpoint,
);

type AccountDoors = (ProfileDoor, PasswordDoor, SessionsDoor);

type AdminDoors = (
    UsersDoor,
    ClientsDoor,
    ClientSecretsDoor,
    AdminSessionsDoor,
    KeysDoor,
    AuditEventsDoor,
);

/// The doors and their document, for a server that clients reach at `issuer`.
#[must_use]
pub fn service(issuer: &str) -> OpenApiService<Doors, ()> {
    let doors = Doors::default();
    OpenApiService::new(doors, "Jeton", env!("CARGO_PKG_VERSION"))
        .description(include_str!("../../openapi/introduction.md").trim_end())
        .contact(
            ContactObject::new()
                .name("Whoever runs this server")
                .url(issuer),
        )
        .license(LicenseObject::new("MIT OR Apache-2.0").url("https://spdx.org/licenses/"))
        .server(issuer)
}
