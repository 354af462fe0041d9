#![doc = include_str!("../README.md")]

mod algorithm;
mod build_error;
mod builder;
mod clock;
mod credentials;
mod issuer;
mod json;
mod jwk;
mod jws;
mod protected_resource;
mod refusal;
mod requirement;
mod status;
mod token;
mod verifier;

#[cfg(feature = "poem")]
pub mod poem;
#[cfg(feature = "tower")]
pub mod tower;

pub use algorithm::Algorithm;
pub use build_error::BuildError;
pub use builder::VerifierBuilder;
pub use credentials::bearer_token;
pub use issuer::feed::RevocationFeed;
pub use issuer::fetch::FetchError;
pub use protected_resource::ProtectedResource;
pub use refusal::Refusal;
pub use requirement::{AnyToken, Requirement, Requires};
pub use status::{IssuerStatus, Observer, RevocationStatus, Status};
pub use token::{AccessToken, NoClaims};
pub use verifier::Verifier;
