//! Known devices: where the owner is signed in, failures from elsewhere do not throttle.

use std::time::Duration;

use jeton::audit::Action;
use jeton::sign_in;
use jeton::store::session::{self, Ending};
use jeton::store::user;

use super::{BURST, WRONG};
use crate::support::peer::credentials;
use crate::support::{ALICE, Answer, Jeton, Tokens};

const HOME: (&str, &str) = ("203.0.113.9", "Mozilla/5.0 (owner)");

async fn sign_in(jeton: &Jeton, device: (&str, &str), password: &str) -> Answer {
    jeton
        .token_from(device, &credentials(ALICE.0, password))
        .await
}

/// row 20: the passwords come from a thousand addresses, while the owner keeps signing in.
#[tokio::test]
async fn a_thousand_wrong_passwords_do_not_throttle_the_owners_known_device() {
    let jeton = Jeton::start().await;
    let mut owner = sign_in(&jeton, HOME, ALICE.1).await.tokens();
    let mut verified = 0;
    for number in 0..1000 {
        let answer = jeton.attempt(number, ALICE.0, WRONG).await;
        if answer.status == 400 {
            verified += 1;
        } else {
            assert!((1..=30).contains(&answer.retry_after()), "{number}");
        }
        let unknown = jeton.attempt(number, "mallory", WRONG).await;
        assert_eq!(unknown.status, answer.status, "{number}");
        assert_eq!(unknown.steady_headers(), answer.steady_headers());
        assert_eq!(unknown.body, answer.body);
        if number % 20 == 0 {
            sign_in(&jeton, HOME, ALICE.1).await.tokens();
            owner = jeton.refresh(&owner.refresh_token).await.tokens();
        }
        jeton.advance(Duration::from_millis(300));
    }
    // The burst, and one every thirty seconds for five minutes.
    assert_eq!(verified, BURST + 9);
    assert_eq!(jeton.session(&owner).await.revoked_at, None);
}

/// row 20: client, address and user agent must all match.
#[tokio::test]
async fn a_device_is_known_by_the_client_address_and_user_agent_of_a_session() {
    let jeton = Jeton::start().await;
    jeton.add_client("app", None, |_| {}).await;
    let at_app = |device| {
        let parameters = [&credentials(ALICE.0, ALICE.1)[..], &[("client_id", "app")]].concat();
        let jeton = &jeton;
        async move { jeton.token_from(device, &parameters).await }
    };
    sign_in(&jeton, HOME, ALICE.1).await.tokens();
    jeton.fail_account_burst(ALICE.0).await;
    for stranger in [
        (HOME.0, "curl/8"),
        ("203.0.113.8", HOME.1),
        ("203.0.113.8", ""),
    ] {
        sign_in(&jeton, stranger, ALICE.1).await.retry_after();
    }
    at_app(HOME).await.retry_after();
    sign_in(&jeton, HOME, ALICE.1).await.tokens();
}

/// row 20: without an address, as behind a proxy that names none, every client would be the same device.
#[tokio::test]
async fn a_device_without_an_address_is_never_known() {
    let jeton = Jeton::start().await;
    jeton.sign_in().await;
    jeton.fail_account_burst(ALICE.0).await;
    let parameters = credentials(ALICE.0, ALICE.1);
    jeton.token(&parameters).await.retry_after();
}

/// row 20: two people share a computer. A device is known for the users who were signed in there.
#[tokio::test]
async fn a_device_is_known_for_its_own_users_alone() {
    let jeton = Jeton::start().await;
    let bob = ("bob", "another long password");
    jeton.add_user(bob.0, bob.1).await;
    let at_home = credentials(bob.0, bob.1);
    jeton.token_from(HOME, &at_home).await.tokens();
    for name in [ALICE.0, bob.0] {
        jeton.fail_account_burst(name).await;
    }
    sign_in(&jeton, HOME, ALICE.1).await.retry_after();
    jeton.token_from(HOME, &at_home).await.tokens();
}

/// row 20: an attacker cannot keep a user out who has no active session.
#[tokio::test]
async fn a_device_stays_known_until_the_retention_after_its_session_ended() {
    let jeton = Jeton::start().await;
    let tokens = sign_in(&jeton, HOME, ALICE.1).await.tokens();
    end(&jeton, &tokens, Ending::SignOut).await;
    let retention = jeton.server.settings.session.retention.0;
    let second = Duration::from_secs(1);
    jeton.advance(retention.saturating_sub(second));
    jeton.fail_account_burst(ALICE.0).await;
    let again = sign_in(&jeton, HOME, ALICE.1).await.tokens();
    end(&jeton, &again, Ending::Operator).await;
    jeton.advance(retention);
    jeton.fail_account_burst(ALICE.0).await;
    sign_in(&jeton, HOME, ALICE.1).await.retry_after();
}

/// row 20: the device of a session that ended by a replay may be the thief's.
#[tokio::test]
async fn a_device_is_not_known_by_a_session_that_ended_by_a_replay() {
    let jeton = Jeton::start().await;
    let tokens = sign_in(&jeton, HOME, ALICE.1).await.tokens();
    end(&jeton, &tokens, Ending::Replay).await;
    jeton.fail_account_burst(ALICE.0).await;
    sign_in(&jeton, HOME, ALICE.1).await.retry_after();
}

/// row 20: an operator can lift the count of an account.
#[tokio::test]
async fn an_operator_unlocks_an_account() {
    let jeton = Jeton::start().await;
    jeton.fail_account_burst(ALICE.0).await;
    sign_in(&jeton, HOME, ALICE.1).await.retry_after();
    let alice = user::find_by_username(&jeton.server.store, ALICE.0).await;
    let alice = alice.unwrap().unwrap();
    for counted in [true, false] {
        let unlocked = sign_in::unlock(&alice, &jeton.cause(), &jeton.server).await;
        assert_eq!(unlocked.unwrap(), counted);
    }
    sign_in(&jeton, HOME, ALICE.1).await.tokens();
    let event = jeton.audit_event(Action::UserUnlocked).await;
    assert_eq!(event.user_id, Some(alice.id));
}

async fn end(jeton: &Jeton, tokens: &Tokens, reason: Ending) {
    let store = &jeton.server.store;
    let ended = session::revoke(store, tokens.session(), reason, &jeton.cause()).await;
    assert!(ended.unwrap());
}

/// row 20: a known device has a burst of its own. A stranger with the same address and user agent shares it.
#[tokio::test]
async fn a_known_device_is_throttled_by_its_own_failures() {
    let jeton = Jeton::start().await;
    sign_in(&jeton, HOME, ALICE.1).await.tokens();
    jeton.fail_account_burst(ALICE.0).await;
    for number in 0..BURST {
        let answer = sign_in(&jeton, HOME, &format!("wrong {number}")).await;
        answer.assert_error(400, "invalid_grant");
        if jeton.now().as_micros() % 2 == 0 {
            jeton.advance(Duration::from_micros(1));
        }
    }
    sign_in(&jeton, HOME, WRONG).await.retry_after();
    let wait = sign_in(&jeton, HOME, ALICE.1).await.retry_after();
    jeton.advance(Duration::from_secs(wait));
    sign_in(&jeton, HOME, ALICE.1).await.tokens();
}
