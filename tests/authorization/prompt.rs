//! The parameters that ask for a page or forbid it: `prompt`, `max_age` and `id_token_hint`.

use std::time::Duration;

use crate::support::browser::{Browser, credentials, request};
use crate::support::{ALICE, Jeton, claims};

const BOB: (&str, &str) = ("bob", "another long password");

/// row 88: `none` shows no page: "MUST NOT display any authentication or consent user interface pages", OpenID Connect Core
/// §3.1.2.1.
#[tokio::test]
async fn prompt_none_shows_no_page() {
    let jeton = Jeton::with_app().await;
    jeton.add_app("third", |client| client.consent = None).await;
    let browser = Browser::default();
    let none = request(&[("prompt", "none")]);
    let answer = browser.open(&jeton, &none).await;
    answer.assert_redirect_error("login_required");
    browser.sign_in(&jeton, &request(&[])).await;
    browser.open(&jeton, &none).await.code();
    let query = request(&[("prompt", "none"), ("client_id", "third")]);
    let answer = browser.open(&jeton, &query).await;
    answer.assert_redirect_error("consent_required");
    jeton.advance(Duration::from_mins(1));
    let query = request(&[("prompt", "none"), ("max_age", "59")]);
    let answer = browser.open(&jeton, &query).await;
    answer.assert_redirect_error("login_required");
}

/// row 89, row 90: `login` and `max_age` ask for credentials, and `auth_time` is new.
#[tokio::test]
async fn a_user_authenticates_again_if_the_client_asks() {
    let jeton = Jeton::with_app().await;
    let browser = Browser::default();
    browser.sign_in(&jeton, &request(&[])).await;
    for more in [("prompt", "login"), ("max_age", "0"), ("max_age", "59")] {
        jeton.advance(Duration::from_mins(1));
        let query = request(&[more, ("scope", "openid")]);
        let page = browser.open(&jeton, &query).await;
        page.assert_page(200, "password");
        // Another tab that signs in does not answer this request.
        let answer = browser
            .submit(&jeton, &page, &[("action", "continue")])
            .await;
        answer.assert_page(403, "password");
        let answer = browser.submit(&jeton, &page, &credentials(ALICE)).await;
        let answer = jeton.redeem(&answer.code()).await;
        let claims = claims(answer.json()["id_token"].as_str().unwrap());
        assert_eq!(claims["auth_time"], jeton.now().as_seconds(), "{more:?}");
    }
    // "greater than this value", §3.1.2.1.
    jeton.advance(Duration::from_mins(1));
    let query = request(&[("max_age", "60")]);
    browser.open(&jeton, &query).await.code();
}

/// row 89: "`select_account` shows the signed-in user and offers another".
#[tokio::test]
async fn a_user_chooses_an_account() {
    let jeton = Jeton::with_app().await;
    jeton.add_user(BOB.0, BOB.1).await;
    let browser = Browser::default();
    let query = request(&[("prompt", "select_account")]);
    // The sign-in is a choice.
    browser.sign_in(&jeton, &query).await.code();
    let page = browser.open(&jeton, &query).await;
    page.assert_page(200, "Continue as");
    let answer = browser
        .submit(&jeton, &page, &[("action", "continue")])
        .await;
    answer.code();
    let page = browser
        .submit(&jeton, &page, &[("action", "other_account")])
        .await;
    page.assert_page(200, "password");
    let answer = browser.submit(&jeton, &page, &credentials(BOB)).await;
    jeton.redeem(&answer.code()).await.tokens();
    let page = browser.open(&jeton, &query).await;
    page.assert_page(200, "bob");
}

/// row 91: "if the End-User identified by the ID Token is [...] not logged in by the request, the Authorization Server MUST
/// return an error", OpenID Connect Core §3.1.2.1.
#[tokio::test]
async fn the_hinted_user_must_sign_in() {
    let jeton = Jeton::with_app().await;
    jeton.add_user(BOB.0, BOB.1).await;
    let openid = request(&[("scope", "openid profile")]);
    let browser = Browser::default();
    let code = browser.sign_in(&jeton, &openid).await.code();
    let answer = jeton.redeem(&code).await;
    let hint = answer.json()["id_token"].as_str().unwrap().to_owned();
    let hinted = request(&[("id_token_hint", &hint)]);
    // It may have expired.
    jeton.advance(Duration::from_hours(2));
    browser.open(&jeton, &hinted).await.code();

    let other = Browser::default();
    let page = other.open(&jeton, &request(&[])).await;
    other.submit(&jeton, &page, &credentials(BOB)).await.code();
    let none = request(&[("id_token_hint", &hint), ("prompt", "none")]);
    let answer = other.open(&jeton, &none).await;
    answer.assert_redirect_error("login_required");
    let page = other.open(&jeton, &hinted).await;
    page.assert_page(200, "value=\"alice\"");
    let answer = other.submit(&jeton, &page, &credentials(BOB)).await;
    answer.assert_redirect_error("login_required");
    let page = other.open(&jeton, &hinted).await;
    other
        .submit(&jeton, &page, &credentials(ALICE))
        .await
        .code();
}
