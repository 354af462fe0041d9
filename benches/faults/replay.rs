//! Replays of old tokens after the load: each must revoke the session (RFC 9700 §4.14.2).

use std::time::Instant;

use crate::{
    client::{Client, Outcome, Run},
    random::Random,
    session::Session,
};

/// The number of replays and their results.
#[derive(Clone, Copy, Default)]
pub struct Replays {
    pub tried: usize,
    pub detected: usize,
    /// Replays before the owner's refresh that were accepted, because the store had lost later rotations.
    pub accepted_first: usize,
}

/// Replays old tokens of `replays` active sessions and of all idle ones.
pub fn replay_old_tokens(
    active: &[Session],
    idle: &[Session],
    replays: usize,
    run: &Run,
) -> Replays {
    let mut all = Replays::default();
    for session in active
        .iter()
        .filter(|one| !one.is_signed_out())
        .take(replays)
    {
        Replay::new(session, run).replay_old_token(2, &mut all);
    }
    for (number, session) in idle.iter().enumerate() {
        if session.is_signed_out() {
            continue;
        }
        let mut replay = Replay::new(session, run);
        if number % 2 == 0 {
            replay.refresh_as_owner();
            replay.replay_old_token(2, &mut all);
        } else {
            replay.replay_before_owner(&mut all);
        }
    }
    all
}

struct Replay<'a> {
    session: &'a Session,
    client: Client<'a>,
    thief: Client<'a>,
    run: &'a Run,
}

impl<'a> Replay<'a> {
    fn new(session: &'a Session, run: &'a Run) -> Self {
        Self {
            session,
            client: Client::new(session, run, Random::new(7)),
            thief: Client::thief(session, run, Random::new(7)),
            run,
        }
    }

    /// Refreshes with the newest token, which is accepted even when the store has lost rotations.
    fn refresh_as_owner(&mut self) {
        self.client.refresh_once();
    }

    /// Sends a token that is `ago` generations old. It must be refused, and the session revoked.
    fn replay_old_token(&mut self, ago: usize, all: &mut Replays) {
        let Some(old) = self.session.older(ago) else {
            return;
        };
        all.tried += 1;
        if self.is_refused(&old) && self.owner_is_refused() {
            all.detected += 1;
        } else {
            let what = "an old token was accepted, or its session was not revoked";
            self.run.counters.record_violation(what);
        }
    }

    /// Sends an old token before the owner refreshes. A store that has lost later rotations accepts it. Then the
    /// owner's refresh must still succeed, and the stolen token's successor must be refused.
    fn replay_before_owner(&mut self, all: &mut Replays) {
        let Some(old) = self.session.older(2) else {
            return;
        };
        all.tried += 1;
        let detected = if let Outcome::Tokens(stolen) = self.send(&old) {
            all.accepted_first += 1;
            self.refresh_as_owner();
            !self.session.is_signed_out()
                && self.is_refused(&stolen.refresh)
                && self.owner_is_refused()
        } else {
            self.owner_is_refused()
        };
        if detected {
            all.detected += 1;
        } else {
            let what = "a replay before the owner's refresh was not detected, or signed the owner out too early";
            self.run.counters.record_violation(what);
        }
    }

    fn owner_is_refused(&mut self) -> bool {
        let newest = self.session.next_refresh().map(|next| next.token);
        newest.is_some_and(|token| self.is_refused(&token))
    }

    fn is_refused(&mut self, token: &str) -> bool {
        matches!(self.send(token), Outcome::SignedOut)
    }

    /// Sends the token until it is accepted or refused.
    fn send(&mut self, token: &str) -> Outcome {
        loop {
            match self.thief.attempt(token) {
                Outcome::Retry(after) if Instant::now() < self.run.deadline => {
                    std::thread::sleep(after);
                }
                outcome => return outcome,
            }
        }
    }
}
