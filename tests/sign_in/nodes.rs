//! Throttling on several nodes and after a restart.

use std::sync::Arc;

use jeton::clock::Clock;

use super::{BURST, WRONG};
use crate::support::file::DataDir;
use crate::support::{ALICE, Jeton, ROOT_SECRET, START};

async fn node(data: &DataDir, clock: &Clock) -> Arc<Jeton> {
    let node = Jeton::on(data.open().await, clock.clone(), ROOT_SECRET, |_| {});
    Arc::new(node.await)
}

async fn three_nodes(data: &DataDir, clock: &Clock) -> Vec<Arc<Jeton>> {
    let mut nodes = Vec::new();
    for _ in 0..3 {
        nodes.push(node(data, clock).await);
    }
    nodes[0].add_client("first-party", None, |_| {}).await;
    nodes[0].add_user(ALICE.0, ALICE.1).await;
    nodes
}

/// row 20: concurrent attempts on all nodes get the same burst as attempts in sequence.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn two_hundred_concurrent_attempts_on_three_nodes_are_limited_to_ten() {
    let data = DataDir::new();
    let clock = Clock::standing_at(START);
    let nodes = three_nodes(&data, &clock).await;
    for username in [ALICE.0, "mallory"] {
        let attempts = (0..200).map(|number| {
            let node = Arc::clone(&nodes[number % nodes.len()]);
            let username = username.to_owned();
            tokio::spawn(async move { node.attempt(number, &username, WRONG).await })
        });
        let mut verified = 0;
        for task in attempts.collect::<Vec<_>>() {
            let answer = task.await.unwrap();
            if answer.status == 400 {
                answer.assert_error(400, "invalid_grant");
                verified += 1;
            } else {
                answer.retry_after();
            }
        }
        assert_eq!(verified, BURST, "{username}");
    }
}

/// row 20: the part of one address is counted in the database, before the password is verified.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn concurrent_attempts_of_one_address_on_three_nodes_leave_permits_for_others() {
    let data = DataDir::new();
    let clock = Clock::standing_at(START);
    let nodes = three_nodes(&data, &clock).await;
    let attempts = (0..90).map(|number| {
        let node = Arc::clone(&nodes[number % nodes.len()]);
        let wrong = format!("wrong-{number}");
        tokio::spawn(async move { node.attempt(1, ALICE.0, &wrong).await })
    });
    let mut verified = 0;
    for task in attempts.collect::<Vec<_>>() {
        verified += usize::from(task.await.unwrap().status == 400);
    }
    assert_eq!(verified, 7);
    for node in &nodes {
        node.attempt(2, ALICE.0, ALICE.1).await.tokens();
    }
}

/// row 20: the count of failures is in the database.
#[tokio::test]
async fn an_account_is_throttled_on_every_node_and_after_a_restart() {
    let data = DataDir::new();
    let clock = Clock::standing_at(START);
    let nodes = three_nodes(&data, &clock).await;
    for number in 0..BURST {
        let answer = nodes[number % 3].attempt(number, ALICE.0, WRONG).await;
        answer.assert_error(400, "invalid_grant");
    }
    for node in &nodes {
        node.attempt(900, ALICE.0, ALICE.1).await.retry_after();
    }
    for node in nodes {
        node.server.store.clone().close().await.unwrap();
    }
    let restarted = node(&data, &clock).await;
    let wait = restarted.attempt(900, ALICE.0, ALICE.1).await.retry_after();
    restarted.advance(std::time::Duration::from_secs(wait));
    restarted.attempt(900, ALICE.0, ALICE.1).await.tokens();
}

/// A reader of the database does not learn what was typed.
#[tokio::test]
async fn attempted_usernames_and_passwords_are_not_on_disk() {
    let data = DataDir::of_file();
    let clock = Clock::standing_at(START);
    let nodes = three_nodes(&data, &clock).await;
    let typed = "hunter2hunter2";
    nodes[0].attempt(1, typed, "another-secret-typed").await;
    let bytes = data.bytes();
    for secret in [typed, "another-secret-typed"] {
        let found = bytes
            .windows(secret.len())
            .any(|part| part == secret.as_bytes());
        assert!(!found, "{secret}");
    }
}
