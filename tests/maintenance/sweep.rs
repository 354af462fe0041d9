//! What is old is swept by one node at a time.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use jeton::audit::Cause;
use jeton::clock::Clock;
use jeton::maintenance::{self, sweep::Sweeper};
use jeton::store::lease;
use jeton::store::session::{self, Ending};
use uuid::Uuid;

use super::DAY;
use crate::support::file::DataDir;
use crate::support::{ALICE, Jeton, ROOT_SECRET, START};

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_mins(1);
const NEARLY: Duration = Duration::from_secs(59);

/// Nodes on one store, each with connections and a clock of its own, and two rows to a batch.
async fn nodes(data: &DataDir, count: usize) -> Vec<Arc<Jeton>> {
    let mut nodes = Vec::new();
    for _ in 0..count {
        let clock = Clock::standing_at(START);
        let node = Jeton::on(data.open().await, clock, ROOT_SECRET, |settings| {
            settings.sweep.batch = 2;
            settings.sweep.pause.0 = Duration::from_millis(1);
        });
        nodes.push(Arc::new(node.await));
    }
    nodes[0].add_client("first-party", None, |_| {}).await;
    nodes[0].add_user(ALICE.0, ALICE.1).await;
    nodes
}

/// Sessions that ended when the world began.
async fn end_sessions(node: &Jeton, count: usize) {
    for _ in 0..count {
        let tokens = node.sign_in().await;
        let cause = Cause::system(START);
        let store = &node.server.store;
        session::revoke(store, tokens.session(), Ending::Operator, &cause)
            .await
            .unwrap();
    }
}

async fn left(node: &Jeton) -> usize {
    let sessions = session::list(&node.server.store, None, 100).await;
    sessions.unwrap().len()
}

fn advance(nodes: &[Arc<Jeton>], time: Duration) {
    for node in nodes {
        node.advance(time);
    }
}

/// Of nodes that begin at the same instant, one sweeps, and it sweeps all.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_nodes_that_sweep_at_once_one_does() {
    let data = DataDir::new();
    let nodes = nodes(&data, 4).await;
    end_sessions(&nodes[0], 7).await;
    advance(&nodes, DAY * 31);
    let sweeping = nodes.iter().map(|node| {
        let node = Arc::clone(node);
        tokio::spawn(async move { Sweeper::new().sweep(&node.server).await })
    });
    let turns = join_all(sweeping.collect::<Vec<_>>()).await;
    let turns = turns.into_iter().filter(|turn| *turn.as_ref().unwrap());
    assert_eq!(turns.count(), 1);
    assert_eq!(left(&nodes[0]).await, 0);
}

/// A node that dies takes the broom with it for a minute; then another has it, and keeps it.
#[tokio::test]
async fn when_the_node_that_sweeps_dies_another_does() {
    let data = DataDir::new();
    let nodes = nodes(&data, 2).await;
    let (first, second) = (Sweeper::new(), Sweeper::new());
    assert!(first.sweep(&nodes[0].server).await);
    advance(&nodes, NEARLY);
    // As long as it lives, it is its turn, however often the other asks.
    assert!(!second.sweep(&nodes[1].server).await);
    assert!(first.sweep(&nodes[0].server).await);
    advance(&nodes, NEARLY);
    end_sessions(&nodes[0], 3).await;
    assert!(!second.sweep(&nodes[1].server).await);
    // Then the first is no more.
    advance(&nodes, SECOND);
    assert!(second.sweep(&nodes[1].server).await);
    assert!(!first.sweep(&nodes[0].server).await);
    advance(&nodes, DAY * 31);
    assert_eq!(left(&nodes[0]).await, 3);
    assert!(second.sweep(&nodes[1].server).await);
    assert_eq!(left(&nodes[0]).await, 0);
}

/// A node whose lease was taken stops in the middle of its round.
#[tokio::test]
async fn a_node_that_was_taken_for_dead_stops_sweeping() {
    let data = DataDir::new();
    let nodes = nodes(&data, 2).await;
    end_sessions(&nodes[0], 40).await;
    advance(&nodes, DAY * 31);
    let (first, second) = (Sweeper::new(), Sweeper::new());
    let slow = Jeton::on(
        data.open().await,
        Clock::standing_at(nodes[0].now()),
        ROOT_SECRET,
        |settings| {
            settings.sweep.batch = 1;
            settings.sweep.pause.0 = Duration::from_millis(20);
        },
    );
    let slow = Arc::new(slow.await);
    let round = tokio::spawn({
        let slow = Arc::clone(&slow);
        async move { first.sweep(&slow.server).await }
    });
    while left(&nodes[0]).await == 40 {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    // Everybody's clock moves on, and the other is faster.
    nodes[1].advance(MINUTE);
    let store = &nodes[1].server.store;
    let other = lease::hold(store, "sweep", Uuid::from_u128(7), nodes[1].now(), MINUTE);
    assert!(other.await.unwrap());
    slow.advance(MINUTE);
    assert!(round.await.unwrap());
    assert!(left(&nodes[0]).await > 0);
    assert!(!second.sweep(&nodes[1].server).await);
}

/// A clock that was years ahead must not keep everybody from sweeping for years.
#[tokio::test]
async fn a_lease_from_the_future_binds_nobody() {
    let data = DataDir::new();
    let nodes = nodes(&data, 2).await;
    nodes[0].advance(DAY * 3650);
    assert!(Sweeper::new().sweep(&nodes[0].server).await);
    assert!(Sweeper::new().sweep(&nodes[1].server).await);
}

/// row 44: a sweep that takes hours keeps no node from the keys.
#[tokio::test]
async fn keys_are_looked_after_while_a_sweep_is_under_way() {
    let data = DataDir::new();
    let clock = Clock::standing_at(START);
    let node = Jeton::on(data.open().await, clock, ROOT_SECRET, |settings| {
        settings.keys.refresh_interval.0 = Duration::from_millis(1);
        settings.sweep.batch = 1;
        settings.sweep.pause.0 = Duration::from_hours(1);
    });
    let node = node.await;
    node.add_client("first-party", None, |_| {}).await;
    node.add_user(ALICE.0, ALICE.1).await;
    end_sessions(&node, 3).await;
    node.advance(DAY * 31);
    let maintenance = tokio::spawn(maintenance::run(Arc::clone(&node.server)));
    let watching = async {
        while left(&node).await == 3 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        node.advance(DAY * 59);
        while node.get("/jwks.json").await.json()["keys"][1].is_null() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    let watched = tokio::time::timeout(Duration::from_mins(2), watching).await;
    maintenance.abort();
    watched.unwrap();
    assert_eq!(left(&node).await, 2);
}
