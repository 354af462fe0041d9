//! Deletion of clients.

use sea_orm::entity::prelude::*;

use super::{ClientError, Entity, lock_revision};
use crate::audit::{Action, Cause, Event};
use crate::store::again::again;
use crate::store::session::{self, Ending};
use crate::store::{Store, client_secret};

/// Deletes a client with its secrets, if it has this revision (`None`: any), ends its sessions and returns their
/// number.
pub async fn delete(
    store: &Store,
    id: &str,
    revision: Option<i64>,
    cause: &Cause,
) -> Result<u64, ClientError> {
    again(|| try_delete(store, id, revision, cause)).await
}

async fn try_delete(
    store: &Store,
    id: &str,
    revision: Option<i64>,
    cause: &Cause,
) -> Result<u64, ClientError> {
    let mut together = store.change_durably().await?;
    let connection = together.connection();
    lock_revision(connection, id, revision).await?;
    Entity::delete_by_id(id.to_owned()).exec(connection).await?;
    // In the same transaction, or a later client of the same id would have them.
    client_secret::remove_all(connection, id).await?;
    connection.take_time().await?;
    let ended = session::end_of_client(connection, id, Ending::ClientDeleted, cause.at).await?;
    let event = Event::new(Action::ClientDeleted, cause).client(id);
    together.record(event.with("sessions_ended", ended)).await?;
    together.commit().await?;
    Ok(ended)
}
