use std::time::Duration;

use jeton_resource_server::{BuildError, FetchError, Verifier};
use serde_json::json;

use crate::support::issuer::{JWKS, METADATA, Reply};
use crate::support::{AUDIENCE, Issuer, claims, rsa, settle, verifier, verify};

/// Advances the clock of tokio.
async fn pass(seconds: u64) {
    tokio::time::pause();
    tokio::time::advance(Duration::from_secs(seconds)).await;
    tokio::time::resume();
}

/// A verifier of an issuer with this `Cache-Control` for its keys.
async fn with_cache_control(issuer: &Issuer, control: &str) -> Verifier {
    let keys = Reply::json(&json!({ "keys": [rsa(0).jwk] }));
    issuer.reply(JWKS, keys.header("Cache-Control", control));
    let verifier = verifier(issuer).await;
    settle(&verifier, 1).await;
    verifier
}

/// Keys are fetched after 72 to 80 % of their freshness, which is 30 s at least and a day at most.
#[tokio::test]
async fn the_freshness_of_keys_has_a_minimum_and_a_maximum() {
    let issuer = Issuer::start(&[rsa(0)]).await;
    for (control, not_yet, by_then) in [
        ("max-age=0", 20, 5),
        ("no-store, max-age=3600", 20, 5),
        ("no-cache, max-age=3600", 20, 5),
        ("private", 430, 51),
        ("max-age=31536000", 62_000, 8000),
        ("max-age=99999999999999999999", 430, 51),
    ] {
        let verifier = with_cache_control(&issuer, control).await;
        pass(not_yet).await;
        settle(&verifier, 1).await;
        pass(by_then).await;
        settle(&verifier, 2).await;
    }
}

/// 1 s, 2 s, 4 s and so on, without a limit of retries.
#[tokio::test]
async fn after_a_failure_the_retry_delay_grows_to_a_minute() {
    let mut issuer = Issuer::start(&[rsa(0)]).await;
    let verifier = verifier(&issuer).await;
    issuer.stop().await;
    pass(490).await;
    settle(&verifier, 2).await;
    for (fetch, pause) in [(2, 1), (3, 2), (4, 4), (5, 8), (6, 16), (7, 32)] {
        pass(pause / 2).await;
        settle(&verifier, fetch).await;
        pass(pause - pause / 2).await;
        settle(&verifier, fetch + 1).await;
    }
    for fetch in 9..12 {
        pass(60).await;
        settle(&verifier, fetch).await;
    }
    let status = &verifier.status().issuers[0];
    assert_eq!((status.failures, status.fresh), (10, false));
    assert!(status.failing_for >= Some(180), "{status:?}");
    assert!(status.keys_age >= Some(670), "{status:?}");
    issuer.resume().await;
    pass(60).await;
    settle(&verifier, 12).await;
    let status = &verifier.status().issuers[0];
    assert!(status.fresh && status.failing_for.is_none(), "{status:?}");
}

/// After that it is fetched again, so that a changed `jwks_uri` is found without a failure.
#[tokio::test]
async fn the_metadata_is_cached_for_a_minute_at_least() {
    let issuer = Issuer::start(&[rsa(0)]).await;
    let metadata = |place: &str| {
        let jwks_uri = format!("{}{place}", issuer.url);
        Reply::json(&json!({ "issuer": issuer.url, "jwks_uri": jwks_uri }))
            .header("Cache-Control", "max-age=0")
    };
    issuer.reply(METADATA, metadata(JWKS));
    let verifier = Verifier::builder(&issuer.url, AUDIENCE).cool_down(Duration::ZERO);
    let verifier = verifier.build().await.unwrap();
    issuer.reply("/moved", Reply::json(&json!({ "keys": [rsa(1).jwk] })));
    issuer.reply(METADATA, metadata("/moved"));
    let moved = rsa(1).token(&claims(&issuer.url));
    verify(&verifier, &moved).await.unwrap_err();
    assert_eq!(issuer.requests(METADATA), 1);
    pass(61).await;
    verify(&verifier, &moved).await.unwrap();
    assert_eq!(issuer.requests(METADATA), 2);
}

#[tokio::test]
async fn the_last_jwks_uri_is_used_while_the_metadata_is_unreachable() {
    let issuer = Issuer::start(&[rsa(0)]).await;
    let builder = Verifier::builder(&issuer.url, AUDIENCE).cool_down(Duration::ZERO);
    let verifier = builder.fetch_timeout(Duration::from_millis(300));
    let verifier = verifier.build().await.unwrap();
    let hangs = Reply::text("200 OK", "text/plain", "").after(Duration::from_mins(1));
    issuer.reply(METADATA, hangs);
    issuer.publish(&[rsa(1)]);
    pass(3601).await;
    settle(&verifier, 2).await;
    assert_eq!(issuer.requests(METADATA), 2);
    verify(&verifier, &rsa(1).token(&claims(&issuer.url)))
        .await
        .unwrap();
}

#[tokio::test]
async fn a_304_without_an_etag_is_an_error() {
    let issuer = Issuer::start(&[]).await;
    issuer.reply(JWKS, Reply::text("304 Not Modified", "text/plain", ""));
    let error = Verifier::builder(&issuer.url, AUDIENCE).build().await;
    let redirect = matches!(error, Err(BuildError::Fetch(FetchError::Redirect(..))));
    assert!(redirect, "{error:?}");
}

/// A request that arrives during the first fetch is served by it.
#[tokio::test]
async fn a_request_waits_only_until_its_key_is_fetched() {
    let issuer = Issuer::start(&[]).await;
    let keys = Reply::json(&json!({ "keys": [rsa(0).jwk] }));
    issuer.reply(JWKS, keys.clone().after(Duration::from_millis(300)));
    let eager = Verifier::builder(&issuer.url, AUDIENCE).start_without_issuer(true);
    let eager = eager.build().await.unwrap();
    while issuer.requests(JWKS) == 0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    issuer.reply(JWKS, keys.after(Duration::from_mins(1)));
    let token = rsa(0).token(&claims(&issuer.url));
    let served = tokio::time::timeout(Duration::from_secs(5), verify(&eager, &token));
    served.await.unwrap().unwrap();
}
