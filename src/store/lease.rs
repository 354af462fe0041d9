//! The table `leases`: tasks that one node at a time does for all nodes. The migration inserts the rows.

use std::time::Duration;

use sea_orm::entity::prelude::*;
use sea_orm::sea_query::OnConflict;
use sea_orm::{Condition, ExprTrait as _, Set};

use super::Store;
use super::writer::Durability;
use crate::clock::Timestamp;

/// The task that deletes old rows.
pub const SWEEP: &str = "sweep";

/// The row that the readiness check writes on SQLite.
const READINESS: &str = "readiness";

/// A task and the node that does it.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "leases")]
pub struct Model {
    /// The name of the task.
    #[sea_orm(primary_key, auto_increment = false)]
    pub name: String,
    /// The node.
    pub holder: Option<Uuid>,
    /// The time from which another node may take the lease.
    pub expires_at: Timestamp,
}

/// No relations.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// Takes or renews the lease; `false` while another node holds it.
///
/// Because of clock skew two nodes may hold it at once. It avoids double work and protects nothing.
pub async fn hold(
    store: &Store,
    name: &str,
    holder: Uuid,
    now: Timestamp,
    length: Duration,
) -> Result<bool, DbErr> {
    store
        .write(Durability::Relaxed, |writer| async move {
            let is_free = Condition::any()
                .add(Column::Holder.eq(holder))
                .add(Column::ExpiresAt.lte(now))
                // Set by a clock that was far ahead; otherwise no node would do the task until then.
                .add(Column::ExpiresAt.gt(now.plus(length * 2)));
            let updated = Entity::update_many()
                .col_expr(Column::Holder, Expr::value(holder))
                .col_expr(Column::ExpiresAt, Expr::value(now.plus(length)))
                .filter(Column::Name.eq(name))
                .filter(is_free)
                .exec(writer.connection())
                .await?;
            Ok(updated.rows_affected == 1)
        })
        .await
}

/// The time until which the lease was last held; `None` if it never was.
pub async fn expiry(store: &Store, name: &str) -> Result<Option<Timestamp>, DbErr> {
    let row = Entity::find_by_id(name.to_owned())
        .one(store.read())
        .await?;
    Ok(row
        .filter(|row| row.holder.is_some())
        .map(|row| row.expires_at))
}

/// Writes a row of its own to a SQLite file. Fails when the file cannot be written.
pub(super) async fn write_readiness(store: &Store) -> Result<(), DbErr> {
    store
        .write(Durability::Relaxed, |writer| async move {
            let row = ActiveModel {
                name: Set(READINESS.to_owned()),
                holder: Set(None),
                expires_at: Set(Timestamp::from_micros(0)),
            };
            let mut update = OnConflict::column(Column::Name);
            // SQLite does not write a row that stays the same.
            update.value(Column::ExpiresAt, Expr::col(Column::ExpiresAt).add(1));
            let upsert = Entity::insert(row).on_conflict(update);
            upsert.exec_without_returning(writer.connection()).await
        })
        .await
        .map(drop)
}

/// Fails when the database server accepts no writes. Changes no row.
pub(super) async fn check_writable(connection: &impl ConnectionTrait) -> Result<(), DbErr> {
    let update = Entity::update_many()
        .col_expr(Column::ExpiresAt, Expr::value(0_i64))
        .filter(Column::Name.eq(""));
    update.exec(connection).await.map(drop)
}
