//! Changes of clients.

use jeton::audit::Cause;
use jeton::client::ClientPatch;
use jeton::clock::Clock;
use jeton::store::Store;
use jeton::store::client::{self, ClientError, UpdatedClient, ended_epoch};
use serde_json::{Value, json};

use super::{Jeton, secret_row};

impl Jeton {
    /// Adds a first-party client with the password grant, confidential if it has a secret. `change` may make the row
    /// what the rules refuse.
    pub async fn add_client(
        &self,
        id: &str,
        secret: Option<&str>,
        change: impl FnOnce(&mut client::Model),
    ) {
        let mut row = client::Model {
            confidential: secret.is_some(),
            grant_types: "password refresh_token".to_owned(),
            scope: "account read write".to_owned(),
            first_party: true,
            ..client::Model::new(id, self.now())
        };
        change(&mut row);
        let secret = secret.map(|secret| secret_row(id, secret, self.now()));
        client::insert(&self.server.store, row, secret, &self.cause())
            .await
            .unwrap();
    }

    /// Applies a JSON merge patch to the settings of a client.
    pub async fn change_client(&self, id: &str, patch: Value) {
        let (store, patch) = (&self.server.store, merge_patch(patch));
        let updated = client::update(store, id, &patch, &self.cause()).await;
        updated.unwrap();
    }

    /// Replaces the origins of a client.
    pub async fn set_origins(&self, id: &str, origins: &[&str]) {
        self.change_client(id, json!({ "origins": origins })).await;
    }
}

pub fn merge_patch(patch: Value) -> ClientPatch {
    serde_json::from_value(patch).unwrap()
}

/// Disables a client, marks its sessions as revoked and returns their number.
pub async fn disable(store: &Store, id: &str, cause: &Cause) -> Result<u64, ClientError> {
    let patch = ClientPatch::default().with("disabled", true);
    match client::update(store, id, &patch, cause).await?.ended {
        Some(ended) => mark_sessions(store, &ended, cause).await,
        None => Ok(0),
    }
}

/// Deletes a client, marks its sessions as revoked and returns their number.
pub async fn delete(store: &Store, id: &str, cause: &Cause) -> Result<u64, ClientError> {
    let ended = client::delete(store, id, cause).await?;
    mark_sessions(store, &ended, cause).await
}

async fn mark_sessions(
    store: &Store,
    ended: &ended_epoch::Model,
    cause: &Cause,
) -> Result<u64, ClientError> {
    let clock = Clock::standing_at(cause.at);
    Ok(ended_epoch::mark_sessions(store, ended, cause, &clock).await?)
}

pub async fn enable(store: &Store, id: &str, cause: &Cause) -> Result<UpdatedClient, ClientError> {
    let patch = ClientPatch::default().with("disabled", false);
    client::update(store, id, &patch, cause).await
}
