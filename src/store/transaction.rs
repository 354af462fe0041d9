//! Transactions: begin, audit events, commit, retry after a conflict.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use sea_orm::prelude::async_trait;
use sea_orm::sea_query::Expr;
use sea_orm::{
    ConnectionTrait, DatabaseTransaction, DbBackend, DbErr, ExecResult, QueryResult, RuntimeErr,
    SqliteTransactionMode, Statement, TransactionOptions,
};

use super::pool::trace;
use super::retry::{RetryError, retry};
use super::writer::{Durability, Writer};
use super::{Store, audit_event};
use crate::audit::Event;

/// The longest transaction, with the wait for a connection and the repetitions after conflicts.
///
/// A revocation has the time before its transaction. Readers of the revoked sessions look back twice as far, so they
/// miss none.
pub const LONGEST_TRANSACTION: Duration = Duration::from_secs(30);

impl Store {
    /// Runs `body` in a transaction: commits after `Ok`, rolls back after `Err`, and runs the whole again after
    /// a conflict. Audit events that `body` records go to the log after the commit. Fails after
    /// [`LONGEST_TRANSACTION`].
    pub(in crate::store) async fn transaction<'s, T, E, F>(
        &'s self,
        durability: Durability,
        body: impl Fn(Transaction<'s>) -> F,
    ) -> Result<T, E>
    where
        E: RetryError,
        F: Future<Output = Result<T, E>>,
    {
        let started = Instant::now();
        let run = retry(async || {
            let transaction = Transaction::begin(self.writer(durability).await).await?;
            let value = body(transaction.clone()).await?;
            // The process may have been stopped and continued meanwhile.
            if started.elapsed() > LONGEST_TRANSACTION {
                return Err(too_long().into());
            }
            transaction.commit().await?;
            Ok(value)
        });
        let limited = tokio::time::timeout(LONGEST_TRANSACTION, run);
        limited.await.unwrap_or_else(|_| Err(too_long().into()))
    }
}

fn too_long() -> DbErr {
    let length = humantime::format_duration(LONGEST_TRANSACTION);
    DbErr::Conn(RuntimeErr::Internal(format!(
        "the transaction has not ended within {length}"
    )))
}

/// A handle of an open transaction, which is rolled back unless it is committed.
///
/// A body receives it by value: on stable Rust, the future of a closure that takes a reference cannot be shown
/// to be `Send`.
#[derive(Clone)]
pub(in crate::store) struct Transaction<'a>(Arc<Open<'a>>);

struct Open<'a> {
    // Before `writer`, so that it ends before the next writer begins.
    inner: DatabaseTransaction,
    writer: Writer<'a>,
    events: Mutex<Vec<Event>>,
}

impl<'a> Transaction<'a> {
    pub(super) async fn begin(writer: Writer<'a>) -> Result<Self, DbErr> {
        // Otherwise SQLite refuses to write in a transaction that has read before another one wrote.
        let options = TransactionOptions {
            sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate),
            ..TransactionOptions::default()
        };
        Ok(Self(Arc::new(Open {
            inner: writer.connection().begin(options).await?,
            writer,
            events: Mutex::default(),
        })))
    }

    /// Writes an audit event; after the commit it is logged.
    pub(in crate::store) async fn record(&self, event: Event) -> Result<(), DbErr> {
        audit_event::insert(self, &event).await?;
        let events = self.0.events.lock();
        events.unwrap_or_else(PoisonError::into_inner).push(event);
        Ok(())
    }

    /// See [`Writer::relaxation`].
    pub(in crate::store) fn relaxation(&self) -> Option<Expr> {
        self.0.writer.relaxation()
    }

    pub(super) async fn commit(self) -> Result<(), DbErr> {
        let open = Arc::into_inner(self.0);
        let Open {
            inner,
            writer,
            events,
            ..
        } = open.ok_or_else(|| DbErr::Custom("the transaction is still in use".to_owned()))?;
        trace("COMMIT");
        writer.connection().limit(inner.commit()).await?;
        drop(writer);
        for event in events.into_inner().unwrap_or_else(PoisonError::into_inner) {
            event.trace();
        }
        Ok(())
    }

    async fn limit<T>(
        &self,
        statement: impl Future<Output = Result<T, DbErr>>,
    ) -> Result<T, DbErr> {
        self.0.writer.connection().limit(statement).await
    }
}

/// Removes the server's statement timeout for one transaction. The timeout of an idle transaction stays.
pub(super) async fn remove_server_timeout(transaction: &impl ConnectionTrait) -> Result<(), DbErr> {
    if transaction.get_database_backend() == DbBackend::Postgres {
        let statement = "SET LOCAL statement_timeout = 0";
        transaction.execute_unprepared(statement).await?;
    }
    Ok(())
}

#[async_trait::async_trait]
impl ConnectionTrait for Transaction<'_> {
    fn get_database_backend(&self) -> DbBackend {
        self.0.inner.get_database_backend()
    }

    async fn execute_raw(&self, statement: Statement) -> Result<ExecResult, DbErr> {
        trace(&statement.sql);
        self.limit(self.0.inner.execute_raw(statement)).await
    }

    async fn execute_unprepared(&self, sql: &str) -> Result<ExecResult, DbErr> {
        trace(sql);
        self.limit(self.0.inner.execute_unprepared(sql)).await
    }

    async fn query_one_raw(&self, statement: Statement) -> Result<Option<QueryResult>, DbErr> {
        trace(&statement.sql);
        self.limit(self.0.inner.query_one_raw(statement)).await
    }

    async fn query_all_raw(&self, statement: Statement) -> Result<Vec<QueryResult>, DbErr> {
        trace(&statement.sql);
        self.limit(self.0.inner.query_all_raw(statement)).await
    }

    fn support_returning(&self) -> bool {
        self.0.inner.support_returning()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::database::is_temporary;

    /// The time stands still until the transaction waits for it alone.
    #[tokio::test]
    async fn a_transaction_that_takes_too_long_is_rolled_back() {
        let store = Store::in_memory().await.unwrap();
        let waiting = store.transaction(Durability::Durable, |tx| async move {
            let sql = "UPDATE leases SET expires_at = 7";
            tx.execute_unprepared(sql).await?;
            tokio::time::pause();
            tokio::time::sleep(LONGEST_TRANSACTION * 2).await;
            Ok::<_, DbErr>(())
        });
        let error = waiting.await.unwrap_err();
        tokio::time::resume();
        assert!(is_temporary(&error), "{error}");
        assert!(error.to_string().contains("within 30s"), "{error}");
        let sql = "SELECT 1 FROM leases WHERE expires_at = 7";
        let query = Statement::from_string(DbBackend::Sqlite, sql);
        let kept = store.read().query_one_raw(query).await.unwrap();
        assert!(kept.is_none());
    }
}
