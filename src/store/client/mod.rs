//! The table `clients`: applications that ask for tokens.

mod change;
mod policy;

use std::time::Duration;

use sea_orm::QueryOrder;
use sea_orm::entity::prelude::*;

pub use change::{delete, disable, enable, insert, replace_secret};
pub use policy::{AccessTokenFormat, Policy};

use super::Store;
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
