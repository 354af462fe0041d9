use std::sync::{Arc, Mutex};
use std::time::Duration;

use jeton_resource_server::{BuildError, FetchError, Observer, Refusal, Verifier};
use serde_json::{Value, json};

use crate::support::issuer::{JWKS, METADATA, Reply};
use crate::support::{AUDIENCE, Issuer, claims, rsa, verifier, verify};

const OPENID: &str = "/.well-known/openid-configuration";

async fn build(issuer: &Issuer) -> Result<Verifier, BuildError> {
    Verifier::builder(&issuer.url, AUDIENCE).build().await
}

async fn fetch_error(issuer: &Issuer) -> FetchError {
    match build(issuer).await {
        Err(BuildError::Fetch(error)) => error,
        other => panic!("{other:?}"),
    }
}

/// "The "issuer" value returned MUST be identical to the authorization server's issuer identifier
/// value", RFC 8414 §3.3.
#[tokio::test]
async fn the_metadata_of_another_issuer_is_not_used() {
    let issuer = Issuer::start(&[rsa(0)]).await;
    let metadata = |named: &str| {
        let jwks_uri = format!("{}{JWKS}", issuer.url);
        Reply::json(&json!({ "issuer": named, "jwks_uri": jwks_uri }))
    };
    for named in ["https://evil.test", &format!("{}/", issuer.url), ""] {
        issuer.reply(METADATA, metadata(named));
        let error = fetch_error(&issuer).await;
        let url = format!("{}{METADATA}", issuer.url);
        assert_eq!(error, FetchError::WrongIssuer(url, named.to_owned()));
    }
    assert_eq!(issuer.requests(JWKS), 0);
}

/// RFC 8414 §5, OpenID Connect Discovery §4.
#[tokio::test]
async fn an_issuer_that_has_openid_discovery_alone_is_found() {
    let issuer = Issuer::start(&[rsa(0)]).await;
    let jwks_uri = format!("{}{JWKS}", issuer.url);
    issuer.forget(METADATA);
    issuer.reply(
        OPENID,
        Reply::json(&json!({ "issuer": issuer.url, "jwks_uri": jwks_uri })),
    );
    let verifier = build(&issuer).await.unwrap();
    let token = rsa(0).token(&claims(&issuer.url));
    verify(&verifier, &token).await.unwrap();
    issuer.forget(OPENID);
    let error = fetch_error(&issuer).await;
    let url = format!("{}{METADATA}", issuer.url);
    assert_eq!(error, FetchError::Status(url, 404));
}

#[tokio::test]
async fn the_address_of_the_keys_is_https_or_this_machine() {
    let issuer = Issuer::start(&[rsa(0)]).await;
    for uri in [
        "http://keys.test/jwks",
        "ftp://127.0.0.1/jwks",
        "file:///etc/passwd",
        "keys",
    ] {
        issuer.reply(
            METADATA,
            Reply::json(&json!({ "issuer": issuer.url, "jwks_uri": uri })),
        );
        let error = fetch_error(&issuer).await;
        assert_eq!(error, FetchError::InsecureJwksUri(uri.to_owned()));
    }
    for issuer in ["http://issuer.test", "issuer", "", "https://issuer.test/#x"] {
        let error = Verifier::builder(issuer, AUDIENCE)
            .build()
            .await
            .unwrap_err();
        assert_eq!(error, BuildError::Address(issuer.to_owned()));
    }
}

#[tokio::test]
async fn what_is_no_metadata_is_told() {
    let issuer = Issuer::start(&[rsa(0)]).await;
    let url = format!("{}{METADATA}", issuer.url);
    for body in [
        "<!doctype html><title>Welcome</title>",
        "",
        "[]",
        "{}",
        "{\"issuer\":1}",
    ] {
        issuer.reply(METADATA, Reply::text("200 OK", "text/html", body));
        assert_eq!(
            fetch_error(&issuer).await,
            FetchError::NotMetadata(url.clone())
        );
    }
}

/// A JWK set that is empty, of other kinds, too large, cut off, no JWK set, elsewhere, or slow.
#[tokio::test]
async fn a_bad_jwk_set_is_told_and_never_opens() {
    let issuer = Issuer::start(&[rsa(0)]).await;
    let url = format!("{}{JWKS}", issuer.url);
    let small = {
        let mut jwk = rsa(0).jwk.clone();
        jwk["n"] = jwk["n"].as_str().unwrap()[..100].into();
        jwk
    };
    let with = |name: &str, value: Value| {
        let mut jwk = rsa(0).jwk.clone();
        jwk[name] = value;
        jwk
    };
    let useless = [
        json!([]),
        json!([{ "kty": "oct", "k": "c2VjcmV0", "alg": "HS256", "kid": rsa(0).kid }]),
        json!([{ "kty": "AKP", "alg": "ML-DSA-44", "pub": "AA", "kid": "pq" }]),
        json!([7, null, "key", {}]),
        json!([small]),
        json!([with("use", json!("enc"))]),
        json!([with("key_ops", json!(["encrypt"]))]),
        json!([with("alg", json!("RS512"))]),
        json!([with("alg", json!("HS256"))]),
        json!([with("n", json!("***"))]),
        json!([with("n", json!(""))]),
        json!([with("e", Value::Null)]),
    ];
    for keys in useless {
        issuer.reply(JWKS, Reply::json(&json!({ "keys": keys })));
        let error = fetch_error(&issuer).await;
        assert_eq!(error, FetchError::NoUsableKey(url.clone()), "{keys}");
    }
    for body in [
        "<!doctype html>",
        "",
        "[]",
        "{}",
        "{\"keys\":{}}",
        "{\"keys\":[",
    ] {
        issuer.reply(JWKS, Reply::text("200 OK", "text/html", body));
        let error = fetch_error(&issuer).await;
        assert_eq!(error, FetchError::NotAJwkSet(url.clone()), "{body}");
    }
    let five_megabytes = format!("{{\"keys\":[],\"x\":\"{}\"}}", "x".repeat(5 << 20));
    issuer.reply(
        JWKS,
        Reply::text("200 OK", "application/json", &five_megabytes),
    );
    assert_eq!(
        fetch_error(&issuer).await,
        FetchError::TooLarge(url.clone())
    );
    let keys = json!({ "keys": [rsa(0).jwk] });
    issuer.reply(JWKS, Reply::json(&keys).cut_off_after(100));
    let error = fetch_error(&issuer).await;
    assert!(
        matches!(&error, FetchError::Unreachable(at, _) if *at == url),
        "{error}"
    );
    let elsewhere = Issuer::start(&[rsa(2)]).await;
    let target = format!("{}{JWKS}", elsewhere.url);
    let moved = Reply::text("302 Found", "text/html", "").header("Location", &target);
    issuer.reply(JWKS, moved);
    assert_eq!(
        fetch_error(&issuer).await,
        FetchError::Redirect(url.clone(), target)
    );
    assert_eq!(elsewhere.requests(JWKS), 0);
    issuer.reply(
        JWKS,
        Reply::text("500 Internal Server Error", "text/plain", ""),
    );
    assert_eq!(
        fetch_error(&issuer).await,
        FetchError::Status(url.clone(), 500)
    );
    issuer.reply(JWKS, Reply::json(&keys).after(Duration::from_secs(60)));
    let slow = Verifier::builder(&issuer.url, AUDIENCE);
    let slow = slow.fetch_timeout(Duration::from_millis(200)).build().await;
    assert_eq!(
        slow.unwrap_err(),
        BuildError::Fetch(FetchError::TooSlow(url))
    );
}

/// RFC 7517 §5: keys that are not understood are passed over; the others serve.
#[tokio::test]
async fn a_good_key_among_strange_ones_serves() {
    let issuer = Issuer::start(&[rsa(0)]).await;
    let keys = json!({ "keys": [
        { "kty": "AKP", "alg": "ML-DSA-44", "pub": "AA", "kid": "pq" },
        { "kty": "oct", "k": "c2VjcmV0", "kid": rsa(0).kid },
        42,
        rsa(0).jwk,
    ]});
    issuer.reply(JWKS, Reply::json(&keys));
    let verifier = verifier(&issuer).await;
    verify(&verifier, &rsa(0).token(&claims(&issuer.url)))
        .await
        .unwrap();
    let status = verifier.status();
    assert_eq!(status.issuers[0].key_ids, [rsa(0).kid.as_str()]);
}

/// Two keys may share a name; both are tried.
#[tokio::test]
async fn keys_of_one_name_are_all_tried() {
    let issuer = Issuer::start(&[]).await;
    let keys = [rsa(0).renamed("same"), rsa(1).renamed("same")];
    issuer.reply(JWKS, Reply::json(&json!({ "keys": keys })));
    let verifier = verifier(&issuer).await;
    for signer in [rsa(0), rsa(1), rsa(2)] {
        let mut header = signer.header();
        header["kid"] = "same".into();
        let outcome = verify(&verifier, &signer.sign(&header, &claims(&issuer.url))).await;
        assert_eq!(outcome.is_ok(), signer.kid != rsa(2).kid);
    }
}

/// A thousand requests with the same new key, or with as many unknown ones, make one fetch.
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
    let mut good = 0;
    for request in requests {
        match request.await.unwrap() {
            Ok(_) => good += 1,
            Err(refusal) => assert_eq!(refusal, Refusal::UnknownKey),
        }
    }
    assert_eq!(good, 500);
    assert_eq!(issuer.requests(JWKS), 2);
    assert_eq!(issuer.requests(METADATA), 1);
}

/// At most once per cool-down, whatever strangers send.
#[tokio::test]
async fn during_the_cool_down_an_unknown_key_is_refused_without_a_fetch() {
    let issuer = Issuer::start(&[rsa(0)]).await;
    let patient = Verifier::builder(&issuer.url, AUDIENCE).cool_down(Duration::from_secs(3600));
    let patient = patient.build().await.unwrap();
    let impatient = Verifier::builder(&issuer.url, AUDIENCE).cool_down(Duration::ZERO);
    let impatient = impatient.build().await.unwrap();
    let before = issuer.requests(JWKS);
    let claims = claims(&issuer.url);
    for number in 0..5 {
        let mut header = rsa(2).header();
        header["kid"] = format!("unknown-{number}").into();
        let token = rsa(2).sign(&header, &claims);
        let refusal = verify(&patient, &token).await.unwrap_err();
        assert_eq!(refusal, Refusal::UnknownKey);
    }
    assert_eq!(issuer.requests(JWKS), before + 1);
    for _ in 0..5 {
        let refusal = verify(&impatient, &rsa(2).token(&claims))
            .await
            .unwrap_err();
        assert_eq!(refusal, Refusal::UnknownKey);
    }
    assert_eq!(issuer.requests(JWKS), before + 6);
}

/// The issuer is down: living tokens go on. It is back with a new key: the first request with it is
/// served.
#[tokio::test]
async fn an_issuer_that_is_down_signs_nobody_out() {
    let mut issuer = Issuer::start(&[rsa(0)]).await;
    let verifier = Verifier::builder(&issuer.url, AUDIENCE).cool_down(Duration::ZERO);
    let verifier = verifier.build().await.unwrap();
    let old = rsa(0).token(&claims(&issuer.url));
    let new = rsa(1).token(&claims(&issuer.url));
    issuer.stop().await;
    verify(&verifier, &old).await.unwrap();
    // Nobody knows whether this one is good: the client comes back, and does not sign in again.
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
    // What the issuer no longer publishes does not verify any more.
    let refusal = verify(&verifier, &old).await.unwrap_err();
    assert_eq!(refusal, Refusal::UnknownKey);
}

/// A set that became bad does not replace a good one.
#[tokio::test]
async fn a_jwk_set_that_became_bad_does_not_replace_the_good_one() {
    let issuer = Issuer::start(&[rsa(0)]).await;
    let verifier = Verifier::builder(&issuer.url, AUDIENCE).cool_down(Duration::ZERO);
    let verifier = verifier.build().await.unwrap();
    let good = rsa(0).token(&claims(&issuer.url));
    let unknown = rsa(2).token(&claims(&issuer.url));
    for reply in [
        Reply::json(&json!({ "keys": [] })),
        Reply::text("200 OK", "text/html", "<!doctype html>"),
        Reply::text("503 Service Unavailable", "text/plain", ""),
    ] {
        issuer.reply(JWKS, reply);
        let refusal = verify(&verifier, &unknown).await.unwrap_err();
        assert_eq!(refusal, Refusal::KeysUnavailable);
        verify(&verifier, &good).await.unwrap();
    }
}

#[tokio::test]
async fn an_api_starts_without_its_issuer_when_told_to() {
    let mut issuer = Issuer::start(&[rsa(0)]).await;
    issuer.stop().await;
    let error = fetch_error(&issuer).await;
    assert!(matches!(error, FetchError::Unreachable(..)), "{error}");
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

/// Keys whose issuer has been silent for too long are used no more, when that was said.
#[tokio::test]
async fn an_outage_may_be_given_an_end() {
    let mut issuer = Issuer::start(&[rsa(0)]).await;
    let build = |longest| {
        Verifier::builder(&issuer.url, AUDIENCE)
            .cool_down(Duration::ZERO)
            .longest_outage(longest)
            .build()
    };
    let strict = build(Duration::ZERO).await.unwrap();
    let token = rsa(0).token(&claims(&issuer.url));
    issuer.stop().await;
    verify(&strict, &token).await.unwrap();
    tokio::time::pause();
    // The shortest time for which keys are fresh, whatever the issuer says, is half a minute; without
    // its word, ten.
    tokio::time::advance(Duration::from_secs(601)).await;
    tokio::time::resume();
    let refusal = verify(&strict, &token).await.unwrap_err();
    assert_eq!(refusal, Refusal::KeysUnavailable);
}

/// `Cache-Control: max-age`, `Age` and ETag, RFC 9111.
#[tokio::test]
async fn keys_are_fetched_again_before_they_expire_and_by_their_etag() {
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
    // Nine tenths of four fifths of 300 s is 216 s, and the latest time is 240 s.
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

/// Waits until so many fetches have ended.
async fn settle(verifier: &Verifier, fetches: u64) {
    while verifier.status().issuers[0].fetches < fetches {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn fixed_keys_are_never_fetched() {
    let jwks = json!({ "keys": [rsa(0).jwk] }).to_string();
    let build = |jwks: &str| {
        Verifier::builder("https://issuer.test", AUDIENCE)
            .fixed_jwks(jwks)
            .build()
    };
    let fixed = build(&jwks).await.unwrap();
    let token = rsa(0).token(&claims("https://issuer.test"));
    verify(&fixed, &token).await.unwrap();
    let refusal = verify(&fixed, &rsa(1).token(&claims("https://issuer.test"))).await;
    assert_eq!(refusal.unwrap_err(), Refusal::UnknownKey);
    assert_eq!(
        build("{\"keys\":[]}").await.unwrap_err(),
        BuildError::FixedJwks
    );
}

#[tokio::test]
async fn the_address_of_the_keys_may_be_given() {
    let issuer = Issuer::start(&[rsa(0)]).await;
    let given = Verifier::builder("https://issuer.test", AUDIENCE)
        .jwks_uri(format!("{}{JWKS}", issuer.url));
    let given = given.build().await.unwrap();
    verify(&given, &rsa(0).token(&claims("https://issuer.test")))
        .await
        .unwrap();
    assert_eq!(issuer.requests(METADATA), 0);
}

#[derive(Clone, Debug, Default)]
struct Diary(Arc<Mutex<Vec<String>>>);

impl Observer for Diary {
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
async fn an_observer_and_the_status_tell_what_happened() {
    let issuer = Issuer::start(&[rsa(0)]).await;
    let diary = Diary::default();
    let verifier = Verifier::builder(&issuer.url, AUDIENCE).observer(diary.clone());
    let verifier = verifier.build().await.unwrap();
    let token = rsa(0).token(&claims(&issuer.url));
    verify(&verifier, &token).await.unwrap();
    verify(&verifier, "x").await.unwrap_err();
    let told = diary.0.lock().unwrap().clone();
    assert_eq!(told, ["fetched true", "verified", "malformed"]);
    let status = serde_json::to_value(verifier.status()).unwrap();
    assert_eq!(status["verified"], 1);
    assert_eq!(status["refused"], json!({ "malformed": 1 }));
    assert_eq!(status["issuers"][0]["has_keys"], true);
}

#[tokio::test]
async fn the_task_ends_with_the_last_handle() {
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
