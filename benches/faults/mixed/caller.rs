//! A client of the mixed load. It keeps its connection to a node, and records the result of each request.

use std::{io, net::SocketAddr, thread::sleep, time::Duration};

use super::message::{Request, headers};
use crate::{
    client::{Run, parse},
    counters::RequestResult,
    http::{Connection, Response},
    random::Random,
    recorder::{Kind, Sent},
    session::Tokens,
};

/// The pause after an error.
const BACK_OFF: Duration = Duration::from_secs(1);
/// One in this number of visits is followed by a change of node.
const SWITCH_NODE_ONE_IN: usize = 4;

pub struct Caller<'a> {
    run: &'a Run,
    pub random: Random,
    node: usize,
    connection: Option<Connection>,
}

impl<'a> Caller<'a> {
    pub fn new(run: &'a Run, mut random: Random) -> Self {
        Self {
            node: random.below(run.nodes.len()),
            run,
            random,
            connection: None,
        }
    }

    /// Pauses between two visits; for longer after an error, and then changes the node.
    pub fn pause(&mut self, pause: Duration, is_complete: bool) {
        let pause = if is_complete { pause } else { BACK_OFF };
        sleep(pause / 2 + self.random.up_to(pause));
        if !is_complete || self.random.below(SWITCH_NODE_ONE_IN) == 0 {
            self.disconnect();
            self.node = self.random.below(self.run.nodes.len());
        }
    }

    pub fn disconnect(&mut self) {
        self.connection = None;
    }

    /// The response, which must have one of these statuses. Any other one, except 429 and 503 with `Retry-After`, is a
    /// violation.
    pub fn send(&mut self, kind: Kind, request: &Request, expected: &[u16]) -> Option<Response> {
        self.send_text(kind, &request.text(), expected)
    }

    pub fn send_text(&mut self, kind: Kind, text: &str, expected: &[u16]) -> Option<Response> {
        let sent = Sent::now(kind, self.node, self.connection.as_ref());
        let (result, response) = match self.exchange(text) {
            Ok(response) => (self.classify(text, &response, expected), Some(response)),
            Err(error) => (RequestResult::of(&error), None),
        };
        self.run.recorder.record(&sent, result);
        response.filter(|_| result == RequestResult::Success)
    }

    /// The tokens of a token response.
    pub fn tokens(&mut self, kind: Kind, request: &Request) -> Option<Tokens> {
        let response = self.send(kind, request, &[200])?;
        let tokens = parse(&response.body);
        self.require(tokens.is_some(), "a token response without tokens");
        tokens
    }

    /// Records a violation unless it is kept.
    pub fn require(&self, is_kept: bool, violation: &str) {
        if !is_kept {
            self.run.counters.record_violation(violation);
        }
    }

    /// Sends bytes on a new connection and closes it after a while, without reading.
    pub fn abandon(&mut self, text: &[u8], after: Duration) -> Option<()> {
        self.disconnect();
        let mut connection = self.open().ok()?;
        connection.send(text).ok()?;
        sleep(after);
        Some(())
    }

    fn exchange(&mut self, text: &str) -> io::Result<Response> {
        let mut connection = match self.connection.take() {
            Some(open) => open,
            None => self.open()?,
        };
        connection.send(text.as_bytes())?;
        let response = connection.receive()?;
        self.connection = Some(connection);
        Ok(response)
    }

    fn open(&self) -> io::Result<Connection> {
        let node: Option<SocketAddr> = self.run.nodes.get(self.node).copied();
        let node = node.ok_or_else(|| io::Error::other("the node list is empty"))?;
        Connection::open_with_timeout(self.run.timeout, node)
    }

    fn classify(&self, text: &str, response: &Response, expected: &[u16]) -> RequestResult {
        let status = response.status;
        let mut locations = headers(response, "location");
        let result = match status {
            // An authorization request that is put off.
            _ if locations.any(|url| url.contains("error=temporarily_unavailable")) => {
                return RequestResult::Busy;
            }
            _ if expected.contains(&status) => return RequestResult::Success,
            503 if response.retry_after.is_some() => return RequestResult::Busy,
            429 => RequestResult::Throttled,
            500.. => RequestResult::Failed,
            _ => RequestResult::Unexpected,
        };
        let line = text.lines().next().unwrap_or_default();
        let line = line.get(..line.len().min(60)).unwrap_or_default();
        let body = String::from_utf8_lossy(&response.body);
        let body = body.get(..200).unwrap_or(&body);
        let violation = format!("{line}: status {status}, not one of {expected:?}: {body}");
        self.run.counters.record_violation(&violation);
        result
    }
}
