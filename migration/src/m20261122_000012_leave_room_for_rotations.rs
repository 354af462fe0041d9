//! On PostgreSQL, a tenth of each page of sessions stays free, so that a rotation writes its row beside the old
//! one from the first on, and touches no index. It counts for pages that are yet to be filled.

use sea_orm_migration::{prelude::*, sea_orm::DbBackend};

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        alter(manager, "SET (fillfactor = 90)").await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        alter(manager, "RESET (fillfactor)").await
    }
}

async fn alter(manager: &SchemaManager<'_>, what: &str) -> Result<(), DbErr> {
    if manager.get_database_backend() != DbBackend::Postgres {
        return Ok(());
    }
    let sql = format!(r#"ALTER TABLE "sessions" {what}"#);
    manager.get_connection().execute_unprepared(&sql).await?;
    Ok(())
}
