use std::time::Duration;

use futures_util::future::join_all;
use jeton::audit::Action;
use jeton::store::session::{self, Ending};
use jeton::store::user::{self, Change, Replacement, UserAttributes, UserError};
use poem::http::Method;
use serde_json::json;

use super::assert_challenge;
use crate::api::admin::assert_problem;
use crate::support::peer::{self, credentials, sent_from};
use crate::support::{
    ALICE, Answer, ISSUER, Jeton, SECRET, Tokens, basic_raw, claims, like, short_of,
};

const PATH: &str = "/account/password";
const NEW: &str = "orbit velvet cactus mumble";
const WRONG: &str = "wrong horse battery staple";
/// `sign_in.account_burst`.
const BURST: usize = 10;
/// The part of the burst that one address gets.
const OF_ONE_ADDRESS: usize = 7;
const FRESH: Duration = Duration::from_mins(10);
const STALE: &str =
    r#"Bearer realm="jeton", error="insufficient_user_authentication", max_age=600"#;
const HOME: &str = "203.0.113.9";

impl Jeton {
    async fn change_password(&self, tokens: &Tokens, current: &str, new: &str) -> Answer {
        self.change_password_from(HOME, tokens, current, new).await
    }

    async fn change_password_from(
        &self,
        address: &str,
        tokens: &Tokens,
        current: &str,
        new: &str,
    ) -> Answer {
        let body = json!({"current_password": current, "new_password": new}).to_string();
        let request = peer::json(Method::PUT, PATH, &tokens.access_token, &body);
        self.send(sent_from(address, request)).await
    }

    async fn sign_in_with(&self, password: &str) -> Answer {
        self.token(&credentials(ALICE.0, password)).await
    }

    /// A wrong password from an address of its own.
    async fn guess_from(&self, number: usize) -> Answer {
        let device = (&*format!("198.18.0.{number}"), "curl/8");
        self.token_from(device, &credentials(ALICE.0, WRONG)).await
    }
}

#[track_caller]
fn assert_changed(answer: &Answer, sessions_ended: u64) {
    assert_eq!(answer.status, 200, "{}", answer.body);
    assert_eq!(answer.json()["sessions_ended"], sessions_ended);
    assert_eq!(answer.header("cache-control"), Some("no-store"));
}

/// row 31: refresh tokens of the other sessions are refused, and their access tokens are inactive at once.
#[tokio::test]
async fn a_password_change_revokes_all_sessions_and_begins_one() {
    let jeton = Jeton::start().await;
    jeton
        .add_client("api", Some(SECRET), |row| {
            ISSUER.clone_into(&mut row.audience);
        })
        .await;
    let is_active = async |tokens: &Tokens| {
        let parameters = [("token", tokens.access_token.as_str())];
        let authorization = basic_raw("api", SECRET);
        let answer = jeton.post("/introspect", &authorization, &parameters).await;
        answer.json()["active"] == true
    };
    jeton.add_client("tv", None, |_| {}).await;
    let other = jeton.sign_in().await;
    let elsewhere = jeton.sign_in_at("tv").await;
    let this = jeton.sign_in().await;
    let newest = jeton.refresh_after(&this, Duration::from_mins(1)).await;
    assert!(is_active(&other).await);

    let answer = jeton.change_password(&newest, ALICE.1, NEW).await;
    assert_changed(&answer, 2);
    jeton.assert_refresh_refused(&other).await;
    assert_eq!(jeton.refresh_at("tv", &elsewhere).await.status, 400);
    assert!(!is_active(&other).await && !is_active(&elsewhere).await);
    for tokens in [&other, &elsewhere, &this, &newest] {
        let answer = jeton.get_with("/account", &tokens.access_token).await;
        assert_eq!(answer.status, 401);
    }
    assert!(!is_active(&newest).await && !is_active(&this).await);
    let begun = answer.tokens();
    assert!(is_active(&begun).await);
    assert_ne!(begun.session(), this.session());
    jeton.refresh_after(&begun, Duration::from_mins(1)).await;

    let old = jeton.sign_in_with(ALICE.1).await;
    old.assert_error(400, "invalid_grant");
    jeton.sign_in_with(NEW).await.tokens();
    let row = jeton.audit_event(Action::PasswordChanged).await;
    assert_eq!(row.user_id, Some(this.user()));
    assert_eq!((&*row.actor_kind, &*row.address), ("user", HOME));
}

#[tokio::test]
async fn an_opaque_access_token_changes_the_password_too() {
    let jeton = Jeton::start().await;
    jeton
        .add_client("opaque", None, |row| {
            row.access_token_format = Some("opaque".to_owned());
        })
        .await;
    let tokens = jeton.sign_in_at("opaque").await;
    assert!(tokens.access_token.starts_with("jat_"));
    let changed = jeton.change_password(&tokens, ALICE.1, NEW).await;
    assert_changed(&changed, 0);
    let begun = changed.tokens();
    assert!(begun.access_token.starts_with("jat_"));
    let next = jeton.refresh_at("opaque", &begun).await.tokens();
    jeton.advance(FRESH);
    let answer = jeton.change_password(&next, NEW, ALICE.1).await;
    assert_changed(&answer, 0);
    let next = answer.tokens();
    jeton.advance(FRESH + Duration::from_secs(1));
    let answer = jeton.change_password(&next, ALICE.1, NEW).await;
    assert_challenge(&answer, 401, STALE);
}

/// "The authentication event associated with the access token presented with the request does not meet
/// the authentication requirements of the protected resource", RFC 9470 §3.
#[tokio::test]
async fn a_password_change_needs_a_sign_in_within_ten_minutes_and_a_refresh_is_none() {
    let jeton = Jeton::start().await;
    let tokens = jeton.sign_in().await;
    jeton.advance(FRESH);
    let answer = jeton.change_password(&tokens, ALICE.1, ALICE.1).await;
    assert_problem(&answer, 422, &["new_password"]);
    jeton.advance(Duration::from_secs(1));
    let refreshed = jeton.refresh(&tokens.refresh_token).await.tokens();
    for tokens in [&tokens, &refreshed] {
        let answer = jeton.change_password(tokens, ALICE.1, NEW).await;
        assert_challenge(&answer, 401, STALE);
        // The password is not checked, so this is no guess.
        let answer = jeton.change_password(tokens, WRONG, NEW).await;
        assert_challenge(&answer, 401, STALE);
    }
    assert_eq!(jeton.audit_events(Action::SignInFailed).await.len(), 0);
    let fresh = jeton.sign_in().await;
    assert_changed(&jeton.change_password(&fresh, ALICE.1, NEW).await, 1);
}

/// row 20: "a failed refresh never counts as a password guess"; a wrong current password does, for the
/// account and for the address.
#[tokio::test]
async fn a_wrong_current_password_counts_as_a_guess_and_a_failed_refresh_does_not() {
    let jeton = Jeton::start().await;
    let tokens = jeton.sign_in().await;
    for _ in 0..50 {
        let answer = jeton.refresh("jrt_garbage").await;
        answer.assert_error(400, "invalid_grant");
    }
    for number in 0..OF_ONE_ADDRESS {
        let wrong = format!("{WRONG} {number}");
        let answer = jeton.change_password(&tokens, &wrong, NEW).await;
        assert_problem(&answer, 422, &["current_password"]);
        if number == 0 {
            insta::assert_json_snapshot!(answer.json(), @r#"
            {
              "title": "Invalid request",
              "status": 422,
              "detail": "Fix the fields listed in errors.",
              "errors": [
                {
                  "field": "current_password",
                  "detail": "is not your password"
                }
              ]
            }
            "#);
            let row = jeton.audit_event(Action::SignInFailed).await;
            assert_eq!(row.session_id, Some(tokens.session()));
            assert_eq!((row.user_id, &*row.address), (Some(tokens.user()), HOME));
            assert_eq!(row.detail, r#"{"reason":"wrong password"}"#);
        }
    }
    // The guesses count against sign-ins from other devices.
    for number in OF_ONE_ADDRESS..BURST {
        let elsewhere = jeton.guess_from(number).await;
        elsewhere.assert_error(400, "invalid_grant");
    }
    let elsewhere = jeton.guess_from(BURST).await;
    elsewhere.assert_error(429, "temporarily_unavailable");
    // The session has a burst of its own, once.
    for number in BURST..2 * BURST {
        let wrong = format!("{WRONG} {number}");
        let answer = jeton.change_password(&tokens, &wrong, NEW).await;
        assert_problem(&answer, 422, &["current_password"]);
    }
    let answer = jeton.change_password(&tokens, ALICE.1, NEW).await;
    assert_problem(&answer, 429, &[]);
    assert_eq!(answer.header("retry-after"), Some("30"));
    assert_eq!(jeton.audit_events(Action::SignInThrottled).await.len(), 1);
    jeton.advance(short_of(Duration::from_secs(30)));
    let answer = jeton.change_password(&tokens, ALICE.1, NEW).await;
    assert_eq!(answer.header("retry-after"), Some("1"));
    jeton.advance(Duration::from_micros(1));
    assert_changed(&jeton.change_password(&tokens, ALICE.1, NEW).await, 0);
}

/// A stolen token does not use up the attempts of another session.
#[tokio::test]
async fn guesses_in_one_session_do_not_throttle_another() {
    let jeton = Jeton::start().await;
    let (stolen, own) = (jeton.sign_in().await, jeton.sign_in().await);
    for number in 0..OF_ONE_ADDRESS + BURST {
        let wrong = format!("{WRONG} {number}");
        let answer = jeton.change_password(&stolen, &wrong, NEW).await;
        assert_problem(&answer, 422, &["current_password"]);
    }
    let answer = jeton.change_password(&stolen, ALICE.1, NEW).await;
    assert_problem(&answer, 429, &[]);
    assert_changed(&jeton.change_password(&own, ALICE.1, NEW).await, 1);
}

/// row 20: "per account and per address".
#[tokio::test]
async fn wrong_current_passwords_count_for_the_address_and_right_ones_do_not() {
    let jeton = Jeton::with(|settings| settings.sign_in.account_burst = 0).await;
    let tokens = jeton.sign_in().await;
    for _ in 0..3 {
        let answer = jeton.change_password(&tokens, ALICE.1, "short").await;
        assert_problem(&answer, 422, &["new_password"]);
    }
    for number in 0..100 {
        let wrong = format!("{WRONG} {number}");
        let answer = jeton.change_password(&tokens, &wrong, NEW).await;
        assert_problem(&answer, 422, &["current_password"]);
    }
    let answer = jeton.change_password(&tokens, ALICE.1, NEW).await;
    assert_problem(&answer, 429, &[]);
    assert_eq!(answer.header("retry-after"), Some("1"));
    let answer = jeton.change_password_from("203.0.113.8", &tokens, ALICE.1, NEW);
    assert_changed(&answer.await, 0);
}

/// row 20: "locking cannot be used to shut the owner out", from any network.
#[tokio::test]
async fn guesses_of_others_do_not_throttle_a_password_change_in_a_session() {
    let jeton = Jeton::start().await;
    let mut tokens = jeton.sign_in().await;
    for number in 0..BURST {
        jeton
            .guess_from(number)
            .await
            .assert_error(400, "invalid_grant");
    }
    let throttled = jeton.guess_from(99).await;
    throttled.assert_error(429, "temporarily_unavailable");
    for (address, from, to) in [("192.0.2.1", ALICE.1, NEW), ("192.0.2.2", NEW, ALICE.1)] {
        let answer = jeton.change_password_from(address, &tokens, from, to).await;
        assert_changed(&answer, 0);
        tokens = answer.tokens();
    }
}

/// NIST SP 800-63B-4 §3.1.1.2: "SHALL require the subscriber to choose a different secret and SHALL
/// provide the reason for rejection". No guess is counted.
#[tokio::test]
async fn a_weak_password_is_refused_with_the_reason_and_changes_nothing() {
    let jeton = Jeton::start().await;
    let (tokens, other) = (jeton.sign_in().await, jeton.sign_in().await);
    let mut reasons = Vec::new();
    for round in 0..3 {
        for weak in [
            "fourteen chars",
            "qwertyuiopasdfghjkl",
            "alicealicealice",
            "jeton.jeton.jeton",
            &"long ".repeat(52),
            "",
            ALICE.1,
        ] {
            let answer = jeton.change_password(&tokens, ALICE.1, weak).await;
            assert_problem(&answer, 422, &["new_password"]);
            assert!(weak.is_empty() || !answer.body.contains(weak));
            if round == 0 {
                reasons.push(answer.json()["errors"][0]["detail"].clone());
            }
        }
    }
    insta::assert_json_snapshot!(reasons, @r#"
    [
      "a password has 15 characters or more; a few words do",
      "the password is too easy to guess. This is similar to a commonly used password. Add another word or two. Uncommon words are better.",
      "the password is too easy to guess. Repeats like \"abcabcabc\" are only slightly harder to guess than \"abc\". Add another word or two. Uncommon words are better. Avoid repeated words and characters.",
      "the password is too easy to guess. Repeats like \"abcabcabc\" are only slightly harder to guess than \"abc\". Add another word or two. Uncommon words are better. Avoid repeated words and characters.",
      "a password has 256 characters at most",
      "a password has 15 characters or more; a few words do",
      "must differ from the present password"
    ]
    "#);
    assert_eq!(jeton.audit_events(Action::SignInFailed).await.len(), 0);
    assert_eq!(jeton.audit_events(Action::PasswordChanged).await.len(), 0);
    jeton.refresh(&other.refresh_token).await.tokens();
    jeton.sign_in_with(ALICE.1).await.tokens();
}

/// Keyboards send composed or decomposed letters.
#[tokio::test]
async fn a_password_is_compared_after_unicode_normalization() {
    let jeton = Jeton::start().await;
    jeton.add_user("zoé", "chevaux ailés et marées").await;
    let sign_in = credentials("zoé", "chevaux ailés et marées");
    let tokens = jeton.token(&sign_in).await.tokens();
    let decomposed = "chevaux aile\u{301}s et mare\u{301}es";
    let answer = jeton.change_password(&tokens, decomposed, decomposed).await;
    assert_problem(&answer, 422, &["new_password"]);
    assert_changed(&jeton.change_password(&tokens, decomposed, NEW).await, 0);
}

/// Both requests know the current password; after the first change it is wrong.
#[tokio::test]
async fn one_of_two_password_changes_at_once_succeeds() {
    let jeton = Jeton::start().await;
    let sessions = [jeton.sign_in().await, jeton.sign_in().await];
    let passwords = [NEW, "another quite unlikely phrase"];
    let changes = std::iter::zip(&sessions, passwords)
        .map(|(tokens, new)| jeton.change_password(tokens, ALICE.1, new));
    let answers = join_all(changes).await;
    let statuses: Vec<_> = answers.iter().map(|a| a.status.as_u16()).collect();
    let winner = statuses.iter().position(|status| *status == 200).unwrap();
    assert_changed(&answers[winner], 1);
    // 409 if its password was checked before the other change, 422 if after, 401 if its session had ended before.
    match statuses[1 - winner] {
        401 => {}
        409 => assert_problem(&answers[1 - winner], 409, &[]),
        _ => assert_problem(&answers[1 - winner], 422, &["current_password"]),
    }
    jeton.sign_in_with(passwords[winner]).await.tokens();
    let loser = jeton.sign_in_with(passwords[1 - winner]).await;
    loser.assert_error(400, "invalid_grant");
    let begun = answers[winner].tokens();
    jeton.refresh(&begun.refresh_token).await.tokens();
    for ended in &sessions {
        jeton.assert_refresh_refused(ended).await;
    }
    jeton.audit_event(Action::PasswordChanged).await;
}

/// The user is disabled while the new password is hashed.
#[tokio::test]
async fn a_password_change_does_not_enable_a_user_who_is_disabled_meanwhile() {
    let jeton = Jeton::start().await;
    let tokens = jeton.sign_in().await;
    let (store, cause) = (&jeton.server.store, jeton.cause());
    let disabling = user::change(store, tokens.user(), Change::DISABLE, &cause);
    let changing = jeton.change_password(&tokens, ALICE.1, NEW);
    let (answer, disabled) = tokio::join!(changing, disabling);
    assert_eq!(disabled.unwrap().sessions_ended, 1);
    // On a server, the password may change before the user is disabled.
    let changed = usize::from(answer.status == 200);
    jeton.assert_refresh_refused(&tokens).await;
    assert_eq!(
        jeton.audit_events(Action::PasswordChanged).await.len(),
        changed
    );
    for password in [ALICE.1, NEW] {
        let answer = jeton.sign_in_with(password).await;
        answer.assert_error(400, "invalid_grant");
    }
}

#[tokio::test]
async fn an_invalid_body_is_refused_by_field_without_its_value() {
    let jeton = Jeton::start().await;
    let tokens = jeton.sign_in().await;
    let put = async |body: &str| {
        let request = peer::json(Method::PUT, PATH, &tokens.access_token, body);
        jeton.send(request).await
    };
    let unknown = json!({"current_password": ALICE.1, "new_password": NEW, "username": "x"});
    assert_problem(&put(&unknown.to_string()).await, 422, &["username"]);
    let missing = json!({"current_password": ALICE.1});
    assert_problem(&put(&missing.to_string()).await, 422, &["new_password"]);
    let number = json!({"current_password": ALICE.1, "new_password": 271_828_182_845_904_u64});
    let answer = put(&number.to_string()).await;
    assert_problem(&answer, 422, &["new_password"]);
    assert!(!answer.body.contains("2718"), "{}", answer.body);
    let large = json!({"current_password": ALICE.1, "new_password": "x".repeat(20_000)});
    assert_problem(&put(&large.to_string()).await, 413, &[]);
    assert_problem(&put("{").await, 400, &[]);
    assert_changed(&jeton.change_password(&tokens, ALICE.1, NEW).await, 0);
}

/// row 54: it needs a user's token with the scope `account` for this server.
#[tokio::test]
async fn a_token_without_access_to_the_account_changes_no_password() {
    let jeton = Jeton::start().await;
    jeton
        .add_client("reader", None, |row| "read".clone_into(&mut row.scope))
        .await;
    jeton
        .add_client("api", None, |row| {
            "https://api.test".clone_into(&mut row.audience);
        })
        .await;
    let narrow = jeton.sign_in_at("reader").await;
    let answer = jeton.change_password(&narrow, ALICE.1, NEW).await;
    assert_problem(&answer, 403, &[]);
    let elsewhere = jeton.sign_in_at("api").await;
    let answer = jeton.change_password(&elsewhere, ALICE.1, NEW).await;
    assert_problem(&answer, 401, &[]);
    let body = json!({"current_password": ALICE.1, "new_password": NEW}).to_string();
    let answer = jeton.send(peer::json(Method::PUT, PATH, "", &body)).await;
    assert_challenge(&answer, 401, super::NO_TOKEN);
}

/// Another user takes the username between the check of the token and the check of the password. The other user's
/// password is then a wrong one.
#[tokio::test]
async fn a_username_that_moves_to_another_user_meanwhile_changes_no_password() {
    const EVES: &str = "the password of another user";
    for queries in 0..12 {
        let jeton = Jeton::start().await;
        let eve = jeton.add_user("eve", EVES).await;
        let tokens = jeton.sign_in().await;
        let (store, cause) = (&jeton.server.store, jeton.cause());
        let rename = async |id, name: &str| {
            let amendment = UserAttributes {
                username: Some(name.to_owned()),
                ..UserAttributes::NONE
            };
            let change = Change::Attributes(amendment);
            user::change(store, id, change, &cause).await.unwrap();
        };
        let exchange = async {
            // Both futures share one connection, so the queries set the moment of the exchange.
            for _ in 0..queries {
                user::find(store, eve).await.unwrap();
            }
            rename(tokens.user(), "alice-2").await;
            rename(eve, ALICE.0).await;
        };
        let changing = jeton.change_password(&tokens, EVES, NEW);
        let (answer, ()) = tokio::join!(changing, exchange);
        assert_ne!(answer.status, 200, "after {queries}: {}", answer.body);
        let eves = jeton.token(&credentials(ALICE.0, EVES)).await;
        eves.tokens();
    }
}

/// row 31: a thief who has copied the refresh token of the session that changes the password loses it.
#[tokio::test]
async fn a_copied_refresh_token_of_the_same_session_ends_with_the_password() {
    let jeton = Jeton::start().await;
    let copied = jeton.sign_in().await;
    jeton.advance(Duration::from_secs(5));
    let changed = jeton.change_password(&copied, ALICE.1, NEW).await;
    jeton.assert_refresh_refused(&copied).await;
    let row = jeton.session(&copied).await;
    assert_eq!(row.revocation_reason, Some(Ending::PasswordChange));
    let begun = changed.tokens();
    let (old, new) = (claims(&copied.access_token), claims(&begun.access_token));
    assert_eq!(new["auth_time"], jeton.now().as_seconds());
    for name in ["sub", "client_id", "scope", "aud", "acr"] {
        assert_eq!(new[name], old[name], "{name}");
    }
    assert_ne!(new["sid"], old["sid"]);
    let events = jeton.audit_events(Action::SignIn).await;
    let sessions: Vec<_> = events.iter().map(|event| event.session_id).collect();
    assert!(sessions.contains(&Some(begun.session())));
    jeton.refresh(&begun.refresh_token).await.tokens();
}

/// RFC 6749 §6: the client is not registered for the refresh token grant.
#[tokio::test]
async fn a_client_without_the_refresh_grant_gets_no_refresh_token_by_a_password_change() {
    let jeton = Jeton::start().await;
    let no_refresh =
        |row: &mut jeton::store::client::Model| "password".clone_into(&mut row.grant_types);
    jeton.add_client("brief", None, no_refresh).await;
    let tokens = jeton.sign_in_at("brief").await;
    let changed = jeton.change_password(&tokens, ALICE.1, NEW).await;
    assert_changed(&changed, 0);
    let json = changed.json();
    assert_eq!(json.get("refresh_token"), None);
    let token = json["access_token"].as_str().unwrap();
    assert_eq!(jeton.get_with("/account", token).await.status, 200);
}

/// A session that was revoked meanwhile is not replaced, and the password stays.
#[tokio::test]
async fn a_session_that_has_ended_meanwhile_changes_no_password() {
    let jeton = Jeton::start().await;
    let tokens = jeton.sign_in().await;
    let row = jeton.session(&tokens).await;
    let (store, cause) = (&jeton.server.store, jeton.cause());
    let revoked = session::revoke(store, row.id, Ending::SignOut, &cause).await;
    assert!(revoked.unwrap());
    let replacement = Some(Replacement {
        replaced: row.id,
        session: Box::new(like(&row).into_model(&cause)),
    });
    let hash = "x".to_owned();
    let change = Change::Password { hash, replacement };
    let changed = user::change(store, tokens.user(), change, &cause).await;
    assert!(
        matches!(changed, Err(UserError::SessionEnded)),
        "{changed:?}"
    );
    jeton.sign_in().await;
}
