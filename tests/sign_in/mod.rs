//! Throttling of failed sign-ins by account and by address. The owner can still sign in, and responses do not show
//! which accounts exist.

mod address;
mod device;
mod imported_hash;
mod nodes;
mod repetition;

use std::time::Duration;

use futures_util::future::join_all;
use jeton::audit::Action;
use jeton::clock::{Clock, Timestamp};
use jeton::maintenance;
use jeton::store::sign_in_throttle;
use jeton::store::user::{self, Change};

use crate::support::file::DataDir;
use crate::support::peer::credentials;
use crate::support::{ALICE, Answer, Jeton, ROOT_SECRET, START};

const WRONG: &str = "wrong";
/// `sign_in.account_burst`.
const BURST: usize = 10;
/// `sign_in.account_interval`.
const INTERVAL: Duration = Duration::from_secs(30);

impl Jeton {
    /// Attempts a sign-in from the address with this number.
    async fn attempt(&self, number: usize, username: &str, password: &str) -> Answer {
        let address = format!(
            "198.{}.{}.{}",
            18 + number / 65_536,
            number / 256 % 256,
            number % 256
        );
        self.token_from((&address, "curl/8"), &credentials(username, password))
            .await
    }

    /// Fails sign-ins from different addresses until the account is throttled.
    async fn fail_account_burst(&self, username: &str) {
        for number in 0..BURST {
            let answer = self.attempt(number, username, WRONG).await;
            answer.assert_error(400, "invalid_grant");
        }
    }
}

impl Answer {
    /// Asserts 429 and returns the seconds of `Retry-After`.
    #[track_caller]
    fn retry_after(&self) -> u64 {
        self.assert_error(429, "temporarily_unavailable");
        let seconds = self.header("retry-after").unwrap();
        seconds.parse().unwrap()
    }
}

/// row 20, row 38: after a burst of failures, the account is throttled for right and wrong passwords.
#[tokio::test]
async fn the_right_password_is_refused_while_throttled_and_accepted_after_retry_after() {
    let jeton = Jeton::start().await;
    jeton.fail_account_burst(ALICE.0).await;
    let refused = jeton.attempt(900, ALICE.0, ALICE.1).await;
    assert_eq!(refused.retry_after(), 30);
    insta::assert_json_snapshot!(refused.json(), @r#"
    {
      "error": "temporarily_unavailable",
      "error_description": "Too many sign-ins have failed. Try again after Retry-After."
    }
    "#);
    jeton.advance(Duration::from_millis(29_001));
    assert_eq!(jeton.attempt(900, ALICE.0, ALICE.1).await.retry_after(), 1);
    jeton.advance(Duration::from_millis(999));
    jeton.attempt(900, ALICE.0, ALICE.1).await.tokens();
    // The successful sign-in did not use the permitted attempt.
    let wrong = jeton.attempt(901, ALICE.0, WRONG).await;
    wrong.assert_error(400, "invalid_grant");
    assert_eq!(jeton.attempt(902, ALICE.0, WRONG).await.retry_after(), 30);
    // A throttled attempt does not extend the wait. After ten intervals a whole burst is permitted again.
    jeton.advance(INTERVAL * 10);
    jeton.fail_account_burst(ALICE.0).await;
}

/// row 19, row 20: known, unknown and invalid usernames get the same responses to each attempt, headers included.
#[tokio::test]
async fn known_and_unknown_usernames_are_throttled_alike() {
    let jeton = Jeton::start().await;
    let bob = jeton.add_user("bob", "bob's").await;
    user::change(&jeton.server.store, bob, Change::DISABLE, &jeton.cause())
        .await
        .unwrap();
    let mut seen = Vec::new();
    for (at, (username, password)) in [
        (ALICE.0, WRONG),
        ("bob", "bob's"),
        ("mallory", ALICE.1),
        ("not a name", ALICE.1),
        ("\u{202e}ecila", ALICE.1),
    ]
    .into_iter()
    .enumerate()
    {
        let mut answers = Vec::new();
        for number in 0..BURST + 3 {
            let answer = jeton.attempt(at * 100 + number, username, password).await;
            answers.push((answer.status, answer.steady_headers(), answer.body));
        }
        assert_eq!(answers[BURST - 1].0, 400);
        assert_eq!(answers[BURST].0, 429);
        seen.push(answers);
    }
    assert!(seen.windows(2).all(|pair| pair[0] == pair[1]), "{seen:?}");
    // Another width and case of a username is the same account.
    let answer = jeton.attempt(900, "ＡＬＩＣＥ", WRONG).await;
    answer.retry_after();
}

/// row 20: successful sign-ins do not count, neither in sequence nor concurrently.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn successful_sign_ins_are_not_throttled() {
    let jeton = Jeton::start().await;
    for number in 0..30 {
        jeton.attempt(number, ALICE.0, ALICE.1).await.tokens();
    }
    // After five failures, there are fewer permits than concurrent sign-ins.
    for number in 0..5 {
        jeton.attempt(number, ALICE.0, WRONG).await;
    }
    let sign_ins = (0..50).map(|number| jeton.attempt(100 + number, ALICE.0, ALICE.1));
    for answer in join_all(sign_ins).await {
        answer.tokens();
    }
    for number in 0..5 {
        let answer = jeton.attempt(200 + number, ALICE.0, WRONG).await;
        answer.assert_error(400, "invalid_grant");
    }
    jeton.attempt(300, ALICE.0, ALICE.1).await.retry_after();
}

/// row 20: neither a failed refresh counts, nor a request that is refused before the password is verified.
#[tokio::test]
async fn failed_refreshes_and_invalid_requests_do_not_count_as_failed_sign_ins() {
    let jeton = Jeton::start().await;
    let device = ("203.0.113.9", "curl/8");
    let first = jeton.sign_in().await;
    let mut newest = first.clone();
    for _ in 0..3 {
        newest = jeton.refresh(&newest.refresh_token).await.tokens();
    }
    for number in 0..200 {
        let token = match number {
            0 => &first.refresh_token,
            1 => &newest.refresh_token,
            _ => "jrt_garbage",
        };
        let parameters = [("grant_type", "refresh_token"), ("refresh_token", token)];
        let answer = jeton.token_from(device, &parameters).await;
        answer.assert_error(400, "invalid_grant");
        let wrong = credentials(ALICE.0, WRONG);
        let with_invalid_scope = [&wrong[..], &[("scope", "more")]].concat();
        let answer = jeton.token_from(device, &with_invalid_scope).await;
        answer.assert_error(400, "invalid_scope");
    }
    let right = credentials(ALICE.0, ALICE.1);
    jeton.token_from(device, &right).await.tokens();
    jeton.fail_account_burst(ALICE.0).await;
}

/// row 38: the password was not verified, so the attempt is not a failure.
#[tokio::test]
async fn a_sign_in_refused_by_a_full_password_queue_does_not_count_as_a_failure() {
    let jeton = Jeton::with(|settings| settings.password.queue = 1).await;
    let device = ("203.0.113.9", "curl/8");
    let right = credentials(ALICE.0, ALICE.1);
    let refused_sign_ins = async {
        for _ in 0..2 * BURST {
            let answer = jeton.token_from(device, &right).await;
            answer.assert_error(503, "temporarily_unavailable");
        }
    };
    jeton.with_hasher_full(refused_sign_ins).await;
    jeton.fail_account_burst(ALICE.0).await;
}

/// row 20: times that a node recorded while its clock was a year ahead do not throttle after the correction.
#[tokio::test]
async fn a_clock_that_was_a_year_ahead_does_not_keep_an_account_throttled() {
    let jeton = Jeton::start().await;
    jeton.advance(Duration::from_hours(24 * 365));
    jeton.fail_account_burst(ALICE.0).await;
    jeton.attempt(900, ALICE.0, ALICE.1).await.retry_after();
    jeton.server.clock.set(START);
    jeton.attempt(900, ALICE.0, ALICE.1).await.tokens();
    jeton.fail_account_burst(ALICE.0).await;
    jeton.attempt(901, ALICE.0, ALICE.1).await.retry_after();
}

/// 0 turns each limit off.
#[tokio::test]
async fn a_burst_of_zero_turns_the_limit_off() {
    let jeton = Jeton::with(|settings| {
        settings.sign_in.account_burst = 0;
        settings.sign_in.address_burst = 0;
    })
    .await;
    for _ in 0..120 {
        let answer = jeton.attempt(1, ALICE.0, WRONG).await;
        answer.assert_error(400, "invalid_grant");
    }
}

/// Many throttled attempts write few audit events.
#[tokio::test]
async fn a_throttled_account_is_recorded_once_a_minute() {
    let jeton = Jeton::start().await;
    let alice = jeton.sign_in().await.user();
    jeton.fail_account_burst(ALICE.0).await;
    jeton.fail_account_burst("mallory").await;
    for number in 0..100 {
        for name in [ALICE.0, "mallory"] {
            jeton.attempt(number, name, WRONG).await.retry_after();
        }
        jeton.advance(Duration::from_millis(10));
    }
    let rows = jeton.audit_events(Action::SignInThrottled).await;
    assert_eq!(rows.len(), 2);
    let mut users: Vec<_> = rows.iter().map(|row| row.user_id).collect();
    users.sort();
    assert_eq!(users, [None, Some(alice)]);
    for row in rows {
        assert_eq!(row.detail, r#"{"by":"account","retry_after":30}"#);
        assert_eq!((&*row.outcome, &*row.address), ("failure", "198.18.0.0"));
        assert!(!format!("{row:?}").contains("mallory"));
    }
    assert_eq!(
        jeton.audit_events(Action::SignInFailed).await.len(),
        2 * BURST
    );
    jeton.advance(Duration::from_secs(10));
    jeton.attempt(900, ALICE.0, WRONG).await.retry_after();
    assert_eq!(jeton.audit_events(Action::SignInThrottled).await.len(), 2);
}

/// Attempts with unknown usernames insert rows too. These rows are removed when they have expired.
#[tokio::test]
async fn expired_throttle_rows_are_removed_and_others_are_kept() {
    let data = DataDir::new();
    let clock = Clock::standing_at(START);
    let jeton = Jeton::on(data.open().await, clock, ROOT_SECRET, |settings| {
        settings.keys.refresh_interval.0 = Duration::from_millis(1);
    })
    .await;
    jeton.add_client("first-party", None, |_| {}).await;
    jeton.add_user(ALICE.0, ALICE.1).await;
    let store = &jeton.server.store;
    for number in 0..12 {
        jeton
            .attempt(number, &format!("unknown-{number}"), WRONG)
            .await;
    }
    jeton.fail_account_burst(ALICE.0).await;
    let free_at = |interval: u32| -> Timestamp { START.plus(INTERVAL * interval) };
    assert_eq!(
        sign_in_throttle::sweep(store, free_at(1), 99)
            .await
            .unwrap(),
        0
    );
    let later = free_at(1).plus(Duration::from_micros(1));
    for removed in [5, 5, 2, 0] {
        let swept = sign_in_throttle::sweep(store, later, 5).await.unwrap();
        assert_eq!(swept, removed);
    }
    jeton.attempt(900, ALICE.0, ALICE.1).await.retry_after();
    // Maintenance removes expired rows too.
    jeton
        .server
        .clock
        .set(free_at(10).plus(Duration::from_mins(2)));
    let maintenance = tokio::spawn(maintenance::run(std::sync::Arc::clone(&jeton.server)));
    let rows = "SELECT concat(count(*), '') AS detail FROM sign_in_throttle";
    while data.query(rows).await != "0" {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    maintenance.abort();
}

/// The clock of another node may be a little behind. For that node the row has not expired yet.
#[tokio::test]
async fn an_expired_throttle_row_is_kept_for_another_minute() {
    let data = DataDir::new();
    let clock = Clock::standing_at(START);
    let jeton = Jeton::on(data.open().await, clock, ROOT_SECRET, |settings| {
        settings.keys.refresh_interval.0 = Duration::from_millis(1);
        settings.audit.retention.0 = INTERVAL;
    })
    .await;
    jeton.add_client("first-party", None, |_| {}).await;
    jeton.attempt(1, "mallory", WRONG).await;
    let maintenance = tokio::spawn(maintenance::run(std::sync::Arc::clone(&jeton.server)));
    let rows = "SELECT concat(count(*), '') AS detail FROM sign_in_throttle";
    jeton.advance(INTERVAL + Duration::from_secs(59));
    // Maintenance removes old events after expired throttle rows. So without events, it has checked the row.
    while !jeton.audit_events(Action::SignInFailed).await.is_empty() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert_eq!(data.query(rows).await, "1");
    jeton.advance(Duration::from_secs(2));
    while data.query(rows).await != "0" {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    maintenance.abort();
}
