//! The idle lifetime of a session at its last refresh. A longer setting does not revive a session that was idle for too
//! long.
//!
//! Null in a session from before this step, until its next refresh.

use async_trait::async_trait;
use sea_orm::{DatabaseExecutor, DbErr};

use crate::column::big_integer_null;
use crate::migrator::Step;
use crate::schema::Schema;

const TABLE: &str = "sessions";
const COLUMN: &str = "idle_lifetime";

pub(crate) struct AddIdleLifetime;

#[async_trait]
impl Step for AddIdleLifetime {
    fn name(&self) -> &'static str {
        "m20261128_000080_add_idle_lifetime"
    }

    async fn up(&self, database: &DatabaseExecutor<'_>) -> Result<(), DbErr> {
        let schema = Schema::of(database).await?;
        schema.add_column(TABLE, big_integer_null(COLUMN)).await
    }

    async fn down(&self, database: &DatabaseExecutor<'_>) -> Result<(), DbErr> {
        let schema = Schema::of(database).await?;
        schema.drop_column(TABLE, COLUMN).await
    }
}
