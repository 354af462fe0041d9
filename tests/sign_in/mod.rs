//! Throttling of guesses by account and by address. The owner is not shut out, and responses do not show
//! which accounts exist.

mod address;
mod device;
mod nodes;

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
    /// Signs in from an address of its own.
    async fn guess(&self, number: usize, username: &str, password: &str) -> Answer {
        let address = format!(
            "198.{}.{}.{}",
            18 + number / 65_536,
            number / 256 % 256,
            number % 256
        );
        self.token_from((&address, "curl/8"), &credentials(username, password))
            .await
    }

    /// Guesses wrong until the account is slowed.
    async fn exhaust(&self, username: &str) {
        for number in 0..BURST {
            let answer = self.guess(number, username, WRONG).await;
            answer.assert_error(400, "invalid_grant");
        }
    }
}

impl Answer {
    /// Asserts 429 and gives the seconds of `Retry-After`.
    #[track_caller]
    fn retry_after(&self) -> u64 {
        self.assert_error(429, "temporarily_unavailable");
        let seconds = self.header("retry-after").unwrap();
        seconds.parse().unwrap()
    }
}

/// row 20, row 38: after a burst of failures an account is slowed, whatever the password is;
/// after `Retry-After` the owner can sign in.
#[tokio::test]
async fn a_right_password_is_refused_while_slowed_and_accepted_after_retry_after() {
    let jeton = Jeton::start().await;
    jeton.exhaust(ALICE.0).await;
    let refused = jeton.guess(900, ALICE.0, ALICE.1).await;
    assert_eq!(refused.retry_after(), 30);
    insta::assert_json_snapshot!(refused.json(), @r#"
    {
      "error": "temporarily_unavailable",
      "error_description": "Too many sign-ins have failed. Try again after Retry-After."
    }
    "#);
    jeton.advance(Duration::from_millis(29_001));
    assert_eq!(jeton.guess(900, ALICE.0, ALICE.1).await.retry_after(), 1);
    jeton.advance(Duration::from_millis(999));
    jeton.guess(900, ALICE.0, ALICE.1).await.tokens();
    // That it went well has used nothing up.
    let wrong = jeton.guess(901, ALICE.0, WRONG).await;
    wrong.assert_error(400, "invalid_grant");
    assert_eq!(jeton.guess(902, ALICE.0, WRONG).await.retry_after(), 30);
    // To be refused does not make it longer, and after a while all is forgotten.
    jeton.advance(INTERVAL * 10);
    jeton.exhaust(ALICE.0).await;
}

/// row 19, row 20: known, unknown and impossible names get the same responses, headers included, at each
/// failure.
#[tokio::test]
async fn known_and_unknown_names_are_slowed_alike() {
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
            let answer = jeton.guess(at * 100 + number, username, password).await;
            answers.push((answer.status, answer.steady_headers(), answer.body));
        }
        assert_eq!(answers[BURST - 1].0, 400);
        assert_eq!(answers[BURST].0, 429);
        seen.push(answers);
    }
    assert!(seen.windows(2).all(|pair| pair[0] == pair[1]), "{seen:?}");
    // However a name is typed, it is one account.
    let answer = jeton.guess(900, "ＡＬＩＣＥ", WRONG).await;
    answer.retry_after();
}

/// row 20: what went well counts for nothing, one after another and all at once.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_signs_in_often_is_not_slowed() {
    let jeton = Jeton::start().await;
    for number in 0..30 {
        jeton.guess(number, ALICE.0, ALICE.1).await.tokens();
    }
    // Five have failed, so that there are fewer places than those who come at once.
    for number in 0..5 {
        jeton.guess(number, ALICE.0, WRONG).await;
    }
    let crowd = (0..50).map(|number| jeton.guess(100 + number, ALICE.0, ALICE.1));
    for answer in join_all(crowd).await {
        answer.tokens();
    }
    for number in 0..5 {
        let answer = jeton.guess(200 + number, ALICE.0, WRONG).await;
        answer.assert_error(400, "invalid_grant");
    }
    jeton.guess(300, ALICE.0, ALICE.1).await.retry_after();
}

/// row 20: "a failed refresh never counts as a password guess"; neither does a request that is refused
/// before the password is looked at.
#[tokio::test]
async fn failed_refreshes_and_malformed_requests_never_count() {
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
        let own = credentials(ALICE.0, WRONG);
        let greedy = [&own[..], &[("scope", "more")]].concat();
        let answer = jeton.token_from(device, &greedy).await;
        answer.assert_error(400, "invalid_scope");
    }
    let right = credentials(ALICE.0, ALICE.1);
    jeton.token_from(device, &right).await.tokens();
    jeton.exhaust(ALICE.0).await;
}

/// row 38: a sign-in that found no thread to hash it has not been judged, and costs no place.
#[tokio::test]
async fn who_is_turned_away_by_a_busy_server_has_not_guessed() {
    let jeton = Jeton::with(|settings| settings.password.queue = 1).await;
    let device = ("203.0.113.9", "curl/8");
    let own = credentials(ALICE.0, ALICE.1);
    let turned_away = async {
        for _ in 0..2 * BURST {
            let answer = jeton.token_from(device, &own).await;
            answer.assert_error(503, "temporarily_unavailable");
        }
    };
    jeton.with_hasher_full(turned_away).await;
    jeton.exhaust(ALICE.0).await;
}

/// row 20: no clock keeps anyone out for good: what a clock that was a year ahead has left is forgotten.
#[tokio::test]
async fn a_clock_that_was_ahead_shuts_out_no_owner() {
    let jeton = Jeton::start().await;
    jeton.advance(Duration::from_hours(24 * 365));
    jeton.exhaust(ALICE.0).await;
    jeton.guess(900, ALICE.0, ALICE.1).await.retry_after();
    jeton.server.clock.set(START);
    jeton.guess(900, ALICE.0, ALICE.1).await.tokens();
    jeton.exhaust(ALICE.0).await;
    jeton.guess(901, ALICE.0, ALICE.1).await.retry_after();
}

/// 0 turns each limit off.
#[tokio::test]
async fn a_limit_of_zero_is_none() {
    let jeton = Jeton::with(|settings| {
        settings.sign_in.account_burst = 0;
        settings.sign_in.address_burst = 0;
    })
    .await;
    for _ in 0..120 {
        let answer = jeton.guess(1, ALICE.0, WRONG).await;
        answer.assert_error(400, "invalid_grant");
    }
}

/// Many attempts make few rows: a slowed account is recorded once a minute.
#[tokio::test]
async fn a_slowed_account_is_recorded_once_a_minute() {
    let jeton = Jeton::start().await;
    let alice = jeton.sign_in().await.user();
    jeton.exhaust(ALICE.0).await;
    jeton.exhaust("mallory").await;
    for number in 0..100 {
        for name in [ALICE.0, "mallory"] {
            jeton.guess(number, name, WRONG).await.retry_after();
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
    jeton.guess(900, ALICE.0, WRONG).await.retry_after();
    assert_eq!(jeton.audit_events(Action::SignInThrottled).await.len(), 2);
}

/// Names that were made up leave rows for a while only.
#[tokio::test]
async fn what_is_past_is_swept_and_what_is_not_is_kept() {
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
            .guess(number, &format!("made-up-{number}"), WRONG)
            .await;
    }
    jeton.exhaust(ALICE.0).await;
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
    jeton.guess(900, ALICE.0, ALICE.1).await.retry_after();
    // Maintenance does it too.
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

/// Not to the instant: another node's clock may be a little behind, and to it what is forgotten here is
/// not over yet.
#[tokio::test]
async fn what_is_just_past_is_kept_for_a_minute() {
    let data = DataDir::new();
    let clock = Clock::standing_at(START);
    let jeton = Jeton::on(data.open().await, clock, ROOT_SECRET, |settings| {
        settings.keys.refresh_interval.0 = Duration::from_millis(1);
        settings.audit.retention.0 = INTERVAL;
    })
    .await;
    jeton.add_client("first-party", None, |_| {}).await;
    jeton.guess(1, "mallory", WRONG).await;
    let maintenance = tokio::spawn(maintenance::run(std::sync::Arc::clone(&jeton.server)));
    let rows = "SELECT concat(count(*), '') AS detail FROM sign_in_throttle";
    jeton.advance(INTERVAL + Duration::from_secs(59));
    // Old events are swept after it, so that when they are gone this has been looked at.
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
