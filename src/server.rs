//! What every door is handed: the server's parts, and no logic.

use crate::clock::Clock;
use crate::config::Settings;
use crate::key::SigningKeys;
use crate::password::{PasswordHasher, Rules};
use crate::root_secret::RootSecrets;
use crate::store::Store;
use crate::throttle::SignInThrottle;

/// The parts of a running server.
pub struct AuthorizationServer {
    /// The settings in force.
    pub settings: Settings,
    /// Users, clients, sessions and signing keys.
    pub store: Store,
    /// The signing keys, opened.
    pub keys: SigningKeys,
    /// What refresh tokens are made with.
    pub root_secrets: RootSecrets,
    /// What checks passwords.
    pub hasher: PasswordHasher,
    /// What passwords must be that somebody chooses.
    pub password_rules: Rules,
    /// What slows the guessing of passwords.
    pub throttle: SignInThrottle,
    /// The time.
    pub clock: Clock,
}
