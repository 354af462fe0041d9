//! Throttling by address: one address that tries many accounts.

use std::time::Duration;

use futures_util::future::join_all;
use jeton::audit::Action;
use jeton::clock::Clock;

use super::WRONG;
use crate::support::file::DataDir;
use crate::support::peer::credentials;
use crate::support::{ALICE, Answer, Jeton, ROOT_SECRET, START};

/// `sign_in.address_burst`.
const BURST: usize = 100;

async fn sign_in(jeton: &Jeton, address: &str, username: &str, password: &str) -> Answer {
    let device = (address, "curl/8");
    jeton
        .token_from(device, &credentials(username, password))
        .await
}

/// Fails sign-ins of different accounts until the address is throttled.
async fn fail_address_burst(jeton: &Jeton, address: impl Fn(usize) -> String) {
    for number in 0..BURST {
        let username = format!("name-{number}");
        let answer = sign_in(jeton, &address(number), &username, WRONG).await;
        answer.assert_error(400, "invalid_grant");
    }
}

/// row 20, row 38: an address may fail in a burst, then once per second. Other addresses are not throttled.
#[tokio::test]
async fn an_address_that_tries_many_accounts_is_throttled() {
    let jeton = Jeton::start().await;
    fail_address_burst(&jeton, |_| "203.0.113.9".to_owned()).await;
    for (username, password) in [(ALICE.0, ALICE.1), (ALICE.0, WRONG), ("mallory", WRONG)] {
        let answer = sign_in(&jeton, "203.0.113.9", username, password).await;
        assert_eq!(answer.retry_after(), 1);
    }
    sign_in(&jeton, "203.0.113.8", ALICE.0, ALICE.1)
        .await
        .tokens();
    let row = jeton.audit_event(Action::SignInThrottled).await;
    assert_eq!(row.detail, r#"{"by":"address","retry_after":1}"#);
    assert_eq!((row.user_id, &*row.address), (None, "203.0.113.9"));
    jeton.advance(Duration::from_secs(1));
    // A successful sign-in does not count.
    for _ in 0..3 {
        sign_in(&jeton, "203.0.113.9", ALICE.0, ALICE.1)
            .await
            .tokens();
    }
    let wrong = sign_in(&jeton, "203.0.113.9", "mallory", WRONG).await;
    wrong.assert_error(400, "invalid_grant");
    sign_in(&jeton, "203.0.113.9", "mallory", WRONG)
        .await
        .retry_after();
}

/// row 20: a host usually has a whole IPv6 network of 2^64 addresses.
#[tokio::test]
async fn all_addresses_of_an_ipv6_network_share_one_limit() {
    let jeton = Jeton::start().await;
    fail_address_burst(&jeton, |number| format!("2001:db8:1:2:{number:x}::1")).await;
    let answer = sign_in(&jeton, "2001:db8:1:2:ffff::", ALICE.0, ALICE.1).await;
    answer.retry_after();
    let other = sign_in(&jeton, "2001:db8:1:3::1", ALICE.0, ALICE.1).await;
    other.tokens();
}

/// row 20: an attempt from a throttled address does not count for its account.
#[tokio::test]
async fn an_attempt_from_a_throttled_address_does_not_count_for_its_account() {
    let jeton = Jeton::start().await;
    fail_address_burst(&jeton, |_| "203.0.113.9".to_owned()).await;
    for _ in 0..50 {
        sign_in(&jeton, "203.0.113.9", ALICE.0, WRONG)
            .await
            .retry_after();
    }
    jeton.fail_account_burst(ALICE.0).await;
}

/// row 20: polling for the next permit of an account counts for the address, so that one address gets few of them.
#[tokio::test]
async fn an_attempt_at_a_throttled_account_counts_for_its_address() {
    let jeton = Jeton::start().await;
    jeton.fail_account_burst(ALICE.0).await;
    for _ in 0..BURST {
        let refused = sign_in(&jeton, "203.0.113.8", ALICE.0, WRONG).await;
        assert_eq!(refused.retry_after(), 30);
    }
    let other = sign_in(&jeton, "203.0.113.8", "mallory", WRONG).await;
    assert_eq!(other.retry_after(), 1);
}

/// row 20: an address that guesses without pause gets the first half of the account's permits and a part of the second.
#[tokio::test]
async fn one_address_that_guesses_without_pause_leaves_permits_for_the_owner_on_new_devices() {
    let jeton = Jeton::start().await;
    for name in [ALICE.0, "mallory"] {
        let mut guesses = 0;
        for number in 0..1200 {
            let wrong = format!("wrong-{number}");
            let answer = sign_in(&jeton, "203.0.113.66", name, &wrong).await;
            guesses += usize::from(answer.status == 400);
            // A device that was never used.
            let (device, right) = (format!("owner/{number}"), credentials(ALICE.0, ALICE.1));
            if name == ALICE.0 && number % 10 == 0 {
                let answer = jeton.token_from(("203.0.113.7", &device), &right).await;
                answer.tokens();
            }
            jeton.advance(Duration::from_millis(500));
        }
        // Ten minutes: seven at once, and then at most one each thirty seconds.
        assert!((7..=7 + 20).contains(&guesses), "{name}: {guesses}");
        jeton.advance(Duration::from_mins(10));
    }
}

/// row 20: known and unknown users get the same responses also from one address, and `Retry-After` is right.
#[tokio::test]
async fn the_wait_of_an_address_that_has_used_its_part_of_an_account_is_right() {
    let jeton = Jeton::start().await;
    for name in [ALICE.0, "mallory", "not a name"] {
        for number in 0..7 {
            let answer = sign_in(&jeton, "203.0.113.9", name, &format!("wrong-{number}")).await;
            answer.assert_error(400, "invalid_grant");
        }
        let refused = sign_in(&jeton, "203.0.113.9", name, ALICE.1).await;
        // Two permits of the first half must come back, and a third.
        assert_eq!(refused.retry_after(), 90, "{name}");
    }
    jeton.advance(Duration::from_millis(89_001));
    let refused = sign_in(&jeton, "203.0.113.9", ALICE.0, ALICE.1).await;
    assert_eq!(refused.retry_after(), 1);
    jeton.advance(Duration::from_millis(999));
    let right = sign_in(&jeton, "203.0.113.9", ALICE.0, ALICE.1).await;
    right.tokens();
    let wrong = sign_in(&jeton, "203.0.113.9", "mallory", WRONG).await;
    wrong.assert_error(400, "invalid_grant");
}

/// row 20: a typing error on a new device during such an attack, and a permit of the second half that is given back.
#[tokio::test]
async fn the_owner_may_fail_once_on_a_new_device_while_another_address_guesses() {
    let jeton = Jeton::start().await;
    for number in 0..20 {
        sign_in(&jeton, "203.0.113.66", ALICE.0, &format!("wrong-{number}")).await;
    }
    let wrong = sign_in(&jeton, "203.0.113.7", ALICE.0, WRONG).await;
    wrong.assert_error(400, "invalid_grant");
    for number in 0..5 {
        let device = format!("owner/{number}");
        let right = credentials(ALICE.0, ALICE.1);
        jeton
            .token_from(("203.0.113.7", &device), &right)
            .await
            .tokens();
    }
}

/// row 20: correct sign-ins under way are load, not failures. A full queue of the hasher gets 503.
#[tokio::test]
async fn concurrent_correct_sign_ins_from_one_address_are_not_throttled() {
    let jeton = Jeton::start().await;
    let sign_ins = (0..BURST + 20).map(|_| sign_in(&jeton, "203.0.113.9", ALICE.0, ALICE.1));
    let answers = join_all(sign_ins).await;
    let with_status = |status| {
        answers
            .iter()
            .filter(|answer| answer.status == status)
            .count()
    };
    assert!(with_status(200) > 0);
    assert_eq!(with_status(200) + with_status(503), BURST + 20);
}

/// row 20: an attempt that fails by an error of the server does not count, at the address either.
#[tokio::test]
async fn an_error_of_the_server_gives_back_what_an_attempt_took() {
    let data = DataDir::of_file();
    let clock = Clock::standing_at(START);
    let jeton = Jeton::on(data.open().await, clock, ROOT_SECRET, |_| {}).await;
    jeton.add_client("first-party", None, |_| {}).await;
    jeton.add_user(ALICE.0, ALICE.1).await;
    let attempt = async |number: usize| {
        let wrong = format!("wrong-{number}");
        let answer = sign_in(&jeton, "203.0.113.9", ALICE.0, &wrong).await;
        answer.status.as_u16()
    };
    for number in 0..5 {
        assert_eq!(attempt(number).await, 400);
    }
    // The row of the address is new, and that of the account exists. To give back is to set an earlier time.
    let trigger = "CREATE TRIGGER broken BEFORE UPDATE ON sign_in_throttle \
                   WHEN NEW.free_at > OLD.free_at BEGIN SELECT RAISE(ABORT, 'broken'); END";
    data.execute(trigger).await;
    assert_eq!(attempt(5).await, 500);
    data.execute("DROP TRIGGER broken").await;
    let statuses = [attempt(6).await, attempt(7).await, attempt(8).await];
    assert_eq!(statuses, [400, 400, 429]);
}
