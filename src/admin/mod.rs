//! The door for operators: users, clients, sessions, keys, and what has happened.

mod administrator;
pub mod audit_events;
pub mod clients;
mod entity_tag;
pub mod keys;
mod page;
pub mod sessions;
pub mod users;

use poem_openapi::Tags;
use poem_openapi::types::ToJSON;
use serde_json::Value;

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
