use std::time::Duration;

use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderValue};
use jeton_resource_server::{BuildError, Refusal, Requirement, Verifier, bearer_token};
use serde_json::json;

use crate::support::{AUDIENCE, Issuer, Signer, claims, claims_with, now, rsa, verifier, verify};

/// "Authorization servers SHOULD encode the corresponding claim values according to the guidance defined in
/// RFC 7643", RFC 9068 §2.2.3.1: there a group, a role and an entitlement are objects with a `value`.
#[tokio::test]
async fn roles_groups_and_entitlements_may_be_scim_objects() {
    let issuer = Issuer::start(&[rsa(0)]).await;
    let verifier = verifier(&issuer).await;
    let mut written = claims_with(
        &issuer.url,
        "groups",
        json!([
            { "value": "e9e30dba", "$ref": "https://issuer.test/Groups/e9e30dba", "display": "Guides" },
            "employees",
        ]),
    );
    written["roles"] = json!([{ "value": "admin", "primary": true }]);
    written["entitlements"] = json!([{ "value": "print", "type": null }]);
    let token = verify(&verifier, &rsa(0).token(&written)).await.unwrap();
    assert_eq!(token.groups, ["e9e30dba", "employees"]);
    assert_eq!(token.entitlements, ["print"]);
    assert!(token.has_role("admin"));
    for strange in [
        json!([7]),
        json!([{ "display": "x" }]),
        json!([["x"]]),
        json!({}),
    ] {
        let token = rsa(0).token(&claims_with(&issuer.url, "roles", strange));
        let refusal = verify(&verifier, &token).await.unwrap_err();
        assert_eq!(refusal, Refusal::MalformedClaims);
    }
}

/// An `auth_time` in milliseconds, for example, would make every sign-in recent forever.
#[tokio::test]
async fn a_sign_in_in_the_future_is_not_recent() {
    let issuer = Issuer::start(&[rsa(0)]).await;
    let verifier = verifier(&issuer).await;
    let recent = Requirement {
        max_age: Some(Duration::from_mins(10)),
        ..Requirement::NONE
    };
    for (auth_time, valid) in [
        (now() * 1000, false),
        (i64::MAX, false),
        (now() + 120, false),
        (now() + 20, true),
        (now(), true),
    ] {
        let token = rsa(0).token(&claims_with(&issuer.url, "auth_time", json!(auth_time)));
        let token = verify(&verifier, &token).await.unwrap();
        assert_eq!(token.satisfies(&recent).is_ok(), valid, "{auth_time}");
    }
}

/// RFC 7515 §4.1.11: the presence of the member counts, not its value.
#[tokio::test]
async fn a_critical_extension_of_null_is_refused() {
    let issuer = Issuer::start(&[rsa(0)]).await;
    let verifier = verifier(&issuer).await;
    let mut header = rsa(0).header();
    header["crit"] = json!(null);
    let token = rsa(0).sign(&header, &claims(&issuer.url));
    let refusal = verify(&verifier, &token).await.unwrap_err();
    assert_eq!(refusal, Refusal::Critical);
}

#[tokio::test]
async fn a_duplicate_member_is_refused_by_a_verifier_for_several_issuers() {
    let first = Issuer::start(&[rsa(0)]).await;
    let second = Issuer::start(&[rsa(1)]).await;
    let both = [verifier(&first).await, verifier(&second).await];
    let both = Verifier::any_of(both).unwrap();
    let claims = claims(&first.url).to_string();
    let header = rsa(0).header().to_string();
    for name in ["iss", "x"] {
        let twice = format!("{{\"{name}\":\"{}\",\"{name}\":\"\",", second.url);
        let twice = claims.replacen('{', &twice, 1);
        let refusal = verify(&both, &rsa(0).sign_text(&header, &twice)).await;
        assert_eq!(refusal.unwrap_err(), Refusal::Duplicate);
    }
}

#[tokio::test]
async fn an_api_may_have_several_audiences() {
    let issuer = Issuer::start(&[rsa(0)]).await;
    let builder = Verifier::builder(&issuer.url, AUDIENCE).also_audience("https://old.test");
    let verifier = builder.build().await.unwrap();
    for (aud, valid) in [
        (AUDIENCE, true),
        ("https://old.test", true),
        ("https://other.test", false),
    ] {
        let token = rsa(0).token(&claims_with(&issuer.url, "aud", json!(aud)));
        assert_eq!(verify(&verifier, &token).await.is_ok(), valid, "{aud}");
    }
    let empty = Verifier::builder(&issuer.url, AUDIENCE).also_audience("");
    assert_eq!(empty.build().await.unwrap_err(), BuildError::NoAudience);
    // The first audience is the default realm.
    let quote = Verifier::builder(&issuer.url, "a\"b");
    assert_eq!(quote.build().await.unwrap_err(), BuildError::Realm);
}

/// The default is 16 KiB.
#[tokio::test]
async fn a_token_has_a_maximum_length_per_issuer() {
    let first = Issuer::start(&[rsa(0)]).await;
    let second = Issuer::start(&[rsa(1)]).await;
    let default = verifier(&first).await;
    let long = Verifier::builder(&second.url, AUDIENCE).max_token_length(32 * 1024);
    let long = long.build().await.unwrap();
    let both = Verifier::any_of([default.clone(), long.clone()]).unwrap();
    let token = |signer: &Signer, issuer: &Issuer, size: usize| {
        let bare = signer.token(&claims_with(&issuer.url, "x", json!("")));
        let filler = "x".repeat((size - bare.len()) * 3 / 4);
        let token = signer.token(&claims_with(&issuer.url, "x", json!(filler)));
        assert!(token.len() <= size && token.len() > size - 8);
        token
    };
    let (first_longest, first_too_long) =
        (token(rsa(0), &first, 16384), token(rsa(0), &first, 16400));
    let (second_longest, second_too_long) =
        (token(rsa(1), &second, 32768), token(rsa(1), &second, 32784));
    for (verifier, token, valid) in [
        (&default, &first_longest, true),
        (&default, &first_too_long, false),
        (&long, &second_longest, true),
        (&long, &second_too_long, false),
        (&both, &first_longest, true),
        (&both, &first_too_long, false),
        (&both, &second_longest, true),
        (&both, &second_too_long, false),
    ] {
        let outcome = verify(verifier, token).await.map(drop);
        assert_eq!(outcome, valid.then_some(()).ok_or(Refusal::TooLong));
    }
    // Too long for every issuer: the token is not parsed.
    let junk = "A".repeat(32 * 1024 + 1);
    let refusal = verify(&both, &junk).await.unwrap_err();
    assert_eq!(refusal, Refusal::TooLong);
}

#[tokio::test]
async fn a_leeway_of_five_minutes_is_allowed() {
    let issuer = Issuer::start(&[rsa(0)]).await;
    let longest = Duration::from_mins(5);
    let builder = Verifier::builder(&issuer.url, AUDIENCE);
    let verifier = builder.expiry_leeway(longest).clock_skew(longest);
    verifier.build().await.unwrap();
}

#[test]
fn bearer_without_a_token_is_malformed() {
    for text in ["Bearer", "Bearer ", "bearer  "] {
        let value = HeaderValue::from_static(text);
        let headers = HeaderMap::from_iter([(AUTHORIZATION, value)]);
        assert_eq!(bearer_token(&headers, None, None), Err(Refusal::Malformed));
    }
}
