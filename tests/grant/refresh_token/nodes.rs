//! Refreshes at several nodes: concurrent requests, requests that waited, clock skew.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use jeton::clock::Clock;
use jeton::database_url::Engine;
use jeton::store::{Store, session};
use sea_orm::ConnectionTrait as _;

use crate::support::audit::AuditLog;
use crate::support::database::server_engine;
use crate::support::file::DataDir;
use crate::support::peer::{OWNER, OWNER_ABROAD};
use crate::support::{ALICE, Jeton, ROOT_SECRET, START, claims};

const SECOND: Duration = Duration::from_secs(1);
const HOUR: Duration = Duration::from_hours(1);

async fn node(store: Store, clock: Clock) -> Jeton {
    Jeton::on(store, clock, ROOT_SECRET, |_| {}).await
}

/// row 27: concurrent refreshes with one token get the same response on every node.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn two_hundred_concurrent_refreshes_on_three_nodes_rotate_once() {
    let data = DataDir::new();
    let clock = Clock::standing_at(START);
    let shared = data.open().await;
    // Two nodes share connections, like tasks of one process. The third has its own, like another process.
    let mut nodes = Vec::new();
    for store in [shared.clone(), shared, data.open().await] {
        nodes.push(Arc::new(node(store, clock.clone()).await));
    }
    nodes[0].add_client("first-party", None, |_| {}).await;
    nodes[0].add_user(ALICE.0, ALICE.1).await;
    let mut tokens = nodes[0].sign_in().await;
    for round in 1..=3 {
        nodes[0].advance(HOUR);
        let requests = (0..200).map(|number| {
            let node = Arc::clone(&nodes[number % nodes.len()]);
            let refresh_token = tokens.refresh_token.clone();
            tokio::spawn(async move { node.refresh(&refresh_token).await.tokens() })
        });
        let mut refresh_tokens = BTreeSet::new();
        let mut access_tokens = BTreeSet::new();
        for task in requests.collect::<Vec<_>>() {
            tokens = task.await.unwrap();
            refresh_tokens.insert(tokens.refresh_token.clone());
            access_tokens.insert(tokens.access_token.clone());
        }
        assert_eq!((refresh_tokens.len(), access_tokens.len()), (1, 1));
        let row = nodes[0].session(&tokens).await;
        assert_eq!(row.generation, round);
        assert_eq!(row.revoked_at, None);
    }
}

/// row 27: concurrent late retries get the same response. One of them writes, and the others read what it wrote.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_hundred_concurrent_late_retries_get_the_same_tokens() {
    let data = DataDir::new();
    let mut nodes = Vec::new();
    // The clocks differ, so two nodes that both wrote would write different times.
    for apart in 0..2 {
        let clock = Clock::standing_at(START.plus(SECOND * apart));
        nodes.push(Arc::new(node(data.open().await, clock).await));
    }
    nodes[0].add_client("first-party", None, |_| {}).await;
    nodes[0].add_user(ALICE.0, ALICE.1).await;
    let first = nodes[0].sign_in().await;
    let second = nodes[0].refresh(&first.refresh_token).await.tokens();
    for node in &nodes {
        node.advance(HOUR);
    }
    let requests = (0..100).map(|number| {
        let node = Arc::clone(&nodes[number % nodes.len()]);
        let refresh_token = first.refresh_token.clone();
        tokio::spawn(async move { node.refresh(&refresh_token).await.tokens() })
    });
    let mut access_tokens = BTreeSet::new();
    for task in requests.collect::<Vec<_>>() {
        let tokens = task.await.unwrap();
        assert_eq!(tokens.refresh_token, second.refresh_token);
        access_tokens.insert(tokens.access_token);
    }
    assert_eq!(access_tokens.len(), 1);
}

/// row 26, over nodes: all concurrent replays are refused, and the session is revoked.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn concurrent_replays_revoke_the_session_and_get_no_tokens() {
    let data = DataDir::new();
    let clock = Clock::standing_at(START);
    let mut nodes = Vec::new();
    for _ in 0..2 {
        nodes.push(Arc::new(node(data.open().await, clock.clone()).await));
    }
    nodes[0].add_client("first-party", None, |_| {}).await;
    nodes[0].add_user(ALICE.0, ALICE.1).await;
    let first = nodes[0].sign_in().await;
    let second = nodes[1].refresh(&first.refresh_token).await.tokens();
    let third = nodes[0].refresh(&second.refresh_token).await.tokens();
    let requests = (0..50).map(|number| {
        let node = Arc::clone(&nodes[number % nodes.len()]);
        let refresh_token = first.refresh_token.clone();
        tokio::spawn(async move { node.refresh(&refresh_token).await })
    });
    for task in requests.collect::<Vec<_>>() {
        task.await.unwrap().assert_error(400, "invalid_grant");
    }
    for node in nodes {
        node.assert_refresh_refused(&third).await;
    }
}

/// row 26, over nodes: a request that waited at one node while its client refreshed at another is no replay,
/// although its token is old by then. The same token in a request that did not wait is a replay.
#[tokio::test]
async fn a_request_that_waited_revokes_no_session() {
    let data = DataDir::new();
    let clock = Clock::standing_at(START);
    let jeton = node(data.open().await, clock).await;
    jeton.add_client("first-party", None, |_| {}).await;
    jeton.add_user(ALICE.0, ALICE.1).await;
    // On a slow machine, a request may begin too late to wait. Then the test tries again.
    for _ in 0..5 {
        let tokens = jeton.sign_in().await;
        let other_connection = data.connect().await;
        let rotation = format!(
            "BEGIN; UPDATE sessions SET generation = 2, rotated_at = {}",
            START.as_micros()
        );
        other_connection
            .execute_unprepared(&rotation)
            .await
            .unwrap();
        let (waited, ()) = tokio::join!(jeton.refresh(&tokens.refresh_token), async {
            tokio::time::sleep(Duration::from_millis(500)).await;
            jeton.advance(SECOND * 6);
            other_connection.execute_unprepared("COMMIT").await.unwrap();
            other_connection.close().await.unwrap();
        });
        let revoked = jeton.session(&tokens).await.revoked_at;
        if waited.status == 503 {
            assert_eq!(revoked, None);
            waited.assert_error(503, "temporarily_unavailable");
            jeton.assert_refresh_refused(&tokens).await;
            assert!(jeton.session(&tokens).await.revoked_at.is_some());
            return;
        }
    }
    panic!("the waiting time of the request was ignored");
}

/// row 26, over nodes: a request that waited for the row of its client is no replay either.
#[tokio::test]
#[ignore = "needs PostgreSQL or MariaDB: tests/stores.sh"]
async fn a_request_that_waited_before_its_session_was_read_revokes_no_session() {
    // Readers do not wait for locks on SQLite.
    let (lock, unlock) = match server_engine() {
        Engine::Postgres => ("BEGIN; LOCK TABLE clients", "COMMIT"),
        Engine::MySql => ("LOCK TABLES clients WRITE", "UNLOCK TABLES"),
    };
    let data = DataDir::new();
    let clock = Clock::standing_at(START);
    let jeton = node(data.open().await, clock).await;
    jeton.add_client("first-party", None, |_| {}).await;
    jeton.add_user(ALICE.0, ALICE.1).await;
    // On a slow machine, a request may begin too late to wait. Then the test tries again.
    for _ in 0..5 {
        let tokens = jeton.sign_in().await;
        data.execute("UPDATE sessions SET generation = 2").await;
        let other_connection = data.connect().await;
        other_connection.execute_unprepared(lock).await.unwrap();
        let (waited, ()) = tokio::join!(jeton.refresh(&tokens.refresh_token), async {
            tokio::time::sleep(Duration::from_millis(500)).await;
            jeton.advance(SECOND * 6);
            other_connection.execute_unprepared(unlock).await.unwrap();
            other_connection.close().await.unwrap();
        });
        if waited.status == 503 {
            waited.assert_error(503, "temporarily_unavailable");
            assert_eq!(jeton.session(&tokens).await.revoked_at, None);
            return;
        }
    }
    panic!("the waiting time of the request was ignored");
}

/// row 29, over nodes: the client has the response of the other node, and may still need a late retry if it
/// loses a later one.
#[tokio::test]
async fn a_request_that_waited_is_not_recorded_as_a_late_retry() {
    let data = DataDir::new();
    let clock = Clock::standing_at(START);
    let jeton = node(data.open().await, clock).await;
    jeton.add_client("first-party", None, |_| {}).await;
    jeton.add_user(ALICE.0, ALICE.1).await;
    // On a slow machine, a request may begin too late to wait. Then the test tries again.
    for _ in 0..5 {
        let tokens = jeton.sign_in_on(OWNER).await;
        let other_connection = data.connect().await;
        let rotation = format!(
            "BEGIN; UPDATE sessions SET generation = 1, rotated_at = {}",
            jeton.now().plus(SECOND * 11).as_micros()
        );
        other_connection
            .execute_unprepared(&rotation)
            .await
            .unwrap();
        let refresh = jeton.refresh_on(OWNER_ABROAD, &tokens.refresh_token);
        let (waited, ()) = tokio::join!(refresh, async {
            tokio::time::sleep(Duration::from_millis(500)).await;
            // The rotation is eleven seconds after the arrival and before the response.
            jeton.advance(SECOND * 22);
            other_connection.execute_unprepared("COMMIT").await.unwrap();
            other_connection.close().await.unwrap();
        });
        waited.tokens();
        if jeton.session(&tokens).await.late_retry_generation.is_none() {
            let late = jeton.refresh_on(OWNER_ABROAD, &tokens.refresh_token);
            late.await.tokens();
            let late_retry = jeton.session(&tokens).await.late_retry_generation;
            assert_eq!(late_retry, Some(1));
            return;
        }
    }
    panic!("a request that waited was recorded as a late retry");
}

/// row 30: the counter decides the order. With a clock skew of five seconds, a retry at the other node keeps the
/// session.
#[tokio::test]
async fn clock_skew_between_nodes_revokes_no_session() {
    let audit = AuditLog::listen();
    let behind = Jeton::start().await;
    let clock = Clock::standing_at(START.plus(SECOND * 5));
    let ahead = node(behind.server.store.clone(), clock).await;
    let mut tokens = behind.sign_in().await;
    for round in 1..=40 {
        for node in [&behind, &ahead] {
            node.advance(HOUR);
        }
        let (one, other) = if round % 2 == 0 {
            (&behind, &ahead)
        } else {
            (&ahead, &behind)
        };
        let next = one.refresh_on(OWNER, &tokens.refresh_token).await.tokens();
        for node in [other, one, other] {
            let retry = node.refresh_on(OWNER_ABROAD, &tokens.refresh_token);
            let retried = retry.await.tokens();
            assert_eq!(retried.refresh_token, next.refresh_token);
            assert_eq!(retried.access_token, next.access_token);
        }
        // The other node rotates the new token at once, whichever clock is behind.
        tokens = other.refresh_on(OWNER, &next.refresh_token).await.tokens();
        assert_eq!(behind.session(&tokens).await.generation, 2 * round);
    }
    assert!(audit.entries("late_retry").is_empty());
    assert!(audit.entries("replay").is_empty());
}

/// row 30: when the clock steps back, retries get the same refresh token, no access token has an `iat` in the
/// future, and a replay is still detected.
#[tokio::test]
async fn a_clock_that_steps_back_revokes_no_session() {
    let jeton = Jeton::start().await;
    let first = jeton.sign_in().await;
    let second = jeton.refresh_after(&first, HOUR).await;
    let other = jeton.sign_in().await;
    jeton.server.clock.set(jeton.now().minus(HOUR * 2));
    let other = jeton.refresh(&other.refresh_token).await.tokens();
    assert_eq!(other.expires_in, 900);
    jeton.refresh_after(&other, SECOND).await;
    // Repeated retries of a refresh that preceded the step.
    for _ in 0..3 {
        jeton.advance(SECOND);
        let retried = jeton.refresh(&first.refresh_token).await.tokens();
        assert_eq!(retried.refresh_token, second.refresh_token);
        assert!((890..=900).contains(&retried.expires_in));
        let issued = claims(&retried.access_token)["iat"].as_i64().unwrap();
        assert!(issued <= jeton.now().as_seconds());
    }
    let third = jeton.refresh(&second.refresh_token).await.tokens();
    assert_eq!(third.expires_in, 900);
    let row = jeton.session(&third).await;
    assert_eq!((row.generation, row.rotated_at), (2, jeton.now()));
    let retried = jeton.refresh(&second.refresh_token).await.tokens();
    assert_eq!(retried, third);
    // The clock is corrected: two hours forward.
    let fourth = jeton.refresh_after(&third, HOUR * 2).await;
    assert_eq!(fourth.expires_in, 900);
    jeton.assert_refresh_refused(&first).await;
    jeton.assert_refresh_refused(&fourth).await;
}

/// row 30: the counter shows the replay, although the clock says that it precedes the sign-in.
#[tokio::test]
async fn a_replay_is_detected_after_the_clock_stepped_back() {
    let jeton = Jeton::start().await;
    let first = jeton.sign_in().await;
    let second = jeton.refresh_after(&first, HOUR).await;
    let third = jeton.refresh_after(&second, HOUR).await;
    jeton.server.clock.set(START.minus(HOUR));
    jeton.assert_refresh_refused(&first).await;
    jeton.assert_refresh_refused(&third).await;
    let sessions = session::list(&jeton.server.store, None, 9).await.unwrap();
    assert_eq!(sessions[0].revocation_reason, Some(session::Ending::Replay));
}
