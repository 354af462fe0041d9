//! The states of a signing key, OpenID Connect Core §10.1.1.
//!
//! A key is `next` until it becomes active, `active` until another does, then `retired` until the
//! last token that it signed has expired. The state is not stored: it follows from the times on the rows.

use std::fmt;
use std::ops::RangeInclusive;
use std::time::Duration;

use crate::clock::{Timestamp, micros};
use crate::config::Settings;
use crate::root_secret::EMPTY_SEAL_LENGTH;

/// Maximum difference between the clocks of nodes and verifiers.
const CLOCK_SKEW: Duration = Duration::from_mins(1);
/// A key that was created later than this from now was created by a clock that was wrong.
const FAR_AHEAD: Duration = Duration::from_hours(24);

/// A signing key as the store keeps it.
#[derive(Clone, PartialEq, Eq)]
pub struct StoredKey {
    /// The `kid`: the thumbprint of RFC 7638.
    pub id: String,
    /// The public half, as a JWK.
    pub public_jwk: String,
    /// The sealed private half in PKCS#8. After its erasure an empty seal, which still authenticates the
    /// row; `None` for a revoked key.
    pub sealed_private_key: Option<Vec<u8>>,
    /// Time of creation and publication.
    pub created_at: Timestamp,
    /// Time from which the key signs.
    pub activates_at: Timestamp,
    /// Longest lifetime, in microseconds, of a token that the key may have signed.
    pub longest_lifetime: i64,
    /// Time of the revocation.
    pub revoked_at: Option<Timestamp>,
}

/// Any time: for the first key, which is stored only if there is no other.
pub const ANY_TIME: RangeInclusive<Timestamp> =
    Timestamp::from_micros(i64::MIN)..=Timestamp::from_micros(i64::MAX);

/// The state of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Published for caches; does not sign yet.
    Next,
    /// Published; signs.
    Active,
    /// Published, so that the tokens it signed can be verified.
    Retired,
    /// All tokens it signed have expired.
    Expired,
    /// Compromised: its tokens are not accepted.
    Revoked,
}

impl State {
    /// Whether the JWKS contains a key in this state.
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
    pub fn has_private_half(&self) -> bool {
        self.sealed_private_key
            .as_ref()
            .is_some_and(|sealed| sealed.len() > EMPTY_SEAL_LENGTH)
    }
}

/// The time when another key replaces `key`; `None` if there is no later key.
pub fn superseded_at(key: &StoredKey, all: &[StoredKey]) -> Option<Timestamp> {
    let place = |key: &StoredKey| (key.activates_at, key.id.clone());
    all.iter()
        .filter(|other| other.revoked_at.is_none() && place(other) > place(key))
        .map(|other| other.activates_at)
        .min()
}

/// The state of `key` at `now`.
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

/// The time when the last token that `key` signed has expired.
pub fn expires_at(key: &StoredKey, superseded_at: Option<Timestamp>) -> Timestamp {
    let lifetime = u64::try_from(key.longest_lifetime).unwrap_or_default();
    superseded_at.map_or(Timestamp::from_micros(i64::MAX), |time| {
        time.plus(Duration::from_micros(lifetime)).plus(CLOCK_SKEW)
    })
}

/// Whether the private half of a key can be erased, because another key signs by the clock of every node.
pub fn may_be_erased(superseded_at: Option<Timestamp>, now: Timestamp) -> bool {
    superseded_at.is_some_and(|time| time.plus(CLOCK_SKEW) <= now)
}

/// The shortest time for which a key is published before it signs: until every cache that obeys
/// `Cache-Control` has fetched the JWKS again from a node that has read the key.
pub fn lead(settings: &Settings) -> Duration {
    settings.keys.jwks_max_age.0 + settings.keys.refresh_interval.0 * 2 + CLOCK_SKEW
}

/// The time for which the next key is published before it signs. Many caches keep keys longer than
/// `Cache-Control` allows. Half of the rotation interval at most, so that there is one next key.
pub fn announcement(settings: &Settings) -> Duration {
    let keys = &settings.keys;
    let longest = keys.rotation_interval.0 / 2;
    keys.announce.0.min(longest).max(lead(settings))
}

/// The key that is published and does not sign yet, and was not created far ahead of `now`.
pub fn next(all: &[StoredKey], now: Timestamp) -> Option<&StoredKey> {
    all.iter()
        .filter(|key| is_able(key, now) && key.activates_at > now)
        .min_by_key(|key| key.activates_at)
}

/// The earliest time at which the published key `next` may sign: caches that obey `Cache-Control` have it, and
/// every node has read the new time.
pub fn earliest_activation(next: &StoredKey, settings: &Settings, now: Timestamp) -> Timestamp {
    let read = now.plus(settings.keys.refresh_interval.0 * 2 + CLOCK_SKEW);
    next.created_at.plus(lead(settings)).max(read)
}

/// A key to create.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DueKey {
    /// Time from which it signs.
    pub activates_at: Timestamp,
    /// Not created if another key becomes active within this time, as when two nodes create one at once.
    pub unless: RangeInclusive<Timestamp>,
}

/// The key that is due at `now`; `None` when none is due.
pub fn due(all: &[StoredKey], settings: &Settings, now: Timestamp) -> Option<DueKey> {
    if all.iter().all(|key| key.revoked_at.is_some()) {
        // No JWKS is cached yet: the first key signs at once.
        return Some(DueKey {
            activates_at: now,
            unless: ANY_TIME,
        });
    }
    let able = all.iter().filter(|key| is_able(key, now));
    let Some(newest) = able.map(|key| key.activates_at).max() else {
        // A clock far ahead has erased the key before and created the next. No other key can sign until then.
        return Some(DueKey {
            activates_at: now,
            unless: now.minus(CLOCK_SKEW)..=now.plus(lead(settings)),
        });
    };
    let activates_at = now.plus(announcement(settings));
    let successor = newest.plus(settings.keys.rotation_interval.0);
    (newest <= now && successor <= activates_at).then(|| DueKey::signing_from(activates_at, now))
}

impl DueKey {
    /// A key that is published at `now`, unless there is a next key already.
    pub fn signing_from(activates_at: Timestamp, now: Timestamp) -> Self {
        Self {
            activates_at,
            unless: now..=activates_at.plus(CLOCK_SKEW),
        }
    }
}

/// Whether the key signs or will sign, and was not created far ahead of `now`.
fn is_able(key: &StoredKey, now: Timestamp) -> bool {
    key.has_private_half() && key.revoked_at.is_none() && key.created_at <= now.plus(FAR_AHEAD)
}

/// The longest lifetime of a token in microseconds, by the settings and by `longest_of_clients`.
pub fn longest_lifetime(settings: &Settings, longest_of_clients: i64) -> i64 {
    micros(settings.access_token.lifetime.0).max(longest_of_clients)
}
