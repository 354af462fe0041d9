//! Signing keys: list, rotate.

use std::sync::Arc;

use poem::web::Data;
use poem_openapi::payload::Json;
use poem_openapi::{ApiResponse, Enum, Object, OpenApi};
use serde::Deserialize;

use super::Tag;
use super::administrator::Administrator;
use crate::api::bearer::Scopes;
use crate::api::json_body::JsonBody;
use crate::clock::Timestamp;
use crate::key::{State, StoredKey, lifecycle};
use crate::maintenance;
use crate::maintenance::key_rotation::{self, KeyRotationError, Rotation};
use crate::response::problem::Problem;
use crate::server::AuthorizationServer;
use crate::store::signing_key;

/// The endpoints of signing keys.
#[derive(Default)]
pub struct KeysApi;

/// All signing keys, newest first.
#[derive(Object)]
struct SigningKeys {
    /// The keys.
    keys: Vec<SigningKey>,
}

/// A key for signing access tokens.
#[derive(Object)]
pub struct SigningKey {
    /// The `kid` in the JWKS and in tokens.
    kid: String,
    /// State of the key.
    state: SigningKeyState,
    /// Time of the creation, since which the key is in the JWKS, in seconds since 1970.
    created_at: i64,
    /// Time from which the key signs, in seconds since 1970.
    activates_at: i64,
    /// Time until which the key is in the JWKS, in seconds since 1970; absent while it has no successor.
    #[oai(skip_serializing_if_is_none)]
    published_until: Option<i64>,
}

/// State of a signing key.
#[derive(Enum)]
#[oai(rename_all = "snake_case")]
pub enum SigningKeyState {
    /// In the JWKS, does not sign yet.
    Next,
    /// Signs.
    Active,
    /// Does not sign any more; in the JWKS until the last token that it signed has expired.
    Retired,
    /// All tokens that it signed have expired; it will be deleted.
    Expired,
    /// Dropped by an emergency rotation.
    Revoked,
}

/// Parameters of a key rotation.
#[derive(Object, Deserialize)]
#[serde(deny_unknown_fields)]
struct KeyRotation {
    /// Whether the published next key signs at the earliest safe time: caches that obey `Cache-Control` have it. If
    /// none is published, a new one is. APIs that keep keys longer may refuse new tokens. Not with `emergency`.
    #[serde(default)]
    #[oai(default)]
    soon: bool,
    /// Whether a key is compromised: the published next key, or a new one if there is none, signs at once, and all
    /// others are dropped. Every access token becomes invalid, that of this request too. APIs that do not have the
    /// key yet refuse new tokens until they fetch the keys again. Refresh tokens stay valid.
    #[serde(default)]
    #[oai(default)]
    emergency: bool,
    /// Whether the published next key is dropped too and a new one signs, because the database and the root secret
    /// were stolen. Only with `emergency`.
    #[serde(default)]
    #[oai(default)]
    drop_next: bool,
}

/// The key that signs from now on, or next.
#[derive(Object)]
pub struct RotatedKey {
    /// The `kid`.
    kid: String,
    /// Time since which the key is in the JWKS, in seconds since 1970.
    created_at: i64,
    /// Time from which the key signs, in seconds since 1970.
    activates_at: i64,
    /// Number of keys that were dropped.
    keys_dropped: i64,
}

#[derive(ApiResponse)]
enum KeyListResponse {
    /// The signing keys.
    #[oai(status = 200)]
    Ok(Json<SigningKeys>),
}

#[derive(ApiResponse)]
enum RotateKeyResponse {
    /// The key is published.
    #[oai(status = 200)]
    Ok(Json<RotatedKey>),
}

#[OpenApi(prefix_path = "/admin/keys", tag = "Tag::Admin")]
impl KeysApi {
    /// List signing keys
    ///
    /// All signing keys with their states and times, newest first.
    #[oai(path = "/", method = "get", operation_id = "listSigningKeys")]
    async fn list(
        &self,
        server: Data<&Arc<AuthorizationServer>>,
        #[oai(scope = "Scopes::Admin")] _administrator: Administrator,
    ) -> Result<KeyListResponse, Problem> {
        let now = server.clock.now();
        let mut keys = signing_key::list(&server.store).await?;
        keys.sort_by_key(|key| std::cmp::Reverse(key.activates_at));
        let shown = keys.iter().map(|key| SigningKey::of(key, &keys, now));
        Ok(KeyListResponse::Ok(Json(SigningKeys {
            keys: shown.collect(),
        })))
    }

    /// Rotate the signing key
    ///
    /// Publishes a new key. It signs after `keys.announce` (7 days by default), because many APIs cache keys for long.
    /// Until then another rotation is refused (409), except with `soon` and in an emergency.
    #[oai(path = "/", method = "post", operation_id = "rotateSigningKey")]
    async fn rotate(
        &self,
        server: Data<&Arc<AuthorizationServer>>,
        #[oai(scope = "Scopes::Admin")] administrator: Administrator,
        body: JsonBody<KeyRotation>,
    ) -> Result<RotateKeyResponse, Problem> {
        let cause = administrator.cause();
        let rotation = match body.0.checked()? {
            KeyRotation {
                emergency: true,
                drop_next,
                ..
            } => key_rotation::replace_at_once(&server, drop_next, &cause).await?,
            KeyRotation { soon: true, .. } => key_rotation::rotate_soon(&server, &cause).await?,
            _ => key_rotation::rotate(&server, &cause).await?,
        };
        // Other nodes read it within keys.refresh_interval.
        maintenance::refresh_keys(&server)
            .await
            .map_err(|error| Problem::Failed(error.to_string()))?;
        Ok(RotateKeyResponse::Ok(Json(rotation.into())))
    }
}

impl KeyRotation {
    fn checked(self) -> Result<Self, Problem> {
        if self.soon && self.emergency {
            Err(Problem::invalid("soon", "not together with emergency"))
        } else if self.drop_next && !self.emergency {
            Err(Problem::invalid("drop_next", "only with emergency"))
        } else {
            Ok(self)
        }
    }
}

impl SigningKey {
    /// A key among all keys.
    pub fn of(key: &StoredKey, all: &[StoredKey], now: Timestamp) -> Self {
        let superseded_at = lifecycle::superseded_at(key, all);
        let until = key
            .revoked_at
            .or_else(|| superseded_at.map(|_| lifecycle::expires_at(key, superseded_at)));
        Self {
            kid: key.id.clone(),
            state: match lifecycle::state(key, superseded_at, now) {
                State::Next => SigningKeyState::Next,
                State::Active => SigningKeyState::Active,
                State::Retired => SigningKeyState::Retired,
                State::Expired => SigningKeyState::Expired,
                State::Revoked => SigningKeyState::Revoked,
            },
            created_at: key.created_at.as_seconds(),
            activates_at: key.activates_at.as_seconds(),
            published_until: until.map(Timestamp::as_seconds),
        }
    }
}

impl From<Rotation> for RotatedKey {
    fn from(rotation: Rotation) -> Self {
        Self {
            kid: rotation.kid,
            created_at: rotation.published_at.as_seconds(),
            activates_at: rotation.activates_at.as_seconds(),
            keys_dropped: i64::try_from(rotation.revoked).unwrap_or(i64::MAX),
        }
    }
}

impl From<KeyRotationError> for Problem {
    fn from(error: KeyRotationError) -> Self {
        match error {
            KeyRotationError::Early { .. } => Self::Conflict(
                format!(
                    "{error}. Rotate with soon to let it sign at the earliest safe time, or, if a key is compromised, with emergency."
                )
                .into(),
            ),
            KeyRotationError::Raced | KeyRotationError::Doubt(_) => {
                Self::Conflict(error.to_string().into())
            }
            KeyRotationError::Failed(error) => Self::Failed(error.to_string()),
        }
    }
}
