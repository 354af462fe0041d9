use std::sync::Arc;
use std::time::Duration;

use jeton::app::layered;
use jeton::config::Span;
use poem::endpoint::{make, make_sync};
use poem::http::{Method, StatusCode};
use poem::{Body, Endpoint, Request, Response};

use crate::support::{Answer, Jeton, SIGN_IN, and, encode, form};

async fn send(endpoint: impl Endpoint<Output = Response>, path: &str) -> Answer {
    let request = Request::builder().uri(path.parse().unwrap());
    let request = request.header("host", "jeton.test").finish();
    let response = endpoint.call(request).await.unwrap();
    let (parts, body) = response.into_parts();
    Answer {
        status: parts.status,
        headers: parts.headers,
        body: body.into_string().await.unwrap(),
    }
}

#[track_caller]
fn assert_problem(answer: &Answer, status: u16) {
    assert_eq!(answer.status.as_u16(), status, "{}", answer.body);
    assert_eq!(
        answer.header("content-type"),
        Some("application/problem+json")
    );
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    assert_eq!(answer.header("pragma"), Some("no-cache"));
    assert_eq!(answer.json()["status"], status);
}

/// row 34: "The authorization server MUST include the HTTP "Cache-Control" response header field
/// [...] with a value of "no-store" in any response containing tokens", RFC 6749 §5.1; here also in
/// every error, including the framework's, each in the shape of RFC 6749 §5.2.
#[tokio::test]
async fn every_error_has_the_oauth_shape_and_is_not_cacheable() {
    let jeton = Jeton::start().await;
    jeton
        .add_client("refresher", None, |client| {
            client.grant_types = "refresh_token".to_owned();
        })
        .await;
    let sign_in = |more: &[(&str, &str)]| form("/token").body(encode(&and(&SIGN_IN, more)));
    let json = Request::builder()
        .method(Method::POST)
        .uri("/token".parse().unwrap())
        .content_type("application/json")
        .body("{}");
    let get = |path: &str| Request::builder().uri(path.parse().unwrap()).finish();
    for (request, status, code) in [
        (form("/token").body(""), 400, "invalid_request"),
        (json, 400, "invalid_request"),
        (
            form("/token").body("grant_type=x"),
            400,
            "unsupported_grant_type",
        ),
        (
            form("/token").body("grant_type=password&username=alice&password=x"),
            400,
            "invalid_grant",
        ),
        (
            form("/token").body("grant_type=refresh_token&refresh_token=x"),
            400,
            "invalid_grant",
        ),
        (sign_in(&[("scope", "admin")]), 400, "invalid_scope"),
        (sign_in(&[("resource", "https://x")]), 400, "invalid_target"),
        (
            sign_in(&[("client_id", "refresher")]),
            400,
            "unauthorized_client",
        ),
        (sign_in(&[("client_id", "unknown")]), 401, "invalid_client"),
        (get("/token"), 405, "invalid_request"),
        (get("/nothing"), 404, "invalid_request"),
        (get("/token/"), 404, "invalid_request"),
        (form("/nothing").body("a=b"), 404, "invalid_request"),
        (form("/jwks.json").body("a=b"), 405, "invalid_request"),
        (form("/docs").body("a=b"), 405, "invalid_request"),
        (
            form("/token").body(vec![b'x'; 20_000]),
            413,
            "invalid_request",
        ),
    ] {
        let what = format!("{} {}", request.method(), request.uri());
        let answer = jeton.send(request).await;
        assert_eq!(answer.status.as_u16(), status, "{what} {}", answer.body);
        answer.assert_error(status, code);
        assert_eq!(answer.header("x-request-id").unwrap().len(), 12);
    }
}

/// row 34: the account API returns problem details, RFC 9457.
#[tokio::test]
async fn no_response_of_the_account_api_is_cacheable() {
    let jeton = Jeton::start().await;
    let tokens = jeton.sign_in().await;
    let answer = jeton.get_with("/account", &tokens.access_token).await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    assert_eq!(answer.header("pragma"), Some("no-cache"));
    assert_problem(&jeton.get("/account").await, 401);
    assert_problem(&jeton.get("/account/nothing").await, 404);
    let answer = jeton.send(form("/account/sessions").body("a=b")).await;
    assert_problem(&answer, 405);
    assert_eq!(answer.header("allow"), Some("GET, HEAD, DELETE"));
}

/// row 34: the endpoint decides the format, not the issuer's path.
#[tokio::test]
async fn an_issuer_below_account_changes_no_error_format() {
    let issuer = "https://jeton.test/account";
    let jeton = Jeton::with(|settings| issuer.clone_into(&mut settings.issuer)).await;
    let answer = jeton.get("/account/token").await;
    answer.assert_error(405, "invalid_request");
    let answer = jeton.get("/account/nothing").await;
    answer.assert_error(404, "invalid_request");
    jeton
        .get("/accounts/account")
        .await
        .assert_error(404, "invalid_request");
    assert_problem(&jeton.get("/account/account").await, 401);
    let answer = jeton
        .send(form("/account/account/sessions").body("a=b"))
        .await;
    assert_problem(&answer, 405);
}

/// row 34: a panic does not close the connection.
#[tokio::test]
async fn a_panic_is_500_in_the_error_format_of_its_endpoint() {
    let panicking = || make_sync(|_| -> Response { panic!("on purpose: zqx") });
    let server = Jeton::start().await.server;
    for path in ["/token", "/.well-known/jwks.json", "/docs", "/nothing"] {
        let answer = send(layered(panicking(), Arc::clone(&server)), path).await;
        answer.assert_error(500, "server_error");
        assert!(!answer.body.contains("zqx"));
    }
    let answer = send(layered(panicking(), Arc::clone(&server)), "/account").await;
    assert_problem(&answer, 500);
    assert!(!answer.body.contains("zqx"));
    // A panic after the first await.
    let later = make(|_| async {
        tokio::task::yield_now().await;
        let nothing: Vec<Response> = Vec::new();
        nothing.into_iter().next().unwrap()
    });
    send(layered(later, Arc::clone(&server)), "/token")
        .await
        .assert_error(500, "server_error");
}

/// row 34.
#[tokio::test]
async fn an_error_of_the_framework_has_the_oauth_shape() {
    let server = Jeton::start().await.server;
    for (raised, status, code) in [
        (StatusCode::UNSUPPORTED_MEDIA_TYPE, 400, "invalid_request"),
        (StatusCode::LENGTH_REQUIRED, 400, "invalid_request"),
        (StatusCode::BAD_GATEWAY, 500, "server_error"),
    ] {
        let raising = make(move |_| async move {
            Err::<Response, _>(poem::Error::from_string("zqx \"quoted\"", raised))
        });
        let answer = send(layered(raising, Arc::clone(&server)), "/token").await;
        answer.assert_error(status, code);
        assert!(!answer.body.contains("zqx"));
    }
}

/// row 38: a request that exceeds the timeout while its body arrives is 408.
#[tokio::test]
async fn a_body_that_never_ends_is_408() {
    let jeton = Jeton::with(|settings| {
        settings.server.request_timeout = Span(Duration::from_millis(20));
    })
    .await;
    let endless =
        || Body::from_bytes_stream(futures_util::stream::pending::<std::io::Result<Vec<u8>>>());
    let answer = jeton.send(form("/token").body(endless())).await;
    answer.assert_error(408, "invalid_request");
    assert_eq!(answer.header("connection"), Some("close"));
    let registration = Request::builder()
        .method(Method::POST)
        .uri("/account".parse().unwrap())
        .content_type("application/json")
        .body(endless());
    assert_problem(&jeton.send(registration).await, 408);
}

/// row 38: else it is 503.
#[tokio::test]
async fn a_response_that_takes_too_long_is_503_with_retry_after() {
    let jeton = Jeton::with(|settings| {
        settings.server.request_timeout = Span(Duration::from_millis(20));
    })
    .await;
    let endless = make(|_| std::future::pending::<Response>());
    let answer = send(layered(endless, Arc::clone(&jeton.server)), "/token").await;
    answer.assert_error(503, "temporarily_unavailable");
    assert!(answer.header("retry-after").is_some());
}

/// The log contains the same id.
#[tokio::test]
async fn every_response_has_its_own_request_id() {
    let jeton = Jeton::start().await;
    let one = jeton.get("/healthz").await;
    let two = jeton.get("/healthz").await;
    assert_ne!(
        one.header("x-request-id").unwrap(),
        two.header("x-request-id").unwrap()
    );
}

/// No content sniffing, no frames, no referrer.
#[tokio::test]
async fn every_response_restricts_the_browser_by_headers() {
    let jeton = Jeton::start().await;
    for path in [
        "/",
        "/docs",
        "/openapi.json",
        "/.well-known/jwks.json",
        "/account",
        "/token",
        "/nothing",
        "/healthz",
    ] {
        let answer = jeton.get(path).await;
        let policy = answer.header("content-security-policy").unwrap();
        assert!(
            policy.starts_with("default-src 'none';"),
            "{path}: {policy}"
        );
        assert!(
            policy.ends_with("frame-ancestors 'none'"),
            "{path}: {policy}"
        );
        assert!(!policy.contains("unsafe"), "{path}: {policy}");
        assert_eq!(
            answer.header("x-content-type-options"),
            Some("nosniff"),
            "{path}"
        );
        assert_eq!(
            answer.header("referrer-policy"),
            Some("no-referrer"),
            "{path}"
        );
        // Swagger UI opens the sign-in page in a window and hears of its end.
        let opener_policy = match path {
            "/docs" => "same-origin-allow-popups",
            _ => "same-origin",
        };
        assert_eq!(
            answer.header("cross-origin-opener-policy"),
            Some(opener_policy),
            "{path}"
        );
    }
}
