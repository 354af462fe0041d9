//! Inserts users and replaces outdated password hashes.

use sea_orm::entity::prelude::*;
use sea_orm::sea_query::Expr;
use sea_orm::{IntoActiveModel as _, SqlErr};
use thiserror::Error;

use super::{Column, Entity, Model, with_roles};
use crate::audit::{Action, Cause, Event};
use crate::store::Store;
use crate::store::retry::RetryError;
use crate::store::transaction::Transaction;
use crate::store::writer::Durability;

/// The reason why a row was not inserted.
#[derive(Debug, Error)]
pub enum InsertError {
    /// Another row has the name or the id.
    #[error("the name or the id is taken")]
    Taken,
    /// The store failed.
    #[error("store: {0}")]
    Store(#[source] DbErr),
}

impl From<DbErr> for InsertError {
    fn from(error: DbErr) -> Self {
        match error.sql_err() {
            Some(SqlErr::UniqueConstraintViolation(_)) => Self::Taken,
            _ => Self::Store(error),
        }
    }
}

impl RetryError for InsertError {
    fn database_error(&self) -> Option<&DbErr> {
        match self {
            Self::Store(error) => Some(error),
            Self::Taken => None,
        }
    }
}

/// Inserts a user.
pub async fn insert(store: &Store, user: Model, cause: &Cause) -> Result<(), InsertError> {
    let user = &user;
    store
        .transaction(Durability::Durable, |tx| async move {
            Ok(insert_within(&tx, user, cause).await?)
        })
        .await
}

/// The same in an open transaction.
pub(super) async fn insert_within(
    tx: &Transaction<'_>,
    user: &Model,
    cause: &Cause,
) -> Result<(), DbErr> {
    let event = Event::new(Action::UserCreated, cause).user(user.id);
    let mut event = with_roles(event, &user.roles).with("username", user.username.clone());
    if user.disabled_at.is_some() {
        event = event.with("disabled", true);
    }
    let row = user.clone().into_active_model();
    Entity::insert(row).exec_without_returning(tx).await?;
    tx.record(event).await
}

/// Replaces a hash by another one of the same password, unless the hash was changed meanwhile.
pub async fn rehash(store: &Store, user: &Model, hash: &str) -> Result<(), DbErr> {
    store
        .write(Durability::Durable, |writer| async move {
            Entity::update_many()
                .col_expr(Column::PasswordHash, Expr::value(hash))
                .filter(Column::Id.eq(user.id))
                .filter(Column::PasswordHash.eq(&user.password_hash))
                .exec(writer.connection())
                .await
                .map(drop)
        })
        .await
}
