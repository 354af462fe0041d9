use std::time::Duration;

use jeton_resource_server::{BuildError, Refusal, Verifier};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::support::{AUDIENCE, Issuer, claims, claims_with, encode, now, rsa, verifier, verify};

/// RFC 9068 §4.
#[tokio::test]
async fn a_valid_token_has_its_claims() {
    let issuer = Issuer::start(&[rsa(0)]).await;
    let verifier = verifier(&issuer).await;
    let written = claims(&issuer.url);
    let token = verify(&verifier, &rsa(0).token(&written)).await.unwrap();
    assert_eq!(token.issuer, issuer.url);
    assert_eq!(token.subject, written["sub"]);
    assert_eq!(token.audience, [AUDIENCE]);
    assert_eq!(token.client_id, "web");
    assert_eq!(token.token_id, written["jti"]);
    assert_eq!(token.issued_at, written["iat"]);
    assert_eq!(token.expires_at, written["exp"]);
    assert_eq!(token.auth_time, written["auth_time"].as_i64());
    assert_eq!(token.scope, ["info:read", "info:write"]);
    assert_eq!(token.session_id.as_deref(), written["sid"].as_str());
    assert_eq!(token.roles, ["admin"]);
    assert!(token.has_scope("info:read") && !token.has_scope("info"));
    assert!(token.has_role("admin") && !token.has_role("adm"));
}

/// Row 47: wrong iss, wrong aud, expired, not yet valid; each claim that RFC 9068 §2.2 requires.
#[tokio::test]
async fn a_token_with_wrong_claims_is_refused() {
    let issuer = Issuer::start(&[rsa(0)]).await;
    let verifier = verifier(&issuer).await;
    let slash = format!("{}/", issuer.url);
    let cases = [
        ("iss", json!("https://evil.test"), Refusal::WrongIssuer),
        ("iss", json!(slash), Refusal::WrongIssuer),
        ("iss", json!([issuer.url]), Refusal::MalformedClaims),
        ("aud", json!("https://other.test"), Refusal::WrongAudience),
        ("aud", json!(["https://other.test"]), Refusal::WrongAudience),
        ("aud", json!([]), Refusal::WrongAudience),
        ("aud", json!(format!("{AUDIENCE}/")), Refusal::WrongAudience),
        ("aud", json!({ "aud": AUDIENCE }), Refusal::MalformedClaims),
        ("exp", json!(now() - 1), Refusal::Expired),
        ("exp", json!(now() - 86400), Refusal::Expired),
        ("exp", json!(0), Refusal::Expired),
        ("exp", json!(-1), Refusal::Expired),
        ("exp", json!(i64::MIN), Refusal::Expired),
        ("exp", json!("never"), Refusal::MalformedClaims),
        ("exp", json!(true), Refusal::MalformedClaims),
        ("nbf", json!(now() + 3600), Refusal::NotYetValid),
        ("nbf", json!(i64::MAX), Refusal::NotYetValid),
        ("nbf", json!("now"), Refusal::MalformedClaims),
        ("iat", json!(now() + 3600), Refusal::IssuedInTheFuture),
        ("sub", json!(7), Refusal::MalformedClaims),
        ("scope", json!(["info:read"]), Refusal::MalformedClaims),
        ("roles", json!("admin"), Refusal::MalformedClaims),
    ];
    for (name, value, expected) in cases {
        let token = rsa(0).token(&claims_with(&issuer.url, name, value.clone()));
        let refusal = verify(&verifier, &token).await.unwrap_err();
        assert_eq!(refusal, expected, "{name}: {value}");
    }
    for name in ["iss", "exp", "aud", "sub", "client_id", "iat", "jti"] {
        let token = rsa(0).token(&claims_with(&issuer.url, name, Value::Null));
        let refusal = verify(&verifier, &token).await.unwrap_err();
        assert_eq!(refusal, Refusal::MissingClaim(name));
    }
}

/// Row 86: "mutually exclusive validation rules", RFC 8725 §3.12. An ID token has the same issuer, key and `typ`, and its
/// audience may be what the API calls itself.
#[tokio::test]
async fn an_id_token_is_refused_also_where_typ_jwt_is_accepted() {
    let issuer = Issuer::start(&[rsa(0)]).await;
    let mut header = rsa(0).header();
    header["typ"] = json!("JWT");
    let id_token = json!({
        "iss": issuer.url,
        "sub": "0195e7b6-8f3c-7bbb-9c57-0f6a1a2b3c4d",
        "aud": AUDIENCE,
        "exp": now() + 890,
        "iat": now() - 10,
        "auth_time": now() - 10,
        "acr": "pwd",
        "sid": "0195e7b6-8f3c-7bbb-9c57-000000000001",
        "at_hash": "77QmUPtjPfzWtF2AnpK9RQ",
    });
    let id_token = rsa(0).sign(&header, &id_token);
    let strict = verifier(&issuer).await;
    assert_eq!(verify(&strict, &id_token).await, Err(Refusal::WrongType));
    let lenient = Verifier::builder(&issuer.url, AUDIENCE).accept_typ_jwt(true);
    let lenient = lenient.build().await.unwrap();
    let refused = verify(&lenient, &id_token).await;
    assert_eq!(refused, Err(Refusal::MissingClaim("client_id")));
    let access_token = rsa(0).sign(&header, &claims(&issuer.url));
    assert!(verify(&lenient, &access_token).await.is_ok());
}

/// RFC 7519 §2 and §4.1.3: an array of audiences, a time with a fraction.
#[tokio::test]
async fn a_token_may_be_for_several_audiences_and_have_times_with_fractions() {
    let issuer = Issuer::start(&[rsa(0)]).await;
    let verifier = verifier(&issuer).await;
    #[expect(
        clippy::cast_precision_loss,
        reason = "a time of this century is exact"
    )]
    let soon = (now() + 60) as f64 + 0.5;
    let valid = [
        ("aud", json!(["https://other.test", AUDIENCE])),
        ("exp", json!(soon)),
        ("nbf", json!(now() - 5)),
        ("nbf", json!(now() + 5)),
        ("iat", json!(now() + 5)),
        ("exp", json!(i64::MAX)),
        ("exp", json!(1e300)),
    ];
    for (name, value) in valid {
        let token = rsa(0).token(&claims_with(&issuer.url, name, value.clone()));
        let outcome = verify(&verifier, &token).await;
        assert!(outcome.is_ok(), "{name}: {value}: {outcome:?}");
    }
}

/// RFC 7519 §4.1.4: "some small leeway, usually no more than a few minutes".
#[tokio::test]
async fn leeway_is_configurable_up_to_five_minutes() {
    let issuer = Issuer::start(&[rsa(0)]).await;
    let build = |expiry: u64, skew: u64| {
        Verifier::builder(&issuer.url, AUDIENCE)
            .expiry_leeway(Duration::from_secs(expiry))
            .clock_skew(Duration::from_secs(skew))
            .build()
    };
    let lenient = build(120, 0).await.unwrap();
    let late = rsa(0).token(&claims_with(&issuer.url, "exp", json!(now() - 60)));
    verify(&lenient, &late).await.unwrap();
    let too_late = rsa(0).token(&claims_with(&issuer.url, "exp", json!(now() - 121)));
    let refusal = verify(&lenient, &too_late).await.unwrap_err();
    assert_eq!(refusal, Refusal::Expired);
    let early = rsa(0).token(&claims_with(&issuer.url, "iat", json!(now() + 20)));
    let refusal = verify(&lenient, &early).await.unwrap_err();
    assert_eq!(refusal, Refusal::IssuedInTheFuture);
    assert_eq!(build(301, 0).await.unwrap_err(), BuildError::Leeway);
    assert_eq!(build(0, 301).await.unwrap_err(), BuildError::Leeway);
}

/// RFC 7519 §4, RFC 7515 §4: member names are unique.
#[tokio::test]
async fn a_duplicate_member_is_refused() {
    let issuer = Issuer::start(&[rsa(0)]).await;
    let verifier = verifier(&issuer).await;
    let header = rsa(0).header().to_string();
    let claims = claims(&issuer.url).to_string();
    let twice = |text: &str, more: &str| text.replacen('{', &format!("{{{more},"), 1);
    let cases = [
        (
            header.clone(),
            twice(&claims, r#""aud":"https://other.test""#),
        ),
        (header.clone(), twice(&claims, r#""exp":0"#)),
        (header.clone(), twice(&claims, r#""\u0065xp":9999999999"#)),
        (header.clone(), twice(&claims, r#""x":1,"x":1"#)),
        (twice(&header, r#""kid":"other""#), claims.clone()),
        (twice(&header, r#""alg":"none""#), claims.clone()),
    ];
    for (header, claims) in cases {
        let token = rsa(0).sign_text(&header, &claims);
        let refusal = verify(&verifier, &token).await.unwrap_err();
        assert_eq!(refusal, Refusal::Duplicate, "{header} {claims}");
    }
}

#[tokio::test]
async fn a_text_that_is_not_a_signed_jwt_is_refused() {
    let issuer = Issuer::start(&[rsa(0)]).await;
    let verifier = verifier(&issuer).await;
    let valid = rsa(0).token(&claims(&issuer.url));
    let (message, signature) = valid.rsplit_once('.').unwrap();
    let (header, payload) = message.split_once('.').unwrap();
    let malformed = [
        String::new(),
        ".".to_owned(),
        "..".to_owned(),
        "...".to_owned(),
        "a.b.c".to_owned(),
        message.to_owned(),
        format!("{valid}."),
        format!(".{valid}"),
        format!("{valid}.{signature}"),
        format!("{header}=.{payload}.{signature}"),
        format!("{header}.{payload}.{signature}="),
        format!("{header} .{payload}.{signature}"),
        format!("{header}.{payload}.+/{signature}"),
        format!("{header}.{payload}.\u{1F600}"),
        format!("{}.{payload}.{signature}", encode("[]")),
        format!("{}.{payload}.{signature}", encode("null")),
        format!("{}.{payload}.{signature}", encode(r#"{"alg":["RS256"]}"#)),
        format!("{}.{payload}.{signature}", encode([0xff, 0xfe])),
    ];
    for token in malformed {
        let refusal = verify(&verifier, &token).await.unwrap_err();
        assert_eq!(refusal, Refusal::Malformed, "{token}");
    }
    let mut deep = "[".repeat(3000);
    deep.push_str(&"]".repeat(3000));
    let claims = [
        rsa(0).sign_text(&rsa(0).header().to_string(), "[]"),
        rsa(0).sign_text(&rsa(0).header().to_string(), "\"text\""),
        rsa(0).sign_text(&rsa(0).header().to_string(), ""),
        rsa(0).sign_text(&rsa(0).header().to_string(), &format!("{{\"aud\":{deep}}}")),
    ];
    for token in claims {
        let refusal = verify(&verifier, &token).await.unwrap_err();
        assert_eq!(refusal, Refusal::MalformedClaims);
    }
    let long = format!("{header}.{}.{signature}", "A".repeat(1024 * 1024));
    let refusal = verify(&verifier, &long).await.unwrap_err();
    assert_eq!(refusal, Refusal::TooLong);
    for at in [0, signature.len() / 2, signature.len() - 2] {
        let mut bytes = signature.as_bytes().to_vec();
        bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
        let token = format!("{message}.{}", String::from_utf8(bytes).unwrap());
        let refusal = verify(&verifier, &token).await.unwrap_err();
        assert_eq!(refusal, Refusal::WrongSignature);
    }
    let refusal = verify(&verifier, &format!("{message}.")).await.unwrap_err();
    assert_eq!(refusal, Refusal::WrongSignature);
}

/// RFC 8725 §3.8.
#[tokio::test]
async fn a_key_of_one_issuer_does_not_verify_tokens_of_another() {
    let first = Issuer::start(&[rsa(0)]).await;
    let second = Issuer::start(&[rsa(1)]).await;
    let both = [verifier(&first).await, verifier(&second).await];
    let both = Verifier::any_of(both).unwrap();
    verify(&both, &rsa(0).token(&claims(&first.url)))
        .await
        .unwrap();
    verify(&both, &rsa(1).token(&claims(&second.url)))
        .await
        .unwrap();
    let refusal = verify(&both, &rsa(1).token(&claims(&first.url)))
        .await
        .unwrap_err();
    assert_eq!(refusal, Refusal::UnknownKey);
    let untrusted = rsa(0).token(&claims("https://third.test"));
    let refusal = verify(&both, &untrusted).await.unwrap_err();
    assert_eq!(refusal, Refusal::WrongIssuer);
    assert!(Verifier::any_of([]).is_none());
}

#[tokio::test]
async fn an_api_reads_custom_claims() {
    #[derive(Debug, Deserialize)]
    struct Tenant {
        tenant: u32,
    }
    let issuer = Issuer::start(&[rsa(0)]).await;
    let verifier = verifier(&issuer).await;
    let token = rsa(0).token(&claims_with(&issuer.url, "tenant", json!(7)));
    let token = verifier.verify::<Tenant>(&token).await.unwrap();
    assert_eq!(token.claims.tenant, 7);
    let without = rsa(0).token(&claims(&issuer.url));
    let refusal = verifier.verify::<Tenant>(&without).await.unwrap_err();
    assert_eq!(refusal, Refusal::MalformedClaims);
}
