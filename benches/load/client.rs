//! A client that refreshes sessions over one connection and checks each response (RFC 6749 §6, §5.1).

use std::{
    collections::VecDeque,
    io,
    net::SocketAddr,
    time::{Duration, Instant},
};

use serde_json::Value;

use crate::http::{Connection, Response};

const CLIENT_ID: &str = "first-party";

/// A connection and the sessions that are refreshed over it in turn.
pub struct Client {
    connection: Connection,
    refresh_tokens: VecDeque<String>,
    sent: Instant,
}

impl Client {
    pub fn open(address: SocketAddr) -> io::Result<Self> {
        let connection = Connection::open(address)?;
        Ok(Self {
            connection,
            refresh_tokens: VecDeque::new(),
            sent: Instant::now(),
        })
    }

    /// Begins a session and adds it. Name and password are sent without escaping.
    pub fn sign_in(&mut self, username: &str, password: &str) -> io::Result<()> {
        let form = format!(
            "grant_type=password&client_id={CLIENT_ID}&username={username}&password={password}"
        );
        self.connection.post("/token", &form)?;
        let token = parse(&self.connection.receive()?)?;
        self.refresh_tokens.push_back(token);
        Ok(())
    }

    /// Adds an existing session.
    pub fn add_session(&mut self, refresh_token: String) {
        self.refresh_tokens.push_back(refresh_token);
    }

    /// Sends the next refresh request; [`Client::receive`] reads the response.
    pub fn send(&mut self) -> io::Result<()> {
        let token = self
            .refresh_tokens
            .front()
            .ok_or_else(|| invalid("no session"))?;
        let form = format!("grant_type=refresh_token&client_id={CLIENT_ID}&refresh_token={token}");
        self.sent = Instant::now();
        self.connection.post("/token", &form)
    }

    /// Checks the response and returns its latency.
    pub fn receive(&mut self) -> io::Result<Duration> {
        let response = self.connection.receive()?;
        let latency = self.sent.elapsed();
        let successor = parse(&response)?;
        if self
            .refresh_tokens
            .pop_front()
            .is_none_or(|sent| sent == successor)
        {
            return Err(invalid("the refresh token was not rotated"));
        }
        self.refresh_tokens.push_back(successor);
        Ok(latency)
    }
}

/// The refresh token of a valid token response.
fn parse(response: &Response) -> io::Result<String> {
    let body_text = || String::from_utf8_lossy(&response.body).into_owned();
    if response.status != 200 {
        return Err(invalid(&format!(
            "status {}: {}",
            response.status,
            body_text()
        )));
    }
    let body: Value = serde_json::from_slice(&response.body)?;
    let text = |name| body.get(name).and_then(Value::as_str).unwrap_or_default();
    let is_good = text("token_type") == "Bearer"
        && text("access_token")
            .split('.')
            .filter(|part| !part.is_empty())
            .count()
            == 3
        && body
            .get("expires_in")
            .and_then(Value::as_u64)
            .is_some_and(|seconds| seconds > 0)
        && !text("refresh_token").is_empty();
    if is_good {
        Ok(text("refresh_token").to_owned())
    } else {
        Err(invalid(&format!("not a token response: {}", body_text())))
    }
}

fn invalid(reason: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, reason)
}
