//! The table `signing_keys`: RSA key pairs with a sealed private half.

use std::ops::RangeInclusive;

use sea_orm::ActiveValue::Set;
use sea_orm::QueryOrder;
use sea_orm::entity::prelude::*;

use super::Store;
use super::lock::Lock;
use super::writer::Durability;
use crate::audit::{Action, Cause, Event};
use crate::clock::Timestamp;
use crate::key::StoredKey;

/// A key pair. Its times decide its state; see [`key`](crate::key).
#[derive(Clone, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "signing_keys")]
pub struct Model {
    /// The `kid`: the RFC 7638 thumbprint.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: String,
    /// The public half, as a JWK.
    pub public_jwk: String,
    /// The sealed private half in PKCS#8; see [`StoredKey::sealed_private_key`].
    pub sealed_private_key: Option<Vec<u8>>,
    /// The time of creation and publication.
    pub created_at: Timestamp,
    /// The time from which it signs.
    pub activates_at: Timestamp,
    /// The longest lifetime, in microseconds, of the tokens that it signed.
    pub longest_lifetime: i64,
    /// The time since which it is not trusted.
    pub revoked_at: Option<Timestamp>,
}

/// No relations.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// Leaves the sealed half out.
impl std::fmt::Debug for Model {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SigningKey")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

impl From<Model> for StoredKey {
    fn from(row: Model) -> Self {
        Self {
            id: row.id,
            public_jwk: row.public_jwk,
            sealed_private_key: row.sealed_private_key,
            created_at: row.created_at,
            activates_at: row.activates_at,
            longest_lifetime: row.longest_lifetime,
            revoked_at: row.revoked_at,
        }
    }
}

/// All keys, in the order in which they sign.
pub async fn list(store: &Store) -> Result<Vec<StoredKey>, DbErr> {
    let rows = Entity::find()
        .order_by_asc(Column::ActivatesAt)
        .order_by_asc(Column::Id)
        .all(store.read())
        .await?;
    Ok(rows.into_iter().map(StoredKey::from).collect())
}

/// Inserts a key unless another key is activated within `unless`, as when two nodes rotate at once; returns
/// whether it was inserted.
pub async fn insert(
    store: &Store,
    key: &StoredKey,
    unless: RangeInclusive<Timestamp>,
    cause: &Cause,
) -> Result<bool, DbErr> {
    let unless = &unless;
    store
        .transaction(Durability::Durable, |tx| async move {
            Lock::SigningKeys.acquire(&tx).await?;
            let other = Entity::find()
                .filter(Column::ActivatesAt.gte(*unless.start()))
                .filter(Column::ActivatesAt.lte(*unless.end()))
                .filter(Column::RevokedAt.is_null());
            if other.one(&tx).await?.is_some() {
                return Ok(false);
            }
            Entity::insert(row(key)).exec_without_returning(&tx).await?;
            let event = Event::new(Action::KeyCreated, cause)
                .with("kid", key.id.clone())
                .with("activates_at", key.activates_at.to_string());
            tx.record(event).await?;
            Ok(true)
        })
        .await
}

fn row(key: &StoredKey) -> ActiveModel {
    ActiveModel {
        id: Set(key.id.clone()),
        public_jwk: Set(key.public_jwk.clone()),
        sealed_private_key: Set(key.sealed_private_key.clone()),
        created_at: Set(key.created_at),
        activates_at: Set(key.activates_at),
        longest_lifetime: Set(key.longest_lifetime),
        revoked_at: Set(key.revoked_at),
    }
}

/// Raises the longest lifetime of every key to this value, in microseconds, so that keys stay published.
pub async fn cover_all(store: &Store, lifetime: i64) -> Result<(), DbErr> {
    store
        .write(Durability::Durable, |writer| async move {
            cover(writer.connection(), lifetime).await
        })
        .await
}

pub(super) async fn cover(connection: &impl ConnectionTrait, lifetime: i64) -> Result<(), DbErr> {
    Entity::update_many()
        .col_expr(Column::LongestLifetime, Expr::value(lifetime))
        .filter(Column::LongestLifetime.lt(lifetime))
        .exec(connection)
        .await?;
    Ok(())
}

/// Replaces the sealed private half by one sealed with another root secret, or by an empty one; not when it was
/// changed meanwhile.
pub async fn replace_sealed(store: &Store, id: &str, old: &[u8], new: &[u8]) -> Result<(), DbErr> {
    store
        .write(Durability::Durable, |writer| async move {
            Entity::update_many()
                .col_expr(Column::SealedPrivateKey, Expr::value(new))
                .filter(Column::Id.eq(id))
                .filter(Column::SealedPrivateKey.eq(old))
                .exec(writer.connection())
                .await
                .map(drop)
        })
        .await
}

/// Deletes a key.
pub async fn delete(store: &Store, id: &str, cause: &Cause) -> Result<(), DbErr> {
    store
        .transaction(Durability::Durable, |tx| async move {
            let deleted = Entity::delete_by_id(id.to_owned()).exec(&tx).await?;
            // Otherwise another node has deleted it.
            if deleted.rows_affected == 1 {
                let event = Event::new(Action::KeyDeleted, cause).with("kid", id);
                tx.record(event).await?;
            }
            Ok(())
        })
        .await
}

/// Lets a key that does not sign yet sign earlier, from `activates_at` on; returns whether it was changed.
pub async fn advance(
    store: &Store,
    id: &str,
    activates_at: Timestamp,
    cause: &Cause,
) -> Result<bool, DbErr> {
    store
        .transaction(Durability::Durable, |tx| async move {
            Lock::SigningKeys.acquire(&tx).await?;
            let changed = set_activation(&tx, id, activates_at).await?;
            if changed {
                let event = Event::new(Action::KeyAdvanced, cause)
                    .with("kid", id)
                    .with("activates_at", activates_at.to_string());
                tx.record(event).await?;
            }
            Ok(changed)
        })
        .await
}

async fn set_activation(
    connection: &impl ConnectionTrait,
    id: &str,
    activates_at: Timestamp,
) -> Result<bool, DbErr> {
    let changed = Entity::update_many()
        .col_expr(Column::ActivatesAt, Expr::value(activates_at))
        .filter(Column::Id.eq(id))
        .filter(Column::ActivatesAt.gt(activates_at))
        .filter(Column::RevokedAt.is_null())
        .exec(connection)
        .await?;
    Ok(changed.rows_affected == 1)
}

/// Revokes all keys but one, erases their private halves, and lets the one sign at once; returns the number of
/// revoked keys.
///
/// `None` when the key to keep is revoked itself. Otherwise two concurrent calls could revoke each other's key.
pub async fn revoke_all_but(store: &Store, id: &str, cause: &Cause) -> Result<Option<u64>, DbErr> {
    store
        .transaction(Durability::Durable, |tx| async move {
            Lock::SigningKeys.acquire(&tx).await?;
            let kept = Entity::find_by_id(id.to_owned()).filter(Column::RevokedAt.is_null());
            if kept.one(&tx).await?.is_none() {
                return Ok(None);
            }
            set_activation(&tx, id, cause.at).await?;
            let revoked = revoke_others(&tx, id, cause.at).await?;
            let event = Event::new(Action::KeysRevoked, cause)
                .with("keys_dropped", revoked)
                .with("kept", id);
            tx.record(event).await?;
            Ok(Some(revoked))
        })
        .await
}

async fn revoke_others(
    connection: &impl ConnectionTrait,
    id: &str,
    now: Timestamp,
) -> Result<u64, DbErr> {
    let revoked = Entity::update_many()
        .col_expr(Column::RevokedAt, Expr::value(now))
        .col_expr(
            Column::SealedPrivateKey,
            Expr::value(Option::<Vec<u8>>::None),
        )
        .filter(Column::Id.ne(id))
        .filter(Column::RevokedAt.is_null())
        .exec(connection)
        .await?;
    Ok(revoked.rows_affected)
}
