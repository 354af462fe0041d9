//! What stands at the URL of a PostgreSQL server, found out before a pool connects there: a pool would try
//! again and again, and then forget why it failed.

use std::time::Duration;

use sqlx::postgres::PgConnectOptions;
use sqlx::{Connection as _, Executor as _, PgConnection};

use crate::store::server::{Failure, Limits, within};

const ISOLATION: &str = "SELECT current_setting('default_transaction_isolation')";
const STATEMENT_TIMEOUT: &str = "SELECT current_setting('statement_timeout')";
const READ_COMMITTED: &str = "read committed";
/// PgBouncer's, for a setting in the first message that it does not pass on.
const PROTOCOL_VIOLATION: &str = "08P01";
/// There is one of that name, or there is none: the server's connection was another client's meanwhile.
const MIXED_UP_STATEMENTS: [&str; 2] = ["42P05", "26000"];
/// A node that was cut off in the middle of a transaction keeps its locks for so long at most.
const CUT_OFF: &str = "30s";
/// Who starts holds one connection of a pooler for so long while waiting for another: many may start at once,
/// and each would wait for what the others hold.
const HELD: Duration = Duration::from_secs(1);
const NO_STATEMENTS: &str = "a pooler stands before it that gives a connection to one client a transaction, and does \
    not carry prepared statements along; PgBouncer does from 1.21 on, with max_prepared_statements above 0; \
    or let it pool by session (pool_mode = session)";

/// How to connect, to a server that will do.
pub(super) async fn find_options(
    plain: PgConnectOptions,
    limits: Limits,
) -> Result<PgConnectOptions, Failure> {
    let patience = limits.acquire_timeout;
    let limited = with_limits(plain.clone(), limits.statement_timeout);
    let (options, first) = match connect(&limited, patience).await {
        Err(Failure::Connect(error)) if code(&error).as_deref() == Some(PROTOCOL_VIOLATION) => {
            let connection = connect(&plain, patience).await?;
            (plain, connection)
        }
        connected => (limited, connected?),
    };
    let between = connect(&options, patience).await?;
    let last = connect(&options, patience).await?;
    let answers = within(patience, compare(first, between, last)).await;
    let (isolation, statement_timeout) = answers.map_err(|failure| match failure {
        Failure::Connect(error) if is_mixed_up(&error) => Failure::Unfit(NO_STATEMENTS.to_owned()),
        other => other,
    })?;
    if isolation != READ_COMMITTED {
        return Err(Failure::Unfit(format!(
            "default_transaction_isolation is {isolation:?} there and must be {READ_COMMITTED:?}"
        )));
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

/// As settings of the connection, because those of a transaction would cost a round trip each time, and those
/// of a session would stay with a pooler's connection when it is another client's.
fn with_limits(options: PgConnectOptions, statement_timeout: Duration) -> PgConnectOptions {
    let milliseconds = statement_timeout.as_millis().to_string();
    options.options([
        ("statement_timeout", milliseconds.as_str()),
        ("idle_in_transaction_session_timeout", CUT_OFF),
    ])
}

async fn connect(options: &PgConnectOptions, patience: Duration) -> Result<PgConnection, Failure> {
    within(patience, async {
        Ok(PgConnection::connect_with(options).await?)
    })
    .await
}

/// The isolation of transactions and the limit of statements, each asked by a connection of its own: the
/// statements have the same name, which a pooler must keep apart. Asked again while a third connection is in a
/// transaction, so that the pooler has one of its own less to give, they get each other's answer, or none, where
/// it does not.
async fn compare(
    mut first: PgConnection,
    mut between: PgConnection,
    mut last: PgConnection,
) -> Result<(String, String), Failure> {
    let isolation = ask(&mut first, ISOLATION).await?;
    let statement_timeout = ask(&mut last, STATEMENT_TIMEOUT).await?;
    let again = async {
        between.execute("BEGIN").await?;
        let same = ask(&mut first, ISOLATION).await? == isolation
            && ask(&mut last, STATEMENT_TIMEOUT).await? == statement_timeout;
        between.execute("ROLLBACK").await?;
        for connection in [first, between, last] {
            connection.close().await?;
        }
        Ok::<_, sqlx::Error>(same)
    };
    match tokio::time::timeout(HELD, again).await {
        Ok(Ok(false)) => Err(Failure::Unfit(NO_STATEMENTS.to_owned())),
        Ok(Err(error)) => Err(error.into()),
        Ok(Ok(true)) | Err(_) => Ok((isolation, statement_timeout)),
    }
}

pub(super) async fn ask(
    connection: &mut PgConnection,
    question: &'static str,
) -> Result<String, sqlx::Error> {
    sqlx::query_scalar(question).fetch_one(connection).await
}

fn is_mixed_up(error: &sqlx::Error) -> bool {
    code(error).is_some_and(|code| MIXED_UP_STATEMENTS.contains(&&*code))
}

fn code(error: &sqlx::Error) -> Option<String> {
    let code = error.as_database_error()?.code()?;
    Some(code.into_owned())
}
