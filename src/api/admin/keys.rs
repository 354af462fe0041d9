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
use crate::maintenance::key_rotation::{self, KeyRotationError, NewSigningKey};
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
    /// Time of the creation, in seconds since 1970.
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
    /// Whether a key is compromised: all keys are dropped at once, and a new one signs. Every access token becomes
    /// invalid, that of this request too, and APIs refuse new tokens until they fetch the keys again. Refresh tokens
    /// stay valid.
    #[serde(default)]
    #[oai(default)]
    emergency: bool,
}

/// The new key.
#[derive(Object)]
pub struct RotatedKey {
    /// The `kid`.
    kid: String,
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
    /// The new key is published.
    #[oai(status = 201)]
    Created(Json<RotatedKey>),
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
    /// Publishes a new key. It signs as soon as every cache of the JWKS has it. Until then another rotation is
    /// refused (409), except in an emergency.
    #[oai(path = "/", method = "post", operation_id = "rotateSigningKey")]
    async fn rotate(
        &self,
        server: Data<&Arc<AuthorizationServer>>,
        #[oai(scope = "Scopes::Admin")] administrator: Administrator,
        body: JsonBody<KeyRotation>,
    ) -> Result<RotateKeyResponse, Problem> {
        let cause = administrator.cause();
        let rotated = if body.0.emergency {
            key_rotation::replace_at_once(&server, cause).await?
        } else {
            key_rotation::rotate(&server, cause).await?
        };
        // Other nodes read it within keys.refresh_interval.
        maintenance::refresh_keys(&server)
            .await
            .map_err(|error| Problem::Failed(error.to_string()))?;
        Ok(RotateKeyResponse::Created(Json(rotated.into())))
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

impl From<NewSigningKey> for RotatedKey {
    fn from(rotated: NewSigningKey) -> Self {
        Self {
            kid: rotated.kid,
            activates_at: rotated.activates_at.as_seconds(),
            keys_dropped: i64::try_from(rotated.revoked).unwrap_or(i64::MAX),
        }
    }
}

impl From<KeyRotationError> for Problem {
    fn from(error: KeyRotationError) -> Self {
        match error {
            KeyRotationError::Early { .. } => Self::Conflict(
                format!(
                    "{error}. Rotate again after that, or, if a key is compromised, with emergency."
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
