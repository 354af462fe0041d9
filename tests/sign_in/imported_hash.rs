//! Response times and queues do not show which accounts exist while the store has imported hashes.

use std::pin::pin;
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::stream::{FuturesUnordered, StreamExt as _};
use jeton::password::Password;
use jeton::store::user::{self, Change};
use tokio::time::{sleep, timeout};

use super::WRONG;
use crate::support::{ALICE, Answer, Jeton};

/// Computed by libxcrypt.
const BCRYPT: &str = "$2b$04$abcdefghijklmnopqrstuuUmjNXq1XyawyZ/BlKYVX3Rw7vQMuTEm";
/// The password of [`BCRYPT`].
const IMPORTED: &str = "correct horse battery stäple";

impl Jeton {
    /// A refusal that arrives 500 ms after the request, not before.
    async fn refused_after_500_ms(&self, attempt: impl Future<Output = Answer>) {
        let mut attempt = pin!(attempt);
        for _ in 0..2 {
            let early = timeout(Duration::from_millis(100), attempt.as_mut()).await;
            assert!(early.is_err(), "{early:?}");
            self.advance(Duration::from_micros(249_999));
        }
        self.advance(Duration::from_micros(2));
        attempt.await.assert_error(400, "invalid_grant");
    }
}

/// row 19: the time of a refusal does not show whether the account exists or its hash is imported.
#[tokio::test]
async fn a_refusal_takes_500_ms_while_the_store_has_an_imported_hash() {
    let jeton = Jeton::start().await;
    let refused_at_once = async || {
        let answer = jeton.attempt(1, ALICE.0, WRONG).await;
        answer.assert_error(400, "invalid_grant");
        let answer = jeton.attempt(2, "mallory", WRONG).await;
        answer.assert_error(400, "invalid_grant");
    };
    refused_at_once().await;
    jeton.add_user_with_hash("imported", BCRYPT).await;
    let carol = jeton.add_user("carol", "carol's").await;
    user::change(&jeton.server.store, carol, Change::DISABLE, &jeton.cause())
        .await
        .unwrap();
    for (name, password) in [
        (ALICE.0, WRONG),
        ("imported", WRONG),
        ("carol", "carol's"),
        ("mallory", WRONG),
        ("not a name", WRONG),
    ] {
        let attempt = jeton.attempt(3, name, password);
        jeton.refused_after_500_ms(attempt).await;
    }
    jeton.attempt(4, ALICE.0, ALICE.1).await.tokens();
    jeton.attempt(4, "imported", IMPORTED).await.tokens();
    refused_at_once().await;
}

/// row 19: an address is counted even if the client closes the connection before the refusal.
#[tokio::test]
async fn a_refusal_that_the_client_does_not_wait_for_counts() {
    let jeton = Jeton::with(|settings| settings.sign_in.address_burst = 1).await;
    jeton.add_user_with_hash("imported", BCRYPT).await;
    let attempt = jeton.attempt(1, "mallory", WRONG);
    let early = timeout(Duration::from_millis(200), attempt).await;
    assert!(early.is_err(), "{early:?}");
    let refused = jeton.attempt(1, "mallory", WRONG).await;
    refused.retry_after();
}

/// row 19: while the queue of imported hashes is full, unknown names are refused as often as known ones.
#[tokio::test]
async fn unknown_names_wait_in_the_queue_of_imported_hashes_like_known_ones() {
    const NAMES: usize = 40;
    let jeton = Jeton::with(|settings| settings.password.queue = 50).await;
    for number in 0..20 {
        let name = format!("user-{number}");
        match number % 2 {
            0 => jeton.add_user_with_hash(&name, BCRYPT).await,
            _ => jeton.add_user(&name, ALICE.1).await,
        };
    }
    let hasher = &jeton.server.hasher;
    let release = hasher.occupy().unwrap();
    let waiting: Vec<_> = (0..50)
        .map(|_| Box::pin(hasher.verify(Password::new(WRONG), Some(BCRYPT.to_owned()))))
        .map(|mut job| {
            assert!(job.as_mut().now_or_never().is_none());
            job
        })
        .collect();
    let attempts = (0..NAMES).map(async |number| {
        let name = format!("unknown-{number}");
        jeton.attempt(number, &name, WRONG).await
    });
    let mut attempts: FuturesUnordered<_> = attempts.collect();
    let mut busy = 0;
    // The first ones come late on a busy machine; the last ones wait for the queue.
    while let Ok(Some(answer)) = timeout(
        Duration::from_millis(if busy < 8 { 30_000 } else { 500 }),
        attempts.next(),
    )
    .await
    {
        answer.assert_error(503, "temporarily_unavailable");
        busy += 1;
    }
    assert!((8..=32).contains(&busy), "{busy} of {NAMES}");
    let known = jeton.attempt(100, "user-0", WRONG).await;
    known.assert_error(503, "temporarily_unavailable");
    drop(release);
    drop(waiting);
    sleep(Duration::from_millis(50)).await;
    jeton.advance(Duration::from_millis(500));
    while let Some(answer) = attempts.next().await {
        answer.assert_error(400, "invalid_grant");
    }
}
