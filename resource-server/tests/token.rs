use std::time::Duration;

use jeton_resource_server::{Algorithm, BuildError, Refusal, Verifier};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::support::{
    AUDIENCE, Issuer, Signer, claims, claims_with, encode, now, rsa, verifier, verify,
};

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

/// Row 47: "Libraries MUST enable the caller to specify a supported set of algorithms and MUST NOT use
/// any other algorithms", RFC 8725 §3.1.
#[tokio::test]
async fn a_token_signed_by_an_algorithm_that_is_not_allowed_is_refused() {
    let issuer = Issuer::start(&[rsa(0)]).await;
    let verifier = verifier(&issuer).await;
    let claims = claims(&issuer.url);
    for alg in [
        "none", "None", "NONE", "HS256", "HS512", "RS384", "PS256", "rs256", "", "RS256 ",
    ] {
        let mut header = rsa(0).header();
        header["alg"] = alg.into();
        let token = rsa(0).sign(&header, &claims);
        let refusal = verify(&verifier, &token).await.unwrap_err();
        assert_eq!(refusal, Refusal::AlgorithmNotAllowed, "{alg}");
    }
    let mut header = rsa(0).header();
    header["alg"] = "none".into();
    let unsigned = format!(
        "{}.{}.",
        encode(header.to_string()),
        encode(claims.to_string())
    );
    let refusal = verify(&verifier, &unsigned).await.unwrap_err();
    assert_eq!(refusal, Refusal::AlgorithmNotAllowed);
}

/// Row 47: the public key must not be accepted as the secret of HS256 (RFC 8725 §2.1).
#[tokio::test]
async fn a_token_signed_by_hs256_with_the_public_key_is_refused() {
    let issuer = Issuer::start(&[rsa(0)]).await;
    let verifier = verifier(&issuer).await;
    let modulus = rsa(0).jwk["n"].as_str().unwrap();
    let mut header = rsa(0).header();
    header["alg"] = "HS256".into();
    let text = header.to_string();
    for secret in [
        modulus.as_bytes().to_vec(),
        rsa(0).jwk.to_string().into_bytes(),
    ] {
        let message = format!(
            "{}.{}",
            encode(&text),
            encode(claims(&issuer.url).to_string())
        );
        let key = jsonwebtoken::EncodingKey::from_secret(&secret);
        let signature =
            jsonwebtoken::crypto::sign(message.as_bytes(), &key, jsonwebtoken::Algorithm::HS256);
        let token = format!("{message}.{}", signature.unwrap());
        let refusal = verify(&verifier, &token).await.unwrap_err();
        assert_eq!(refusal, Refusal::AlgorithmNotAllowed);
    }
}

/// Row 47: an unknown `kid`, and a known one with the signature of another key.
#[tokio::test]
async fn a_token_signed_by_an_unpublished_key_is_refused() {
    let issuer = Issuer::start(&[rsa(0), rsa(1)]).await;
    let verifier = verifier(&issuer).await;
    let claims = claims(&issuer.url);
    let refusal = verify(&verifier, &rsa(2).token(&claims)).await.unwrap_err();
    assert_eq!(refusal, Refusal::UnknownKey);
    let borrowed = rsa(2).sign(&rsa(0).header(), &claims);
    let refusal = verify(&verifier, &borrowed).await.unwrap_err();
    assert_eq!(refusal, Refusal::WrongSignature);
    // "If there are multiple keys in the referenced JWK Set document, a "kid" value MUST be provided",
    // OpenID Connect Core §10.1.
    let mut header = rsa(0).header();
    header.as_object_mut().unwrap().remove("kid");
    let nameless = rsa(0).sign(&header, &claims);
    let refusal = verify(&verifier, &nameless).await.unwrap_err();
    assert_eq!(refusal, Refusal::UnknownKey);
}

/// OpenID Connect Core §10.1.
#[tokio::test]
async fn a_token_without_kid_is_accepted_if_the_issuer_has_one_key() {
    let issuer = Issuer::start(&[rsa(0)]).await;
    let verifier = verifier(&issuer).await;
    let mut header = rsa(0).header();
    header.as_object_mut().unwrap().remove("kid");
    let token = rsa(0).sign(&header, &claims(&issuer.url));
    verify(&verifier, &token).await.unwrap();
    let forged = rsa(1).sign(&header, &claims(&issuer.url));
    let refusal = verify(&verifier, &forged).await.unwrap_err();
    assert_eq!(refusal, Refusal::WrongSignature);
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
    let good = [
        ("aud", json!(["https://other.test", AUDIENCE])),
        ("exp", json!(soon)),
        ("nbf", json!(now() - 5)),
        ("nbf", json!(now() + 5)),
        ("iat", json!(now() + 5)),
        ("exp", json!(i64::MAX)),
        ("exp", json!(1e300)),
    ];
    for (name, value) in good {
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

/// Row 47: "typ" is `at+jwt` or `application/at+jwt`, "and reject tokens carrying any other value", RFC
/// 9068 §4.
#[tokio::test]
async fn a_jwt_that_is_not_an_access_token_is_refused() {
    let issuer = Issuer::start(&[rsa(0)]).await;
    let verifier = verifier(&issuer).await;
    let with_jwt = Verifier::builder(&issuer.url, AUDIENCE).accept_typ_jwt(true);
    let with_jwt = with_jwt.build().await.unwrap();
    let claims = claims(&issuer.url);
    let cases = [
        ("at+jwt", true, true),
        ("AT+JWT", true, true),
        ("application/at+jwt", true, true),
        ("Application/AT+jwt", true, true),
        ("JWT", false, true),
        ("jwt", false, true),
        ("application/jwt", false, true),
        ("", false, false),
        ("application/", false, false),
        ("application/application/at+jwt", false, false),
        ("dpop+jwt", false, false),
        ("logout+jwt", false, false),
        ("éééééééat+jwt", false, false),
    ];
    for (typ, default, lenient) in cases {
        let mut header = rsa(0).header();
        header["typ"] = typ.into();
        let token = rsa(0).sign(&header, &claims);
        for (verifier, good) in [(&verifier, default), (&with_jwt, lenient)] {
            let outcome = verify(verifier, &token).await.map(drop);
            let expected = good.then_some(()).ok_or(Refusal::WrongType);
            assert_eq!(outcome, expected, "{typ}");
        }
    }
    let mut header = rsa(0).header();
    header.as_object_mut().unwrap().remove("typ");
    let refusal = verify(&with_jwt, &rsa(0).sign(&header, &claims))
        .await
        .unwrap_err();
    assert_eq!(refusal, Refusal::WrongType);
}

/// Row 47: keys in a token, or at URLs in a token, are not used (RFC 8725 §3.10).
#[tokio::test]
async fn a_token_cannot_bring_its_own_key() {
    let issuer = Issuer::start(&[rsa(0)]).await;
    let thief = Issuer::start(&[rsa(2)]).await;
    let verifier = verifier(&issuer).await;
    let claims = claims(&issuer.url);
    let theirs = format!("{}/keys", thief.url);
    let own: [(&str, Value); 4] = [
        ("jku", json!(theirs)),
        ("x5u", json!(theirs)),
        ("jwk", rsa(2).jwk.clone()),
        ("x5c", json!(["MIIB"])),
    ];
    for (name, value) in own {
        let mut header = rsa(2).header();
        header[name] = value.clone();
        let refusal = verify(&verifier, &rsa(2).sign(&header, &claims))
            .await
            .unwrap_err();
        assert_eq!(refusal, Refusal::UnknownKey, "{name}");
        header["kid"] = rsa(0).kid.clone().into();
        let refusal = verify(&verifier, &rsa(2).sign(&header, &claims))
            .await
            .unwrap_err();
        assert_eq!(refusal, Refusal::WrongSignature, "{name}");
        // In a valid token these members are ignored.
        let mut header = rsa(0).header();
        header[name] = value;
        verify(&verifier, &rsa(0).sign(&header, &claims))
            .await
            .unwrap();
    }
    assert_eq!(thief.requests("/keys"), 0);
}

/// RFC 7515 §4.1.11.
#[tokio::test]
async fn a_critical_extension_is_refused() {
    let issuer = Issuer::start(&[rsa(0)]).await;
    let verifier = verifier(&issuer).await;
    for crit in [
        json!(["b64"]),
        json!(["exp"]),
        json!([]),
        json!("x"),
        json!({}),
    ] {
        let mut header = rsa(0).header();
        header["crit"] = crit.clone();
        header["b64"] = true.into();
        let token = rsa(0).sign(&header, &claims(&issuer.url));
        let refusal = verify(&verifier, &token).await.unwrap_err();
        assert_eq!(refusal, Refusal::Critical, "{crit}");
    }
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
    let good = rsa(0).token(&claims(&issuer.url));
    let (message, signature) = good.rsplit_once('.').unwrap();
    let (header, payload) = message.split_once('.').unwrap();
    let malformed = [
        String::new(),
        ".".to_owned(),
        "..".to_owned(),
        "...".to_owned(),
        "a.b.c".to_owned(),
        message.to_owned(),
        format!("{good}."),
        format!(".{good}"),
        format!("{good}.{signature}"),
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

/// RFC 7518 §3.4, RFC 8037 §3.1: a key verifies with its own algorithm only.
#[tokio::test]
async fn other_algorithms_are_verified_when_they_are_allowed() {
    let (curve, edwards) = (Signer::es256(), Signer::ed25519());
    let issuer = Issuer::start(&[rsa(0), &curve, &edwards]).await;
    let all = [Algorithm::Rs256, Algorithm::Es256, Algorithm::EdDsa];
    let verifier = Verifier::builder(&issuer.url, AUDIENCE).algorithms(all);
    let verifier = verifier.build().await.unwrap();
    let claims = claims(&issuer.url);
    for signer in [rsa(0), &curve, &edwards] {
        let token = signer.token(&claims);
        verify(&verifier, &token).await.unwrap();
        let altered = token.replacen('.', ".A", 1);
        assert!(verify(&verifier, &altered).await.is_err());
    }
    // The `kid` of one key and the algorithm of another.
    let mut header = curve.header();
    header["kid"] = rsa(0).kid.clone().into();
    let refusal = verify(&verifier, &curve.sign(&header, &claims))
        .await
        .unwrap_err();
    assert_eq!(refusal, Refusal::UnknownKey);
}

/// RFC 8725 §3.8.
#[tokio::test]
async fn a_key_of_one_issuer_does_not_verify_tokens_of_another() {
    let ours = Issuer::start(&[rsa(0)]).await;
    let theirs = Issuer::start(&[rsa(1)]).await;
    let both = [verifier(&ours).await, verifier(&theirs).await];
    let both = Verifier::any_of(both).unwrap();
    verify(&both, &rsa(0).token(&claims(&ours.url)))
        .await
        .unwrap();
    verify(&both, &rsa(1).token(&claims(&theirs.url)))
        .await
        .unwrap();
    let refusal = verify(&both, &rsa(1).token(&claims(&ours.url)))
        .await
        .unwrap_err();
    assert_eq!(refusal, Refusal::UnknownKey);
    let stranger = rsa(0).token(&claims("https://third.test"));
    let refusal = verify(&both, &stranger).await.unwrap_err();
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
