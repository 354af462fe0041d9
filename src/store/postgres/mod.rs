//! Stores on PostgreSQL.

mod probe;

use sea_orm::{DatabaseConnection, DbErr, SqlxPostgresConnector, TransactionTrait as _};
use sqlx::postgres::PgConnectOptions;
use sqlx::{ConnectOptions as _, Connection as _, PgConnection};

use super::connect::{ConnectError, Connected, Limits, pool};
use super::lock::Lock;
use super::transaction::remove_server_timeout;
use crate::database_url::ServerUrl;

pub(super) async fn connect(url: &ServerUrl, limits: Limits) -> Result<Connected, ConnectError> {
    let options = probe::find_options(options(url)?, limits).await?;
    let new_pool = move || {
        let pool = pool(limits, options.clone()).connect_lazy_with(options.clone());
        SqlxPostgresConnector::from_sqlx_postgres_pool(pool)
    };
    let pool = new_pool();
    migrate(&pool).await.map_err(ConnectError::Migrate)?;
    Ok(Connected {
        pool,
        new_pool: Box::new(new_pool),
    })
}

/// The number of steps of the schema's history that the database has; `None` if it does not contain a store.
pub(super) async fn applied_steps(url: &ServerUrl) -> Result<Option<u64>, ConnectError> {
    let mut connection = PgConnection::connect_with(&options(url)?).await?;
    let query = "SELECT (to_regclass('seaql_migrations') IS NOT NULL)::text";
    let steps = if probe::query(&mut connection, query).await? == "true" {
        let query = "SELECT count(*)::text FROM seaql_migrations";
        probe::query(&mut connection, query).await?.parse().ok()
    } else {
        None
    };
    connection.close().await?;
    Ok(steps)
}

fn options(url: &ServerUrl) -> Result<PgConnectOptions, ConnectError> {
    let options: PgConnectOptions = url.expose().parse().map_err(|_| ConnectError::Url)?;
    let options = match options.get_application_name() {
        Some(_) => options,
        None => options.application_name("jeton"),
    };
    // The store has no floats, and PgBouncer refuses connections with this setting.
    let options = options.extra_float_digits(None);
    Ok(options.disable_statement_logging())
}

/// Migrates in one transaction under a lock, so that nodes can start together and see no partial schema.
async fn migrate(connection: &DatabaseConnection) -> Result<(), DbErr> {
    let transaction = connection.begin().await?;
    // Another node may hold the lock for a long migration.
    remove_server_timeout(&transaction).await?;
    Lock::Migration.acquire(&transaction).await?;
    migration::up(&transaction).await?;
    transaction.commit().await
}
