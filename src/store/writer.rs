//! The connection for a write, chosen by durability.

use std::time::Instant;

use sea_orm::sea_query::{Expr, InsertStatement, Returning};
use sea_orm::{ConnectionTrait, DbBackend, DbErr};
use tokio::sync::MutexGuard;

use super::Store;
use super::pool::Pool;
use super::retry::{RetryError, retry};
use crate::config::RotationDurability;
use crate::metric::DATABASE_WAIT;

/// Whether a write must survive a power failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::store) enum Durability {
    /// On disk before the call returns.
    Durable,
    /// For rotations: relaxed, because a refresh token proves its generation; durable if so configured.
    Rotation,
    /// A power failure may undo it.
    Relaxed,
}

impl Store {
    /// Runs `body`, which executes one statement; runs it again after a conflict.
    pub(in crate::store) async fn write<'s, T, E, F>(
        &'s self,
        durability: Durability,
        body: impl Fn(Writer<'s>) -> F,
    ) -> Result<T, E>
    where
        E: RetryError,
        F: Future<Output = Result<T, E>>,
    {
        retry(async || body(self.writer(durability).await).await).await
    }

    pub(super) async fn writer(&self, durability: Durability) -> Writer<'_> {
        let is_relaxed = match durability {
            Durability::Durable => false,
            Durability::Rotation => self.rotation_durability == RotationDurability::Relaxed,
            Durability::Relaxed => true,
        };
        Writer {
            connection: if is_relaxed {
                &self.relaxed
            } else {
                &self.durable
            },
            is_relaxed,
            _turn: self.turn().await,
        }
    }

    /// On SQLite, waits until no other task of this process writes.
    async fn turn(&self) -> Option<MutexGuard<'_, ()>> {
        let since = Instant::now();
        let turn = self.turn.as_ref()?.lock().await;
        DATABASE_WAIT.time((), since.elapsed());
        if let Some(log) = &self.log {
            log.limit().await;
        }
        Some(turn)
    }
}

/// A connection for writing and, on SQLite, the mutex that lets one task write at a time.
pub(in crate::store) struct Writer<'a> {
    connection: &'a Pool,
    is_relaxed: bool,
    _turn: Option<MutexGuard<'a, ()>>,
}

impl Writer<'_> {
    pub(in crate::store) const fn connection(&self) -> &Pool {
        self.connection
    }

    /// Inserts a row with the writer's durability; returns whether it was inserted.
    pub(in crate::store) async fn insert(
        &self,
        mut statement: InsertStatement,
    ) -> Result<bool, DbErr> {
        if let Some(relaxation) = self.relaxation() {
            statement.returning(Returning::new().expr(relaxation));
        }
        let inserted = self.connection.execute(&statement).await?;
        Ok(inserted.rows_affected() == 1)
    }

    /// On PostgreSQL, an expression for RETURNING: it makes the commit of a relaxed write not wait for the disk.
    ///
    /// The setting lasts until the end of the transaction. A setting of the connection could reach another
    /// client through a pooler; a statement of its own would cost a round trip. On SQLite the relaxed
    /// connection has the setting.
    pub(in crate::store) fn relaxation(&self) -> Option<Expr> {
        (self.is_relaxed && self.connection.get_database_backend() == DbBackend::Postgres)
            .then(|| Expr::cust(r#"set_config('synchronous_commit', 'off', true) AS "relaxed""#))
    }
}
