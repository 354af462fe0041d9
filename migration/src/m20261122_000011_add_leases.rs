//! What one node at a time does for all of them, and which node that is.

use sea_orm_migration::{prelude::*, sea_orm::DbBackend};

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let mut table = leases();
        if manager.get_database_backend() == DbBackend::MySql {
            table.character_set("utf8mb4").collate("utf8mb4_bin");
        }
        manager.create_table(table).await?;
        let sweep = Query::insert()
            .into_table("leases")
            .columns(["name", "expires_at"])
            .values_panic([Expr::value("sweep"), Expr::value(0_i64)])
            .to_owned();
        manager.execute(sweep).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let table = Table::drop().table("leases").to_owned();
        manager.drop_table(table).await
    }
}

fn leases() -> TableCreateStatement {
    Table::create()
        .table("leases")
        .col(
            ColumnDef::new("name")
                .string_len(32)
                .not_null()
                .primary_key(),
        )
        .col(ColumnDef::new("holder").uuid())
        .col(ColumnDef::new("expires_at").big_integer().not_null())
        .to_owned()
}
