use jeton_resource_server::{Algorithm, Refusal, Verifier};
use serde_json::{Value, json};

use crate::support::{AUDIENCE, Issuer, Signer, claims, encode, rsa, verifier, verify};

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
        for (verifier, valid) in [(&verifier, default), (&with_jwt, lenient)] {
            let outcome = verify(verifier, &token).await.map(drop);
            let expected = valid.then_some(()).ok_or(Refusal::WrongType);
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
    let second = format!("{}/keys", thief.url);
    let own: [(&str, Value); 4] = [
        ("jku", json!(second)),
        ("x5u", json!(second)),
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
