//! The redemption of codes: once, for the access of the request; and a server that is too busy for it.

use std::time::Duration;

use jeton::maintenance::clock;
use jeton::store::session::Ending;
use serde_json::json;

use crate::support::browser::{Browser, credentials, request};
use crate::support::{ALICE, Jeton, START, claims};

const API: &str = "https://api.test";
const OTHER_API: &str = "https://other.test";

/// row 63: `resource` "binds what the code yields; at `/token` it may be repeated or narrow, never widen".
#[tokio::test]
async fn a_resource_at_the_token_endpoint_only_narrows() {
    let jeton = Jeton::start().await;
    let audience = format!("{API} {OTHER_API}");
    jeton
        .add_app("app", |client| audience.clone_into(&mut client.audience))
        .await;
    let browser = Browser::default();
    browser.sign_in(&jeton, &request(&[])).await.code();
    for (requested, redeemed, expected) in [
        ("", "", Some(json!([API, OTHER_API]))),
        ("", API, Some(json!(API))),
        (API, "", Some(json!(API))),
        (API, API, Some(json!(API))),
        (API, OTHER_API, None),
    ] {
        let query = request(&[("resource", requested)]);
        let code = browser.open(&jeton, &query).await.code();
        let answer = jeton.redeem_with(&code, &[("resource", redeemed)]).await;
        match expected {
            Some(audience) => {
                let tokens = answer.tokens();
                assert_eq!(claims(&tokens.access_token)["aud"], audience);
            }
            None => answer.assert_error(400, "invalid_target"),
        }
    }
}

/// row 83: the rules of refresh tokens hold for these sessions.
#[tokio::test]
async fn a_replay_ends_a_session_that_a_code_has_begun() {
    let jeton = Jeton::with_app().await;
    let code = Browser::default()
        .sign_in(&jeton, &request(&[]))
        .await
        .code();
    let tokens = jeton.redeem(&code).await.tokens();
    let mut newest = tokens.clone();
    for _ in 0..2 {
        newest = jeton.refresh_at("app", &newest).await.tokens();
        jeton.advance(Duration::from_mins(1));
    }
    let answer = jeton.refresh_at("app", &tokens).await;
    answer.assert_error(400, "invalid_grant");
    let session = jeton.session(&tokens).await;
    assert_eq!(session.revocation_reason, Some(Ending::Replay));
}

/// row 69: a busy server says so on the page.
#[tokio::test]
async fn a_sign_in_at_a_busy_server_gets_a_page_with_503() {
    let jeton = Jeton::with(|settings| settings.password.queue = 1).await;
    jeton.add_app("app", |_| {}).await;
    let browser = Browser::default();
    let page = browser.open(&jeton, &request(&[])).await;
    let fields = credentials(ALICE);
    let sent = browser.submit(&jeton, &page, &fields);
    let page = jeton.with_hasher_full(sent).await;
    page.assert_page(503, "not possible at the moment");
    assert!(page.header("retry-after").is_some());
    let answer = browser.submit(&jeton, &page, &fields).await;
    answer.code();
}

/// row 69: `temporarily_unavailable`, RFC 6749 §4.1.2.1. While the clock is in doubt, an expired cookie is kept.
#[tokio::test]
async fn the_client_learns_by_redirect_that_the_server_cannot_decide() {
    let jeton = Jeton::with_app().await;
    let browser = Browser::default();
    browser.sign_in(&jeton, &request(&[])).await.code();
    let server = &jeton.server;
    server
        .clock
        .step_to(START.plus(Duration::from_hours(40 * 24)));
    clock::compare(&server.store, &server.clock).await.unwrap();
    let answer = browser.open(&jeton, &request(&[])).await;
    answer.assert_redirect_error("temporarily_unavailable");
    assert!(browser.cookie("__Host-jeton").is_some());
}
