//! Stores on PostgreSQL, which many nodes may share.

use std::time::Duration;

use migration::{Migrator, MigratorTrait};
use sea_orm::{
    ConnectionTrait, DatabaseConnection, DbBackend, DbErr, SqlxPostgresConnector, Statement,
    TransactionTrait as _,
};
use sqlx::Connection as _;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};

use super::bounded::{Connection, Limit, lift_limit_of_server};
use super::{OpenError, Store, probe};
use crate::config::RotationDurability;
use crate::database_url::PostgresUrl;

/// A connection that nobody has used for so long is asked whether it still lives before it is used again.
const LONG_IDLE: Duration = Duration::from_secs(1);

/// How much of a server's time a node takes.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Connections at once.
    pub connections: u32,
    /// How long anybody waits for one of them.
    pub acquire_timeout: Duration,
    /// How long the server works on one statement.
    pub statement_timeout: Duration,
}

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
    /// Connects to a database on a server, and brings its schema up to date.
    ///
    /// # Errors
    ///
    /// [`OpenError`], which says what to do.
    pub async fn connect(url: &PostgresUrl, limits: Limits) -> Result<Self, OpenError> {
        let options = probe::find_options(url, limits).await?;
        let new_pool = move || pool(&options, limits);
        let first = new_pool();
        let failed = |error: DbErr| OpenError::of_schema(url, &error);
        migrate(&first).await.map_err(failed)?;
        let limit = Limit {
            patience: limits.acquire_timeout + limits.statement_timeout,
            new_pool: Box::new(new_pool),
        };
        let connection = Connection::new(first, Some(limit));
        Ok(Self {
            read: connection.clone(),
            durable: connection.clone(),
            relaxed: connection,
            turn: None,
            rotations: RotationDurability::Relaxed,
        })
    }

    /// Whether there is a store in the database at all.
    ///
    /// # Errors
    ///
    /// [`OpenError`], which says what to do.
    pub async fn is_made(url: &PostgresUrl, limits: Limits) -> Result<bool, OpenError> {
        probe::holds_tables(url, limits).await
    }
}

fn pool(options: &PgConnectOptions, limits: Limits) -> DatabaseConnection {
    let pool = PgPoolOptions::new()
        .max_connections(limits.connections)
        .acquire_timeout(limits.acquire_timeout)
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
        .connect_lazy_with(options.clone());
    SqlxPostgresConnector::from_sqlx_postgres_pool(pool)
}

/// In one transaction, under a lock: nodes may start together, and none sees half a schema.
async fn migrate(connection: &DatabaseConnection) -> Result<(), DbErr> {
    let transaction = connection.begin().await?;
    // Whoever comes second waits for the first, and a step may take a while.
    lift_limit_of_server(&transaction).await?;
    Alone::Migrate.begin(&transaction).await?;
    Migrator::up(&transaction, None).await?;
    transaction.commit().await
}
