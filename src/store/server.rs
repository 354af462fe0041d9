//! Stores on a server, which many nodes may share.

use std::fmt;
use std::time::Duration;

use sea_orm::{DatabaseConnection, DbErr};
use sqlx::Connection as _;
use sqlx::pool::PoolOptions;

use super::pool::{Pool, Timeout};
use super::{OpenError, Store, mysql, postgres};
use crate::config::RotationDurability;
use crate::database_url::{Engine, ServerUrl};

/// A connection that nobody has used for so long is asked whether it still lives before it is used again.
const LONG_IDLE: Duration = Duration::from_secs(1);

/// How much of a server's time a node takes.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Connections at once.
    pub connections: u32,
    /// How long anybody waits for one of them.
    pub acquire_timeout: Duration,
    /// How long the server works on one statement; on MariaDB and MySQL, how long it waits for a lock.
    pub statement_timeout: Duration,
}

/// A server whose schema is up to date.
pub(super) struct Connected {
    /// A pool that has connected there.
    pub(super) first: DatabaseConnection,
    /// Makes another.
    pub(super) new_pool: Box<dyn Fn() -> DatabaseConnection + Send + Sync>,
}

/// Why there is no store on a server.
pub(super) enum Failure {
    /// A part of the URL is not understood.
    Url,
    /// It does not answer, or not to us.
    Connect(sqlx::Error),
    /// It is not what it must be.
    Unfit(String),
    /// The schema cannot be brought up to date.
    Migrate(DbErr),
}

impl From<sqlx::Error> for Failure {
    fn from(error: sqlx::Error) -> Self {
        Self::Connect(error)
    }
}

impl Store {
    /// Connects to a database on a server, and brings its schema up to date.
    ///
    /// # Errors
    ///
    /// [`OpenError`], which says what to do.
    pub async fn connect(url: &ServerUrl, limits: Limits) -> Result<Self, OpenError> {
        let connected = match url.engine() {
            Engine::Postgres => postgres::connect(url, limits).await,
            Engine::MySql => mysql::connect(url, limits).await,
        };
        let connected = connected.map_err(|failure| complaint(url, failure))?;
        let timeout = Timeout {
            length: limits.acquire_timeout + limits.statement_timeout,
            new_pool: connected.new_pool,
        };
        let connection = Pool::new(connected.first, Some(timeout));
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
    pub async fn is_made(url: &ServerUrl, limits: Limits) -> Result<bool, OpenError> {
        let looking = async {
            match url.engine() {
                Engine::Postgres => postgres::holds_tables(url).await,
                Engine::MySql => mysql::holds_tables(url).await,
            }
        };
        let looked = within(limits.acquire_timeout, looking).await;
        looked.map_err(|failure| complaint(url, failure))
    }
}

fn complaint(url: &ServerUrl, failure: Failure) -> OpenError {
    let engine = url.engine();
    let of_server = |what: String, why: &dyn fmt::Display| OpenError::of_server(url, &what, why);
    match failure {
        Failure::Url => of_server(
            "cannot make sense of the URL of".to_owned(),
            &"a part of it is not understood",
        ),
        Failure::Connect(error) => of_server(
            format!("cannot connect to {engine} at"),
            &without_url(&error),
        ),
        Failure::Unfit(why) => of_server(format!("cannot work with {engine} at"), &why),
        Failure::Migrate(error) => OpenError::of_schema(url, &error),
    }
}

/// Errors of configuration quote what they are about.
fn without_url(error: &sqlx::Error) -> String {
    match error {
        sqlx::Error::Configuration(_) => "a part of it is not understood".to_owned(),
        other => other.to_string(),
    }
}

/// What the server says to `probe`. By one connection first: a pool would try again and again, and then
/// forget why.
pub(super) async fn within<T>(
    patience: Duration,
    probe: impl Future<Output = Result<T, Failure>>,
) -> Result<T, Failure> {
    let answer = tokio::time::timeout(patience, probe).await;
    answer.unwrap_or_else(|_| {
        let waited = humantime::format_duration(patience);
        let why = format!("no answer within {waited}");
        Err(Failure::Connect(sqlx::Error::Protocol(why)))
    })
}

/// How connections are kept.
///
/// One on which a transaction was given up still has to be told so. On MySQL, if that was while it prepared a
/// statement, the driver takes the answers for what they are not, and waits for more, for good: such a connection
/// is not kept.
pub(super) fn pool<DB: sqlx::Database>(limits: Limits) -> PoolOptions<DB> {
    PoolOptions::new()
        .max_connections(limits.connections)
        .acquire_timeout(limits.acquire_timeout)
        // Not before each statement: that would be one more round trip.
        .test_before_acquire(false)
        .before_acquire(|connection: &mut DB::Connection, meta| {
            Box::pin(async move {
                if meta.idle_for > LONG_IDLE {
                    connection.ping().await?;
                }
                Ok(true)
            })
        })
        .after_release(move |connection: &mut DB::Connection, _| {
            Box::pin(async move {
                if !connection.should_flush() {
                    return Ok(true);
                }
                let ready = tokio::time::timeout(limits.statement_timeout, connection.ping());
                let ready = ready.await.unwrap_or_else(|_| {
                    let why = "the answers to what was given up are not understood";
                    Err(sqlx::Error::Protocol(why.to_owned()))
                });
                ready.map(|()| true)
            })
        })
}
