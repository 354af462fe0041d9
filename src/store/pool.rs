//! Connection pools with a time limit for statements.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::{Duration, Instant};

use sea_orm::prelude::async_trait;
use sea_orm::{
    ConnAcquireErr, ConnectionTrait, DatabaseConnection, DatabaseTransaction, DbBackend, DbErr,
    ExecResult, QueryResult, RuntimeErr, Statement, TransactionOptions, TransactionTrait as _,
};

use crate::metric::{Awaited, ConnectionState, DATABASE_TIMEOUTS, DATABASE_WAIT};

tokio::task_local! {
    /// The time at which a statement began to wait for a connection.
    static WAITS_SINCE: Instant;
}

/// Records how long the statement of this task has waited for its connection. Called by the pool's hooks.
pub(super) fn record_wait() {
    let recorded = WAITS_SINCE.try_with(|since| DATABASE_WAIT.time((), since.elapsed()));
    // Outside a statement, as during the migration, nothing is recorded.
    recorded.ok();
}

/// A pool of connections. A pool with a timeout is replaced by a new one when the server stops responding.
///
/// A server's own statement timeout covers a statement that waits for a lock. This timeout covers a server that
/// does not respond at all, because it is stopped or the network drops packets. TCP reports that only after a
/// quarter of an hour, and until then the pool would keep its connections.
#[derive(Clone)]
pub(in crate::store) struct Pool(Arc<Shared>);

struct Shared {
    current: RwLock<DatabaseConnection>,
    timeout: Option<Timeout>,
    health: Mutex<Health>,
}

/// The time limit of a statement, including the wait for a connection.
pub(in crate::store) struct Timeout {
    pub(in crate::store) length: Duration,
    pub(in crate::store) new_pool: NewPool,
}

/// Creates a pool of connections that connect when they are first used.
pub(super) type NewPool = Box<dyn Fn() -> DatabaseConnection + Send + Sync>;

/// The connections of a pool.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PoolLoad {
    /// The number of open connections.
    pub open: u32,
    /// The number of those that no statement uses.
    pub idle: u32,
    /// The maximum number of connections.
    pub max: u32,
}

struct Health {
    responded_at: Instant,
    replaced_at: Instant,
}

impl Pool {
    pub(super) fn new(connection: DatabaseConnection, timeout: Option<Timeout>) -> Self {
        let now = Instant::now();
        // Allows the first replacement at once.
        let replaced_at = timeout
            .as_ref()
            .and_then(|timeout| now.checked_sub(timeout.length));
        Self(Arc::new(Shared {
            current: RwLock::new(connection),
            timeout,
            health: Mutex::new(Health {
                responded_at: now,
                replaced_at: replaced_at.unwrap_or(now),
            }),
        }))
    }

    pub(super) async fn close(self) -> Result<(), DbErr> {
        self.current().close().await
    }

    pub(super) async fn begin(
        &self,
        options: TransactionOptions,
    ) -> Result<DatabaseTransaction, DbErr> {
        trace("BEGIN");
        let current = self.current();
        if self.0.timeout.is_some() {
            self.limit(begin_uncancelled(current, options)).await
        } else {
            current.begin_with_options(options).await
        }
    }

    /// Fails when the statement does not end before the timeout.
    pub(super) async fn limit<T>(
        &self,
        statement: impl Future<Output = Result<T, DbErr>>,
    ) -> Result<T, DbErr> {
        let Some(timeout) = &self.0.timeout else {
            return statement.await.inspect_err(count_timeout);
        };
        let statement = WAITS_SINCE.scope(Instant::now(), statement);
        let Ok(outcome) = tokio::time::timeout(timeout.length, statement).await else {
            DATABASE_TIMEOUTS.count(Awaited::Response);
            self.replace(timeout);
            let length = humantime::format_duration(timeout.length);
            return Err(DbErr::Conn(RuntimeErr::Internal(format!(
                "the database has not responded within {length}"
            ))));
        };
        let outcome = outcome.inspect_err(count_timeout);
        match &outcome {
            // The pool is only busy while other statements still get responses.
            Err(DbErr::ConnectionAcquire(_)) if self.is_unresponsive(timeout) => {
                self.replace(timeout);
            }
            Err(DbErr::ConnectionAcquire(_)) => {}
            _ => self.health().responded_at = Instant::now(),
        }
        outcome
    }

    /// The number of connections, and how many are idle.
    pub(super) fn load(&self) -> PoolLoad {
        let current = self.current();
        match current.get_database_backend() {
            DbBackend::Postgres => load(current.get_postgres_connection_pool()),
            DbBackend::MySql => load(current.get_mysql_connection_pool()),
            _ => load(current.get_sqlite_connection_pool()),
        }
    }

    fn is_unresponsive(&self, timeout: &Timeout) -> bool {
        self.health().responded_at.elapsed() > timeout.length
    }

    fn replace(&self, timeout: &Timeout) {
        let mut health = self.health();
        // Many statements time out at once, and the new pool needs time to connect.
        if health.replaced_at.elapsed() < timeout.length {
            return;
        }
        health.replaced_at = Instant::now();
        let current = self.0.current.write();
        let mut current = current.unwrap_or_else(PoisonError::into_inner);
        let old = std::mem::replace(&mut *current, (timeout.new_pool)());
        tracing::warn!("the database does not respond; opening new connections");
        // Connections that still hang end when TCP gives up on them.
        tokio::spawn(async move { old.close().await });
    }

    fn current(&self) -> DatabaseConnection {
        let current = self.0.current.read();
        current.unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn health(&self) -> MutexGuard<'_, Health> {
        let health = self.0.health.lock();
        health.unwrap_or_else(PoisonError::into_inner)
    }
}

impl PoolLoad {
    /// The numbers of connections by state.
    pub const fn by_state(self) -> [(ConnectionState, u32); 2] {
        [
            (ConnectionState::Idle, self.idle),
            (ConnectionState::InUse, self.open.saturating_sub(self.idle)),
        ]
    }
}

fn load<DB: sqlx::Database>(pool: &sqlx::Pool<DB>) -> PoolLoad {
    PoolLoad {
        open: pool.size(),
        idle: u32::try_from(pool.num_idle()).unwrap_or(u32::MAX),
        max: pool.options().get_max_connections(),
    }
}

fn count_timeout(error: &DbErr) {
    if let DbErr::ConnectionAcquire(ConnAcquireErr::Timeout) = error {
        DATABASE_TIMEOUTS.count(Awaited::Connection);
    }
}

/// Logs the text of a statement, without its values.
pub(super) fn trace(sql: &str) {
    tracing::trace!(sql, "statement");
}

/// Begins a transaction in a task of its own, which is not cancelled with its caller.
///
/// The drivers for servers learn of a transaction only from the response to BEGIN. If nothing read that response,
/// the transaction would stay open in the pool, and the next statement on its connection would run in it.
async fn begin_uncancelled(
    connection: DatabaseConnection,
    options: TransactionOptions,
) -> Result<DatabaseTransaction, DbErr> {
    let statement = async move { connection.begin_with_options(options).await };
    let task = tokio::spawn(WAITS_SINCE.scope(Instant::now(), statement));
    let begun = task.await;
    begun.unwrap_or_else(|error| Err(DbErr::Conn(RuntimeErr::Internal(error.to_string()))))
}

#[async_trait::async_trait]
impl ConnectionTrait for Pool {
    fn get_database_backend(&self) -> DbBackend {
        self.current().get_database_backend()
    }

    async fn execute_raw(&self, statement: Statement) -> Result<ExecResult, DbErr> {
        trace(&statement.sql);
        self.limit(self.current().execute_raw(statement)).await
    }

    async fn execute_unprepared(&self, sql: &str) -> Result<ExecResult, DbErr> {
        trace(sql);
        self.limit(self.current().execute_unprepared(sql)).await
    }

    async fn query_one_raw(&self, statement: Statement) -> Result<Option<QueryResult>, DbErr> {
        trace(&statement.sql);
        self.limit(self.current().query_one_raw(statement)).await
    }

    async fn query_all_raw(&self, statement: Statement) -> Result<Vec<QueryResult>, DbErr> {
        trace(&statement.sql);
        self.limit(self.current().query_all_raw(statement)).await
    }

    fn support_returning(&self) -> bool {
        self.current().support_returning()
    }
}
