use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jeton_resource_server::{BuildError, FetchError, Refusal, RevocationFeed, Status, Verifier};
use serde_json::{Value, json};

use crate::support::issuer::{JWKS, METADATA, Reply};
use crate::support::{AUDIENCE, Issuer, claims, claims_with, now, rsa, verify};

const PATH: &str = "/revoked-sessions";
const SESSION: &str = "0195e7b6-8f3c-7bbb-9c57-000000000001";

/// An issuer with a revocation feed.
async fn start(host: Option<&str>) -> Issuer {
    let issuer = Issuer::start(&[rsa(0)]).await;
    let url = &issuer.url;
    issuer.reply(
        METADATA,
        Reply::json(&json!({
            "issuer": url,
            "jwks_uri": format!("{url}{JWKS}"),
            "revoked_sessions_endpoint": format!("{}{PATH}", host.unwrap_or(url)),
        })),
    );
    issuer
}

fn publish_revoked(issuer: &Issuer, sessions: &[(&str, i64)], next: &str) {
    let sessions: Vec<Value> = sessions
        .iter()
        .map(|(sid, until)| json!({ "sid": sid, "revoked_at": 0, "until": until }))
        .collect();
    let body = json!({ "sessions": sessions, "next": next, "more": false });
    issuer.reply(PATH, Reply::json(&body).header("ETag", "\"one\""));
}

async fn subscribe(issuer: &Issuer) -> Verifier {
    let feed = RevocationFeed::new("api", "s3cret/+").interval(Duration::from_millis(10));
    let builder = Verifier::builder(&issuer.url, AUDIENCE).revocation_feed(feed);
    builder.build().await.unwrap()
}

/// Waits until the status meets a condition.
async fn until(verifier: &Verifier, condition: impl Fn(&Status) -> bool) {
    while !condition(&verifier.status()) {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

fn known(status: &Status) -> usize {
    status.issuers[0].revocations.as_ref().unwrap().sessions
}

fn is_failing(status: &Status) -> bool {
    let revocations = status.issuers[0].revocations.as_ref();
    revocations.unwrap().failing_for.is_some()
}

#[tokio::test]
async fn a_token_of_a_revoked_session_is_refused_before_it_expires() {
    let issuer = start(None).await;
    publish_revoked(&issuer, &[], "1.0");
    let verifier = subscribe(&issuer).await;
    let token = rsa(0).token(&claims(&issuer.url));
    let other = rsa(0).token(&claims_with(&issuer.url, "sid", json!("other")));
    let none = rsa(0).token(&claims_with(&issuer.url, "sid", Value::Null));
    verify(&verifier, &token).await.unwrap();
    publish_revoked(&issuer, &[(SESSION, now() + 900)], "2.0");
    until(&verifier, |status| known(status) == 1).await;
    let refusal = verify(&verifier, &token).await.unwrap_err();
    assert_eq!(refusal, Refusal::SessionRevoked);
    assert_eq!(
        (refusal.status().as_u16(), refusal.error()),
        (401, Some("invalid_token"))
    );
    verify(&verifier, &other).await.unwrap();
    verify(&verifier, &none).await.unwrap();
    // RFC 6749 §2.3.1: id and secret are encoded before they are joined.
    while !issuer.last_request().contains("since=2.0") {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let basic = STANDARD.encode("api:s3cret%2F%2B").to_ascii_lowercase();
    let request = issuer.last_request();
    assert!(
        request.contains(&format!("authorization: basic {basic}")),
        "{request}"
    );
}

/// Other tokens are accepted; sessions already known as revoked stay revoked.
#[tokio::test]
async fn an_unreachable_feed_revokes_nothing_and_is_reported() {
    let mut issuer = start(None).await;
    publish_revoked(&issuer, &[("ended", now() + 900)], "1.0");
    let verifier = subscribe(&issuer).await;
    let token = rsa(0).token(&claims(&issuer.url));
    let ended = rsa(0).token(&claims_with(&issuer.url, "sid", json!("ended")));
    issuer.stop().await;
    until(&verifier, is_failing).await;
    verify(&verifier, &token).await.unwrap();
    let refusal = verify(&verifier, &ended).await.unwrap_err();
    assert_eq!(refusal, Refusal::SessionRevoked);
    assert!(verifier.status().is_ready());
    publish_revoked(&issuer, &[(SESSION, now() + 900)], "2.0");
    issuer.resume().await;
    until(&verifier, |status| {
        !is_failing(status) && known(status) == 2
    })
    .await;
    let refusal = verify(&verifier, &token).await.unwrap_err();
    assert_eq!(refusal, Refusal::SessionRevoked);
}

#[tokio::test]
async fn an_invalid_feed_revokes_nothing_and_is_reported() {
    let issuer = start(None).await;
    for reply in [
        Reply::text("200 OK", "text/html", "<!doctype html>"),
        Reply::json(&json!({ "sessions": "all" })),
        Reply::text("401 Unauthorized", "application/json", "{}"),
        Reply::text("200 OK", "application/json", &" ".repeat(5 << 20)),
    ] {
        issuer.reply(PATH, reply);
        let verifier = subscribe(&issuer).await;
        let status = verifier.status();
        assert!(is_failing(&status), "{status:?}");
        verify(&verifier, &rsa(0).token(&claims(&issuer.url)))
            .await
            .unwrap();
    }
}

#[tokio::test]
async fn all_pages_are_read_and_expired_sessions_are_removed() {
    let issuer = start(None).await;
    let page = |sid: &str, until: i64| {
        let sessions = [json!({ "sid": sid, "until": until })];
        Reply::json(&json!({ "sessions": sessions, "next": "1.0", "more": true }))
    };
    issuer.reply(PATH, page("first", now() - 1));
    // The first page has `more`, so the next is fetched without a pause.
    let feed = RevocationFeed::new("api", "s").interval(Duration::from_hours(1));
    let builder = Verifier::builder(&issuer.url, AUDIENCE).revocation_feed(feed);
    let building = tokio::spawn(builder.build());
    while issuer.requests_beginning(PATH) < 3 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    publish_revoked(&issuer, &[("last", now() + 900)], "2.0");
    let verifier = building.await.unwrap().unwrap();
    until(&verifier, |status| known(status) == 1).await;
    let last = rsa(0).token(&claims_with(&issuer.url, "sid", json!("last")));
    assert_eq!(
        verify(&verifier, &last).await.unwrap_err(),
        Refusal::SessionRevoked
    );
}

/// RFC 9110 §13.1.2.
#[tokio::test]
async fn a_page_without_changes_is_fetched_by_its_etag() {
    let issuer = start(None).await;
    publish_revoked(&issuer, &[], "1.0");
    let verifier = subscribe(&issuer).await;
    while !issuer.last_request().contains("if-none-match: \"one\"") {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    publish_revoked(&issuer, &[(SESSION, now() + 900)], "1.0");
    issuer.forget_etag(PATH);
    until(&verifier, |status| known(status) == 1).await;
}

#[tokio::test]
async fn the_secret_is_neither_sent_to_another_origin_nor_logged() {
    let elsewhere = Issuer::start(&[rsa(0)]).await;
    let issuer = start(Some(&elsewhere.url)).await;
    let verifier = subscribe(&issuer).await;
    let status = verifier.status();
    assert!(is_failing(&status));
    assert_eq!(elsewhere.requests_beginning(PATH), 0);
    assert!(!format!("{verifier:?}").contains("s3cret"));
    let feed = RevocationFeed::new("api", "s3cret");
    assert!(!format!("{feed:?}").contains("czNjcmV0"), "{feed:?}");
    assert!(!format!("{feed:?}").contains("s3cret"), "{feed:?}");
}

#[tokio::test]
async fn a_feed_requires_the_metadata() {
    let builder = Verifier::builder("https://issuer.test", AUDIENCE)
        .fixed_jwks(json!({ "keys": [rsa(0).jwk] }).to_string())
        .revocation_feed(RevocationFeed::new("api", "s"));
    assert_eq!(
        builder.build().await.unwrap_err(),
        BuildError::FeedWithoutMetadata
    );
    let issuer = Issuer::start(&[rsa(0)]).await;
    let verifier = subscribe(&issuer).await;
    let status = verifier.status();
    let error = status.issuers[0]
        .revocations
        .as_ref()
        .unwrap()
        .last_error
        .clone();
    assert_eq!(error, Some(FetchError::NoRevocationFeed.to_string()));
}
