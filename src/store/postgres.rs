//! Stores on PostgreSQL, which many nodes may share.

use std::time::Duration;

use migration::{Migrator, MigratorTrait};
use sea_orm::{
    ConnectionTrait, DatabaseConnection, DbBackend, DbErr, SqlxPostgresConnector, Statement,
    TransactionTrait as _,
};
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{ConnectOptions as _, Connection as _, Executor as _, PgConnection, Row as _};

use super::{OpenError, Store};
use crate::database_url::PostgresUrl;

/// A connection that nobody has used for so long is asked whether it still lives before it is used again.
const LONG_IDLE: Duration = Duration::from_secs(1);
const READ_COMMITTED: &str = "read committed";

/// What one node at a time may do in the whole database.
#[derive(Clone, Copy, Debug)]
pub(in crate::store) enum Alone {
    /// To bring the schema up to date.
    Migrate,
    /// To look at the signing keys and then add one.
    ChangeKeys,
}

impl Alone {
    /// The number of the lock, which must be nobody else's in this database: the first bytes spell "jeton".
    const fn lock(self) -> i64 {
        match self {
            Self::Migrate => 0x6A65_746F_6E01,
            Self::ChangeKeys => 0x6A65_746F_6E02,
        }
    }

    /// Waits until no other transaction does this; it is ours until the transaction ends. SQLite lets
    /// one transaction write at a time anyway.
    pub(in crate::store) async fn begin(
        self,
        transaction: &impl ConnectionTrait,
    ) -> Result<(), DbErr> {
        let backend = transaction.get_database_backend();
        if backend == DbBackend::Postgres {
            let lock = "SELECT pg_advisory_xact_lock($1)";
            let statement = Statement::from_sql_and_values(backend, lock, [self.lock().into()]);
            transaction.execute_raw(statement).await?;
        }
        Ok(())
    }
}

impl Store {
    /// Connects to a database on a server by at most so many connections, and brings its schema up to date.
    /// Who waits for a connection longer than `patience` goes without.
    ///
    /// # Errors
    ///
    /// [`OpenError`], which says what to do.
    pub async fn connect(
        url: &PostgresUrl,
        connections: u32,
        patience: Duration,
    ) -> Result<Self, OpenError> {
        let options = options(url)?;
        // By one connection first: a pool would try again and again, and then forget why.
        let connecting = tokio::time::timeout(patience, probe(&options)).await;
        let connected = connecting.map_err(|_| {
            let why = format!("no answer within {}", humantime::format_duration(patience));
            OpenError::of_server(url, "cannot connect to PostgreSQL at", why)
        })?;
        let isolation = connected.map_err(|error| {
            OpenError::of_server(url, "cannot connect to PostgreSQL at", without_url(&error))
        })?;
        if isolation != READ_COMMITTED {
            let why = format!(
                "default_transaction_isolation is {isolation:?} there and must be {READ_COMMITTED:?}"
            );
            return Err(OpenError::of_server(
                url,
                "cannot work with PostgreSQL at",
                why,
            ));
        }
        let pool = PgPoolOptions::new()
            .max_connections(connections)
            .acquire_timeout(patience)
            // Not before each statement: that would be one more round trip.
            .test_before_acquire(false)
            .before_acquire(|connection, meta| {
                Box::pin(async move {
                    if meta.idle_for > LONG_IDLE {
                        connection.ping().await?;
                    }
                    Ok(true)
                })
            })
            .connect_lazy_with(options);
        let connection = SqlxPostgresConnector::from_sqlx_postgres_pool(pool);
        let failed = |error: DbErr| OpenError::of_schema(url, &error);
        migrate(&connection).await.map_err(failed)?;
        Ok(Self {
            read: connection.clone(),
            durable: connection.clone(),
            relaxed: connection,
            turn: None,
        })
    }
}

fn options(url: &PostgresUrl) -> Result<PgConnectOptions, OpenError> {
    let options: PgConnectOptions = url.expose().parse().map_err(|error: sqlx::Error| {
        OpenError::of_server(url, "cannot make sense of the URL of", without_url(&error))
    })?;
    let options = match options.get_application_name() {
        Some(_) => options,
        None => options.application_name("jeton"),
    };
    // There are no floats here, and PgBouncer refuses connections that ask for them in a certain way.
    let options = options.extra_float_digits(None);
    Ok(options.disable_statement_logging())
}

/// Connects, and says how transactions are isolated there.
async fn probe(options: &PgConnectOptions) -> Result<String, sqlx::Error> {
    let mut connection = PgConnection::connect_with(options).await?;
    let row = connection
        .fetch_one("SHOW default_transaction_isolation")
        .await?;
    let isolation = row.try_get(0)?;
    connection.close().await?;
    Ok(isolation)
}

/// Errors of configuration quote what they are about.
fn without_url(error: &sqlx::Error) -> String {
    match error {
        sqlx::Error::Configuration(_) => "a part of it is not understood".to_owned(),
        other => other.to_string(),
    }
}

/// In one transaction, under a lock: nodes may start together, and none sees half a schema.
async fn migrate(connection: &DatabaseConnection) -> Result<(), DbErr> {
    let transaction = connection.begin().await?;
    Alone::Migrate.begin(&transaction).await?;
    Migrator::up(&transaction, None).await?;
    transaction.commit().await
}
