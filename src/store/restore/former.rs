//! The database that a restore replaces.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use sea_orm::{ConnectionTrait as _, DbBackend, DbErr, Statement};

use super::RestoreError;
use crate::clock::Timestamp;
use crate::private_file::{SQLITE_FILES, with_ending};
use crate::store::open_error::is_locked;
use crate::store::sqlite::connect_as_is;

/// Audit events of one action that are not in the backup.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LostEvents {
    /// The name of the action.
    pub action: String,
    /// Their number.
    pub count: i64,
}

/// Writes the write-ahead log into the database and deletes it. SQLite does so only if no other program has the database
/// open. A damaged database stays as it is.
pub(super) async fn close(database: &Path) -> Result<(), RestoreError> {
    let closed = async {
        let connection = connect_as_is(database).await?;
        let closed = connection
            .execute_unprepared("PRAGMA journal_mode = DELETE")
            .await;
        connection.close().await?;
        closed
    };
    match closed.await {
        Err(error) if is_locked(&error) => Err(RestoreError::InUse(database.to_owned())),
        Ok(_) | Err(_) => Ok(()),
    }
}

/// The number of events since `since` by action, those that happened most often first.
pub(super) async fn events(database: &Path, since: Timestamp) -> Result<Vec<LostEvents>, DbErr> {
    let connection = connect_as_is(database).await?;
    let count = Statement::from_sql_and_values(
        DbBackend::Sqlite,
        "SELECT action, count(*) FROM audit_events WHERE at >= ? GROUP BY action ORDER BY 2 DESC, 1",
        [since.into()],
    );
    let rows = connection.query_all_raw(count).await;
    connection.close().await?;
    let events = rows?.into_iter().map(|row| {
        Ok(LostEvents {
            action: row.try_get_by_index(0)?,
            count: row.try_get_by_index(1)?,
        })
    });
    events.collect()
}

/// Gives the former database a second name, and the files that SQLite keeps beside it another one: they do not belong to
/// the new database. Returns the name; `None` if there was nothing.
pub(super) fn keep(database: &Path, now: Timestamp) -> Result<Option<PathBuf>, RestoreError> {
    let micros = now.as_micros().rem_euclid(1_000_000);
    let time = now.to_string().replace(':', "-");
    let time = time.replace('Z', &format!(".{micros:06}Z"));
    let kept = with_ending(database, &format!(".replaced-{time}"));
    let failed = |error| RestoreError::Keep(kept.clone(), error);
    let mut found = match fs::hard_link(database, &kept) {
        Ok(()) => true,
        Err(error) if error.kind() == io::ErrorKind::NotFound => false,
        Err(error) => return Err(failed(error)),
    };
    // A database that was closed has none.
    for ending in SQLITE_FILES {
        match fs::rename(with_ending(database, ending), with_ending(&kept, ending)) {
            Ok(()) => found = true,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(failed(error)),
        }
    }
    Ok(found.then_some(kept))
}
