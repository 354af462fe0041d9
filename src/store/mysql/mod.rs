//! Stores on MariaDB and MySQL, and on clusters of Galera.

mod lease;

use std::collections::HashSet;

use migration::{Migrator, MigratorTrait};
use sea_orm::{
    ConnectionTrait as _, DatabaseConnection, DbBackend, DbErr, SqlxMySqlConnector, Statement,
};
use sqlx::mysql::MySqlConnectOptions;
use sqlx::{ConnectOptions as _, Connection as _, Executor as _, MySqlConnection, Row as _};

use super::server::{Connected, Failure, Limits, pool, within};
use crate::database_url::ServerUrl;
use lease::Lease;

/// The oldest version that has what is asked of it: text that is compared to its last space, and checked.
const OLDEST_MARIADB: Version = (10, 6, 0);
const OLDEST_MYSQL: Version = (8, 0, 17);

type Version = (u32, u32, u32);

/// How every session is, whatever the server's defaults are. Other transactions' rows are seen as soon as they
/// are certain, and a row that a subquery reads is not locked: a refresh locks its session, and no more. What
/// does not fit into a column is refused, not cut.
const SESSION: &str = "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED; \
     SET SESSION sql_mode = 'STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION', default_storage_engine = InnoDB";

/// On a member of a Galera cluster, what is read is as new as what any other member has made certain before:
/// a session that was ended there is over here. Writes need no such wait, they are compared in any case.
const READ_AFTER_ALL: &str = ", wsrep_sync_wait = 1";

/// On MariaDB, a node that was cut off in the middle of a transaction keeps its locks for so many seconds at most.
/// MySQL has no such limit.
const CUT_OFF: &str = ", idle_transaction_timeout = 30";

/// What servers know of these by the names of their variables; not all that speak the protocol do.
const KNOWN_BY_SOME: [(&str, &str); 2] = [
    ("wsrep_sync_wait", READ_AFTER_ALL),
    ("idle_transaction_timeout", CUT_OFF),
];

pub(super) async fn connect(url: &ServerUrl, limits: Limits) -> Result<Connected, Failure> {
    let options = options(url)?;
    let known = within(limits.acquire_timeout, probe(&options)).await?;
    let session = session(&known, limits);
    let connect = move |connections| {
        let session = session.clone();
        let limits = Limits {
            connections,
            ..limits
        };
        let pool = pool(limits)
            .after_connect(move |connection: &mut MySqlConnection, _| {
                let session = sqlx::AssertSqlSafe(session.clone());
                Box::pin(async move { connection.execute(session).await.map(drop) })
            })
            .connect_lazy_with(options.clone());
        SqlxMySqlConnector::from_sqlx_mysql_pool(pool)
    };
    let first = connect(limits.connections);
    let migrated = migrate(&first, || connect(1)).await;
    migrated.map_err(Failure::Migrate)?;
    Ok(Connected {
        first,
        new_pool: Box::new(move || connect(limits.connections)),
    })
}

/// Whether the tables of a store are there.
pub(super) async fn holds_tables(url: &ServerUrl) -> Result<bool, Failure> {
    let mut connection = MySqlConnection::connect_with(&options(url)?).await?;
    let tables = "SHOW TABLES LIKE 'seaql_migrations'";
    let made = connection.fetch_optional(tables).await?.is_some();
    connection.close().await?;
    Ok(made)
}

fn options(url: &ServerUrl) -> Result<MySqlConnectOptions, Failure> {
    let options: MySqlConnectOptions = url.expose().parse().map_err(|_| Failure::Url)?;
    Ok(options.disable_statement_logging())
}

/// A limit of statements there is not on both, but of the wait for a lock, which is what keeps them waiting.
fn session(known: &str, limits: Limits) -> String {
    let lock_wait = limits.statement_timeout.as_secs().max(1);
    format!("{SESSION}, innodb_lock_wait_timeout = {lock_wait}{known}")
}

/// Connects, and says what the server knows of what only some do.
async fn probe(options: &MySqlConnectOptions) -> Result<String, Failure> {
    let mut connection = MySqlConnection::connect_with(options).await?;
    let row = connection.fetch_one("SELECT VERSION()").await?;
    let told: String = row.try_get(0)?;
    let (oldest, name) = if told.contains("MariaDB") {
        (OLDEST_MARIADB, "MariaDB")
    } else {
        (OLDEST_MYSQL, "MySQL")
    };
    if version(&told) < oldest {
        let (major, minor, patch) = oldest;
        return Err(Failure::Unfit(format!(
            "it is {told}; {name} must be {major}.{minor}.{patch} or later"
        )));
    }
    let mut known = String::new();
    for (name, setting) in KNOWN_BY_SOME {
        let question = format!("SHOW SESSION VARIABLES LIKE '{name}'");
        let question = sqlx::AssertSqlSafe(question);
        if connection.fetch_optional(question).await?.is_some() {
            known.push_str(setting);
        }
    }
    connection.close().await?;
    Ok(known)
}

fn version(told: &str) -> Version {
    let mut numbers = told
        .split(|c: char| !c.is_ascii_digit())
        .map(|number| number.parse().unwrap_or(0));
    let mut next = || numbers.next().unwrap_or(0);
    (next(), next(), next())
}

/// Under a lease, so that nodes may start together. Here a change of a table is certain at once, and not undone
/// with what follows it: a transaction would hold nothing together.
async fn migrate(
    connection: &DatabaseConnection,
    another: impl FnOnce() -> DatabaseConnection,
) -> Result<(), DbErr> {
    if is_up_to_date(connection).await? {
        return Ok(());
    }
    // Renewed beside the steps, of which one may take long.
    let another = another();
    let lease = Lease::take(&another).await?;
    let migrated = tokio::select! {
        migrated = Migrator::up(connection, None) => migrated,
        Err(lost) = lease.keep() => Err(lost),
    };
    let given_back = lease.give_back().await;
    another.close().await?;
    migrated.and(given_back)
}

/// By reading alone. The migrator would make its table first, were it there or not; and on a cluster of Galera
/// such a statement undoes what a node is writing to that table meanwhile, which is how far it has come.
async fn is_up_to_date(connection: &DatabaseConnection) -> Result<bool, DbErr> {
    if !has_table(connection, "seaql_migrations").await? {
        return Ok(false);
    }
    let steps = Statement::from_string(DbBackend::MySql, "SELECT version FROM seaql_migrations");
    let rows = connection.query_all_raw(steps).await?;
    let taken: Result<HashSet<String>, DbErr> =
        rows.iter().map(|row| row.try_get("", "version")).collect();
    let known = Migrator::migrations();
    let known = known.iter().map(|step| step.name().to_owned());
    Ok(taken? == known.collect::<HashSet<String>>())
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
    fn a_version_is_read_from_what_a_server_tells() {
        assert_eq!(version("10.11.19-MariaDB-0+deb12u1"), (10, 11, 19));
        assert_eq!(version("8.0.43"), (8, 0, 43));
        assert_eq!(version("8.4-cloud"), (8, 4, 0));
        assert_eq!(version("what"), (0, 0, 0));
    }
}
