//! On MariaDB and MySQL, the table of leases gets the collation of all others, which does not pass over spaces.

use sea_orm_migration::prelude::*;
use sea_orm_migration::sea_orm::{DbBackend, Statement};

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        if manager.get_database_backend() != DbBackend::MySql {
            return Ok(());
        }
        let version = Statement::from_string(DbBackend::MySql, "SELECT VERSION()");
        let row = manager.get_connection().query_one_raw(version).await?;
        let version = row.map_or(Ok(String::new()), |row| row.try_get_by_index(0))?;
        // Each has a name of its own for it.
        if version.contains("MariaDB") {
            convert(manager, "utf8mb4_nopad_bin").await
        } else {
            convert(manager, "utf8mb4_0900_bin").await
        }
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        if manager.get_database_backend() != DbBackend::MySql {
            return Ok(());
        }
        convert(manager, "utf8mb4_bin").await
    }
}

async fn convert(manager: &SchemaManager<'_>, collation: &str) -> Result<(), DbErr> {
    let sql = format!("ALTER TABLE `leases` CONVERT TO CHARACTER SET utf8mb4 COLLATE {collation}");
    manager.get_connection().execute_unprepared(&sql).await?;
    Ok(())
}
