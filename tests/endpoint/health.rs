use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt as _;
use jeton::app::layered;
use jeton::clock::Clock;
use poem::endpoint::make;
use poem::{Endpoint as _, Request, Response};
use sea_orm::{ConnectionTrait as _, DatabaseConnection, Statement};

use crate::support::file::DataDir;
use crate::support::{Jeton, ROOT_SECRET, START};

#[tokio::test]
async fn a_running_server_is_healthy_and_ready() {
    let jeton = Jeton::start().await;
    for (path, body) in [("/healthz", "ok\n"), ("/readyz", "ready\n")] {
        let answer = jeton.get(path).await;
        assert_eq!((answer.status.as_u16(), &*answer.body), (200, body));
        assert_eq!(answer.header("cache-control"), Some("no-store"));
    }
}

#[tokio::test]
async fn a_server_without_its_store_is_healthy_and_not_ready() {
    let jeton = Jeton::start().await;
    jeton.server.store.clone().close().await.unwrap();
    assert_eq!(jeton.get("/healthz").await.status, 200);
    let not_ready = jeton.get("/readyz").await;
    assert_eq!(not_ready.status, 503);
    assert_eq!(not_ready.header("retry-after"), Some("1"));
}

#[tokio::test]
async fn a_server_without_a_signing_key_is_healthy_and_not_ready() {
    let jeton = Jeton::start().await;
    jeton.server.keys.replace(jeton::key::KeyRing::default());
    assert_eq!(jeton.get("/healthz").await.status, 200);
    assert_eq!(jeton.get("/readyz").await.status, 503);
}

async fn with_file(data: &DataDir) -> Jeton {
    let clock = Clock::standing_at(START);
    Jeton::on(data.open().await, clock, ROOT_SECRET, |_| {}).await
}

/// Its number changes when another connection writes.
async fn data_version(connection: &DatabaseConnection) -> i64 {
    let backend = connection.get_database_backend();
    let statement = Statement::from_string(backend, "PRAGMA data_version");
    let row = connection.query_one_raw(statement).await.unwrap().unwrap();
    row.try_get_by_index(0).unwrap()
}

#[tokio::test]
async fn a_server_whose_sqlite_file_is_locked_is_healthy_and_not_ready() {
    let data = DataDir::of_file();
    let jeton = with_file(&data).await;
    let other_program = data.connect().await;
    let lock = other_program.execute_unprepared("BEGIN IMMEDIATE");
    lock.await.unwrap();
    let answer = jeton.get("/readyz").await;
    assert_eq!(answer.status, 503, "{}", answer.body);
    assert_eq!(jeton.get("/healthz").await.status, 200);
    other_program.execute_unprepared("ROLLBACK").await.unwrap();
    while jeton.get("/readyz").await.status != 200 {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

#[tokio::test]
async fn readiness_writes_to_a_sqlite_file_once_for_many_requests() {
    let data = DataDir::of_file();
    let jeton = with_file(&data).await;
    let observer = data.connect().await;
    let before = data_version(&observer).await;
    assert_eq!(jeton.get("/readyz").await.status, 200);
    let after_one = data_version(&observer).await;
    assert_ne!(after_one, before);
    for _ in 0..50 {
        assert_eq!(jeton.get("/readyz").await.status, 200);
    }
    assert_eq!(data_version(&observer).await, after_one);
}

/// A request that its client gives up is no response.
#[tokio::test]
async fn a_server_that_answers_no_request_for_a_minute_is_not_healthy() {
    let jeton = Jeton::start().await;
    let endless = layered(
        make(|_| std::future::pending::<Response>()),
        Arc::clone(&jeton.server),
    );
    let request = || {
        let request = Request::builder().uri("/token".parse().unwrap());
        request.header("host", "jeton.test").finish()
    };
    let mut waiting = Box::pin(endless.call(request()));
    let mut other = Box::pin(endless.call(request()));
    assert!(waiting.as_mut().now_or_never().is_none());
    jeton.advance(Duration::from_secs(59));
    assert!(other.as_mut().now_or_never().is_none());
    drop(other);
    assert_eq!(jeton.get("/healthz").await.status, 200);
    jeton.advance(Duration::from_secs(1));
    assert_eq!(jeton.get("/readyz").await.status, 200);
    let answer = jeton.get("/healthz").await;
    assert_eq!(answer.status, 503, "{}", answer.body);
    // Any response counts.
    assert_eq!(jeton.get("/nothing").await.status, 404);
    assert_eq!(jeton.get("/healthz").await.status, 200);
    jeton.advance(Duration::from_mins(1));
    assert_eq!(jeton.get("/healthz").await.status, 503);
    drop(waiting);
    assert_eq!(jeton.get("/healthz").await.status, 200);
}
