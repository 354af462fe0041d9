//! New users, and new hashes of old passwords.

use sea_orm::ActiveValue::Set;
use sea_orm::SqlErr;
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::Expr;

use super::{ActiveModel, Column, Entity, Model, with_roles};
use crate::audit::{Action, Cause, Event};
use crate::store::Store;
use crate::store::retry::RetryError;
use crate::store::writer::Durability;

/// Why a row could not be written.
#[derive(Debug)]
pub enum InsertError {
    /// There is one with this name or id already.
    Taken,
    /// The store failed.
    Store(DbErr),
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

/// Adds a user.
///
/// # Errors
///
/// [`InsertError::Taken`] when the user name is.
pub async fn insert(store: &Store, user: Model, cause: &Cause) -> Result<(), InsertError> {
    let event = Event::new(Action::UserCreated, cause).user(user.id);
    let event = with_roles(event, &user.roles).with("username", user.username.clone());
    let row = ActiveModel {
        id: Set(user.id),
        username: Set(user.username),
        password_hash: Set(user.password_hash),
        roles: Set(user.roles),
        session_epoch: Set(user.session_epoch),
        created_at: Set(user.created_at),
        disabled_at: Set(user.disabled_at),
        revision: Set(user.revision),
    };
    let (row, event) = (&row, &event);
    store
        .transaction(Durability::Durable, |tx| async move {
            Entity::insert(row.clone())
                .exec_without_returning(&tx)
                .await?;
            Ok(tx.record(event.clone()).await?)
        })
        .await
}

/// Replaces a hash by another of the same password, unless it was changed meanwhile. Ends nothing.
///
/// # Errors
///
/// What the database says.
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
