use std::time::Duration;

use jeton_resource_server::{Refusal, Requirement, Verifier};
use serde_json::json;

use crate::support::{Issuer, claims, claims_with, now, rsa, verifier, verify};

/// "Authorization servers SHOULD encode the corresponding claim values according to the guidance defined in
/// RFC 7643", RFC 9068 §2.2.3.1: there a group, a role and an entitlement are objects with a `value`.
#[tokio::test]
async fn roles_and_groups_may_be_written_as_scim_writes_them() {
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

/// An `auth_time` in milliseconds, say, would make every sign-in a fresh one for ever.
#[tokio::test]
async fn a_sign_in_that_is_yet_to_come_is_not_fresh() {
    let issuer = Issuer::start(&[rsa(0)]).await;
    let verifier = verifier(&issuer).await;
    let fresh = Requirement {
        max_age: Some(Duration::from_mins(10)),
        ..Requirement::NONE
    };
    for (auth_time, good) in [
        (now() * 1000, false),
        (i64::MAX, false),
        (now() + 120, false),
        (now() + 20, true),
        (now(), true),
    ] {
        let token = rsa(0).token(&claims_with(&issuer.url, "auth_time", json!(auth_time)));
        let token = verify(&verifier, &token).await.unwrap();
        assert_eq!(token.satisfies(&fresh).is_ok(), good, "{auth_time}");
    }
}

/// RFC 7515 §4.1.11: the member itself says that there is something to understand.
#[tokio::test]
async fn a_critical_extension_of_null_is_not_passed_over() {
    let issuer = Issuer::start(&[rsa(0)]).await;
    let verifier = verifier(&issuer).await;
    let mut header = rsa(0).header();
    header["crit"] = json!(null);
    let token = rsa(0).sign(&header, &claims(&issuer.url));
    let refusal = verify(&verifier, &token).await.unwrap_err();
    assert_eq!(refusal, Refusal::Critical);
}

/// Whether one issuer is trusted or several, what comes twice is told as that.
#[tokio::test]
async fn a_member_that_comes_twice_is_told_by_a_verifier_of_several_issuers() {
    let ours = Issuer::start(&[rsa(0)]).await;
    let theirs = Issuer::start(&[rsa(1)]).await;
    let both = [verifier(&ours).await, verifier(&theirs).await];
    let both = Verifier::any_of(both).unwrap();
    let claims = claims(&ours.url).to_string();
    let header = rsa(0).header().to_string();
    for name in ["iss", "x"] {
        let twice = format!("{{\"{name}\":\"{}\",\"{name}\":\"\",", theirs.url);
        let twice = claims.replacen('{', &twice, 1);
        let refusal = verify(&both, &rsa(0).sign_text(&header, &twice)).await;
        assert_eq!(refusal.unwrap_err(), Refusal::Duplicate);
    }
}
