//! The life of a signing key: times on the rows decide its state, OpenID Connect Core §10.1.1.
//!
//! A key is `next` until it becomes active, `active` until another does, then `retired` until the
//! last token that it signed has expired. No state is written down: a node that reads the rows and
//! knows the time knows them all.

use std::fmt;
use std::ops::RangeInclusive;
use std::time::Duration;

use crate::clock::{Timestamp, micros};
use crate::config::Settings;
use crate::root_secret::SEAL_OVER_NOTHING;

/// How far the clocks of nodes and verifiers may lie apart.
const CLOCK_SKEW: Duration = Duration::from_mins(1);

/// A signing key as the store keeps it.
#[derive(Clone, PartialEq, Eq)]
pub struct StoredKey {
    /// The `kid`: the thumbprint of RFC 7638.
    pub id: String,
    /// The public half, as a JWK.
    pub public_jwk: String,
    /// The private half in PKCS#8, sealed; a seal over nothing once it was erased, which goes on
    /// vouching for the row; `None` for a revoked key.
    pub sealed_private_key: Option<Vec<u8>>,
    /// When it was made and published.
    pub created_at: Timestamp,
    /// From when on it signs.
    pub activates_at: Timestamp,
    /// The longest life, in microseconds, of a token that it may have signed.
    pub longest_lifetime: i64,
    /// Since when it is trusted no more.
    pub revoked_at: Option<Timestamp>,
}

/// All of time: for the first key, which is made unless there is any other.
pub const ANY_TIME: RangeInclusive<Timestamp> =
    Timestamp::from_micros(i64::MIN)..=Timestamp::from_micros(i64::MAX);

/// What a key may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Published, so that caches learn it before it signs.
    Next,
    /// Signs.
    Active,
    /// Published, so that what it signed can be verified.
    Retired,
    /// All it signed has expired.
    Expired,
    /// Compromised: nothing it signed is to be trusted.
    Revoked,
}

impl State {
    /// Whether the JWKS holds a key in this state.
    #[must_use]
    pub const fn is_published(self) -> bool {
        matches!(self, Self::Next | Self::Active | Self::Retired)
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Next => "next",
            Self::Active => "active",
            Self::Retired => "retired",
            Self::Expired => "expired",
            Self::Revoked => "revoked",
        })
    }
}

impl StoredKey {
    /// Whether the row holds a private half.
    #[must_use]
    pub fn has_private_half(&self) -> bool {
        self.sealed_private_key
            .as_ref()
            .is_some_and(|sealed| sealed.len() > SEAL_OVER_NOTHING)
    }
}

/// When another key takes over from `key`; `None` as long as none is in sight.
#[must_use]
pub fn superseded_at(key: &StoredKey, all: &[StoredKey]) -> Option<Timestamp> {
    let place = |key: &StoredKey| (key.activates_at, key.id.clone());
    all.iter()
        .filter(|other| other.revoked_at.is_none() && place(other) > place(key))
        .map(|other| other.activates_at)
        .min()
}

/// The state of `key` at `now`.
#[must_use]
pub fn state(key: &StoredKey, superseded_at: Option<Timestamp>, now: Timestamp) -> State {
    if key.revoked_at.is_some() {
        State::Revoked
    } else if now < key.activates_at {
        State::Next
    } else {
        match superseded_at.filter(|time| *time <= now) {
            None => State::Active,
            Some(_) if now < expires_at(key, superseded_at) => State::Retired,
            Some(_) => State::Expired,
        }
    }
}

/// When the last token that `key` signed has expired.
#[must_use]
pub fn expires_at(key: &StoredKey, superseded_at: Option<Timestamp>) -> Timestamp {
    let lifetime = u64::try_from(key.longest_lifetime).unwrap_or_default();
    superseded_at.map_or(Timestamp::from_micros(i64::MAX), |time| {
        time.plus(Duration::from_micros(lifetime)).plus(CLOCK_SKEW)
    })
}

/// Whether the private half of `key` can be erased: another signs, on every node's clock.
#[must_use]
pub fn may_be_erased(superseded_at: Option<Timestamp>, now: Timestamp) -> bool {
    superseded_at.is_some_and(|time| time.plus(CLOCK_SKEW) <= now)
}

/// How long a key is published before it signs: until every cache that held a JWKS without it has
/// asked again, of a node that had read the store again.
#[must_use]
pub fn lead(settings: &Settings) -> Duration {
    settings.keys.jwks_max_age.0 + settings.keys.refresh_interval.0 * 2 + CLOCK_SKEW
}

/// When the key that is due to be made now would become active; `None` when none is due.
#[must_use]
pub fn due(all: &[StoredKey], settings: &Settings, now: Timestamp) -> Option<Timestamp> {
    let soonest = now.plus(lead(settings));
    let mut living = all.iter().filter(|key| key.revoked_at.is_none()).peekable();
    if living.peek().is_none() {
        // Nobody has cached a JWKS yet: the first key signs at once.
        return Some(now);
    }
    // A key that was planned by a clock far ahead of this one is no successor. If all were, it is this
    // clock that is behind, and no time to make keys by.
    let newest = living
        .map(|key| key.activates_at)
        .filter(|time| *time <= soonest.plus(CLOCK_SKEW))
        .max()?;
    let successor = newest.plus(settings.keys.rotation_interval.0);
    (successor <= soonest).then_some(soonest)
}

/// The longest life of a token that keys must be published for, in microseconds.
#[must_use]
pub fn longest_lifetime(settings: &Settings, longest_of_clients: i64) -> i64 {
    micros(settings.access_token.lifetime.0).max(longest_of_clients)
}
