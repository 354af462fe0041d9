//! Who may bring the schema up to date, and for how long: a row that is held until a time.
//!
//! `GET_LOCK` and locked rows end with their connection, which would be pleasant, but the members of a Galera
//! cluster do not tell each other of either. Of two members that write the same row, one is undone.

use std::convert::Infallible;
use std::time::Duration;

use sea_orm::{ConnectionTrait as _, DatabaseConnection, DbBackend, DbErr, Statement, Value};
use uuid::Uuid;

use super::has_table;
use crate::secret::random_bytes;
use crate::store::lock::Lock;
use crate::store::retry::retry;

/// Whoever has not renewed the lease for so long has died. By the server's clock, in microseconds.
const TERM: i64 = 30_000_000;
const RENEWAL: Duration = Duration::from_secs(5);
const PAUSE: Duration = Duration::from_millis(200);

/// What is held by name: the lease, and the turns of transactions, see [`Lock`].
const TABLE: &str = "CREATE TABLE IF NOT EXISTS `jeton_locks` (\
     `name` varchar(32) NOT NULL PRIMARY KEY, \
     `turns` bigint NOT NULL DEFAULT 0, \
     `holder` binary(16), \
     `held_until` bigint NOT NULL DEFAULT 0) CHARACTER SET ascii COLLATE ascii_bin";
const ROW: &str = "INSERT IGNORE INTO `jeton_locks` (`name`) VALUES (?)";
/// Also how it is renewed.
const TAKE: &str = "UPDATE `jeton_locks` SET `holder` = ?, \
     `held_until` = CAST(UNIX_TIMESTAMP(NOW(6)) * 1000000 AS SIGNED) + ? \
     WHERE `name` = ? \
     AND (`holder` = ? OR `held_until` < CAST(UNIX_TIMESTAMP(NOW(6)) * 1000000 AS SIGNED))";
const GIVE_BACK: &str = "UPDATE `jeton_locks` SET `holder` = NULL, `held_until` = 0 \
     WHERE `name` = ? AND `holder` = ?";

pub(super) struct Lease<'a> {
    connection: &'a DatabaseConnection,
    holder: Uuid,
}

impl<'a> Lease<'a> {
    /// Waits until nobody holds it.
    pub(super) async fn take(connection: &'a DatabaseConnection) -> Result<Self, DbErr> {
        let holder = uuid::Builder::from_random_bytes(random_bytes()).into_uuid();
        let lease = Self { connection, holder };
        if !has_table(connection, "jeton_locks").await? {
            connection.execute_unprepared(TABLE).await?;
        }
        lease.write(ROW, [Lock::Migration.name().into()]).await?;
        while !lease.renew().await? {
            tokio::time::sleep(PAUSE).await;
        }
        Ok(lease)
    }

    /// Renews it, for as long as this is waited for.
    pub(super) async fn keep(&self) -> Result<Infallible, DbErr> {
        loop {
            tokio::time::sleep(RENEWAL).await;
            if !self.renew().await? {
                let why = "it took so long that another node has begun to do the same";
                return Err(DbErr::Custom(why.to_owned()));
            }
        }
    }

    pub(super) async fn give_back(self) -> Result<(), DbErr> {
        let name = Lock::Migration.name();
        let given = self.write(GIVE_BACK, [name.into(), self.holder.into()]);
        given.await.map(drop)
    }

    async fn renew(&self) -> Result<bool, DbErr> {
        let holder = || Value::from(self.holder);
        let name = Lock::Migration.name();
        let values = [holder(), TERM.into(), name.into(), holder()];
        Ok(self.write(TAKE, values).await? == 1)
    }

    /// Says how many rows it has found.
    async fn write<const N: usize>(&self, sql: &str, values: [Value; N]) -> Result<u64, DbErr> {
        let statement = Statement::from_sql_and_values(DbBackend::MySql, sql, values);
        let written = retry(|| self.connection.execute_raw(statement.clone())).await?;
        Ok(written.rows_affected())
    }
}
