use std::time::Duration;

use jeton::config::Span;
use poem::Request;
use poem::http::Method;

use crate::support::{Answer, Jeton};

const PATHS: [&str; 3] = [
    "/.well-known/jwks.json",
    "/.well-known/oauth-authorization-server",
    "/.well-known/openid-configuration",
];

async fn request(jeton: &Jeton, method: Method, path: &str, if_none_match: &str) -> Answer {
    let request = Request::builder()
        .method(method)
        .uri(path.parse().unwrap())
        .header("if-none-match", if_none_match)
        .header("origin", "https://anywhere.test");
    jeton.send(request.finish()).await
}

/// Asserts the headers of a response with or without a body.
#[track_caller]
fn assert_cacheable(answer: &Answer, tag: &str) {
    assert_eq!(answer.header("etag"), Some(tag));
    assert_eq!(answer.header("cache-control"), Some("public, max-age=300"));
    assert_eq!(answer.header("access-control-allow-origin"), Some("*"));
    assert_eq!(answer.header("pragma"), None);
}

/// row 45.
#[tokio::test]
async fn keys_and_metadata_are_cacheable_and_readable_from_any_origin() {
    let jeton = Jeton::start().await;
    for path in PATHS {
        let answer = jeton.get(path).await;
        assert_eq!(answer.status, 200);
        let tag = answer.header("etag").unwrap();
        // entity-tag = [ weak ] opaque-tag, quoted: RFC 9110 §8.8.3.
        let opaque = tag.strip_prefix('"').unwrap().strip_suffix('"').unwrap();
        assert!(opaque.len() > 10 && !opaque.contains('"'), "{tag}");
        assert_cacheable(&answer, tag);
        assert!(
            answer
                .header("content-type")
                .unwrap()
                .starts_with("application/json")
        );
        assert!(answer.json().is_object());
        // "The server SHOULD send the same header fields in response to a HEAD request as it would have sent if the
        // request method had been GET", RFC 9110 §9.3.2. The router responds to one, and not to the other.
        let head = request(&jeton, Method::HEAD, path, "").await;
        for name in ["etag", "cache-control", "content-type"] {
            assert_eq!(head.header(name), answer.header(name), "{path} {name}");
        }
    }
}

/// row 45.
#[tokio::test]
async fn max_age_follows_the_settings() {
    let age = |settings: &mut jeton::config::Settings| {
        settings.keys.jwks_max_age = Span(Duration::from_secs(42));
    };
    let jeton = Jeton::with(age).await;
    for path in PATHS {
        let answer = jeton.get(path).await;
        assert_eq!(answer.header("cache-control"), Some("public, max-age=42"));
    }
}

/// row 45: "the origin server MUST respond with either a) the 304 (Not Modified) status code"; "A
/// recipient MUST use the weak comparison function", RFC 9110 §13.1.2.
#[tokio::test]
async fn a_matching_if_none_match_is_304() {
    let jeton = Jeton::start().await;
    for path in PATHS {
        let first = jeton.get(path).await;
        let tag = first.header("etag").unwrap();
        for if_none_match in [
            tag.to_owned(),
            format!("W/{tag}"),
            format!("\"other\", {tag}"),
            format!("\"other\",W/{tag} , \"third\""),
            "*".to_owned(),
        ] {
            for method in [Method::GET, Method::HEAD] {
                let answer = request(&jeton, method, path, &if_none_match).await;
                assert_eq!(answer.status, 304, "{path} {if_none_match}");
                assert_eq!(answer.body, "");
                assert_cacheable(&answer, tag);
            }
        }
    }
}

/// row 45: an invalid condition is ignored.
#[tokio::test]
async fn an_if_none_match_that_does_not_match_is_200() {
    let jeton = Jeton::start().await;
    for path in PATHS {
        let first = jeton.get(path).await;
        let tag = first.header("etag").unwrap();
        for if_none_match in [
            "\"other\"",
            "",
            "W/",
            tag.trim_matches('"'),
            "\"é\"",
            "\"*\"",
        ] {
            let answer = request(&jeton, Method::GET, path, if_none_match).await;
            assert_eq!(answer.status, 200, "{if_none_match}");
            assert_eq!(answer.body, first.body);
            assert_cacheable(&answer, tag);
        }
    }
}

/// row 45: "the server MUST NOT send content" for HEAD, and should send the header fields of GET,
/// RFC 9110 §9.3.2.
#[tokio::test]
async fn head_has_the_headers_of_get_and_no_body() {
    let jeton = Jeton::start().await;
    for path in PATHS {
        let whole = jeton.get(path).await;
        let answer = request(&jeton, Method::HEAD, path, "\"other\"").await;
        assert_eq!(answer.status, 200);
        assert_eq!(answer.body, "");
        assert_eq!(answer.steady_headers(), whole.steady_headers());
    }
}

/// row 45: other methods are refused, without caching.
#[tokio::test]
async fn keys_and_metadata_allow_get_and_head_alone() {
    let jeton = Jeton::start().await;
    for path in PATHS {
        let answer = request(&jeton, Method::POST, path, "*").await;
        answer.assert_error(405, "invalid_request");
        assert_eq!(answer.header("allow"), Some("GET, HEAD"));
    }
}
