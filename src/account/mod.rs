//! The door for a signed-in person: who am I, and where am I signed in.

pub mod profile;
pub mod sessions;
mod signed_in;

use poem_openapi::Tags;

/// How the operations are grouped in the document.
#[derive(Tags)]
enum Tag {
    /// What a signed-in person sees and does about themselves.
    Account,
}
