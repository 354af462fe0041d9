use std::fmt::Write as _;

use jeton::error::Error;
use jeton::response::oauth_error::OAuthError;
use poem::error::ResponseError as _;
use poem::http::Method;

use crate::support::{Answer, Jeton, SIGN_IN, and, basic_raw, encode, form};

/// row 37: with the characters of RFC 6749 §5.2. The reason is logged and not sent.
#[tokio::test]
async fn every_error_has_one_fixed_description_in_ascii() {
    let all = [
        Error::InvalidRequest("zqx".into()),
        Error::InvalidHead("zqx".into()),
        Error::HeadTooLarge,
        Error::ForeignOrigin,
        Error::TooLarge("zqx".into()),
        Error::RequestTimeout,
        Error::NotFound("zqx".into()),
        Error::MethodNotAllowed("GET".into()),
        Error::InvalidClient {
            reason: "zqx".into(),
            by_header: true,
        },
        Error::InvalidGrant("zqx".into()),
        Error::UnauthorizedClient("zqx".into()),
        Error::UnsupportedGrantType("zqx".into()),
        Error::InvalidScope("zqx".into()),
        Error::InvalidTarget("zqx".into()),
        Error::UnsupportedTokenType("zqx".into()),
        Error::InvalidToken("zqx".into()),
        Error::OtherAudience,
        Error::InsufficientScope("introspect".into()),
        Error::TemporarilyUnavailable("zqx".into()),
        Error::ServerError("zqx".into()),
    ];
    let mut table = String::new();
    for error in all {
        let response = OAuthError(error).as_response();
        let status = response.status().as_u16();
        let body = response.into_body().into_string().await.unwrap();
        assert!(!body.contains("zqx"), "{body}");
        let json: serde_json::Value = serde_json::from_str(&body).unwrap();
        let description = json["error_description"].as_str().unwrap();
        let plain = |byte| matches!(byte, 0x20..=0x21 | 0x23..=0x5B | 0x5D..=0x7E);
        assert!(description.bytes().all(plain), "{description}");
        let code = json["error"].as_str().unwrap();
        writeln!(table, "{status} {code}: {description}").unwrap();
    }
    insta::assert_snapshot!(table, @"
    400 invalid_request: The request is malformed. A form is application/x-www-form-urlencoded in UTF-8, with each parameter once. Use one method of authentication, never in the URL.
    400 invalid_request: The head of the request is not valid HTTP/1.1, or it has no Host header, a malformed one or more than one.
    431 invalid_request: The head of the request is too large.
    403 invalid_request: The Origin header names a page whose origin is not registered with any client. Register it. If a proxy forwards the header from another page, let the proxy remove it.
    413 invalid_request: The request body is too large.
    408 invalid_request: The request body did not arrive in time. Send it again.
    404 invalid_request: This path does not exist. See /docs for the API.
    405 invalid_request: Method not allowed; see the Allow header.
    401 invalid_client: The client is unknown, or not named by client_id, or its authentication is missing, wrong or not the registered one.
    400 invalid_grant: The username or password is wrong, or the code or the refresh token is invalid, expired, used or revoked, or was issued to another client, redirect_uri or code_verifier.
    400 unauthorized_client: The client is not registered for this grant type.
    400 unsupported_grant_type: Supported grant types are authorization_code, password, refresh_token and client_credentials.
    400 invalid_scope: The scope is malformed, or exceeds what the client or the session may have.
    400 invalid_target: The client or the session may not request this resource, or the request names more than one.
    400 unsupported_token_type: Access tokens of the client_credentials grant cannot be revoked. They expire.
    401 invalid_token: The bearer token is expired, revoked, damaged, or not for this server.
    401 invalid_token: The token is for another audience: see its aud. Request one for this server, with its issuer as resource.
    403 insufficient_scope: The bearer token lacks the scope that WWW-Authenticate names. Request it.
    503 temporarily_unavailable: The server is busy. Try again after Retry-After.
    500 server_error: The server failed. The request can be tried again.
    ");
}

/// row 37: the description names the parameter, from a fixed list.
#[tokio::test]
async fn the_description_names_the_parameter_that_is_wrong() {
    let jeton = Jeton::start().await;
    for (body, description) in [
        ("", "Missing parameter: grant_type."),
        (
            "grant_type=password&password=x",
            "Missing parameter: username.",
        ),
        (
            "grant_type=password&username=x",
            "Missing parameter: password.",
        ),
        (
            "grant_type=refresh_token",
            "Missing parameter: refresh_token.",
        ),
        (
            "grant_type=password&scope=a&scope=b",
            "Parameter given twice: scope.",
        ),
        (
            "grant_type=password&zqx=a&zqx=b",
            "Parameter given twice: one that the server does not use.",
        ),
    ] {
        let refused = jeton.post_raw(body).await;
        refused.assert_error(400, "invalid_request");
        assert_eq!(refused.json()["error_description"], description, "{body}");
    }
    let body = encode(&SIGN_IN);
    let refused = jeton.send(form("/token?username=zqx").body(body)).await;
    let description = "Parameter that must be in the body, not in the URL: username.";
    assert_eq!(refused.json()["error_description"], description);
    let refused = jeton
        .post("/revoke", "", &[("client_id", "first-party")])
        .await;
    let description = "Missing parameter: token.";
    assert_eq!(refused.json()["error_description"], description);
}

const ODD: &str = "zqx\"\\<b>é\u{1F980}\r\n";

/// Asserts that an error contains no part of [`ODD`].
#[track_caller]
fn assert_no_echo(answer: &Answer) {
    answer.assert_error_shape();
    // A random request id could contain the letters.
    let headers = format!("{:?}", answer.steady_headers()).to_ascii_lowercase();
    assert!(!headers.contains("zqx"), "{headers}");
    assert!(
        !answer.body.to_ascii_lowercase().contains("zqx"),
        "{}",
        answer.body
    );
}

/// row 37.
#[tokio::test]
async fn no_error_contains_a_parameter() {
    let jeton = Jeton::start().await;
    let refresh = [("grant_type", "refresh_token")];
    for (parameters, name) in [
        (and(&SIGN_IN[1..], &[]), "grant_type"),
        (vec![SIGN_IN[0], SIGN_IN[2]], "username"),
        (and(&SIGN_IN[..2], &[]), "password"),
        (and(&SIGN_IN, &[]), "scope"),
        (and(&SIGN_IN, &[]), "resource"),
        (and(&SIGN_IN, &[]), "client_id"),
        (and(&SIGN_IN, &[]), "client_secret"),
        (and(&refresh, &[]), "refresh_token"),
        (and(&refresh, &[("refresh_token", "jrt_x")]), "scope"),
    ] {
        for value in [ODD, "zqx"] {
            let odd = and(&parameters, &[(name, value)]);
            assert_no_echo(&jeton.token(&odd).await);
            let twice = and(&odd, &[(name, value)]);
            assert_no_echo(&jeton.token(&twice).await);
        }
    }
    assert_no_echo(&jeton.token(&and(&SIGN_IN, &[(ODD, "1"), (ODD, "2")])).await);
    assert_no_echo(&jeton.post_raw("zqx=%ZZ").await);
    assert_no_echo(&jeton.post_raw("zqx%ZZ").await);
}

/// row 37.
#[tokio::test]
async fn no_error_contains_a_header_path_query_or_method() {
    let jeton = Jeton::start().await;
    for authorization in [
        basic_raw("zqx", ODD),
        basic_raw(ODD, "zqx"),
        "Basic zqx!".to_owned(),
        "Bearer zqx".to_owned(),
        "Zqx realm".to_owned(),
    ] {
        assert_no_echo(&jeton.token_as(&authorization, &SIGN_IN).await);
    }
    let post = |path: &str| form(path).body(encode(&SIGN_IN));
    for request in [
        post("/zqx"),
        post("/token/zqx"),
        post("/token?client_id=zqx"),
        post("/token?zqx=%ZZ"),
        form("/token")
            .method(Method::from_bytes(b"ZQX").unwrap())
            .finish(),
        poem::Request::builder()
            .method(Method::POST)
            .uri("/token".parse().unwrap())
            .content_type("application/zqx")
            .finish(),
        poem::Request::builder()
            .uri("/zqx".parse().unwrap())
            .header("origin", "https://zqx.test")
            .header("x-request-id", "zqx")
            .finish(),
    ] {
        assert_no_echo(&jeton.send(request).await);
    }
}
