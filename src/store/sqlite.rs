//! Stores on SQLite: a file, or the memory of this process.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use migration::{Migrator, MigratorTrait};
use sea_orm::{ConnectOptions, ConnectionTrait, Database, DatabaseConnection, DbErr};

use super::open_error::is_locked;
use super::pool::Pool;
use super::{OpenError, Store};
use crate::config::RotationDurability;

/// How long a writer waits for another process that writes to the same file.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
const READERS: u32 = 4;
/// Before a file is opened again that another process is opening.
const PAUSE: Duration = Duration::from_millis(200);

impl Store {
    /// Opens the database file at `path`, makes it if there is none, and brings its schema up to
    /// date.
    ///
    /// # Errors
    ///
    /// [`OpenError`], which says what to do.
    pub async fn open(path: &Path) -> Result<Self, OpenError> {
        // SQLite does not wait for its turn when two processes turn on the write-ahead log of a new
        // file at once; so it is asked again.
        let begun = Instant::now();
        loop {
            match Self::try_open(path).await {
                Err(error) if is_locked(&error) && begun.elapsed() < BUSY_TIMEOUT => {
                    tokio::time::sleep(PAUSE).await;
                }
                outcome => return outcome.map_err(|error| OpenError::of_file(path, &error)),
            }
        }
    }

    async fn try_open(path: &Path) -> Result<Self, DbErr> {
        create_private(path);
        let durable = connect(path, 1, "FULL").await?;
        migrate(&durable).await?;
        let read = connect(path, READERS, "NORMAL").await?;
        let relaxed = connect(path, 1, "NORMAL").await?;
        Ok(Self::of(read, durable, relaxed))
    }

    /// A new database in memory, gone when the store is dropped: the test double.
    ///
    /// # Errors
    ///
    /// What the database says when the migrations fail.
    pub async fn in_memory() -> Result<Self, DbErr> {
        let mut options = ConnectOptions::new("sqlite::memory:");
        options
            .max_connections(1)
            .min_connections(1)
            .sqlx_logging(false);
        // A pool that closed its one connection would lose the database with it.
        options.map_sqlx_sqlite_pool_opts(|pool| pool.idle_timeout(None).max_lifetime(None));
        let connection = Database::connect(options).await?;
        migrate(&connection).await?;
        Ok(Self::of(connection.clone(), connection.clone(), connection))
    }

    fn of(
        read: DatabaseConnection,
        durable: DatabaseConnection,
        relaxed: DatabaseConnection,
    ) -> Self {
        // The file has limits of its own: see `BUSY_TIMEOUT`.
        let without_limit = |connection| Pool::new(connection, None);
        Self {
            read: without_limit(read),
            durable: without_limit(durable),
            relaxed: without_limit(relaxed),
            turn: Some(Arc::default()),
            rotations: RotationDurability::Relaxed,
        }
    }
}

/// Makes the file readable by its owner alone, whatever the directory allows: it holds password
/// hashes. SQLite gives the files beside it the same mode. If this fails, opening says why.
fn create_private(path: &Path) {
    let mut options = std::fs::OpenOptions::new();
    options.append(true).create(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt as _;
        options.mode(0o600);
    }
    drop(options.open(path));
}

async fn connect(
    path: &Path,
    connections: u32,
    synchronous: &'static str,
) -> Result<DatabaseConnection, DbErr> {
    let path = path.to_owned();
    let mut options = ConnectOptions::new("sqlite:");
    options
        .max_connections(connections)
        .acquire_timeout(BUSY_TIMEOUT)
        // Kept open for good: when file descriptors run out, the database must not be what is shut.
        .map_sqlx_sqlite_pool_opts(|pool| pool.idle_timeout(None).max_lifetime(None))
        .sqlx_logging(false)
        .map_sqlx_sqlite_opts(move |options| {
            options
                .filename(&path)
                .create_if_missing(true)
                .busy_timeout(BUSY_TIMEOUT)
                .pragma("journal_mode", "WAL")
                .pragma("synchronous", synchronous)
        });
    Database::connect(options).await
}

/// Under SQLite's write lock, so that processes may start together.
async fn migrate(connection: &DatabaseConnection) -> Result<(), DbErr> {
    connection.execute_unprepared("BEGIN IMMEDIATE").await?;
    let outcome = Migrator::up(connection, None).await;
    let end = if outcome.is_ok() {
        "COMMIT"
    } else {
        "ROLLBACK"
    };
    connection.execute_unprepared(end).await?;
    outcome
}
