//! Stores on a database server: outages, deadlocks, locks, collations.

use std::time::{Duration, Instant};

use jeton::clock::Clock;
use jeton::database_url::Engine;
use jeton::store::user::{self, Change};
use jeton::store::{Limits, Store, client, session};
use sea_orm::{ConnectionTrait as _, DbErr, TransactionTrait as _};

use crate::support::database::{TestDatabase, parsed, server_engine};
use crate::support::file::DataDir;
use crate::support::gate::Gate;
use crate::support::{ALICE, Jeton, ROOT_SECRET, SIGN_IN, START};

/// Short timeouts for connections and locks.
const LIMITS: Limits = Limits {
    connections: 4,
    acquire_timeout: Duration::from_secs(1),
    statement_timeout: Duration::from_secs(1),
};

async fn node(url: &str) -> Jeton {
    let store = Store::connect(&parsed(url), LIMITS).await.unwrap();
    let jeton = Jeton::on(store, Clock::standing_at(START), ROOT_SECRET, |_| {}).await;
    jeton.add_client("first-party", None, |_| {}).await;
    jeton.add_user(ALICE.0, ALICE.1).await;
    jeton
}

/// The engines have different codes for it.
#[tokio::test]
#[ignore = "needs PostgreSQL or MariaDB: tests/stores.sh"]
async fn a_missing_database_or_user_is_reported_with_the_remedy() {
    let database = TestDatabase::empty().unwrap();
    let url = url::Url::parse(&database.url()).unwrap();
    let mut missing = url.clone();
    missing.set_path("no_such_database");
    let mut stranger = url;
    stranger.set_username("nobody").unwrap();
    for (url, remedy) in [
        (missing, "create the database"),
        (stranger, "correct user and password"),
    ] {
        let opened = Store::connect(&parsed(url.as_str()), LIMITS).await;
        let error = opened.err().unwrap().to_string();
        assert!(error.contains(remedy), "{error}");
    }
}

/// "A database that is away gives 503 with Retry-After", "and service resumes by itself".
#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs PostgreSQL or MariaDB: tests/stores.sh"]
async fn an_unreachable_database_server_gives_503_until_it_is_back() {
    let database = TestDatabase::migrated().unwrap();
    let gate = Gate::before(&database.url()).await;
    let jeton = node(&gate.url(&database.url())).await;
    let mut tokens = jeton.sign_in().await;
    for _ in 0..2 {
        assert_eq!(jeton.get("/readyz").await.status, 200);
        gate.close();
        for answer in [
            jeton.refresh(&tokens.refresh_token).await,
            jeton.token(&SIGN_IN).await,
        ] {
            assert_eq!(answer.status, 503, "{}", answer.body);
            assert!(answer.headers.contains_key("retry-after"));
        }
        assert_eq!(jeton.get("/readyz").await.status, 503);
        assert_eq!(jeton.get("/healthz").await.status, 200);
        gate.open();
        // The pool may try a broken connection first.
        let deadline = tokio::time::Instant::now() + Duration::from_mins(1);
        while jeton.get("/readyz").await.status != 200 {
            assert!(tokio::time::Instant::now() < deadline);
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        tokens = jeton.refresh(&tokens.refresh_token).await.tokens();
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs PostgreSQL or MariaDB: tests/stores.sh"]
async fn a_transaction_that_is_rolled_back_by_a_deadlock_is_retried() {
    let engine = server_engine();
    let data = DataDir::new();
    let clock = Clock::standing_at(START);
    let jeton = Jeton::on(data.open().await, clock, ROOT_SECRET, |_| {}).await;
    jeton.add_client("first-party", None, |_| {}).await;
    jeton.add_user(ALICE.0, ALICE.1).await;
    let tokens = jeton.sign_in().await;
    let hand = data.connect().await;
    let other = hand.begin().await.unwrap();
    // MariaDB rolls back the transaction with fewer writes.
    for number in 0..100 {
        let insert = format!(
            "INSERT INTO sign_in_throttle (subject, free_at) VALUES ({}, {number})",
            match engine {
                Engine::Postgres => format!("decode('{number:064}', 'hex')"),
                Engine::MySql => format!("x'{number:064}'"),
            }
        );
        other.execute_unprepared(&insert).await.unwrap();
    }
    update(&other, "UPDATE sessions SET address = 'here'").await;
    let (store, cause) = (jeton.server.store.clone(), jeton.cause());
    let alice = tokens.user();
    let signing_out =
        tokio::spawn(async move { user::change(&store, alice, Change::SIGN_OUT, &cause).await });
    // The sign-out has locked the user and waits for the session.
    while data.lock_waits().await == 0 {
        // MariaDB caches the answer for 100 ms.
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    update(&other, "UPDATE users SET created_at = 1").await;
    other.commit().await.unwrap();
    let changed = signing_out.await.unwrap().unwrap();
    assert_eq!(changed.sessions_ended, 1);
    jeton.assert_refresh_refused(&tokens).await;
    let events = "SELECT count(*) FROM audit_events WHERE action = 'sessions_revoked'";
    assert_eq!(data.number(events).await, 1);
}

async fn update(connection: &impl sea_orm::ConnectionTrait, sql: &str) {
    let updated = connection.execute_unprepared(sql).await.unwrap();
    assert_eq!(updated.rows_affected(), 1);
}

/// MariaDB ends the lock wait; the client can retry. The node does not: it would wait as long again.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs MariaDB: tests/stores.sh mariadb"]
async fn a_lock_wait_timeout_gives_503_on_mariadb() {
    assert_eq!(server_engine(), Engine::MySql);
    let data = DataDir::new();
    let url = data.url();
    let jeton = node(&url).await;
    let tokens = jeton.sign_in().await;
    let hand = data.connect().await;
    let other = hand.begin().await.unwrap();
    update(&other, "UPDATE sessions SET address = 'here'").await;
    let started = Instant::now();
    let answer = jeton.refresh(&tokens.refresh_token).await;
    assert_eq!(answer.status, 503, "{}", answer.body);
    assert!(answer.headers.contains_key("retry-after"));
    let whole = started.elapsed();
    assert!(whole < LIMITS.statement_timeout * 2, "{whole:?}");
    other.rollback().await.unwrap();
    jeton.refresh(&tokens.refresh_token).await.tokens();
}

/// "A node that cannot serve says so", for example on a server that has become a replica.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs PostgreSQL: tests/stores.sh postgres"]
async fn a_node_on_a_read_only_server_is_not_ready_on_postgres() {
    assert_eq!(server_engine(), Engine::Postgres);
    let data = DataDir::new();
    let url = data.url();
    let jeton = node(&url).await;
    let tokens = jeton.sign_in().await;
    let hand = data.connect().await;
    let name = url.rsplit('/').next().unwrap();
    for (setting, status) in [("on", 503), ("off", 200)] {
        let set = format!("ALTER DATABASE {name} SET default_transaction_read_only = {setting}");
        hand.execute_unprepared(&set).await.unwrap();
        let others = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
                      WHERE datname = current_database() AND pid <> pg_backend_pid()";
        hand.execute_unprepared(others).await.unwrap();
        // Replaces the terminated connections of the pool.
        for _ in 0..8 {
            jeton.refresh(&tokens.refresh_token).await;
        }
        assert_eq!(jeton.get("/readyz").await.status, status);
        assert_eq!(jeton.refresh(&tokens.refresh_token).await.status, status);
        // ALTER DATABASE needs a transaction that may write.
        hand.execute_unprepared("SET default_transaction_read_only = off")
            .await
            .unwrap();
    }
}

/// row 27: a refresh locks the session's row alone.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs PostgreSQL or MariaDB: tests/stores.sh"]
async fn a_refresh_does_not_wait_for_locks_on_its_user_or_client() {
    let data = DataDir::new();
    let jeton = node(&data.url()).await;
    let tokens = jeton.sign_in().await;
    let hand = data.connect().await;
    let other = hand.begin().await.unwrap();
    update(&other, "UPDATE users SET created_at = 1").await;
    update(
        &other,
        "UPDATE clients SET created_at = 1 WHERE id = 'first-party'",
    )
    .await;
    jeton.refresh(&tokens.refresh_token).await.tokens();
    other.rollback().await.unwrap();
}

/// MySQL would count changed rows alone without a flag of the connection.
#[tokio::test]
async fn an_update_that_changes_nothing_counts_its_row() -> Result<(), DbErr> {
    let jeton = Jeton::start().await;
    let tokens = jeton.sign_in().await;
    let row = jeton.session(&tokens).await;
    let store = &jeton.server.store;
    let restamp = async |row: &session::Model| session::restamp(store, row, row.rotated_at).await;
    let again = restamp(&row).await?;
    assert_eq!(again.unwrap().session, row);
    let other = session::Model {
        generation: 1,
        ..row.clone()
    };
    assert!(restamp(&other).await?.is_none());
    Ok(())
}

/// Names are compared by byte on every engine.
#[tokio::test]
async fn names_that_differ_in_case_accents_or_spaces_are_distinct() -> Result<(), DbErr> {
    let jeton = Jeton::start().await;
    let store = &jeton.server.store;
    let alike = [
        "web",
        "web ",
        "Web",
        "w\u{e9}b",
        "we\u{301}b",
        "web\u{ff01}",
    ];
    for id in alike {
        assert!(client::find(store, id).await?.is_none(), "{id:?}");
        jeton.add_client(id, None, |_| {}).await;
        jeton.add_user(id, "x").await;
    }
    for id in alike {
        assert_eq!(client::find(store, id).await?.unwrap().id, id);
        let found = user::find_by_username(store, id).await?;
        assert_eq!(found.unwrap().username, id);
    }
    assert!(client::find(store, "web  ").await?.is_none());
    Ok(())
}
