//! Stores on a server: what is done when it is away, and when it undoes what we did.

use std::time::Duration;

use jeton::clock::Clock;
use jeton::database_url::Engine;
use jeton::store::user::{self, Change};
use jeton::store::{Limits, Store, client, session};
use sea_orm::{ConnectionTrait as _, DatabaseConnection, DbErr, Statement, TransactionTrait as _};

use crate::support::database::{TestDatabase, engine, parsed};
use crate::support::file::DataDir;
use crate::support::gate::Gate;
use crate::support::{ALICE, Jeton, ROOT_SECRET, SIGN_IN, START};

/// How long a request may wait for a connection here, and for a lock.
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

/// "A database that is away gives 503 with Retry-After", "and service resumes by itself".
#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_away_is_waited_for_and_found_again() {
    let Some(database) = TestDatabase::migrated() else {
        return;
    };
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
        // A connection of before may be tried once more.
        let deadline = tokio::time::Instant::now() + Duration::from_mins(1);
        while jeton.get("/readyz").await.status != 200 {
            assert!(tokio::time::Instant::now() < deadline);
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        tokens = jeton.refresh(&tokens.refresh_token).await.tokens();
    }
}

/// Of two transactions that wait for each other the database undoes one; that one is done again.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_undone_by_a_deadlock_is_done_again() {
    let Some(engine) = engine() else {
        return;
    };
    let data = DataDir::new();
    let clock = Clock::standing_at(START);
    let jeton = Jeton::on(data.open().await, clock, ROOT_SECRET, |_| {}).await;
    jeton.add_client("first-party", None, |_| {}).await;
    jeton.add_user(ALICE.0, ALICE.1).await;
    let tokens = jeton.sign_in().await;
    let hand = data.connect().await;
    let other = hand.begin().await.unwrap();
    // MariaDB undoes who has written less.
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
    touch(&other, "UPDATE sessions SET address = 'here'").await;
    let (store, cause) = (jeton.server.store.clone(), jeton.cause());
    let alice = tokens.user();
    let signing_out =
        tokio::spawn(async move { user::change(&store, alice, Change::SignOut, &cause).await });
    // It has the user, and waits for the session.
    let watch = data.connect().await;
    while number(&watch, waiting(engine)).await == 0 {
        // MariaDB says the same as before to whoever asks again within a tenth of a second.
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    touch(&other, "UPDATE users SET created_at = 1").await;
    other.commit().await.unwrap();
    let changed = signing_out.await.unwrap().unwrap();
    assert_eq!(changed.sessions_ended, 1);
    jeton.assert_refresh_refused(&tokens).await;
    let told = "SELECT count(*) FROM audit_events WHERE action = 'sessions_revoked'";
    assert_eq!(number(&watch, told).await, 1);
}

async fn touch(connection: &impl sea_orm::ConnectionTrait, sql: &str) {
    let touched = connection.execute_unprepared(sql).await.unwrap();
    assert_eq!(touched.rows_affected(), 1);
}

/// How many wait for a lock in this database.
fn waiting(engine: Engine) -> &'static str {
    match engine {
        Engine::Postgres => {
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() \
             AND wait_event_type = 'Lock'"
        }
        Engine::MySql => {
            "SELECT count(*) FROM information_schema.innodb_trx JOIN information_schema.processlist \
             ON id = trx_mysql_thread_id WHERE db = database() AND trx_state = 'LOCK WAIT'"
        }
    }
}

async fn number(connection: &DatabaseConnection, sql: &str) -> i64 {
    let statement = Statement::from_string(connection.get_database_backend(), sql);
    let row = connection.query_one_raw(statement).await.unwrap().unwrap();
    row.try_get_by_index(0).unwrap()
}

/// MariaDB ends a wait for a lock by itself: a request that meets one is answered, and may come again.
#[tokio::test(flavor = "multi_thread")]
async fn a_row_that_is_locked_for_long_is_a_busy_store() {
    if engine() != Some(Engine::MySql) {
        return;
    }
    let data = DataDir::new();
    let url = data.url();
    let jeton = node(&url).await;
    let tokens = jeton.sign_in().await;
    let hand = data.connect().await;
    let other = hand.begin().await.unwrap();
    touch(&other, "UPDATE sessions SET address = 'here'").await;
    let answer = jeton.refresh(&tokens.refresh_token).await;
    assert_eq!(answer.status, 503, "{}", answer.body);
    assert!(answer.headers.contains_key("retry-after"));
    other.rollback().await.unwrap();
    jeton.refresh(&tokens.refresh_token).await.tokens();
}

/// "A node that cannot serve says so", also on a server that answers and takes nothing: one that has become a
/// replica.
#[tokio::test(flavor = "multi_thread")]
async fn a_node_on_a_server_that_only_reads_is_not_ready() {
    if engine() != Some(Engine::Postgres) {
        return;
    }
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
        // Until there are none but new connections.
        for _ in 0..8 {
            jeton.refresh(&tokens.refresh_token).await;
        }
        assert_eq!(jeton.get("/readyz").await.status, status);
        assert_eq!(jeton.refresh(&tokens.refresh_token).await.status, status);
        // Set back by a transaction that may write.
        hand.execute_unprepared("SET default_transaction_read_only = off")
            .await
            .unwrap();
    }
}

/// row 27: whoever refreshes waits for the session's row, and for no other.
#[tokio::test(flavor = "multi_thread")]
async fn a_refresh_does_not_wait_for_the_rows_of_its_user_and_client() {
    if engine().is_none() {
        return;
    }
    let data = DataDir::new();
    let jeton = node(&data.url()).await;
    let tokens = jeton.sign_in().await;
    let hand = data.connect().await;
    let other = hand.begin().await.unwrap();
    touch(&other, "UPDATE users SET created_at = 1").await;
    touch(&other, "UPDATE clients SET created_at = 1").await;
    jeton.refresh(&tokens.refresh_token).await.tokens();
    other.rollback().await.unwrap();
}

/// What is written may be what was there; it counts as written.
#[tokio::test]
async fn a_row_that_is_found_counts_though_nothing_of_it_changes() -> Result<(), DbErr> {
    let jeton = Jeton::start().await;
    let tokens = jeton.sign_in().await;
    let row = jeton.session(&tokens).await;
    let store = &jeton.server.store;
    let again = session::restamp(store, &row, row.rotated_at).await?;
    assert_eq!(again.unwrap().session, row);
    let other = session::Model {
        generation: 1,
        ..row.clone()
    };
    assert!(
        session::restamp(store, &other, row.rotated_at)
            .await?
            .is_none()
    );
    Ok(())
}

/// Text is what it is to its last byte, whatever the server takes for alike.
#[tokio::test]
async fn names_that_differ_in_anything_are_different() -> Result<(), DbErr> {
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
