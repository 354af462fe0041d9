//! The table `clients`: applications that ask for tokens.

mod policy;

use std::time::Duration;

use sea_orm::ActiveValue::Set;
use sea_orm::entity::prelude::*;
use sea_orm::{QueryOrder, TransactionTrait as _};

pub use policy::{AccessTokenFormat, Policy};

use super::session::{self, Ending};
use super::user::InsertError;
use super::{Store, client_origin, signing_key};
use crate::clock::{Timestamp, micros};
use crate::scope::Scope;

/// An application that asks for tokens. Lifetimes and windows are in microseconds; what is `None`
/// follows the settings.
#[derive(Clone, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "clients")]
pub struct Model {
    /// The `client_id`; never the form of a user's id.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: String,
    /// For people who read a list of sessions.
    pub name: String,
    /// SHA-256 of the secret; `None` makes a public client.
    pub secret_digest: Option<Vec<u8>>,
    /// Separated by spaces.
    pub grant_types: String,
    /// What its tokens may allow, and what they do when the request names no scope.
    pub scope: String,
    /// Whom its tokens are for, separated by spaces; empty: the issuer itself.
    pub audience: String,
    /// How long an access token lives.
    pub access_token_lifetime: Option<i64>,
    /// How long a session lives at most.
    pub session_lifetime: Option<i64>,
    /// How long a session lives without being refreshed.
    pub session_idle_lifetime: Option<i64>,
    /// How long the same refresh token gets the same answer.
    pub retry_window: Option<i64>,
    /// `once` or `never`.
    pub late_retry: Option<String>,
    /// How many generations lie between two late retries that are forgiven.
    pub late_retry_spacing: Option<i64>,
    /// What its access tokens look like: `jwt` or `opaque`; `None`: `jwt`.
    pub access_token_format: Option<String>,
    /// When the client was made.
    pub created_at: Timestamp,
    /// Since when the client gets no tokens.
    pub disabled_at: Option<Timestamp>,
}

/// No client is related to another table by a query yet.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// The digest of the secret stays out of the log.
impl std::fmt::Debug for Model {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Client")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

impl Model {
    /// What its tokens may allow.
    #[must_use]
    pub fn scope(&self) -> Scope {
        Scope::from_stored(&self.scope)
    }

    /// Whom its tokens may be for; `issuer` when nothing else is registered.
    #[must_use]
    pub fn audience(&self, issuer: &str) -> Vec<String> {
        if self.audience.is_empty() {
            vec![issuer.to_owned()]
        } else {
            self.audience
                .split_whitespace()
                .map(str::to_owned)
                .collect()
        }
    }

    /// Whom its tokens are registered to be for; empty: nothing was registered.
    #[must_use]
    pub fn registered_audience(&self) -> Vec<&str> {
        self.audience.split_whitespace().collect()
    }

    /// Whether it can keep a secret, and has one.
    #[must_use]
    pub const fn is_confidential(&self) -> bool {
        self.secret_digest.is_some()
    }

    /// Whether it may use a grant type.
    #[must_use]
    pub fn allows(&self, grant_type: &str) -> bool {
        self.grant_types
            .split_whitespace()
            .any(|own| own == grant_type)
    }
}

/// Adds a client, and sees to it that signing keys stay published for as long as its tokens live.
///
/// # Errors
///
/// [`InsertError::Taken`] when the id is.
pub async fn insert(store: &Store, client: Model) -> Result<(), InsertError> {
    let writer = store.write_durably().await;
    if let Some(lifetime) = client.access_token_lifetime {
        signing_key::cover(&writer, lifetime).await?;
    }
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
        .exec_without_returning(writer.connection())
        .await?;
    Ok(())
}

/// The client with this id, disabled or not.
///
/// # Errors
///
/// What the database says.
pub async fn find(store: &Store, id: &str) -> Result<Option<Model>, DbErr> {
    Entity::find_by_id(id.to_owned()).one(store.read()).await
}

/// All clients, by id.
///
/// # Errors
///
/// What the database says.
pub async fn list(store: &Store) -> Result<Vec<Model>, DbErr> {
    Entity::find()
        .order_by_asc(Column::Id)
        .all(store.read())
        .await
}

/// The longest life of an access token that any client asks for itself, in microseconds.
///
/// # Errors
///
/// What the database says.
pub async fn longest_lifetime(store: &Store) -> Result<i64, DbErr> {
    let longest = Entity::find()
        .filter(Column::AccessTokenLifetime.is_not_null())
        .order_by_desc(Column::AccessTokenLifetime)
        .one(store.read())
        .await?;
    Ok(longest
        .and_then(|client| client.access_token_lifetime)
        .unwrap_or(micros(Duration::ZERO)))
}

/// Replaces the secret of a confidential client; `false` when there is no such client.
///
/// # Errors
///
/// What the database says.
pub async fn replace_secret(store: &Store, id: &str, digest: &[u8]) -> Result<bool, DbErr> {
    let writer = store.write_durably().await;
    let updated = Entity::update_many()
        .col_expr(Column::SecretDigest, Expr::value(digest.to_vec()))
        .filter(Column::Id.eq(id))
        .filter(Column::SecretDigest.is_not_null())
        .exec(writer.connection())
        .await?;
    Ok(updated.rows_affected == 1)
}

/// Disables a client and ends its sessions, and says how many; `None` when there is no such client.
///
/// # Errors
///
/// What the database says.
pub async fn disable(store: &Store, id: &str, now: Timestamp) -> Result<Option<u64>, DbErr> {
    let writer = store.write_durably().await;
    let updated = Entity::update_many()
        .col_expr(Column::DisabledAt, Expr::value(now))
        .filter(Column::Id.eq(id))
        .exec(writer.connection())
        .await?;
    if updated.rows_affected == 0 {
        return Ok(None);
    }
    session::end_of_client(&writer, id, Ending::ClientDisabled, now)
        .await
        .map(Some)
}

/// Lets a disabled client have tokens again; what was ended stays ended. `false` when there is no
/// such client.
///
/// # Errors
///
/// What the database says.
pub async fn enable(store: &Store, id: &str) -> Result<bool, DbErr> {
    let writer = store.write_durably().await;
    let updated = Entity::update_many()
        .col_expr(Column::DisabledAt, Expr::value(Option::<i64>::None))
        .filter(Column::Id.eq(id))
        .exec(writer.connection())
        .await?;
    Ok(updated.rows_affected == 1)
}

/// Deletes a client and ends its sessions, and says how many; `None` when there is no such client.
///
/// # Errors
///
/// What the database says.
pub async fn delete(store: &Store, id: &str, now: Timestamp) -> Result<Option<u64>, DbErr> {
    let writer = store.write_durably().await;
    // Together, or a later client of the same id would find them.
    let together = writer.connection().begin().await?;
    let gone = Entity::delete_by_id(id.to_owned()).exec(&together).await?;
    client_origin::remove_all(&together, id).await?;
    together.commit().await?;
    if gone.rows_affected == 0 {
        return Ok(None);
    }
    session::end_of_client(&writer, id, Ending::ClientDeleted, now)
        .await
        .map(Some)
}
