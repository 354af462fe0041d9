//! Old rows are removed by one node at a time.

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

/// Nodes on one store, each with its own connections and clock, and batches of two rows.
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

/// Sessions that ended at the start time.
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

/// One of several concurrent nodes sweeps, and it sweeps everything.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_of_several_concurrent_nodes_sweeps() {
    let data = DataDir::new();
    let nodes = nodes(&data, 4).await;
    end_sessions(&nodes[0], 7).await;
    advance(&nodes, DAY * 31);
    let sweeping = nodes.iter().map(|node| {
        let node = Arc::clone(node);
        tokio::spawn(async move { Sweeper::new().sweep(&node.server).await })
    });
    let sweeps = join_all(sweeping.collect::<Vec<_>>()).await;
    let sweeps = sweeps.into_iter().filter(|swept| *swept.as_ref().unwrap());
    assert_eq!(sweeps.count(), 1);
    assert_eq!(left(&nodes[0]).await, 0);
}

/// A token that was issued with a longer lifetime must not outlive the row of its ended session.
#[tokio::test]
async fn an_ended_session_is_kept_while_its_tokens_live_though_retention_is_shorter_now() {
    let data = DataDir::new();
    let clock = || Clock::standing_at(START);
    let before = Jeton::on(data.open().await, clock(), ROOT_SECRET, |settings| {
        settings.access_token.lifetime.0 = DAY;
    });
    let before = before.await;
    before.add_client("first-party", None, |_| {}).await;
    before.add_user(ALICE.0, ALICE.1).await;
    end_sessions(&before, 1).await;
    let after = Jeton::on(data.open().await, clock(), ROOT_SECRET, |settings| {
        settings.session.retention.0 = Duration::from_hours(1);
    });
    let after = after.await;
    let sweeper = Sweeper::new();
    for (passed, kept) in [(DAY, 1), (SECOND, 0)] {
        after.advance(passed);
        assert!(sweeper.sweep(&after.server).await);
        assert_eq!(left(&after).await, kept);
    }
}

/// The lease of a node that died expires after a minute; then another node takes and keeps it.
#[tokio::test]
async fn another_node_sweeps_when_the_sweeping_node_dies() {
    let data = DataDir::new();
    let nodes = nodes(&data, 2).await;
    let (first, second) = (Sweeper::new(), Sweeper::new());
    assert!(first.sweep(&nodes[0].server).await);
    advance(&nodes, NEARLY);
    // A live node keeps the lease.
    assert!(!second.sweep(&nodes[1].server).await);
    assert!(first.sweep(&nodes[0].server).await);
    advance(&nodes, NEARLY);
    end_sessions(&nodes[0], 3).await;
    assert!(!second.sweep(&nodes[1].server).await);
    // Then the first node has died.
    advance(&nodes, SECOND);
    assert!(second.sweep(&nodes[1].server).await);
    assert!(!first.sweep(&nodes[0].server).await);
    advance(&nodes, DAY * 31);
    assert_eq!(left(&nodes[0]).await, 3);
    assert!(second.sweep(&nodes[1].server).await);
    assert_eq!(left(&nodes[0]).await, 0);
}

/// A node stops during its pass when another node takes the lease.
#[tokio::test]
async fn a_node_that_lost_its_lease_stops_sweeping() {
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
    // All clocks advance, and the other node takes the lease first.
    nodes[1].advance(MINUTE);
    let store = &nodes[1].server.store;
    let other = lease::hold(store, "sweep", Uuid::from_u128(7), nodes[1].now(), MINUTE);
    assert!(other.await.unwrap());
    slow.advance(MINUTE);
    assert!(round.await.unwrap());
    assert!(left(&nodes[0]).await > 0);
    assert!(!second.sweep(&nodes[1].server).await);
}

/// A clock that was years ahead must not stop sweeping for years.
#[tokio::test]
async fn a_lease_from_the_future_is_ignored() {
    let data = DataDir::new();
    let nodes = nodes(&data, 2).await;
    nodes[0].advance(DAY * 3650);
    assert!(Sweeper::new().sweep(&nodes[0].server).await);
    assert!(Sweeper::new().sweep(&nodes[1].server).await);
}

/// row 44: a sweep of hours does not delay the keys.
#[tokio::test]
async fn keys_are_refreshed_during_a_long_sweep() {
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
        while node.get("/.well-known/jwks.json").await.json()["keys"][1].is_null() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    let watched = tokio::time::timeout(Duration::from_mins(2), watching).await;
    maintenance.abort();
    watched.unwrap();
    assert_eq!(left(&node).await, 2);
}
