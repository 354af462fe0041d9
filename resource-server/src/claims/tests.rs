//! The limits of times, to the second. A test that reads the system clock cannot hit them.

use std::time::Duration;

use serde_json::{Value, json};

use super::*;
use crate::requirement::Requirement;

const NOW: i64 = 1_000_000;

const POLICY: fn(i64, i64) -> ClaimsPolicy = |expiry_leeway, clock_skew| ClaimsPolicy {
    issuer: "i".to_owned(),
    audiences: vec!["a".to_owned()],
    expiry_leeway,
    clock_skew,
};

fn read(name: &str, value: Value, policy: &ClaimsPolicy) -> Result<AccessToken, Refusal> {
    let mut claims = json!({
        "iss": "i", "sub": "s", "aud": "a", "client_id": "c", "jti": "j",
        "iat": NOW, "exp": NOW + 60, "auth_time": NOW,
    });
    if let Some(claims) = claims.as_object_mut() {
        claims.insert(name.to_owned(), value);
    }
    parse(claims.to_string().as_bytes(), policy, NOW)
}

fn outcome(name: &str, value: Value, policy: &ClaimsPolicy) -> Result<(), Refusal> {
    read(name, value, policy).map(drop)
}

/// "The current date/time MUST be before the expiration date/time", RFC 7519 §4.1.4.
#[test]
fn a_token_expires_at_the_second_of_exp() {
    let (strict, lenient) = (POLICY(0, 0), POLICY(5, 0));
    let expired = Err(Refusal::Expired);
    assert_eq!(outcome("exp", json!(NOW + 1), &strict), Ok(()));
    assert_eq!(outcome("exp", json!(NOW), &strict), expired);
    assert_eq!(outcome("exp", json!(1_000_000.9), &strict), expired);
    assert_eq!(outcome("exp", json!(NOW - 4), &lenient), Ok(()));
    assert_eq!(outcome("exp", json!(NOW - 5), &lenient), expired);
    assert_eq!(outcome("exp", json!(i64::MAX), &lenient), Ok(()));
    let token = read("exp", json!(1_000_001.9), &strict).unwrap();
    assert_eq!(token.expires_at, NOW + 1);
}

/// "After or equal to", RFC 7519 §4.1.5.
#[test]
fn a_token_is_valid_from_the_second_of_nbf_and_iat() {
    for skew in [0, 30] {
        let policy = POLICY(0, skew);
        for (name, refusal) in [
            ("nbf", Refusal::NotYetValid),
            ("iat", Refusal::IssuedInTheFuture),
        ] {
            assert_eq!(outcome(name, json!(NOW + skew), &policy), Ok(()));
            let early = outcome(name, json!(NOW + skew + 1), &policy);
            assert_eq!(early, Err(refusal), "{name}");
        }
    }
}

#[test]
fn max_age_is_exact_to_the_second() {
    let requirement = Requirement {
        max_age: Some(Duration::from_mins(10)),
        ..Requirement::NONE
    };
    let policy = POLICY(0, 30);
    for (auth_time, fresh) in [(NOW - 600, true), (NOW - 601, false), (NOW + 31, false)] {
        let token = read("auth_time", json!(auth_time), &policy).unwrap();
        assert_eq!(requirement.check(&token, NOW).is_ok(), fresh, "{auth_time}");
    }
}
