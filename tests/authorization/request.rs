//! Authorization requests and their refusals.

use jeton::audit::Action;
use poem::Request;
use poem::http::Method;

use crate::support::browser::{Browser, CALLBACK, credentials, request};
use crate::support::{ALICE, ISSUER, Jeton};

/// row 55: a user signs in on the page, and the client gets a code, `state` and `iss`.
#[tokio::test]
async fn a_user_signs_in_and_the_client_gets_a_code() {
    let jeton = Jeton::with_app().await;
    let browser = Browser::default();
    let page = browser.open(&jeton, &request(&[])).await;
    page.assert_page(200, "app");
    let answer = browser.submit(&jeton, &page, &credentials(ALICE)).await;
    let parameters = answer.redirected();
    assert!(answer.header("location").unwrap().starts_with(CALLBACK));
    // row 64, row 65
    assert_eq!(parameters["state"], "s1");
    assert_eq!(parameters["iss"], ISSUER);
    let tokens = jeton.redeem(&parameters["code"]).await.tokens();
    let session = jeton.session(&tokens).await;
    assert!(session.browser_session_id.is_some());
    let events = jeton.audit_events(Action::SignIn).await;
    let mut details: Vec<_> = events.iter().map(|event| &*event.detail).collect();
    details.sort_unstable();
    assert_eq!(
        details,
        [r#"{"by":"authorization_code"}"#, r#"{"by":"page"}"#]
    );
    // The browser stays signed in.
    let again = browser.open(&jeton, &request(&[])).await;
    jeton.redeem(&again.code()).await.tokens();
}

/// row 55: an authorization request in a form is redirected to the same request by `GET`.
#[tokio::test]
async fn a_request_in_a_form_is_redirected_to_get() {
    let jeton = Jeton::with_app().await;
    let browser = Browser::default();
    let fields = [("client_id", "app"), ("state", "a b&c")];
    let answer = browser
        .post(&jeton, "/authorize", &fields, "https://app.example")
        .await;
    assert_eq!(answer.status, 303);
    let location = answer.header("location").unwrap();
    assert_eq!(
        location,
        format!("{ISSUER}/authorize?client%5Fid=app&state=a%20b%26c")
    );
}

/// row 57: "the authorization server [...] MUST NOT automatically redirect the user agent to the invalid redirect URI",
/// RFC 6749 §4.1.2.1.
#[tokio::test]
async fn an_unknown_client_or_redirect_uri_gets_a_page() {
    let jeton = Jeton::with_app().await;
    jeton
        .add_app("two", |client| {
            client.redirect_uris = format!("{CALLBACK} https://app.example/other");
        })
        .await;
    jeton
        .add_app("off", |client| client.disabled_at = Some(jeton.now()))
        .await;
    let browser = Browser::default();
    for (more, reason) in [
        (vec![("client_id", "")], "client_id is missing"),
        (vec![("client_id", "unknown")], "No client"),
        (vec![("client_id", "off")], "disabled"),
        (vec![("client_id", "jeton:browser")], "redirect_uri"),
        (
            vec![("client_id", "two"), ("redirect_uri", "")],
            "redirect_uri is missing",
        ),
        (
            vec![("redirect_uri", "https://app.example/callback/")],
            "not registered",
        ),
        (
            vec![("redirect_uri", "https://evil.example/callback")],
            "not registered",
        ),
        (
            vec![("redirect_uri", "javascript:alert(1)")],
            "not registered",
        ),
    ] {
        let answer = browser.open(&jeton, &request(&more)).await;
        answer.assert_page(400, reason);
    }
    for name in ["client_id", "redirect_uri", "state"] {
        let query = format!("{}&{name}=x", request(&[]));
        browser
            .open(&jeton, &query)
            .await
            .assert_page(400, "given twice");
    }
    // The only registered URI need not be named.
    let page = browser
        .open(&jeton, &request(&[("redirect_uri", "")]))
        .await;
    page.assert_page(200, "app");
}

/// Invalid requests, each by the parameters that differ from a valid one, and the error.
const INVALID: &[(&[(&str, &str)], &str)] = &[
    (&[("response_type", "")], "invalid_request"),
    (&[("response_type", "token")], "unsupported_response_type"),
    (
        &[("response_type", "id_token")],
        "unsupported_response_type",
    ),
    (
        &[("response_type", "code id_token")],
        "unsupported_response_type",
    ),
    (&[("response_mode", "fragment")], "invalid_request"),
    (&[("response_mode", "form_post")], "invalid_request"),
    (&[("request", "x")], "request_not_supported"),
    (
        &[("request_uri", "https://x.example")],
        "request_uri_not_supported",
    ),
    (&[("registration", "x")], "registration_not_supported"),
    (&[("code_challenge", "")], "invalid_request"),
    (&[("code_challenge", "short")], "invalid_request"),
    (&[("code_challenge_method", "plain")], "invalid_request"),
    (&[("code_challenge_method", "")], "invalid_request"),
    (&[("scope", "read delete")], "invalid_scope"),
    (&[("scope", "account")], "invalid_scope"),
    (&[("scope", "a  b")], "invalid_scope"),
    (&[("resource", "https://other.example")], "invalid_target"),
    (&[("prompt", "none login")], "invalid_request"),
    (&[("prompt", "create")], "invalid_request"),
    (&[("max_age", "soon")], "invalid_request"),
    (&[("max_age", "-1")], "invalid_request"),
    (&[("id_token_hint", "x")], "invalid_request"),
    (&[("prompt", "none")], "login_required"),
];

/// row 56, row 61, row 62, row 67, row 70, row 71, row 85, row 88, row 90: the client gets the error, with `state` and
/// `iss`.
#[tokio::test]
async fn an_invalid_request_is_refused_by_redirect() {
    let jeton = Jeton::with_app().await;
    let browser = Browser::default();
    for (more, error) in INVALID {
        let answer = browser.open(&jeton, &request(more)).await;
        answer.assert_redirect_error(error);
    }
    let long = "n".repeat(513);
    let query = request(&[("scope", "openid"), ("nonce", &long)]);
    let answer = browser.open(&jeton, &query).await;
    answer.assert_redirect_error("invalid_request");
    // The longest nonce, and one that is for no ID token.
    for (scope, nonce) in [("openid", &long[1..]), ("read", &long)] {
        let query = request(&[("scope", scope), ("nonce", nonce)]);
        browser.open(&jeton, &query).await.assert_page(200, "app");
    }
    let query = format!("{}&scope=read&scope=write", request(&[]));
    browser
        .open(&jeton, &query)
        .await
        .assert_redirect_error("invalid_request");
    jeton
        .add_app("other", |client| {
            "refresh_token".clone_into(&mut client.grant_types);
        })
        .await;
    let answer = browser
        .open(&jeton, &request(&[("client_id", "other")]))
        .await;
    answer.assert_redirect_error("unauthorized_client");
}

/// row 92, row 98: unknown and optional parameters are no error.
#[tokio::test]
async fn optional_parameters_are_ignored() {
    let jeton = Jeton::with_app().await;
    let browser = Browser::default();
    for more in [
        ("state", ""),
        ("display", "popup"),
        ("ui_locales", "fr de"),
        ("claims_locales", "fr"),
        ("acr_values", "x"),
        ("claims", "{}"),
        ("nonce", "n"),
        ("audience", "x"),
        ("response_mode", "query"),
        ("scope", "openid offline_access read"),
    ] {
        let page = browser.open(&jeton, &request(&[more])).await;
        page.assert_page(200, "password");
    }
    let page = browser
        .open(&jeton, &request(&[("login_hint", "\"bob\"")]))
        .await;
    page.assert_page(200, "&#34;bob&#34;");
}

/// row 8, row 64: a malformed query, one that is too long, and a state that is too long get a page.
#[tokio::test]
async fn a_malformed_or_long_query_gets_a_page() {
    let jeton = Jeton::with_app().await;
    let browser = Browser::default();
    for malformed in ["%ZZ", "%FF", "%00"] {
        let query = format!("{}&x={malformed}", request(&[]));
        browser
            .open(&jeton, &query)
            .await
            .assert_page(400, "malformed");
    }
    let state = "s".repeat(2048);
    browser
        .open(&jeton, &request(&[("state", &state)]))
        .await
        .assert_page(200, "password");
    let state = "s".repeat(2049);
    browser
        .open(&jeton, &request(&[("state", &state)]))
        .await
        .assert_page(400, "state");
    let long = "x".repeat(8 * 1024);
    browser
        .open(&jeton, &request(&[("x", &long)]))
        .await
        .assert_page(414, "");
}

/// row 100: the form's origin is compared with the issuer's, so the page is shown at the issuer's name alone.
#[tokio::test]
async fn a_request_by_another_loopback_name_is_redirected_to_the_issuer() {
    let jeton = Jeton::with(|settings| settings.issuer = "http://localhost:8080/auth".into()).await;
    jeton.add_app("app", |_| {}).await;
    let ask = async |path: &str, host: &str| {
        let request = Request::builder().uri_str(path).header("host", host);
        jeton.send(request.finish()).await
    };
    for path in [
        format!("/authorize?{}", request(&[])),
        "/end-session?state=x".into(),
    ] {
        for host in ["127.0.0.1:8080", "[::1]:8080"] {
            let answer = ask(&path, host).await;
            assert_eq!(answer.status, 303, "{host}");
            let address = format!("http://localhost:8080/auth{path}");
            assert_eq!(answer.header("location"), Some(&*address), "{host}");
            assert_eq!(answer.header("set-cookie"), None, "{host}");
        }
        // Another port may be forwarded; another machine has no other name.
        for host in ["localhost:8080", "127.0.0.1:9000", "jeton.test:8080"] {
            assert_eq!(ask(&path, host).await.status, 200, "{host}");
        }
    }
}

/// row 103: a client may sign in by a window of its own, so pages and redirects keep its opener.
#[tokio::test]
async fn pages_and_redirects_keep_the_window_that_opened_them() {
    let jeton = Jeton::with_app().await;
    let browser = Browser::default();
    let page = browser.open(&jeton, &request(&[])).await;
    let code = browser.sign_in(&jeton, &request(&[])).await;
    let refused = browser
        .open(&jeton, &request(&[("response_type", "token")]))
        .await;
    let unknown = browser
        .open(&jeton, &request(&[("client_id", "none")]))
        .await;
    for (answer, status) in [(page, 200), (code, 303), (refused, 303), (unknown, 400)] {
        assert_eq!(answer.status, status);
        let policy = answer.header("cross-origin-opener-policy");
        assert_eq!(policy, Some("unsafe-none"), "{status}");
    }
}

/// row 57: a user's report of an error page can be found in the log.
#[tokio::test]
async fn an_error_page_shows_the_request_id_and_the_status() {
    let jeton = Jeton::with_app().await;
    let browser = Browser::default();
    let page = browser
        .open(&jeton, &request(&[("client_id", "unknown")]))
        .await;
    page.assert_page(400, page.header("x-request-id").unwrap());
    let put = Request::builder()
        .method(Method::PUT)
        .uri("/authorize".parse().unwrap());
    let page = jeton.send(put.finish()).await;
    page.assert_page(405, page.header("x-request-id").unwrap());
    assert!(page.body.contains("<dd>405</dd>"), "{}", page.body);
}
