//! Checks a PostgreSQL server, or the pooler before it, and finds connection options that work there.

use std::time::Duration;

use sqlx::postgres::PgConnectOptions;
use sqlx::{Connection as _, Executor as _, PgConnection};

use crate::store::connect::{ConnectError, Limits, within};

const ISOLATION: &str = "SELECT current_setting('default_transaction_isolation')";
const STATEMENT_TIMEOUT: &str = "SELECT current_setting('statement_timeout')";
const READ_COMMITTED: &str = "read committed";
/// The error code of PgBouncer for a startup parameter that it does not forward.
const PROTOCOL_VIOLATION: &str = "08P01";
/// The prepared statement exists, or does not exist: the pooler has changed the server connection.
const WRONG_STATEMENTS: [&str; 2] = ["42P05", "26000"];
/// The time limit of an idle transaction, so that a node that was cut off does not keep its locks.
const IDLE_TRANSACTION_TIMEOUT: &str = "30s";
/// The longest time for which the check holds one pooler connection while it waits for another. Many nodes can
/// start at once and wait for each other's connections.
const CHECK_TIMEOUT: Duration = Duration::from_secs(1);
const NO_STATEMENTS: &str = "its pooler shares connections by transaction and does not support prepared statements; \
    use PgBouncer 1.21 or later with max_prepared_statements above 0, or pool_mode = session";

/// Finds the options for connecting; refuses a server that does not fit.
pub(super) async fn find_options(
    plain: PgConnectOptions,
    limits: Limits,
) -> Result<PgConnectOptions, ConnectError> {
    let timeout = limits.acquire_timeout;
    let limited = with_timeouts(plain.clone(), limits.statement_timeout);
    let (options, first) = match connect(&limited, timeout).await {
        Err(ConnectError::Connect(error))
            if code(&error).as_deref() == Some(PROTOCOL_VIOLATION) =>
        {
            let connection = connect(&plain, timeout).await?;
            (plain, connection)
        }
        connected => (limited, connected?),
    };
    let between = connect(&options, timeout).await?;
    let last = connect(&options, timeout).await?;
    let settings = within(timeout, compare(first, between, last)).await;
    let (isolation, statement_timeout) = settings.map_err(|error| match error {
        ConnectError::Connect(error) if is_wrong_statement(&error) => {
            ConnectError::Unsupported(NO_STATEMENTS.to_owned())
        }
        other => other,
    })?;
    if isolation != READ_COMMITTED {
        return Err(ConnectError::Unsupported(format!(
            "default_transaction_isolation is {isolation:?} there and must be {READ_COMMITTED:?}"
        )));
    }
    if statement_timeout == "0" {
        tracing::warn!(
            "the pooler does not forward statement_timeout, so statements can outlive their requests; set it for \
             the role (ALTER ROLE ... SET statement_timeout) or in the pooler (PgBouncer: connect_query)"
        );
    }
    Ok(options)
}

/// Sets the timeouts for the connection. For a transaction they would cost a round trip; for a session they would
/// stay on a pooler's connection when another client uses it.
fn with_timeouts(options: PgConnectOptions, statement_timeout: Duration) -> PgConnectOptions {
    let milliseconds = statement_timeout.as_millis().to_string();
    options.options([
        ("statement_timeout", milliseconds.as_str()),
        (
            "idle_in_transaction_session_timeout",
            IDLE_TRANSACTION_TIMEOUT,
        ),
    ])
}

async fn connect(
    options: &PgConnectOptions,
    timeout: Duration,
) -> Result<PgConnection, ConnectError> {
    within(timeout, async {
        Ok(PgConnection::connect_with(options).await?)
    })
    .await
}

/// Reads the isolation level and the statement timeout, each on a connection of its own.
///
/// The prepared statements on both connections have the same name, and a pooler must keep them apart. They are
/// executed again while a third connection is in a transaction, so that the pooler has one connection less. A
/// pooler that mixes them up then returns the wrong value or an error.
async fn compare(
    mut first: PgConnection,
    mut between: PgConnection,
    mut last: PgConnection,
) -> Result<(String, String), ConnectError> {
    let isolation = query(&mut first, ISOLATION).await?;
    let statement_timeout = query(&mut last, STATEMENT_TIMEOUT).await?;
    let repeated = async {
        between.execute("BEGIN").await?;
        let same = query(&mut first, ISOLATION).await? == isolation
            && query(&mut last, STATEMENT_TIMEOUT).await? == statement_timeout;
        between.execute("ROLLBACK").await?;
        for connection in [first, between, last] {
            connection.close().await?;
        }
        Ok::<_, sqlx::Error>(same)
    };
    match tokio::time::timeout(CHECK_TIMEOUT, repeated).await {
        Ok(Ok(false)) => Err(ConnectError::Unsupported(NO_STATEMENTS.to_owned())),
        Ok(Err(error)) => Err(error.into()),
        Ok(Ok(true)) | Err(_) => Ok((isolation, statement_timeout)),
    }
}

pub(super) async fn query(
    connection: &mut PgConnection,
    sql: &'static str,
) -> Result<String, sqlx::Error> {
    sqlx::query_scalar(sql).fetch_one(connection).await
}

fn is_wrong_statement(error: &sqlx::Error) -> bool {
    code(error).is_some_and(|code| WRONG_STATEMENTS.contains(&&*code))
}

fn code(error: &sqlx::Error) -> Option<String> {
    let code = error.as_database_error()?.code()?;
    Some(code.into_owned())
}
