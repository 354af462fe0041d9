//! Connections to PostgreSQL, MariaDB and MySQL: limits, errors, pool options.

use std::time::Duration;

use sea_orm::{DatabaseConnection, DbErr};
use sqlx::Connection as _;
use sqlx::pool::PoolOptions;
use thiserror::Error;
use tokio::time::timeout;

use super::pool::{NewPool, record_wait};

/// The options of one connection.
type ConnectOptions<DB> = <<DB as sqlx::Database>::Connection as sqlx::Connection>::Options;

/// A connection that was idle for longer is checked before it is used.
const MAX_IDLE: Duration = Duration::from_secs(1);

/// Limits of one node on a database server.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// The number of connections.
    pub connections: u32,
    /// The time limit for obtaining a connection.
    pub acquire_timeout: Duration,
    /// The time limit for a statement; on MariaDB and MySQL, for the wait for a lock.
    pub statement_timeout: Duration,
}

/// A pool for a server with the current schema.
pub(super) struct Connected {
    pub(super) pool: DatabaseConnection,
    pub(super) new_pool: NewPool,
}

/// The reason why a server cannot be used.
#[derive(Debug, Error)]
pub(super) enum ConnectError {
    #[error("a part of the URL is not understood")]
    Url,
    /// A configuration error is not shown, because it quotes the URL.
    #[error("{}", match .0 {
        sqlx::Error::Configuration(_) => "a part of the URL is not understood".to_owned(),
        other => other.to_string(),
    })]
    Connect(#[from] sqlx::Error),
    /// The version or a setting of the server does not fit.
    #[error("{0}")]
    Unsupported(String),
    #[error("{0}")]
    Migrate(DbErr),
}

impl ConnectError {
    /// What to do; empty if the message says it or nothing is known.
    pub(super) fn remedy(&self) -> &'static str {
        let code = match self {
            Self::Connect(sqlx::Error::Database(error)) => error.code(),
            Self::Connect(sqlx::Error::Io(_) | sqlx::Error::Protocol(_)) => {
                return "; see whether the server runs and this machine reaches it at that address";
            }
            Self::Connect(sqlx::Error::Tls(_)) => {
                return "; correct sslmode and sslrootcert (MariaDB, MySQL: ssl-mode and ssl-ca) in the URL, or TLS at \
                        the server";
            }
            Self::Migrate(error) if error.to_string().contains("denied") => {
                return "; let the user own the database, or give it all privileges there: docs/databases.md";
            }
            _ => None,
        };
        // SQLSTATE of PostgreSQL, or of MariaDB and MySQL.
        match code.as_deref() {
            Some("28P01" | "28000") => {
                "; correct user and password in the URL, or what the server permits this user; special characters of \
                 the password are percent-encoded"
            }
            Some("3D000" | "42000") => {
                "; create the database, and let the user own it or give it all privileges there: docs/databases.md"
            }
            _ => "",
        }
    }
}

/// Fails when `probe` does not end before the timeout. A probe uses a connection outside a pool, because a pool
/// would repeat the attempt and report only the timeout.
pub(super) async fn within<T>(
    limit: Duration,
    probe: impl Future<Output = Result<T, ConnectError>>,
) -> Result<T, ConnectError> {
    let outcome = timeout(limit, probe).await;
    outcome.unwrap_or_else(|_| {
        let limit = humantime::format_duration(limit);
        let why = format!("no response within {limit}");
        Err(sqlx::Error::Protocol(why).into())
    })
}

/// Pool options for all servers.
///
/// When a transaction is dropped, its connection still has to send the rollback. If that happened while MySQL
/// prepared a statement, the driver misreads the responses and waits without end. Such a connection is closed.
pub(super) fn pool<DB: sqlx::Database>(
    limits: Limits,
    options: ConnectOptions<DB>,
) -> PoolOptions<DB> {
    PoolOptions::new()
        .max_connections(limits.connections)
        .acquire_timeout(limits.acquire_timeout)
        // A check before each statement would cost a round trip.
        .test_before_acquire(false)
        .after_connect(|_, _| {
            record_wait();
            Box::pin(async { Ok(()) })
        })
        .before_acquire(|connection: &mut DB::Connection, meta| {
            Box::pin(async move {
                if meta.idle_for > MAX_IDLE {
                    connection.ping().await?;
                }
                record_wait();
                Ok(true)
            })
        })
        .after_release(move |connection: &mut DB::Connection, _| {
            let options = options.clone();
            Box::pin(async move {
                if !connection.should_flush() {
                    return Ok(true);
                }
                let ready = timeout(limits.statement_timeout, connection.ping());
                match ready.await {
                    Ok(ready) => ready.map(|()| true),
                    Err(_) => drop_stuck::<DB>(connection, limits, &options).await,
                }
            })
        })
}

/// Replaces a connection that does not respond, so that the pool closes the new one. Over TLS, the driver waits for the
/// server when it closes a connection; the pool would be one connection smaller. A dropped connection is closed at once.
async fn drop_stuck<DB: sqlx::Database>(
    connection: &mut DB::Connection,
    limits: Limits,
    options: &ConnectOptions<DB>,
) -> Result<bool, sqlx::Error> {
    let connecting = DB::Connection::connect_with(options);
    let connected = timeout(limits.acquire_timeout, connecting).await;
    let new = connected.map_err(|_| sqlx::Error::PoolTimedOut)??;
    drop(std::mem::replace(connection, new));
    tracing::warn!("closed a connection that did not respond after a dropped transaction");
    Ok(false)
}
