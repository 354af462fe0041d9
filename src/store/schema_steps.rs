//! The steps of the schema's history that a database has.

use std::path::Path;

use sea_orm::{ConnectionTrait, DbBackend, DbErr, Statement};

use super::OpenError;
use super::sqlite::connect_as_is;

/// The number of steps that the file does not have; opening the store would apply them.
pub async fn missing(path: &Path) -> Result<u64, OpenError> {
    let steps = async {
        let connection = connect_as_is(path).await?;
        let steps = count_steps(&connection).await;
        connection.close().await?;
        steps
    };
    let steps = steps.await;
    let steps = steps.map_err(|error| OpenError::of_file(path, &error))?;
    Ok(missing_of(u64::try_from(steps).unwrap_or(0)))
}

/// The number of steps that a database with this number of them does not have.
pub(super) fn missing_of(applied: u64) -> u64 {
    let known = migration::steps().count() as u64;
    known.saturating_sub(applied)
}

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
