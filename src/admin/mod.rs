//! The door for operators: users, clients, sessions, keys, and what has happened.

mod administrator;
pub mod audit_events;
mod entity_tag;
mod page;

use poem_openapi::Tags;

/// How the operations are grouped in the document.
#[derive(Tags)]
enum Tag {
    /// What operators see and change: people with the role `admin`, and service accounts.
    Admin,
}
