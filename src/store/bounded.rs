//! Statements that a database must answer in time: one that hangs keeps nobody waiting for good.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::{Duration, Instant};

use sea_orm::prelude::async_trait;
use sea_orm::{
    ConnectionTrait, DatabaseConnection, DatabaseTransaction, DbBackend, DbErr, ExecResult,
    QueryResult, RuntimeErr, Statement, TransactionOptions, TransactionTrait as _,
};

/// A pool of connections. If it has a limit, it is left for a new one when the server falls silent.
///
/// The server gives up by itself, by a setting of its connections, on a statement that waits for a lock. The
/// limit is for the server that does not answer at all: stopped, or behind a network that drops packets without
/// a word, of which TCP would tell after a quarter of an hour. For so long a pool would hold on to its
/// connections.
#[derive(Clone)]
pub(in crate::store) struct Connection(Arc<Pool>);

/// A transaction by a connection of the pool. What is not committed is undone.
pub(in crate::store) struct Transaction {
    inner: DatabaseTransaction,
    pool: Arc<Pool>,
    unhurried: AtomicBool,
}

struct Pool {
    current: RwLock<DatabaseConnection>,
    limit: Option<Limit>,
    health: Mutex<Health>,
}

/// How long a statement may take, the wait for a connection included; and how to begin again.
pub(in crate::store) struct Limit {
    pub(in crate::store) patience: Duration,
    pub(in crate::store) new_pool: Box<dyn Fn() -> DatabaseConnection + Send + Sync>,
}

struct Health {
    answered_at: Instant,
    replaced_at: Instant,
}

impl Pool {
    fn current(&self) -> DatabaseConnection {
        let current = self.current.read();
        current.unwrap_or_else(PoisonError::into_inner).clone()
    }

    async fn hold<T>(&self, statement: impl Future<Output = Result<T, DbErr>>) -> Result<T, DbErr> {
        let Some(limit) = &self.limit else {
            return statement.await;
        };
        let Ok(outcome) = tokio::time::timeout(limit.patience, statement).await else {
            self.replace(limit);
            let patience = humantime::format_duration(limit.patience);
            return Err(DbErr::Conn(RuntimeErr::Internal(format!(
                "the database has not answered within {patience}"
            ))));
        };
        match &outcome {
            // Too busy, as long as others are answered.
            Err(DbErr::ConnectionAcquire(_)) if self.is_silent(limit) => self.replace(limit),
            Err(DbErr::ConnectionAcquire(_)) => {}
            _ => self.health().answered_at = Instant::now(),
        }
        outcome
    }

    fn is_silent(&self, limit: &Limit) -> bool {
        self.health().answered_at.elapsed() > limit.patience
    }

    fn replace(&self, limit: &Limit) {
        let mut health = self.health();
        // Many find out at the same time, and a new pool needs time to show what it can do.
        if health.replaced_at.elapsed() < limit.patience {
            return;
        }
        health.replaced_at = Instant::now();
        let mut current = self.current.write().unwrap_or_else(PoisonError::into_inner);
        let silent = std::mem::replace(&mut *current, (limit.new_pool)());
        tracing::warn!("the database does not answer; its connections are left for new ones");
        // Whatever still hangs there goes when TCP gives up on it.
        tokio::spawn(async move { silent.close().await });
    }

    fn health(&self) -> std::sync::MutexGuard<'_, Health> {
        self.health.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Connection {
    pub(super) fn new(pool: DatabaseConnection, limit: Option<Limit>) -> Self {
        let now = Instant::now();
        // From the beginning on, a pool may be replaced.
        let long_ago = limit
            .as_ref()
            .and_then(|limit| now.checked_sub(limit.patience));
        Self(Arc::new(Pool {
            current: RwLock::new(pool),
            limit,
            health: Mutex::new(Health {
                answered_at: now,
                replaced_at: long_ago.unwrap_or(now),
            }),
        }))
    }

    pub(super) async fn ping(&self) -> Result<(), DbErr> {
        let current = self.0.current();
        self.0.hold(current.ping()).await
    }

    pub(super) async fn close(self) -> Result<(), DbErr> {
        self.0.current().close().await
    }

    pub(super) async fn begin(&self, options: TransactionOptions) -> Result<Transaction, DbErr> {
        let current = self.0.current();
        let inner = if self.0.limit.is_some() {
            self.0.hold(to_the_end(current, options)).await?
        } else {
            current.begin_with_options(options).await?
        };
        Ok(Transaction {
            inner,
            pool: Arc::clone(&self.0),
            unhurried: AtomicBool::new(false),
        })
    }
}

impl Transaction {
    /// Lets the statements that follow take as long as they need: they touch as many rows as there are.
    pub(in crate::store) async fn take_time(&self) -> Result<(), DbErr> {
        lift_limit_of_server(self).await?;
        self.unhurried.store(true, Ordering::Relaxed);
        Ok(())
    }

    pub(super) async fn commit(self) -> Result<(), DbErr> {
        let Self { inner, pool, .. } = self;
        pool.hold(inner.commit()).await
    }

    async fn hold<T>(&self, statement: impl Future<Output = Result<T, DbErr>>) -> Result<T, DbErr> {
        if self.unhurried.load(Ordering::Relaxed) {
            statement.await
        } else {
            self.pool.hold(statement).await
        }
    }
}

/// Begins in a task of its own, which whoever gives up does not take along. The drivers for servers do not know
/// of a transaction before they have read the answer to BEGIN: if nobody read it, it would stay open on a
/// connection of the pool, and swallow what the next one writes there.
async fn to_the_end(
    connection: DatabaseConnection,
    options: TransactionOptions,
) -> Result<DatabaseTransaction, DbErr> {
    let beginning = tokio::spawn(async move { connection.begin_with_options(options).await });
    let begun = beginning.await;
    begun.unwrap_or_else(|error| Err(DbErr::Conn(RuntimeErr::Internal(error.to_string()))))
}

/// Takes back, for one transaction, the limit that the server keeps by itself for a statement; not the one for
/// a node that is cut off, or its locks would last until TCP gives up on it.
pub(super) async fn lift_limit_of_server(transaction: &impl ConnectionTrait) -> Result<(), DbErr> {
    if transaction.get_database_backend() == DbBackend::Postgres {
        let lift = "SET LOCAL statement_timeout = 0";
        transaction.execute_unprepared(lift).await?;
    }
    Ok(())
}

#[async_trait::async_trait]
impl ConnectionTrait for Connection {
    fn get_database_backend(&self) -> DbBackend {
        self.0.current().get_database_backend()
    }

    async fn execute_raw(&self, statement: Statement) -> Result<ExecResult, DbErr> {
        let current = self.0.current();
        self.0.hold(current.execute_raw(statement)).await
    }

    async fn execute_unprepared(&self, sql: &str) -> Result<ExecResult, DbErr> {
        let current = self.0.current();
        self.0.hold(current.execute_unprepared(sql)).await
    }

    async fn query_one_raw(&self, statement: Statement) -> Result<Option<QueryResult>, DbErr> {
        let current = self.0.current();
        self.0.hold(current.query_one_raw(statement)).await
    }

    async fn query_all_raw(&self, statement: Statement) -> Result<Vec<QueryResult>, DbErr> {
        let current = self.0.current();
        self.0.hold(current.query_all_raw(statement)).await
    }

    fn support_returning(&self) -> bool {
        self.0.current().support_returning()
    }
}

#[async_trait::async_trait]
impl ConnectionTrait for Transaction {
    fn get_database_backend(&self) -> DbBackend {
        self.inner.get_database_backend()
    }

    async fn execute_raw(&self, statement: Statement) -> Result<ExecResult, DbErr> {
        self.hold(self.inner.execute_raw(statement)).await
    }

    async fn execute_unprepared(&self, sql: &str) -> Result<ExecResult, DbErr> {
        self.hold(self.inner.execute_unprepared(sql)).await
    }

    async fn query_one_raw(&self, statement: Statement) -> Result<Option<QueryResult>, DbErr> {
        self.hold(self.inner.query_one_raw(statement)).await
    }

    async fn query_all_raw(&self, statement: Statement) -> Result<Vec<QueryResult>, DbErr> {
        self.hold(self.inner.query_all_raw(statement)).await
    }

    fn support_returning(&self) -> bool {
        self.inner.support_returning()
    }
}
