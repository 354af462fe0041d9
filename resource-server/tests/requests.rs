use std::time::Duration;

use http::header::{AUTHORIZATION, CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderMap, HeaderValue, StatusCode};
use jeton_resource_server::{
    AccessToken, BuildError, ProtectedResource, Refusal, Requirement, Verifier, bearer_token,
};
use serde_json::{Value, json};

use crate::support::{AUDIENCE, Issuer, claims, claims_with, now, rsa, verifier};

const WRITE: Requirement = Requirement::scopes(&["info:read", "info:write"]);
const FRESH: Requirement = Requirement {
    max_age: Some(Duration::from_mins(10)),
    acr_values: &["urn:mfa", "urn:phr"],
    ..Requirement::NONE
};

fn headers(values: &[&str]) -> HeaderMap {
    let values = values.iter().map(|value| HeaderValue::from_str(value));
    values
        .map(|value| (AUTHORIZATION, value.unwrap()))
        .collect()
}

async fn authorize(
    verifier: &Verifier,
    token: &str,
    requirement: &Requirement,
) -> Result<AccessToken, Refusal> {
    let headers = headers(&[&format!("Bearer {token}")]);
    verifier.authorize(&headers, None, None, requirement).await
}

fn challenge(verifier: &Verifier, refusal: Refusal, requirement: &Requirement) -> (u16, String) {
    let answer = verifier.error_response(refusal, requirement);
    let challenge = answer.headers().get(WWW_AUTHENTICATE);
    let challenge = challenge.map(|value| value.to_str().unwrap().to_owned());
    (answer.status().as_u16(), challenge.unwrap_or_default())
}

/// Row 54: no token, 401 and "the resource server SHOULD NOT include an error code", RFC 6750 §3.1.
#[tokio::test]
async fn a_request_without_a_token_gets_a_challenge_without_an_error_code() {
    let issuer = Issuer::start(&[rsa(0)]).await;
    let verifier = verifier(&issuer).await;
    for values in [
        &[][..],
        &["Basic Og=="],
        &["Bearer"].map(|_| "Digest x"),
        &[""],
    ] {
        let refusal = bearer_token(&headers(values), None, None).unwrap_err();
        assert_eq!(refusal, Refusal::NoToken, "{values:?}");
    }
    let expected = format!("Bearer realm=\"{AUDIENCE}\"");
    let answer = challenge(&verifier, Refusal::NoToken, &Requirement::NONE);
    assert_eq!(answer, (401, expected.clone()));
    // The required scope is not error information.
    let answer = challenge(&verifier, Refusal::NoToken, &WRITE);
    assert_eq!(
        answer,
        (401, format!("{expected}, scope=\"info:read info:write\""))
    );
}

/// Row 54: an invalid token, 401 `invalid_token`.
#[tokio::test]
async fn an_invalid_token_gets_invalid_token() {
    let issuer = Issuer::start(&[rsa(0)]).await;
    let verifier = verifier(&issuer).await;
    let expired = rsa(0).token(&claims_with(&issuer.url, "exp", json!(now() - 1)));
    for token in [expired.as_str(), "", "x", "a b", "a.b.c, Bearer d.e.f"] {
        let refusal = authorize(&verifier, token, &WRITE).await.unwrap_err();
        let (status, challenge) = challenge(&verifier, refusal, &WRITE);
        assert_eq!(status, 401, "{token}");
        assert!(challenge.contains("error=\"invalid_token\""), "{challenge}");
        assert!(!challenge.contains("scope="), "{challenge}");
    }
    let answer = verifier.error_response(Refusal::Expired, &WRITE);
    assert_eq!(answer.headers()[CONTENT_TYPE], "application/problem+json");
    assert_eq!(answer.headers()[CACHE_CONTROL], "no-store");
    let body: Value = serde_json::from_str(answer.body()).unwrap();
    let expected = json!({
        "type": "about:blank",
        "title": "Unauthorized",
        "status": 401,
        "detail": "The access token has expired.",
        "error": "invalid_token",
    });
    assert_eq!(body, expected);
}

/// Row 54: insufficient scope, 403 `insufficient_scope` and "the "scope" attribute with the scope
/// necessary", RFC 6750 §3.1.
#[tokio::test]
async fn insufficient_scope_gets_a_challenge_with_the_required_scope() {
    let issuer = Issuer::start(&[rsa(0)]).await;
    let verifier = verifier(&issuer).await;
    authorize(&verifier, &rsa(0).token(&claims(&issuer.url)), &WRITE)
        .await
        .unwrap();
    for scope in [
        json!("info:read"),
        json!(""),
        json!("info:write info:readable"),
        Value::Null,
    ] {
        let token = rsa(0).token(&claims_with(&issuer.url, "scope", scope));
        let refusal = authorize(&verifier, &token, &WRITE).await.unwrap_err();
        let (status, challenge) = challenge(&verifier, refusal, &WRITE);
        assert_eq!(status, 403);
        assert!(
            challenge.contains("error=\"insufficient_scope\""),
            "{challenge}"
        );
        assert!(
            challenge.ends_with("scope=\"info:read info:write\""),
            "{challenge}"
        );
    }
}

#[tokio::test]
async fn a_token_needs_one_of_the_required_roles() {
    const ROLES: Requirement = Requirement {
        roles: &["owner", "admin"],
        ..Requirement::NONE
    };
    let issuer = Issuer::start(&[rsa(0)]).await;
    let verifier = verifier(&issuer).await;
    authorize(&verifier, &rsa(0).token(&claims(&issuer.url)), &ROLES)
        .await
        .unwrap();
    for roles in [json!(["user"]), json!([]), Value::Null] {
        let token = rsa(0).token(&claims_with(&issuer.url, "roles", roles));
        let refusal = authorize(&verifier, &token, &ROLES).await.unwrap_err();
        assert_eq!(refusal, Refusal::InsufficientRole);
        assert_eq!(refusal.status(), StatusCode::FORBIDDEN);
    }
}

/// Row 54: "Clients MUST NOT use more than one method to transmit the token in each request", RFC 6750
/// §2; "Clients MUST NOT pass access tokens in a URI query parameter", RFC 9700 §4.3.2.
#[tokio::test]
async fn a_second_token_or_one_in_the_query_is_a_bad_request() {
    let issuer = Issuer::start(&[rsa(0)]).await;
    let verifier = verifier(&issuer).await;
    let one = headers(&["Bearer x.y.z"]);
    let form = |form: &'static str| bearer_token(&one, None, Some(form.as_bytes()));
    let query = |query: &'static str| bearer_token(&one, Some(query), None);
    let (none, two) = (headers(&[]), headers(&["Bearer a", "Bearer b"]));
    let cases = [
        (form("access_token=x.y.z"), Refusal::SeveralTokens),
        (form("a=b&access_token="), Refusal::SeveralTokens),
        (form("a=b&%61ccess%5Ftoken=x"), Refusal::SeveralTokens),
        (query("access_token=x.y.z"), Refusal::TokenInQuery),
        (query("a=b&access%5ftoken"), Refusal::TokenInQuery),
        (
            bearer_token(&none, Some("access_token=x"), None),
            Refusal::TokenInQuery,
        ),
        (bearer_token(&two, None, None), Refusal::SeveralTokens),
    ];
    for (outcome, expected) in cases {
        let refusal = outcome.unwrap_err();
        assert_eq!(refusal, expected);
        let (status, challenge) = challenge(&verifier, refusal, &WRITE);
        assert_eq!(status, 400);
        assert!(
            challenge.contains("error=\"invalid_request\""),
            "{challenge}"
        );
    }
    for valid in [
        form("access_tokens=1&token=access_token"),
        query("a=access_token&\u{e9}=1"),
    ] {
        assert_eq!(valid, Ok("x.y.z"));
    }
}

/// RFC 9110 §11.1: the scheme is compared without regard to case.
#[test]
fn the_scheme_is_case_insensitive() {
    for value in [
        "Bearer x.y.z",
        "bearer x.y.z",
        "BEARER   x.y.z ",
        "bEARER x.y.z",
    ] {
        assert_eq!(bearer_token(&headers(&[value]), None, None), Ok("x.y.z"));
    }
    let not_text = HeaderValue::from_bytes(b"Bearer \xff").unwrap();
    let map = HeaderMap::from_iter([(AUTHORIZATION, not_text)]);
    assert_eq!(bearer_token(&map, None, None), Err(Refusal::Malformed));
}

/// RFC 9470 §3: "`insufficient_user_authentication`", `max_age`, `acr_values`.
#[tokio::test]
async fn a_sign_in_that_is_too_old_gets_a_challenge_with_max_age() {
    let issuer = Issuer::start(&[rsa(0)]).await;
    let verifier = verifier(&issuer).await;
    let token = |auth_time: Value, acr: Value| {
        let mut claims = claims_with(&issuer.url, "auth_time", auth_time);
        claims["acr"] = acr;
        rsa(0).token(&claims)
    };
    let valid = token(json!(now() - 590), json!("urn:phr"));
    authorize(&verifier, &valid, &FRESH).await.unwrap();
    let invalid = [
        token(json!(now() - 602), json!("urn:phr")),
        token(Value::Null, json!("urn:phr")),
        token(json!(i64::MIN), json!("urn:phr")),
        token(json!(now()), json!("urn:pwd")),
        token(json!(now()), Value::Null),
    ];
    for token in invalid {
        let refusal = authorize(&verifier, &token, &FRESH).await.unwrap_err();
        let (status, challenge) = challenge(&verifier, refusal, &FRESH);
        assert_eq!(status, 401);
        for part in [
            "error=\"insufficient_user_authentication\"",
            "max_age=\"600\"",
            "acr_values=\"urn:mfa urn:phr\"",
        ] {
            assert!(challenge.contains(part), "{challenge}");
        }
    }
}

#[tokio::test]
async fn unavailable_keys_get_503_with_retry_after() {
    let issuer = Issuer::start(&[rsa(0)]).await;
    let verifier = verifier(&issuer).await;
    let answer = verifier.error_response(Refusal::KeysUnavailable, &WRITE);
    assert_eq!(answer.status(), 503);
    assert_eq!(answer.headers()[RETRY_AFTER], "5");
    assert!(!answer.headers().contains_key(WWW_AUTHENTICATE));
}

/// RFC 9728 §3.1, §5.1.
#[tokio::test]
async fn the_challenge_contains_the_url_of_the_resource_metadata() {
    let issuer = Issuer::start(&[rsa(0)]).await;
    let resource = ProtectedResource::new("https://api.test/v1/", &issuer.url)
        .unwrap()
        .scope("info:read")
        .name("Info");
    assert_eq!(resource.path(), "/.well-known/oauth-protected-resource/v1/");
    let document: Value = serde_json::from_str(&resource.json()).unwrap();
    let expected = json!({
        "resource": "https://api.test/v1/",
        "authorization_servers": [issuer.url],
        "scopes_supported": ["info:read"],
        "bearer_methods_supported": ["header"],
        "resource_name": "Info",
    });
    assert_eq!(document, expected);
    let builder = Verifier::builder(&issuer.url, AUDIENCE).realm("info");
    let verifier = builder.protected_resource(resource).build().await.unwrap();
    let (_, challenge) = challenge(&verifier, Refusal::NoToken, &Requirement::NONE);
    let url = "https://api.test/.well-known/oauth-protected-resource/v1/";
    assert_eq!(
        challenge,
        format!("Bearer realm=\"info\", resource_metadata=\"{url}\"")
    );
    let root = ProtectedResource::new("https://api.test", "https://issuer.test").unwrap();
    assert_eq!(
        root.url(),
        "https://api.test/.well-known/oauth-protected-resource"
    );
    for invalid in [
        "api",
        "",
        "urn:api",
        "https://api.test/#x",
        "https://api.test/?a=\\",
    ] {
        assert!(
            ProtectedResource::new(invalid, "https://issuer.test").is_none(),
            "{invalid}"
        );
    }
}

#[tokio::test]
async fn build_refuses_a_realm_that_cannot_be_quoted_and_empty_settings() {
    let build = |audience: &str, realm: &str| {
        Verifier::builder("https://issuer.test", audience)
            .realm(realm)
            .build()
    };
    assert_eq!(build("", "x").await.unwrap_err(), BuildError::NoAudience);
    for realm in ["a\"b", "a\\b", "a\r\nb", "\u{e9}"] {
        assert_eq!(build(AUDIENCE, realm).await.unwrap_err(), BuildError::Realm);
    }
    let none = Verifier::builder("https://issuer.test", AUDIENCE).algorithms([]);
    assert_eq!(none.build().await.unwrap_err(), BuildError::NoAlgorithm);
}
