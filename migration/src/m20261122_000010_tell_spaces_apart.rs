//! On MariaDB and MySQL, text is compared to its last space, as it is on the other engines: by the collation
//! that the tables were made with, `web` and `web ` are the same client.
//!
//! Tables that a later step makes must name this collation, too; new columns have it from their table.

use sea_orm_migration::prelude::*;
use sea_orm_migration::sea_orm::{DbBackend, Statement};

const TABLES: [&str; 7] = [
    "audit_events",
    "client_origins",
    "client_secrets",
    "clients",
    "sessions",
    "signing_keys",
    "users",
];

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
        let collation = if version.contains("MariaDB") {
            "utf8mb4_nopad_bin"
        } else {
            "utf8mb4_0900_bin"
        };
        convert(manager, collation).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        if manager.get_database_backend() != DbBackend::MySql {
            return Ok(());
        }
        convert(manager, "utf8mb4_bin").await
    }
}

async fn convert(manager: &SchemaManager<'_>, collation: &str) -> Result<(), DbErr> {
    for table in TABLES {
        let sql =
            format!("ALTER TABLE `{table}` CONVERT TO CHARACTER SET utf8mb4 COLLATE {collation}");
        manager.get_connection().execute_unprepared(&sql).await?;
    }
    Ok(())
}
