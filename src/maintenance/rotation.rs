//! Signing keys that an operator replaces: in time, or at once.

use std::fmt;
use std::ops::RangeInclusive;

use sea_orm::DbErr;

use super::{UpkeepError, add_key};
use crate::audit::Cause;
use crate::clock::Timestamp;
use crate::key::{State, lifecycle};
use crate::server::AuthorizationServer;
use crate::store::signing_key;

/// Holds no time: a key is made whatever other key there is.
const REGARDLESS: RangeInclusive<Timestamp> = Timestamp::from_micros(1)..=Timestamp::from_micros(0);

/// A key that was brought in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rotated {
    /// Its `kid`.
    pub kid: String,
    /// When it begins to sign.
    pub activates_at: Timestamp,
    /// How many keys were dropped for it.
    pub dropped: u64,
}

/// Brings in a new key, which is published at once and signs when every cache knows it.
///
/// # Errors
///
/// [`RotationError::Early`] while another is on its way.
pub async fn rotate(server: &AuthorizationServer, cause: &Cause) -> Result<Rotated, RotationError> {
    let now = cause.at;
    let keys = signing_key::list(&server.store).await?;
    let activates_at = now.plus(lifecycle::lead(&server.settings));
    let next = keys.iter().find(|key| {
        let superseded_at = lifecycle::superseded_at(key, &keys);
        // One that a clock far ahead of this one planned is not what anybody waits for.
        lifecycle::state(key, superseded_at, now) == State::Next && key.activates_at <= activates_at
    });
    if let Some(next) = next {
        return Err(RotationError::Early {
            kid: next.id.clone(),
            activates_at: next.activates_at,
        });
    }
    let kid = add_key(server, activates_at, now..=activates_at, cause).await?;
    Ok(Rotated {
        kid: kid.ok_or(RotationError::Raced)?,
        activates_at,
        dropped: 0,
    })
}

/// Drops all keys at once and signs with a new one: a key is compromised. Every access token that is
/// out becomes invalid; refresh tokens are not touched.
///
/// # Errors
///
/// [`RotationError`] when the new key cannot be made.
pub async fn replace_at_once(
    server: &AuthorizationServer,
    cause: &Cause,
) -> Result<Rotated, RotationError> {
    let kid = add_key(server, cause.at, REGARDLESS, cause).await?;
    let kid = kid.ok_or(RotationError::Raced)?;
    // Later than the new key, as the audit log has it.
    let then = Cause {
        at: server.clock.now(),
        ..cause.clone()
    };
    let dropped = signing_key::revoke_all_but(&server.store, &kid, &then).await?;
    Ok(Rotated {
        kid,
        activates_at: cause.at,
        dropped: dropped.ok_or(RotationError::Raced)?,
    })
}

/// Why no key was brought in.
#[derive(Debug)]
pub enum RotationError {
    /// This one is published already and begins to sign then; until then some cache may not know it.
    Early {
        /// Its `kid`.
        kid: String,
        /// When it begins to sign.
        activates_at: Timestamp,
    },
    /// Another node did it at the same time.
    Raced,
    /// The key could not be made or stored.
    Failed(UpkeepError),
}

impl From<UpkeepError> for RotationError {
    fn from(error: UpkeepError) -> Self {
        Self::Failed(error)
    }
}

impl From<DbErr> for RotationError {
    fn from(error: DbErr) -> Self {
        Self::Failed(error.into())
    }
}

impl fmt::Display for RotationError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Early { kid, activates_at } => write!(
                f,
                "key {kid} is published already and signs from {activates_at} on; until then some \
                 cache may not know it"
            ),
            Self::Raced => f.write_str("another node has just rotated; look at the list of keys"),
            Self::Failed(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for RotationError {}
