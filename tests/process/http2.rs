//! HTTP/2 by TLS: the same responses as HTTP/1.1, and its own limits.

use std::future::poll_fn;
use std::time::Duration;

use h2::client::{Builder, SendRequest};
use h2::{Reason, SendStream};
use hyper::body::Bytes;
use poem::http::request::Builder as RequestBuilder;
use poem::http::{Request, Response};
use rustls::version::TLS13;
use serde_json::Value;
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use super::http::tls;
use super::{PASSWORD, PATIENCE, Place, Process};
use crate::support::certificate::{certificate, tls_client};
use crate::support::encode;

/// A connection, and the task that ends with it.
struct Http2 {
    requests: SendRequest<Bytes>,
    connection: JoinHandle<Result<(), h2::Error>>,
}

#[derive(Debug)]
struct Answer {
    status: u16,
    head: Response<()>,
    body: Vec<u8>,
}

fn place() -> Place {
    Place::furnished().with_tls(&certificate())
}

impl Http2 {
    async fn open(server: &Process) -> Self {
        Self::open_as(server, &Builder::new()).await
    }

    async fn open_as(server: &Process, builder: &Builder) -> Self {
        let config = tls_client(&[&TLS13], &["h2", "http/1.1"]);
        let stream = TcpStream::connect(server.address).await.unwrap();
        let name = "localhost".try_into().unwrap();
        let stream = TlsConnector::from(config).connect(name, stream).await;
        let stream = stream.unwrap();
        assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
        let (requests, connection) = builder.handshake(stream).await.unwrap();
        Self {
            requests,
            connection: tokio::spawn(connection),
        }
    }

    /// Sends a request whose body follows.
    async fn begin(
        &self,
        request: RequestBuilder,
    ) -> Result<(h2::client::ResponseFuture, SendStream<Bytes>), h2::Error> {
        let mut requests = self.requests.clone().ready().await?;
        requests.send_request(request.body(()).unwrap(), false)
    }

    async fn send(&self, request: RequestBuilder, body: &str) -> Result<Answer, h2::Error> {
        let (response, mut stream) = self.begin(request).await?;
        stream.send_data(Bytes::copy_from_slice(body.as_bytes()), true)?;
        answer(response).await
    }

    async fn get(&self, path: &str) -> Answer {
        let request = Request::get(format!("https://localhost{path}"));
        self.send(request, "").await.unwrap()
    }

    async fn token(&self, parameters: &[(&str, &str)]) -> Answer {
        self.send(token_request(), &encode(parameters))
            .await
            .unwrap()
    }

    /// Waits until the server closes the connection.
    async fn end(self) -> Result<(), h2::Error> {
        let Self {
            requests,
            connection,
        } = self;
        // The client would close a connection that has no handle any more.
        let ended = timeout(PATIENCE, connection).await;
        drop(requests);
        ended.unwrap().unwrap()
    }
}

impl Answer {
    fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }
}

fn token_request() -> RequestBuilder {
    Request::post("https://localhost/token")
        .header("content-type", "application/x-www-form-urlencoded")
}

async fn answer(response: h2::client::ResponseFuture) -> Result<Answer, h2::Error> {
    let (head, mut arriving) = timeout(PATIENCE, response).await.unwrap()?.into_parts();
    let mut body = Vec::new();
    while let Some(chunk) = arriving.data().await {
        let chunk = chunk?;
        arriving.flow_control().release_capacity(chunk.len())?;
        body.extend(chunk);
    }
    Ok(Answer {
        status: head.status.as_u16(),
        head: Response::from_parts(head, ()),
        body,
    })
}

#[tokio::test]
async fn a_client_that_offers_http_2_gets_it_with_the_same_responses() {
    let place = place();
    let server = place.start();
    let connection = Http2::open(&server).await;
    let sign_in = [
        ("grant_type", "password"),
        ("username", "admin"),
        ("password", PASSWORD),
    ];
    let tokens = connection.token(&sign_in).await;
    assert_eq!(tokens.status, 200);
    assert_eq!(tokens.head.headers()["cache-control"], "no-store");
    let refresh_token = tokens.json()["refresh_token"].clone();
    let refresh = [
        ("grant_type", "refresh_token"),
        ("refresh_token", refresh_token.as_str().unwrap()),
    ];
    assert_eq!(connection.token(&refresh).await.status, 200);
    let issuer = connection
        .get("/.well-known/openid-configuration")
        .await
        .json();
    assert_eq!(issuer["issuer"], format!("https://{}", server.address));
    let many = (0..300).map(|_| connection.get("/.well-known/jwks.json"));
    for answer in futures_util::future::join_all(many).await {
        assert_eq!(answer.status, 200);
        assert_eq!(answer.json()["keys"].as_array().unwrap().len(), 1);
    }
    let wrong = connection.token(&[("grant_type", "none")]).await;
    assert_eq!(
        (wrong.status, &wrong.json()["error"]),
        (400, &"unsupported_grant_type".into())
    );
    let only_1 = tls(server.address, &tls_client(&[&TLS13], &["http/1.1"])).unwrap();
    assert_eq!(only_1.conn.alpn_protocol(), Some(&b"http/1.1"[..]));
}

/// row 8: "any request with two or a malformed one". "A server SHOULD treat a request as malformed if it contains a Host
/// header field that identifies an entity that differs from the entity in the ":authority" pseudo-header field", RFC
/// 9113 §8.3.1.
#[tokio::test]
async fn a_host_that_differs_from_the_authority_is_refused() {
    let place = place();
    let server = place.start();
    let connection = Http2::open(&server).await;
    let status = async |hosts: &[&str]| {
        let mut request = Request::get("https://localhost/healthz");
        for host in hosts {
            request = request.header("host", *host);
        }
        connection.send(request, "").await.unwrap().status
    };
    assert_eq!(status(&[]).await, 200);
    assert_eq!(status(&["LOCALHOST"]).await, 200);
    assert_eq!(status(&["other"]).await, 400);
    assert_eq!(status(&["localhost", "localhost"]).await, 400);
    assert_eq!(status(&["a b"]).await, 400);
}

/// Swagger UI at another name of this machine, which `:authority` has.
#[tokio::test]
async fn a_page_at_another_loopback_name_is_redirected_to_the_issuer() {
    let place = place();
    let server = place.start();
    let connection = Http2::open(&server).await;
    let port = server.address.port();
    let request = Request::get(format!("https://localhost:{port}/docs"));
    let answer = connection.send(request, "").await.unwrap();
    assert_eq!(answer.status, 307);
    let expected = format!("https://127.0.0.1:{port}/docs");
    assert_eq!(answer.head.headers()["location"], expected);
}

#[tokio::test]
async fn the_limits_of_body_and_head_hold() {
    let place = place().set("JETON_SERVER__REQUEST_TIMEOUT", "1s");
    let server = place.start();
    let connection = Http2::open(&server).await;
    let large = connection.send(token_request(), &"a".repeat(60_000)).await;
    assert_eq!(large.unwrap().status, 413);
    let (response, mut stream) = connection.begin(token_request()).await.unwrap();
    stream.send_data("grant".into(), false).unwrap();
    assert_eq!(answer(response).await.unwrap().status, 408);
    let head = Request::get("https://localhost/healthz").header("x", "a".repeat(17_000));
    assert_eq!(connection.send(head, "").await.unwrap().status, 431);
    assert_eq!(connection.get("/healthz").await.status, 200);
    assert_eq!(connection.requests.current_max_send_streams(), 100);
}

/// The attack of CVE-2023-44487: each request is reset at once, so it never counts as open.
#[tokio::test]
async fn a_connection_that_cancels_its_requests_is_closed() {
    let place = place();
    let server = place.start();
    let honest = Http2::open(&server).await;
    let hostile = Http2::open(&server).await;
    let mut sent = 0;
    while let Ok((_, mut stream)) = hostile.begin(token_request()).await {
        stream.send_reset(Reason::CANCEL);
        sent += 1;
        assert!(sent < 100_000, "the connection stayed open");
        // Lets some of the requests begin before they are cancelled.
        if sent % 10 == 0 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }
    drop(hostile.end().await);
    assert_eq!(honest.get("/healthz").await.status, 200);
}

/// Requests that began count, too: they wait for their bodies when they are cancelled.
#[tokio::test]
async fn a_connection_that_cancels_requests_after_they_began_is_closed() {
    let place = place();
    let server = place.start();
    let hostile = Http2::open(&server).await;
    let mut cancelled = 0;
    'sending: loop {
        let mut open = Vec::new();
        for _ in 0..20 {
            let Ok(begun) = hostile.begin(token_request()).await else {
                break 'sending;
            };
            open.push(begun);
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
        cancelled += open.len();
        // One at a time: not many resets wait to be accepted.
        for (_, mut stream) in open {
            stream.send_reset(Reason::CANCEL);
            tokio::task::yield_now().await;
        }
        assert!(cancelled < 2000, "the connection stayed open");
    }
    drop(hostile.end().await);
    assert_eq!(Http2::open(&server).await.get("/healthz").await.status, 200);
}

/// Otherwise one address could have a hundred times as many requests open as `server.max_connections_per_address`, each
/// with as much memory as a connection.
#[tokio::test]
async fn open_requests_beyond_the_first_count_as_connections_of_their_address() {
    let place = place()
        .set("JETON_SERVER__MAX_CONNECTIONS_PER_ADDRESS", "6")
        .set("JETON_SERVER__REQUEST_TIMEOUT", "5m");
    let server = place.start();
    let connection = Http2::open(&server).await;
    let mut open = Vec::new();
    let refused = loop {
        open.push(connection.begin(token_request()).await.unwrap());
        let answer = connection.get("/healthz").await;
        if answer.status != 200 {
            break answer;
        }
        assert!(open.len() < 7, "the requests are not limited");
    };
    assert_eq!(refused.status, 503);
    assert_eq!(refused.json()["error"], "temporarily_unavailable");
    assert_eq!(refused.head.headers()["retry-after"], "1");
    for (_, mut stream) in open {
        stream.send_reset(Reason::CANCEL);
    }
    // Processed in order: then the requests are cancelled.
    let freed = async { while connection.get("/healthz").await.status != 200 {} };
    timeout(PATIENCE, freed).await.unwrap();
}

/// A response that the client does not read takes memory, too.
#[tokio::test]
async fn a_response_that_is_not_read_counts_as_an_open_request() {
    let place = place().set("JETON_SERVER__MAX_CONNECTIONS_PER_ADDRESS", "6");
    let server = place.start();
    let mut without_window = Builder::new();
    let connection = Http2::open_as(&server, without_window.initial_window_size(0)).await;
    let mut unread = Vec::new();
    loop {
        let request = Request::get("https://localhost/openapi.json");
        let (response, mut stream) = connection.begin(request).await.unwrap();
        stream.send_data(Bytes::new(), true).unwrap();
        let response = timeout(PATIENCE, response).await.unwrap().unwrap();
        if response.status() == 503 {
            break;
        }
        assert_eq!(response.status(), 200);
        unread.push(response);
        assert!(unread.len() < 7, "the responses are not limited");
    }
}

/// Without a request, idle after one, and with responses that are never read.
#[tokio::test]
async fn silent_idle_and_stuck_connections_are_closed() {
    let place = place()
        .set("JETON_SERVER__HEADER_READ_TIMEOUT", "1s")
        .set("JETON_SERVER__KEEP_ALIVE_TIMEOUT", "2s");
    let server = place.start();
    let silent = Http2::open(&server).await;
    let idle = Http2::open(&server).await;
    assert_eq!(idle.get("/healthz").await.status, 200);
    let mut without_window = Builder::new();
    let stuck = Http2::open_as(&server, without_window.initial_window_size(0)).await;
    let (response, _body) = stuck
        .requests
        .clone()
        .send_request(
            Request::get("https://localhost/docs").body(()).unwrap(),
            true,
        )
        .unwrap();
    let unread = response.await.unwrap();
    silent.end().await.unwrap();
    idle.end().await.unwrap();
    drop(stuck.end().await);
    drop(unread);
    assert_eq!(server.get("/healthz").status, 200);
}

#[tokio::test]
async fn sigterm_lets_an_open_request_finish() {
    let place = place();
    let mut server = place.start();
    let idle = Http2::open(&server).await;
    let connection = Http2::open(&server).await;
    let form = encode(&[
        ("grant_type", "password"),
        ("username", "admin"),
        ("password", PASSWORD),
    ]);
    let (response, mut stream) = connection.begin(token_request()).await.unwrap();
    poll_fn(|context| {
        stream.reserve_capacity(1);
        stream.poll_capacity(context)
    })
    .await
    .unwrap()
    .unwrap();
    stream
        .send_data(Bytes::copy_from_slice(&form.as_bytes()[..5]), false)
        .unwrap();
    // Processed in order: then the request has begun.
    assert_eq!(connection.get("/healthz").await.status, 200);
    server.signal("TERM");
    idle.end().await.unwrap();
    stream
        .send_data(Bytes::copy_from_slice(&form.as_bytes()[5..]), true)
        .unwrap();
    assert_eq!(answer(response).await.unwrap().status, 200);
    connection.end().await.unwrap();
    let status = tokio::task::spawn_blocking(move || (server.wait(), server));
    let (status, server) = status.await.unwrap();
    assert_eq!(status.code(), Some(0), "{}", server.log());
}

#[tokio::test]
async fn an_idle_connection_is_closed_when_few_places_are_left() {
    let place = place()
        .set("JETON_SERVER__MAX_CONNECTIONS", "2")
        .set("JETON_SERVER__REQUEST_TIMEOUT", "10m")
        .set("JETON_SERVER__KEEP_ALIVE_TIMEOUT", "1h");
    let server = place.start();
    let idle = Http2::open(&server).await;
    assert_eq!(idle.get("/healthz").await.status, 200);
    let busy = Http2::open(&server).await;
    let (response, mut body) = busy.begin(token_request()).await.unwrap();
    let new = Http2::open(&server).await;
    assert_eq!(new.get("/healthz").await.status, 200);
    idle.end().await.unwrap();
    body.send_data(Bytes::from_static(b"grant_type=none"), true)
        .unwrap();
    assert_eq!(answer(response).await.unwrap().status, 400);
}
