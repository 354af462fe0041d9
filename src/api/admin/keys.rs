//! Signing keys: list them, replace them in time or at once.

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
use crate::maintenance::rotation::{self, Rotated, RotationError};
use crate::response::problem::Problem;
use crate::server::AuthorizationServer;
use crate::store::signing_key;

/// The door.
#[derive(Default)]
pub struct KeysDoor;

/// All signing keys, the newest first.
#[derive(Object)]
struct SigningKeys {
    /// The keys.
    keys: Vec<SigningKey>,
}

/// A key that signs access tokens, or did, or will.
#[derive(Object)]
pub struct SigningKey {
    /// Its `kid`, as in the JWKS and in tokens.
    kid: String,
    /// Where it is in its life.
    state: SigningKeyState,
    /// When it was made, in seconds since 1970.
    created_at: i64,
    /// From when on it signs, in seconds since 1970.
    activates_at: i64,
    /// Until when it is in the JWKS, in seconds since 1970; absent until its successor is known.
    #[oai(skip_serializing_if_is_none)]
    published_until: Option<i64>,
}

/// Where a key is in its life.
#[derive(Enum)]
#[oai(rename_all = "snake_case")]
pub enum SigningKeyState {
    /// In the JWKS, and does not sign yet.
    Next,
    /// Signs.
    Active,
    /// Signs no more; in the JWKS until the last token that it signed has expired.
    Retired,
    /// All that it signed has expired; it is deleted soon.
    Expired,
    /// Dropped at once.
    Revoked,
}

/// How the key is to be replaced.
#[derive(Object, Deserialize)]
#[serde(deny_unknown_fields)]
struct KeyRotation {
    /// A key is compromised: drop all keys at once, and sign with a new one. Every access token that is
    /// out becomes invalid, the one of this request too, and APIs refuse new tokens until they have
    /// fetched the keys again; refresh tokens are not touched.
    #[serde(default)]
    #[oai(default)]
    emergency: bool,
}

/// The key that was brought in.
#[derive(Object)]
pub struct RotatedKey {
    /// Its `kid`.
    kid: String,
    /// From when on it signs, in seconds since 1970.
    activates_at: i64,
    /// How many keys were dropped for it.
    keys_dropped: i64,
}

#[derive(ApiResponse)]
enum ListAnswer {
    /// The signing keys.
    #[oai(status = 200)]
    Ok(Json<SigningKeys>),
}

#[derive(ApiResponse)]
enum RotateAnswer {
    /// The new key is published.
    #[oai(status = 201)]
    Created(Json<RotatedKey>),
}

#[OpenApi(prefix_path = "/admin/keys", tag = "Tag::Admin")]
impl KeysDoor {
    /// List signing keys
    ///
    /// With their states and times.
    #[oai(path = "/", method = "get", operation_id = "listSigningKeys")]
    async fn list(
        &self,
        server: Data<&Arc<AuthorizationServer>>,
        #[oai(scope = "Scopes::Admin")] _administrator: Administrator,
    ) -> Result<ListAnswer, Problem> {
        let now = server.clock.now();
        let mut keys = signing_key::list(&server.store).await?;
        keys.sort_by_key(|key| std::cmp::Reverse(key.activates_at));
        let shown = keys.iter().map(|key| SigningKey::of(key, &keys, now));
        Ok(ListAnswer::Ok(Json(SigningKeys {
            keys: shown.collect(),
        })))
    }

    /// Rotate the signing key
    ///
    /// Brings in a new key. It is published at once, and signs when every cache knows it. While one is
    /// on its way, another is refused (409), unless it is an emergency.
    #[oai(path = "/", method = "post", operation_id = "rotateSigningKey")]
    async fn rotate(
        &self,
        server: Data<&Arc<AuthorizationServer>>,
        #[oai(scope = "Scopes::Admin")] administrator: Administrator,
        body: JsonBody<KeyRotation>,
    ) -> Result<RotateAnswer, Problem> {
        let cause = administrator.cause();
        let rotated = if body.0.emergency {
            rotation::replace_at_once(&server, cause).await?
        } else {
            rotation::rotate(&server, cause).await?
        };
        // Other nodes follow within keys.refresh_interval.
        maintenance::refresh_keys(&server)
            .await
            .map_err(|error| Problem::Failed(error.to_string()))?;
        Ok(RotateAnswer::Created(Json(rotated.into())))
    }
}

impl SigningKey {
    /// A key among all keys.
    #[must_use]
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

impl From<Rotated> for RotatedKey {
    fn from(rotated: Rotated) -> Self {
        Self {
            kid: rotated.kid,
            activates_at: rotated.activates_at.as_seconds(),
            keys_dropped: i64::try_from(rotated.dropped).unwrap_or(i64::MAX),
        }
    }
}

impl From<RotationError> for Problem {
    fn from(error: RotationError) -> Self {
        match error {
            RotationError::Early { .. } => Self::Conflict(
                format!(
                    "{error}. Rotate again after that, or, if a key is compromised, with emergency."
                )
                .into(),
            ),
            RotationError::Raced => Self::Conflict(error.to_string().into()),
            RotationError::Failed(error) => Self::Failed(error.to_string()),
        }
    }
}
