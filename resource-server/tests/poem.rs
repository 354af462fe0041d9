#![expect(
    clippy::unused_async,
    clippy::needless_pass_by_value,
    reason = "the framework prescribes the signature of a handler"
)]

use std::time::Duration;

use futures_util::stream;
use jeton_resource_server::poem::{
    Authorized, Bearer, OptionalBearer, Refused, SignIn, describe, protected_resource,
};
use jeton_resource_server::{ProtectedResource, Refusal, Requirement, Requires, Verifier};
use poem::http::{Method, StatusCode};
use poem::{Endpoint as _, EndpointExt as _, Request, Response, Route, get, handler};
use poem_openapi::payload::{Form, PlainText};
use poem_openapi::{Object, OpenApi, OpenApiService};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::time::timeout;

use crate::support::{AUDIENCE, Issuer, claims, rsa};

struct Read;

impl Requires for Read {
    const REQUIREMENT: Requirement = Requirement::scopes(&["info:read"]);
}

struct Delete;

impl Requires for Delete {
    const REQUIREMENT: Requirement = Requirement::scopes(&["info:delete"]);
}

#[derive(Deserialize, Object)]
struct Note {
    text: String,
    access_token: Option<String>,
}

struct Api;

#[OpenApi]
impl Api {
    #[oai(path = "/info", method = "get")]
    async fn read(&self, token: Bearer<Read>) -> PlainText<String> {
        PlainText(token.subject.clone())
    }

    #[oai(path = "/info", method = "delete")]
    async fn delete(&self, token: Bearer<Delete>) -> PlainText<String> {
        PlainText(token.into_token().subject)
    }

    #[oai(path = "/notes", method = "post")]
    async fn note(&self, _token: Bearer, note: Form<Note>) -> PlainText<String> {
        PlainText(note.0.text)
    }

    #[oai(path = "/greeting", method = "get")]
    async fn greet(&self, bearer: OptionalBearer) -> PlainText<String> {
        let name = bearer.token.map(|token| token.subject);
        PlainText(name.unwrap_or_else(|| "anonymous".to_owned()))
    }
}

#[handler]
fn plain(token: Authorized<Read>) -> String {
    token.client_id.clone()
}

async fn app(issuer: &Issuer) -> impl poem::Endpoint<Output = Response> {
    let resource = ProtectedResource::new(AUDIENCE, &issuer.url).unwrap();
    let verifier = Verifier::builder(&issuer.url, AUDIENCE).protected_resource(resource);
    let verifier = verifier.build().await.unwrap();
    Route::new()
        .at("/plain", get(plain))
        .at(
            "/.well-known/oauth-protected-resource",
            get(protected_resource(&verifier)),
        )
        .nest("/", OpenApiService::new(Api, "Info", "1"))
        .data(verifier)
        .map_to_response()
}

async fn send(issuer: &Issuer, request: poem::RequestBuilder, body: &str) -> (u16, String, String) {
    let app = app(issuer).await;
    let response = app.get_response(request.body(body.to_owned())).await;
    let challenge = response
        .header("www-authenticate")
        .unwrap_or_default()
        .to_owned();
    let status = response.status().as_u16();
    (
        status,
        challenge,
        response.into_body().into_string().await.unwrap(),
    )
}

fn request(method: Method, path: &'static str, token: Option<&str>) -> poem::RequestBuilder {
    let request = Request::builder().method(method).uri_str(path);
    match token {
        Some(token) => request.header("authorization", format!("Bearer {token}")),
        None => request,
    }
}

/// Row 54, through poem-openapi.
#[tokio::test]
async fn a_route_of_poem_openapi_requires_a_sufficient_token() {
    let issuer = Issuer::start(&[rsa(0)]).await;
    let valid = rsa(0).token(&claims(&issuer.url));
    let (status, _, body) = send(&issuer, request(Method::GET, "/info", Some(&valid)), "").await;
    assert_eq!(
        (status, body),
        (200, claims(&issuer.url)["sub"].as_str().unwrap().to_owned())
    );

    let (status, challenge, body) = send(&issuer, request(Method::GET, "/info", None), "").await;
    assert_eq!(status, 401);
    let metadata = format!("{AUDIENCE}/.well-known/oauth-protected-resource");
    let expected = format!(
        "Bearer realm=\"{AUDIENCE}\", scope=\"info:read\", resource_metadata=\"{metadata}\""
    );
    assert_eq!(challenge, expected);
    let body: Value = serde_json::from_str(&body).unwrap();
    assert_eq!(body["status"], 401);

    let (status, challenge, _) = send(&issuer, request(Method::GET, "/info", Some("x")), "").await;
    assert_eq!(status, 401);
    assert!(challenge.contains("invalid_token"), "{challenge}");

    let request = request(Method::DELETE, "/info", Some(&valid));
    let (status, challenge, _) = send(&issuer, request, "").await;
    assert_eq!(status, 403);
    assert!(
        challenge.contains("error=\"insufficient_scope\""),
        "{challenge}"
    );
    assert!(challenge.contains("scope=\"info:delete\""), "{challenge}");
}

/// Row 54: a token in header and body is a bad request; a body without one arrives whole.
#[tokio::test]
async fn a_form_is_searched_for_a_second_token_and_arrives_unchanged() {
    let issuer = Issuer::start(&[rsa(0)]).await;
    let valid = rsa(0).token(&claims(&issuer.url));
    let post = |media: &'static str| {
        request(Method::POST, "/notes", Some(&valid)).header("content-type", media)
    };
    let form = "application/x-www-form-urlencoded";
    let long = "x".repeat(200_000);
    let whole = send(&issuer, post(form), &format!("text={long}")).await;
    assert_eq!((whole.0, whole.2.len()), (200, long.len()));
    for media in [form, "Application/X-WWW-Form-Urlencoded; charset=utf-8"] {
        let (status, challenge, _) = send(&issuer, post(media), "text=a&access_token=b").await;
        assert_eq!(status, 400);
        assert!(challenge.contains("invalid_request"), "{challenge}");
    }
}

#[tokio::test]
async fn an_optional_token_may_be_missing_but_an_invalid_one_is_refused() {
    let issuer = Issuer::start(&[rsa(0)]).await;
    let valid = rsa(0).token(&claims(&issuer.url));
    let get_request = |token| request(Method::GET, "/greeting", token);
    assert_eq!(send(&issuer, get_request(None), "").await.2, "anonymous");
    assert_eq!(send(&issuer, get_request(Some(&valid)), "").await.0, 200);
    assert_eq!(send(&issuer, get_request(Some("bad")), "").await.0, 401);
}

#[tokio::test]
async fn a_handler_of_poem_requires_a_valid_token() {
    let issuer = Issuer::start(&[rsa(0)]).await;
    let valid = rsa(0).token(&claims(&issuer.url));
    let (status, _, body) = send(&issuer, request(Method::GET, "/plain", Some(&valid)), "").await;
    assert_eq!((status, body.as_str()), (200, "web"));
    assert_eq!(
        send(&issuer, request(Method::GET, "/plain", None), "")
            .await
            .0,
        401
    );
}

#[tokio::test]
async fn a_refusal_can_be_downcast_from_a_poem_error() {
    let issuer = Issuer::start(&[rsa(0)]).await;
    let verifier = Verifier::builder(&issuer.url, AUDIENCE)
        .build()
        .await
        .unwrap();
    let error = get(plain)
        .data(verifier)
        .call(Request::default())
        .await
        .unwrap_err();
    let refused = error.downcast_ref::<Refused>().unwrap();
    assert_eq!(refused.refusal, Refusal::NoToken);
    // A route without a verifier refuses every request.
    let error = get(plain).call(Request::default()).await.unwrap_err();
    assert_eq!(error.status(), StatusCode::INTERNAL_SERVER_ERROR);
}

/// Also routes with an optional token.
#[tokio::test]
async fn without_a_verifier_every_request_is_refused() {
    let app = OpenApiService::new(Api, "Info", "1").map_to_response();
    for path in ["/info", "/greeting"] {
        for token in [None, Some("x.y.z")] {
            let request = request(Method::GET, path, token).finish();
            let response = app.get_response(request).await;
            assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
        }
    }
}

/// A body that panics if it is polled after its end, and one that never arrives.
#[tokio::test]
async fn a_body_is_read_only_for_a_valid_token_and_not_after_its_end() {
    let issuer = Issuer::start(&[rsa(0)]).await;
    let app = app(&issuer).await;
    let post = |token: Option<&str>, body: poem::Body| {
        let request = request(Method::POST, "/notes", token);
        let request = request.content_type("application/x-www-form-urlencoded");
        request.body(body)
    };
    let once_only = stream::unfold(Some("text=abc"), |text| async move {
        text.map(|text| (Ok::<_, std::io::Error>(text), None))
    });
    let valid = rsa(0).token(&claims(&issuer.url));
    let whole = post(Some(&valid), poem::Body::from_bytes_stream(once_only));
    let whole = app.get_response(whole).await.into_body();
    assert_eq!(whole.into_string().await.unwrap(), "abc");
    for token in [None, Some("x")] {
        let never = stream::pending::<std::io::Result<&'static str>>();
        let never = post(token, poem::Body::from_bytes_stream(never));
        let refused = timeout(Duration::from_secs(5), app.get_response(never)).await;
        assert_eq!(refused.unwrap().status(), StatusCode::UNAUTHORIZED);
    }
}

/// RFC 9728 §3.2.
#[tokio::test]
async fn the_resource_metadata_is_served_to_every_origin() {
    let issuer = Issuer::start(&[rsa(0)]).await;
    let request = request(Method::GET, "/.well-known/oauth-protected-resource", None);
    let response = app(&issuer).await.get_response(request.finish()).await;
    assert_eq!(response.content_type(), Some("application/json"));
    assert_eq!(response.header("access-control-allow-origin"), Some("*"));
    let document: Value = response.into_body().into_json().await.unwrap();
    assert_eq!(document["authorization_servers"], json!([issuer.url]));
}

#[test]
fn the_openapi_document_contains_the_sign_in() {
    let service = OpenApiService::new(Api, "Info", "1");
    let mut document: Value = serde_json::from_str(&service.spec()).unwrap();
    let sign_in = SignIn::password("https://issuer.test/token")
        .scope("info:read", "Read the information.")
        .description("The client_id is `web`.");
    describe(&mut document, &sign_in);
    let expected = json!({
        "type": "oauth2",
        "description": "The client_id is `web`.",
        "flows": { "password": {
            "tokenUrl": "https://issuer.test/token",
            "refreshUrl": "https://issuer.test/token",
            "scopes": { "info:read": "Read the information." },
        }},
    });
    assert_eq!(
        document["components"]["securitySchemes"]["OAuth2"],
        expected
    );
    assert_eq!(
        document["paths"]["/info"]["get"]["security"],
        json!([{ "OAuth2": [] }])
    );
    let optional = &document["paths"]["/greeting"]["get"]["security"];
    assert_eq!(*optional, json!([{ "OAuth2": [] }, {}]));
}
