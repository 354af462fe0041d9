//! The table `signing_keys`: RSA key pairs, the private half sealed.

use std::ops::RangeInclusive;

use sea_orm::entity::prelude::*;
use sea_orm::sea_query::{ExprTrait as _, Query};
use sea_orm::{Iterable as _, QueryOrder};

use super::Store;
use super::lock::Lock;
use super::writer::Durability;
use crate::audit::{Action, Cause, Event};
use crate::clock::Timestamp;
use crate::key::StoredKey;

/// A key pair; its times decide its state, see [`key`](crate::key).
#[derive(Clone, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "signing_keys")]
pub struct Model {
    /// The `kid`: the thumbprint of RFC 7638.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: String,
    /// The public half, as a JWK.
    pub public_jwk: String,
    /// The private half in PKCS#8, sealed; see [`StoredKey::sealed_private_key`].
    pub sealed_private_key: Option<Vec<u8>>,
    /// When it was made and published.
    pub created_at: Timestamp,
    /// From when on it signs.
    pub activates_at: Timestamp,
    /// The longest life, in microseconds, of a token that it may have signed.
    pub longest_lifetime: i64,
    /// Since when it is trusted no more.
    pub revoked_at: Option<Timestamp>,
}

/// Keys are related to no other table.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// The sealed half stays out of the log too.
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
///
/// # Errors
///
/// What the database says.
pub async fn list(store: &Store) -> Result<Vec<StoredKey>, DbErr> {
    let rows = Entity::find()
        .order_by_asc(Column::ActivatesAt)
        .order_by_asc(Column::Id)
        .all(store.read())
        .await?;
    Ok(rows.into_iter().map(StoredKey::from).collect())
}

/// Adds a key unless another becomes active within `unless`, as when two nodes rotate at once; says
/// whether it did.
///
/// # Errors
///
/// What the database says.
pub async fn insert(
    store: &Store,
    key: &StoredKey,
    unless: RangeInclusive<Timestamp>,
    cause: &Cause,
) -> Result<bool, DbErr> {
    let other = Query::select()
        .expr(Expr::value(1))
        .from(Entity)
        .and_where(Column::ActivatesAt.gte(*unless.start()))
        .and_where(Column::ActivatesAt.lte(*unless.end()))
        .and_where(Column::RevokedAt.is_null())
        .take();
    let mut chosen = Query::select();
    chosen
        .exprs([
            Expr::value(key.id.clone()),
            Expr::value(key.public_jwk.clone()),
            Expr::value(key.sealed_private_key.clone()),
            Expr::value(key.created_at),
            Expr::value(key.activates_at),
            Expr::value(key.longest_lifetime),
            Expr::value(Option::<i64>::None),
        ])
        .and_where(Expr::exists(other).not());
    let mut statement = Query::insert();
    statement
        .into_table(Entity)
        .columns(Column::iter())
        .select_from(chosen)
        .map_err(|error| DbErr::Custom(error.to_string()))?;
    let statement = &statement;
    store
        .transaction(Durability::Durable, |tx| async move {
            Lock::SigningKeys.acquire(&tx).await?;
            if tx.execute(statement).await?.rows_affected() == 0 {
                return Ok(false);
            }
            let event = Event::new(Action::KeyCreated, cause)
                .with("kid", key.id.clone())
                .with("activates_at", key.activates_at.to_string());
            tx.record(event).await?;
            Ok(true)
        })
        .await
}

/// Keeps every key published for tokens that live this long, in microseconds.
///
/// # Errors
///
/// What the database says.
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

/// Replaces a seal by another: the same private half sealed again, or nothing when it is erased.
/// Unless it was changed meanwhile.
///
/// # Errors
///
/// What the database says.
pub async fn seal_again(store: &Store, id: &str, old: &[u8], new: &[u8]) -> Result<(), DbErr> {
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

/// Deletes a key whose last token has expired.
///
/// # Errors
///
/// What the database says.
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

/// Drops all keys but one at once: compromised keys are trusted no more, their private halves gone.
/// Says how many it dropped; `None` when another had dropped that one before: then it drops none, or
/// two who do this at once would drop each other's key, and none would be left.
///
/// # Errors
///
/// What the database says.
pub async fn revoke_all_but(store: &Store, id: &str, cause: &Cause) -> Result<Option<u64>, DbErr> {
    store
        .transaction(Durability::Durable, |tx| async move {
            Lock::SigningKeys.acquire(&tx).await?;
            let kept = Entity::find_by_id(id.to_owned()).filter(Column::RevokedAt.is_null());
            if kept.one(&tx).await?.is_none() {
                return Ok(None);
            }
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
