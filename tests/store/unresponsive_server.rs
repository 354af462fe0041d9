//! A database server that waits for a lock or does not respond: requests time out, and the node recovers by itself.
//! Apart from `/readyz`, these tests measure no time; [`TIMEOUT`] ends one that hangs.

use std::time::Duration;

use futures_util::future::join_all;
use jeton::clock::Clock;
use jeton::database_url::Engine;
use jeton::store::client::{self, ClientError};
use jeton::store::session::{self, Ending};
use jeton::store::user::{self, Change, UserError};
use jeton::store::{Limits, Store};
use sea_orm::ConnectionTrait as _;

use crate::support::client::disable;
use crate::support::database::{TestDatabase, engine, mysql_lock_waits, parsed, server_engine};
use crate::support::file::DataDir;
use crate::support::forwarder::Forwarder;
use crate::support::{ALICE, Answer, Jeton, ROOT_SECRET, START, Tokens};

const TIMEOUT: Duration = Duration::from_mins(2);
const POSTGRES_LOCK_WAITS: &str = "SELECT count(*) FROM pg_locks WHERE NOT granted";
const LIMITS: Limits = Limits {
    connections: 4,
    acquire_timeout: Duration::from_secs(2),
    statement_timeout: Duration::from_secs(1),
};

/// A node with short timeouts on the store at this URL, and the tokens of a session.
async fn node_with_session(url: &str) -> (Jeton, Tokens) {
    let store = Store::connect(&parsed(url), LIMITS).await.unwrap();
    let jeton = Jeton::on(store, Clock::standing_at(START), ROOT_SECRET, |_| {}).await;
    jeton.add_client("first-party", None, |_| {}).await;
    jeton.add_user(ALICE.0, ALICE.1).await;
    let tokens = jeton.sign_in().await;
    (jeton, tokens)
}

/// row 38: 503 with `Retry-After`.
fn assert_unavailable(answer: &Answer) {
    answer.assert_error(503, "temporarily_unavailable");
    assert!(answer.headers.contains_key("retry-after"), "{answer:?}");
}

async fn in_time<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(TIMEOUT, future).await.unwrap()
}

#[tokio::test]
#[ignore = "needs PostgreSQL or MariaDB: tests/stores.sh"]
async fn a_refresh_that_waits_for_a_lock_times_out_on_the_node_and_on_the_server() {
    let (lock, waiting) = match server_engine() {
        Engine::Postgres => (
            "LOCK TABLE sessions IN ACCESS EXCLUSIVE MODE",
            POSTGRES_LOCK_WAITS,
        ),
        // The timeout is one for row locks.
        Engine::MySql => ("UPDATE sessions SET address = 'here'", mysql_lock_waits()),
    };
    let data = DataDir::new();
    let (jeton, tokens) = node_with_session(&data.url()).await;
    let other = data.connect().await;
    other.execute_unprepared("BEGIN").await.unwrap();
    other.execute_unprepared(lock).await.unwrap();
    // More than the pool's connections.
    let refreshes = (0..12).map(|_| jeton.refresh(&tokens.refresh_token));
    for answer in in_time(join_all(refreshes)).await {
        assert_unavailable(&answer);
    }
    in_time(Box::pin(async {
        while data.number(waiting).await != 0 {
            // MariaDB caches the answer for 100 ms.
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }))
    .await;
    other.execute_unprepared("COMMIT").await.unwrap();
    in_time(jeton.refresh(&tokens.refresh_token)).await.tokens();
}

/// On the command line, too: there is no statement without a limit.
#[tokio::test]
#[ignore = "needs PostgreSQL or MariaDB: tests/stores.sh"]
async fn ending_the_sessions_of_a_client_or_user_behind_a_lock_times_out() {
    server_engine();
    let data = DataDir::new();
    let (jeton, tokens) = node_with_session(&data.url()).await;
    let other = data.connect().await;
    other.execute_unprepared("BEGIN").await.unwrap();
    let lock = "UPDATE sessions SET address = 'here'";
    other.execute_unprepared(lock).await.unwrap();
    let (store, cause) = (&jeton.server.store, jeton.cause());
    // The client is disabled before its sessions are marked.
    let disabled = in_time(disable(store, "first-party", &cause)).await;
    assert!(
        matches!(disabled, Err(ClientError::Store(_))),
        "{disabled:?}"
    );
    let client = client::find(store, "first-party").await.unwrap().unwrap();
    assert_eq!(client.disabled_at, Some(START));
    let ended = in_time(user::change(store, tokens.user(), Change::SIGN_OUT, &cause)).await;
    assert!(matches!(ended, Err(UserError::Store(_))), "{ended:?}");
    other.execute_unprepared("COMMIT").await.unwrap();
}

/// A stopped server, or a network that drops every packet: the node discards its connections and reconnects.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs PostgreSQL or MariaDB: tests/stores.sh"]
async fn a_node_recovers_from_a_database_server_that_stops_responding() {
    let data = DataDir::new();
    let (forwarder, url) = Forwarder::before(&data.url()).await;
    let (jeton, mut tokens) = node_with_session(&url).await;
    for _ in 0..4 {
        // Opens all connections of the pool.
        let refreshes = (0..8).map(|_| jeton.refresh(&tokens.refresh_token));
        for answer in join_all(refreshes).await {
            tokens = answer.tokens();
        }
        forwarder.silent.send(true).unwrap();
        let refreshes = (0..12).map(|_| jeton.refresh(&tokens.refresh_token));
        for answer in in_time(join_all(refreshes)).await {
            assert_unavailable(&answer);
        }
        // A load balancer waits for a second or two.
        let ready = tokio::time::timeout(Duration::from_millis(1500), jeton.get("/readyz"));
        assert_eq!(ready.await.unwrap().status, 503);
        forwarder.silent.send(false).unwrap();
        in_time(async {
            while jeton.get("/readyz").await.status != 200 {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        })
        .await;
    }
}

/// A node that is disconnected while it holds the migration lock loses it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs PostgreSQL: tests/stores.sh postgres"]
async fn a_node_that_is_disconnected_at_its_start_does_not_block_other_starts_on_postgres() {
    assert_eq!(server_engine(), Engine::Postgres);
    let data = DataDir::new();
    let (forwarder, url) = Forwarder::before(&data.url()).await;
    let locking = data.connect().await;
    // The store's lock number: "jeton" and 1.
    let lock = "SELECT pg_advisory_lock(116983977700865)";
    locking.execute_unprepared(lock).await.unwrap();
    let disconnected = tokio::spawn(async move { Store::connect(&parsed(&url), LIMITS).await });
    let waiting = "SELECT count(*)::text AS detail FROM pg_locks \
                   WHERE locktype = 'advisory' AND NOT granted";
    in_time(Box::pin(async {
        while data.query(waiting).await == "0" {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }))
    .await;
    forwarder.silent.send(true).unwrap();
    locking
        .execute_unprepared("SELECT pg_advisory_unlock_all()")
        .await
        .unwrap();
    let opening = Box::pin(data.open());
    in_time(opening).await.close().await.unwrap();
    disconnected.abort();
}

/// The server ends the transaction of a disconnected or frozen node after half a minute. MySQL has no such limit.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs PostgreSQL or MariaDB: tests/stores.sh"]
async fn a_node_that_is_disconnected_in_a_transaction_loses_its_locks_except_on_mysql() {
    let waiting = match server_engine() {
        Engine::Postgres => POSTGRES_LOCK_WAITS,
        Engine::MySql => mysql_lock_waits(),
    };
    let data = DataDir::new();
    let (node, tokens) = node_with_session(&data.url()).await;
    let (forwarder, url) = Forwarder::before(&data.url()).await;
    // A frozen node cancels nothing.
    let limits = Limits {
        statement_timeout: TIMEOUT * 2,
        ..LIMITS
    };
    let remote = Store::connect(&parsed(&url), limits).await.unwrap();
    let other = data.connect().await;
    other.execute_unprepared("BEGIN").await.unwrap();
    let lock = "UPDATE sessions SET address = 'here'";
    other.execute_unprepared(lock).await.unwrap();
    let (id, cause) = (node.session(&tokens).await.id, node.cause());
    let disconnected =
        tokio::spawn(async move { session::revoke(&remote, id, Ending::SignOut, &cause).await });
    in_time(Box::pin(async {
        while data.number(waiting).await == 0 {
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }))
    .await;
    forwarder.silent.send(true).unwrap();
    other.execute_unprepared("COMMIT").await.unwrap();
    in_time(async {
        while node.refresh(&tokens.refresh_token).await.status != 200 {
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    })
    .await;
    disconnected.abort();
}

/// A command with a mistyped URL must not migrate another empty database.
#[tokio::test]
#[ignore = "needs PostgreSQL or MariaDB: tests/stores.sh"]
async fn only_serve_creates_tables_in_an_empty_database() {
    let data = DataDir::on(TestDatabase::empty().unwrap());
    for arguments in [&["user", "list"][..], &["key", "rotate"]] {
        let output = data.jeton(arguments).await;
        assert!(!output.status.success());
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert!(stderr.contains("has no tables of Jeton"), "{stderr}");
        assert!(stderr.contains("JETON_DATABASE__URL"), "{stderr}");
    }
    let tables = if engine() == Some(Engine::Postgres) {
        "SELECT count(*)::text AS detail FROM pg_tables WHERE schemaname = 'public'"
    } else {
        "SELECT CAST(count(*) AS char) AS detail FROM information_schema.tables \
         WHERE table_schema = database()"
    };
    assert_eq!(data.query(tables).await, "0");
    data.open().await.close().await.unwrap();
    data.jeton_ok(&["user", "list"]).await;
}
