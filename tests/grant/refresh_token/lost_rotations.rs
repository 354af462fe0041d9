//! Refresh tokens that are ahead of a database that lost its last writes.

use std::time::Duration;

use jeton::clock::Clock;

use crate::support::audit::AuditLog;
use crate::support::file::DataDir;
use crate::support::peer::THIEF;
use crate::support::{ALICE, Jeton, ROOT_SECRET, START, Tokens};

const HOUR: Duration = Duration::from_hours(1);

/// A session that was refreshed five times, in a database that lost the last four rotations. The tokens are in the
/// order in which they were issued.
async fn start_with_lost_rotations() -> (DataDir, Jeton, Vec<Tokens>) {
    let data = DataDir::new();
    let clock = Clock::standing_at(START);
    let jeton = Jeton::on(data.open().await, clock, ROOT_SECRET, |_| {}).await;
    jeton.add_client("first-party", None, |_| {}).await;
    jeton.add_user(ALICE.0, ALICE.1).await;
    let mut tokens = vec![jeton.sign_in().await];
    tokens.push(jeton.refresh_after(&tokens[0], HOUR).await);
    let kept = jeton.session(&tokens[1]).await;
    for generation in 1..5 {
        tokens.push(jeton.refresh_after(&tokens[generation], HOUR).await);
    }
    let restore = format!(
        "UPDATE sessions SET generation = {}, rotated_at = {}",
        kept.generation,
        kept.rotated_at.as_micros()
    );
    assert_eq!(data.execute(&restore).await, 1);
    assert_eq!(jeton.session(&tokens[5]).await, kept);
    jeton.advance(HOUR);
    (data, jeton, tokens)
}

/// An audit event records the number of lost generations.
#[tokio::test]
async fn a_refresh_token_ahead_of_the_database_is_accepted_and_the_counter_jumps_forward() {
    let audit = AuditLog::listen();
    let (_data, jeton, tokens) = start_with_lost_rotations().await;
    assert!(audit.entries("refresh_ahead_of_store").is_empty());
    let next = jeton.refresh(&tokens[5].refresh_token).await.tokens();
    assert_eq!(jeton.session(&next).await.generation, 6);
    let entries = audit.entries("refresh_ahead_of_store");
    assert_eq!(entries.len(), 1);
    assert_eq!(entries[0]["generations"], "4");
    assert_eq!(entries[0]["session"], next.session().to_string());
    assert_eq!(entries[0]["user"], next.user().to_string());
    // Later refreshes are ordinary.
    let retried = jeton.refresh(&tokens[5].refresh_token).await.tokens();
    assert_eq!(retried, next);
    let later = jeton.refresh_after(&next, HOUR).await;
    assert_eq!(jeton.session(&later).await.generation, 7);
    assert_eq!(audit.entries("refresh_ahead_of_store").len(), 1);
    assert_eq!(audit.entries("replay").len(), 0);
}

/// A token of a generation before the jump is a replay.
#[tokio::test]
async fn replays_are_detected_after_the_counter_jumped_forward() {
    for older in 0..=4 {
        let audit = AuditLog::listen();
        let (_data, jeton, tokens) = start_with_lost_rotations().await;
        let next = jeton.refresh(&tokens[5].refresh_token).await.tokens();
        jeton.assert_refresh_refused(&tokens[older]).await;
        jeton.assert_refresh_refused(&next).await;
        let distance = 6 - older;
        assert_eq!(audit.entries("replay")[0]["distance"], distance.to_string());
    }
}

/// The theft is detected when the owner has refreshed and the thief refreshes again.
#[tokio::test]
async fn a_thief_that_refreshes_first_after_lost_writes_is_detected() {
    let (_data, jeton, tokens) = start_with_lost_rotations().await;
    let thief = jeton
        .refresh_on(THIEF, &tokens[3].refresh_token)
        .await
        .tokens();
    assert_eq!(jeton.session(&thief).await.generation, 4);
    let owner = jeton.refresh_after(&tokens[5], HOUR).await;
    let refused = jeton.refresh_on(THIEF, &thief.refresh_token).await;
    refused.assert_error(400, "invalid_grant");
    jeton.assert_refresh_refused(&owner).await;
}

/// A refresh token ahead of the database still needs an active session.
#[tokio::test]
async fn a_refresh_token_ahead_of_the_database_does_not_reactivate_a_revoked_session() {
    let (_data, jeton, tokens) = start_with_lost_rotations().await;
    let cause = jeton.cause();
    let revoked = jeton::store::session::revoke(
        &jeton.server.store,
        tokens[0].session(),
        jeton::store::session::Ending::Operator,
        &cause,
    );
    assert!(revoked.await.unwrap());
    jeton.assert_refresh_refused(&tokens[5]).await;
}
