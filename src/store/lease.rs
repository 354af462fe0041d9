//! The table `leases`: what one node at a time does for all of them. Its rows are there from the beginning.

use std::time::Duration;

use sea_orm::Condition;
use sea_orm::entity::prelude::*;

use super::Store;
use super::writer::Durability;
use crate::clock::Timestamp;

/// Work, and who does it.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "leases")]
pub struct Model {
    /// What the work is called.
    #[sea_orm(primary_key, auto_increment = false)]
    pub name: String,
    /// The node that does it.
    pub holder: Option<Uuid>,
    /// From then on another may, if nothing was heard of that one.
    pub expires_at: Timestamp,
}

/// Nodes have no table.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// Takes the lease for so long, or keeps it, in one statement that compares and sets; `false` while another
/// node has it. Nodes whose clocks lie apart may both believe that they have it for as long as that: it saves
/// work, and guards nothing.
///
/// # Errors
///
/// What the database says.
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
                // Set by a clock that was far ahead; otherwise no node would do the work until then.
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

/// Writes no row, and fails where none could be written.
pub(super) async fn write_none(connection: &impl ConnectionTrait) -> Result<(), DbErr> {
    let update = Entity::update_many()
        .col_expr(Column::ExpiresAt, Expr::value(0_i64))
        .filter(Column::Name.eq(""));
    update.exec(connection).await.map(drop)
}
