use std::time::Duration;

use jeton::app::layered;
use jeton::config::Span;
use poem::endpoint::{BoxEndpoint, make_sync};
use poem::http::{HeaderValue, Method};
use poem::{Body, Endpoint as _, EndpointExt as _, Request, RequestBuilder, Response};
use serde_json::json;

use crate::support::{ALICE, Answer, ISSUER, Jeton, SECRET, SIGN_IN, and, basic_raw, encode, form};

/// Registered with the public client `app`.
const APP: &str = "https://app.example.com";
/// Registered with the confidential client `backend`.
const BACKEND: &str = "https://backend.example.com";
/// Registered with the client `gone`, which is disabled.
const DISABLED: &str = "https://gone.example.com";
/// Not registered.
const UNREGISTERED: &str = "https://unregistered.example.com";

const ALLOW_ORIGIN: &str = "access-control-allow-origin";

/// A server with three clients that have origins, and `first-party` without.
async fn start() -> Jeton {
    let jeton = Jeton::start().await;
    register(&jeton).await;
    jeton
}

async fn register(jeton: &Jeton) {
    let clients = [
        ("app", None, APP),
        ("backend", Some(SECRET), BACKEND),
        ("gone", None, DISABLED),
    ];
    for (id, secret, origin) in clients {
        jeton.add_client(id, secret, |_| {}).await;
        jeton.set_origins(id, &[origin]).await;
    }
    jeton
        .change_client("gone", json!({ "disabled": true }))
        .await;
}

fn request(method: Method, path: &str) -> RequestBuilder {
    Request::builder().method(method).uri(path.parse().unwrap())
}

fn sign_in(client_id: &str) -> String {
    encode(&and(&SIGN_IN, &[("client_id", client_id)]))
}

async fn token_from(jeton: &Jeton, origin: &str, body: impl Into<Body>) -> Answer {
    let request = form("/token").header("origin", origin).body(body);
    jeton.send(request).await
}

async fn preflight(jeton: &Jeton, origin: &str, path: &str) -> Answer {
    let request = request(Method::OPTIONS, path)
        .header("origin", origin)
        .header("access-control-request-method", "POST")
        .header("access-control-request-headers", "content-type");
    jeton.send(request.finish()).await
}

fn cors_headers(answer: &Answer) -> Vec<(String, String)> {
    let mut headers = answer.steady_headers();
    headers.retain(|(name, _)| name.starts_with("access-control-"));
    headers
}

/// Asserts that pages of this origin alone may read the response.
#[track_caller]
fn assert_readable(answer: &Answer, origin: &str) {
    assert_eq!(answer.header(ALLOW_ORIGIN), Some(origin), "{answer:?}");
    assert_eq!(
        answer.header("access-control-expose-headers"),
        Some("ETag, Retry-After, WWW-Authenticate, X-Request-Id")
    );
    assert_eq!(cors_headers(answer).len(), 2);
    assert_eq!(answer.header("vary"), Some("Origin"));
}

#[track_caller]
fn assert_unreadable(answer: &Answer) {
    assert_eq!(cors_headers(answer), [], "{answer:?}");
    assert_eq!(answer.header("vary"), Some("Origin"));
}

/// row 39: Fetch §3.3.3. An origin that is not registered, or of a disabled client, gets no CORS headers.
#[tokio::test]
async fn a_preflight_of_a_registered_origin_lists_methods_and_headers() {
    let jeton = start().await;
    for (path, methods) in [
        ("/token", "POST"),
        ("/account", "GET, HEAD, POST"),
        ("/account/password", "PUT"),
        ("/account/nothing", "GET, HEAD"),
    ] {
        for origin in [APP, BACKEND] {
            let answer = preflight(&jeton, origin, path).await;
            assert_eq!(answer.status, 204, "{path}");
            assert_eq!(answer.body, "");
            let expected = [
                (
                    "access-control-allow-headers",
                    "Authorization, Content-Type, If-Match, If-None-Match, X-Request-Id, \
                     X-Requested-With, traceparent, tracestate, baggage",
                ),
                ("access-control-allow-methods", methods),
                (ALLOW_ORIGIN, origin),
                ("access-control-max-age", "7200"),
            ];
            let expected = expected.map(|(name, value)| (name.to_owned(), value.to_owned()));
            assert_eq!(cors_headers(&answer), expected);
            assert_eq!(answer.header("vary"), Some("Origin"));
            assert_eq!(answer.header("x-request-id").unwrap().len(), 12);
        }
        for origin in [DISABLED, UNREGISTERED, "null"] {
            let answer = preflight(&jeton, origin, path).await;
            assert_eq!(answer.status, 204, "{path}");
            assert_eq!(answer.body, "");
            assert_unreadable(&answer);
        }
    }
}

/// row 39: a preflight "uses `OPTIONS` as method and includes" `Access-Control-Request-Method`, Fetch
/// §3.3.2, beside `Origin`; row 1 holds for the rest.
#[tokio::test]
async fn an_options_that_is_no_preflight_is_405() {
    let jeton = start().await;
    let asked = ("access-control-request-method", "POST");
    let from = ("origin", APP);
    for path in [
        "/token",
        "/account",
        "/.well-known/jwks.json",
        "/openapi.json",
    ] {
        for (name, value) in [("accept", "*/*"), asked, from] {
            let request = request(Method::OPTIONS, path).header(name, value);
            let answer = jeton.send(request.finish()).await;
            assert_eq!(answer.status, 405, "{path} {name}");
            let allow = match path {
                "/token" => "POST",
                "/account" => "GET, HEAD, POST",
                _ => "GET, HEAD",
            };
            assert_eq!(answer.header("allow"), Some(allow));
        }
    }
}

/// row 39: other paths have no CORS.
#[tokio::test]
async fn a_preflight_at_a_path_without_cors_is_404_or_405() {
    let jeton = start().await;
    for (path, status) in [
        ("/nothing", 404),
        ("/nothing/token", 404),
        ("/accounts", 404),
        ("/docs", 405),
        ("/", 405),
        ("/healthz", 405),
    ] {
        let answer = preflight(&jeton, APP, path).await;
        answer.assert_error(status, "invalid_request");
        assert_eq!(cors_headers(&answer), []);
    }
}

/// RFC 9700 §2.6: the browser is sent there, and no page reads the response.
#[tokio::test]
async fn the_authorization_endpoint_has_no_cors() {
    let jeton = start().await;
    for path in ["/authorize", "/end-session"] {
        let answer = preflight(&jeton, APP, path).await;
        assert_eq!(answer.status, 405, "{path}");
        assert_eq!(cors_headers(&answer), [], "{path}");
        for method in [Method::GET, Method::POST] {
            let request = request(method, path).header("origin", APP);
            let answer = jeton.send(request.finish()).await;
            assert_eq!(cors_headers(&answer), [], "{path}");
        }
    }
}

/// row 39.
#[tokio::test]
async fn tokens_are_readable_by_pages_of_their_own_client_alone() {
    let jeton = start().await;
    let answer = token_from(&jeton, APP, sign_in("app")).await;
    let tokens = answer.tokens();
    assert_readable(&answer, APP);
    let body = [
        ("grant_type", "refresh_token"),
        ("refresh_token", &tokens.refresh_token),
        ("client_id", "app"),
    ];
    let answer = token_from(&jeton, APP, encode(&body)).await;
    answer.tokens();
    assert_readable(&answer, APP);

    // The server answers the request. The browser hides the response from the page.
    for origin in [BACKEND, ISSUER] {
        let answer = token_from(&jeton, origin, sign_in("app")).await;
        answer.tokens();
        assert_unreadable(&answer);
    }
    // The default client `first-party` has no origins.
    let answer = token_from(&jeton, APP, encode(&SIGN_IN)).await;
    answer.tokens();
    assert_unreadable(&answer);

    let basic = basic_raw("backend", SECRET);
    for (origin, readable) in [(BACKEND, true), (APP, false)] {
        let request = form("/token")
            .header("origin", origin)
            .header("authorization", &basic);
        let answer = jeton.send(request.body(encode(&SIGN_IN))).await;
        answer.tokens();
        if readable {
            assert_readable(&answer, origin);
        } else {
            assert_unreadable(&answer);
        }
    }
}

/// row 39: after the client is known.
#[tokio::test]
async fn errors_of_a_known_client_are_readable_by_its_own_pages_alone() {
    let jeton = start().await;
    let wrong_password = [
        ("grant_type", "password"),
        ("username", ALICE.0),
        ("password", "wrong"),
    ];
    let wrong_token = [("grant_type", "refresh_token"), ("refresh_token", "x")];
    for parameters in [&wrong_password[..], &wrong_token] {
        let body = || encode(&and(parameters, &[("client_id", "app")]));
        let answer = token_from(&jeton, APP, body()).await;
        answer.assert_error(400, "invalid_grant");
        assert_readable(&answer, APP);
        let answer = token_from(&jeton, BACKEND, body()).await;
        answer.assert_error(400, "invalid_grant");
        assert_unreadable(&answer);
    }
}

/// row 39: developers can read the error.
#[tokio::test]
async fn errors_before_the_client_is_known_are_readable_by_pages_of_any_client() {
    let jeton = start().await;
    let cases = [
        ("", 400, "invalid_request"),
        ("grant_type=password&client_id=app", 400, "invalid_request"),
        ("grant_type=x&client_id=app", 400, "unsupported_grant_type"),
        (&sign_in("unknown"), 401, "invalid_client"),
        (&sign_in("gone"), 401, "invalid_client"),
        (&sign_in("backend"), 401, "invalid_client"),
    ];
    for (body, status, code) in cases {
        for origin in [APP, BACKEND] {
            let answer = token_from(&jeton, origin, body.to_owned()).await;
            answer.assert_error(status, code);
            assert_readable(&answer, origin);
        }
    }
}

/// row 15: "unknown client" and "wrong secret" look the same from every origin.
#[tokio::test]
async fn unknown_client_and_wrong_secret_have_equal_headers_for_every_origin() {
    let jeton = start().await;
    for origin in [APP, BACKEND, ISSUER] {
        let mut answers = Vec::new();
        for client in ["backend", "unknown", "gone"] {
            let answer = token_from(&jeton, origin, sign_in(client)).await;
            answer.assert_error(401, "invalid_client");
            answers.push((answer.steady_headers(), answer.body));
        }
        assert!(
            answers.windows(2).all(|two| two[0] == two[1]),
            "{answers:?}"
        );
    }
}

/// row 39: the client is that of the access token.
#[tokio::test]
async fn an_account_is_readable_by_pages_of_the_tokens_client_alone() {
    let jeton = start().await;
    let token = jeton.sign_in_at("app").await.access_token;
    let narrowed = jeton
        .token(&and(&SIGN_IN, &[("client_id", "app"), ("scope", "read")]))
        .await
        .tokens()
        .access_token;
    let ask = async |origin: &str, token: &str| {
        let request = request(Method::GET, "/account")
            .header("origin", origin)
            .header("authorization", format!("Bearer {token}"));
        jeton.send(request.finish()).await
    };
    for (token, status) in [(&token, 200), (&narrowed, 403)] {
        let answer = ask(APP, token).await;
        assert_eq!(answer.status, status);
        assert_readable(&answer, APP);
        for origin in [BACKEND, DISABLED, UNREGISTERED] {
            let answer = ask(origin, token).await;
            assert_eq!(answer.status, status);
            assert_unreadable(&answer);
        }
    }
    // An invalid token has no client.
    for origin in [APP, BACKEND] {
        let answer = ask(origin, "x").await;
        assert_eq!(answer.status, 401);
        assert_readable(&answer, origin);
    }
    let answer = ask(UNREGISTERED, "x").await;
    assert_eq!(answer.status, 401);
    assert_unreadable(&answer);

    jeton
        .change_client("app", json!({ "disabled": true }))
        .await;
    let answer = ask(APP, &token).await;
    assert_eq!(answer.status, 401);
    assert_unreadable(&answer);
}

/// row 39: otherwise a page could not distinguish them from a failed network.
#[tokio::test]
async fn errors_of_the_framework_are_readable() {
    let jeton = start().await;
    let oversized = form("/token")
        .header("origin", APP)
        .body(vec![b'x'; 20_000]);
    let json = request(Method::POST, "/token")
        .header("origin", APP)
        .content_type("application/json")
        .body("{}");
    let get = request(Method::GET, "/token")
        .header("origin", APP)
        .finish();
    let nothing = request(Method::GET, "/account/nothing").header("origin", APP);
    let post = form("/account/sessions").header("origin", APP).body("a=b");
    for (request, status) in [
        (oversized, 413),
        (json, 400),
        (get, 405),
        (nothing.finish(), 404),
        (post, 405),
    ] {
        let what = format!("{} {}", request.method(), request.uri());
        let answer = jeton.send(request).await;
        assert_eq!(answer.status, status, "{what}");
        assert_readable(&answer, APP);
    }
}

/// row 39, row 38.
#[tokio::test]
async fn the_response_to_a_timeout_is_readable() {
    let jeton = Jeton::with(|settings| {
        settings.server.request_timeout = Span(Duration::from_millis(20));
    })
    .await;
    register(&jeton).await;
    let endless =
        Body::from_bytes_stream(futures_util::stream::pending::<std::io::Result<Vec<u8>>>());
    let answer = token_from(&jeton, APP, endless).await;
    answer.assert_error(408, "invalid_request");
    assert_readable(&answer, APP);
}

async fn send(endpoint: &BoxEndpoint<'static, Response>, path: &str, origin: &str) -> Answer {
    let request = request(Method::GET, path)
        .header("host", "jeton.test")
        .header("origin", origin);
    let response = endpoint.call(request.finish()).await.unwrap();
    let (parts, body) = response.into_parts();
    Answer {
        status: parts.status,
        headers: parts.headers,
        body: body.into_string().await.unwrap(),
    }
}

/// row 39.
#[tokio::test]
async fn the_response_to_a_panic_is_readable() {
    let server = start().await.server;
    let panicking = make_sync(|_| -> Response { panic!("on purpose") });
    let app = layered(panicking, server).boxed();
    for path in ["/token", "/account"] {
        let answer = send(&app, path, APP).await;
        assert_eq!(answer.status, 500);
        assert_readable(&answer, APP);
        assert_unreadable(&send(&app, path, UNREGISTERED).await);
    }
}

/// row 39: an endpoint that sets no client gets no CORS headers.
#[tokio::test]
async fn a_success_without_a_client_is_readable_by_no_page() {
    let server = start().await.server;
    let endpoint = make_sync(|_| Response::builder().body("secret"));
    let app = layered(endpoint, server).boxed();
    for path in ["/token", "/account"] {
        let answer = send(&app, path, APP).await;
        assert_eq!(answer.status, 200);
        assert_unreadable(&answer);
    }
}

/// row 39: `Vary` keeps a cache from sending one origin's response to another: Fetch, "CORS protocol
/// and HTTP caches".
#[tokio::test]
async fn a_response_without_an_origin_has_vary_and_no_cors_headers() {
    let jeton = start().await;
    let signed_in = jeton.post_raw(sign_in("app")).await;
    assert_unreadable(&signed_in);
    let token = signed_in.tokens().access_token;
    let account = jeton.get_with("/account", &token).await;
    assert_eq!(account.status, 200);
    assert_unreadable(&account);
    assert_unreadable(&jeton.get("/account").await);
    assert_unreadable(&jeton.get("/account/nothing").await);
    assert_unreadable(&jeton.post_raw("").await);
    assert_unreadable(&jeton.get("/token").await);
}

/// row 39: `Origin` is "case-sensitive", Fetch §3.2: a browser sends an origin in one form and compares
/// it by byte (§4.10).
#[tokio::test]
async fn an_origin_in_another_form_is_not_registered() {
    let jeton = start().await;
    for origin in [
        "null",
        "*",
        "",
        "HTTPS://APP.EXAMPLE.COM",
        "https://App.example.com",
        "https://app.example.com/",
        "https://app.example.com:443",
        "https://app.example.com:8443",
        "http://app.example.com",
        "https://app.example.com.",
        "https://app.example.com https://app.example.com",
        "https://x.app.example.com",
        "https://app.example.co",
        "https://app.example.com%00",
        "https://app.example.com' OR '1'='1",
    ] {
        let answer = token_from(&jeton, origin, sign_in("app")).await;
        answer.assert_error(403, "invalid_request");
        assert_unreadable(&answer);
        assert_unreadable(&preflight(&jeton, origin, "/token").await);
    }
    let twice = form("/token").header("origin", APP).header("origin", APP);
    let bytes = HeaderValue::from_bytes(b"https://app.example.com\xff").unwrap();
    for request in [twice, form("/token").header("origin", bytes)] {
        let answer = jeton.send(request.body(sign_in("app"))).await;
        answer.assert_error(403, "invalid_request");
        assert_unreadable(&answer);
    }
}

/// row 39: web views have such schemes.
#[tokio::test]
async fn an_origin_with_an_apps_own_scheme_can_be_registered() {
    let jeton = start().await;
    let origins = ["capacitor://localhost", "http://localhost:5173"];
    jeton.set_origins("app", &origins).await;
    for origin in origins {
        let answer = token_from(&jeton, origin, sign_in("app")).await;
        assert_readable(&answer, origin);
    }
}

/// Paths that pages of every origin may read, of an issuer with the path `/auth`.
const OPEN: &[&str] = &[
    "/.well-known/jwks.json",
    "/jwks.json",
    "/openapi.json",
    "/.well-known/oauth-authorization-server",
    "/.well-known/openid-configuration",
    "/.well-known/oauth-authorization-server/auth",
    "/.well-known/openid-configuration/auth",
    "/auth/.well-known/jwks.json",
    "/auth/openapi.json",
    "/auth/.well-known/openid-configuration",
];

/// row 39, row 45: also conditionally, and below the issuer's path.
#[tokio::test]
async fn keys_metadata_and_document_are_readable_by_every_page() {
    let jeton = Jeton::with(|settings| {
        "https://jeton.test/auth".clone_into(&mut settings.issuer);
    })
    .await;
    register(&jeton).await;
    for path in OPEN {
        let answer = preflight(&jeton, UNREGISTERED, path).await;
        assert_eq!(answer.status, 204, "{path}");
        assert_eq!(answer.header(ALLOW_ORIGIN), Some("*"));
        assert_eq!(
            answer.header("access-control-allow-methods"),
            Some("GET, HEAD")
        );
        let headers = answer.header("access-control-allow-headers").unwrap();
        assert!(headers.contains("If-None-Match"));
        assert_eq!(answer.header("access-control-max-age"), Some("7200"));

        let get = request(Method::GET, path).header("origin", UNREGISTERED);
        let answer = jeton.send(get.finish()).await;
        assert_eq!(answer.status, 200, "{path}");
        assert_eq!(answer.header(ALLOW_ORIGIN), Some("*"));
        assert_eq!(answer.header("vary"), None);
        let exposed = answer.header("access-control-expose-headers").unwrap();
        assert!(exposed.contains("ETag"));
        let answer = jeton.get(path).await;
        assert_eq!(answer.header(ALLOW_ORIGIN), Some("*"));
    }
    for path in ["/auth/token", "/auth/account"] {
        assert_eq!(
            preflight(&jeton, APP, path).await.header(ALLOW_ORIGIN),
            Some(APP)
        );
        assert_unreadable(&preflight(&jeton, UNREGISTERED, path).await);
    }
}

/// row 39: no cookies.
#[tokio::test]
async fn credentials_are_never_allowed() {
    let jeton = start().await;
    let answers = [
        token_from(&jeton, APP, sign_in("app")).await,
        preflight(&jeton, APP, "/token").await,
        preflight(&jeton, APP, "/.well-known/jwks.json").await,
        jeton.get("/.well-known/jwks.json").await,
    ];
    for answer in answers {
        assert!(answer.header(ALLOW_ORIGIN).is_some());
        assert_eq!(answer.header("access-control-allow-credentials"), None);
        assert_eq!(answer.header("set-cookie"), None);
    }
}

/// row 39.
#[tokio::test]
async fn a_change_of_origins_takes_effect_at_once() {
    let jeton = start().await;
    jeton.set_origins("app", &[APP, UNREGISTERED]).await;
    assert_readable(
        &token_from(&jeton, UNREGISTERED, sign_in("app")).await,
        UNREGISTERED,
    );
    jeton.set_origins("app", &[APP]).await;
    assert_unreadable(&token_from(&jeton, UNREGISTERED, sign_in("app")).await);
}

/// row 39: a page cannot let its visitors guess passwords.
#[tokio::test]
async fn a_page_of_an_unregistered_origin_is_refused_before_a_password_is_verified() {
    let jeton = start().await;
    let long = format!("https://{}.example.com", "a".repeat(600));
    let body = sign_in("app");
    let send = |origin: &str, path: &str| {
        let request = form(path).header("origin", origin).body(body.clone());
        jeton.send(request)
    };
    // A password would wait for a thread, and get 503.
    let refusals = jeton.with_hasher_full(async {
        let mut answers = Vec::new();
        for origin in [
            UNREGISTERED,
            DISABLED,
            "null",
            "https://jeton.test.example.com",
            "http://jeton.test",
            &long,
        ] {
            for path in ["/token", "/revoke", "/introspect"] {
                answers.push(send(origin, path).await);
            }
        }
        let twice = form("/token").header("origin", APP).header("origin", APP);
        answers.push(jeton.send(twice.body(body.clone())).await);
        answers
    });
    for answer in refusals.await {
        answer.assert_error(403, "invalid_request");
        assert!(answer.body.contains("not registered"), "{}", answer.body);
        assert_unreadable(&answer);
    }
    for (method, path) in [
        (Method::POST, "/account"),
        (Method::PUT, "/account/password"),
    ] {
        let answer = request(method, path).header("origin", UNREGISTERED);
        let answer = jeton.send(answer.finish()).await;
        assert_eq!(answer.status, 403, "{}", answer.body);
        assert!(answer.body.contains("not registered"), "{}", answer.body);
    }
    for origin in [ISSUER, APP, BACKEND] {
        let answer = send(origin, "/token").await;
        assert_eq!(answer.status, 200, "{origin}: {}", answer.body);
    }
}

/// row 39: at a loopback address, the server has several names.
#[tokio::test]
async fn pages_of_the_server_under_another_loopback_name_are_its_own() {
    let jeton = Jeton::with(|settings| settings.issuer = "http://127.0.0.1:8080".to_owned()).await;
    for (origin, status) in [
        ("http://127.0.0.1:8080", 200),
        ("http://localhost:8080", 200),
        ("http://[::1]:8080", 200),
        ("http://localhost:5173", 403),
        ("https://localhost:8080", 403),
        ("https://evil.example.com:8080", 403),
    ] {
        let answer = token_from(&jeton, origin, encode(&SIGN_IN)).await;
        assert_eq!(answer.status, status, "{origin}: {}", answer.body);
    }
}

/// row 39.
#[tokio::test]
async fn a_new_origin_is_accepted_at_once_and_a_removed_one_for_a_minute() {
    let jeton = start().await;
    let status = async |origin: &str| token_from(&jeton, origin, sign_in("app")).await.status;
    assert_eq!(status(APP).await, 200);
    assert_eq!(status(UNREGISTERED).await, 403);
    jeton.set_origins("app", &[UNREGISTERED]).await;
    assert_eq!(status(UNREGISTERED).await, 200);
    jeton.set_origins("app", &[APP]).await;
    assert_eq!(status(UNREGISTERED).await, 200);
    jeton.advance(Duration::from_mins(1));
    assert_eq!(status(UNREGISTERED).await, 403);
    assert_eq!(status(APP).await, 200);
}
