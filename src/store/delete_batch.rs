//! Deletes old rows in batches.

use sea_orm::entity::prelude::*;
use sea_orm::sea_query::{LockBehavior, LockType, Query};
use sea_orm::{Condition, DbBackend};

use super::Store;
use super::writer::Durability;

/// Deletes at most `limit` rows that match the condition; returns their number.
pub(in crate::store) async fn delete_batch<E: EntityTrait>(
    store: &Store,
    key: E::Column,
    condition: Condition,
    limit: u64,
) -> Result<u64, DbErr> {
    let mut statement = Query::delete();
    statement.from_table(E::default());
    if store.relaxed.get_database_backend() == DbBackend::MySql {
        // MySQL allows a limit here, but not in a subquery.
        statement.cond_where(condition).limit(limit);
    } else {
        let mut batch = Query::select();
        batch
            .column(key)
            .from(E::default())
            .cond_where(condition)
            .limit(limit)
            // Another node may be sweeping these rows.
            .lock_with_behavior(LockType::Update, LockBehavior::SkipLocked);
        statement.and_where(key.in_subquery(batch));
    }
    let statement = &statement;
    store
        .write(Durability::Relaxed, |writer| async move {
            let deleted = writer.connection().execute(statement).await?;
            Ok(deleted.rows_affected())
        })
        .await
}
