//! Comparison of a node's clock with the database server's and with the monotonic clock.

use std::sync::Arc;
use std::time::Duration;

use jeton::clock::{Clock, Timestamp};
use jeton::maintenance::{self, clock, sweep::Sweeper};
use jeton::store::{self, session, sign_in_throttle};
use jeton::throttle::Quota;

use super::DAY;
use crate::support::database;
use crate::support::file::DataDir;
use crate::support::{ALICE, Jeton, ROOT_SECRET, START};

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_mins(1);
const HOUR: Duration = Duration::from_hours(1);

async fn compare(jeton: &Jeton) -> Option<i64> {
    let server = &jeton.server;
    clock::compare(&server.store, &server.clock).await.unwrap()
}

#[tokio::test]
async fn the_time_of_the_database_server_is_read_in_microseconds() {
    let store = database::store().await;
    let read = store::clock::now(&store).await.unwrap();
    if !database::on_server() {
        // There is no other clock.
        assert_eq!(read, None);
        return;
    }
    assert!(read.unwrap().apart(Clock::system().now()) < HOUR / 2);
}

#[tokio::test]
async fn a_node_measures_how_far_its_clock_is_ahead_of_the_database_server() {
    let jeton = Jeton::start().await;
    let hour = 3_600_000_000;
    for (ahead, time) in [
        (0, START),
        (hour, START.plus(HOUR)),
        (-hour, START.minus(HOUR)),
    ] {
        jeton.server.clock.step_to(time);
        let measured = compare(&jeton).await;
        assert_eq!(measured, database::on_server().then_some(ahead));
    }
}

/// A server with a session, a count of failed sign-ins, and a node that has swept.
async fn swept_server(data: &DataDir) -> Jeton {
    let jeton = node_at(data, START).await;
    jeton.add_client("first-party", None, |_| {}).await;
    jeton.add_user(ALICE.0, ALICE.1).await;
    jeton.sign_in().await;
    assert!(count_failure(&jeton).await);
    assert!(Sweeper::new().sweep(&jeton.server).await);
    jeton
}

async fn node_at(data: &DataDir, time: Timestamp) -> Jeton {
    let clock = Clock::standing_at(time);
    Jeton::on(data.open().await, clock, ROOT_SECRET, |settings| {
        settings.sweep.batch = 1;
        settings.sweep.pause.0 = Duration::from_millis(20);
    })
    .await
}

/// Counts a failed sign-in at the start time; `false` when the row of an earlier one is left.
async fn count_failure(jeton: &Jeton) -> bool {
    let (store, quota) = (&jeton.server.store, Quota::new(1, HOUR).unwrap());
    let counted = sign_in_throttle::reserve(store, [7; 32], quota, START, || ());
    counted.await.unwrap().is_ok()
}

async fn sessions(jeton: &Jeton) -> usize {
    let listed = session::list(&jeton.server.store, None, 100).await;
    listed.unwrap().len()
}

/// The node that was 130 days ahead deleted the sessions of all nodes.
#[tokio::test]
async fn a_node_sweeps_nothing_while_its_clock_is_set_forward() {
    let data = DataDir::new();
    let jeton = swept_server(&data).await;
    jeton.server.clock.step_to(START.plus(DAY * 130));
    for _ in 0..3 {
        assert!(!Sweeper::new().sweep(&jeton.server).await);
        jeton.advance(HOUR * 5);
    }
    assert_eq!(sessions(&jeton).await, 1);
    assert!(!count_failure(&jeton).await);
    jeton.server.clock.step_to(START.plus(HOUR * 15));
    let sweeper = Sweeper::new();
    assert!(sweeper.sweep(&jeton.server).await);
    assert_eq!(sessions(&jeton).await, 1);
    jeton.advance(DAY * 121);
    assert!(sweeper.sweep(&jeton.server).await);
    assert_eq!(sessions(&jeton).await, 0);
}

/// The maintenance of such a node does the same.
#[tokio::test]
async fn the_maintenance_task_sweeps_nothing_while_the_clock_is_set_forward() {
    let data = DataDir::new();
    let jeton = Jeton::on(
        data.open().await,
        Clock::standing_at(START),
        ROOT_SECRET,
        |settings| settings.keys.refresh_interval.0 = Duration::from_millis(1),
    );
    let jeton = jeton.await;
    jeton.add_client("first-party", None, |_| {}).await;
    jeton.add_user(ALICE.0, ALICE.1).await;
    jeton.sign_in().await;
    jeton.server.clock.step_to(START.plus(DAY * 130));
    let maintenance = tokio::spawn(maintenance::run(Arc::clone(&jeton.server)));
    tokio::time::sleep(Duration::from_millis(300)).await;
    maintenance.abort();
    assert_eq!(sessions(&jeton).await, 1);
}

/// Without the database's clock, a node compares its start with the last sweep.
#[tokio::test]
async fn a_node_that_starts_long_after_the_last_sweep_sweeps_nothing_for_a_day() {
    let data = DataDir::new();
    let jeton = swept_server(&data).await;
    for days in [2, 130] {
        let late = node_at(&data, START.plus(DAY * days)).await;
        start(&late).await;
        assert!(!Sweeper::new().sweep(&late.server).await);
        late.advance(HOUR * 23);
        assert!(!Sweeper::new().sweep(&late.server).await);
        assert_eq!(sessions(&jeton).await, 1);
    }
    // The server was stopped: the clock is right.
    let late = node_at(&data, START.plus(DAY * 121)).await;
    start(&late).await;
    late.advance(DAY);
    assert!(Sweeper::new().sweep(&late.server).await);
    assert_eq!(sessions(&jeton).await, 0);
}

#[tokio::test]
async fn a_node_that_starts_within_a_day_of_the_last_sweep_sweeps_at_once() {
    let data = DataDir::new();
    swept_server(&data).await;
    let next = node_at(&data, START.plus(HOUR * 23)).await;
    start(&next).await;
    assert!(Sweeper::new().sweep(&next.server).await);
}

async fn start(jeton: &Jeton) {
    let server = &jeton.server;
    let compared = clock::compare_at_start(&server.store, &server.clock).await;
    compared.unwrap();
}

/// Half a minute is no doubt.
#[tokio::test]
async fn rows_are_swept_by_the_clock_of_the_database_server() {
    let data = DataDir::new();
    let jeton = swept_server(&data).await;
    jeton.advance(DAY * 119 + HOUR * 23 + MINUTE * 59 + SECOND * 40);
    jeton.server.clock.step_to(jeton.now().plus(SECOND * 30));
    let sweeper = Sweeper::new();
    assert!(sweeper.sweep(&jeton.server).await);
    assert_eq!(sessions(&jeton).await, usize::from(database::on_server()));
    jeton.advance(SECOND * 30);
    assert!(sweeper.sweep(&jeton.server).await);
    assert_eq!(sessions(&jeton).await, 0);
}

#[tokio::test]
async fn a_pass_ends_when_the_clock_is_set() {
    let data = DataDir::new();
    let jeton = Arc::new(swept_server(&data).await);
    for _ in 0..40 {
        jeton.sign_in().await;
    }
    jeton.advance(DAY * 121);
    let pass = tokio::spawn({
        let jeton = Arc::clone(&jeton);
        async move { Sweeper::new().sweep(&jeton.server).await }
    });
    while sessions(&jeton).await == 41 {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    jeton.server.clock.step_to(jeton.now().plus(MINUTE * 2));
    assert!(pass.await.unwrap());
    assert!(sessions(&jeton).await > 0);
}
