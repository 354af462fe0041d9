//! The same wrong password from the same device within seconds: some programs send each refused request twice.

use std::time::Duration;

use super::{BURST, WRONG};
use crate::support::peer::credentials;
use crate::support::{ALICE, Answer, Jeton};

const DEVICE: (&str, &str) = ("203.0.113.9", "Go-http-client/1.1");

impl Jeton {
    async fn attempt_from(&self, device: (&str, &str), username: &str, password: &str) -> Answer {
        let form = credentials(username, password);
        self.token_from(device, &form).await
    }

    async fn fail_from(&self, device: (&str, &str), username: &str, password: &str) {
        let answer = self.attempt_from(device, username, password).await;
        answer.assert_error(400, "invalid_grant");
    }

    /// The number of failures that the account still has.
    async fn failures_left(&self, username: &str) -> usize {
        for number in 0..=BURST {
            let answer = self.attempt(900 + number, username, WRONG).await;
            if answer.status == 429 {
                return number;
            }
        }
        panic!("more than a burst");
    }
}

/// row 20: a failure and its repetition count once, for known and unknown users.
#[tokio::test]
async fn a_wrong_password_that_is_sent_twice_counts_once() {
    for name in [ALICE.0, "mallory"] {
        let jeton = Jeton::with(|settings| settings.sign_in.address_burst = 5).await;
        for number in 0..4 {
            let password = format!("wrong {number}");
            jeton.fail_from(DEVICE, name, &password).await;
            jeton.advance(Duration::from_millis(10));
            jeton.fail_from(DEVICE, name, &password).await;
        }
        // The address has one failure left, too.
        jeton.fail_from(DEVICE, name, "wrong 5").await;
        let throttled = jeton.attempt_from(DEVICE, name, "wrong 6").await;
        throttled.retry_after();
        assert_eq!(jeton.failures_left(name).await, BURST - 5);
    }
}

/// row 20: guessing gains nothing from repetitions.
#[tokio::test]
async fn a_third_attempt_with_the_same_wrong_password_counts_again() {
    let jeton = Jeton::start().await;
    for _ in 0..6 {
        jeton.fail_from(DEVICE, ALICE.0, WRONG).await;
    }
    assert_eq!(jeton.failures_left(ALICE.0).await, BURST - 3);
}

/// row 20: another password, device, account or time is another failure.
#[tokio::test]
async fn another_failure_is_not_a_repetition() {
    let jeton = Jeton::start().await;
    jeton.fail_from(DEVICE, ALICE.0, WRONG).await;
    jeton.fail_from(DEVICE, ALICE.0, "wrong 2").await;
    jeton.fail_from((DEVICE.0, "curl/8"), ALICE.0, WRONG).await;
    jeton
        .fail_from(("203.0.113.8", DEVICE.1), ALICE.0, WRONG)
        .await;
    jeton.fail_from(DEVICE, "mallory", WRONG).await;
    jeton.advance(Duration::from_millis(5001));
    jeton.fail_from(DEVICE, ALICE.0, "wrong 2").await;
    assert_eq!(jeton.failures_left(ALICE.0).await, BURST - 5);
    assert_eq!(jeton.failures_left("mallory").await, BURST - 1);
}
