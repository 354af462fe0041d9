//! New clients.

use sea_orm::entity::prelude::*;
use serde_json::Value;

use super::change::{cover, row};
use super::{Entity, Model};
use crate::audit::{Action, Cause, Event};
use crate::store::again::again;
use crate::store::user::InsertError;
use crate::store::{Store, client_origin, client_secret};
use crate::web_origin::WebOrigin;

/// Adds a client with its secret and its origins, and sees to it that signing keys stay published for as
/// long as its tokens live.
///
/// # Errors
///
/// [`InsertError::Taken`] when the id is.
pub async fn insert(
    store: &Store,
    client: Model,
    secret: Option<client_secret::Model>,
    origins: &[WebOrigin],
    cause: &Cause,
) -> Result<(), InsertError> {
    again(|| try_insert(store, &client, secret.as_ref(), origins, cause)).await
}

async fn try_insert(
    store: &Store,
    client: &Model,
    secret: Option<&client_secret::Model>,
    origins: &[WebOrigin],
    cause: &Cause,
) -> Result<(), InsertError> {
    let mut together = store.change_durably().await?;
    let connection = together.connection();
    cover(connection, client).await?;
    let mut event = Event::new(Action::ClientCreated, cause)
        .client(&client.id)
        .with("confidential", client.confidential);
    for (name, value) in client.settings() {
        if value != Value::Null {
            event = event.with(name, value);
        }
    }
    Entity::insert(row(client.clone()))
        .exec_without_returning(connection)
        .await?;
    if let Some(secret) = secret {
        client_secret::insert(connection, secret.clone()).await?;
    }
    if client_origin::insert(connection, &client.id, origins).await? > 0 {
        event = event.with("origins", client_origin::joined(origins));
    }
    together.record(event).await?;
    Ok(together.commit().await?)
}
