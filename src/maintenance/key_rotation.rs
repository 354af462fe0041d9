//! Rotation of the signing key by an administrator: announced, soon or immediate.

use std::ops::RangeInclusive;
use std::time::Duration;

use sea_orm::DbErr;

use super::MaintenanceError;
use super::signing_keys::add_key;
use crate::audit::Cause;
use crate::clock::{Doubt, Limits, Timestamp};
use crate::key::lifecycle::{self, DueKey};
use crate::server::AuthorizationServer;
use crate::store::signing_key;

/// An empty range: no other key prevents the new one.
const NO_TIME: RangeInclusive<Timestamp> = Timestamp::from_micros(1)..=Timestamp::from_micros(0);

/// What a rotation did: the key that signs next, or at once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rotation {
    /// Its `kid`.
    pub kid: String,
    /// The time since which it is published.
    pub published_at: Timestamp,
    /// The time from which it signs.
    pub activates_at: Timestamp,
    /// The number of keys that were revoked.
    pub revoked: u64,
}

/// Creates a key. It is published at once and signs after `keys.announce`. Refused while another key is
/// published that does not sign yet.
pub async fn rotate(
    server: &AuthorizationServer,
    cause: &Cause,
) -> Result<Rotation, KeyRotationError> {
    check_clock(server)?;
    let keys = signing_key::list(&server.store).await?;
    if let Some(next) = lifecycle::next(&keys, cause.at) {
        return Err(KeyRotationError::Early {
            kid: next.id.clone(),
            activates_at: next.activates_at,
        });
    }
    let announcement = lifecycle::announcement(&server.settings);
    publish(server, announcement, cause).await
}

/// Lets the published next key sign at the earliest safe time, or creates a key that signs after the shortest safe
/// lead.
pub async fn rotate_soon(
    server: &AuthorizationServer,
    cause: &Cause,
) -> Result<Rotation, KeyRotationError> {
    check_clock(server)?;
    let keys = signing_key::list(&server.store).await?;
    let Some(next) = lifecycle::next(&keys, cause.at) else {
        return publish(server, lifecycle::lead(&server.settings), cause).await;
    };
    let earliest = lifecycle::earliest_activation(next, &server.settings, cause.at);
    let is_earlier = earliest < next.activates_at;
    if is_earlier && !signing_key::advance(&server.store, &next.id, earliest, cause).await? {
        return Err(KeyRotationError::Raced);
    }
    Ok(Rotation {
        kid: next.id.clone(),
        published_at: next.created_at,
        activates_at: earliest.min(next.activates_at),
        revoked: 0,
    })
}

async fn publish(
    server: &AuthorizationServer,
    lead: Duration,
    cause: &Cause,
) -> Result<Rotation, KeyRotationError> {
    // Another node may have announced a key meanwhile, which signs later than this one would.
    let announced = cause.at.plus(lifecycle::announcement(&server.settings));
    let due = DueKey {
        activates_at: cause.at.plus(lead),
        ..DueKey::signing_from(announced, cause.at)
    };
    let kid = add_key(server, due.activates_at, due.unless, cause).await?;
    Ok(Rotation {
        kid: kid.ok_or(KeyRotationError::Raced)?,
        published_at: cause.at,
        activates_at: due.activates_at,
        revoked: 0,
    })
}

/// Signs at once with the published next key and revokes all others, after a key was compromised. Every access token
/// becomes invalid; refresh tokens stay valid. Signs with a new key if none is published, or if that one is
/// compromised too: `drop_next`.
pub async fn replace_at_once(
    server: &AuthorizationServer,
    drop_next: bool,
    cause: &Cause,
) -> Result<Rotation, KeyRotationError> {
    check_clock(server)?;
    let keys = signing_key::list(&server.store).await?;
    let next = lifecycle::next(&keys, cause.at).filter(|_| !drop_next);
    let (kid, published_at) = if let Some(next) = next {
        (next.id.clone(), next.created_at)
    } else {
        let created = add_key(server, cause.at, NO_TIME, cause).await?;
        (created.ok_or(KeyRotationError::Raced)?, cause.at)
    };
    // The audit log shows the new key first.
    let later = Cause {
        at: server.clock.now(),
        ..cause.clone()
    };
    let revoked = signing_key::revoke_all_but(&server.store, &kid, &later).await?;
    Ok(Rotation {
        kid,
        published_at,
        activates_at: later.at,
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
