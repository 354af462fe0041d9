//! The steps of the schema's history that a SQLite file has.

use sea_orm::{ConnectionTrait, DbBackend, DbErr, Statement};

/// The number of steps of the schema's history that the database has. Fails if it is not a store.
pub(super) async fn count_steps(database: &impl ConnectionTrait) -> Result<i64, DbErr> {
    let count = "SELECT count(*) FROM seaql_migrations, leases WHERE leases.name = 'sweep'";
    let count = Statement::from_string(DbBackend::Sqlite, count);
    let row = database.query_one_raw(count).await?;
    let count = row.map_or(Ok(0), |row| row.try_get_by_index(0))?;
    if count == 0 {
        return Err(DbErr::Custom("its tables are empty".to_owned()));
    }
    Ok(count)
}
