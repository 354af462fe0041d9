//! Client authentication: Basic, body credentials, public clients.

use std::io::Write as _;
use std::process::{Command, Output, Stdio};

use jeton::store::Store;
use poem::http::Method;
use serde_json::json;

use crate::support::client::disable;
use crate::support::{Answer, Jeton, SECRET, SIGN_IN, and, basic_raw, encode, form};

/// Credentials with a slash, a space, a plus and a colon, which form-encoding changes.
const ODD_ID: &str = "1PpG/Q 1";
const ODD_SECRET: &str = "z/tZ9VwFZqApmIQ+ZH1I5pLk/uB4ud:X2/8bL+wfFTt1rFw=";

async fn start_with_confidential_client() -> Jeton {
    let jeton = Jeton::start().await;
    jeton.add_client("web", Some(SECRET), |_| {}).await;
    jeton
}

async fn refresh_as(jeton: &Jeton, authorization: &str, refresh_token: &str) -> Answer {
    let refresh = [
        ("grant_type", "refresh_token"),
        ("refresh_token", refresh_token),
    ];
    jeton.token_as(authorization, &refresh).await
}

/// row 9: "The client identifier is encoded using the "application/x-www-form-urlencoded" encoding
/// algorithm per Appendix B, and the encoded value is used as the username; the client password is
/// encoded using the same algorithm", RFC 6749 §2.3.1.
#[tokio::test]
async fn basic_credentials_are_form_decoded() {
    let jeton = Jeton::start().await;
    jeton.add_client(ODD_ID, Some(ODD_SECRET), |_| {}).await;
    let secret = "z%2FtZ9VwFZqApmIQ%2BZH1I5pLk%2FuB4ud%3AX2%2F8bL%2BwfFTt1rFw%3D";
    for id in ["1PpG%2FQ+1", "1PpG%2fQ%201", "1PpG/Q+1"] {
        jeton
            .token_as(&basic_raw(id, secret), &SIGN_IN)
            .await
            .tokens();
    }
    // One of the two is encoded, and the other one is as it was.
    for (id, secret, encoded) in [
        ("a/b", SECRET, ("a%2Fb", SECRET)),
        ("c", "x/y", ("c", "x%2Fy")),
    ] {
        jeton.add_client(id, Some(secret), |_| {}).await;
        let basic = basic_raw(encoded.0, encoded.1);
        jeton.token_as(&basic, &SIGN_IN).await.tokens();
    }
    let literal = "Basic MVBwRyUyRlErMTp6JTJGdFo5VndGWnFBcG1JUSUyQlpIMUk1cExrJTJGdUI0dWQlM0FYMiUyRjhiTCUyQndmRlR0MXJGdyUzRA==";
    assert_eq!(basic_raw("1PpG%2FQ+1", secret), literal);
}

/// row 9: Swagger UI, curl and many others send the credentials without form-encoding.
#[tokio::test]
async fn basic_credentials_without_form_encoding_are_accepted() {
    let jeton = Jeton::start().await;
    jeton.add_client(ODD_ID, Some(ODD_SECRET), |_| {}).await;
    let first = jeton
        .token_as(&basic_raw(ODD_ID, ODD_SECRET), &SIGN_IN)
        .await
        .tokens();
    let again = refresh_as(&jeton, &basic_raw(ODD_ID, ODD_SECRET), &first.refresh_token).await;
    again.tokens();
    // Credentials that cannot be form-decoded are compared as they are.
    jeton.add_client("100%", Some("%zz%"), |_| {}).await;
    jeton
        .token_as(&basic_raw("100%", "%zz%"), &SIGN_IN)
        .await
        .tokens();
}

/// row 9: the credentials are split at the first colon. A wrong secret is refused with and without form-decoding.
#[tokio::test]
async fn basic_credentials_that_differ_slightly_are_refused() {
    let jeton = Jeton::start().await;
    jeton.add_client(ODD_ID, Some(ODD_SECRET), |_| {}).await;
    let cut = ODD_SECRET.split(':').next().unwrap();
    let swapped = ODD_SECRET.replace('+', " ");
    for secret in [
        cut,
        &swapped,
        "",
        &ODD_SECRET[1..],
        &ODD_SECRET.to_lowercase(),
    ] {
        let answer = jeton.token_as(&basic_raw(ODD_ID, secret), &SIGN_IN).await;
        answer.assert_error(401, "invalid_client");
    }
    for id in ["1PpG/Q", "1ppg/q 1", "1PpG/Q 1 ", "1PpG/Q%2B1"] {
        let answer = jeton.token_as(&basic_raw(id, ODD_SECRET), &SIGN_IN).await;
        answer.assert_error(401, "invalid_client");
    }
}

/// row 10: "The authorization server MUST support the HTTP Basic authentication scheme for
/// authenticating clients that were issued a client password", RFC 6749 §2.3.1. The body is the
/// alternative, for both grants.
#[tokio::test]
async fn a_confidential_client_authenticates_by_basic_or_by_the_body() {
    let jeton = start_with_confidential_client().await;
    let basic = basic_raw("web", SECRET);
    let post = [("client_id", "web"), ("client_secret", SECRET)];
    let by_basic = jeton.token_as(&basic, &SIGN_IN).await.tokens();
    let by_post = jeton.token(&and(&SIGN_IN, &post)).await.tokens();
    refresh_as(&jeton, &basic, &by_post.refresh_token)
        .await
        .tokens();
    let refresh = [
        ("grant_type", "refresh_token"),
        ("refresh_token", &*by_basic.refresh_token),
    ];
    jeton.token(&and(&refresh, &post)).await.tokens();
}

/// row 11: "The client MUST NOT use more than one authentication method in each request", RFC 6749
/// §2.3.
#[tokio::test]
async fn two_authentication_methods_in_one_request_are_refused() {
    let jeton = start_with_confidential_client().await;
    let basic = basic_raw("web", SECRET);
    for post in [
        &[("client_id", "web"), ("client_secret", SECRET)][..],
        &[("client_secret", SECRET)],
        &[("client_secret", "wrong")],
    ] {
        let answer = jeton.token_as(&basic, &and(&SIGN_IN, post)).await;
        answer.assert_error(400, "invalid_request");
    }
    let twice = form("/token")
        .header("authorization", &*basic)
        .header("authorization", &*basic);
    let answer = jeton.send(twice.body(encode(&SIGN_IN))).await;
    answer.assert_error(400, "invalid_request");
}

/// row 11: a client may send its `client_id` in the body as well, RFC 6749 §3.2.1, but no other.
#[tokio::test]
async fn a_client_id_in_the_body_must_equal_the_basic_id() {
    let jeton = start_with_confidential_client().await;
    jeton.add_client(ODD_ID, Some(ODD_SECRET), |_| {}).await;
    for (id, secret) in [("web", SECRET), (ODD_ID, ODD_SECRET)] {
        let basic = basic_raw(id, secret);
        let same = and(&SIGN_IN, &[("client_id", id)]);
        let tokens = jeton.token_as(&basic, &same).await.tokens();
        for other in ["first-party", "missing", "Web"] {
            let differs = and(&SIGN_IN, &[("client_id", other)]);
            let answer = jeton.token_as(&basic, &differs).await;
            answer.assert_error(400, "invalid_request");
            // A refresh, for which the client is cached.
            let refresh = [
                ("grant_type", "refresh_token"),
                ("refresh_token", &*tokens.refresh_token),
                ("client_id", other),
            ];
            let answer = jeton.token_as(&basic, &refresh).await;
            answer.assert_error(400, "invalid_request");
        }
    }
}

/// row 12: Swagger UI sends `Og==`, an empty id and an empty secret, when both fields are left
/// empty.
#[tokio::test]
async fn empty_basic_credentials_are_ignored() {
    let jeton = start_with_confidential_client().await;
    let empty = "Basic Og==";
    jeton.token_as(empty, &SIGN_IN).await.tokens();
    let public = and(&SIGN_IN, &[("client_id", "first-party")]);
    jeton.token_as(empty, &public).await.tokens();
    let post = [("client_id", "web"), ("client_secret", SECRET)];
    jeton.token_as(empty, &and(&SIGN_IN, &post)).await.tokens();
    let answer = jeton.token_as(empty, &and(&SIGN_IN, &post[..1])).await;
    answer.assert_error(401, "invalid_client");
    let answer = jeton.token_as(&basic_raw("", "x"), &SIGN_IN).await;
    answer.assert_error(401, "invalid_client");
}

/// row 13: "the authorization server MUST respond with an HTTP 401 (Unauthorized) status code and
/// include the "WWW-Authenticate" response header field matching the authentication scheme used by
/// the client", RFC 6749 §5.2. Without credentials in a header, `Basic` would make a browser ask for a password.
#[tokio::test]
async fn a_client_that_fails_to_authenticate_gets_401_with_a_challenge() {
    let jeton = start_with_confidential_client().await;
    jeton.add_client("disabled", None, |_| {}).await;
    disable(&jeton.server.store, "disabled", &jeton.cause())
        .await
        .unwrap();
    let mut answers = Vec::new();
    for authorization in [
        basic_raw("web", "wrong"),
        basic_raw("missing", SECRET),
        "Basic".to_owned(),
        "Basic ".to_owned(),
        "Basic !!!".to_owned(),
        "Basic d2Vi".to_owned(),
        "Basic /////w==".to_owned(),
        "Basic d2Vi OnNl".to_owned(),
        "Bearer abc".to_owned(),
        "Digest username=\"web\"".to_owned(),
        "Basicd2ViOng=".to_owned(),
    ] {
        let answer = jeton.token_as(&authorization, &SIGN_IN).await;
        answers.push((answer, "Basic realm=\"jeton\", charset=\"UTF-8\""));
    }
    for post in [
        &[("client_id", "web"), ("client_secret", "wrong")][..],
        &[("client_id", "missing"), ("client_secret", SECRET)],
        &[("client_id", "missing")],
        &[("client_secret", SECRET)],
        &[("client_id", "disabled")],
    ] {
        let answer = jeton.token(&and(&SIGN_IN, post)).await;
        answers.push((answer, "Bearer realm=\"jeton\""));
    }
    let introspection = jeton.post("/introspect", "", &[("token", "x")]).await;
    answers.push((introspection, "Bearer realm=\"jeton\""));
    for (answer, expected) in answers {
        answer.assert_error(401, "invalid_client");
        assert_eq!(answer.header("www-authenticate"), Some(expected));
    }
}

/// row 14: "Confidential clients or other clients issued client credentials MUST authenticate with
/// the authorization server", RFC 6749 §3.2.1, §6.
#[tokio::test]
async fn a_confidential_client_authenticates_on_every_grant() {
    let jeton = start_with_confidential_client().await;
    let tokens = jeton
        .token_as(&basic_raw("web", SECRET), &SIGN_IN)
        .await
        .tokens();
    let refresh = [
        ("grant_type", "refresh_token"),
        ("refresh_token", &*tokens.refresh_token),
    ];
    for request in [&SIGN_IN[..], &refresh] {
        for post in [
            &[("client_id", "web")][..],
            &[("client_id", "web"), ("client_secret", "wrong")],
            &[("client_id", "web"), ("client_secret", "")],
        ] {
            let answer = jeton.token(&and(request, post)).await;
            answer.assert_error(401, "invalid_client");
        }
        let answer = jeton.token_as(&basic_raw("web", ""), request).await;
        answer.assert_error(401, "invalid_client");
    }
    // The refused requests did not rotate the refresh token.
    let answer = refresh_as(&jeton, &basic_raw("web", SECRET), &tokens.refresh_token).await;
    assert_ne!(answer.tokens().refresh_token, tokens.refresh_token);
}

/// row 14: "A client MAY use the "`client_id`" request parameter to identify itself when sending
/// requests to the token endpoint", RFC 6749 §3.2.1. A public client has no secret.
#[tokio::test]
async fn a_public_client_identifies_itself_by_client_id() {
    let jeton = Jeton::start().await;
    jeton.add_client("spa", None, |_| {}).await;
    let first = jeton.sign_in_at("spa").await;
    let refresh = [
        ("grant_type", "refresh_token"),
        ("refresh_token", &*first.refresh_token),
    ];
    // Without `client_id`, the request is the default client's, and the token is not.
    jeton
        .token(&refresh)
        .await
        .assert_error(400, "invalid_grant");
    let named = and(&refresh, &[("client_id", "spa")]);
    jeton.token(&named).await.tokens();
    jeton
        .token_as(&basic_raw("spa", ""), &SIGN_IN)
        .await
        .tokens();
    let invented = and(&SIGN_IN, &[("client_id", "spa"), ("client_secret", "x")]);
    jeton
        .token(&invented)
        .await
        .assert_error(401, "invalid_client");
}

/// row 14: a request without `client_id` comes from the default client, if there is one.
#[tokio::test]
async fn without_a_default_client_every_request_needs_a_client_id() {
    let jeton = Jeton::with(|settings| settings.default_client.clear()).await;
    jeton
        .token(&SIGN_IN)
        .await
        .assert_error(401, "invalid_client");
    jeton.sign_in_at("first-party").await;
}

/// row 15: a response does not show which clients exist or are disabled.
#[tokio::test]
async fn an_unknown_client_a_wrong_secret_and_a_disabled_client_get_the_same_response() {
    let jeton = start_with_confidential_client().await;
    jeton.add_client("off", Some(SECRET), |_| {}).await;
    jeton.add_client("spa", None, |_| {}).await;
    jeton.add_client("spa-off", None, |_| {}).await;
    for id in ["off", "spa-off"] {
        jeton.change_client(id, json!({ "disabled": true })).await;
    }
    let (mut by_header, mut by_body) = (Vec::new(), Vec::new());
    for (id, secret) in [
        ("missing", SECRET),
        ("missing", ""),
        ("MISSING", SECRET),
        ("web", "wrong"),
        ("web", ""),
        ("off", SECRET),
        ("off", "wrong"),
        ("spa", SECRET),
        ("spa-off", ""),
    ] {
        for grant in [
            &SIGN_IN[..],
            &[("grant_type", "refresh_token"), ("refresh_token", "x")],
        ] {
            by_header.push(jeton.token_as(&basic_raw(id, secret), grant).await);
            let post = [("client_id", id), ("client_secret", secret)];
            by_body.push(jeton.token(&and(grant, &post)).await);
        }
    }
    for answers in [by_header, by_body] {
        answers[0].assert_error(401, "invalid_client");
        for answer in &answers {
            assert_eq!(answer.status, answers[0].status);
            assert_eq!(answer.body, answers[0].body);
            assert_eq!(answer.steady_headers(), answers[0].steady_headers());
        }
    }
}

/// row 16: "It uses a case-insensitive token to identify the authentication scheme", RFC 9110 §11.1.
#[tokio::test]
async fn the_authentication_scheme_is_case_insensitive() {
    let jeton = start_with_confidential_client().await;
    let credentials = basic_raw("web", SECRET).split_off("Basic ".len());
    for scheme in ["basic", "BASIC", "bAsIc", "Basic "] {
        let authorization = format!("{scheme} {credentials}");
        jeton.token_as(&authorization, &SIGN_IN).await.tokens();
    }
    let unpadded = format!("Basic {}", credentials.trim_end_matches('='));
    jeton.token_as(&unpadded, &SIGN_IN).await.tokens();
    let tokens = jeton.sign_in().await;
    for scheme in ["bearer", "BEARER"] {
        let request = poem::Request::builder()
            .method(Method::GET)
            .uri("/account".parse().unwrap())
            .header("authorization", format!("{scheme} {}", tokens.access_token));
        assert_eq!(jeton.send(request.finish()).await.status, 200);
    }
}

/// row 17: an API must not mistake a client for a user, RFC 9700 §4.15 and RFC 9068 §5. A user's `sub` is a UUID.
#[tokio::test]
async fn a_client_id_cannot_be_a_uuid() {
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().join("data");
    std::fs::create_dir(&data).unwrap();
    let store = Store::open(&data.join("jeton.db")).await.unwrap();
    store.close().await.unwrap();
    let add = |id: &str| run_jeton(directory.path(), &["client", "add", id]);
    for id in [
        "0190a6c2-5b1c-7d2e-8f3a-0123456789ab",
        "0190A6C2-5B1C-7D2E-8F3A-0123456789AB",
        "0190a6c25b1c7d2e8f3a0123456789ab",
        "{0190a6c2-5b1c-7d2e-8f3a-0123456789ab}",
        "urn:uuid:0190a6c2-5b1c-7d2e-8f3a-0123456789ab",
    ] {
        let output = add(id);
        let error = String::from_utf8(output.stderr).unwrap();
        assert!(!output.status.success(), "{id}");
        assert!(error.contains("must not be a UUID"), "{error}");
    }
    let output = add("web");
    assert!(output.status.success(), "{output:?}");
    let listed = run_jeton(directory.path(), &["client", "list"]).stdout;
    let listed = String::from_utf8(listed).unwrap();
    assert!(
        listed.contains("web") && !listed.contains("0190"),
        "{listed}"
    );
}

/// row 17: a user's `sub` is a UUID, so it never equals a `client_id`.
#[tokio::test]
async fn the_sub_of_a_user_is_a_uuid() {
    let jeton = Jeton::start().await;
    let claims = crate::support::claims(&jeton.sign_in().await.access_token);
    let sub = claims["sub"].as_str().unwrap();
    assert_eq!(sub.parse::<uuid::Uuid>().unwrap().to_string(), sub);
}

/// Runs `jeton` in `directory`, with an empty environment.
fn run_jeton(directory: &std::path::Path, arguments: &[&str]) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_jeton"))
        .args(arguments)
        .current_dir(directory)
        .env_clear()
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().flush().unwrap();
    child.wait_with_output().unwrap()
}
