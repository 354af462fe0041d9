//! What changes clients, each change with the row of the audit log that tells of it.

use sea_orm::ActiveValue::Set;
use sea_orm::entity::prelude::*;

use super::{ActiveModel, Column, Entity, Model};
use crate::audit::{Action, Cause, Event};
use crate::store::session::{self, Ending};
use crate::store::together::Together;
use crate::store::user::InsertError;
use crate::store::{Store, client_origin, signing_key};

/// Adds a client, and sees to it that signing keys stay published for as long as its tokens live.
///
/// # Errors
///
/// [`InsertError::Taken`] when the id is.
pub async fn insert(store: &Store, client: Model, cause: &Cause) -> Result<(), InsertError> {
    let mut together = store.change_durably().await?;
    if let Some(lifetime) = client.access_token_lifetime {
        signing_key::cover(together.connection(), lifetime).await?;
    }
    let event = Event::new(Action::ClientCreated, cause)
        .client(&client.id)
        .with("confidential", client.secret_digest.is_some())
        .with("grant_types", client.grant_types.clone())
        .with("scope", client.scope.clone())
        .with("audience", client.audience.clone());
    let row = ActiveModel {
        id: Set(client.id),
        name: Set(client.name),
        secret_digest: Set(client.secret_digest),
        grant_types: Set(client.grant_types),
        scope: Set(client.scope),
        audience: Set(client.audience),
        access_token_lifetime: Set(client.access_token_lifetime),
        session_lifetime: Set(client.session_lifetime),
        session_idle_lifetime: Set(client.session_idle_lifetime),
        retry_window: Set(client.retry_window),
        late_retry: Set(client.late_retry),
        late_retry_spacing: Set(client.late_retry_spacing),
        access_token_format: Set(client.access_token_format),
        created_at: Set(client.created_at),
        disabled_at: Set(client.disabled_at),
    };
    Entity::insert(row)
        .exec_without_returning(together.connection())
        .await?;
    together.record(event).await?;
    Ok(together.commit().await?)
}

/// Replaces the secret of a confidential client; `false` when there is no such client.
///
/// # Errors
///
/// What the database says.
pub async fn replace_secret(
    store: &Store,
    id: &str,
    digest: &[u8],
    cause: &Cause,
) -> Result<bool, DbErr> {
    let mut together = store.change_durably().await?;
    let updated = Entity::update_many()
        .col_expr(Column::SecretDigest, Expr::value(digest.to_vec()))
        .filter(Column::Id.eq(id))
        .filter(Column::SecretDigest.is_not_null())
        .exec(together.connection())
        .await?;
    if updated.rows_affected == 0 {
        return Ok(false);
    }
    let event = Event::new(Action::ClientSecretReplaced, cause).client(id);
    together.record(event).await?;
    together.commit().await?;
    Ok(true)
}

/// Disables a client and ends its sessions, and says how many; `None` when there is no such client.
///
/// # Errors
///
/// What the database says.
pub async fn disable(store: &Store, id: &str, cause: &Cause) -> Result<Option<u64>, DbErr> {
    let together = store.change_durably().await?;
    let updated = Entity::update_many()
        .col_expr(Column::DisabledAt, Expr::value(cause.at))
        .filter(Column::Id.eq(id))
        .exec(together.connection())
        .await?;
    if updated.rows_affected == 0 {
        return Ok(None);
    }
    let event = Event::new(Action::ClientDisabled, cause).client(id);
    let ended = end_sessions(together, Ending::ClientDisabled, event).await?;
    Ok(Some(ended))
}

/// Lets a disabled client have tokens again; what was ended stays ended. `false` when there is no
/// such client.
///
/// # Errors
///
/// What the database says.
pub async fn enable(store: &Store, id: &str, cause: &Cause) -> Result<bool, DbErr> {
    let mut together = store.change_durably().await?;
    let updated = Entity::update_many()
        .col_expr(Column::DisabledAt, Expr::value(Option::<i64>::None))
        .filter(Column::Id.eq(id))
        .exec(together.connection())
        .await?;
    if updated.rows_affected == 0 {
        return Ok(false);
    }
    let event = Event::new(Action::ClientEnabled, cause).client(id);
    together.record(event).await?;
    together.commit().await?;
    Ok(true)
}

/// Deletes a client and ends its sessions, and says how many; `None` when there is no such client.
///
/// # Errors
///
/// What the database says.
pub async fn delete(store: &Store, id: &str, cause: &Cause) -> Result<Option<u64>, DbErr> {
    let together = store.change_durably().await?;
    let deletion = Entity::delete_by_id(id.to_owned());
    let gone = deletion.exec(together.connection()).await?;
    // Together, or a later client of the same id would find them.
    client_origin::remove_all(together.connection(), id).await?;
    if gone.rows_affected == 0 {
        together.commit().await?;
        return Ok(None);
    }
    let event = Event::new(Action::ClientDeleted, cause).client(id);
    let ended = end_sessions(together, Ending::ClientDeleted, event).await?;
    Ok(Some(ended))
}

/// Ends the sessions of the client that `event` concerns, and commits.
async fn end_sessions(mut together: Together<'_>, why: Ending, event: Event) -> Result<u64, DbErr> {
    let id = event.client_id.as_deref().unwrap_or_default();
    let at = event.cause.at;
    let ended = session::end_of_client(together.connection(), id, why, at).await?;
    together.record(event.with("sessions_ended", ended)).await?;
    together.commit().await?;
    Ok(ended)
}
