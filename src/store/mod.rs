//! The store: one module per table, transactions, connections. The only SQL.

pub mod audit_event;
pub mod backup;
pub mod client;
pub mod clock;
mod connect;
pub mod consent;
mod delete_batch;
mod file_lock;
pub mod lease;
mod lock;
mod mysql;
mod open_error;
mod pool;
mod postgres;
mod readiness;
pub mod restore;
mod retry;
pub mod root_secret_use;
pub mod schema_steps;
mod server;
pub mod session;
pub mod sign_in_throttle;
pub mod signing_key;
mod sqlite;
mod target;
mod text_search;
mod transaction;
pub mod user;
mod write_ahead_log;
mod writer;

use std::sync::Arc;
use std::time::Duration;

use client::KnownOrigins;
pub use client::secret as client_secret;
pub use connect::Limits;
use file_lock::FileLock;
pub use open_error::OpenError;
use pool::Pool;
pub use pool::PoolLoad;
use readiness::Readiness;
use sea_orm::DbErr;
use session::{RotationTexts, WaitingRotations};
pub use target::Target;
use tokio::sync::Mutex;
pub use transaction::LONGEST_TRANSACTION;
use write_ahead_log::WriteAheadLog;

use crate::config::RotationDurability;
use crate::metric::ConnectionPool;

/// A database with the current schema: a SQLite file, or a database on a server that nodes share.
///
/// SQLite allows one writer at a time, and a second one polls. Therefore the writers in this process wait for
/// `turn`, and only writers in other processes are polled for. On a server there is no `turn`.
#[derive(Clone)]
pub struct Store {
    read: Pool,
    durable: Pool,
    relaxed: Pool,
    turn: Option<Arc<Mutex<()>>>,
    /// Of a SQLite file.
    log: Option<Arc<WriteAheadLog>>,
    /// Of a SQLite file; held until the store is dropped.
    lock: Option<Arc<FileLock>>,
    rotation_durability: RotationDurability,
    /// How long ended sessions are kept.
    session_retention: Duration,
    readiness: Arc<Readiness>,
    origins: KnownOrigins,
    rotation_texts: Arc<RotationTexts>,
    waiting_rotations: Arc<WaitingRotations>,
}

impl Store {
    /// Sets the durability of rotations. Clones from before keep theirs.
    #[must_use]
    pub fn with_rotation_durability(self, durability: RotationDurability) -> Self {
        Self {
            rotation_durability: durability,
            rotation_texts: Arc::default(),
            waiting_rotations: Arc::default(),
            ..self
        }
    }

    /// Sets how long ended sessions are kept. No client may have access tokens that live longer.
    #[must_use]
    pub const fn with_session_retention(mut self, retention: Duration) -> Self {
        self.session_retention = retention;
        self
    }

    /// Fails when the database does not respond or accepts no writes: a replica, a member that has lost its cluster,
    /// a SQLite file that another program has locked, a full disk. On SQLite this writes to the file.
    pub async fn ping(&self) -> Result<(), DbErr> {
        if self.is_file() {
            lease::write_readiness(self).await
        } else {
            lease::check_writable(&self.relaxed).await
        }
    }

    /// The connections of each pool. On SQLite, two pools write: with and without waiting for the disk.
    pub fn connections(&self) -> Vec<(ConnectionPool, PoolLoad)> {
        if !self.is_file() {
            return vec![(ConnectionPool::Shared, self.read.load())];
        }
        let (durable, relaxed) = (self.durable.load(), self.relaxed.load());
        let write = PoolLoad {
            open: durable.open + relaxed.open,
            idle: durable.idle + relaxed.idle,
            max: durable.max + relaxed.max,
        };
        vec![
            (ConnectionPool::Read, self.read.load()),
            (ConnectionPool::Write, write),
        ]
    }

    /// Whether the database is SQLite.
    const fn is_file(&self) -> bool {
        self.turn.is_some()
    }

    /// Waits for running statements and closes the connections.
    pub async fn close(self) -> Result<(), DbErr> {
        self.relaxed.close().await?;
        self.read.close().await?;
        if let Some(log) = &self.log {
            log.close().await?;
        }
        self.durable.close().await
    }

    pub(in crate::store) const fn read(&self) -> &Pool {
        &self.read
    }
}

/// The audiences of a column, separated by spaces; the issuer when the column is empty.
fn or_issuer(audience: &str, issuer: &str) -> Vec<String> {
    let registered: Vec<String> = audience.split_whitespace().map(str::to_owned).collect();
    if registered.is_empty() {
        vec![issuer.to_owned()]
    } else {
        registered
    }
}
