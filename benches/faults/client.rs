//! A well-behaved client: it repeats a refresh without a response and never uses an older token (RFC 6749 §6).

use std::{
    io,
    net::SocketAddr,
    thread::sleep,
    time::{Duration, Instant},
};

use serde_json::Value;

use crate::{
    counters::{Counters, RequestResult},
    http::{Connection, Response},
    random::Random,
    recorder::{Kind, Recorder, Sent},
    session::{Session, Tokens},
};

/// A tab that wakes up later than this first checks whether another tab has refreshed.
const LATE: Duration = Duration::from_secs(1);
/// The maximum of the random delay before a retry at another node.
const BACK_OFF: Duration = Duration::from_millis(400);
/// One in this number of successful refreshes is followed by a change of node.
const SWITCH_NODE_ONE_IN: usize = 4;

/// The settings and counters that all clients of a run share.
pub struct Run {
    pub nodes: Vec<SocketAddr>,
    pub client_id: String,
    /// The end of all retries.
    pub deadline: Instant,
    /// The time between a response and the next refresh.
    pub pace: Duration,
    /// How long a client waits for a response.
    pub timeout: Duration,
    /// The time within which all responses to one token must be identical.
    pub same_within: Duration,
    pub counters: Counters,
    pub recorder: Recorder,
}

pub struct Client<'a> {
    session: &'a Session,
    run: &'a Run,
    random: Random,
    node: usize,
    user_agent: &'static str,
    connection: Option<Connection>,
}

/// The outcome of one request.
pub enum Outcome {
    Tokens(Tokens),
    /// `invalid_grant`.
    SignedOut,
    /// Send the same token again after this time.
    Retry(Duration),
}

impl<'a> Client<'a> {
    pub fn new(session: &'a Session, run: &'a Run, mut random: Random) -> Self {
        let node = random.below(run.nodes.len());
        Self {
            session,
            run,
            random,
            node,
            user_agent: "owner",
            connection: None,
        }
    }

    /// An attacker on another device.
    pub fn thief(session: &'a Session, run: &'a Run, random: Random) -> Self {
        Self {
            user_agent: "thief",
            ..Self::new(session, run, random)
        }
    }

    /// Refreshes at every due time until `end`.
    pub fn refresh_until(&mut self, end: Instant) {
        while let Some(next) = self.session.next_refresh() {
            if next.due >= end || Instant::now() >= self.run.deadline {
                sleep_until(end);
                return;
            }
            sleep_until(next.due);
            // The token was read before the sleep, so two tabs that share it both send it now.
            if next.due.elapsed() < LATE || self.session.is_newest(&next.token) {
                self.refresh(&next.token);
            }
        }
    }

    /// The last refresh, after the load. A session without a response to it is a violation.
    pub fn refresh_once(&mut self) {
        if let Some(next) = self.session.next_refresh() {
            self.refresh(&next.token);
            if self.session.is_newest(&next.token) && !self.session.is_signed_out() {
                self.run
                    .counters
                    .record_violation("a session got no response to its last refresh");
            }
        }
    }

    /// Sends the token until it or another tab has a response.
    fn refresh(&mut self, token: &str) {
        let mut is_retry = false;
        while Instant::now() < self.run.deadline {
            if is_retry && !self.session.is_newest(token) {
                return;
            }
            match self.attempt(token) {
                Outcome::Tokens(tokens) => {
                    let pause = self.run.pace.mul_f64(0.75) + self.random.up_to(self.run.pace / 2);
                    self.session.accept(token, tokens, pause, self.run);
                    if self.random.below(SWITCH_NODE_ONE_IN) == 0 {
                        self.switch_node();
                    }
                    return;
                }
                Outcome::SignedOut => {
                    self.session.sign_out(token, &self.run.counters);
                    return;
                }
                Outcome::Retry(after) => {
                    sleep(after + self.random.up_to(BACK_OFF));
                    self.switch_node();
                    is_retry = true;
                }
            }
        }
    }

    /// Sends the token once.
    pub fn attempt(&mut self, token: &str) -> Outcome {
        self.session.record_sending(token);
        let sent = Sent::now(Kind::Refresh, self.node, self.connection.as_ref());
        let (kind, outcome) = match self.post(token) {
            Ok(response) => classify(&response, &self.run.counters),
            Err(error) => (RequestResult::of(&error), Outcome::Retry(Duration::ZERO)),
        };
        self.run.counters.count(kind);
        self.run.recorder.record(&sent, kind);
        outcome
    }

    fn post(&mut self, token: &str) -> io::Result<Response> {
        let node = self.run.nodes.get(self.node).copied();
        let node = node.ok_or_else(|| io::Error::other("the node list is empty"))?;
        let mut connection = match self.connection.take() {
            Some(open) => open,
            None => Connection::open_with_timeout(self.run.timeout, node)?
                .with_user_agent(self.user_agent),
        };
        let client = &self.run.client_id;
        let form = format!("grant_type=refresh_token&client_id={client}&refresh_token={token}");
        connection.post("/token", &form)?;
        let response = connection.receive()?;
        self.connection = Some(connection);
        Ok(response)
    }

    fn switch_node(&mut self) {
        self.connection = None;
        self.node = self.random.below(self.run.nodes.len());
    }
}

fn classify(response: &Response, counters: &Counters) -> (RequestResult, Outcome) {
    let body = || String::from_utf8_lossy(&response.body);
    let wait = Duration::from_secs(response.retry_after.unwrap_or(1).min(5));
    let (kind, outcome) = match response.status {
        200 => match parse(&response.body) {
            Some(tokens) => (RequestResult::Success, Outcome::Tokens(tokens)),
            None => (RequestResult::Unexpected, Outcome::Retry(wait)),
        },
        400 if body().contains("\"invalid_grant\"") => {
            (RequestResult::InvalidGrant, Outcome::SignedOut)
        }
        429 => (RequestResult::Throttled, Outcome::Retry(wait)),
        503 if response.retry_after.is_some() => (RequestResult::Busy, Outcome::Retry(wait)),
        500.. => (RequestResult::Failed, Outcome::Retry(wait)),
        _ => (RequestResult::Unexpected, Outcome::Retry(wait)),
    };
    if matches!(kind, RequestResult::Failed | RequestResult::Unexpected) {
        counters.record_violation(&format!("status {}: {}", response.status, body()));
    }
    (kind, outcome)
}

/// The tokens of a successful token response (RFC 6749 §5.1).
pub fn parse(body: &[u8]) -> Option<Tokens> {
    let body: Value = serde_json::from_slice(body).ok()?;
    let text = |name| body.get(name).and_then(Value::as_str).map(str::to_owned);
    Some(Tokens {
        refresh: text("refresh_token")?,
        access: text("access_token")?,
    })
}

fn sleep_until(moment: Instant) {
    sleep(moment.saturating_duration_since(Instant::now()));
}
