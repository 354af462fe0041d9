//! Many refreshes: concurrent and in sequence.

use std::collections::BTreeSet;
use std::sync::Barrier;

use super::{PASSWORD, Place};

const TABLES: [&str; 4] = ["users", "clients", "sessions", "signing_keys"];

/// row 27.
#[tokio::test(flavor = "multi_thread")]
async fn two_hundred_concurrent_refreshes_get_one_response() {
    const CLIENTS: usize = 200;
    let place = Place::on_server();
    let server = place.start();
    let token = server.sign_in("admin", PASSWORD).refresh_token();
    let token = server.refresh(&token).refresh_token();
    assert_eq!(place.number("SELECT generation FROM sessions").await, 1);

    let start = Barrier::new(CLIENTS);
    let answers: Vec<(String, String)> = std::thread::scope(|scope| {
        let clients: Vec<_> = (0..CLIENTS)
            .map(|_| {
                scope.spawn(|| {
                    let mut connection = server.connect();
                    assert_eq!(connection.get("/healthz").unwrap().status, 200);
                    start.wait();
                    let answer = connection.refresh(&token).unwrap();
                    (answer.refresh_token(), answer.member("access_token"))
                })
            })
            .collect();
        clients
            .into_iter()
            .map(|client| client.join().unwrap())
            .collect()
    });
    assert_eq!(answers.len(), CLIENTS);
    let distinct: BTreeSet<_> = answers.into_iter().collect();
    assert_eq!(distinct.len(), 1, "{distinct:?}");
    assert_eq!(place.number("SELECT generation FROM sessions").await, 2);
    assert_eq!(place.number("SELECT count(*) FROM sessions").await, 1);
    let (successor, _) = distinct.into_iter().next().unwrap();
    assert_ne!(successor, token);
    assert_eq!(server.refresh(&successor).status, 200);
}

/// A session is one row after any number of refreshes.
#[tokio::test]
async fn ten_thousand_refreshes_do_not_enlarge_the_database() {
    const REFRESHES: i64 = 10_000;
    let place = Place::furnished();
    let server = place.start();
    let mut token = server.sign_in("admin", PASSWORD).refresh_token();
    server.stop("TERM");
    let before = measure(&place).await;

    let server = place.start();
    let mut connection = server.connect();
    for _ in 0..REFRESHES {
        token = connection.refresh(&token).unwrap().refresh_token();
    }
    server.stop("TERM");
    assert_eq!(measure(&place).await, before);
    assert_eq!(
        place.number("SELECT generation FROM sessions").await,
        REFRESHES
    );
}

/// The rows of each table, the number of tables, and the size of the file.
async fn measure(place: &Place) -> (Vec<i64>, i64, u64) {
    let mut rows = Vec::new();
    for table in TABLES {
        rows.push(place.number(&format!("SELECT count(*) FROM {table}")).await);
    }
    let tables = "SELECT count(*) FROM sqlite_schema WHERE type = 'table'";
    let tables = place.number(tables).await;
    let checkpoint = place.number("PRAGMA wal_checkpoint(TRUNCATE)").await;
    assert_eq!(checkpoint, 0, "another process has the database open");
    let size = place.path("data/jeton.db").metadata().unwrap().len();
    (rows, tables, size)
}
