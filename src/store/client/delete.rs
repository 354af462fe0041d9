//! Deletion of clients.

use sea_orm::entity::prelude::*;

use super::{ClientError, Entity, lock_target};
use crate::audit::{Action, Cause, Event};
use crate::store::session::{self, Ending};
use crate::store::writer::Durability;
use crate::store::{Store, Target, client_secret};

/// Deletes a client with its secrets, ends its sessions and returns their number.
pub async fn delete<'a>(
    store: &Store,
    target: impl Into<Target<&'a str>>,
    cause: &Cause,
) -> Result<u64, ClientError> {
    let target = target.into();
    let id = target.id;
    store
        .transaction(Durability::Durable, |tx| async move {
            lock_target(&tx, target).await?;
            Entity::delete_by_id(id.to_owned()).exec(&tx).await?;
            // In the same transaction, or a later client of the same id would have them.
            client_secret::remove_all(&tx, id).await?;
            tx.remove_timeout().await?;
            let ended = session::revoke_of_client(&tx, id, Ending::ClientDeleted, cause.at).await?;
            let event = Event::new(Action::ClientDeleted, cause).client(id);
            tx.record(event.with("sessions_ended", ended)).await?;
            Ok(ended)
        })
        .await
}
