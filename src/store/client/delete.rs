//! Deletion of clients.

use sea_orm::entity::prelude::*;

use super::{ClientError, Entity, ended_epoch, lock_target};
use crate::audit::{Action, Cause, Event};
use crate::store::session::Ending;
use crate::store::writer::Durability;
use crate::store::{Store, Target, client_secret, consent};

/// Deletes a client with its secrets and the consents for it. Its sessions are refused from now on, and still to be marked as revoked.
pub async fn delete<'a>(
    store: &Store,
    target: impl Into<Target<&'a str>>,
    cause: &Cause,
) -> Result<ended_epoch::Model, ClientError> {
    let target = target.into();
    let id = target.id;
    store
        .transaction(Durability::Durable, |tx| async move {
            let client = lock_target(&tx, target).await?;
            if client.is_reserved() {
                return Err(ClientError::Reserved);
            }
            Entity::delete_by_id(id.to_owned()).exec(&tx).await?;
            // In the same transaction, or a later client of the same id would have them.
            client_secret::remove_all(&tx, id).await?;
            consent::delete_of_client(&tx, id).await?;
            let event = Event::new(Action::ClientDeleted, cause).client(id);
            tx.record(event).await?;
            Ok(ended_epoch::insert(&tx, &client, Ending::ClientDeleted, cause.at).await?)
        })
        .await
}
