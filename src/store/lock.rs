//! Locks on the whole database, each held by one transaction at a time.

use sea_orm::{ConnectionTrait, DbBackend, DbErr, Statement};

#[derive(Clone, Copy, Debug)]
pub(in crate::store) enum Lock {
    Migration,
    /// Held to read the signing keys and then add or revoke one.
    SigningKeys,
    /// Held to count the administrators and then remove one.
    LastAdmin,
}

impl Lock {
    /// The number of the advisory lock on PostgreSQL. The first bytes spell "jeton", so that other programs
    /// that use the same database do not take it.
    const fn number(self) -> i64 {
        match self {
            Self::Migration => 0x6A65_746F_6E01,
            Self::SigningKeys => 0x6A65_746F_6E02,
            Self::LastAdmin => 0x6A65_746F_6E03,
        }
    }

    /// The name of the row on MariaDB and MySQL.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Migration => "migrate",
            Self::SigningKeys => "change_keys",
            Self::LastAdmin => "end_administrator",
        }
    }

    /// Waits for the lock and holds it until the transaction ends. SQLite needs none, because it runs one
    /// writing transaction at a time.
    ///
    /// On MariaDB and MySQL the transaction writes a row. Locking the row would not do: members of a Galera
    /// cluster do not see each other's locks, but of two that wrote the same row one is rolled back.
    pub(in crate::store) async fn acquire(
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
