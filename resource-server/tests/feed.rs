use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jeton_resource_server::{BuildError, FetchError, Refusal, RevocationFeed, Status, Verifier};
use serde_json::{Value, json};

use crate::support::issuer::{JWKS, METADATA, Reply};
use crate::support::{AUDIENCE, Issuer, claims, claims_with, now, rsa, verify};

const PATH: &str = "/revoked-sessions";
const SESSION: &str = "0195e7b6-8f3c-7bbb-9c57-000000000001";

/// An issuer whose metadata names the feed.
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

fn tell(issuer: &Issuer, sessions: &[(&str, i64)], next: &str) {
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

/// Waits until the status is as it should be.
async fn until(verifier: &Verifier, is_so: impl Fn(&Status) -> bool) {
    while !is_so(&verifier.status()) {
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
async fn a_token_of_an_ended_session_is_refused_before_it_expires() {
    let issuer = start(None).await;
    tell(&issuer, &[], "1.0");
    let verifier = subscribe(&issuer).await;
    let token = rsa(0).token(&claims(&issuer.url));
    let other = rsa(0).token(&claims_with(&issuer.url, "sid", json!("other")));
    let none = rsa(0).token(&claims_with(&issuer.url, "sid", Value::Null));
    verify(&verifier, &token).await.unwrap();
    tell(&issuer, &[(SESSION, now() + 900)], "2.0");
    until(&verifier, |status| known(status) == 1).await;
    let refusal = verify(&verifier, &token).await.unwrap_err();
    assert_eq!(refusal, Refusal::SessionEnded);
    assert_eq!(
        (refusal.status().as_u16(), refusal.error()),
        (401, Some("invalid_token"))
    );
    verify(&verifier, &other).await.unwrap();
    verify(&verifier, &none).await.unwrap();
    // RFC 6749 §2.3.1: the secret is encoded before it is put together with the id.
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

/// It goes on by tokens alone and says so; what it knew already still counts.
#[tokio::test]
async fn a_feed_that_is_away_ends_nothing_and_is_told() {
    let mut issuer = start(None).await;
    tell(&issuer, &[("ended", now() + 900)], "1.0");
    let verifier = subscribe(&issuer).await;
    let token = rsa(0).token(&claims(&issuer.url));
    let ended = rsa(0).token(&claims_with(&issuer.url, "sid", json!("ended")));
    issuer.stop().await;
    until(&verifier, is_failing).await;
    verify(&verifier, &token).await.unwrap();
    let refusal = verify(&verifier, &ended).await.unwrap_err();
    assert_eq!(refusal, Refusal::SessionEnded);
    assert!(verifier.status().is_ready());
    tell(&issuer, &[(SESSION, now() + 900)], "2.0");
    issuer.resume().await;
    until(&verifier, |status| {
        !is_failing(status) && known(status) == 2
    })
    .await;
    let refusal = verify(&verifier, &token).await.unwrap_err();
    assert_eq!(refusal, Refusal::SessionEnded);
}

#[tokio::test]
async fn a_feed_that_makes_no_sense_ends_nothing_and_is_told() {
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

/// Page after page; and what is past is forgotten.
#[tokio::test]
async fn all_pages_are_read_and_what_is_past_is_forgotten() {
    let issuer = start(None).await;
    let page = |sid: &str, until: i64| {
        let sessions = [json!({ "sid": sid, "until": until })];
        Reply::json(&json!({ "sessions": sessions, "next": "1.0", "more": true }))
    };
    issuer.reply(PATH, page("first", now() - 1));
    // The first answer says that there is more: nothing is waited for.
    let feed = RevocationFeed::new("api", "s").interval(Duration::from_hours(1));
    let builder = Verifier::builder(&issuer.url, AUDIENCE).revocation_feed(feed);
    let building = tokio::spawn(builder.build());
    while issuer.requests_beginning(PATH) < 3 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    tell(&issuer, &[("last", now() + 900)], "2.0");
    let verifier = building.await.unwrap().unwrap();
    until(&verifier, |status| known(status) == 1).await;
    let last = rsa(0).token(&claims_with(&issuer.url, "sid", json!("last")));
    assert_eq!(
        verify(&verifier, &last).await.unwrap_err(),
        Refusal::SessionEnded
    );
}

/// RFC 9110 §13.1.2: the same question with the `ETag` of its last answer.
#[tokio::test]
async fn nothing_new_is_asked_for_by_its_etag() {
    let issuer = start(None).await;
    tell(&issuer, &[], "1.0");
    let verifier = subscribe(&issuer).await;
    while !issuer.last_request().contains("if-none-match: \"one\"") {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    tell(&issuer, &[(SESSION, now() + 900)], "1.0");
    issuer.forget_etag(PATH);
    until(&verifier, |status| known(status) == 1).await;
}

/// The secret is told to the issuer's own host alone, and to no log.
#[tokio::test]
async fn the_secret_goes_nowhere_else() {
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
async fn a_feed_needs_the_metadata() {
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
    let told = status.issuers[0]
        .revocations
        .as_ref()
        .unwrap()
        .last_error
        .clone();
    assert_eq!(told, Some(FetchError::NoRevocationFeed.to_string()));
}
