//! Stores on PostgreSQL.

mod probe;

use migration::{Migrator, MigratorTrait};
use sea_orm::{DatabaseConnection, DbErr, SqlxPostgresConnector, TransactionTrait as _};
use sqlx::postgres::PgConnectOptions;
use sqlx::{ConnectOptions as _, Connection as _, PgConnection};

use super::lock::Lock;
use super::server::{Connected, Failure, Limits, pool};
use super::transaction::remove_server_timeout;
use crate::database_url::ServerUrl;

pub(super) async fn connect(url: &ServerUrl, limits: Limits) -> Result<Connected, Failure> {
    let options = probe::find_options(options(url)?, limits).await?;
    let new_pool = move || {
        let pool = pool(limits).connect_lazy_with(options.clone());
        SqlxPostgresConnector::from_sqlx_postgres_pool(pool)
    };
    let first = new_pool();
    migrate(&first).await.map_err(Failure::Migrate)?;
    Ok(Connected {
        first,
        new_pool: Box::new(new_pool),
    })
}

/// Whether the tables of a store are there.
pub(super) async fn holds_tables(url: &ServerUrl) -> Result<bool, Failure> {
    let mut connection = PgConnection::connect_with(&options(url)?).await?;
    let question = "SELECT (to_regclass('seaql_migrations') IS NOT NULL)::text";
    let made = probe::ask(&mut connection, question).await?;
    connection.close().await?;
    Ok(made == "true")
}

fn options(url: &ServerUrl) -> Result<PgConnectOptions, Failure> {
    let options: PgConnectOptions = url.expose().parse().map_err(|_| Failure::Url)?;
    let options = match options.get_application_name() {
        Some(_) => options,
        None => options.application_name("jeton"),
    };
    // There are no floats here, and PgBouncer refuses connections that ask for them in a certain way.
    let options = options.extra_float_digits(None);
    Ok(options.disable_statement_logging())
}

/// In one transaction, under a lock: nodes may start together, and none sees half a schema.
async fn migrate(connection: &DatabaseConnection) -> Result<(), DbErr> {
    let transaction = connection.begin().await?;
    // Whoever comes second waits for the first, and a step may take a while.
    remove_server_timeout(&transaction).await?;
    Lock::Migration.acquire(&transaction).await?;
    Migrator::up(&transaction, None).await?;
    transaction.commit().await
}
