//! A thief who holds a copy of a token, and whose requests lie farther from the owner's than the
//! window, is noticed at the latest when thief and owner have each come twice.
//!
//! To come is to show a token newer than any that one showed before; see the rules for why showing
//! the same one again cannot count.

use std::time::Duration;

use jeton::client::{AccessTokenFormat, Policy, RefreshTokenRotation};
use jeton::clock::Timestamp;
use jeton::config::LateRetry;

use jeton::token::rotation::{Judgement, Position, RequestTime, judge};
use proptest::prelude::*;

use super::world::{SECOND, SPACING, WINDOW, World, block_on};
use crate::support::START;

/// One request: its sender, its token, and the time since the last request.
#[derive(Clone, Copy, Debug)]
struct Request {
    by_thief: bool,
    /// Presents the newest token of the sender, or one that is older by this number of generations.
    older: u32,
    /// At once after one's own last request; never after the other's.
    at_once: bool,
}

/// Someone who holds tokens.
#[derive(Clone, Copy, Debug)]
struct Holder {
    newest: u32,
    shown: Option<u32>,
    came: u32,
}

impl Holder {
    fn show(&mut self, older: u32) -> u32 {
        let shown = self.newest.saturating_sub(older);
        if self.shown.is_none_or(|before| shown > before) {
            self.came += 1;
            self.shown = Some(shown);
        }
        shown
    }
}

/// The owner and the thief, with a copy of the owner's newest token each.
struct Pair {
    owner: Holder,
    thief: Holder,
    last_by_thief: Option<bool>,
}

impl Pair {
    fn holding(generation: u32) -> Self {
        let holder = Holder {
            newest: generation,
            shown: None,
            came: 0,
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

    /// How long after the last request this one comes, in microseconds.
    fn pause(&mut self, request: Request) -> i64 {
        let own = self.last_by_thief.replace(request.by_thief) == Some(request.by_thief);
        if own && request.at_once {
            SECOND
        } else {
            WINDOW + SECOND
        }
    }

    /// "at the latest": once both have come twice, it is too late not to have noticed.
    fn assert_not_overdue(&self, requests: &[Request]) {
        let overdue = self.owner.came >= 2 && self.thief.came >= 2;
        assert!(!overdue, "not noticed: {requests:?}");
    }
}

/// Every sequence of requests up to this length.
const DEPTH: usize = 8;

/// A row by itself, judged by the rules.
#[derive(Clone, Copy)]
struct Session {
    position: Position,
    now: Timestamp,
}

impl Session {
    /// The successor that the answer holds; `None` when the session is ended.
    fn present(&mut self, shown: u32, pause: i64, policy: &Policy) -> Option<u32> {
        self.now = Timestamp::from_micros(self.now.as_micros() + pause);
        let position = &mut self.position;
        match judge(
            shown,
            *position,
            policy,
            RequestTime::without_wait(self.now),
        ) {
            Judgement::Rotate => {
                position.generation = shown + 1;
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

/// Twelve possible requests at each of eight steps, from each way in which a theft can begin: with
/// the owner's answer received or lost, and with or without an earlier late retry.
#[test]
fn every_short_sequence_of_thief_and_owner_is_noticed() {
    let begin = |generation, mark| Session {
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
            // Both hold generation 20; the row is there, or one further with the answer lost.
            explore(
                begin(generation, mark),
                &Pair::holding(20),
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

fn explore(session: Session, pair: &Pair, requests: &mut Vec<Request>, sequences: &mut u32) {
    *sequences += 1;
    pair.assert_not_overdue(requests);
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
        let shown = pair.holder(request).show(request.older);
        if let Some(successor) = session.present(shown, pause, &policy()) {
            let holder = pair.holder(request);
            holder.newest = holder.newest.max(successor);
            requests.push(request);
            explore(session, &pair, requests, sequences);
            requests.pop();
        }
    }
}

async fn steal(world: &World, honest: u32, requests: &[Request]) {
    let (session, _) = world.sign_in().await;
    for generation in 0..honest {
        world.step_clock(900 * SECOND);
        world.present(session, generation).await.unwrap();
    }
    let mut pair = Pair::holding(honest);
    let mut done = Vec::new();
    for request in requests {
        world.step_clock(pair.pause(*request));
        let shown = pair.holder(*request).show(request.older);
        done.push(*request);
        let Some(tokens) = world.present(session, shown).await else {
            // Noticed: neither of the two has a token that works any more.
            assert!(world.row(session).await.revoked);
            for holder in [pair.owner, pair.thief] {
                assert!(world.present(session, holder.newest).await.is_none());
            }
            return;
        };
        let successor = world.decode(&tokens.refresh_token).generation;
        let holder = pair.holder(*request);
        holder.newest = holder.newest.max(successor);
        pair.assert_not_overdue(&done);
    }
}

/// rows 26 and 29, through the whole server.
#[test]
fn a_thief_is_noticed_when_both_have_come_twice() {
    let world = block_on(World::new());
    let request =
        (any::<bool>(), 0..3_u32, any::<bool>()).prop_map(|(by_thief, older, at_once)| Request {
            by_thief,
            older,
            at_once,
        });
    let requests = prop::collection::vec(request, 1..14);
    proptest!(ProptestConfig::with_cases(96), |(honest in 0..4_u32, requests in requests)| {
        block_on(steal(&world, honest, &requests));
    });
}
