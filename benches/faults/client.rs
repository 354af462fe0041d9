//! An honest client, RFC 6749 §6: it never gives up, and never goes back to an older token.

use std::{
    io,
    net::SocketAddr,
    thread::sleep,
    time::{Duration, Instant},
};

use serde_json::Value;

use crate::{
    http::{Connection, Response},
    random::Random,
    session::{Session, Tokens},
    tally::{Kind, Tally},
};

/// A tab that wakes up late looks whether another was faster; one that is in time does not.
const IN_TIME: Duration = Duration::from_secs(1);
/// How long a client waits at most, at random, before it tries another node.
const BACK_OFF: Duration = Duration::from_millis(400);
/// One refresh of so many goes to another node without need.
const ROAM: usize = 4;

/// What all clients know.
pub struct World {
    pub nodes: Vec<SocketAddr>,
    pub client_id: String,
    /// When the last of them must have had its answer.
    pub deadline: Instant,
    /// Between an answer and the next refresh.
    pub pace: Duration,
    /// How long a client waits for an answer.
    pub patience: Duration,
    /// In which answers to one token are the same to the byte.
    pub same_within: Duration,
    pub tally: Tally,
}

pub struct Client<'a> {
    session: &'a Session,
    world: &'a World,
    random: Random,
    node: usize,
    connection: Option<Connection>,
}

/// What became of one request.
pub enum Outcome {
    Tokens(Tokens),
    /// `invalid_grant`.
    SignedOut,
    /// To be sent again after this time.
    Again(Duration),
}

impl<'a> Client<'a> {
    pub fn new(session: &'a Session, world: &'a World, mut random: Random) -> Self {
        let node = random.below(world.nodes.len());
        Self {
            session,
            world,
            random,
            node,
            connection: None,
        }
    }

    /// Refreshes whenever it is due.
    pub fn refresh_until(&mut self, end: Instant) {
        while let Some(turn) = self.session.turn() {
            if turn.due >= end || Instant::now() >= self.world.deadline {
                sleep_until(end);
                return;
            }
            sleep_until(turn.due);
            // The token was read before the sleep: two tabs that share it both send it now.
            if turn.due.elapsed() < IN_TIME || self.session.is_newest(&turn.token) {
                self.refresh(&turn.token);
            }
        }
    }

    /// Once more, when all is over: whoever cannot is lost.
    pub fn refresh_once(&mut self) {
        if let Some(turn) = self.session.turn() {
            self.refresh(&turn.token);
            if self.session.is_newest(&turn.token) && !self.session.is_over() {
                self.world
                    .tally
                    .broke("a session was not answered to the end");
            }
        }
    }

    /// Sends the token until there is an answer, or another tab has had one.
    fn refresh(&mut self, token: &str) {
        let mut again = false;
        while Instant::now() < self.world.deadline {
            if again && !self.session.is_newest(token) {
                return;
            }
            match self.attempt(token) {
                Outcome::Tokens(tokens) => {
                    let pause =
                        self.world.pace.mul_f64(0.75) + self.random.up_to(self.world.pace / 2);
                    self.session.accept(token, tokens, pause, self.world);
                    if self.random.below(ROAM) == 0 {
                        self.go_elsewhere();
                    }
                    return;
                }
                Outcome::SignedOut => {
                    self.session.end(token, &self.world.tally);
                    return;
                }
                Outcome::Again(after) => {
                    sleep(after + self.random.up_to(BACK_OFF));
                    self.go_elsewhere();
                    again = true;
                }
            }
        }
    }

    /// Sends the token once.
    pub fn attempt(&mut self, token: &str) -> Outcome {
        self.session.sends(token);
        let (kind, outcome) = match self.post(token) {
            Ok(response) => understand(&response, &self.world.tally),
            Err(error) => (Kind::of(&error), Outcome::Again(Duration::ZERO)),
        };
        self.world.tally.count(kind);
        outcome
    }

    fn post(&mut self, token: &str) -> io::Result<Response> {
        let node = self.world.nodes.get(self.node).copied();
        let node = node.ok_or_else(|| io::Error::other("no such node"))?;
        let mut connection = match self.connection.take() {
            Some(open) => open,
            None => Connection::open_within(self.world.patience, node)?,
        };
        let client = &self.world.client_id;
        let form = format!("grant_type=refresh_token&client_id={client}&refresh_token={token}");
        connection.post("/token", &form)?;
        let response = connection.receive()?;
        self.connection = Some(connection);
        Ok(response)
    }

    fn go_elsewhere(&mut self) {
        self.connection = None;
        self.node = self.random.below(self.world.nodes.len());
    }
}

fn understand(response: &Response, tally: &Tally) -> (Kind, Outcome) {
    let told = || String::from_utf8_lossy(&response.body);
    let wait = Duration::from_secs(response.retry_after.unwrap_or(1).min(5));
    let (kind, outcome) = match response.status {
        200 => match parse(&response.body) {
            Some(tokens) => (Kind::Answered, Outcome::Tokens(tokens)),
            None => (Kind::Strange, Outcome::Again(wait)),
        },
        400 if told().contains("\"invalid_grant\"") => (Kind::InvalidGrant, Outcome::SignedOut),
        429 => (Kind::Throttled, Outcome::Again(wait)),
        503 if response.retry_after.is_some() => (Kind::Busy, Outcome::Again(wait)),
        500.. => (Kind::Failed, Outcome::Again(wait)),
        _ => (Kind::Strange, Outcome::Again(wait)),
    };
    if matches!(kind, Kind::Failed | Kind::Strange) {
        tally.broke(&format!("status {}: {}", response.status, told()));
    }
    (kind, outcome)
}

/// The tokens of a good token response, RFC 6749 §5.1.
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
