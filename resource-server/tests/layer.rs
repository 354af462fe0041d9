use std::convert::Infallible;
use std::future::{Ready, ready};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::Body;
use axum::http::{Request, Response};
use futures_util::stream::{self, StreamExt as _};
use http_body::Body as _;
use jeton_resource_server::tower::{Peeked, RequireToken};
use jeton_resource_server::{AccessToken, Verifier};
use tower::{Layer as _, Service, ServiceExt as _};

use crate::support::{Issuer, claims, rsa, verifier};

/// Responds with the body's `is_end_stream` and `size_hint`. It must be ready before it is called, as every
/// service may require.
#[derive(Default)]
struct Inspector {
    ready: bool,
}

impl Clone for Inspector {
    fn clone(&self) -> Self {
        Self::default()
    }
}

impl Service<Request<Peeked<Body>>> for Inspector {
    type Response = Response<String>;
    type Error = Infallible;
    type Future = Ready<Result<Response<String>, Infallible>>;

    fn poll_ready(&mut self, _context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.ready = true;
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Peeked<Body>>) -> Self::Future {
        assert!(self.ready);
        let token = request.extensions().get::<AccessToken>();
        assert!(token.is_some());
        let body = request.body();
        let hint = body.size_hint();
        let text = format!(
            "{} {:?}",
            body.is_end_stream(),
            (hint.lower(), hint.upper())
        );
        ready(Ok(Response::new(text)))
    }
}

async fn inspect(verifier: &Verifier, token: &str, body: Body) -> String {
    let request = Request::builder()
        .header("authorization", format!("Bearer {token}"))
        .header("content-type", "application/x-www-form-urlencoded")
        .body(body)
        .unwrap();
    let service = RequireToken::new(verifier.clone()).layer(Inspector::default());
    let answer = tokio::time::timeout(Duration::from_secs(5), service.oneshot(request));
    answer.await.unwrap().unwrap().into_body()
}

#[tokio::test]
async fn a_form_keeps_its_length() {
    let issuer = Issuer::start(&[rsa(0)]).await;
    let verifier = verifier(&issuer).await;
    let token = rsa(0).token(&claims(&issuer.url));
    let pieces = stream::iter(["a=b", "&c=d"]).map(Ok::<_, Infallible>);
    for (body, expected) in [
        (Body::from("a=b"), "false (3, Some(3))"),
        (Body::empty(), "true (0, Some(0))"),
        (Body::from_stream(pieces), "false (7, Some(7))"),
    ] {
        assert_eq!(inspect(&verifier, &token, body).await, expected);
    }
}

/// The buffer of an endless form is limited.
#[tokio::test]
async fn only_the_beginning_of_a_form_is_buffered() {
    let issuer = Issuer::start(&[rsa(0)]).await;
    let verifier = verifier(&issuer).await;
    let token = rsa(0).token(&claims(&issuer.url));
    let piece = "x".repeat(16 * 1024);
    let beginning = stream::iter(vec![piece; 4]).map(Ok::<_, Infallible>);
    let endless = Body::from_stream(beginning.chain(stream::pending()));
    let text = inspect(&verifier, &token, endless).await;
    assert_eq!(text, "false (65536, None)");
}

/// Some of the chunks are beyond the prefix that is searched.
#[tokio::test]
async fn a_form_in_many_chunks_arrives_whole_in_poem() {
    use poem::{Endpoint as _, EndpointExt as _};
    #[poem::handler]
    async fn length(
        _token: jeton_resource_server::poem::Authorized,
        body: poem::Body,
    ) -> poem::Result<String> {
        Ok(body.into_string().await?.len().to_string())
    }
    let issuer = Issuer::start(&[rsa(0)]).await;
    let token = rsa(0).token(&claims(&issuer.url));
    let pieces = stream::iter(vec!["x".repeat(10_000); 20]).map(Ok::<_, std::io::Error>);
    let request = poem::Request::builder()
        .header("authorization", format!("Bearer {token}"))
        .content_type("application/x-www-form-urlencoded")
        .body(poem::Body::from_bytes_stream(pieces));
    let app = length.data(verifier(&issuer).await).map_to_response();
    let answer = app.get_response(request).await.into_body();
    assert_eq!(answer.into_string().await.unwrap(), "200000");
}

/// Also: without resource metadata its endpoint responds with 404.
#[tokio::test]
async fn a_verifier_for_several_issuers_is_ready_when_all_have_keys() {
    use poem::Endpoint as _;
    let issuer = Issuer::start(&[rsa(0)]).await;
    let mut down = Issuer::start(&[rsa(1)]).await;
    down.stop().await;
    let absent = Verifier::builder(&down.url, "x").start_without_issuer(true);
    let both = [verifier(&issuer).await, absent.build().await.unwrap()];
    let both = Verifier::any_of(both).unwrap();
    assert!(!both.status().is_ready());
    let document = jeton_resource_server::poem::protected_resource(&both);
    let answer = document.get_response(poem::Request::default()).await;
    assert_eq!(answer.status(), 404);
}
