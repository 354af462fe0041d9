//! The door for a person: who am I, where am I signed in, a new password; and for one who wants an
//! account.

pub mod password;
pub mod profile;
mod registration;
pub mod sessions;
mod signed_in;

use poem_openapi::Tags;

/// How the operations are grouped in the document.
#[derive(Tags)]
enum Tag {
    /// What a person sees and does about themselves.
    Account,
}
