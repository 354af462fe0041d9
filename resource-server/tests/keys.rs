use std::time::Duration;

use jeton_resource_server::{BuildError, FetchError, Refusal, Verifier};
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

/// The issuer's `jwks_uri`.
fn keys_of(issuer: &Issuer) -> String {
    format!("{}{JWKS}", issuer.url)
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
async fn an_issuer_with_only_openid_discovery_is_found() {
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
    // A failure of the first URL is not the same as its absence: the second is not tried.
    let failing = Reply::text("503 Service Unavailable", "text/plain", "");
    issuer.reply(METADATA, failing);
    let url = format!("{}{METADATA}", issuer.url);
    assert_eq!(fetch_error(&issuer).await, FetchError::Status(url, 503));
    issuer.forget(METADATA);
    issuer.forget(OPENID);
    let error = fetch_error(&issuer).await;
    let url = format!("{}{METADATA}", issuer.url);
    assert_eq!(error, FetchError::Status(url, 404));
}

#[tokio::test]
async fn issuer_and_jwks_uri_must_be_https_or_loopback() {
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
    for issuer in [
        "http://issuer.test",
        "http://notlocalhost",
        "issuer",
        "",
        "https://issuer.test/#x",
        "https://issuer.test/?x",
    ] {
        let error = Verifier::builder(issuer, AUDIENCE)
            .build()
            .await
            .unwrap_err();
        assert_eq!(error, BuildError::Address(issuer.to_owned()));
    }
}

#[tokio::test]
async fn a_document_that_is_not_metadata_is_an_error() {
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

#[tokio::test]
async fn a_jwk_set_without_a_usable_key_is_an_error() {
    let issuer = Issuer::start(&[rsa(0)]).await;
    let with = |name: &str, value: Value| {
        let mut jwk = rsa(0).jwk.clone();
        jwk[name] = value;
        jwk
    };
    let short = rsa(0).jwk["n"].as_str().unwrap()[..100].to_owned();
    let useless = [
        json!([]),
        json!([{ "kty": "oct", "k": "c2VjcmV0", "alg": "HS256", "kid": rsa(0).kid }]),
        json!([{ "kty": "AKP", "alg": "ML-DSA-44", "pub": "AA", "kid": "pq" }]),
        json!([7, null, "key", {}]),
        json!([with("use", json!("enc"))]),
        json!([with("key_ops", json!(["encrypt"]))]),
        json!([with("alg", json!("RS512"))]),
        json!([with("alg", json!("HS256"))]),
        // "A key of size 2048 bits or larger MUST be used", RFC 7518 §3.3.
        json!([with("n", json!(short))]),
        json!([with("n", json!("***"))]),
        json!([with("n", json!(""))]),
        json!([with("e", Value::Null)]),
        json!([with("e", json!("AQ"))]),
        json!([with("e", json!("Ag"))]),
    ];
    for keys in useless {
        issuer.reply(JWKS, Reply::json(&json!({ "keys": keys })));
        let error = fetch_error(&issuer).await;
        assert_eq!(error, FetchError::NoUsableKey(keys_of(&issuer)), "{keys}");
    }
}

#[tokio::test]
async fn a_document_that_is_not_a_jwk_set_is_an_error() {
    let issuer = Issuer::start(&[rsa(0)]).await;
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
        assert_eq!(error, FetchError::NotAJwkSet(keys_of(&issuer)), "{body}");
    }
}

/// Five megabytes, a truncated body, a server error.
#[tokio::test]
async fn an_incomplete_or_oversized_jwk_set_is_an_error() {
    let issuer = Issuer::start(&[rsa(0)]).await;
    let url = keys_of(&issuer);
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
    issuer.reply(
        JWKS,
        Reply::text("500 Internal Server Error", "text/plain", ""),
    );
    assert_eq!(fetch_error(&issuer).await, FetchError::Status(url, 500));
}

#[tokio::test]
async fn a_redirect_is_an_error_and_not_followed() {
    let issuer = Issuer::start(&[rsa(0)]).await;
    let elsewhere = Issuer::start(&[rsa(2)]).await;
    let target = keys_of(&elsewhere);
    let moved = Reply::text("302 Found", "text/html", "").header("Location", &target);
    issuer.reply(JWKS, moved);
    let error = fetch_error(&issuer).await;
    assert_eq!(error, FetchError::Redirect(keys_of(&issuer), target));
    assert_eq!(elsewhere.requests(JWKS), 0);
}

#[tokio::test]
async fn a_slow_issuer_is_an_error() {
    let issuer = Issuer::start(&[rsa(0)]).await;
    let keys = json!({ "keys": [rsa(0).jwk] });
    issuer.reply(JWKS, Reply::json(&keys).after(Duration::from_mins(1)));
    let slow = Verifier::builder(&issuer.url, AUDIENCE);
    let slow = slow.fetch_timeout(Duration::from_millis(200)).build().await;
    assert_eq!(
        slow.unwrap_err(),
        BuildError::Fetch(FetchError::TooSlow(keys_of(&issuer)))
    );
}

/// RFC 7517 §5.
#[tokio::test]
async fn unsupported_keys_in_a_jwk_set_are_ignored() {
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

#[tokio::test]
async fn all_keys_with_the_same_kid_are_tried() {
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
async fn a_configured_jwks_uri_replaces_the_metadata() {
    let issuer = Issuer::start(&[rsa(0)]).await;
    let given = Verifier::builder("https://issuer.test", AUDIENCE)
        .jwks_uri(format!("{}{JWKS}", issuer.url));
    let given = given.build().await.unwrap();
    verify(&given, &rsa(0).token(&claims("https://issuer.test")))
        .await
        .unwrap();
    assert_eq!(issuer.requests(METADATA), 0);
}
