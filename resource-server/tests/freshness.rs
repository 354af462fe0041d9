use std::sync::{Arc, Mutex};
use std::time::Duration;

use jeton_resource_server::{BuildError, FetchError, Observer, Refusal, Verifier};
use serde_json::json;

use crate::support::issuer::{JWKS, METADATA, Reply};
use crate::support::{AUDIENCE, Issuer, claims, rsa, settle, verifier, verify};

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_requests_with_an_unknown_key_make_one_fetch() {
    let issuer = Issuer::start(&[rsa(0)]).await;
    let verifier = verifier(&issuer).await;
    assert_eq!(issuer.requests(JWKS), 1);
    issuer.publish(&[rsa(0), rsa(1)]);
    let token = rsa(1).token(&claims(&issuer.url));
    let unknown = rsa(2).token(&claims(&issuer.url));
    let requests: Vec<_> = (0..1000)
        .map(|number| {
            let verifier = verifier.clone();
            let token = if number % 2 == 0 {
                token.clone()
            } else {
                unknown.clone()
            };
            tokio::spawn(async move { verify(&verifier, &token).await })
        })
        .collect();
    let mut valid = 0;
    for request in requests {
        match request.await.unwrap() {
            Ok(_) => valid += 1,
            Err(refusal) => assert_eq!(refusal, Refusal::UnknownKey),
        }
    }
    assert_eq!(valid, 500);
    assert_eq!(issuer.requests(JWKS), 2);
    assert_eq!(issuer.requests(METADATA), 1);
}

#[tokio::test]
async fn during_the_cool_down_an_unknown_key_causes_no_fetch() {
    let issuer = Issuer::start(&[rsa(0)]).await;
    let with_cool_down =
        Verifier::builder(&issuer.url, AUDIENCE).cool_down(Duration::from_hours(1));
    let with_cool_down = with_cool_down.build().await.unwrap();
    let without_cool_down = Verifier::builder(&issuer.url, AUDIENCE).cool_down(Duration::ZERO);
    let without_cool_down = without_cool_down.build().await.unwrap();
    let before = issuer.requests(JWKS);
    let claims = claims(&issuer.url);
    for number in 0..5 {
        let mut header = rsa(2).header();
        header["kid"] = format!("unknown-{number}").into();
        let token = rsa(2).sign(&header, &claims);
        let refusal = verify(&with_cool_down, &token).await.unwrap_err();
        assert_eq!(refusal, Refusal::UnknownKey);
    }
    assert_eq!(issuer.requests(JWKS), before + 1);
    for _ in 0..5 {
        let refusal = verify(&without_cool_down, &rsa(2).token(&claims))
            .await
            .unwrap_err();
        assert_eq!(refusal, Refusal::UnknownKey);
    }
    assert_eq!(issuer.requests(JWKS), before + 6);
}

/// While the issuer is down, tokens are accepted. When it is back with a new key, the first request with
/// that key is served.
#[tokio::test]
async fn an_issuer_that_is_down_signs_no_user_out() {
    let mut issuer = Issuer::start(&[rsa(0)]).await;
    let verifier = Verifier::builder(&issuer.url, AUDIENCE).cool_down(Duration::ZERO);
    let verifier = verifier.build().await.unwrap();
    let old = rsa(0).token(&claims(&issuer.url));
    let new = rsa(1).token(&claims(&issuer.url));
    issuer.stop().await;
    verify(&verifier, &old).await.unwrap();
    // The key may be a new one: the client retries, and its user does not sign in again.
    let refusal = verify(&verifier, &new).await.unwrap_err();
    assert_eq!(refusal, Refusal::KeysUnavailable);
    let status = verifier.status();
    assert!(status.is_ready());
    let about = &status.issuers[0];
    assert!(about.last_error.is_some() && about.failing_for.is_some());
    verify(&verifier, &old).await.unwrap();
    issuer.publish(&[rsa(1)]);
    issuer.resume().await;
    verify(&verifier, &new).await.unwrap();
    let status = verifier.status();
    assert_eq!(status.issuers[0].last_error, None);
    // A key that the issuer no longer publishes is unknown.
    let refusal = verify(&verifier, &old).await.unwrap_err();
    assert_eq!(refusal, Refusal::UnknownKey);
}

#[tokio::test]
async fn an_invalid_jwk_set_does_not_replace_valid_keys() {
    let issuer = Issuer::start(&[rsa(0)]).await;
    let verifier = Verifier::builder(&issuer.url, AUDIENCE).cool_down(Duration::ZERO);
    let verifier = verifier.build().await.unwrap();
    let valid = rsa(0).token(&claims(&issuer.url));
    let unknown = rsa(2).token(&claims(&issuer.url));
    for reply in [
        Reply::json(&json!({ "keys": [] })),
        Reply::text("200 OK", "text/html", "<!doctype html>"),
        Reply::text("503 Service Unavailable", "text/plain", ""),
    ] {
        issuer.reply(JWKS, reply);
        let refusal = verify(&verifier, &unknown).await.unwrap_err();
        assert_eq!(refusal, Refusal::KeysUnavailable);
        verify(&verifier, &valid).await.unwrap();
    }
}

#[tokio::test]
async fn start_without_issuer_builds_while_the_issuer_is_down() {
    let mut issuer = Issuer::start(&[rsa(0)]).await;
    issuer.stop().await;
    let strict = Verifier::builder(&issuer.url, AUDIENCE).build().await;
    let error = strict.unwrap_err();
    let unreachable = matches!(error, BuildError::Fetch(FetchError::Unreachable(..)));
    assert!(unreachable, "{error}");
    let verifier = Verifier::builder(&issuer.url, AUDIENCE)
        .start_without_issuer(true)
        .cool_down(Duration::ZERO);
    let verifier = verifier.build().await.unwrap();
    let token = rsa(0).token(&claims(&issuer.url));
    let refusal = verify(&verifier, &token).await.unwrap_err();
    assert_eq!(refusal, Refusal::KeysUnavailable);
    assert!(!verifier.status().is_ready());
    issuer.resume().await;
    verify(&verifier, &token).await.unwrap();
    assert!(verifier.status().is_ready());
}

#[tokio::test]
async fn the_fetch_of_the_first_keys_starts_no_cool_down() {
    let mut issuer = Issuer::start(&[rsa(0)]).await;
    issuer.stop().await;
    let verifier = Verifier::builder(&issuer.url, AUDIENCE)
        .start_without_issuer(true)
        .cool_down(Duration::from_mins(30));
    let verifier = verifier.build().await.unwrap();
    while verifier.status().issuers[0].failures == 0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    issuer.resume().await;
    let claims = claims(&issuer.url);
    verify(&verifier, &rsa(0).token(&claims)).await.unwrap();
    issuer.publish(&[rsa(0), rsa(1)]);
    verify(&verifier, &rsa(1).token(&claims)).await.unwrap();
    let fetched = issuer.requests(JWKS);
    for number in 0..3 {
        let mut header = rsa(2).header();
        header["kid"] = format!("unknown-{number}").into();
        verify(&verifier, &rsa(2).sign(&header, &claims))
            .await
            .unwrap_err();
    }
    assert_eq!(issuer.requests(JWKS), fetched);
}

#[tokio::test]
async fn keys_are_not_used_after_the_maximum_outage() {
    let mut issuer = Issuer::start(&[rsa(0)]).await;
    let build = |longest| {
        Verifier::builder(&issuer.url, AUDIENCE)
            .cool_down(Duration::ZERO)
            .max_outage(longest)
            .build()
    };
    let strict = build(Duration::ZERO).await.unwrap();
    let token = rsa(0).token(&claims(&issuer.url));
    issuer.stop().await;
    verify(&strict, &token).await.unwrap();
    tokio::time::pause();
    // The default freshness is ten minutes.
    tokio::time::advance(Duration::from_secs(601)).await;
    tokio::time::resume();
    let refusal = verify(&strict, &token).await.unwrap_err();
    assert_eq!(refusal, Refusal::KeysUnavailable);
}

/// `Cache-Control: max-age`, `Age` and `ETag`, RFC 9111.
#[tokio::test]
async fn keys_are_fetched_by_etag_before_they_expire() {
    let issuer = Issuer::start(&[rsa(0)]).await;
    let keys = json!({ "keys": [rsa(0).jwk] });
    let reply = Reply::json(&keys)
        .header("ETag", "\"one\"")
        .header("Cache-Control", "public, max-age=400")
        .header("Age", "100");
    issuer.reply(JWKS, reply);
    let verifier = verifier(&issuer).await;
    assert_eq!(issuer.requests(JWKS), 1);
    tokio::time::pause();
    // The fetch is due after 72 to 80 % of 300 s: after 216 s to 240 s.
    tokio::time::advance(Duration::from_secs(210)).await;
    tokio::time::resume();
    settle(&verifier, 1).await;
    assert_eq!(issuer.requests(JWKS), 1);
    tokio::time::pause();
    tokio::time::advance(Duration::from_secs(35)).await;
    tokio::time::resume();
    settle(&verifier, 2).await;
    assert_eq!(issuer.requests(JWKS), 2);
    assert!(issuer.last_request().contains("if-none-match: \"one\""));
    let status = &verifier.status().issuers[0];
    assert!(status.fresh && status.failures == 0 && status.keys_age < Some(10));
    verify(&verifier, &rsa(0).token(&claims(&issuer.url)))
        .await
        .unwrap();
    assert_eq!(issuer.requests(METADATA), 1);
}

#[derive(Clone, Debug, Default)]
struct Recorder(Arc<Mutex<Vec<String>>>);

impl Observer for Recorder {
    fn verified(&self) {
        self.0.lock().unwrap().push("verified".to_owned());
    }

    fn refused(&self, refusal: Refusal) {
        self.0.lock().unwrap().push(refusal.reason().to_owned());
    }

    fn fetched(&self, outcome: Result<(), &FetchError>) {
        self.0
            .lock()
            .unwrap()
            .push(format!("fetched {}", outcome.is_ok()));
    }
}

#[tokio::test]
async fn observer_and_status_report_tokens_and_fetches() {
    let issuer = Issuer::start(&[rsa(0)]).await;
    let recorder = Recorder::default();
    let verifier = Verifier::builder(&issuer.url, AUDIENCE).observer(recorder.clone());
    let verifier = verifier.build().await.unwrap();
    let token = rsa(0).token(&claims(&issuer.url));
    verify(&verifier, &token).await.unwrap();
    verify(&verifier, "x").await.unwrap_err();
    let events = recorder.0.lock().unwrap().clone();
    assert_eq!(events, ["fetched true", "verified", "malformed"]);
    let status = serde_json::to_value(verifier.status()).unwrap();
    assert_eq!(status["verified"], 1);
    assert_eq!(status["refused"], json!({ "malformed": 1 }));
    assert_eq!(status["issuers"][0]["has_keys"], true);
}

#[tokio::test]
async fn the_task_ends_when_the_last_handle_is_dropped() {
    let issuer = Issuer::start(&[rsa(0)]).await;
    let before = tokio::runtime::Handle::current()
        .metrics()
        .num_alive_tasks();
    let verifier = verifier(&issuer).await;
    let copy = verifier.clone();
    drop(verifier);
    verify(&copy, &rsa(0).token(&claims(&issuer.url)))
        .await
        .unwrap();
    drop(copy);
    let metrics = tokio::runtime::Handle::current().metrics();
    while metrics.num_alive_tasks() > before {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}
