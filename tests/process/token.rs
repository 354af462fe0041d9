//! `jeton token inspect`: each reason why a token is refused.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;

use super::{PASSWORD, Place, Process};

/// The findings; and whether the exit code is 0. Nothing of the token may be printed.
fn inspect(place: &Place, token: &str, flags: &[&str]) -> (Vec<Value>, bool) {
    let arguments = [&["token", "inspect", "--json"][..], flags].concat();
    let outcome = place.run_with(&arguments, token);
    let bare = token.split_whitespace().last().unwrap();
    // The signature, or what follows the prefix.
    let secret = match bare.rsplit_once('.') {
        Some((_, signature)) => signature,
        None => bare.get(4..).unwrap_or_default(),
    };
    for output in [&outcome.stdout, &outcome.stderr] {
        assert!(secret.len() < 8 || !output.contains(secret), "{output}");
    }
    let objects = outcome.stdout.lines();
    let objects = objects.map(|line| serde_json::from_str(line).unwrap());
    (objects.collect(), outcome.status.success())
}

/// Asserts that the only failures are of these checks, and that each has its text.
#[track_caller]
fn assert_fails(place: &Place, token: &str, expected: &[(&str, &str)]) {
    let (findings, success) = inspect(place, token, &[]);
    let failures: Vec<_> = findings
        .iter()
        .filter(|finding| finding["state"] == "failure")
        .map(|finding| {
            (
                finding["check"].as_str().unwrap(),
                finding["text"].as_str().unwrap(),
            )
        })
        .collect();
    assert_eq!(failures.len(), expected.len(), "{findings:#?}");
    for ((check, text), (expected_check, expected_text)) in failures.iter().zip(expected) {
        assert_eq!(check, expected_check, "{findings:#?}");
        assert!(text.contains(expected_text), "{findings:#?}");
    }
    assert_eq!(success, expected.is_empty());
}

fn place() -> Place {
    let place = Place::furnished().set("JETON_ISSUER", "http://localhost:8080");
    for arguments in [
        &[
            "client",
            "add",
            "web",
            "--first-party",
            "--grant",
            "password",
            "--grant",
            "refresh_token",
        ][..],
        &[
            "client",
            "add",
            "opaque",
            "--first-party",
            "--grant",
            "password",
            "--access-token-format",
            "opaque",
        ],
    ] {
        place.ok(arguments);
    }
    place
}

fn sign_in(server: &Process, client: &str) -> Value {
    let answer = server.token(&[
        ("grant_type", "password"),
        ("client_id", client),
        ("username", "admin"),
        ("password", PASSWORD),
    ]);
    assert_eq!(answer.status, 200, "{}", answer.body);
    answer.json()
}

fn text(tokens: &Value, name: &str) -> String {
    tokens[name].as_str().unwrap().to_owned()
}

/// The token with header or claims replaced, and the former signature.
fn forge(token: &str, part: usize, change: impl FnOnce(&mut Value)) -> String {
    let mut parts: Vec<String> = token.split('.').map(str::to_owned).collect();
    let decoded = URL_SAFE_NO_PAD.decode(&parts[part]).unwrap();
    let mut object: Value = serde_json::from_slice(&decoded).unwrap();
    change(&mut object);
    parts[part] = URL_SAFE_NO_PAD.encode(object.to_string());
    parts.join(".")
}

const REFUSED: (&str, &str) = ("server", "this server refuses it");

#[test]
fn a_valid_token_has_no_failures() {
    let place = place();
    let server = place.start();
    let (web, opaque) = (sign_in(&server, "web"), sign_in(&server, "opaque"));
    for token in [
        text(&web, "access_token"),
        text(&web, "refresh_token"),
        text(&opaque, "access_token"),
    ] {
        assert_fails(&place, &token, &[]);
        assert_fails(&place, &format!("Bearer {token}\n"), &[]);
    }
    let access = text(&web, "access_token");
    let issuer = ["--audience", "http://localhost:8080"];
    assert!(inspect(&place, &access, &issuer).1);
    let other = ["--audience", "https://notes.example.com"];
    let (findings, success) = inspect(&place, &access, &other);
    assert!(!success);
    let refused = findings
        .iter()
        .find(|finding| finding["state"] == "failure");
    let said = refused.unwrap()["text"].as_str().unwrap();
    assert!(
        said.ends_with("not for https://notes.example.com"),
        "{said}"
    );
    // Nothing was changed.
    server.refreshed_at("web", &text(&web, "refresh_token"));
}

#[test]
fn each_fault_of_a_jwt_is_named() {
    let place = place();
    let server = place.start();
    let token = text(&sign_in(&server, "web"), "access_token");
    let signature = ("signature", "was changed, or it is forged");
    let forged = forge(&token, 1, |claims| claims["scope"] = "admin".into());
    assert_fails(&place, &forged, &[signature, REFUSED]);
    let expired = forge(&token, 1, |claims| claims["exp"] = 1_000_000_000.into());
    assert_fails(
        &place,
        &expired,
        &[signature, ("times", "it expired at"), REFUSED],
    );
    let early = forge(&token, 1, |claims| claims["nbf"] = 9_000_000_000_i64.into());
    assert_fails(&place, &early, &[signature, ("times", "(nbf)"), REFUSED]);
    let foreign = forge(&token, 1, |claims| {
        claims["iss"] = "https://other.example".into();
    });
    let issuer = ("iss", "is of the issuer \"https://other.example\"");
    assert_fails(&place, &foreign, &[signature, issuer, REFUSED]);
    let unsigned = forge(&token, 0, |header| header["alg"] = "none".into());
    assert_fails(
        &place,
        &unsigned,
        &[("alg", "not RS256"), signature, REFUSED],
    );
    let unknown = forge(&token, 0, |header| header["kid"] = "x".into());
    assert_fails(
        &place,
        &unknown,
        &[("kid", "another server signed it"), REFUSED],
    );
    assert_fails(
        &place,
        &token[..token.len() / 2],
        &[("form", "three parts")],
    );
    assert_fails(&place, "hunter2", &[("form", "no token of Jeton")]);
    let other = Place::furnished().set("JETON_ISSUER", "http://localhost:8081");
    assert_fails(
        &other,
        &token,
        &[
            ("iss", "this server is http://localhost:8081"),
            ("session", "there is no session"),
            REFUSED,
        ],
    );
    // The template's keys are shared; those of another store are not.
    place.ok(&["key", "rotate", "--emergency"]);
    let revoked = ("kid", "was revoked at");
    assert_fails(&place, &token, &[revoked, REFUSED]);
}

#[test]
fn an_ended_session_a_disabled_user_and_a_replay_are_named() {
    let place = place();
    let server = place.start();
    let first = sign_in(&server, "web");
    let refresh = text(&first, "refresh_token");
    let second = server.refreshed_at("web", &refresh);
    let third = server.refreshed_at("web", &text(&second, "refresh_token"));
    assert_fails(
        &place,
        &refresh,
        &[("rotation", "which revokes the session")],
    );
    let newest = text(&third, "refresh_token");
    assert_fails(&place, &newest, &[]);
    let damaged = newest.replace("jrt_AQ", "jrt_AB");
    assert_fails(&place, &damaged, &[("mac", "no root secret")]);
    assert_fails(&place, "jrt_AQ", &[("form", "is malformed")]);

    place
        .run_with(&["user", "add", "bob"], "seven lazy foxes jump\n")
        .ok();
    let bob = server.token(&[
        ("grant_type", "password"),
        ("client_id", "web"),
        ("username", "bob"),
        ("password", "seven lazy foxes jump"),
    ]);
    place.ok(&["user", "disable", "bob"]);
    let user = ("user", "user bob was disabled at");
    let session = ("session", "was revoked at");
    let bob = bob.json();
    assert_fails(
        &place,
        &text(&bob, "access_token"),
        &[user, session, REFUSED],
    );
    assert_fails(&place, &text(&bob, "refresh_token"), &[user, session]);
    place.ok(&["session", "revoke", "--user", "admin"]);
    let ended = ("user", "all sessions of user admin were ended since");
    let revoked = ("session", "operator; see `jeton audit list`");
    assert_fails(&place, &newest, &[ended, revoked]);
    assert_fails(
        &place,
        &text(&third, "access_token"),
        &[ended, revoked, REFUSED],
    );
}

#[test]
fn an_id_token_is_no_access_token() {
    let place = place();
    let server = place.start();
    let answer = server.token(&[
        ("grant_type", "password"),
        ("username", "admin"),
        ("password", PASSWORD),
        ("scope", "openid"),
    ]);
    let token = text(&answer.json(), "id_token");
    assert_fails(&place, &token, &[("typ", "it is an ID token")]);
}

impl Process {
    fn refreshed_at(&self, client: &str, refresh_token: &str) -> Value {
        let answer = self.token(&[
            ("grant_type", "refresh_token"),
            ("client_id", client),
            ("refresh_token", refresh_token),
        ]);
        assert_eq!(answer.status, 200, "{}", answer.body);
        answer.json()
    }
}
