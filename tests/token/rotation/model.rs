//! Any interleaving of refreshes, waits, retries, replays, clock steps, database rollbacks and revocations
//! follows a small model.

use std::collections::HashMap;

use jeton::config::{LateRetry, RetryDevice};
use jeton::error::Error;
use jeton::store::session::{self, Ending};
use proptest::prelude::*;
use uuid::Uuid;

use super::server::{
    DEVICES, Row, SECOND, SPACING, TestServer, WINDOW, block_on, have_same_user_agent,
};
use crate::support::{Tokens, claims};

#[derive(Clone, Debug)]
enum Step {
    /// Presents the newest token that was issued, or one that is older by this number of generations, on a
    /// device.
    Present { device: usize, older: u32 },
    /// The same in a request that waits this number of microseconds before the session is read.
    PresentAfter {
        wait: i64,
        device: usize,
        older: u32,
    },
    /// The clock moves, forward or backward, by microseconds.
    Clock(i64),
    /// The database loses this number of its last rotations.
    Rollback { lost: usize },
    /// An operator revokes the session.
    Revoke,
}

/// Mostly the first device, so that sessions live for some steps.
fn device() -> impl Strategy<Value = usize> {
    prop_oneof![3 => Just(0), 2 => 0..DEVICES.len()]
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        12 => device().prop_map(|device| Step::Present { device, older: 0 }),
        8 => device().prop_map(|device| Step::Present { device, older: 1 }),
        1 => (device(), 2..5_u32).prop_map(|(device, older)| Step::Present { device, older }),
        4 => (0..2 * WINDOW, device(), 0..4_u32)
            .prop_map(|(wait, device, older)| Step::PresentAfter { wait, device, older }),
        6 => (0..WINDOW).prop_map(Step::Clock),
        3 => Just(Step::Clock(WINDOW)),
        4 => (WINDOW..7200 * SECOND).prop_map(Step::Clock),
        1 => (-7200 * SECOND..0).prop_map(Step::Clock),
        3 => (1..6_usize).prop_map(|lost| Step::Rollback { lost }),
        1 => Just(Step::Revoke),
    ];
    prop::collection::vec(step, 1..40)
}

/// The waiting time in microseconds beyond which a request is no replay.
const CLIENT_TIMEOUT: i64 = 5 * SECOND;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Expected {
    Rotated,
    Same,
    Late,
    Refused,
    Unavailable,
}

/// The expected row of the session.
struct Model {
    retry_device: RetryDevice,
    late_retry: LateRetry,
    row: Row,
    /// Older rows, back to the last durable write.
    past: Vec<Row>,
    newest: u32,
}

impl Model {
    fn present(&mut self, device: usize, presented: u32, arrival: i64, now: i64) -> Expected {
        if self.row.revoked {
            return Expected::Refused;
        }
        let current = self.row.generation;
        if presented >= current {
            self.write(Row {
                generation: presented + 1,
                rotated_at: now,
                device,
                ..self.row
            });
            return Expected::Rotated;
        }
        let mark = self.row.late_retry_generation;
        let rotated_at = self.row.rotated_at;
        let is_in_window = (arrival..=now).contains(&rotated_at)
            || (arrival - rotated_at).abs() < WINDOW
            || (now - rotated_at).abs() < WINDOW;
        let near_mark = mark.is_some_and(|mark| mark != current && current - mark <= SPACING);
        let is_other = !have_same_user_agent(device, self.row.device);
        let may_repeat = self.retry_device == RetryDevice::Any || !is_other;
        let is_marked = self.late_retry == LateRetry::Once || device != self.row.device;
        let may_be_late = self.late_retry != LateRetry::Never && !(is_marked && near_mark);
        if presented + 1 == current && is_in_window && may_repeat {
            if is_other && !self.row.repeated_elsewhere {
                self.write(Row {
                    repeated_elsewhere: true,
                    ..self.row
                });
            }
            Expected::Same
        } else if presented + 1 == current && may_be_late {
            self.write(Row {
                rotated_at: now,
                device,
                late_retry_generation: if is_marked { Some(current) } else { mark },
                ..self.row
            });
            Expected::Late
        } else if now - arrival > CLIENT_TIMEOUT {
            Expected::Unavailable
        } else {
            self.revoke();
            Expected::Refused
        }
    }

    fn write(&mut self, row: Row) {
        self.past.push(self.row);
        self.row = row;
        self.newest = self.newest.max(row.generation);
    }

    fn revoke(&mut self) {
        self.row.revoked = true;
        self.past.clear();
    }

    fn roll_back(&mut self, lost: usize) {
        let kept = self.past.len().saturating_sub(lost);
        if let Some(row) = self.past.get(kept).copied() {
            self.row = row;
            self.past.truncate(kept);
        }
    }
}

/// The responses of one session.
#[derive(Default)]
struct Responses {
    successors: HashMap<u32, String>,
    /// The access token for each presented generation and `rotated_at`, and the reverse.
    access_tokens: HashMap<(u32, i64), String>,
    rows: HashMap<String, (u32, i64)>,
    ids: HashMap<String, String>,
}

impl Responses {
    /// Asserts that a token has one successor, that the same row gives the same access token and another row
    /// another one, and that a `jti` names one access token.
    fn record(&mut self, presented: u32, expected: Expected, tokens: &Tokens, rotated_at: i64) {
        let (token, row) = (&tokens.access_token, (presented, rotated_at));
        let successor = self.successors.entry(presented);
        let successor = successor.or_insert_with(|| tokens.refresh_token.clone());
        assert_eq!(
            *successor, tokens.refresh_token,
            "two successors of generation {presented}"
        );
        match self.access_tokens.insert(row, token.clone()) {
            Some(known) => assert_eq!(known, *token, "two access tokens for one row"),
            None => assert_ne!(expected, Expected::Same, "a retry got a new access token"),
        }
        let known = self.rows.entry(token.clone()).or_insert(row);
        assert_eq!(*known, row, "one access token for two rows");
        let id = claims(token)["jti"].as_str().unwrap().to_owned();
        let known = self.ids.entry(id).or_insert_with(|| token.clone());
        assert_eq!(known, token, "two access tokens with one jti");
    }
}

async fn run_steps(server: &TestServer, steps: &[Step]) {
    let session = server.sign_in().await;
    let settings = &server.jeton.server.settings.session;
    let mut model = Model {
        retry_device: settings.retry_device,
        late_retry: settings.late_retry,
        row: server.row(session).await,
        past: Vec::new(),
        newest: 0,
    };
    let mut responses = Responses::default();
    let size = server.size().await;
    for step in steps {
        run_step(server, session, step, &mut model, &mut responses).await;
        assert_eq!(server.row(session).await, model.row, "after {step:?}");
    }
    assert_eq!(server.size().await, size, "the size of the rows changed");
}

async fn run_step(
    server: &TestServer,
    session: Uuid,
    step: &Step,
    model: &mut Model,
    responses: &mut Responses,
) {
    match *step {
        Step::Clock(micros) => server.step_clock(micros),
        Step::Rollback { lost } => {
            model.roll_back(lost);
            server.restore(session, model.row).await;
        }
        Step::Revoke => {
            model.revoke();
            let store = &server.jeton.server.store;
            session::revoke(store, session, Ending::Operator, &server.jeton.cause())
                .await
                .unwrap();
        }
        Step::PresentAfter {
            wait,
            device,
            older,
        } => {
            let presented = model.newest.saturating_sub(older);
            let (arrival, now) = (server.now(), server.now() + wait);
            let expected = model.present(device, presented, arrival, now);
            match server.present_after(wait, device, session, presented).await {
                Ok(tokens) => responses.record(presented, expected, &tokens, model.row.rotated_at),
                Err(Error::InvalidGrant(_)) => assert_eq!(expected, Expected::Refused),
                Err(Error::TemporarilyUnavailable(_)) => {
                    assert_eq!(expected, Expected::Unavailable);
                }
                Err(error) => panic!("{error}"),
            }
        }
        Step::Present { device, older } => {
            let presented = model.newest.saturating_sub(older);
            let expected = model.present(device, presented, server.now(), server.now());
            let tokens = server.present(device, session, presented).await;
            assert_eq!(
                tokens.is_none(),
                expected == Expected::Refused,
                "{expected:?}"
            );
            if let Some(tokens) = tokens {
                let issued = server.decode(&tokens.refresh_token).generation;
                assert_eq!(issued, model.row.generation);
                responses.record(presented, expected, &tokens, model.row.rotated_at);
            }
        }
    }
}

/// rows 26 to 30: responses and the row follow the rules. A token has one successor. A replay revokes the session. No
/// row grows.
#[test]
fn every_interleaving_follows_the_model() {
    for (retry_device, late_retry) in [
        (RetryDevice::Any, LateRetry::SameDevice),
        (RetryDevice::Same, LateRetry::SameDevice),
        (RetryDevice::Any, LateRetry::Once),
        (RetryDevice::Same, LateRetry::Never),
    ] {
        let server = block_on(TestServer::with(|settings| {
            settings.session.retry_device = retry_device;
            settings.session.late_retry = late_retry;
        }));
        proptest!(ProptestConfig::with_cases(48), |(steps in steps())| {
            block_on(run_steps(&server, &steps));
        });
    }
}
