//! The deletion of old sessions.

use sea_orm::entity::prelude::*;
use sea_orm::sea_query::IntoCondition as _;

use super::{Column, Entity};
use crate::clock::Timestamp;
use crate::store::Store;
use crate::store::delete_batch::delete_batch;

/// Deletes at most `limit` sessions that expired or were revoked before `cutoff`. Returns their number.
pub async fn sweep(store: &Store, cutoff: Timestamp, limit: u64) -> Result<u64, DbErr> {
    let old = Column::ExpiresAt.lt(cutoff);
    delete_batch::<Entity>(store, Column::Id, old.into_condition(), limit).await
}
