//! Several nodes, and one that starts again: an account has one memory.

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

/// row 20: who guesses at the same instant at every node gets as many guesses as who does it one after
/// another.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn two_hundred_guesses_at_once_on_three_nodes_are_ten() {
    let data = DataDir::new();
    let clock = Clock::standing_at(START);
    let nodes = three_nodes(&data, &clock).await;
    for username in [ALICE.0, "mallory"] {
        let crowd = (0..200).map(|number| {
            let node = Arc::clone(&nodes[number % nodes.len()]);
            let username = username.to_owned();
            tokio::spawn(async move { node.guess(number, &username, WRONG).await })
        });
        let mut judged = 0;
        for task in crowd.collect::<Vec<_>>() {
            let answer = task.await.unwrap();
            if answer.status == 400 {
                answer.assert_error(400, "invalid_grant");
                judged += 1;
            } else {
                answer.retry_after();
            }
        }
        assert_eq!(judged, BURST, "{username}");
    }
}

/// row 20: the memory of an account is in the store: every node has it, and it outlives them.
#[tokio::test]
async fn an_account_is_slowed_on_every_node_and_after_a_restart() {
    let data = DataDir::new();
    let clock = Clock::standing_at(START);
    let nodes = three_nodes(&data, &clock).await;
    for number in 0..BURST {
        let answer = nodes[number % 3].guess(number, ALICE.0, WRONG).await;
        answer.assert_error(400, "invalid_grant");
    }
    for node in &nodes {
        node.guess(900, ALICE.0, ALICE.1).await.retry_after();
    }
    for node in nodes {
        node.server.store.clone().close().await.unwrap();
    }
    let restarted = node(&data, &clock).await;
    let wait = restarted.guess(900, ALICE.0, ALICE.1).await.retry_after();
    restarted.advance(std::time::Duration::from_secs(wait));
    restarted.guess(900, ALICE.0, ALICE.1).await.tokens();
}

/// The table has no names: a reader of the database does not learn which names were tried.
#[tokio::test]
async fn the_names_that_were_tried_are_not_on_disk() {
    let data = DataDir::of_file();
    let clock = Clock::standing_at(START);
    let nodes = three_nodes(&data, &clock).await;
    let typed = "hunter2hunter2";
    nodes[0].guess(1, typed, "another-secret-typed").await;
    let bytes = data.bytes();
    for secret in [typed, "another-secret-typed"] {
        let found = bytes
            .windows(secret.len())
            .any(|part| part == secret.as_bytes());
        assert!(!found, "{secret}");
    }
}
