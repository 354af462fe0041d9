//! On PostgreSQL, what identifies and what is searched in order is compared byte by byte, as it is on the
//! other engines: an order that follows the language changes with the operating system's library, and
//! the indexes with it.

use sea_orm_migration::{prelude::*, sea_orm::DbBackend};

const COLUMNS: [(&str, &str, u32); 8] = [
    ("audit_events", "action", 32),
    ("audit_events", "client_id", 255),
    ("client_origins", "client_id", 255),
    ("client_origins", "origin", 255),
    ("client_secrets", "client_id", 255),
    ("clients", "id", 255),
    ("sessions", "client_id", 255),
    ("users", "username", 255),
];

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        compare(manager, "C").await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        compare(manager, "default").await
    }
}

async fn compare(manager: &SchemaManager<'_>, collation: &str) -> Result<(), DbErr> {
    if manager.get_database_backend() != DbBackend::Postgres {
        return Ok(());
    }
    for (table, column, length) in COLUMNS {
        let sql = format!(
            r#"ALTER TABLE "{table}" ALTER COLUMN "{column}" TYPE varchar({length}) COLLATE "{collation}""#
        );
        manager.get_connection().execute_unprepared(&sql).await?;
    }
    Ok(())
}
