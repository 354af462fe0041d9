//! Stores on PostgreSQL.

use std::time::Duration;

use migration::{Migrator, MigratorTrait};
use sea_orm::{DatabaseConnection, DbErr, SqlxPostgresConnector, TransactionTrait as _};
use sqlx::postgres::PgConnectOptions;
use sqlx::{ConnectOptions as _, Connection as _, Executor as _, PgConnection, Row as _};

use super::alone::Alone;
use super::server::{Connected, Failure, pool, within};
use crate::database_url::ServerUrl;

const READ_COMMITTED: &str = "read committed";

pub(super) async fn connect(url: &ServerUrl, connections: u32, patience: Duration) -> Connected {
    let options = options(url)?;
    let isolation = within(patience, probe(&options)).await?;
    if isolation != READ_COMMITTED {
        return Err(Failure::Unfit(format!(
            "default_transaction_isolation is {isolation:?} there and must be {READ_COMMITTED:?}"
        )));
    }
    let pool = pool(connections, patience).connect_lazy_with(options);
    let connection = SqlxPostgresConnector::from_sqlx_postgres_pool(pool);
    migrate(&connection).await.map_err(Failure::Migrate)?;
    Ok(connection)
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

/// Connects, and says how transactions are isolated there.
async fn probe(options: &PgConnectOptions) -> Result<String, Failure> {
    let mut connection = PgConnection::connect_with(options).await?;
    let row = connection
        .fetch_one("SHOW default_transaction_isolation")
        .await?;
    let isolation = row.try_get(0)?;
    connection.close().await?;
    Ok(isolation)
}

/// In one transaction, under a lock: nodes may start together, and none sees half a schema.
async fn migrate(connection: &DatabaseConnection) -> Result<(), DbErr> {
    let transaction = connection.begin().await?;
    Alone::Migrate.begin(&transaction).await?;
    Migrator::up(&transaction, None).await?;
    transaction.commit().await
}
