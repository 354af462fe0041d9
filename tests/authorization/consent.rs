//! Consent, and the choice to continue.

use jeton::audit::Action;

use crate::support::browser::{Browser, CALLBACK, request};
use crate::support::{Answer, Jeton, SECRET};

async fn start() -> Jeton {
    let jeton = Jeton::start().await;
    jeton.add_app("app", |client| client.consent = None).await;
    jeton
}

async fn press(jeton: &Jeton, browser: &Browser, page: &Answer, action: &str) -> Answer {
    browser.submit(jeton, page, &[("action", action)]).await
}

#[track_caller]
fn assert_asked(page: &Answer) {
    page.assert_page(200, "value=\"allow\"");
}

/// row 108: "consented to once per user and scope [...]; more scope asks again".
#[tokio::test]
async fn consent_is_asked_once_per_scope() {
    let jeton = start().await;
    let browser = Browser::default();
    let read = request(&[("scope", "read")]);
    let both = request(&[("scope", "read write")]);
    let page = browser.sign_in(&jeton, &read).await;
    assert_asked(&page);
    press(&jeton, &browser, &page, "allow").await.code();
    browser.open(&jeton, &read).await.code();
    let page = browser.open(&jeton, &both).await;
    assert_asked(&page);
    press(&jeton, &browser, &page, "allow").await.code();
    for query in [&read, &both] {
        browser.open(&jeton, query).await.code();
    }
    // row 89
    let again = request(&[("scope", "read"), ("prompt", "consent")]);
    let page = browser.open(&jeton, &again).await;
    assert_asked(&page);
    press(&jeton, &browser, &page, "allow").await.code();
    let events = jeton.audit_events(Action::ConsentGiven).await;
    assert_eq!(events.len(), 3, "{events:?}");
}

/// row 110: "the resource owner or authorization server denied the request", RFC 6749 §4.1.2.1. row 101: the form of the
/// sign-in page does not consent.
#[tokio::test]
async fn a_user_denies() {
    let jeton = start().await;
    let browser = Browser::default();
    let sign_in_page = browser.open(&jeton, &request(&[])).await;
    let answer = press(&jeton, &browser, &sign_in_page, "cancel").await;
    answer.assert_redirect_error("access_denied");
    let page = browser.sign_in(&jeton, &request(&[])).await;
    let answer = press(&jeton, &browser, &page, "deny").await;
    answer.assert_redirect_error("access_denied");
    let answer = press(&jeton, &browser, &sign_in_page, "allow").await;
    answer.assert_page(403, "value=\"allow\"");
    assert_asked(&browser.open(&jeton, &request(&[])).await);
}

/// row 108, row 109: first-party clients, and those registered with consent `skip`, ask for none.
#[tokio::test]
async fn first_party_clients_skip_consent() {
    let jeton = start().await;
    jeton
        .add_app("own", |client| {
            client.first_party = true;
            client.consent = None;
        })
        .await;
    jeton.add_app("internal", |_| {}).await;
    let browser = Browser::default();
    assert_asked(&browser.sign_in(&jeton, &request(&[])).await);
    for client in ["own", "internal"] {
        let query = request(&[("client_id", client)]);
        browser.open(&jeton, &query).await.code();
    }
}

/// row 109: "a public client with a loopback or private-use redirect URI shows "Continue as alice?" each time, because any
/// local program can listen there".
#[tokio::test]
async fn a_native_public_client_asks_each_time() {
    let jeton = start().await;
    let native = "http://127.0.0.1/cb com.example.app:/cb";
    let uris = format!("{native} {CALLBACK}");
    for (id, secret) in [("native", None), ("local", Some(SECRET))] {
        jeton
            .add_client(id, secret, |client| {
                client.grant_types = "authorization_code refresh_token".to_owned();
                client.redirect_uris.clone_from(&uris);
                client.first_party = true;
            })
            .await;
    }
    let browser = Browser::default();
    browser.sign_in(&jeton, &request(&[])).await;
    for uri in ["http://127.0.0.1:5123/cb", "com.example.app:/cb"] {
        let query = request(&[("client_id", "native"), ("redirect_uri", uri)]);
        for _ in 0..2 {
            let page = browser.open(&jeton, &query).await;
            page.assert_page(200, "value=\"continue\"");
            assert!(page.body.contains("alice"), "{}", page.body);
            let answer = press(&jeton, &browser, &page, "continue").await;
            assert!(answer.header("location").unwrap().starts_with(uri));
            answer.code();
        }
        // row 88
        let query = format!("{query}&prompt=none");
        let answer = browser.open(&jeton, &query).await;
        answer.assert_redirect_error("interaction_required");
        // The secret assures the identity of a confidential client.
        let query = request(&[("client_id", "local"), ("redirect_uri", uri)]);
        browser.open(&jeton, &query).await.code();
    }
    let query = request(&[("client_id", "native")]);
    browser.open(&jeton, &query).await.code();
}

/// row 111: "`account` and `admin` are never granted to others' clients, regardless of consent".
#[tokio::test]
async fn the_own_scopes_are_not_granted_to_a_third_party() {
    let jeton = start().await;
    for (id, consent) in [("other", None), ("internal", Some("skip".to_owned()))] {
        jeton
            .add_app(id, |client| {
                client.scope = "account admin read".to_owned();
                client.consent = consent;
            })
            .await;
        let browser = Browser::default();
        for scope in ["account", "admin", "read account"] {
            let query = request(&[("client_id", id), ("scope", scope)]);
            let answer = browser.open(&jeton, &query).await;
            answer.assert_redirect_error("invalid_scope");
        }
    }
}
