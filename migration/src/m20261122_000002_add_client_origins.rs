//! The origins whose pages may read what a client is answered.

use sea_orm_migration::{prelude::*, sea_orm::DbBackend};

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let mut table = client_origins();
        if manager.get_database_backend() == DbBackend::MySql {
            table.character_set("utf8mb4").collate("utf8mb4_bin");
        }
        manager.create_table(table).await?;
        manager.create_index(index_origin()).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let table = Table::drop().table("client_origins").to_owned();
        manager.drop_table(table).await
    }
}

fn client_origins() -> TableCreateStatement {
    Table::create()
        .table("client_origins")
        .col(ColumnDef::new("client_id").string_len(255).not_null())
        .col(ColumnDef::new("origin").string_len(255).not_null())
        .primary_key(Index::create().col("client_id").col("origin"))
        .to_owned()
}

fn index_origin() -> IndexCreateStatement {
    Index::create()
        .name("client_origins_origin")
        .table("client_origins")
        .col("origin")
        .to_owned()
}
