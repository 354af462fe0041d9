//! Signing keys: what a node holds in memory to sign access tokens and to publish the JWKS.

pub mod lifecycle;
mod pair;

use std::fmt;
use std::sync::{Arc, RwLock};

use jsonwebtoken::DecodingKey;
use jsonwebtoken::jwk::{Jwk, ThumbprintHash};

pub use lifecycle::{State, StoredKey};
pub use pair::{KeyPair, generate};

use crate::clock::Timestamp;
use crate::root_secret::RootSecrets;

/// One key, opened.
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
    /// The RS256 signature of `message`, RFC 7518 §3.3. The same message, the same signature.
    ///
    /// # Errors
    ///
    /// [`KeyError::CannotSign`] when the private half was erased.
    pub fn sign(&self, message: &[u8]) -> Result<Vec<u8>, KeyError> {
        self.pair
            .as_ref()
            .ok_or(KeyError::CannotSign)?
            .sign(message)
    }

    /// What the key may do at `now`.
    #[must_use]
    pub fn state(&self, now: Timestamp) -> State {
        lifecycle::state(&self.stored, self.superseded_at, now)
    }
}

/// All keys of the store at the time it was read, in the order in which they sign.
///
/// Times on the rows decide what each key may do, so nodes that read the same rows agree without
/// talking, and a ring goes on being right while the clock moves.
#[derive(Default)]
pub struct KeyRing(Vec<Key>);

impl KeyRing {
    /// Opens the keys of the store.
    ///
    /// A row that no root secret vouches for is left out: whoever can write to the database cannot
    /// have a key of their own published.
    ///
    /// # Errors
    ///
    /// [`KeyError`] when a key is sealed by another root secret, or a row is damaged.
    pub fn open(mut stored: Vec<StoredKey>, secrets: &RootSecrets) -> Result<Self, KeyError> {
        stored.retain(|key| {
            let vouched = key.sealed_private_key.is_some();
            if !vouched && key.revoked_at.is_none() {
                tracing::error!(kid = key.id, "a signing key that nobody sealed is left out");
            }
            vouched
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

    /// The key that signs at `now`: the last that has become active.
    ///
    /// A clock that stepped back before the first key became active is no reason to stop: the
    /// oldest key signs then.
    #[must_use]
    pub fn signer(&self, now: Timestamp) -> Option<&Key> {
        let mut able = self.0.iter().filter(|key| key.pair.is_some());
        let active = able.clone().rfind(|key| key.state(now) == State::Active);
        active.or_else(|| able.next())
    }

    /// The keys that the JWKS holds at `now`, the signing key first: some verifiers take the first.
    #[must_use]
    pub fn published(&self, now: Timestamp) -> Vec<&Key> {
        let signer = self.signer(now);
        let others = self.0.iter().filter(|key| {
            key.state(now).is_published() && signer.is_none_or(|signer| signer.id != key.id)
        });
        signer.into_iter().chain(others).collect()
    }

    /// The longest life, in microseconds, of a token that one of the keys may have signed: a client whose
    /// tokens live shorter by now may have had one that lives longer.
    #[must_use]
    pub fn longest_lifetime(&self) -> i64 {
        let lifetimes = self.0.iter().map(|key| key.stored.longest_lifetime);
        lifetimes.max().unwrap_or_default()
    }

    /// The published key with this `kid`.
    #[must_use]
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

/// The ring in force, exchanged whole when the store was read again.
#[derive(Default)]
pub struct Keys(RwLock<Arc<KeyRing>>);

impl Keys {
    /// Holds `ring`.
    #[must_use]
    pub fn new(ring: KeyRing) -> Self {
        Self(RwLock::new(Arc::new(ring)))
    }

    /// The ring in force.
    #[must_use]
    pub fn ring(&self) -> Arc<KeyRing> {
        let held = self
            .0
            .read()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        Arc::clone(&held)
    }

    /// Puts another ring in force.
    pub fn replace(&self, ring: KeyRing) {
        let mut held = self
            .0
            .write()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        *held = Arc::new(ring);
    }
}

/// Why a key cannot be made or used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeyError {
    /// No root secret opens the private half of this key.
    Sealed(String),
    /// The row of this key does not hold a key.
    Damaged(String),
    /// There is no private half to sign with.
    CannotSign,
    /// A key pair could not be made.
    CannotGenerate,
}

impl fmt::Display for KeyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sealed(id) => write!(
                f,
                "the root secret does not open signing key {id}: it was sealed by another; \
                 configure the root secret that this database was made with, or add it as a \
                 further line"
            ),
            Self::Damaged(id) => write!(f, "signing key {id} is damaged; restore a backup"),
            Self::CannotSign => f.write_str("the signing key has no private half"),
            Self::CannotGenerate => f.write_str("a signing key could not be made"),
        }
    }
}

impl std::error::Error for KeyError {}
