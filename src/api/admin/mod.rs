//! The door for operators: users, clients, sessions, keys, and what has happened.

mod administrator;
pub mod audit_events;
pub mod clients;
mod entity_tag;
pub mod keys;
pub mod page;
pub mod sessions;
pub mod users;

use poem_openapi::Tags;
use poem_openapi::types::ToJSON;
use serde_json::Value;

/// What somebody is told whose access token has the scope, and who is no administrator.
pub const NOT_ALLOWED: &str =
    "Only a user with the role admin, or a client registered with the scope admin, may do this.";

/// How the operations are grouped in the document.
#[derive(Tags)]
enum Tag {
    /// What operators see and change: people with the role `admin`, and service accounts.
    Admin,
}

/// What the door would show, for the command line, which shows the same.
#[must_use]
pub fn json(shown: &impl ToJSON) -> Value {
    shown.to_json().unwrap_or_default()
}
