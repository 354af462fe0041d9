//! The parts of a running server: fields, no logic.

use std::sync::atomic::AtomicBool;

use crate::clock::Clock;
use crate::config::Settings;
use crate::key::SigningKeys;
use crate::liveness::Liveness;
use crate::password::{PasswordHasher, Rules};
use crate::root_secret::RootSecrets;
use crate::store::Store;
use crate::store::client::ClientCache;
use crate::throttle::SignInThrottle;

/// A running server.
pub struct AuthorizationServer {
    /// The settings in force.
    pub settings: Settings,
    /// The database.
    pub store: Store,
    /// The clients that have authenticated on this node.
    pub clients: ClientCache,
    /// The signing keys in memory.
    pub keys: SigningKeys,
    /// The root secrets.
    pub root_secrets: RootSecrets,
    /// Hashes and verifies passwords.
    pub hasher: PasswordHasher,
    /// Rules for new passwords.
    pub password_rules: Rules,
    /// Limits failed sign-ins.
    pub throttle: SignInThrottle,
    /// Whether requests get responses.
    pub liveness: Liveness,
    /// Set when the server begins to stop: it is not ready any more.
    pub is_stopping: AtomicBool,
    /// The clock.
    pub clock: Clock,
}
