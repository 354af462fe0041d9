//! The admin API: users, clients, sessions, keys, audit events.

mod administrator;
pub mod audit_events;
pub mod clients;
mod entity_tag;
pub mod keys;
pub mod sessions;
pub mod users;

use poem_openapi::Tags;
use poem_openapi::types::ToJSON;
use serde_json::Value;

/// Error message for an access token that has the scope but not the role.
pub const NOT_ALLOWED: &str = "Only a user with the role jeton:admin, or a client registered with the scope admin, may do this.";

/// How the operations are grouped in the document.
#[derive(Tags)]
enum Tag {
    /// Administration by users with the role `jeton:admin` and by service accounts.
    Admin,
}

/// An object as the API returns it, for the command line.
pub fn json(shown: &impl ToJSON) -> Value {
    shown.to_json().unwrap_or_default()
}
