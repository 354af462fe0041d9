//! What one node at a time may do in the whole database.

use sea_orm::{ConnectionTrait, DbBackend, DbErr, Statement};

/// What one node at a time may do in the whole database.
#[derive(Clone, Copy, Debug)]
pub(in crate::store) enum Alone {
    /// To bring the schema up to date.
    Migrate,
    /// To look at the signing keys and then add one.
    ChangeKeys,
    /// To look at the administrators and then end one.
    EndAdministrator,
}

impl Alone {
    /// The number of the lock, which must be nobody else's in this database: the first bytes spell "jeton".
    const fn number(self) -> i64 {
        match self {
            Self::Migrate => 0x6A65_746F_6E01,
            Self::ChangeKeys => 0x6A65_746F_6E02,
            Self::EndAdministrator => 0x6A65_746F_6E03,
        }
    }

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Migrate => "migrate",
            Self::ChangeKeys => "change_keys",
            Self::EndAdministrator => "end_administrator",
        }
    }

    /// Waits until no other transaction does this; it is ours until the transaction ends. SQLite lets
    /// one transaction write at a time anyway.
    ///
    /// On MySQL by writing a row. To lock one would not do: the members of a Galera cluster know nothing of
    /// each other's locks, but of two who have written the same row, one is undone.
    pub(in crate::store) async fn begin(
        self,
        transaction: &impl ConnectionTrait,
    ) -> Result<(), DbErr> {
        let backend = transaction.get_database_backend();
        let statement = match backend {
            DbBackend::Postgres => Statement::from_sql_and_values(
                backend,
                "SELECT pg_advisory_xact_lock($1)",
                [self.number().into()],
            ),
            DbBackend::MySql => Statement::from_sql_and_values(
                backend,
                "INSERT INTO `jeton_locks` (`name`, `turns`) VALUES (?, 1) \
                 ON DUPLICATE KEY UPDATE `turns` = `turns` + 1",
                [self.name().into()],
            ),
            _ => return Ok(()),
        };
        transaction.execute_raw(statement).await?;
        Ok(())
    }
}
