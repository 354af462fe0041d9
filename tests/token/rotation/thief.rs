//! A thief that holds a copy of a refresh token is detected at the latest when thief and owner have both advanced
//! twice. With `retry_device = "any"`, a thief that uses the retry window is audited instead.
//!
//! A holder *advances* when it presents a token that is not older than the copied one, and newer than each token that
//! it presented before. `src/token/rotation.rs`
//! explains why another use of the same token does not count.

use std::time::Duration;

use jeton::client::{AccessTokenFormat, Policy, RefreshTokenRotation};
use jeton::clock::Timestamp;
use jeton::config::{LateRetry, RetryDevice};
use jeton::token::rotation::{Judgement, Position, RequestTime, judge};
use jeton::token::sender::Sender;
use proptest::prelude::*;

use super::server::{SECOND, SPACING, TestServer, WINDOW, block_on};
use crate::support::START;

/// One request: its sender, its token, and its time.
#[derive(Clone, Copy, Debug)]
struct Request {
    by_thief: bool,
    /// Presents the newest token of the sender, or one that is older by this number of generations.
    older: u32,
    /// Within the window after the last request.
    at_once: bool,
}

/// A thief, and the settings of the server.
#[derive(Clone, Copy, Debug)]
struct Case {
    retry_device: RetryDevice,
    /// The thief's device, as the server compares it with the owner's.
    thief: Sender,
    /// Whether owner and thief may send requests within one window.
    shares_windows: bool,
}

const CASES: [Case; 3] = [
    Case {
        retry_device: RetryDevice::Same,
        thief: Sender::OtherUserAgent,
        shares_windows: true,
    },
    Case {
        retry_device: RetryDevice::Any,
        thief: Sender::OtherUserAgent,
        shares_windows: true,
    },
    // A thief that copies the owner's `User-Agent`, outside the window.
    Case {
        retry_device: RetryDevice::Any,
        thief: Sender::SameUserAgent,
        shares_windows: false,
    },
];

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
    /// Whether the thief or, after the thief, the owner was audited in a window.
    is_audited: bool,
}

impl Pair {
    fn with_copies_of(generation: u32) -> Self {
        let holder = Holder {
            newest: generation,
            // An older token than the copied one is no advance.
            presented: generation.checked_sub(1),
            advances: 0,
        };
        Self {
            owner: holder,
            thief: holder,
            last_by_thief: None,
            is_audited: false,
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
    fn pause(&mut self, request: Request, case: Case) -> i64 {
        let own = self.last_by_thief.replace(request.by_thief) == Some(request.by_thief);
        if (own || case.shares_windows) && request.at_once {
            SECOND
        } else {
            WINDOW + SECOND
        }
    }

    /// Asserts that not both have advanced twice without detection; with `any`, without an audit event.
    fn assert_detected_in_time(&self, case: Case, requests: &[Request]) {
        let overdue = self.owner.advances >= 2 && self.thief.advances >= 2;
        let is_audited = case.retry_device == RetryDevice::Any && self.is_audited;
        assert!(
            !overdue || is_audited,
            "the thief was not detected: {case:?} {requests:?}"
        );
    }
}

/// The length of the longest sequences of requests.
const DEPTH: usize = 8;

/// The row of a session in memory, to which the rules apply.
#[derive(Clone, Copy)]
struct Session {
    position: Position,
    now: Timestamp,
    /// Whether the thief's device received the generation.
    is_thief_recorded: bool,
}

impl Session {
    /// The generation of the refresh token in the response, and whether an audit event is due; `None` if the
    /// request is refused.
    fn present(&mut self, presented: u32, by_thief: bool, case: Case) -> Option<(u32, bool)> {
        let sender = if by_thief == self.is_thief_recorded {
            Sender::SameDevice
        } else {
            case.thief
        };
        let position = &mut self.position;
        let time = RequestTime::without_wait(self.now);
        let mut is_audited = false;
        match judge(presented, *position, &policy(case), time, sender) {
            Judgement::Rotate => {
                position.generation = presented + 1;
                position.rotated_at = self.now;
                self.is_thief_recorded = by_thief;
            }
            Judgement::SameAnswer { is_elsewhere } => is_audited = is_elsewhere,
            Judgement::LateRetry { is_elsewhere } => {
                position.rotated_at = self.now;
                self.is_thief_recorded = by_thief;
                if is_elsewhere {
                    position.late_retry_generation = Some(position.generation);
                }
            }
            Judgement::Replay { .. } | Judgement::WaitedTooLong => return None,
        }
        Some((position.generation, is_audited))
    }

    fn step_clock(&mut self, micros: i64) {
        self.now = Timestamp::from_micros(self.now.as_micros() + micros);
    }
}

fn policy(case: Case) -> Policy {
    Policy {
        access_token_format: AccessTokenFormat::Jwt,
        access_token_type: None,
        rotation: RefreshTokenRotation::Always,
        access_token_lifetime: Duration::from_mins(15),
        session_lifetime: Duration::from_hours(24 * 90),
        session_idle_lifetime: Duration::from_hours(24 * 14),
        retry_window: Duration::from_secs(10),
        retry_device: case.retry_device,
        late_retry: LateRetry::SameDevice,
        late_retry_spacing: SPACING,
    }
}

/// Twelve possible requests at each of eight steps, from each state in which a theft can begin: with the owner's
/// response received or lost, and with or without an earlier late retry from another device.
#[test]
fn the_thief_is_detected_in_every_short_sequence_of_requests() {
    let start_at = |generation, mark| Session {
        position: Position {
            generation,
            rotated_at: START,
            late_retry_generation: mark,
        },
        now: Timestamp::from_micros(START.as_micros() + WINDOW),
        is_thief_recorded: false,
    };
    let mut sequences = 0;
    for case in CASES {
        for generation in [20, 21] {
            for mark in [None, Some(5), Some(15), Some(20), Some(21)] {
                if mark.is_some_and(|mark| mark > generation) {
                    continue;
                }
                // Both hold generation 20. The row has it too, or 21 if the owner's last response was lost.
                let session = start_at(generation, mark);
                let pair = Pair::with_copies_of(20);
                explore_requests(case, (session, &pair), &mut Vec::new(), &mut sequences);
            }
        }
    }
    assert!(
        sequences > 1_000_000,
        "only {sequences} sequences were tried"
    );
}

fn explore_requests(
    case: Case,
    (session, pair): (Session, &Pair),
    requests: &mut Vec<Request>,
    sequences: &mut u32,
) {
    *sequences += 1;
    pair.assert_detected_in_time(case, requests);
    // The sequences after an audit event are not bounded.
    if requests.len() == DEPTH || pair.is_audited {
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
        session.step_clock(pair.pause(request, case));
        let presented = pair.holder(request).present(request.older);
        if let Some((successor, is_audited)) = session.present(presented, request.by_thief, case) {
            pair.is_audited |= is_audited;
            let holder = pair.holder(request);
            holder.newest = holder.newest.max(successor);
            requests.push(request);
            explore_requests(case, (session, &pair), requests, sequences);
            requests.pop();
        }
    }
}

/// The owner's device, and the thief's.
fn device(by_thief: bool, case: Case) -> usize {
    match (by_thief, case.thief) {
        (false, _) => 0,
        (true, Sender::OtherUserAgent) => 2,
        (true, _) => 1,
    }
}

async fn run_requests(server: &TestServer, case: Case, honest: u32, requests: &[Request]) {
    let session = server.sign_in().await;
    for generation in 0..honest {
        server.step_clock(900 * SECOND);
        server.present(0, session, generation).await.unwrap();
    }
    let mut pair = Pair::with_copies_of(honest);
    let mut sent = Vec::new();
    for request in requests {
        server.step_clock(pair.pause(*request, case));
        let presented = pair.holder(*request).present(request.older);
        sent.push(*request);
        let device = device(request.by_thief, case);
        let Some(tokens) = server.present(device, session, presented).await else {
            // The thief is detected: neither of the two has a valid token.
            assert!(server.row(session).await.revoked);
            for holder in [pair.owner, pair.thief] {
                assert!(
                    server
                        .present(device, session, holder.newest)
                        .await
                        .is_none()
                );
            }
            return;
        };
        pair.is_audited = server.row(session).await.repeated_elsewhere;
        let successor = server.decode(&tokens.refresh_token).generation;
        let holder = pair.holder(*request);
        holder.newest = holder.newest.max(successor);
        pair.assert_detected_in_time(case, &sent);
    }
}

/// rows 26, 28 and 29, with random requests to a server.
#[test]
fn the_thief_is_detected_when_thief_and_owner_have_both_advanced_twice() {
    let request =
        (any::<bool>(), 0..3_u32, any::<bool>()).prop_map(|(by_thief, older, at_once)| Request {
            by_thief,
            older,
            at_once,
        });
    let requests = prop::collection::vec(request, 1..14);
    for case in CASES {
        let server = block_on(TestServer::with(|settings| {
            settings.session.retry_device = case.retry_device;
        }));
        let requests = requests.clone();
        let config = ProptestConfig::with_cases(48);
        proptest!(config, |(honest in 0..4_u32, requests in requests)| {
            block_on(run_requests(&server, case, honest, &requests));
        });
    }
}
