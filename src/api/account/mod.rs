//! The account API: a user's own profile, password, sessions and consents; registration.

pub mod consents;
pub mod password;
pub mod profile;
mod registration;
pub mod sessions;
mod signed_in;

use poem_openapi::Tags;

/// Group of operations in the OpenAPI document.
#[derive(Tags)]
enum Tag {
    /// Your own account: profile, password, sessions, consents.
    Account,
}
