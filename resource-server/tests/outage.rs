use std::time::Duration;

use jeton_resource_server::{Refusal, Verifier};
use serde_json::json;

use crate::support::issuer::{JWKS, METADATA, Reply};
use crate::support::{AUDIENCE, Issuer, claims, claims_with, now, rsa, verifier, verify};

/// An issuer that does not respond is like one that is down: the key may be a new one, so the client gets
/// 503 and its user does not have to sign in again.
#[tokio::test]
async fn an_issuer_that_hangs_signs_no_user_out() {
    let issuer = Issuer::start(&[rsa(0)]).await;
    let builder = Verifier::builder(&issuer.url, AUDIENCE).cool_down(Duration::ZERO);
    let verifier = builder.fetch_timeout(Duration::from_millis(300));
    let verifier = verifier.build().await.unwrap();
    let keys = json!({ "keys": [rsa(0).jwk, rsa(1).jwk] });
    issuer.reply(JWKS, Reply::json(&keys).after(Duration::from_mins(1)));
    let new = rsa(1).token(&claims(&issuer.url));
    for _ in 0..3 {
        let refusal = verify(&verifier, &new).await.unwrap_err();
        assert_eq!(refusal, Refusal::KeysUnavailable);
    }
    verify(&verifier, &rsa(0).token(&claims(&issuer.url)))
        .await
        .unwrap();
}

/// An unknown key starts the cool-down, then the issuer rotates its key. Tokens signed by the new key were
/// issued after the last fetch, so clients get 503 and users do not have to sign in again.
#[tokio::test]
async fn a_new_key_during_the_cool_down_signs_no_user_out() {
    let issuer = Issuer::start(&[rsa(0)]).await;
    let with_cool_down =
        Verifier::builder(&issuer.url, AUDIENCE).cool_down(Duration::from_hours(1));
    let with_cool_down = with_cool_down.build().await.unwrap();
    let refusal = verify(&with_cool_down, &rsa(2).token(&claims(&issuer.url))).await;
    assert_eq!(refusal.unwrap_err(), Refusal::UnknownKey);
    issuer.publish(&[rsa(0), rsa(1)]);
    let new = rsa(1).token(&claims_with(&issuer.url, "iat", json!(now() + 1)));
    let refusal = verify(&with_cool_down, &new).await.unwrap_err();
    assert_eq!(refusal, Refusal::KeysUnavailable);
    // A token issued before the last fetch, or without a valid `iat`, is refused.
    for iat in [json!(now() - 60), json!("soon"), json!(null)] {
        let unknown = rsa(2).token(&claims_with(&issuer.url, "iat", iat));
        let refusal = verify(&with_cool_down, &unknown).await.unwrap_err();
        assert_eq!(refusal, Refusal::UnknownKey);
    }
    assert_eq!(issuer.requests(JWKS), 2);
}

/// The keys were fetched after the token arrived: the key does not exist, whatever `iat` the token has.
#[tokio::test]
async fn a_key_that_is_missing_after_a_fetch_is_unknown() {
    let issuer = Issuer::start(&[rsa(0)]).await;
    let builder = Verifier::builder(&issuer.url, AUDIENCE).cool_down(Duration::ZERO);
    let verifier = builder.build().await.unwrap();
    for ahead in [0, 20, 86_400] {
        let unknown = rsa(2).token(&claims_with(&issuer.url, "iat", json!(now() + ahead)));
        let refusal = verify(&verifier, &unknown).await.unwrap_err();
        assert_eq!(refusal, Refusal::UnknownKey);
    }
}

#[tokio::test]
async fn the_first_request_after_the_maximum_outage_waits_for_the_keys() {
    let mut issuer = Issuer::start(&[rsa(0)]).await;
    let strict = Verifier::builder(&issuer.url, AUDIENCE)
        .cool_down(Duration::ZERO)
        .max_outage(Duration::ZERO);
    let strict = strict.build().await.unwrap();
    let token = rsa(0).token(&claims(&issuer.url));
    assert!(strict.status().is_ready());
    issuer.stop().await;
    tokio::time::pause();
    tokio::time::advance(Duration::from_secs(601)).await;
    tokio::time::resume();
    let refusal = verify(&strict, &token).await.unwrap_err();
    assert_eq!(refusal, Refusal::KeysUnavailable);
    // Every request gets 503, so the readiness probe must fail.
    assert!(!strict.status().is_ready());
    issuer.resume().await;
    verify(&strict, &token).await.unwrap();
    assert!(strict.status().is_ready());
}

#[tokio::test]
async fn the_maximum_outage_starts_at_the_end_of_freshness() {
    let mut issuer = Issuer::start(&[rsa(0)]).await;
    let builder = Verifier::builder(&issuer.url, AUDIENCE);
    let verifier = builder.max_outage(Duration::from_hours(1));
    let verifier = verifier.build().await.unwrap();
    let token = rsa(0).token(&claims(&issuer.url));
    issuer.stop().await;
    for (minutes, valid) in [(11, true), (58, true), (2, false)] {
        tokio::time::pause();
        tokio::time::advance(Duration::from_mins(minutes)).await;
        tokio::time::resume();
        let outcome = verify(&verifier, &token).await;
        assert_eq!(outcome.is_ok(), valid, "{minutes}: {outcome:?}");
        assert_eq!(verifier.status().is_ready(), valid);
    }
}

#[tokio::test]
async fn maximum_durations_do_not_overflow() {
    let issuer = Issuer::start(&[rsa(0)]).await;
    let verifier = Verifier::builder(&issuer.url, AUDIENCE)
        .cool_down(Duration::MAX)
        .fetch_timeout(Duration::MAX)
        .max_outage(Duration::MAX);
    let verifier = verifier.build().await.unwrap();
    verify(&verifier, &rsa(0).token(&claims(&issuer.url)))
        .await
        .unwrap();
    for _ in 0..2 {
        let refusal = verify(&verifier, &rsa(2).token(&claims(&issuer.url)))
            .await
            .unwrap_err();
        assert_eq!(refusal, Refusal::UnknownKey);
    }
    assert_eq!(issuer.requests(JWKS), 2);
}

/// The runtime of the fetching task may end before the verifier. Keys are not fetched any more.
#[test]
fn a_verifier_without_its_runtime_signs_no_user_out() {
    let runtime = || tokio::runtime::Runtime::new().unwrap();
    let serving = runtime();
    let issuer = serving.block_on(Issuer::start(&[rsa(0)]));
    let verifier = runtime().block_on(verifier(&issuer));
    serving.block_on(async {
        let known = rsa(0).token(&claims(&issuer.url));
        verify(&verifier, &known).await.unwrap();
        issuer.publish(&[rsa(0), rsa(1)]);
        let new = rsa(1).token(&claims(&issuer.url));
        for _ in 0..2 {
            let refusal = verify(&verifier, &new).await.unwrap_err();
            assert_eq!(refusal, Refusal::KeysUnavailable);
        }
    });
}

/// The issuer changed its `jwks_uri`. The `ETag` of the old URL is not sent to the new one.
#[tokio::test]
async fn a_changed_jwks_uri_is_found_by_the_metadata() {
    let issuer = Issuer::start(&[]).await;
    let keys = |signer: &crate::support::Signer| {
        Reply::json(&json!({ "keys": [signer.jwk] })).header("ETag", "\"one\"")
    };
    issuer.reply(JWKS, keys(rsa(0)));
    let verifier = Verifier::builder(&issuer.url, AUDIENCE).cool_down(Duration::ZERO);
    let verifier = verifier.build().await.unwrap();
    let moved = format!("{}/moved", issuer.url);
    issuer.reply(
        METADATA,
        Reply::json(&json!({ "issuer": issuer.url, "jwks_uri": moved })),
    );
    issuer.forget(JWKS);
    issuer.reply("/moved", keys(rsa(1)));
    let token = rsa(1).token(&claims(&issuer.url));
    // The old URL responds with 404, so the next fetch starts with the metadata.
    let refusal = verify(&verifier, &token).await.unwrap_err();
    assert_eq!(refusal, Refusal::KeysUnavailable);
    verify(&verifier, &token).await.unwrap();
    let status = verifier.status();
    assert_eq!(status.issuers[0].jwks_uri.as_deref(), Some(moved.as_str()));
}

#[tokio::test]
async fn a_password_in_a_url_is_neither_logged_nor_reported() {
    let mut issuer = Issuer::start(&[rsa(0)]).await;
    let url = issuer.url.clone();
    let with_password = url.replace("http://", "http://reader:hunter2@");
    let build = || {
        Verifier::builder(&url, AUDIENCE)
            .jwks_uri(format!("{with_password}{JWKS}"))
            .cool_down(Duration::ZERO)
    };
    let leaks = |text: &str| text.contains("hunter2") || text.contains("reader");
    assert!(!leaks(&format!("{:?}", build())));
    let verifier = build().build().await.unwrap();
    assert!(issuer.last_request().contains("authorization: basic"));
    issuer.stop().await;
    let error = build().build().await.unwrap_err();
    assert!(!leaks(&format!("{error} {error:?}")), "{error}");
    let unknown = rsa(2).token(&claims(&url));
    verify(&verifier, &unknown).await.unwrap_err();
    let status = serde_json::to_string(&verifier.status()).unwrap();
    assert!(!leaks(&status), "{status}");
}
