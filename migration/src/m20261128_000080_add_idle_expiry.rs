//! The end of a session without a further refresh, by the idle lifetime at its last one. A longer idle lifetime does
//! not revive a session that was idle for too long.
//!
//! Null in a session from before this step, until its next refresh.

use async_trait::async_trait;
use sea_orm::{DatabaseExecutor, DbErr};

use crate::column::big_integer_null;
use crate::migrator::Step;
use crate::schema::Schema;

const TABLE: &str = "sessions";
const COLUMN: &str = "idle_expires_at";

pub(crate) struct AddIdleExpiry;

#[async_trait]
impl Step for AddIdleExpiry {
    fn name(&self) -> &'static str {
        "m20261128_000080_add_idle_expiry"
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
