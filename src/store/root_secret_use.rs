//! The table `root_secret_uses`: when a node last signed with each root secret, which its fingerprint identifies.

use std::time::Duration;

use sea_orm::ActiveValue::Set;
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::OnConflict;

use super::Store;
use super::writer::Durability;
use crate::clock::Timestamp;

/// How old a record may be before it is renewed.
const RENEWED_AFTER: Duration = Duration::from_mins(10);
/// How long after the record a node may have signed: until it renews it, at most a `keys.refresh_interval` later.
const ACCURACY: Duration = Duration::from_mins(20);

/// A root secret and its last use.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "root_secret_uses")]
pub struct Model {
    /// The fingerprint of the root secret.
    #[sea_orm(primary_key, auto_increment = false)]
    pub fingerprint: String,
    /// The time at which a node that signs with it has recorded this.
    pub last_signed_at: Timestamp,
}

/// No relations.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

impl Model {
    /// The time since which no node has signed with it, if none has recorded a use since.
    pub fn unused_since(&self) -> Timestamp {
        self.last_signed_at.plus(ACCURACY)
    }
}

/// All records.
pub async fn list(store: &Store) -> Result<Vec<Model>, DbErr> {
    Entity::find().all(store.read()).await
}

/// Records that this node signs with the root secret. Writes only if the last record is old.
pub async fn record(store: &Store, fingerprint: &str, now: Timestamp) -> Result<(), DbErr> {
    let last = Entity::find_by_id(fingerprint.to_owned())
        .one(store.read())
        .await?;
    if last.is_some_and(|last| now < last.last_signed_at.plus(RENEWED_AFTER)) {
        return Ok(());
    }
    store
        .write(Durability::Durable, |writer| async move {
            let row = ActiveModel {
                fingerprint: Set(fingerprint.to_owned()),
                last_signed_at: Set(now),
            };
            let mut update = OnConflict::column(Column::Fingerprint);
            update.update_column(Column::LastSignedAt);
            let upsert = Entity::insert(row).on_conflict(update);
            upsert.exec_without_returning(writer.connection()).await
        })
        .await
        .map(drop)
}
