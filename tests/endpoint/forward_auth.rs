use std::time::Duration;

use jeton::store::client;
use poem::Request;
use poem::http::Method;
use serde_json::json;

use super::sign_in;
use crate::api::admin::give_roles;
use crate::support::{Answer, ISSUER, Jeton};

const API: &str = "https://api.example.com";
const QUERY: &str = "/forward-auth?audience=https%3A%2F%2Fapi.example.com";
const SEGMENT: &str = "/forward-auth/audience=https%3A%2F%2Fapi.example.com";

/// A server with clients for JWTs and for opaque tokens, which are registered for an API.
async fn start() -> Jeton {
    let jeton = Jeton::start().await;
    for id in ["jwt", "opaque"] {
        let change = |row: &mut client::Model| {
            "account read write".clone_into(&mut row.scope);
            row.audience = format!("{API} {ISSUER}");
            row.access_token_format = Some(id.to_owned());
        };
        jeton.add_client(id, None, change).await;
    }
    jeton
}

#[track_caller]
fn assert_permitted(answer: &Answer, subject: &str, scope: &str, roles: &str) {
    assert!(
        [200, 204].contains(&answer.status.as_u16()),
        "{}",
        answer.body
    );
    assert_eq!(answer.body, "");
    assert_eq!(answer.header("x-auth-subject"), Some(subject));
    assert_eq!(answer.header("x-auth-scope"), Some(scope));
    assert_eq!(answer.header("x-auth-roles"), Some(roles));
    assert_eq!(answer.header("cache-control"), Some("no-store"));
}

#[track_caller]
fn assert_refused(answer: &Answer, status: u16, challenge: &str) {
    assert_eq!(answer.status.as_u16(), status, "{}", answer.body);
    answer.assert_error_shape();
    let sent = answer.header("www-authenticate").unwrap();
    assert!(sent.starts_with("Bearer realm=\"jeton\""), "{sent}");
    assert!(sent.contains(challenge), "{sent}");
    for name in ["x-auth-subject", "x-auth-scope", "x-auth-roles"] {
        assert_eq!(answer.header(name), None);
    }
}

/// row 116: an access token for the audience, with the scope, gets 204 and its subject, scope and roles.
#[tokio::test]
async fn a_token_for_the_audience_is_permitted_by_query_and_by_path() {
    let jeton = start().await;
    let subject = sign_in(&jeton, "jwt", "read", API).await.user().to_string();
    for client in ["jwt", "opaque"] {
        let tokens = sign_in(&jeton, client, "read write", API).await;
        for required in [
            "",
            "&scope=read",
            "&scope=write%20read",
            "&scope=write+read",
        ] {
            for path in [
                format!("{QUERY}{required}"),
                format!("{SEGMENT}{required}"),
                format!("{SEGMENT}{required}/"),
                format!("{SEGMENT}{required}/notes/7?audience=x&scope=y&z=%FF"),
            ] {
                let answer = jeton.get_with(&path, &tokens.access_token).await;
                assert_permitted(&answer, &subject, "read write", "");
                let is_query = path.starts_with(QUERY);
                assert_eq!(answer.status, if is_query { 204 } else { 200 });
            }
        }
    }
    let tokens = sign_in(&jeton, "jwt", "read", API).await;
    give_roles(&jeton, tokens.user(), "editor jeton:admin reader").await;
    // A role of the server itself is in no token for another audience.
    let tokens = sign_in(&jeton, "jwt", "read", API).await;
    let answer = jeton.get_with(QUERY, &tokens.access_token).await;
    assert_permitted(&answer, &tokens.user().to_string(), "read", "editor reader");
}

/// row 116: the method and the headers of the request are those of the caller. A preflight without a token is refused,
/// as a 204 would let it pass, and an `Origin` is not compared with those of Jeton's clients.
#[tokio::test]
async fn the_method_and_the_origin_of_the_caller_make_no_difference() {
    let jeton = start().await;
    let tokens = sign_in(&jeton, "jwt", "read", API).await;
    for method in [
        "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "PROPFIND",
    ] {
        for path in [QUERY.to_owned(), format!("{SEGMENT}/notes")] {
            let request = || {
                Request::builder()
                    .method(method.parse::<Method>().unwrap())
                    .uri(path.parse().unwrap())
                    .header("origin", "https://unregistered.example.org")
                    .header("access-control-request-method", "DELETE")
            };
            let answer = jeton.send(request().finish()).await;
            assert_refused(&answer, 401, "");
            assert_eq!(answer.header("access-control-allow-origin"), None);
            let bearer = format!("Bearer {}", tokens.access_token);
            let request = request().header("authorization", bearer).body("a body");
            let answer = jeton.send(request).await;
            assert_permitted(&answer, &tokens.user().to_string(), "read", "");
        }
    }
}

/// row 116: the challenge says why a token is refused.
#[tokio::test]
async fn a_token_that_is_not_valid_for_the_api_is_refused_with_the_reason() {
    let jeton = start().await;
    let get = async |path: &str, token: &str| jeton.get_with(path, token).await;
    for client in ["jwt", "opaque"] {
        for path in [QUERY, SEGMENT] {
            let tokens = sign_in(&jeton, client, "read", API).await;
            let token = &tokens.access_token;
            let answer = get(&format!("{path}&scope=read%20write"), token).await;
            let challenge = r#"error="insufficient_scope", scope="read write""#;
            assert_refused(&answer, 403, challenge);
            let other = sign_in(&jeton, client, "account", ISSUER).await;
            let answer = get(path, &other.access_token).await;
            assert_refused(&answer, 401, "it is for another audience than this API");
            let damaged = format!("{}x", &token[..token.len() - 9]);
            for wrong in [damaged.as_str(), "x", "a.b.c", &tokens.refresh_token] {
                let answer = get(path, wrong).await;
                assert_refused(&answer, 401, "it is no access token of this server");
            }
            let revocation = [("client_id", client), ("token", &tokens.refresh_token)];
            jeton.post("/revoke", "", &revocation).await;
            let answer = get(path, token).await;
            assert_refused(&answer, 401, "its session, user or client is not active");
            let tokens = sign_in(&jeton, client, "read", API).await;
            jeton.advance(Duration::from_hours(1));
            let answer = get(path, &tokens.access_token).await;
            assert_refused(&answer, 401, "The access token is not valid: expired.");
        }
    }
    let answer = jeton.get(QUERY).await;
    assert_eq!(
        answer.header("www-authenticate"),
        Some(r#"Bearer realm="jeton""#)
    );
}

/// row 116: the configuration of the proxy alone says which API it is.
#[tokio::test]
async fn a_request_without_one_audience_is_refused() {
    let jeton = start().await;
    let tokens = sign_in(&jeton, "jwt", "read", API).await;
    let api = "audience=https%3A%2F%2Fapi.example.com";
    for path in [
        "/forward-auth".to_owned(),
        "/forward-auth?audience=".to_owned(),
        format!("/forward-auth?{api}&{api}"),
        format!("/forward-auth?{api}&scope=read&scope=read"),
        format!("/forward-auth?{api}&scope=read%20%20write"),
        format!("/forward-auth?{api}&scopes=admin"),
        format!("/forward-auth?{api}&scope="),
        format!("/forward-auth?{api}&scope"),
        format!("/forward-auth?{api}&scop="),
        format!("/forward-auth/{api}&scope=/notes"),
        format!("/forward-auth/{api}&scop/notes"),
        format!("/forward-auth?{api}&scope=%FF"),
        format!("/forward-auth/?{api}"),
        format!("/forward-auth/notes?{api}"),
        format!("/forward-auth/notes/{api}"),
        format!("/forward-auth//{api}"),
        format!("/forward-auth/../{api}"),
    ] {
        let answer = jeton.get_with(&path, &tokens.access_token).await;
        assert_refused(&answer, 400, r#"error="invalid_request""#);
    }
    // Two headers: which one would the API believe?
    let bearer = format!("Bearer {}", tokens.access_token);
    let request = Request::builder().uri(QUERY.parse().unwrap());
    let request = request.header("authorization", &bearer);
    let request = request.header("authorization", &bearer).finish();
    let answer = jeton.send(request).await;
    assert_refused(&answer, 400, r#"error="invalid_request""#);
}

/// row 116: a role or a scope that was taken away is not in the headers any more.
#[tokio::test]
async fn the_headers_have_present_roles_and_scopes_only() {
    let jeton = start().await;
    let first = sign_in(&jeton, "jwt", "read", API).await;
    give_roles(&jeton, first.user(), "editor reader").await;
    for client in ["jwt", "opaque"] {
        let tokens = sign_in(&jeton, client, "read write", API).await;
        let subject = first.user().to_string();
        let answer = jeton.get_with(QUERY, &tokens.access_token).await;
        assert_permitted(&answer, &subject, "read write", "editor reader");
        give_roles(&jeton, first.user(), "reader other").await;
        jeton
            .change_client(client, json!({ "scope": "account read" }))
            .await;
        let answer = jeton.get_with(QUERY, &tokens.access_token).await;
        let roles = answer.header("x-auth-roles").unwrap();
        assert!(roles.split(' ').all(|role| role != "editor"), "{roles}");
        assert_eq!(answer.header("x-auth-scope"), Some("read"));
        give_roles(&jeton, first.user(), "editor reader").await;
    }
}

/// row 116, below an issuer's path: the rest is the caller's, and may name that path again.
#[tokio::test]
async fn an_issuer_with_a_path_is_served_with_and_without_it() {
    let jeton =
        Jeton::with(|settings| "http://jeton.test/auth".clone_into(&mut settings.issuer)).await;
    for path in [
        "/auth/forward-auth/audience=x/auth/forward-auth/audience=y",
        "/forward-auth/audience=x/auth",
        "/auth/forward-auth?audience=x",
    ] {
        assert_refused(&jeton.get(path).await, 401, "");
        let answer = jeton.get_with(path, "x").await;
        assert_refused(&answer, 401, "The access token is not valid");
    }
}
