//! New clients.

use sea_orm::IntoActiveModel as _;
use sea_orm::entity::prelude::*;

use super::update::cover;
use super::{ClientError, Entity, Model};
use crate::audit::{Action, Cause, Event};
use crate::client::{ClientSettings, NewClient, check_retention};
use crate::store::user::InsertError;
use crate::store::writer::Durability;
use crate::store::{Store, client_secret};

/// Registers a client, if its id and settings are valid.
pub async fn register(store: &Store, new: NewClient, cause: &Cause) -> Result<Model, ClientError> {
    let settings = new.checked_settings().map_err(ClientError::Invalid)?;
    if let Some(invalid) = check_retention(&settings, store.session_retention) {
        return Err(invalid.into());
    }
    let client = Model {
        confidential: new.secret.is_some(),
        ..Model::new(&new.id, cause.at).with_settings(settings, cause.at)
    };
    let secret = new.secret.as_ref();
    let secret = secret.map(|secret| client_secret::Model::new(&new.id, secret, cause.at));
    insert(store, client.clone(), secret, cause).await?;
    Ok(client)
}

/// Inserts a client and its secret. Signing keys stay published for the lifetime of the client's tokens.
pub async fn insert(
    store: &Store,
    client: Model,
    secret: Option<client_secret::Model>,
    cause: &Cause,
) -> Result<(), InsertError> {
    let mut event = Event::new(Action::ClientCreated, cause)
        .client(&client.id)
        .with("confidential", client.confidential);
    for (name, value) in client.settings().changes_since(&ClientSettings::default()) {
        event = event.with(&name, value);
    }
    let (client, secret, event) = (&client, &secret, &event);
    store
        .transaction(Durability::Durable, |tx| async move {
            cover(&tx, client).await?;
            Entity::insert(client.clone().into_active_model().reset_all())
                .exec_without_returning(&tx)
                .await?;
            if let Some(secret) = secret {
                client_secret::insert(&tx, secret.clone()).await?;
            }
            Ok(tx.record(event.clone()).await?)
        })
        .await
}
