//! A test issuer: it counts requests and sends configurable responses.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

use super::Signer;

pub const METADATA: &str = "/.well-known/oauth-authorization-server";
pub const JWKS: &str = "/keys";

pub struct Issuer {
    pub url: String,
    address: std::net::SocketAddr,
    state: Arc<State>,
    task: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct State {
    replies: Mutex<HashMap<String, Reply>>,
    requests: Mutex<Vec<String>>,
}

/// The response of a path.
#[derive(Clone)]
pub struct Reply {
    status: &'static str,
    headers: Vec<(&'static str, String)>,
    body: Vec<u8>,
    /// The number of bytes that are sent before the connection is closed.
    sent: Option<usize>,
    delay: Duration,
}

impl Reply {
    pub fn json(body: &Value) -> Self {
        Self::text("200 OK", "application/json", &body.to_string())
    }

    pub fn text(status: &'static str, media: &str, body: &str) -> Self {
        Self {
            status,
            headers: vec![("Content-Type", media.to_owned())],
            body: body.as_bytes().to_vec(),
            sent: None,
            delay: Duration::ZERO,
        }
    }

    pub fn header(mut self, name: &'static str, value: &str) -> Self {
        self.headers.push((name, value.to_owned()));
        self
    }

    pub fn cut_off_after(mut self, bytes: usize) -> Self {
        self.sent = Some(bytes);
        self
    }

    pub fn after(mut self, delay: Duration) -> Self {
        self.delay = delay;
        self
    }
}

impl Issuer {
    /// An issuer with these keys.
    pub async fn start(signers: &[&Signer]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let url = format!("http://{address}");
        let mut issuer = Self {
            address,
            state: Arc::default(),
            task: None,
            url,
        };
        issuer.reply(
            METADATA,
            Reply::json(&json!({
                "issuer": issuer.url,
                "jwks_uri": format!("{}{JWKS}", issuer.url),
                "token_endpoint": format!("{}/token", issuer.url),
            })),
        );
        issuer.publish(signers);
        issuer.listen(listener);
        issuer
    }

    pub fn publish(&self, signers: &[&Signer]) {
        let keys: Vec<&Value> = signers.iter().map(|signer| &signer.jwk).collect();
        self.reply(JWKS, Reply::json(&json!({ "keys": keys })));
    }

    pub fn reply(&self, path: &str, reply: Reply) {
        let mut replies = self.state.replies.lock().unwrap();
        replies.insert(path.to_owned(), reply);
    }

    pub fn forget(&self, path: &str) {
        self.state.replies.lock().unwrap().remove(path);
    }

    /// The number of requests for a path.
    pub fn requests(&self, path: &str) -> usize {
        let requests = self.state.requests.lock().unwrap();
        let line = format!("GET {path} ");
        requests
            .iter()
            .filter(|head| head.starts_with(&line))
            .count()
    }

    /// The number of requests for a path with any query.
    pub fn requests_beginning(&self, path: &str) -> usize {
        let requests = self.state.requests.lock().unwrap();
        let line = format!("GET {path}");
        requests
            .iter()
            .filter(|head| head.starts_with(&line))
            .count()
    }

    /// Removes the `ETag` from the response of a path.
    pub fn forget_etag(&self, path: &str) {
        let mut replies = self.state.replies.lock().unwrap();
        let reply = replies.get_mut(path).unwrap();
        reply.headers.retain(|(name, _)| *name != "ETag");
    }

    /// The head of the last request.
    pub fn last_request(&self) -> String {
        let requests = self.state.requests.lock().unwrap();
        requests.last().unwrap().to_ascii_lowercase()
    }

    /// Stops listening.
    pub async fn stop(&mut self) {
        if let Some(task) = self.task.take() {
            task.abort();
            let _ = task.await;
        }
    }

    /// Listens again at the same address.
    pub async fn resume(&mut self) {
        let listener = loop {
            match TcpListener::bind(self.address).await {
                Ok(listener) => break listener,
                Err(_) => tokio::task::yield_now().await,
            }
        };
        self.listen(listener);
    }

    fn listen(&mut self, listener: TcpListener) {
        let state = Arc::clone(&self.state);
        self.task = Some(tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(answer(stream, Arc::clone(&state)));
            }
        }));
    }
}

impl Drop for Issuer {
    fn drop(&mut self) {
        if let Some(task) = &self.task {
            task.abort();
        }
    }
}

async fn answer(mut stream: TcpStream, state: Arc<State>) -> Option<()> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.ok()?);
    }
    let head = String::from_utf8(head).ok()?;
    let path = head.split(' ').nth(1)?.to_owned();
    let etag = head
        .lines()
        .find_map(|line| line.strip_prefix("if-none-match: "))
        .map(str::to_owned);
    state.requests.lock().unwrap().push(head);
    let bare = path.split('?').next()?;
    let reply = state.replies.lock().unwrap().get(bare).cloned();
    let mut reply =
        reply.unwrap_or_else(|| Reply::text("404 Not Found", "text/plain", "not found"));
    let current = reply.headers.iter().find(|(name, _)| *name == "ETag");
    if etag.is_some() && current.map(|(_, value)| value) == etag.as_ref() {
        reply.status = "304 Not Modified";
        reply.body.clear();
    }
    tokio::time::sleep(reply.delay).await;
    let mut text = format!("HTTP/1.1 {}\r\nConnection: close\r\n", reply.status);
    for (name, value) in &reply.headers {
        text.extend([name, ": ", value, "\r\n"]);
    }
    let length = reply.body.len().to_string();
    text.extend(["Content-Length: ", &length, "\r\n\r\n"]);
    stream.write_all(text.as_bytes()).await.ok()?;
    let sent = reply.sent.unwrap_or(reply.body.len());
    stream.write_all(&reply.body[..sent]).await.ok()?;
    stream.shutdown().await.ok()
}
