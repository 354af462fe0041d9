//! Stores on SQLite, in a file or in memory.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use sea_orm::{ConnectOptions, ConnectionTrait, DatabaseConnection, DbErr, SqlxSqliteConnector};

use super::client::KnownOrigins;
use super::file_lock::FileLock;
use super::open_error::is_locked;
use super::pool::Pool;
use super::write_ahead_log::{self, WriteAheadLog};
use super::{OpenError, Store};
use crate::config::RotationDurability;
use crate::private_file;

/// The time limit for waiting for another process that writes to the same file.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
const READERS: u32 = 4;
/// The pause before the next attempt to open a file that another process is opening.
const PAUSE: Duration = Duration::from_millis(200);

impl Store {
    /// Opens the database file, creates it if it does not exist, and migrates its schema.
    pub async fn open(path: &Path) -> Result<Self, OpenError> {
        let started = Instant::now();
        let lock = loop {
            match FileLock::shared(path) {
                Some(lock) => break lock,
                None if started.elapsed() < BUSY_TIMEOUT => tokio::time::sleep(PAUSE).await,
                None => return Err(OpenError::in_restore(path)),
            }
        };
        // SQLite does not wait when two processes enable the write-ahead log of a new file at once.
        loop {
            match Self::try_open(path).await {
                Err(error) if is_locked(&error) && started.elapsed() < BUSY_TIMEOUT => {
                    tokio::time::sleep(PAUSE).await;
                }
                Err(error) => return Err(OpenError::of_file(path, &error)),
                Ok(mut store) => {
                    store.lock = Some(Arc::new(lock));
                    return Ok(store);
                }
            }
        }
    }

    async fn try_open(path: &Path) -> Result<Self, DbErr> {
        create_private(path);
        let durable = connect(path, 1, "FULL", BUSY_TIMEOUT).await?;
        migrate(&durable).await?;
        let read = connect(path, READERS, "NORMAL", BUSY_TIMEOUT).await?;
        let relaxed = connect(path, 1, "NORMAL", BUSY_TIMEOUT).await?;
        let checkpoints = connect(path, 1, "NORMAL", write_ahead_log::BUSY_TIMEOUT).await?;
        let log = WriteAheadLog::new(path, checkpoints);
        Ok(Self {
            log: Some(Arc::new(log)),
            ..Self::of(read, durable, relaxed)
        })
    }

    /// Creates a database in memory, for tests.
    pub async fn in_memory() -> Result<Self, DbErr> {
        let mut options = ConnectOptions::new("sqlite::memory:");
        options
            .max_connections(1)
            .min_connections(1)
            .sqlx_logging(false);
        // The database ends with its only connection.
        options.map_sqlx_sqlite_pool_opts(|pool| pool.idle_timeout(None).max_lifetime(None));
        let connection = SqlxSqliteConnector::connect(options).await?;
        migrate(&connection).await?;
        Ok(Self::on_one(connection))
    }

    /// A store with one connection.
    pub(super) fn on_one(connection: DatabaseConnection) -> Self {
        Self::of(connection.clone(), connection.clone(), connection)
    }

    fn of(
        read: DatabaseConnection,
        durable: DatabaseConnection,
        relaxed: DatabaseConnection,
    ) -> Self {
        // `BUSY_TIMEOUT` limits the wait for a lock.
        let without_timeout = |connection| Pool::new(connection, None);
        Self {
            read: without_timeout(read),
            durable: without_timeout(durable),
            relaxed: without_timeout(relaxed),
            turn: Some(Arc::default()),
            log: None,
            lock: None,
            rotation_durability: RotationDurability::Relaxed,
            session_retention: Duration::MAX,
            readiness: Arc::default(),
            origins: KnownOrigins::default(),
            rotation_texts: Arc::default(),
            waiting_rotations: Arc::default(),
        }
    }
}

/// Creates the file readable by its owner only, because it holds password hashes. SQLite creates the files beside
/// it with the same mode. Opening the database reports an error.
fn create_private(path: &Path) {
    drop(private_file::create(path));
}

/// One connection to an existing file, in the journal mode that it has.
pub(super) async fn connect_as_is(path: &Path) -> Result<DatabaseConnection, DbErr> {
    let path = path.to_owned();
    let mut options = ConnectOptions::new("sqlite:");
    options
        .max_connections(1)
        .sqlx_logging(false)
        .map_sqlx_sqlite_pool_opts(|pool| pool.idle_timeout(None).max_lifetime(None))
        .map_sqlx_sqlite_opts(move |options| options.filename(&path).busy_timeout(BUSY_TIMEOUT));
    SqlxSqliteConnector::connect(options).await
}

async fn connect(
    path: &Path,
    connections: u32,
    synchronous: &'static str,
    busy_timeout: Duration,
) -> Result<DatabaseConnection, DbErr> {
    let path = path.to_owned();
    let mut options = ConnectOptions::new("sqlite:");
    options
        .max_connections(connections)
        .acquire_timeout(BUSY_TIMEOUT)
        // A file does not disconnect. The test would be a message to the driver's thread and back, for each statement.
        .test_before_acquire(false)
        // Never closed, so that the store still works when the process runs out of file descriptors.
        .map_sqlx_sqlite_pool_opts(|pool| pool.idle_timeout(None).max_lifetime(None))
        .sqlx_logging(false)
        .map_sqlx_sqlite_opts(move |options| {
            options
                .filename(&path)
                .create_if_missing(true)
                .busy_timeout(busy_timeout)
                .pragma("journal_mode", "WAL")
                .pragma("synchronous", synchronous)
                .pragma("journal_size_limit", write_ahead_log::LIMIT.to_string())
        });
    SqlxSqliteConnector::connect(options).await
}

/// Migrates under SQLite's write lock, so that processes can start together.
pub(super) async fn migrate(connection: &DatabaseConnection) -> Result<(), DbErr> {
    connection.execute_unprepared("BEGIN IMMEDIATE").await?;
    let outcome = migration::up(connection).await;
    let end = if outcome.is_ok() {
        "COMMIT"
    } else {
        "ROLLBACK"
    };
    connection.execute_unprepared(end).await?;
    outcome
}
