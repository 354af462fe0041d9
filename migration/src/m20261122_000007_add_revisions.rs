//! How often a user or a client was changed, so that whoever changes one says which state they saw.

use sea_orm_migration::prelude::*;

#[derive(DeriveMigrationName)]
pub struct Migration;

const TABLES: [&str; 2] = ["users", "clients"];

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for table in TABLES {
            let mut revision = ColumnDef::new("revision");
            revision.big_integer().not_null().default(0);
            let alter = Table::alter().table(table).add_column(revision).to_owned();
            manager.alter_table(alter).await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for table in TABLES {
            let alter = Table::alter()
                .table(table)
                .drop_column("revision")
                .to_owned();
            manager.alter_table(alter).await?;
        }
        Ok(())
    }
}
