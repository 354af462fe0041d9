//! The size of SQLite's write-ahead log.
//!
//! SQLite starts the log from its beginning only when no reader uses it at the end of a checkpoint. While requests are
//! served there is always a reader, and the log would grow without limit. A checkpoint in the mode RESTART waits for
//! the readers, which then read from the database itself.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use sea_orm::{ConnectionTrait as _, DatabaseConnection, DbBackend, DbErr, Statement};

/// The size in bytes above which a checkpoint is due, and to which SQLite cuts the file after it.
pub(super) const LIMIT: u64 = 8 * 1024 * 1024;
/// The time limit for waiting for readers. No request can write meanwhile.
pub(super) const BUSY_TIMEOUT: Duration = Duration::from_millis(100);
/// The pause after a checkpoint that failed, because a reader of another process, such as a backup, takes long.
const PAUSE: Duration = Duration::from_secs(1);

pub(super) struct WriteAheadLog {
    path: PathBuf,
    connection: DatabaseConnection,
    failed_at: Mutex<Option<Instant>>,
}

impl WriteAheadLog {
    /// `connection` waits for locks for [`BUSY_TIMEOUT`].
    pub(super) fn new(database: &Path, connection: DatabaseConnection) -> Self {
        let mut path = database.as_os_str().to_owned();
        path.push("-wal");
        Self {
            path: path.into(),
            connection,
            failed_at: Mutex::default(),
        }
    }

    /// Writes the log back into the database if it is too large. The caller is the only writer of this process.
    pub(super) async fn limit(&self) {
        let size = std::fs::metadata(&self.path).map_or(0, |file| file.len());
        if size <= LIMIT || self.has_just_failed() {
            return;
        }
        let is_complete = self.checkpoint().await.unwrap_or_else(|error| {
            tracing::debug!(%error, "checkpoint of the write-ahead log");
            false
        });
        let failed_at = (!is_complete).then(Instant::now);
        *self
            .failed_at
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = failed_at;
    }

    fn has_just_failed(&self) -> bool {
        let failed_at = self.failed_at.lock();
        let failed_at = *failed_at.unwrap_or_else(PoisonError::into_inner);
        failed_at.is_some_and(|at| at.elapsed() < PAUSE)
    }

    /// Returns whether the next write starts the log from its beginning.
    async fn checkpoint(&self) -> Result<bool, DbErr> {
        let checkpoint = "PRAGMA wal_checkpoint(RESTART)";
        let checkpoint = Statement::from_string(DbBackend::Sqlite, checkpoint);
        let row = self.connection.query_one_raw(checkpoint).await?;
        let is_busy: i32 = row.map_or(Ok(1), |row| row.try_get_by_index(0))?;
        Ok(is_busy == 0)
    }

    pub(super) async fn close(&self) -> Result<(), DbErr> {
        self.connection.close_by_ref().await
    }
}
