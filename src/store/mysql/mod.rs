//! Stores on MariaDB, MySQL and Galera clusters.

mod migration_lease;

use std::collections::HashSet;

use sea_orm::{
    ConnectionTrait as _, DatabaseConnection, DbBackend, DbErr, SqlxMySqlConnector, Statement,
};
use sqlx::mysql::MySqlConnectOptions;
use sqlx::{ConnectOptions as _, Connection as _, Executor as _, MySqlConnection, Row as _};

use super::connect::{ConnectError, Connected, Limits, pool, within};
use crate::database_url::ServerUrl;
use migration_lease::MigrationLease;

/// The oldest versions with collations that compare trailing spaces, and with CHECK constraints.
const OLDEST_MARIADB: Version = (10, 6, 0);
const OLDEST_MYSQL: Version = (8, 0, 17);

type Version = (u32, u32, u32);

/// The settings of every connection, independent of the server's defaults. READ COMMITTED: statements see
/// committed rows, and rows that a subquery reads are not locked, so a refresh locks only its session. Strict
/// mode: values that do not fit into a column are refused, not cut.
const SESSION: &str = "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED; \
     SET SESSION sql_mode = 'STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION', default_storage_engine = InnoDB";

/// On a Galera cluster, a read waits for the commits of other members, so that a session revoked there is revoked
/// here. Writes need no wait, because the cluster certifies them.
const CAUSAL_READS: &str = ", wsrep_sync_wait = 1";

/// On MariaDB, the time limit in seconds for an idle transaction, so that a node that was cut off does not keep its
/// locks. MySQL has no such setting.
const IDLE_TRANSACTION_TIMEOUT: &str = ", idle_transaction_timeout = 30";

/// Settings that only some servers have, by the name of the variable.
const OPTIONAL_SETTINGS: [(&str, &str); 2] = [
    ("wsrep_sync_wait", CAUSAL_READS),
    ("idle_transaction_timeout", IDLE_TRANSACTION_TIMEOUT),
];

pub(super) async fn connect(url: &ServerUrl, limits: Limits) -> Result<Connected, ConnectError> {
    let options = options(url)?;
    let optional = within(limits.acquire_timeout, probe(&options)).await?;
    let session = session(&optional, limits);
    let connect = move |connections| {
        let session = session.clone();
        let limits = Limits {
            connections,
            ..limits
        };
        let pool = pool(limits, options.clone())
            .after_connect(move |connection: &mut MySqlConnection, _| {
                let session = sqlx::AssertSqlSafe(session.clone());
                Box::pin(async move { connection.execute(session).await.map(drop) })
            })
            .connect_lazy_with(options.clone());
        SqlxMySqlConnector::from_sqlx_mysql_pool(pool)
    };
    let pool = connect(limits.connections);
    let migrated = migrate(&pool, || connect(1)).await;
    migrated.map_err(ConnectError::Migrate)?;
    Ok(Connected {
        pool,
        new_pool: Box::new(move || connect(limits.connections)),
    })
}

/// The number of steps of the schema's history that the database has; `None` if it does not contain a store.
pub(super) async fn applied_steps(url: &ServerUrl) -> Result<Option<u64>, ConnectError> {
    let mut connection = MySqlConnection::connect_with(&options(url)?).await?;
    let tables = "SHOW TABLES LIKE 'seaql_migrations'";
    let steps = if connection.fetch_optional(tables).await?.is_some() {
        let row = connection
            .fetch_one("SELECT COUNT(*) FROM seaql_migrations")
            .await?;
        u64::try_from(row.try_get::<i64, _>(0)?).ok()
    } else {
        None
    };
    connection.close().await?;
    Ok(steps)
}

fn options(url: &ServerUrl) -> Result<MySqlConnectOptions, ConnectError> {
    let options: MySqlConnectOptions = url.expose().parse().map_err(|_| ConnectError::Url)?;
    Ok(options.disable_statement_logging())
}

/// Limits the wait for a lock, because only MariaDB can limit every statement.
fn session(optional: &str, limits: Limits) -> String {
    let lock_wait = limits.statement_timeout.as_secs().max(1);
    format!("{SESSION}, innodb_lock_wait_timeout = {lock_wait}{optional}")
}

/// Connects, checks the version and returns the optional settings that the server has.
async fn probe(options: &MySqlConnectOptions) -> Result<String, ConnectError> {
    let mut connection = MySqlConnection::connect_with(options).await?;
    let row = connection.fetch_one("SELECT VERSION()").await?;
    let version: String = row.try_get(0)?;
    let (oldest, name) = if version.contains("MariaDB") {
        (OLDEST_MARIADB, "MariaDB")
    } else {
        (OLDEST_MYSQL, "MySQL")
    };
    if parse_version(&version) < oldest {
        let (major, minor, patch) = oldest;
        return Err(ConnectError::Unsupported(format!(
            "its version is {version}; {name} must be {major}.{minor}.{patch} or later"
        )));
    }
    let mut optional = String::new();
    for (name, setting) in OPTIONAL_SETTINGS {
        let variable = format!("SHOW SESSION VARIABLES LIKE '{name}'");
        let variable = sqlx::AssertSqlSafe(variable);
        if connection.fetch_optional(variable).await?.is_some() {
            optional.push_str(setting);
        }
    }
    connection.close().await?;
    Ok(optional)
}

fn parse_version(text: &str) -> Version {
    let mut numbers = text
        .split(|c: char| !c.is_ascii_digit())
        .map(|number| number.parse().unwrap_or(0));
    let mut next = || numbers.next().unwrap_or(0);
    (next(), next(), next())
}

/// Migrates under a lease, so that nodes can start together. A transaction would not do, because each change of a
/// table commits at once.
async fn migrate(
    connection: &DatabaseConnection,
    connect: impl FnOnce() -> DatabaseConnection,
) -> Result<(), DbErr> {
    if is_up_to_date(connection).await? {
        return Ok(());
    }
    // A second connection renews the lease while a long migration runs.
    let renewing = connect();
    let lease = MigrationLease::take(&renewing).await?;
    let migrated = tokio::select! {
        migrated = migration::up(connection) => migrated,
        Err(error) = lease.keep_renewed() => Err(error),
    };
    let released = lease.release().await;
    renewing.close().await?;
    migrated.and(released)
}

/// Only reads. The migrator always executes CREATE TABLE for its own table. On a Galera cluster that rolls back the
/// writes of a node that is migrating.
async fn is_up_to_date(connection: &DatabaseConnection) -> Result<bool, DbErr> {
    if !has_table(connection, "seaql_migrations").await? {
        return Ok(false);
    }
    let steps = Statement::from_string(DbBackend::MySql, "SELECT version FROM seaql_migrations");
    let rows = connection.query_all_raw(steps).await?;
    let applied: Result<HashSet<String>, DbErr> =
        rows.iter().map(|row| row.try_get("", "version")).collect();
    let known: HashSet<String> = migration::steps().map(str::to_owned).collect();
    Ok(applied? == known)
}

async fn has_table(connection: &DatabaseConnection, name: &str) -> Result<bool, DbErr> {
    let tables = "SELECT 1 FROM information_schema.tables WHERE table_schema = DATABASE() AND table_name = ?";
    let tables = Statement::from_sql_and_values(DbBackend::MySql, tables, [name.into()]);
    Ok(connection.query_one_raw(tables).await?.is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_is_parsed_from_the_text_of_a_server() {
        assert_eq!(parse_version("10.11.19-MariaDB-0+deb12u1"), (10, 11, 19));
        assert_eq!(parse_version("8.0.43"), (8, 0, 43));
        assert_eq!(parse_version("8.4-cloud"), (8, 4, 0));
        assert_eq!(parse_version("what"), (0, 0, 0));
    }
}
