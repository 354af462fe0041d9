//! Rotation of the signing key by an administrator: announced or immediate.

use std::ops::RangeInclusive;

use sea_orm::DbErr;

use super::MaintenanceError;
use super::signing_keys::add_key;
use crate::audit::Cause;
use crate::clock::{Doubt, Limits, Timestamp};
use crate::key::{State, lifecycle};
use crate::server::AuthorizationServer;
use crate::store::signing_key;

/// An empty range: no other key prevents the new one.
const NO_TIME: RangeInclusive<Timestamp> = Timestamp::from_micros(1)..=Timestamp::from_micros(0);

/// A new signing key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewSigningKey {
    /// Its `kid`.
    pub kid: String,
    /// The time from which it signs.
    pub activates_at: Timestamp,
    /// The number of keys that were revoked.
    pub revoked: u64,
}

/// Creates a key. It is published at once and signs when every cache has it. Refused while another key is
/// published that does not sign yet.
pub async fn rotate(
    server: &AuthorizationServer,
    cause: &Cause,
) -> Result<NewSigningKey, KeyRotationError> {
    check_clock(server)?;
    let now = cause.at;
    let keys = signing_key::list(&server.store).await?;
    let activates_at = now.plus(lifecycle::lead(&server.settings));
    let next = keys.iter().find(|key| {
        let superseded_at = lifecycle::superseded_at(key, &keys);
        // A node with a fast clock may have planned a later key, which does not count.
        lifecycle::state(key, superseded_at, now) == State::Next && key.activates_at <= activates_at
    });
    if let Some(next) = next {
        return Err(KeyRotationError::Early {
            kid: next.id.clone(),
            activates_at: next.activates_at,
        });
    }
    let kid = add_key(server, activates_at, now..=activates_at, cause).await?;
    Ok(NewSigningKey {
        kid: kid.ok_or(KeyRotationError::Raced)?,
        activates_at,
        revoked: 0,
    })
}

/// Revokes all keys and signs with a new one at once, after a key was compromised. Every access token becomes
/// invalid; refresh tokens stay valid.
pub async fn replace_at_once(
    server: &AuthorizationServer,
    cause: &Cause,
) -> Result<NewSigningKey, KeyRotationError> {
    check_clock(server)?;
    let kid = add_key(server, cause.at, NO_TIME, cause).await?;
    let kid = kid.ok_or(KeyRotationError::Raced)?;
    // The audit log shows the new key first.
    let later = Cause {
        at: server.clock.now(),
        ..cause.clone()
    };
    let revoked = signing_key::revoke_all_but(&server.store, &kid, &later).await?;
    Ok(NewSigningKey {
        kid,
        activates_at: cause.at,
        revoked: revoked.ok_or(KeyRotationError::Raced)?,
    })
}

/// Refuses a rotation by a clock that is wrong: other nodes would ignore a key from the future. A long pause before the
/// start is no reason, because the operator has looked.
fn check_clock(server: &AuthorizationServer) -> Result<(), KeyRotationError> {
    match server.clock.doubt(Limits::MAINTENANCE) {
        None | Some(Doubt::Paused(_)) => Ok(()),
        Some(doubt) => Err(KeyRotationError::Doubt(doubt)),
    }
}

/// Why the signing key was not rotated.
#[derive(Debug, thiserror::Error)]
pub enum KeyRotationError {
    /// A new key is published, but some caches may not have it yet.
    #[error(
        "key {kid} is published and signs from {activates_at} on; until then some caches may not have it"
    )]
    Early {
        /// Its `kid`.
        kid: String,
        /// The time from which it signs.
        activates_at: Timestamp,
    },
    /// The clock may be wrong.
    #[error("{0}. Set the clock, or rotate at another node")]
    Doubt(Doubt),
    /// Another node rotated at the same time.
    #[error("another node has just rotated the key; see the list of keys")]
    Raced,
    /// The key could not be created or stored.
    #[error(transparent)]
    Failed(#[from] MaintenanceError),
}

impl From<DbErr> for KeyRotationError {
    fn from(error: DbErr) -> Self {
        Self::Failed(error.into())
    }
}
