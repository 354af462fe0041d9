//! The signing keys that a node holds in memory.

use std::sync::{Arc, PoisonError, RwLock};

use jsonwebtoken::DecodingKey;
use jsonwebtoken::jwk::{Jwk, ThumbprintHash};

use super::error::KeyError;
use super::lifecycle::{self, State, StoredKey};
use super::pair::KeyPair;
use crate::clock::Timestamp;
use crate::root_secret::RootSecrets;

/// A signing key with its opened private half.
pub struct Key {
    /// The `kid`.
    pub id: String,
    /// The public half.
    pub jwk: Jwk,
    /// The public half, ready to verify.
    pub verifying: DecodingKey,
    pair: Option<KeyPair>,
    stored: StoredKey,
    superseded_at: Option<Timestamp>,
}

impl Key {
    /// The RS256 signature of `message`, RFC 7518 §3.3; the same for the same message.
    /// [`KeyError::CannotSign`] when the private half was erased.
    pub fn sign(&self, message: &[u8]) -> Result<Vec<u8>, KeyError> {
        self.pair
            .as_ref()
            .ok_or(KeyError::CannotSign)?
            .sign(message)
    }

    /// The time from which the key signs.
    pub const fn activates_at(&self) -> Timestamp {
        self.stored.activates_at
    }

    /// The state of the key at `now`.
    pub fn state(&self, now: Timestamp) -> State {
        lifecycle::state(&self.stored, self.superseded_at, now)
    }
}

/// The keys that were read from the store, in the order in which they sign.
///
/// Times on the rows decide the state of each key, so nodes that read the same rows agree without
/// communication, and a ring stays valid while time passes.
#[derive(Default)]
pub struct KeyRing(Vec<Key>);

impl KeyRing {
    /// Opens the keys of the store.
    ///
    /// A row without a seal is left out, so that an attacker with write access to the database cannot
    /// have a key published. A key that is sealed by another root secret is an error.
    pub fn open(mut stored: Vec<StoredKey>, secrets: &RootSecrets) -> Result<Self, KeyError> {
        stored.retain(|key| {
            let sealed = key.sealed_private_key.is_some();
            if !sealed && key.revoked_at.is_none() {
                tracing::error!(kid = key.id, "a signing key without a seal is not used");
            }
            sealed
        });
        let superseded: Vec<_> = stored
            .iter()
            .map(|key| lifecycle::superseded_at(key, &stored))
            .collect();
        stored
            .into_iter()
            .zip(superseded)
            .map(|(key, superseded_at)| open(key, superseded_at, secrets))
            .collect::<Result<_, _>>()
            .map(Self)
    }

    /// The key that signs at `now`: the last that has become active, or the oldest if the clock stepped
    /// back before the first became active.
    pub fn signer(&self, now: Timestamp) -> Option<&Key> {
        let mut able = self.0.iter().filter(|key| key.pair.is_some());
        let active = able.clone().rfind(|key| key.state(now) == State::Active);
        active.or_else(|| able.next())
    }

    /// The keys of the JWKS at `now`, the signing key first: some verifiers use the first.
    pub fn published(&self, now: Timestamp) -> Vec<&Key> {
        let signer = self.signer(now);
        let others = self.0.iter().filter(|key| {
            key.state(now).is_published() && signer.is_none_or(|signer| signer.id != key.id)
        });
        signer.into_iter().chain(others).collect()
    }

    /// The time from which the next key signs, if it is published.
    pub fn next_activation(&self, now: Timestamp) -> Option<Timestamp> {
        let next = self.0.iter().filter(|key| key.state(now) == State::Next);
        next.map(Key::activates_at).min()
    }

    /// The longest lifetime in microseconds of a token that one of the keys may have signed. It includes
    /// lifetimes that a client's settings have shortened since.
    pub fn longest_lifetime(&self) -> i64 {
        let lifetimes = self.0.iter().map(|key| key.stored.longest_lifetime);
        lifetimes.max().unwrap_or_default()
    }

    /// The published key with this `kid`.
    pub fn find(&self, id: &str, now: Timestamp) -> Option<&Key> {
        self.published(now).into_iter().find(|key| key.id == id)
    }
}

fn open(
    stored: StoredKey,
    superseded_at: Option<Timestamp>,
    secrets: &RootSecrets,
) -> Result<Key, KeyError> {
    let damaged = || KeyError::Damaged(stored.id.clone());
    let jwk: Jwk = serde_json::from_str(&stored.public_jwk).map_err(|_| damaged())?;
    // The seal is bound to the id, and the id to the public half.
    if jwk.thumbprint(ThumbprintHash::SHA256).ok().as_ref() != Some(&stored.id) {
        return Err(damaged());
    }
    let sealed = stored.sealed_private_key.as_ref().ok_or_else(damaged)?;
    let opened = secrets
        .open(&stored.id, sealed)
        .map_err(|_| KeyError::Sealed(stored.id.clone()))?;
    let pair = if opened.plain.is_empty() {
        None
    } else {
        Some(KeyPair::parse(&opened.plain).map_err(|_| damaged())?)
    };
    Ok(Key {
        id: stored.id.clone(),
        verifying: DecodingKey::from_jwk(&jwk).map_err(|_| damaged())?,
        jwk,
        pair,
        stored,
        superseded_at,
    })
}

/// The current key ring of a node, replaced each time that the keys are read from the store.
#[derive(Default)]
pub struct SigningKeys(RwLock<Arc<KeyRing>>);

impl SigningKeys {
    /// The current ring.
    pub fn ring(&self) -> Arc<KeyRing> {
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Replaces the ring.
    pub fn replace(&self, ring: KeyRing) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(ring);
    }
}
