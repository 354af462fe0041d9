//! A rotation that waits for the database.

use std::time::Duration;

use jeton::clock::Clock;
use sea_orm::ConnectionTrait as _;

use crate::support::file::DataDir;
use crate::support::{ALICE, Jeton, ROOT_SECRET, START, Tokens, short_of};

/// Refreshes while another transaction keeps the row for this time.
async fn refresh_after_waiting(
    (jeton, data): (&Jeton, &DataDir),
    tokens: &Tokens,
    time: Duration,
) -> Tokens {
    let other_connection = data.connect().await;
    let lock = "BEGIN; UPDATE sessions SET repeated_elsewhere = repeated_elsewhere";
    other_connection.execute_unprepared(lock).await.unwrap();
    let (refreshed, ()) = tokio::join!(jeton.refresh(&tokens.refresh_token), async {
        tokio::time::sleep(Duration::from_millis(500)).await;
        jeton.advance(time);
        other_connection.execute_unprepared("COMMIT").await.unwrap();
        other_connection.close().await.unwrap();
    });
    refreshed.tokens()
}

/// row 28: the window is meant for the client, so it counts from the response. A write that took half of it begins it
/// again; a shorter one is not written twice.
#[tokio::test]
async fn a_rotation_that_took_half_of_the_retry_window_begins_it_again() {
    let data = DataDir::new();
    let clock = Clock::standing_at(START);
    let jeton = Jeton::on(data.open().await, clock, ROOT_SECRET, |_| {}).await;
    jeton.add_client("first-party", None, |_| {}).await;
    jeton.add_user(ALICE.0, ALICE.1).await;
    let half = jeton.server.settings.session.retry_window.0 / 2;
    let mut tokens = jeton.sign_in().await;
    // On a slow machine, a request may begin too late to wait. Then the test tries again.
    for _ in 0..5 {
        let begun_at = jeton.now();
        tokens = refresh_after_waiting((&jeton, &data), &tokens, short_of(half)).await;
        if jeton.session(&tokens).await.rotated_at == begun_at {
            tokens = refresh_after_waiting((&jeton, &data), &tokens, half).await;
            assert_eq!(jeton.session(&tokens).await.rotated_at, jeton.now());
            return;
        }
    }
    panic!("the window began again after less than half of it");
}
