//! The database server's clock.

use sea_orm::{ConnectionTrait as _, DbBackend, DbErr, Statement};

use super::Store;
use crate::clock::Timestamp;

/// The time on the database server; `None` on SQLite.
pub async fn now(store: &Store) -> Result<Option<Timestamp>, DbErr> {
    let connection = store.read();
    let backend = connection.get_database_backend();
    let micros = match backend {
        DbBackend::Postgres => {
            "SELECT CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000000 AS BIGINT)"
        }
        DbBackend::MySql => "SELECT CAST(UNIX_TIMESTAMP(SYSDATE(6)) * 1000000 AS SIGNED)",
        _ => return Ok(None),
    };
    let row = connection
        .query_one_raw(Statement::from_string(backend, micros))
        .await?;
    let row = row.ok_or_else(|| DbErr::RecordNotFound("the time".to_owned()))?;
    row.try_get_by_index(0)
        .map(|micros| Some(Timestamp::from_micros(micros)))
}
