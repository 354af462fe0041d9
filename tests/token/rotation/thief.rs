//! A thief that holds a copy of a refresh token, and whose requests are further apart from the owner's than the retry
//! window, is detected at the latest when thief and owner have both advanced twice.
//!
//! A holder *advances* when it presents a token newer than each token that it presented before. `src/token/rotation.rs`
//! explains why another use of the same token does not count.

use std::time::Duration;

use jeton::client::{AccessTokenFormat, Policy, RefreshTokenRotation};
use jeton::clock::Timestamp;
use jeton::config::LateRetry;

use jeton::token::rotation::{Judgement, Position, RequestTime, judge};
use proptest::prelude::*;

use super::world::{SECOND, SPACING, WINDOW, World, block_on};
use crate::support::START;

/// One request: its sender, its token, and its time.
#[derive(Clone, Copy, Debug)]
struct Request {
    by_thief: bool,
    /// Presents the newest token of the sender, or one that is older by this number of generations.
    older: u32,
    /// Within the window after the sender's own last request. Has no effect after a request of the other.
    at_once: bool,
}

/// A holder of tokens: the owner or the thief.
#[derive(Clone, Copy, Debug)]
struct Holder {
    newest: u32,
    presented: Option<u32>,
    advances: u32,
}

impl Holder {
    fn present(&mut self, older: u32) -> u32 {
        let presented = self.newest.saturating_sub(older);
        if self.presented.is_none_or(|before| presented > before) {
            self.advances += 1;
            self.presented = Some(presented);
        }
        presented
    }
}

/// The owner and the thief, with a copy of the owner's newest token each.
struct Pair {
    owner: Holder,
    thief: Holder,
    last_by_thief: Option<bool>,
}

impl Pair {
    fn with_copies_of(generation: u32) -> Self {
        let holder = Holder {
            newest: generation,
            presented: None,
            advances: 0,
        };
        Self {
            owner: holder,
            thief: holder,
            last_by_thief: None,
        }
    }

    fn holder(&mut self, request: Request) -> &mut Holder {
        if request.by_thief {
            &mut self.thief
        } else {
            &mut self.owner
        }
    }

    /// The time between the last request and this one, in microseconds.
    fn pause(&mut self, request: Request) -> i64 {
        let own = self.last_by_thief.replace(request.by_thief) == Some(request.by_thief);
        if own && request.at_once {
            SECOND
        } else {
            WINDOW + SECOND
        }
    }

    /// Asserts that not both have advanced twice without detection.
    fn assert_detected_in_time(&self, requests: &[Request]) {
        let overdue = self.owner.advances >= 2 && self.thief.advances >= 2;
        assert!(!overdue, "the thief was not detected: {requests:?}");
    }
}

/// The length of the longest sequences of requests.
const DEPTH: usize = 8;

/// The row of a session in memory, to which the rules apply.
#[derive(Clone, Copy)]
struct Session {
    position: Position,
    now: Timestamp,
}

impl Session {
    /// The generation of the refresh token in the response; `None` if the request is refused.
    fn present(&mut self, presented: u32, pause: i64, policy: &Policy) -> Option<u32> {
        self.now = Timestamp::from_micros(self.now.as_micros() + pause);
        let position = &mut self.position;
        match judge(
            presented,
            *position,
            policy,
            RequestTime::without_wait(self.now),
        ) {
            Judgement::Rotate => {
                position.generation = presented + 1;
                position.rotated_at = self.now;
            }
            Judgement::SameAnswer => {}
            Judgement::LateRetry => {
                position.rotated_at = self.now;
                position.late_retry_generation = Some(position.generation);
            }
            Judgement::Replay { .. } | Judgement::WaitedTooLong => return None,
        }
        Some(position.generation)
    }
}

fn policy() -> Policy {
    Policy {
        access_token_format: AccessTokenFormat::Jwt,
        access_token_type: None,
        rotation: RefreshTokenRotation::Always,
        access_token_lifetime: Duration::from_mins(15),
        session_lifetime: Duration::from_hours(24 * 90),
        session_idle_lifetime: Duration::from_hours(24 * 14),
        retry_window: Duration::from_secs(10),
        late_retry: LateRetry::Once,
        late_retry_spacing: SPACING,
    }
}

/// Twelve possible requests at each of eight steps, from each state in which a theft can begin: with the owner's
/// response received or lost, and with or without an earlier late retry.
#[test]
fn the_thief_is_detected_in_every_short_sequence_of_requests() {
    let start_at = |generation, mark| Session {
        position: Position {
            generation,
            rotated_at: START,
            late_retry_generation: mark,
        },
        now: Timestamp::from_micros(START.as_micros() + WINDOW),
    };
    let mut sequences = 0;
    for generation in [20, 21] {
        for mark in [None, Some(5), Some(15), Some(20), Some(21)] {
            if mark.is_some_and(|mark| mark > generation) {
                continue;
            }
            // Both hold generation 20. The row has it too, or 21 if the owner's last response was lost.
            explore_requests(
                start_at(generation, mark),
                &Pair::with_copies_of(20),
                &mut Vec::new(),
                &mut sequences,
            );
        }
    }
    assert!(
        sequences > 1_000_000,
        "only {sequences} sequences were tried"
    );
}

fn explore_requests(
    session: Session,
    pair: &Pair,
    requests: &mut Vec<Request>,
    sequences: &mut u32,
) {
    *sequences += 1;
    pair.assert_detected_in_time(requests);
    if requests.len() == DEPTH {
        return;
    }
    let choices = [false, true].into_iter().flat_map(|by_thief| {
        [0, 1, 2].into_iter().flat_map(move |older| {
            [false, true].map(|at_once| Request {
                by_thief,
                older,
                at_once,
            })
        })
    });
    for request in choices {
        let (mut session, mut pair) = (session, Pair { ..*pair });
        let pause = pair.pause(request);
        let presented = pair.holder(request).present(request.older);
        if let Some(successor) = session.present(presented, pause, &policy()) {
            let holder = pair.holder(request);
            holder.newest = holder.newest.max(successor);
            requests.push(request);
            explore_requests(session, &pair, requests, sequences);
            requests.pop();
        }
    }
}

async fn run_requests(world: &World, honest: u32, requests: &[Request]) {
    let (session, _) = world.sign_in().await;
    for generation in 0..honest {
        world.step_clock(900 * SECOND);
        world.present(session, generation).await.unwrap();
    }
    let mut pair = Pair::with_copies_of(honest);
    let mut sent = Vec::new();
    for request in requests {
        world.step_clock(pair.pause(*request));
        let presented = pair.holder(*request).present(request.older);
        sent.push(*request);
        let Some(tokens) = world.present(session, presented).await else {
            // The thief is detected: neither of the two has a valid token.
            assert!(world.row(session).await.revoked);
            for holder in [pair.owner, pair.thief] {
                assert!(world.present(session, holder.newest).await.is_none());
            }
            return;
        };
        let successor = world.decode(&tokens.refresh_token).generation;
        let holder = pair.holder(*request);
        holder.newest = holder.newest.max(successor);
        pair.assert_detected_in_time(&sent);
    }
}

/// rows 26 and 29, with random requests to a server.
#[test]
fn the_thief_is_detected_when_thief_and_owner_have_both_advanced_twice() {
    let world = block_on(World::new());
    let request =
        (any::<bool>(), 0..3_u32, any::<bool>()).prop_map(|(by_thief, older, at_once)| Request {
            by_thief,
            older,
            at_once,
        });
    let requests = prop::collection::vec(request, 1..14);
    proptest!(ProptestConfig::with_cases(96), |(honest in 0..4_u32, requests in requests)| {
        block_on(run_requests(&world, honest, &requests));
    });
}
