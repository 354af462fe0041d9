//! How a client is deleted, with all that is its own.

use sea_orm::entity::prelude::*;

use super::{ChangeError, Entity, Whom, lock_as_of};
use crate::audit::{Action, Cause, Event};
use crate::store::again::again;
use crate::store::session::{self, Ending};
use crate::store::{Store, client_origin, client_secret};

/// Deletes a client as [`remove`] does; `None` when there is no such client.
///
/// # Errors
///
/// What the database says.
pub async fn delete(store: &Store, id: &str, cause: &Cause) -> Result<Option<u64>, DbErr> {
    match remove(store, id, cause).await {
        Ok(ended) => Ok(Some(ended)),
        Err(ChangeError::Store(error)) => Err(error),
        Err(ChangeError::Gone | ChangeError::Stale) => Ok(None),
    }
}

/// Deletes a client with all that belongs to it and ends its sessions, and says how many.
///
/// # Errors
///
/// [`ChangeError`]; then nothing was deleted.
pub async fn remove(
    store: &Store,
    whom: impl Into<Whom<'_>>,
    cause: &Cause,
) -> Result<u64, ChangeError> {
    let whom = whom.into();
    again(|| try_remove(store, whom, cause)).await
}

async fn try_remove(store: &Store, whom: Whom<'_>, cause: &Cause) -> Result<u64, ChangeError> {
    let mut together = store.change_durably().await?;
    let connection = together.connection();
    lock_as_of(connection, whom).await?;
    let id = whom.id;
    let deletion = Entity::delete_by_id(id.to_owned());
    deletion.exec(connection).await?;
    // Together, or a later client of the same id would find them.
    client_origin::remove_all(connection, id).await?;
    client_secret::remove_all(connection, id).await?;
    connection.take_time().await?;
    let ended = session::end_of_client(connection, id, Ending::ClientDeleted, cause.at).await?;
    let event = Event::new(Action::ClientDeleted, cause).client(id);
    together.record(event.with("sessions_ended", ended)).await?;
    together.commit().await?;
    Ok(ended)
}
