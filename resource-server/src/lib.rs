#![doc = include_str!("../README.md")]

mod algorithm;
mod build_error;
mod builder;
mod challenge;
mod claims;
mod clock;
mod credentials;
mod issuer;
mod json;
mod jwk;
mod jws;
mod observer;
mod protected_resource;
mod refusal;
mod requirement;
mod status;
mod token;
mod trusted_issuer;
mod verifier;

#[cfg(feature = "poem")]
pub mod poem;
#[cfg(feature = "tower")]
pub mod tower;

pub use algorithm::Algorithm;
pub use build_error::BuildError;
pub use builder::VerifierBuilder;
pub use credentials::bearer_token;
pub use issuer::fetch_error::FetchError;
pub use issuer::revocation_feed::RevocationFeed;
pub use observer::Observer;
pub use protected_resource::ProtectedResource;
pub use refusal::Refusal;
pub use requirement::{AnyToken, Requirement, Requires};
pub use status::{IssuerStatus, RevocationStatus, Status};
pub use token::{AccessToken, NoClaims};
pub use verifier::Verifier;
