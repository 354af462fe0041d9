//! The lease for migrating the schema: a row held until a time.
//!
//! `GET_LOCK` and row locks would end with their connection, but members of a Galera cluster do not see each
//! other's. Of two members that write the same row, one is rolled back.

use std::convert::Infallible;
use std::time::Duration;

use sea_orm::{ConnectionTrait as _, DatabaseConnection, DbBackend, DbErr, Statement, Value};
use uuid::Uuid;

use super::has_table;
use crate::secret::random_bytes;
use crate::store::lock::Lock;
use crate::store::retry::retry;

/// In microseconds, by the server's clock. Another node may take a lease that was not renewed for this long.
const LENGTH: i64 = 30_000_000;
const RENEWAL_INTERVAL: Duration = Duration::from_secs(5);
const POLL_INTERVAL: Duration = Duration::from_millis(200);

/// Holds this lease and the rows of [`Lock`].
const CREATE_TABLE: &str = "CREATE TABLE IF NOT EXISTS `jeton_locks` (\
     `name` varchar(32) NOT NULL PRIMARY KEY, \
     `turns` bigint NOT NULL DEFAULT 0, \
     `holder` binary(16), \
     `held_until` bigint NOT NULL DEFAULT 0) CHARACTER SET ascii COLLATE ascii_bin";
const INSERT: &str = "INSERT IGNORE INTO `jeton_locks` (`name`) VALUES (?)";
const TAKE_OR_RENEW: &str = "UPDATE `jeton_locks` SET `holder` = ?, \
     `held_until` = CAST(UNIX_TIMESTAMP(NOW(6)) * 1000000 AS SIGNED) + ? \
     WHERE `name` = ? \
     AND (`holder` = ? OR `held_until` < CAST(UNIX_TIMESTAMP(NOW(6)) * 1000000 AS SIGNED))";
const RELEASE: &str = "UPDATE `jeton_locks` SET `holder` = NULL, `held_until` = 0 \
     WHERE `name` = ? AND `holder` = ?";

pub(super) struct MigrationLease<'a> {
    connection: &'a DatabaseConnection,
    holder: Uuid,
}

impl<'a> MigrationLease<'a> {
    /// Waits until no other node holds the lease, and takes it.
    pub(super) async fn take(connection: &'a DatabaseConnection) -> Result<Self, DbErr> {
        let holder = uuid::Builder::from_random_bytes(random_bytes()).into_uuid();
        let lease = Self { connection, holder };
        if !has_table(connection, "jeton_locks").await? {
            connection.execute_unprepared(CREATE_TABLE).await?;
        }
        lease
            .execute(INSERT, [Lock::Migration.name().into()])
            .await?;
        while !lease.take_or_renew().await? {
            tokio::time::sleep(POLL_INTERVAL).await;
        }
        Ok(lease)
    }

    /// Renews the lease until this future is dropped; fails when another node has taken it.
    pub(super) async fn keep_renewed(&self) -> Result<Infallible, DbErr> {
        loop {
            tokio::time::sleep(RENEWAL_INTERVAL).await;
            if !self.take_or_renew().await? {
                let why = "the migration took too long; another node has started it";
                return Err(DbErr::Custom(why.to_owned()));
            }
        }
    }

    pub(super) async fn release(self) -> Result<(), DbErr> {
        let name = Lock::Migration.name();
        let released = self.execute(RELEASE, [name.into(), self.holder.into()]);
        released.await.map(drop)
    }

    async fn take_or_renew(&self) -> Result<bool, DbErr> {
        let holder = || Value::from(self.holder);
        let name = Lock::Migration.name();
        let values = [holder(), LENGTH.into(), name.into(), holder()];
        Ok(self.execute(TAKE_OR_RENEW, values).await? == 1)
    }

    /// Returns the number of affected rows.
    async fn execute<const N: usize>(&self, sql: &str, values: [Value; N]) -> Result<u64, DbErr> {
        let statement = Statement::from_sql_and_values(DbBackend::MySql, sql, values);
        let executed = retry(|| self.connection.execute_raw(statement.clone())).await?;
        Ok(executed.rows_affected())
    }
}
