//! What stands at the URL of a PostgreSQL server, found out before a pool connects there: a pool would try
//! again and again, and then forget why it failed.

use std::fmt::Display;
use std::time::Duration;

use sqlx::postgres::PgConnectOptions;
use sqlx::{ConnectOptions as _, Connection as _, Executor as _, PgConnection};

use super::{Limits, OpenError};
use crate::database_url::PostgresUrl;

const ISOLATION: &str = "SELECT current_setting('default_transaction_isolation')";
const STATEMENT_TIMEOUT: &str = "SELECT current_setting('statement_timeout')";
const READ_COMMITTED: &str = "read committed";
/// PgBouncer's, for a setting in the first message that it does not pass on.
const PROTOCOL_VIOLATION: &str = "08P01";
/// There is one of that name, or there is none: the server's connection was another client's meanwhile.
const MIXED_UP_STATEMENTS: [&str; 2] = ["42P05", "26000"];
/// A node that was cut off in the middle of a transaction keeps its locks for so long at most.
const CUT_OFF: &str = "30s";
const NO_STATEMENTS: &str = "a pooler stands before it that gives a connection to one client a transaction, and does \
    not carry prepared statements along; PgBouncer does from 1.21 on, with max_prepared_statements above 0; \
    or let it pool by session (pool_mode = session)";

/// How to connect, to a server that will do.
pub(super) async fn find_options(
    url: &PostgresUrl,
    limits: Limits,
) -> Result<PgConnectOptions, OpenError> {
    let patience = limits.acquire_timeout;
    let cannot_connect = |error| {
        let why = explain(&error, patience);
        OpenError::of_server(url, "cannot connect to PostgreSQL at", why)
    };
    let plain = parse(url)?;
    let limited = with_limits(plain.clone(), limits.statement_timeout);
    let (options, first) = match connect(&limited, patience).await {
        Err(error) if code(&error).as_deref() == Some(PROTOCOL_VIOLATION) => {
            let connection = connect(&plain, patience).await;
            (plain, connection.map_err(cannot_connect)?)
        }
        connected => (limited, connected.map_err(cannot_connect)?),
    };
    let second = connect(&options, patience).await.map_err(cannot_connect)?;
    let third = connect(&options, patience).await.map_err(cannot_connect)?;
    let answers = tokio::time::timeout(patience, compare(first, second, third)).await;
    let answers = answers.unwrap_or(Err(sqlx::Error::PoolTimedOut));
    let (isolation, statement_timeout) = answers.map_err(|error| {
        let mixed_up = code(&error).is_some_and(|code| MIXED_UP_STATEMENTS.contains(&&*code));
        let why = explain(&error, patience);
        cannot_work(url, if mixed_up { NO_STATEMENTS } else { &why })
    })?;
    if isolation != READ_COMMITTED {
        let why = format!(
            "default_transaction_isolation is {isolation:?} there and must be {READ_COMMITTED:?}"
        );
        return Err(cannot_work(url, why));
    }
    if statement_timeout == "0" {
        tracing::warn!(
            "a pooler before the database takes no statement_timeout, so that what waits there goes on when \
             nobody waits for it any more; set it for the role (ALTER ROLE ... SET statement_timeout), or \
             in the pooler (PgBouncer: connect_query)"
        );
    }
    Ok(options)
}

/// Whether the tables of a store are there.
pub(super) async fn holds_tables(url: &PostgresUrl, limits: Limits) -> Result<bool, OpenError> {
    let options = parse(url)?;
    let looking = async {
        let mut connection = PgConnection::connect_with(&options).await?;
        let question = "SELECT (to_regclass('seaql_migrations') IS NOT NULL)::text";
        let made = ask(&mut connection, question).await?;
        connection.close().await?;
        Ok(made == "true")
    };
    let patience = limits.acquire_timeout;
    let looked = tokio::time::timeout(patience, looking).await;
    looked
        .unwrap_or(Err(sqlx::Error::PoolTimedOut))
        .map_err(|error| {
            let why = explain(&error, patience);
            OpenError::of_server(url, "cannot connect to PostgreSQL at", why)
        })
}

fn parse(url: &PostgresUrl) -> Result<PgConnectOptions, OpenError> {
    let options: PgConnectOptions = url.expose().parse().map_err(|error: sqlx::Error| {
        let why = explain(&error, Duration::ZERO);
        OpenError::of_server(url, "cannot make sense of the URL of", why)
    })?;
    let options = match options.get_application_name() {
        Some(_) => options,
        None => options.application_name("jeton"),
    };
    // There are no floats here, and PgBouncer refuses connections that ask for them in a certain way.
    let options = options.extra_float_digits(None);
    Ok(options.disable_statement_logging())
}

/// As settings of the connection, because those of a transaction would cost a round trip each time, and those
/// of a session would stay with a pooler's connection when it is another client's.
fn with_limits(options: PgConnectOptions, statement_timeout: Duration) -> PgConnectOptions {
    let milliseconds = statement_timeout.as_millis().to_string();
    options.options([
        ("statement_timeout", milliseconds.as_str()),
        ("idle_in_transaction_session_timeout", CUT_OFF),
    ])
}

async fn connect(
    options: &PgConnectOptions,
    patience: Duration,
) -> Result<PgConnection, sqlx::Error> {
    let connecting = PgConnection::connect_with(options);
    let connected = tokio::time::timeout(patience, connecting).await;
    connected.unwrap_or(Err(sqlx::Error::PoolTimedOut))
}

/// The isolation of transactions and the limit of statements, each asked by a connection of its own: the
/// statements have the same name, which a pooler must keep apart. Meanwhile another connection is in a
/// transaction, so that a pooler has one of its own less to give: either the first comes to one that has never
/// heard of its statement, or the last to one that has another of that name.
async fn compare(
    mut first: PgConnection,
    mut between: PgConnection,
    mut last: PgConnection,
) -> Result<(String, String), sqlx::Error> {
    ask(&mut first, ISOLATION).await?;
    between.execute("BEGIN").await?;
    let isolation = ask(&mut first, ISOLATION).await?;
    let timeout = ask(&mut last, STATEMENT_TIMEOUT).await?;
    between.execute("ROLLBACK").await?;
    for connection in [first, between, last] {
        connection.close().await?;
    }
    Ok((isolation, timeout))
}

async fn ask(connection: &mut PgConnection, question: &'static str) -> Result<String, sqlx::Error> {
    sqlx::query_scalar(question).fetch_one(connection).await
}

fn cannot_work(url: &PostgresUrl, why: impl Display) -> OpenError {
    OpenError::of_server(url, "cannot work with PostgreSQL at", why)
}

fn code(error: &sqlx::Error) -> Option<String> {
    let code = error.as_database_error()?.code()?;
    Some(code.into_owned())
}

fn explain(error: &sqlx::Error, patience: Duration) -> String {
    match error {
        sqlx::Error::PoolTimedOut => {
            format!("no answer within {}", humantime::format_duration(patience))
        }
        // It quotes what it is about.
        sqlx::Error::Configuration(_) => "a part of it is not understood".to_owned(),
        other => other.to_string(),
    }
}
