//! Signing keys: what a node holds in memory to sign access tokens and to publish the JWKS.

mod error;
pub mod lifecycle;
mod pair;
mod ring;

pub use error::KeyError;
pub use lifecycle::{State, StoredKey};
pub use pair::{KeyPair, generate};
pub use ring::{Key, KeyRing, SigningKeys};
