//! Who writes, and how much of a power cut it must survive.

use sea_orm::sea_query::{Expr, InsertStatement, Returning};
use sea_orm::{ConnectionTrait, DbBackend, DbErr};
use tokio::sync::{Mutex, MutexGuard};

use super::bounded::Connection;

/// The turn to write, where there are turns, and the connection to do it by.
pub(in crate::store) struct Writer<'a> {
    connection: &'a Connection,
    relaxed: bool,
    _turn: Option<MutexGuard<'a, ()>>,
}

impl<'a> Writer<'a> {
    pub(super) async fn new(
        connection: &'a Connection,
        relaxed: bool,
        turn: Option<&'a Mutex<()>>,
    ) -> Self {
        let turn = match turn {
            Some(turn) => Some(turn.lock().await),
            None => None,
        };
        Self {
            connection,
            relaxed,
            _turn: turn,
        }
    }

    pub(in crate::store) const fn connection(&self) -> &Connection {
        self.connection
    }

    /// Inserts a row that a power cut may undo, and says whether there is one more.
    pub(in crate::store) async fn insert_relaxed(
        &self,
        mut statement: InsertStatement,
    ) -> Result<bool, DbErr> {
        if let Some(relaxation) = self.relaxation() {
            statement.returning(Returning::new().expr(relaxation));
        }
        let inserted = self.connection.execute(&statement).await?;
        Ok(inserted.rows_affected() == 1)
    }

    /// What a statement evaluates with each row that it writes, if its commit need not wait for the disk.
    ///
    /// On SQLite the connection knows, see [`Store::write_relaxed`](super::Store::write_relaxed). On PostgreSQL
    /// the transaction does, and a single statement is one: so there is no state of a connection that a
    /// pooler between us and the server could give to a revocation, and no round trip more.
    pub(in crate::store) fn relaxation(&self) -> Option<Expr> {
        (self.relaxed && self.connection.get_database_backend() == DbBackend::Postgres)
            .then(|| Expr::cust(r#"set_config('synchronous_commit', 'off', true) AS "relaxed""#))
    }
}
