//! What runs beside the requests: signing keys come and go, what is old is swept.

pub mod clock;
pub mod rotation;
pub mod sweep;

use std::fmt;
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::{Duration, Instant};

use sea_orm::DbErr;
use sweep::Sweeper;

use crate::audit::Cause;
use crate::clock::{JumpDetector, Timestamp};
use crate::key::{self, KeyError, KeyRing, StoredKey, lifecycle};
use crate::server::AuthorizationServer;
use crate::store::{client, signing_key};

/// Nothing is swept for this long after the clock was set: it may be set back.
const CAUTION: Duration = Duration::from_hours(1);

/// Keeps house until the task is dropped. Keys are looked after however long the sweeping takes: every cache
/// counts on that.
pub async fn run(server: Arc<AuthorizationServer>) {
    tokio::join!(keep_keys(&server), keep_swept(&server));
}

async fn keep_keys(server: &AuthorizationServer) {
    loop {
        if let Err(error) = clock::compare(server).await {
            tracing::warn!(%error, "the clock could not be compared with the database's");
        }
        tokio::time::sleep(server.settings.keys.refresh_interval.0).await;
        server.throttle.sweep(server.clock.now());
        if let Err(error) = refresh_keys(server).await {
            tracing::error!(%error, "signing keys could not be looked after; the last stay in force");
        }
    }
}

async fn keep_swept(server: &AuthorizationServer) {
    let mut jumps = JumpDetector::start(server.clock.now());
    let mut cautious_until = None;
    let sweeper = Sweeper::new();
    loop {
        tokio::time::sleep(server.settings.keys.refresh_interval.0).await;
        if let Some(micros) = jumps.look(server.clock.now()) {
            tracing::warn!(
                seconds = micros / 1_000_000,
                "the clock was set; check it. Sessions are kept, and none is swept for an hour"
            );
            cautious_until = Some(Instant::now() + CAUTION);
        }
        if cautious_until.is_none_or(|until| until <= Instant::now()) {
            sweeper.sweep(server).await;
        }
    }
}

/// Reads the signing keys again, erases what is past, makes the one that is due, and puts the ring
/// in force.
///
/// # Errors
///
/// [`UpkeepError`]; the ring that was in force stays so.
pub async fn refresh_keys(server: &AuthorizationServer) -> Result<(), UpkeepError> {
    let now = server.clock.now();
    let keys = signing_key::list(&server.store).await?;
    // First of all, because it fails when the root secret is foreign: a key that was sealed by that
    // would lock out every node that has the right one.
    tidy(server, &keys, now).await?;
    cover_lifetimes(server, &keys).await?;
    if let Some(activates_at) = lifecycle::due(&keys, &server.settings, now) {
        let unless = if keys.iter().all(|key| key.revoked_at.is_some()) {
            lifecycle::ANY_TIME
        } else {
            now..=activates_at
        };
        let cause = Cause::system(server.clock.now());
        add_key(server, activates_at, unless, &cause).await?;
    }
    let ring = KeyRing::open(
        signing_key::list(&server.store).await?,
        &server.root_secrets,
    )?;
    server.keys.replace(ring);
    Ok(())
}

/// Makes a key that signs from `activates_at` on, unless another becomes active within `unless`; its
/// id, if it did.
///
/// # Errors
///
/// [`UpkeepError`] when it cannot be made or stored.
pub async fn add_key(
    server: &AuthorizationServer,
    activates_at: Timestamp,
    unless: RangeInclusive<Timestamp>,
    cause: &Cause,
) -> Result<Option<String>, UpkeepError> {
    let bits = server.settings.keys.bits;
    let (jwk, pkcs8) = tokio::task::spawn_blocking(move || key::generate(bits))
        .await
        .map_err(|_| KeyError::CannotGenerate)??;
    let id = jwk.common.key_id.clone().ok_or(KeyError::CannotGenerate)?;
    let sealed = server
        .root_secrets
        .seal(&id, &pkcs8)
        .map_err(|_| KeyError::CannotGenerate)?;
    let stored = StoredKey {
        public_jwk: serde_json::to_string(&jwk).map_err(|_| KeyError::CannotGenerate)?,
        sealed_private_key: Some(sealed),
        created_at: cause.at,
        activates_at,
        longest_lifetime: longest_lifetime(server).await?,
        revoked_at: None,
        id: id.clone(),
    };
    let inserted = signing_key::insert(&server.store, &stored, unless, cause).await?;
    Ok(inserted.then_some(id))
}

async fn longest_lifetime(server: &AuthorizationServer) -> Result<i64, DbErr> {
    let of_clients = client::longest_lifetime(&server.store).await?;
    Ok(lifecycle::longest_lifetime(&server.settings, of_clients))
}

/// A key stays published for the longest token that any setting has let it sign; settings that have
/// grown are written down before the first such token is signed, and never taken back.
async fn cover_lifetimes(
    server: &AuthorizationServer,
    keys: &[StoredKey],
) -> Result<(), UpkeepError> {
    let longest = longest_lifetime(server).await?;
    if keys.iter().any(|key| key.longest_lifetime < longest) {
        signing_key::cover_all(&server.store, longest).await?;
    }
    Ok(())
}

/// Seals again what an older root secret sealed, erases private halves that sign no more, and
/// deletes keys whose tokens have all expired.
async fn tidy(
    server: &AuthorizationServer,
    keys: &[StoredKey],
    now: Timestamp,
) -> Result<(), UpkeepError> {
    for key in keys {
        let superseded_at = lifecycle::superseded_at(key, keys);
        let expired = now >= lifecycle::expires_at(key, superseded_at);
        let revoked = key
            .revoked_at
            .is_some_and(|at| at.plus(server.settings.keys.rotation_interval.0) <= now);
        if expired || revoked {
            signing_key::delete(&server.store, &key.id, &Cause::system(now)).await?;
            continue;
        }
        if let Some(sealed) = &key.sealed_private_key {
            tidy_seal(
                server,
                key,
                sealed,
                lifecycle::may_be_erased(superseded_at, now),
            )
            .await?;
        }
    }
    Ok(())
}

/// Erases the private half, or seals it again if an older root secret did.
async fn tidy_seal(
    server: &AuthorizationServer,
    key: &StoredKey,
    sealed: &[u8],
    may_be_erased: bool,
) -> Result<(), UpkeepError> {
    let secrets = &server.root_secrets;
    let opened = secrets
        .open(&key.id, sealed)
        .map_err(|_| KeyError::Sealed(key.id.clone()))?;
    let erase = may_be_erased && key.has_private_half();
    if erase || !opened.by_current {
        let content: &[u8] = if may_be_erased { &[] } else { &opened.plain };
        let again = secrets
            .seal(&key.id, content)
            .map_err(|_| KeyError::CannotGenerate)?;
        signing_key::replace_sealed(&server.store, &key.id, sealed, &again).await?;
    }
    Ok(())
}

/// Why the signing keys could not be looked after.
#[derive(Debug)]
pub enum UpkeepError {
    /// A key could not be made or opened.
    Key(KeyError),
    /// The store failed.
    Store(DbErr),
}

impl From<KeyError> for UpkeepError {
    fn from(error: KeyError) -> Self {
        Self::Key(error)
    }
}

impl From<DbErr> for UpkeepError {
    fn from(error: DbErr) -> Self {
        Self::Store(error)
    }
}

impl fmt::Display for UpkeepError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Key(error) => error.fmt(f),
            Self::Store(error) => write!(f, "store: {error}"),
        }
    }
}

impl std::error::Error for UpkeepError {}
