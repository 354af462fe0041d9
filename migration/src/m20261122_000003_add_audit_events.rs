//! The audit log: rows are added and, when they are old, swept; never changed.
//!
//! Ids order by time, so each index ends in them: a list from the newest on is read from its index, and
//! an id is where the next page begins.

use sea_orm_migration::{prelude::*, sea_orm::DbBackend};

const TABLE: &str = "audit_events";

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let mut table = audit_events();
        if manager.get_database_backend() == DbBackend::MySql {
            table.character_set("utf8mb4").collate("utf8mb4_bin");
        }
        manager.create_table(table).await?;
        for column in ["user_id", "client_id", "session_id", "action"] {
            manager.create_index(index(column)).await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let table = Table::drop().table(TABLE).to_owned();
        manager.drop_table(table).await
    }
}

fn audit_events() -> TableCreateStatement {
    Table::create()
        .table(TABLE)
        .col(ColumnDef::new("id").uuid().not_null().primary_key())
        .col(ColumnDef::new("at").big_integer().not_null())
        .col(ColumnDef::new("action").string_len(32).not_null())
        .col(ColumnDef::new("outcome").string_len(16).not_null())
        .col(ColumnDef::new("actor_kind").string_len(16).not_null())
        .col(ColumnDef::new("actor_id").string_len(255))
        .col(ColumnDef::new("user_id").uuid())
        .col(ColumnDef::new("client_id").string_len(255))
        .col(ColumnDef::new("session_id").uuid())
        .col(ColumnDef::new("address").string_len(45).not_null())
        .col(ColumnDef::new("user_agent").string_len(255).not_null())
        .col(ColumnDef::new("detail").string_len(1024).not_null())
        .to_owned()
}

fn index(column: &'static str) -> IndexCreateStatement {
    Index::create()
        .name(format!("{TABLE}_{column}"))
        .table(TABLE)
        .col(column)
        .col("id")
        .to_owned()
}
