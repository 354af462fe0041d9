//! The table `client_secrets`. A client may have several secrets, so that a new one can be distributed before the
//! old one is removed.

use sea_orm::entity::prelude::*;
use sea_orm::{ActiveValue::Set, QueryOrder};
use thiserror::Error;

use crate::audit::{Action, Cause, Event};
use crate::client::secret::{NewSecret, secret_digest};
use crate::clock::{Timestamp, time_ordered_id};
use crate::store::retry::RetryError;
use crate::store::writer::Durability;
use crate::store::{Store, client};

/// The maximum number of secrets of a client: each is compared on each request, and an unused secret can be stolen.
pub const MAX_SECRETS: usize = 5;

/// A secret of a client.
#[derive(Clone, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "client_secrets")]
#[expect(missing_docs, reason = "the names say it")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub client_id: String,
    /// SHA-256 of the secret.
    pub digest: Vec<u8>,
    pub created_at: Timestamp,
    /// `None`: the secret is valid until it is removed.
    pub expires_at: Option<Timestamp>,
}

/// The owner of a secret.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {
    /// The client.
    #[sea_orm(
        belongs_to = "client::Entity",
        from = "Column::ClientId",
        to = "client::Column::Id"
    )]
    Client,
}

impl ActiveModelBehavior for ActiveModel {}

/// The digest stays out of the log.
impl std::fmt::Debug for Model {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ClientSecret")
            .field("id", &self.id)
            .field("client_id", &self.client_id)
            .finish_non_exhaustive()
    }
}

impl Model {
    /// The row of a new secret.
    pub fn new(client_id: &str, secret: &NewSecret, now: Timestamp) -> Self {
        Self {
            id: time_ordered_id(now),
            client_id: client_id.to_owned(),
            digest: secret_digest(secret.text().expose()).to_vec(),
            created_at: now,
            expires_at: secret.expires_in().map(|lifetime| now.plus(lifetime)),
        }
    }

    /// Whether the secret has not expired at `now`.
    pub fn is_alive(&self, now: Timestamp) -> bool {
        self.expires_at.is_none_or(|end| end > now)
    }
}

/// The reason why a secret was neither added nor removed.
#[derive(Debug, Error)]
pub enum SecretError {
    /// There is no such client, or it is public.
    #[error("there is no confidential client with that id")]
    NoClient,
    /// The client has [`MAX_SECRETS`] secrets that have not expired.
    #[error("the client has {MAX_SECRETS} secrets already")]
    TooMany,
    /// The client has no such secret.
    #[error("the client has no such secret")]
    NoSecret,
    /// It is the last secret that has not expired.
    #[error("it is the client's last secret")]
    Last,
    /// The store failed.
    #[error("store: {0}")]
    Store(#[from] DbErr),
}

impl RetryError for SecretError {
    fn database_error(&self) -> Option<&DbErr> {
        match self {
            Self::Store(error) => Some(error),
            _ => None,
        }
    }
}

/// Adds a secret to a confidential client, and removes its expired secrets.
pub async fn add(
    store: &Store,
    client_id: &str,
    secret: &NewSecret,
    cause: &Cause,
) -> Result<Model, SecretError> {
    let row = Model::new(client_id, secret, cause.at);
    let mut event = Event::new(Action::ClientSecretAdded, cause)
        .client(client_id)
        .with("secret_id", row.id.to_string());
    if let Some(end) = row.expires_at {
        event = event.with("expires_at", end.as_seconds());
    }
    let (secret, event) = (&row, &event);
    store
        .transaction(Durability::Durable, |tx| async move {
            let own = lock(&tx, client_id).await?;
            let (valid, expired): (Vec<_>, Vec<_>) =
                own.into_iter().partition(|own| own.is_alive(cause.at));
            if valid.len() >= MAX_SECRETS {
                return Err(SecretError::TooMany);
            }
            Entity::delete_many()
                .filter(Column::Id.is_in(expired.iter().map(|secret| secret.id)))
                .exec(&tx)
                .await?;
            client::touch(&tx, client_id).await?;
            insert(&tx, secret.clone()).await?;
            Ok(tx.record(event.clone()).await?)
        })
        .await?;
    Ok(row)
}

/// Removes a secret of a client, unless it is the last one that has not expired.
pub async fn remove(
    store: &Store,
    client_id: &str,
    id: Uuid,
    cause: &Cause,
) -> Result<(), SecretError> {
    store
        .transaction(Durability::Durable, |tx| async move {
            let own = lock(&tx, client_id).await?;
            let (removed, kept): (Vec<_>, Vec<_>) = own.into_iter().partition(|own| own.id == id);
            let removed = removed.first().ok_or(SecretError::NoSecret)?;
            let is_alive = |secret: &Model| secret.is_alive(cause.at);
            if is_alive(removed) && !kept.iter().any(is_alive) {
                return Err(SecretError::Last);
            }
            Entity::delete_by_id(id).exec(&tx).await?;
            client::touch(&tx, client_id).await?;
            let event = Event::new(Action::ClientSecretRemoved, cause)
                .client(client_id)
                .with("secret_id", id.to_string());
            Ok(tx.record(event).await?)
        })
        .await
}

/// The secrets of a confidential client, locked until the transaction ends.
async fn lock(
    connection: &impl ConnectionTrait,
    client_id: &str,
) -> Result<Vec<Model>, SecretError> {
    let found = client::lock(connection, client_id).await?;
    if found.is_none_or(|client| !client.confidential) {
        return Err(SecretError::NoClient);
    }
    Ok(own(client_id).all(connection).await?)
}

/// The secrets of a client, expired or not, the oldest first.
pub async fn of_client(store: &Store, client_id: &str) -> Result<Vec<Model>, DbErr> {
    own(client_id).all(store.read()).await
}

fn own(client_id: &str) -> Select<Entity> {
    Entity::find()
        .filter(Column::ClientId.eq(client_id))
        .order_by_asc(Column::CreatedAt)
        .order_by_asc(Column::Id)
}

pub(super) async fn insert(connection: &impl ConnectionTrait, secret: Model) -> Result<(), DbErr> {
    let row = ActiveModel {
        id: Set(secret.id),
        client_id: Set(secret.client_id),
        digest: Set(secret.digest),
        created_at: Set(secret.created_at),
        expires_at: Set(secret.expires_at),
    };
    Entity::insert(row)
        .exec_without_returning(connection)
        .await?;
    Ok(())
}

pub(super) async fn remove_all(
    connection: &impl ConnectionTrait,
    client_id: &str,
) -> Result<(), DbErr> {
    Entity::delete_many()
        .filter(Column::ClientId.eq(client_id))
        .exec(connection)
        .await?;
    Ok(())
}
