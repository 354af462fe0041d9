//! Rows that are over are removed, in small batches.

use sea_orm::entity::prelude::*;
use sea_orm::sea_query::{LockBehavior, LockType, Query};
use sea_orm::{Condition, DbBackend};

use super::Store;
use super::writer::Durability;

/// Deletes rows that pass, at most `limit` of them, and says how many. A power cut may undo it.
///
/// # Errors
///
/// What the database says.
pub(in crate::store) async fn sweep<E: EntityTrait>(
    store: &Store,
    key: E::Column,
    passing: Condition,
    limit: u64,
) -> Result<u64, DbErr> {
    let mut statement = Query::delete();
    statement.from_table(E::default());
    if store.relaxed.get_database_backend() == DbBackend::MySql {
        // It takes no limit in a subquery, and here it does.
        statement.cond_where(passing).limit(limit);
    } else {
        let mut some = Query::select();
        some.column(key)
            .from(E::default())
            .cond_where(passing)
            .limit(limit)
            // What another node is sweeping, it sweeps.
            .lock_with_behavior(LockType::Update, LockBehavior::SkipLocked);
        statement.and_where(key.in_subquery(some));
    }
    let statement = &statement;
    store
        .write(Durability::Relaxed, |writer| async move {
            let deleted = writer.connection().execute(statement).await?;
            Ok(deleted.rows_affected())
        })
        .await
}
