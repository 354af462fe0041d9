//! Signing keys over four hundred days, and the background tasks.

mod clock;
mod doubtful_keys;
mod key_rotation;
mod sweep;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use jeton::audit::Cause;
use jeton::clock::{Clock, Timestamp};
use jeton::config::Span;
use jeton::key::lifecycle;
use jeton::maintenance;
use jeton::store::session::{self, Ending};
use jeton::store::signing_key;
use jsonwebtoken::jwk::JwkSet;
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use serde_json::Value;

use crate::support::{ALICE, ISSUER, Jeton, ROOT_SECRET, START, Tokens, claims, part};

const DAY: Duration = Duration::from_hours(24);
const STEP: Duration = Duration::from_mins(37);
const MAX_AGE: Duration = Duration::from_hours(6);
const LIFETIME: Duration = Duration::from_hours(5);

/// Nodes on one store, a cache with every JWKS response that is still fresh, and every access token that has not
/// expired.
struct World {
    nodes: Vec<Node>,
    now: Timestamp,
    /// Steps between two refreshes of the keys.
    refresh_steps: u32,
    /// How long a cache keeps a JWKS, whatever `Cache-Control` says: as long as the announcement covers.
    cached_for: Duration,
    /// Whether a node is down at a step.
    is_down: fn(u32, usize) -> bool,
    /// The bodies that caches hold, each with the time of the last fetch.
    held: BTreeMap<usize, Timestamp>,
    /// Bodies of the JWKS, each once.
    bodies: Vec<String>,
    alive: Vec<Alive>,
    signed: BTreeSet<String>,
}

struct Node {
    jeton: Jeton,
    /// How far its clock is ahead, in seconds.
    ahead: i64,
    session: Option<Tokens>,
}

struct Alive {
    token: String,
    expires_at: i64,
    /// The bodies that it was already verified against.
    verified: BTreeSet<usize>,
}

impl World {
    async fn new(ahead: &[i64], refresh_steps: u32) -> Self {
        Self::with(ahead, refresh_steps, DAY * 90).await
    }

    async fn with(ahead: &[i64], refresh_steps: u32, rotation_interval: Duration) -> Self {
        let store = crate::support::database::store().await;
        let mut nodes = Vec::new();
        for &ahead in ahead {
            let clock = Clock::standing_at(START);
            let jeton = Jeton::on(store.clone(), clock, ROOT_SECRET, |settings| {
                settings.access_token.lifetime = Span(LIFETIME);
                settings.keys.rotation_interval = Span(rotation_interval);
                settings.keys.jwks_max_age = Span(MAX_AGE);
                settings.keys.refresh_interval = Span(STEP * refresh_steps);
            });
            nodes.push(Node {
                jeton: jeton.await,
                ahead,
                session: None,
            });
        }
        let announced = lifecycle::announcement(&nodes[0].jeton.server.settings);
        nodes[0].jeton.add_client("first-party", None, |_| {}).await;
        nodes[0].jeton.add_user(ALICE.0, ALICE.1).await;
        Self {
            nodes,
            now: START,
            refresh_steps,
            cached_for: announced.saturating_sub(STEP * refresh_steps * 2 + Duration::from_mins(1)),
            is_down: |_, _| false,
            held: BTreeMap::new(),
            bodies: Vec::new(),
            alive: Vec::new(),
            signed: BTreeSet::new(),
        }
    }

    async fn live(&mut self, days: u32) {
        let end = START.plus(DAY * days);
        for step in 0.. {
            self.now = self.now.plus(STEP);
            if self.now > end {
                break;
            }
            self.forget();
            for number in 0..self.nodes.len() {
                self.turn(step, number).await;
            }
            self.verify();
            if step % 10 == 0 {
                self.check_rows().await;
            }
        }
    }

    /// Removes stale responses and expired tokens.
    fn forget(&mut self) {
        let fresh = |fetched_at: Timestamp| fetched_at.plus(self.cached_for) > self.now;
        self.held.retain(|_, fetched_at| fresh(*fetched_at));
        let now = self.now.as_seconds();
        self.alive.retain(|token| token.expires_at > now);
    }

    /// A step of one node: it refreshes its keys if due, serves the JWKS, and every third step signs in or
    /// refreshes.
    async fn turn(&mut self, step: u32, number: usize) {
        if (self.is_down)(step, number) {
            return;
        }
        let node = &mut self.nodes[number];
        let clock = self.now.as_micros() + node.ahead * 1_000_000;
        let jeton = &node.jeton;
        jeton.server.clock.set(Timestamp::from_micros(clock));
        let phase = u32::try_from(number).unwrap();
        // A node loads the keys when it starts.
        let starts = step > 0 && (self.is_down)(step - 1, number);
        if starts || (step + phase).is_multiple_of(self.refresh_steps) {
            maintenance::refresh_keys(&jeton.server).await.unwrap();
        }
        let body = jeton.get("/.well-known/jwks.json").await.body;
        let known = self.bodies.iter().rposition(|known| *known == body);
        let index = known.unwrap_or_else(|| {
            self.bodies.push(body);
            self.bodies.len() - 1
        });
        self.held.insert(index, self.now);
        if !(step + phase).is_multiple_of(3) {
            return;
        }
        // Two days of a session, then another.
        let tokens = match node
            .session
            .take()
            .filter(|_| !(step + phase).is_multiple_of(78))
        {
            Some(session) => jeton.refresh(&session.refresh_token).await.tokens(),
            None => jeton.sign_in().await,
        };
        let kid = part(&tokens.access_token, 0)["kid"].clone();
        let jwks: Value = serde_json::from_str(&self.bodies[index]).unwrap();
        assert_eq!(jwks["keys"][0]["kid"], kid, "the signing key stands first");
        self.signed.insert(kid.as_str().unwrap().to_owned());
        self.alive.push(Alive {
            token: tokens.access_token.clone(),
            expires_at: claims(&tokens.access_token)["exp"].as_i64().unwrap(),
            verified: BTreeSet::new(),
        });
        node.session = Some(tokens);
    }

    /// row 44: every unexpired token verifies with every JWKS that a cache may hold.
    fn verify(&mut self) {
        let held: BTreeSet<usize> = self.held.keys().copied().collect();
        for alive in &mut self.alive {
            for index in held.difference(&alive.verified.clone()) {
                verify(&alive.token, &self.bodies[*index], self.now);
                alive.verified.insert(*index);
            }
        }
    }

    /// When every node has refreshed, the private half of a retired key is erased and an expired key is deleted.
    async fn check_rows(&self) {
        let keys = signing_key::list(&self.nodes[0].jeton.server.store).await;
        let keys = keys.unwrap();
        let turn = STEP * self.refresh_steps + Duration::from_mins(2);
        for key in &keys {
            let superseded_at = lifecycle::superseded_at(key, &keys);
            let retired = superseded_at.is_some_and(|at| at.plus(turn) <= self.now);
            assert!(!retired || !key.has_private_half(), "{}", self.now);
            let expires_at = lifecycle::expires_at(key, superseded_at);
            assert!(expires_at.plus(turn) > self.now, "{}", self.now);
        }
        assert!(keys.len() <= 2);
    }
}

fn verify(token: &str, jwks: &str, now: Timestamp) {
    let jwks: JwkSet = serde_json::from_str(jwks).unwrap();
    let kid = part(token, 0)["kid"].as_str().unwrap().to_owned();
    let jwk = jwks.find(&kid);
    let jwk = jwk.unwrap_or_else(|| panic!("at {now} a cache does not know {kid}"));
    let mut validation = Validation::new(Algorithm::RS256);
    validation.set_issuer(&[ISSUER]);
    validation.set_audience(&[ISSUER]);
    // `forget` checks the expiry with the test clock.
    validation.validate_exp = false;
    let key = DecodingKey::from_jwk(jwk).unwrap();
    jsonwebtoken::decode::<BTreeMap<String, Value>>(token, &key, &validation).unwrap();
}

/// row 44: one node, four hundred days.
#[tokio::test]
async fn a_cache_always_has_the_key_of_an_unexpired_token() {
    let mut world = World::new(&[0], 3).await;
    world.live(400).await;
    assert_eq!(world.signed.len(), 5, "a key for every ninety days");
}

/// row 44: three nodes that refresh at different times, with clocks that differ by half a minute.
#[tokio::test]
async fn a_cache_of_any_node_always_has_the_key_of_an_unexpired_token() {
    let mut world = World::new(&[0, 30, -30], 3).await;
    world.live(100).await;
    assert_eq!(world.signed.len(), 2);
}

/// row 44: nodes that stop and start, one of three at a time, while keys change every five days.
#[tokio::test]
async fn a_cache_has_every_key_while_nodes_stop_and_start() {
    let mut world = World::with(&[0, 30, -30], 3, DAY * 5).await;
    world.is_down = |step, number| (step as usize / 97 + number).is_multiple_of(3);
    world.live(26).await;
    assert_eq!(world.signed.len(), 6);
}

/// Concurrent nodes create one key.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nodes_that_find_a_key_due_at_once_create_one_key() {
    let data = crate::support::file::DataDir::new();
    let clock = Clock::standing_at(START);
    let mut nodes = Vec::new();
    for _ in 0..3 {
        let jeton = Jeton::on(data.open().await, clock.clone(), ROOT_SECRET, |_| {});
        nodes.push(jeton.await);
    }
    clock.set(START.plus(DAY * 90));
    let looking = nodes.iter().map(|node| {
        let server = Arc::clone(&node.server);
        tokio::spawn(async move { maintenance::refresh_keys(&server).await.unwrap() })
    });
    for task in looking.collect::<Vec<_>>() {
        task.await.unwrap();
    }
    for node in &nodes {
        let keys = signing_key::list(&node.server.store).await.unwrap();
        assert_eq!(keys.len(), 2);
        let jwks = node.get("/.well-known/jwks.json").await.json();
        assert_eq!(jwks["keys"].as_array().unwrap().len(), 2);
    }
}

#[tokio::test]
async fn the_maintenance_task_sweeps_sessions_and_creates_keys() {
    let jeton = Jeton::with(|settings| {
        settings.keys.refresh_interval = Span(Duration::from_millis(1));
    })
    .await;
    let store = &jeton.server.store;
    let ended = jeton.sign_in().await;
    session::revoke(
        store,
        ended.session(),
        Ending::Operator,
        &Cause::system(START),
    )
    .await
    .unwrap();
    jeton.advance(DAY * 89);
    let recent = jeton.sign_in().await;
    session::revoke(store, recent.session(), Ending::Operator, &jeton.cause())
        .await
        .unwrap();
    jeton.advance(DAY);
    let maintenance = tokio::spawn(maintenance::run(Arc::clone(&jeton.server)));
    let done = async {
        loop {
            let keys = jeton.get("/.well-known/jwks.json").await.json()["keys"].clone();
            let swept = session::find(store, ended.session())
                .await
                .unwrap()
                .is_none();
            if swept && keys.as_array().unwrap().len() == 2 {
                break;
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    let done = tokio::time::timeout(Duration::from_mins(2), done).await;
    maintenance.abort();
    done.unwrap();
    assert!(
        session::find(store, recent.session())
            .await
            .unwrap()
            .is_some()
    );
}
