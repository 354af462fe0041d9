//! What a client's access tokens look like: `jwt`, or `opaque`. NULL: `jwt`.

use sea_orm_migration::prelude::*;

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let table = Table::alter()
            .table("clients")
            .add_column(ColumnDef::new("access_token_format").string_len(16))
            .to_owned();
        manager.alter_table(table).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let table = Table::alter()
            .table("clients")
            .drop_column("access_token_format")
            .to_owned();
        manager.alter_table(table).await
    }
}
