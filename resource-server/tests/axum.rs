use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::Extension;
use axum::http::{Request, Response, StatusCode};
use axum::routing::{delete, get, post};
use jeton_resource_server::tower::RequireToken;
use jeton_resource_server::{AccessToken, Refusal, Requirement};
use serde::Deserialize;
use serde_json::json;
use tower::ServiceExt as _;

use crate::support::{Issuer, claims, claims_with, rsa, verifier};

#[derive(Clone, Debug, Deserialize)]
struct Tenant {
    tenant: u32,
}

async fn app(issuer: &Issuer) -> Router {
    let token = RequireToken::new(verifier(issuer).await);
    let read = token
        .clone()
        .requirement(Requirement::scopes(&["info:read"]));
    let delete_all = token
        .clone()
        .requirement(Requirement::scopes(&["info:delete"]));
    let tenant = token.clone().with_claims::<Tenant>();
    Router::new()
        .route("/info", get(subject).layer(read))
        .route("/all", delete(subject).layer(delete_all))
        .route(
            "/notes",
            post(|body: String| async { body }).layer(token.clone()),
        )
        .route("/tenant", get(tenant_of).layer(tenant))
        .route("/odd", get(subject).layer(token.clone().check(refuse_web)))
        .route(
            "/own",
            get(subject).layer(token.clone().map_response(reason_only)),
        )
        .route("/greeting", get(greet).layer(token.optional()))
}

fn refuse_web(token: &AccessToken) -> Result<(), Refusal> {
    if token.client_id == "web" {
        return Err(Refusal::InsufficientRole);
    }
    Ok(())
}

fn reason_only(refusal: Refusal, answer: Response<String>) -> Response<String> {
    answer.map(|_| refusal.reason().to_owned())
}

async fn subject(Extension(token): Extension<AccessToken>) -> String {
    token.subject
}

async fn tenant_of(Extension(token): Extension<AccessToken<Tenant>>) -> String {
    token.claims.tenant.to_string()
}

async fn greet(token: Option<Extension<AccessToken>>) -> String {
    token.map_or_else(|| "anonymous".to_owned(), |Extension(token)| token.subject)
}

async fn send(app: &Router, request: Request<Body>) -> (u16, String, String) {
    let response = app.clone().oneshot(request).await.unwrap();
    let challenge = response.headers().get("www-authenticate");
    let challenge = challenge.map(|value| value.to_str().unwrap().to_owned());
    let status = response.status().as_u16();
    let body = to_bytes(response.into_body(), usize::MAX).await.unwrap();
    let body = String::from_utf8(body.to_vec()).unwrap();
    (status, challenge.unwrap_or_default(), body)
}

fn request(method: &str, path: &str, token: Option<&str>, body: &str) -> Request<Body> {
    let mut request = Request::builder().method(method).uri(path);
    if let Some(token) = token {
        request = request.header("authorization", format!("Bearer {token}"));
    }
    let form = "application/x-www-form-urlencoded";
    let request = request.header("content-type", form);
    request.body(Body::from(body.to_owned())).unwrap()
}

/// Row 54, through axum.
#[tokio::test]
async fn a_route_of_axum_requires_a_sufficient_token() {
    let issuer = Issuer::start(&[rsa(0)]).await;
    let app = app(&issuer).await;
    let valid = rsa(0).token(&claims(&issuer.url));
    let without_body = |method, path, token| request(method, path, token, "");
    let (status, _, body) = send(&app, without_body("GET", "/info", Some(&valid))).await;
    assert_eq!(
        (status, body),
        (200, claims(&issuer.url)["sub"].as_str().unwrap().to_owned())
    );
    let (status, challenge, _) = send(&app, without_body("GET", "/info", None)).await;
    assert_eq!(status, 401);
    assert!(challenge.ends_with("scope=\"info:read\"") && !challenge.contains("error"));
    let (status, challenge, _) = send(&app, without_body("GET", "/info", Some("x"))).await;
    assert_eq!(status, 401);
    assert!(challenge.contains("invalid_token"), "{challenge}");
    let (status, challenge, _) = send(&app, without_body("DELETE", "/all", Some(&valid))).await;
    assert_eq!(status, 403);
    assert!(challenge.contains("scope=\"info:delete\""), "{challenge}");
    let (status, challenge, _) = send(
        &app,
        without_body("GET", "/info?access_token=x", Some(&valid)),
    )
    .await;
    assert_eq!(status, 400);
    assert!(challenge.contains("invalid_request"), "{challenge}");
}

/// Row 54: a token in header and body is a bad request; a body without one arrives whole.
#[tokio::test]
async fn a_form_is_searched_for_a_second_token_and_arrives_unchanged() {
    let issuer = Issuer::start(&[rsa(0)]).await;
    let app = app(&issuer).await;
    let valid = rsa(0).token(&claims(&issuer.url));
    let text = format!("text={}", "x".repeat(200_000));
    let (status, _, body) = send(&app, request("POST", "/notes", Some(&valid), &text)).await;
    assert_eq!((status, body), (200, text));
    let twice = request("POST", "/notes", Some(&valid), "text=a&access_token=b");
    assert_eq!(send(&app, twice).await.0, 400);
    // A body in many chunks, and one that fails.
    let pieces = ["te", "xt", "=", "abc"].map(|piece| Ok::<_, std::io::Error>(piece.as_bytes()));
    let pieces = Body::from_stream(futures_util::stream::iter(pieces));
    let (parts, _) = request("POST", "/notes", Some(&valid), "").into_parts();
    let (status, _, body) = send(&app, Request::from_parts(parts, pieces)).await;
    assert_eq!((status, body.as_str()), (200, "text=abc"));
    let broken = [Ok("text="), Err(std::io::Error::other("connection reset"))];
    let broken = Body::from_stream(futures_util::stream::iter(broken));
    let (parts, _) = request("POST", "/notes", Some(&valid), "").into_parts();
    let status = send(&app, Request::from_parts(parts, broken)).await.0;
    assert_eq!(status, StatusCode::BAD_REQUEST.as_u16());
}

/// A body that panics if it is polled after its end.
fn once_only(text: &'static str) -> Body {
    Body::from_stream(futures_util::stream::unfold(
        Some(text),
        |text| async move { text.map(|text| (Ok::<_, std::io::Error>(text), None)) },
    ))
}

/// A body that never arrives.
fn never() -> Body {
    Body::from_stream(futures_util::stream::pending::<std::io::Result<&str>>())
}

#[tokio::test]
async fn a_body_is_not_polled_after_its_end() {
    let issuer = Issuer::start(&[rsa(0)]).await;
    let app = app(&issuer).await;
    let valid = rsa(0).token(&claims(&issuer.url));
    let (parts, _) = request("POST", "/notes", Some(&valid), "").into_parts();
    let request = Request::from_parts(parts, once_only("text=abc"));
    let (status, _, body) = send(&app, request).await;
    assert_eq!((status, body.as_str()), (200, "text=abc"));
}

/// A client without a valid token cannot make the API wait for a body.
#[tokio::test]
async fn a_request_without_a_valid_token_is_refused_before_its_body_is_read() {
    let issuer = Issuer::start(&[rsa(0)]).await;
    let app = app(&issuer).await;
    for token in [
        None,
        Some("x"),
        Some(rsa(1).token(&claims(&issuer.url)).as_str()),
    ] {
        let (parts, _) = request("POST", "/notes", token, "").into_parts();
        let refused = send(&app, Request::from_parts(parts, never()));
        let refused = tokio::time::timeout(Duration::from_secs(5), refused).await;
        assert_eq!(refused.unwrap().0, 401);
    }
}

/// A preflight (OPTIONS) has no token either: the CORS layer must be around this one.
#[tokio::test]
async fn every_method_requires_a_token() {
    let issuer = Issuer::start(&[rsa(0)]).await;
    let app = app(&issuer).await;
    for method in ["OPTIONS", "HEAD", "PUT", "TRACE", "BREW"] {
        let (status, challenge, _) = send(&app, request(method, "/info", None, "")).await;
        assert_eq!(status, 401, "{method}");
        assert!(challenge.starts_with("Bearer "), "{challenge}");
    }
}

#[tokio::test]
async fn an_optional_token_may_be_missing_but_an_invalid_one_is_refused() {
    let issuer = Issuer::start(&[rsa(0)]).await;
    let app = app(&issuer).await;
    let valid = rsa(0).token(&claims(&issuer.url));
    let without_body = |token| request("GET", "/greeting", token, "");
    assert_eq!(send(&app, without_body(None)).await.2, "anonymous");
    assert_ne!(send(&app, without_body(Some(&valid))).await.2, "anonymous");
    assert_eq!(send(&app, without_body(Some("bad"))).await.0, 401);
}

#[tokio::test]
async fn a_route_of_axum_reads_custom_claims() {
    let issuer = Issuer::start(&[rsa(0)]).await;
    let app = app(&issuer).await;
    let token = rsa(0).token(&claims_with(&issuer.url, "tenant", json!(7)));
    let (status, _, body) = send(&app, request("GET", "/tenant", Some(&token), "")).await;
    assert_eq!((status, body.as_str()), (200, "7"));
    let without = rsa(0).token(&claims(&issuer.url));
    let (status, ..) = send(&app, request("GET", "/tenant", Some(&without), "")).await;
    assert_eq!(status, 401);
}

#[tokio::test]
async fn a_route_may_add_a_check_and_change_the_response() {
    let issuer = Issuer::start(&[rsa(0)]).await;
    let app = app(&issuer).await;
    let valid = rsa(0).token(&claims(&issuer.url));
    let (status, challenge, _) = send(&app, request("GET", "/odd", Some(&valid), "")).await;
    assert_eq!(status, 403);
    assert!(challenge.contains("insufficient_scope"), "{challenge}");
    let (status, challenge, body) = send(&app, request("GET", "/own", None, "")).await;
    assert_eq!((status, body.as_str()), (401, "no_token"));
    assert!(challenge.starts_with("Bearer "), "{challenge}");
}
