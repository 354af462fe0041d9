//! Afterwards, a thief: whoever shows an old token must still end the session, RFC 9700 §4.14.2.

use std::time::Instant;

use crate::{
    client::{Client, Outcome, World},
    random::Random,
    session::Session,
};

/// How often an old token was shown, and what came of it.
#[derive(Clone, Copy, Default)]
pub struct Replays {
    pub tried: usize,
    pub caught: usize,
    /// Thieves who came before the owner, to a store that had lost what makes the token an old one.
    pub thieves_first: usize,
}

/// Shows old tokens of so many sessions that were refreshed to the end, and of all that fell asleep.
pub fn show_older_tokens(
    awake: &[Session],
    asleep: &[Session],
    replays: usize,
    world: &World,
) -> Replays {
    let mut all = Replays::default();
    for session in awake.iter().filter(|one| !one.is_over()).take(replays) {
        Scene::new(session, world).thief_comes(2, &mut all);
    }
    for (number, session) in asleep.iter().enumerate() {
        if session.is_over() {
            continue;
        }
        let mut scene = Scene::new(session, world);
        if number % 2 == 0 {
            scene.owner_comes();
            scene.thief_comes(2, &mut all);
        } else {
            scene.thief_comes_first(&mut all);
        }
    }
    all
}

struct Scene<'a> {
    session: &'a Session,
    client: Client<'a>,
    world: &'a World,
}

impl<'a> Scene<'a> {
    fn new(session: &'a Session, world: &'a World) -> Self {
        Self {
            session,
            client: Client::new(session, world, Random::new(7)),
            world,
        }
    }

    /// The owner goes on: whatever the store has lost, the newest token is good.
    fn owner_comes(&mut self) {
        self.client.refresh_once();
    }

    /// A token from before the last two answers ends the session, for the owner too.
    fn thief_comes(&mut self, ago: usize, all: &mut Replays) {
        let Some(old) = self.session.older(ago) else {
            return;
        };
        all.tried += 1;
        if self.is_refused(&old) && self.owner_is_refused() {
            all.caught += 1;
        } else {
            let what = "an old token was taken, or its session goes on";
            self.world.tally.broke(what);
        }
    }

    /// The store may have forgotten that the token is old. Then it is taken; the owner goes on all the
    /// same, and what the thief got is old for certain.
    fn thief_comes_first(&mut self, all: &mut Replays) {
        let Some(old) = self.session.older(2) else {
            return;
        };
        all.tried += 1;
        let found_out = if let Outcome::Tokens(stolen) = self.settle(&old) {
            all.thieves_first += 1;
            self.owner_comes();
            !self.session.is_over() && self.is_refused(&stolen.refresh) && self.owner_is_refused()
        } else {
            self.owner_is_refused()
        };
        if found_out {
            all.caught += 1;
        } else {
            let what = "a thief who came first was not found out, or the owner paid for it";
            self.world.tally.broke(what);
        }
    }

    fn owner_is_refused(&mut self) -> bool {
        let newest = self.session.turn().map(|turn| turn.token);
        newest.is_some_and(|token| self.is_refused(&token))
    }

    fn is_refused(&mut self, token: &str) -> bool {
        matches!(self.settle(token), Outcome::SignedOut)
    }

    /// Sends the token until it is taken or refused.
    fn settle(&mut self, token: &str) -> Outcome {
        loop {
            match self.client.attempt(token) {
                Outcome::Again(after) if Instant::now() < self.world.deadline => {
                    std::thread::sleep(after);
                }
                settled => return settled,
            }
        }
    }
}
