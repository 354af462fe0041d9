//! Headers of a page.

use jeton::page::policy::inline_sources;
use jeton::page::{LandingPage, PageResponse, Site};
use poem::http::StatusCode;
use poem::{IntoResponse as _, Response};

fn response(redirect_uri: Option<&str>) -> Response {
    let page = LandingPage {
        site: Site::new("Jeton"),
    };
    let response = PageResponse::new(StatusCode::FORBIDDEN, &page);
    response.with_form(redirect_uri).into_response()
}

fn policy(redirect_uri: Option<&str>) -> String {
    let response = response(redirect_uri);
    let mut policies = response.headers().get_all("content-security-policy").iter();
    let policy = policies.next().unwrap().to_str().unwrap().to_owned();
    assert_eq!(policies.next(), None);
    policy
}

/// row 103: the policy and the other headers of a page.
#[tokio::test]
async fn a_page_has_its_headers_and_the_digest_of_its_style() {
    let mut response = response(None);
    assert_eq!(response.status(), StatusCode::FORBIDDEN);
    for (name, value) in [
        ("content-type", "text/html; charset=utf-8"),
        ("cache-control", "no-store"),
        ("x-frame-options", "DENY"),
        ("referrer-policy", "same-origin"),
        ("cross-origin-opener-policy", "same-origin"),
    ] {
        assert_eq!(response.header(name), Some(value), "{name}");
    }
    let html = response.take_body().into_string().await.unwrap();
    let style = inline_sources(&html, "style");
    let expected = format!(
        "default-src 'none'; style-src {style}; img-src data:; base-uri 'none'; form-action 'self'; \
         frame-ancestors 'none'"
    );
    assert_eq!(policy(None), expected);
}

/// row 103: "`form-action 'self'` and the redirect's origin or scheme".
#[test]
fn the_policy_permits_the_form_and_the_redirect_after_it_only() {
    let source = |redirect_uri| {
        let policy = policy(Some(redirect_uri));
        let (_, source) = policy.split_once("form-action ").unwrap();
        let source = source.strip_suffix("; frame-ancestors 'none'");
        source.unwrap().to_owned()
    };
    assert_eq!(
        source("https://a.example/callback"),
        "'self' https://a.example"
    );
    assert_eq!(
        source("com.example.app:/callback"),
        "'self' com.example.app:"
    );
    for hostile in [
        "https://a.example; script-src *",
        "https://a.example;/",
        "https://a.example, default-src *",
        "https://a.example\r\nset-cookie: a=b",
        "*",
        "'unsafe-inline'",
    ] {
        let source = source(hostile);
        assert!(
            ["'self'", "'self' https://a.example"].contains(&source.as_str()),
            "{hostile}: {source}"
        );
    }
}
