//! The character set of every table on MariaDB and MySQL, for stores that were created with the server's default.

use async_trait::async_trait;
use sea_orm::{DatabaseExecutor, DbErr};

use crate::engine::Engine;
use crate::migrator::{self, Step};

const TABLES: [&str; 9] = [
    migrator::TABLE,
    "users",
    "clients",
    "client_secrets",
    "sessions",
    "signing_keys",
    "audit_events",
    "sign_in_throttle",
    "leases",
];

pub(crate) struct SetCharacterSets;

#[async_trait]
impl Step for SetCharacterSets {
    fn name(&self) -> &'static str {
        "m20261128_000020_set_character_sets"
    }

    async fn up(&self, database: &DatabaseExecutor<'_>) -> Result<(), DbErr> {
        let engine = Engine::of(database).await?;
        for table in TABLES {
            engine.convert(database, table).await?;
        }
        Ok(())
    }

    async fn down(&self, _database: &DatabaseExecutor<'_>) -> Result<(), DbErr> {
        Ok(())
    }
}
