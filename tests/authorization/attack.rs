//! Attacks on the page, the consent and the code.

use std::time::Duration;

use jeton::store::session::Ending;
use jeton::store::{consent, session};
use serde_json::json;

use crate::support::browser::{Browser, CALLBACK, credentials, request};
use crate::support::{ALICE, Jeton, form};

const HOUR: Duration = Duration::from_hours(1);

/// Adds a client that asks for consent.
async fn add_third_party(jeton: &Jeton, id: &str) {
    jeton.add_app(id, |client| client.consent = None).await;
}

/// row 31, row 78: a browser session may be older than the longest session of a client. A session that has ended when
/// it begins would be swept at once, and the code could be redeemed again.
#[tokio::test]
async fn a_user_signs_in_again_for_a_client_with_shorter_sessions() {
    let jeton = Jeton::with_app().await;
    jeton
        .add_app("short", |client| {
            client.session_lifetime = Some(2 * 3_600_000_000);
        })
        .await;
    let browser = Browser::default();
    browser.sign_in(&jeton, &request(&[])).await.code();
    jeton.advance(Duration::from_secs(2 * 3600 - 30));
    let query = request(&[("client_id", "short")]);
    let code = browser.open(&jeton, &query).await.code();
    jeton.advance(Duration::from_secs(30));
    let silent = request(&[("client_id", "short"), ("prompt", "none")]);
    let answer = browser.open(&jeton, &silent).await;
    answer.assert_redirect_error("login_required");
    let answer = jeton.redeem_with(&code, &[("client_id", "short")]).await;
    answer.assert_error(400, "invalid_grant");
    let code = browser.sign_in(&jeton, &query).await.code();
    let answer = jeton.redeem_with(&code, &[("client_id", "short")]).await;
    assert!(answer.tokens().expires_in > 0);
    // The other client's sessions are longer.
    browser.open(&jeton, &request(&[])).await.code();
}

/// row 108: the user allows what the page has shown, not what the client is registered for by now.
#[tokio::test]
async fn a_consent_is_for_the_scope_that_the_page_showed() {
    let jeton = Jeton::with_app().await;
    add_third_party(&jeton, "other").await;
    jeton
        .change_client("other", json!({ "scope": "read" }))
        .await;
    let browser = Browser::default();
    let query = request(&[("client_id", "other")]);
    let page = browser.sign_in(&jeton, &query).await;
    page.assert_page(200, "read");
    let more = json!({ "scope": "read write" });
    jeton.change_client("other", more).await;
    let again = browser.submit(&jeton, &page, &[("action", "allow")]).await;
    again.assert_page(403, "write");
    let answer = browser.submit(&jeton, &again, &[("action", "allow")]).await;
    let code = answer.code();
    let tokens = jeton.redeem_with(&code, &[("client_id", "other")]);
    assert_eq!(tokens.await.tokens().scope, "read write");
}

/// row 89: `consent` and `select_account` together end at the client.
#[tokio::test]
async fn a_user_chooses_an_account_and_consents_again() {
    let jeton = Jeton::with_app().await;
    add_third_party(&jeton, "other").await;
    let browser = Browser::default();
    browser.sign_in(&jeton, &request(&[])).await.code();
    let query = request(&[("client_id", "other"), ("prompt", "select_account consent")]);
    let page = browser.open(&jeton, &query).await;
    page.assert_page(200, "Continue as");
    let page = browser
        .submit(&jeton, &page, &[("action", "continue")])
        .await;
    page.assert_page(200, "Allow");
    let answer = browser.submit(&jeton, &page, &[("action", "allow")]).await;
    answer.code();
}

/// row 55: a body that no browser sends gets a page. A line break or a `#` would change the redirect.
#[tokio::test]
async fn a_form_with_raw_bytes_gets_a_page() {
    let jeton = Jeton::with_app().await;
    for body in [
        "client_id=app&state=\u{e9}",
        "client_id=app\r\nx: y",
        "client_id=app#&state=1",
        "client_id=a pp",
    ] {
        let answer = jeton.send(form("/authorize").body(body)).await;
        answer.assert_page(400, "malformed");
    }
}

/// row 89, row 90: a consent page can stay open for a week. The sign-in before it is not new any more.
#[tokio::test]
async fn a_page_that_was_open_for_hours_does_not_replace_a_new_sign_in() {
    let jeton = Jeton::with_app().await;
    add_third_party(&jeton, "other").await;
    for more in [("prompt", "login"), ("max_age", "60")] {
        let browser = Browser::default();
        let query = request(&[("client_id", "other"), ("scope", more.0), more]);
        let query = query.replace("scope=prompt", "scope=read");
        let query = query.replace("scope=max%5Fage", "scope=write");
        let page = browser.sign_in(&jeton, &query).await;
        page.assert_page(200, "Allow");
        jeton.advance(HOUR * 2);
        let page = browser.submit(&jeton, &page, &[("action", "allow")]).await;
        page.assert_page(200, "password");
        let answer = browser.submit(&jeton, &page, &credentials(ALICE)).await;
        answer.code();
    }
}

/// row 85: the username is part of `profile`. A client without it must not read it from the page.
#[tokio::test]
async fn a_hint_shows_the_username_only_to_clients_that_may_know_it() {
    let jeton = Jeton::with_app().await;
    let browser = Browser::default();
    for (scope, is_shown) in [("openid", false), ("openid profile", true)] {
        let query = request(&[("scope", scope), ("prompt", "login")]);
        let code = browser.sign_in(&jeton, &query).await.code();
        let answer = jeton.redeem(&code).await;
        let id_token = answer.json()["id_token"].as_str().unwrap().to_owned();
        let query = request(&[("id_token_hint", &id_token)]);
        let page = Browser::default().open(&jeton, &query).await;
        page.assert_page(200, "password");
        let shown = page.body.contains("value=\"alice\"");
        assert_eq!(shown, is_shown, "{scope}");
    }
}

/// row 78: the browser has signed out, but the session with `offline_access` lives on, and somebody else has the code.
#[tokio::test]
async fn a_replayed_code_ends_a_session_that_outlives_the_sign_out() {
    let jeton = Jeton::with_app().await;
    let query = request(&[("scope", "openid offline_access")]);
    let code = Browser::default().sign_in(&jeton, &query).await.code();
    let tokens = jeton.redeem(&code).await.tokens();
    let browser_session = jeton.session(&tokens).await.browser_session_id.unwrap();
    let (store, cause) = (&jeton.server.store, jeton.cause());
    let signed_out = session::revoke(store, browser_session, Ending::SignOut, &cause).await;
    assert!(signed_out.unwrap());
    assert_eq!(jeton.session(&tokens).await.revoked_at, None);
    jeton.advance(Duration::from_secs(30));
    jeton.redeem(&code).await.assert_error(400, "invalid_grant");
    let session = jeton.session(&tokens).await;
    assert_eq!(session.revocation_reason, Some(Ending::CodeReplay));
}

/// row 108: a code yields no more than the user allows when it is redeemed.
#[tokio::test]
async fn a_code_of_a_withdrawn_consent_is_refused_after_a_smaller_one() {
    let jeton = Jeton::with_app().await;
    add_third_party(&jeton, "other").await;
    let browser = Browser::default();
    let query = |scope| request(&[("client_id", "other"), ("scope", scope)]);
    let page = browser.sign_in(&jeton, &query("read write")).await;
    let answer = browser.submit(&jeton, &page, &[("action", "allow")]).await;
    let code = answer.code();
    let user = jeton.sign_in().await.user();
    let (store, cause) = (&jeton.server.store, jeton.cause());
    let withdrawn = consent::withdraw(store, user, "other", &cause).await;
    assert_eq!(withdrawn.unwrap(), Some(0));
    let page = browser.open(&jeton, &query("read")).await;
    let answer = browser.submit(&jeton, &page, &[("action", "allow")]).await;
    let refused = jeton.redeem_with(&code, &[("client_id", "other")]).await;
    refused.assert_error(400, "invalid_grant");
    let code = answer.code();
    let tokens = jeton.redeem_with(&code, &[("client_id", "other")]);
    assert_eq!(tokens.await.tokens().scope, "read");
}

/// row 57: the redirect URI decides, not what follows it.
#[tokio::test]
async fn tricks_in_the_redirect_uri_get_a_page() {
    let jeton = Jeton::with_app().await;
    jeton
        .add_app("native", |client| {
            client.redirect_uris = "http://127.0.0.1/callback".to_owned();
        })
        .await;
    let browser = Browser::default();
    for (client, uri) in [
        ("app", format!("{CALLBACK}#x")),
        ("app", format!("{CALLBACK}?x=1")),
        ("app", format!("{CALLBACK}\r\nset-cookie: x=1")),
        (
            "app",
            "https://app.example@evil.example/callback".to_owned(),
        ),
        (
            "app",
            "https://app.example\\@evil.example/callback".to_owned(),
        ),
        (
            "native",
            "http://127.0.0.1:80@evil.example/callback".to_owned(),
        ),
        (
            "native",
            "http://127.0.0.1:8080\\@evil.example/callback".to_owned(),
        ),
        (
            "native",
            "http://127.0.0.1.evil.example/callback".to_owned(),
        ),
        ("native", "http://127.0.0.1:08080/callback".to_owned()),
        ("native", "https://127.0.0.1/callback".to_owned()),
    ] {
        let query = request(&[("client_id", client), ("redirect_uri", &uri)]);
        browser
            .open(&jeton, &query)
            .await
            .assert_page(400, "not registered");
    }
}
