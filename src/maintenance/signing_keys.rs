//! Refresh of the signing keys: loads, creates, reseals and deletes them.

use std::ops::RangeInclusive;

use sea_orm::DbErr;

use crate::audit::Cause;
use crate::clock::{Limits, Timestamp};
use crate::key::{self, KeyError, KeyRing, StoredKey, lifecycle};
use crate::server::AuthorizationServer;
use crate::store::{client, signing_key};

/// Why the signing keys could not be refreshed.
#[derive(Debug, thiserror::Error)]
pub enum MaintenanceError {
    /// A key could not be created or opened.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// A statement failed.
    #[error("store: {0}")]
    Store(#[from] DbErr),
}

/// Loads the signing keys, removes expired ones, creates the one that is due, and replaces the keys in memory.
/// After an error, the keys in memory stay. While the clock is in doubt, only the first key of a store is created, and
/// none is removed.
pub async fn refresh_keys(server: &AuthorizationServer) -> Result<(), MaintenanceError> {
    let now = server.clock.trusted_now();
    let is_certain = server.clock.doubt(Limits::MAINTENANCE).is_none();
    let keys = signing_key::list(&server.store).await?;
    // Fails first if the root secret is wrong: nodes with the right one could not open a key that this node
    // creates.
    clean_up(server, &keys, is_certain.then_some(now)).await?;
    record_longest_lifetime(server, &keys).await?;
    if let Some(due) = lifecycle::due(&keys, &server.settings, now)
        && (is_certain || due.unless == lifecycle::ANY_TIME)
    {
        let cause = Cause::system(now);
        add_key(server, due.activates_at, due.unless, &cause).await?;
    }
    let ring = KeyRing::open(
        signing_key::list(&server.store).await?,
        &server.root_secrets,
    )?;
    server.keys.replace(ring);
    Ok(())
}

/// Seals keys with the current root secret. At the time `now`, if it is certain, also deletes expired keys and erases
/// private halves that do not sign any more.
async fn clean_up(
    server: &AuthorizationServer,
    keys: &[StoredKey],
    now: Option<Timestamp>,
) -> Result<(), MaintenanceError> {
    let revoked_for = server.settings.keys.rotation_interval.0;
    for key in keys {
        let superseded_at = lifecycle::superseded_at(key, keys);
        if let Some(now) = now {
            let expired = now >= lifecycle::expires_at(key, superseded_at);
            let revoked = key.revoked_at.is_some_and(|at| at.plus(revoked_for) <= now);
            if expired || revoked {
                signing_key::delete(&server.store, &key.id, &Cause::system(now)).await?;
                continue;
            }
        }
        if let Some(sealed) = &key.sealed_private_key {
            let may_be_erased = now.is_some_and(|now| lifecycle::may_be_erased(superseded_at, now));
            update_seal(server, key, sealed, may_be_erased).await?;
        }
    }
    Ok(())
}

/// Erases the private half if `may_be_erased`, or seals it with the current root secret.
async fn update_seal(
    server: &AuthorizationServer,
    key: &StoredKey,
    sealed: &[u8],
    may_be_erased: bool,
) -> Result<(), MaintenanceError> {
    let secrets = &server.root_secrets;
    let opened = secrets
        .open(&key.id, sealed)
        .map_err(|_| KeyError::Sealed(key.id.clone()))?;
    let erase = may_be_erased && key.has_private_half();
    if erase || !opened.by_current {
        let content: &[u8] = if may_be_erased { &[] } else { &opened.plain };
        let resealed = secrets
            .seal(&key.id, content)
            .map_err(|_| KeyError::CannotGenerate)?;
        signing_key::replace_sealed(&server.store, &key.id, sealed, &resealed).await?;
    }
    Ok(())
}

/// Records a longer lifetime of access tokens in the keys before the first such token is signed. A key stays
/// published for the longest lifetime that was ever configured.
async fn record_longest_lifetime(
    server: &AuthorizationServer,
    keys: &[StoredKey],
) -> Result<(), MaintenanceError> {
    let longest = longest_lifetime(server).await?;
    if keys.iter().any(|key| key.longest_lifetime < longest) {
        signing_key::cover_all(&server.store, longest).await?;
    }
    Ok(())
}

/// Creates a key that signs from `activates_at` on and returns its id. `None` if another key becomes active
/// within `unless`.
pub(super) async fn add_key(
    server: &AuthorizationServer,
    activates_at: Timestamp,
    unless: RangeInclusive<Timestamp>,
    cause: &Cause,
) -> Result<Option<String>, MaintenanceError> {
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
