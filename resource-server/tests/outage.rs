use std::time::Duration;

use jeton_resource_server::{Refusal, Verifier};
use serde_json::json;

use crate::support::issuer::{JWKS, METADATA, Reply};
use crate::support::{AUDIENCE, Issuer, claims, claims_with, now, rsa, verifier, verify};

/// An issuer that takes a request and does not answer is as good as one that is down: whether the key is
/// a new one nobody knows, so nobody is told to sign in again.
#[tokio::test]
async fn an_issuer_that_hangs_signs_nobody_out() {
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

/// A stranger's token began the cool-down, and then the issuer took a new key: its tokens are younger
/// than what is known of its keys, so the client comes back and does not sign in again.
#[tokio::test]
async fn a_new_key_within_the_cool_down_signs_nobody_out() {
    let issuer = Issuer::start(&[rsa(0)]).await;
    let patient = Verifier::builder(&issuer.url, AUDIENCE).cool_down(Duration::from_hours(1));
    let patient = patient.build().await.unwrap();
    let refusal = verify(&patient, &rsa(2).token(&claims(&issuer.url))).await;
    assert_eq!(refusal.unwrap_err(), Refusal::UnknownKey);
    issuer.publish(&[rsa(0), rsa(1)]);
    let new = rsa(1).token(&claims_with(&issuer.url, "iat", json!(now() + 1)));
    let refusal = verify(&patient, &new).await.unwrap_err();
    assert_eq!(refusal, Refusal::KeysUnavailable);
    // What was issued before the keys were fetched is judged by them, and so is what does not say.
    for iat in [json!(now() - 60), json!("soon"), json!(null)] {
        let unknown = rsa(2).token(&claims_with(&issuer.url, "iat", iat));
        let refusal = verify(&patient, &unknown).await.unwrap_err();
        assert_eq!(refusal, Refusal::UnknownKey);
    }
    assert_eq!(issuer.requests(JWKS), 2);
}

/// The issuer was asked after the token came: there is no such key, whatever the token says of its age.
#[tokio::test]
async fn a_key_that_the_issuer_was_asked_for_in_vain_is_unknown() {
    let issuer = Issuer::start(&[rsa(0)]).await;
    let builder = Verifier::builder(&issuer.url, AUDIENCE).cool_down(Duration::ZERO);
    let verifier = builder.build().await.unwrap();
    for ahead in [0, 20, 86_400] {
        let unknown = rsa(2).token(&claims_with(&issuer.url, "iat", json!(now() + ahead)));
        let refusal = verify(&verifier, &unknown).await.unwrap_err();
        assert_eq!(refusal, Refusal::UnknownKey);
    }
}

/// An outage was too long, and is over: the first request waits for the keys, and is served.
#[tokio::test]
async fn the_first_request_after_too_long_an_outage_is_served() {
    let mut issuer = Issuer::start(&[rsa(0)]).await;
    let strict = Verifier::builder(&issuer.url, AUDIENCE)
        .cool_down(Duration::ZERO)
        .longest_outage(Duration::ZERO);
    let strict = strict.build().await.unwrap();
    let token = rsa(0).token(&claims(&issuer.url));
    assert!(strict.status().is_ready());
    issuer.stop().await;
    tokio::time::pause();
    tokio::time::advance(Duration::from_secs(601)).await;
    tokio::time::resume();
    let refusal = verify(&strict, &token).await.unwrap_err();
    assert_eq!(refusal, Refusal::KeysUnavailable);
    // Every request is answered with 503: a readiness probe has to hear of it.
    assert!(!strict.status().is_ready());
    issuer.resume().await;
    verify(&strict, &token).await.unwrap();
    assert!(strict.status().is_ready());
}

/// The outage that is allowed begins when the keys cease to be fresh.
#[tokio::test]
async fn an_outage_is_endured_for_as_long_as_was_said() {
    let mut issuer = Issuer::start(&[rsa(0)]).await;
    let builder = Verifier::builder(&issuer.url, AUDIENCE);
    let verifier = builder.longest_outage(Duration::from_hours(1));
    let verifier = verifier.build().await.unwrap();
    let token = rsa(0).token(&claims(&issuer.url));
    issuer.stop().await;
    for (minutes, good) in [(11, true), (58, true), (2, false)] {
        tokio::time::pause();
        tokio::time::advance(Duration::from_mins(minutes)).await;
        tokio::time::resume();
        let outcome = verify(&verifier, &token).await;
        assert_eq!(outcome.is_ok(), good, "{minutes}: {outcome:?}");
        assert_eq!(verifier.status().is_ready(), good);
    }
}

/// "For ever" is a time, too.
#[tokio::test]
async fn the_longest_times_do_no_harm() {
    let issuer = Issuer::start(&[rsa(0)]).await;
    let verifier = Verifier::builder(&issuer.url, AUDIENCE)
        .cool_down(Duration::MAX)
        .fetch_timeout(Duration::MAX)
        .longest_outage(Duration::MAX);
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

/// The runtime that a verifier fetches on may end before the verifier: nobody fetches keys any more.
#[test]
fn a_verifier_whose_runtime_has_ended_signs_nobody_out() {
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

/// The issuer moved its keys: they are found where its metadata says now, and the `ETag` of the old place
/// means nothing there.
#[tokio::test]
async fn keys_that_moved_are_found_again() {
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
    // The old place says that there is nothing: the metadata is asked at the next time.
    let refusal = verify(&verifier, &token).await.unwrap_err();
    assert_eq!(refusal, Refusal::KeysUnavailable);
    verify(&verifier, &token).await.unwrap();
    let status = verifier.status();
    assert_eq!(status.issuers[0].jwks_uri.as_deref(), Some(moved.as_str()));
}

/// An address may hold a password, and what is told of it is read by many.
#[tokio::test]
async fn no_password_is_told() {
    let mut issuer = Issuer::start(&[rsa(0)]).await;
    let url = issuer.url.clone();
    let place = url.replace("http://", "http://reader:hunter2@");
    let build = || {
        Verifier::builder(&url, AUDIENCE)
            .jwks_uri(format!("{place}{JWKS}"))
            .cool_down(Duration::ZERO)
    };
    let tells = |text: &str| text.contains("hunter2") || text.contains("reader");
    assert!(!tells(&format!("{:?}", build())));
    let verifier = build().build().await.unwrap();
    assert!(issuer.last_request().contains("authorization: basic"));
    issuer.stop().await;
    let error = build().build().await.unwrap_err();
    assert!(!tells(&format!("{error} {error:?}")), "{error}");
    let unknown = rsa(2).token(&claims(&url));
    verify(&verifier, &unknown).await.unwrap_err();
    let status = serde_json::to_string(&verifier.status()).unwrap();
    assert!(!tells(&status), "{status}");
}
