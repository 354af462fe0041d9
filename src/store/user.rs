//! The table `users`: people who sign in.

use sea_orm::ActiveValue::Set;
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::ExprTrait as _;
use sea_orm::{QueryOrder, SqlErr};

use super::Store;
use super::session::{self, Ending};
use crate::audit::{Action, Actor, Cause, Event};
use crate::clock::Timestamp;

/// A person who signs in.
#[derive(Clone, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "users")]
pub struct Model {
    /// The `sub` of this user's tokens.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// In the normal form of [`Username`](crate::username::Username).
    #[sea_orm(unique)]
    pub username: String,
    /// A PHC string, or another form that [`password`](crate::password) verifies.
    pub password_hash: String,
    /// Separated by spaces.
    pub roles: String,
    /// How often all sessions of this user were ended at once. A session lives only in the epoch
    /// that it was born in, so that a sign-in which raced with a password change is dead at birth.
    pub session_epoch: i64,
    /// When the user was made.
    pub created_at: Timestamp,
    /// Since when the user may not sign in.
    pub disabled_at: Option<Timestamp>,
}

/// No user is related to another by a query yet.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

impl Model {
    /// The roles, in the order in which they were given.
    pub fn roles(&self) -> impl Iterator<Item = &str> {
        self.roles.split_whitespace()
    }
}

/// The password's hash stays out of the log.
impl std::fmt::Debug for Model {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("User")
            .field("id", &self.id)
            .field("username", &self.username)
            .finish_non_exhaustive()
    }
}

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

/// Adds a user.
///
/// # Errors
///
/// [`InsertError::Taken`] when the user name is.
pub async fn insert(store: &Store, user: Model, cause: &Cause) -> Result<(), InsertError> {
    let event = Event::new(Action::UserCreated, cause)
        .user(user.id)
        .with("username", user.username.clone())
        .with("roles", user.roles.clone());
    let row = ActiveModel {
        id: Set(user.id),
        username: Set(user.username),
        password_hash: Set(user.password_hash),
        roles: Set(user.roles),
        session_epoch: Set(user.session_epoch),
        created_at: Set(user.created_at),
        disabled_at: Set(user.disabled_at),
    };
    let mut together = store.change_durably().await?;
    Entity::insert(row)
        .exec_without_returning(together.connection())
        .await?;
    together.record(event).await?;
    Ok(together.commit().await?)
}

/// The user with this id.
///
/// # Errors
///
/// What the database says.
pub async fn find(store: &Store, id: Uuid) -> Result<Option<Model>, DbErr> {
    Entity::find_by_id(id).one(store.read()).await
}

/// The user with this name, in its normal form.
///
/// # Errors
///
/// What the database says.
pub async fn find_by_username(store: &Store, username: &str) -> Result<Option<Model>, DbErr> {
    Entity::find()
        .filter(Column::Username.eq(username))
        .one(store.read())
        .await
}

/// All users, by name.
///
/// # Errors
///
/// What the database says.
pub async fn list(store: &Store) -> Result<Vec<Model>, DbErr> {
    Entity::find()
        .order_by_asc(Column::Username)
        .all(store.read())
        .await
}

/// Whether there is any user.
///
/// # Errors
///
/// What the database says.
pub async fn any(store: &Store) -> Result<bool, DbErr> {
    Ok(Entity::find().one(store.read()).await?.is_some())
}

/// Replaces a hash by another of the same password, unless it was changed meanwhile. Ends nothing.
///
/// # Errors
///
/// What the database says.
pub async fn rehash(store: &Store, user: &Model, hash: String) -> Result<(), DbErr> {
    let writer = store.write_durably().await;
    Entity::update_many()
        .col_expr(Column::PasswordHash, Expr::value(hash))
        .filter(Column::Id.eq(user.id))
        .filter(Column::PasswordHash.eq(&user.password_hash))
        .exec(writer.connection())
        .await?;
    Ok(())
}

/// What ends all sessions of a user.
pub enum Change {
    /// A new password, as a hash.
    Password(String),
    /// The user may not sign in any more.
    Disable,
    /// The user is signed out everywhere.
    SignOut,
    /// The user is no more.
    Delete,
}

/// Makes a change that ends all sessions of the user, and says how many it ended; `None` when
/// there is no such user.
///
/// # Errors
///
/// What the database says.
pub async fn change(
    store: &Store,
    id: Uuid,
    change: Change,
    cause: &Cause,
) -> Result<Option<u64>, DbErr> {
    change_but(store, id, change, None, cause).await
}

/// The same, but for one session of the user, `kept`, which goes on.
///
/// # Errors
///
/// What the database says.
pub async fn change_but(
    store: &Store,
    id: Uuid,
    change: Change,
    kept: Option<Uuid>,
    cause: &Cause,
) -> Result<Option<u64>, DbErr> {
    let update = Entity::update_many()
        .col_expr(Column::SessionEpoch, Expr::col(Column::SessionEpoch).add(1))
        .filter(Column::Id.eq(id));
    let (update, ending, action) = match change {
        Change::Password(hash) => (
            Some(update.col_expr(Column::PasswordHash, Expr::value(hash))),
            Ending::PasswordChange,
            Action::PasswordChanged,
        ),
        Change::Disable => (
            Some(update.col_expr(Column::DisabledAt, Expr::value(cause.at))),
            Ending::UserDisabled,
            Action::UserDisabled,
        ),
        Change::SignOut => {
            let ending = match cause.actor {
                Actor::User(_) => Ending::SignOut,
                _ => Ending::Operator,
            };
            (Some(update), ending, Action::SessionsRevoked)
        }
        Change::Delete => (None, Ending::UserDeleted, Action::UserDeleted),
    };
    let mut together = store.change_durably().await?;
    let changed = if let Some(update) = update {
        let changed = update.exec_with_returning(together.connection()).await?;
        changed.into_iter().next()
    } else {
        let deletion = Entity::delete_by_id(id);
        deletion.exec_with_returning(together.connection()).await?
    };
    let Some(user) = changed else {
        return Ok(None);
    };
    // That alone ends the sessions, at once and whole; marking them is for those who read.
    let connection = together.connection();
    if let Some(kept) = kept {
        session::carry_over(connection, kept, id, user.session_epoch).await?;
    }
    let ended = session::end_of_user(connection, id, kept, ending, cause.at).await?;
    let event = Event::new(action, cause)
        .user(id)
        .with("username", user.username)
        .with("sessions_ended", ended);
    together.record(event).await?;
    together.commit().await?;
    Ok(Some(ended))
}

/// Lets a disabled user sign in again; what was ended stays ended. `false` when there is no such
/// user.
///
/// # Errors
///
/// What the database says.
pub async fn enable(store: &Store, id: Uuid, cause: &Cause) -> Result<bool, DbErr> {
    let mut together = store.change_durably().await?;
    let updated = Entity::update_many()
        .col_expr(Column::DisabledAt, Expr::value(Option::<i64>::None))
        .filter(Column::Id.eq(id))
        .exec_with_returning(together.connection())
        .await?;
    let Some(user) = updated.into_iter().next() else {
        return Ok(false);
    };
    let event = Event::new(Action::UserEnabled, cause)
        .user(id)
        .with("username", user.username);
    together.record(event).await?;
    together.commit().await?;
    Ok(true)
}
