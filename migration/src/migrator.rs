//! Applies the steps of the schema's history and records them in the table `seaql_migrations`.

use std::collections::BTreeSet;
use std::time::{SystemTime, UNIX_EPOCH};

use async_trait::async_trait;
use sea_orm::sea_query::{ColumnDef, Expr, ExprTrait as _, OnConflict, Query};
use sea_orm::{ConnectionTrait as _, DatabaseExecutor, DbErr, IntoDatabaseExecutor};

use crate::STEPS;
use crate::engine::Engine;

/// The table of the applied steps.
pub(crate) const TABLE: &str = "seaql_migrations";

/// One step of the history.
#[async_trait]
pub(crate) trait Step: Sync {
    /// The name of the step's file, which orders the steps.
    fn name(&self) -> &'static str;

    /// Applies the step. A node may be killed meanwhile; then the step runs again from its beginning.
    async fn up(&self, database: &DatabaseExecutor<'_>) -> Result<(), DbErr>;

    async fn down(&self, database: &DatabaseExecutor<'_>) -> Result<(), DbErr>;
}

/// The names of all steps, oldest first.
pub fn steps() -> impl Iterator<Item = &'static str> {
    STEPS.iter().map(|step| step.name())
}

/// Applies the steps that the database does not have. The caller holds a lock. A database with an unknown step
/// is refused.
pub async fn up<'c>(database: impl IntoDatabaseExecutor<'c>) -> Result<(), DbErr> {
    let database = database.into_database_executor();
    let applied = applied(&database).await?;
    let is_upgrade = !applied.is_empty();
    for step in STEPS.iter().filter(|step| !applied.contains(step.name())) {
        if is_upgrade {
            tracing::info!(step = step.name(), "upgrading the schema");
        }
        step.up(&database).await?;
        record(&database, step.name()).await?;
    }
    Ok(())
}

/// Reverts all applied steps, newest first.
pub async fn down<'c>(database: impl IntoDatabaseExecutor<'c>) -> Result<(), DbErr> {
    let database = database.into_database_executor();
    let applied = applied(&database).await?;
    for step in STEPS.iter().rev() {
        if applied.contains(step.name()) {
            step.down(&database).await?;
            erase(&database, step.name()).await?;
        }
    }
    Ok(())
}

async fn applied(database: &DatabaseExecutor<'_>) -> Result<BTreeSet<String>, DbErr> {
    let mut version = ColumnDef::new("version");
    let mut applied_at = ColumnDef::new("applied_at");
    let engine = Engine::of(database).await?;
    let table = engine
        .table(TABLE)
        .if_not_exists()
        .col(version.string().not_null().primary_key())
        .col(applied_at.big_integer().not_null())
        .take();
    database.execute(&table).await?;
    let query = Query::select().column("version").from(TABLE).take();
    let rows = database.query_all(&query).await?;
    let applied: BTreeSet<String> = rows
        .iter()
        .map(|row| row.try_get("", "version"))
        .collect::<Result<_, _>>()?;
    let unknown = applied
        .iter()
        .rfind(|name| steps().all(|step| step != *name));
    if let Some(name) = unknown {
        let message = format!("migration '{name}' has been applied but its file is missing");
        return Err(DbErr::Migration(message));
    }
    Ok(applied)
}

#[expect(
    clippy::disallowed_methods,
    reason = "the time is for operators alone, and this crate has no clock"
)]
async fn record(database: &DatabaseExecutor<'_>, name: &str) -> Result<(), DbErr> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let now = now.map_or(0, |elapsed| elapsed.as_secs());
    let insert = Query::insert()
        .into_table(TABLE)
        .columns(["version", "applied_at"])
        .values_panic([name.into(), now.cast_signed().into()])
        .on_conflict(
            OnConflict::column("version")
                .do_nothing_on(["version"])
                .to_owned(),
        )
        .take();
    database.execute(&insert).await.map(drop)
}

async fn erase(database: &DatabaseExecutor<'_>, name: &str) -> Result<(), DbErr> {
    let delete = Query::delete()
        .from_table(TABLE)
        .and_where(Expr::col("version").eq(name))
        .take();
    database.execute(&delete).await.map(drop)
}
