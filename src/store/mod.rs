//! The store: one file a table, columns above, verbs below; the only SQL.

pub mod audit_event;
pub mod client;
pub mod client_origin;
pub mod client_secret;
pub mod session;
pub mod sign_in_throttle;
pub mod signing_key;
mod text_search;
mod together;
pub mod user;

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use migration::{Migrator, MigratorTrait};
use sea_orm::{ConnectOptions, ConnectionTrait, Database, DatabaseConnection, DbErr};
use tokio::sync::{Mutex, MutexGuard};

/// How long a writer waits for another process that writes to the same SQLite file.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
const READERS: u32 = 4;
/// Before a file is opened again that another process is opening.
const PAUSE: Duration = Duration::from_millis(200);

/// A SQLite database, migrated to the schema that this version knows.
///
/// SQLite lets one writer in at a time, and a writer that finds the door closed polls. So this
/// process takes turns by itself (`turn`), and only another process is waited for by polling.
#[derive(Clone)]
pub struct Store {
    read: DatabaseConnection,
    durable: DatabaseConnection,
    relaxed: DatabaseConnection,
    turn: Arc<Mutex<()>>,
}

/// The turn to write, and the connection to do it by.
pub(in crate::store) struct Writer<'a> {
    connection: &'a DatabaseConnection,
    _turn: MutexGuard<'a, ()>,
}

impl Writer<'_> {
    pub(in crate::store) const fn connection(&self) -> &DatabaseConnection {
        self.connection
    }
}

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
                Err(error) if error.is_locked() && begun.elapsed() < BUSY_TIMEOUT => {
                    tokio::time::sleep(PAUSE).await;
                }
                outcome => return outcome,
            }
        }
    }

    async fn try_open(path: &Path) -> Result<Self, OpenError> {
        let failed = |error| OpenError::from(path, error);
        create_private(path);
        let durable = connect(path, 1, "FULL").await.map_err(failed)?;
        migrate(&durable).await.map_err(failed)?;
        Ok(Self {
            read: connect(path, READERS, "NORMAL").await.map_err(failed)?,
            relaxed: connect(path, 1, "NORMAL").await.map_err(failed)?,
            durable,
            turn: Arc::default(),
        })
    }

    /// A new database in memory, gone when the store is dropped: the test double.
    ///
    /// # Errors
    ///
    /// [`OpenError`] when the migrations fail.
    pub async fn in_memory() -> Result<Self, OpenError> {
        let path = PathBuf::from(":memory:");
        let failed = |error| OpenError::from(&path, error);
        let mut options = ConnectOptions::new("sqlite::memory:");
        options
            .max_connections(1)
            .min_connections(1)
            .sqlx_logging(false);
        // A pool that closed its one connection would lose the database with it.
        options.map_sqlx_sqlite_pool_opts(|pool| pool.idle_timeout(None).max_lifetime(None));
        let connection = Database::connect(options).await.map_err(failed)?;
        migrate(&connection).await.map_err(failed)?;
        Ok(Self {
            read: connection.clone(),
            durable: connection.clone(),
            relaxed: connection,
            turn: Arc::default(),
        })
    }

    /// Whether the store answers.
    ///
    /// # Errors
    ///
    /// What the database says when it does not.
    pub async fn ping(&self) -> Result<(), DbErr> {
        self.read.ping().await
    }

    /// Finishes what is under way and closes the connections.
    ///
    /// # Errors
    ///
    /// What the database says when it cannot.
    pub async fn close(self) -> Result<(), DbErr> {
        self.relaxed.close().await?;
        self.read.close().await?;
        self.durable.close().await
    }

    pub(in crate::store) const fn read(&self) -> &DatabaseConnection {
        &self.read
    }

    /// To write what must survive a power cut: on disk before this returns.
    pub(in crate::store) async fn write_durably(&self) -> Writer<'_> {
        let turn = self.turn.lock().await;
        Writer {
            connection: &self.durable,
            _turn: turn,
        }
    }

    /// To write what a power cut may undo: a rotation, because the token proves itself.
    pub(in crate::store) async fn write_relaxed(&self) -> Writer<'_> {
        let turn = self.turn.lock().await;
        Writer {
            connection: &self.relaxed,
            _turn: turn,
        }
    }
}

/// The audiences in a column, separated by spaces; in an empty one, the issuer.
fn or_issuer(audience: &str, issuer: &str) -> Vec<String> {
    let registered: Vec<String> = audience.split_whitespace().map(str::to_owned).collect();
    if registered.is_empty() {
        vec![issuer.to_owned()]
    } else {
        registered
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

/// Why the store cannot be opened.
#[derive(Debug)]
pub struct OpenError {
    path: PathBuf,
    error: DbErr,
}

impl OpenError {
    fn from(path: &Path, error: DbErr) -> Self {
        Self {
            path: path.to_owned(),
            error,
        }
    }

    fn is_locked(&self) -> bool {
        self.error.to_string().contains("locked")
    }
}

impl fmt::Display for OpenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = self.path.display();
        let text = self.error.to_string();
        if text.contains("has been applied but its file is missing") {
            write!(
                f,
                "the database {path} was written by a newer version of Jeton; run that version, \
                 or restore the backup made before the upgrade"
            )
        } else if text.contains("not a database") || text.contains("malformed") {
            write!(
                f,
                "{path} is not a SQLite database, or is damaged; restore a backup ({text})"
            )
        } else if self.is_locked() {
            write!(
                f,
                "the database {path} is locked by another program; stop it and try again"
            )
        } else {
            write!(
                f,
                "cannot open the database {path}: {text}; its directory must exist and be \
                 writable by this user"
            )
        }
    }
}

impl std::error::Error for OpenError {}
