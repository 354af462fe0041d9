//! Comparison of a node's clock with the database server's.

use std::time::Duration;

use jeton::clock::Clock;
use jeton::maintenance::clock;

use crate::support::database;
use crate::support::{Jeton, ROOT_SECRET};

const HOUR: Duration = Duration::from_hours(1);
const HALF_AN_HOUR: i64 = 30 * 60 * 1_000_000;

#[tokio::test]
async fn a_node_measures_how_far_its_clock_is_ahead_of_the_database_server() {
    let jeton = Jeton::on(
        database::store().await,
        Clock::standing_at(Clock::system().now()),
        ROOT_SECRET,
        |_| {},
    )
    .await;
    let right = jeton.now();
    let ahead = clock::compare(&jeton.server).await.unwrap();
    if !database::on_server() {
        // There is no other clock.
        assert_eq!(ahead, None);
        return;
    }
    assert!(ahead.unwrap().abs() < HALF_AN_HOUR, "{ahead:?}");
    jeton.server.clock.set(right.plus(HOUR));
    let ahead = clock::compare(&jeton.server).await.unwrap();
    assert!(ahead.unwrap() > HALF_AN_HOUR, "{ahead:?}");
    jeton.server.clock.set(right.minus(HOUR));
    let ahead = clock::compare(&jeton.server).await.unwrap();
    assert!(ahead.unwrap() < -HALF_AN_HOUR, "{ahead:?}");
}
