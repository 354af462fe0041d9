//! An honest client is never signed out by many tabs, retries within the window, occasional late retries, clock steps,
//! or a database that loses its last rotations.

use proptest::prelude::*;
use uuid::Uuid;

use super::world::{Row, SECOND, SPACING, WINDOW, World, block_on};

/// One refresh by several tabs after the access token has expired.
#[derive(Clone, Debug)]
struct Round {
    /// For each tab that refreshes, whether its response arrives.
    tabs: Vec<bool>,
    /// The change of the server's clock before the next round, in microseconds.
    pause: i64,
    /// The number of rotations that the database loses before the next round.
    lost: usize,
}

fn rounds() -> impl Strategy<Value = Vec<Round>> {
    let pause = prop_oneof![
        3 => 0..WINDOW / 2,
        6 => WINDOW..7200 * SECOND,
        1 => -7200 * SECOND..0,
    ];
    let lost = prop_oneof![6 => Just(0_usize), 1 => 1..5_usize];
    let round = (
        prop::collection::vec(prop::bool::weighted(0.7), 1..7),
        pause,
        lost,
    )
        .prop_map(|(tabs, pause, lost)| Round { tabs, pause, lost });
    prop::collection::vec(round, 1..28)
}

/// The state that all tabs of a client share.
struct Client {
    session: Uuid,
    stored: u32,
    /// The generation of the last late retry.
    late_retry_generation: Option<u32>,
    history: Vec<Row>,
}

impl Client {
    /// All tabs read the stored token, then each sends it. If no response arrives and another late retry is not allowed
    /// yet, the client retries within the window.
    async fn refresh(&mut self, world: &World, tabs: &[bool]) {
        let presented = self.stored;
        for arrives in tabs {
            self.send(world, presented, *arrives).await;
        }
        if self.stored == presented && !self.may_be_late() {
            self.send(world, presented, true).await;
        }
    }

    async fn send(&mut self, world: &World, presented: u32, arrives: bool) {
        let row = world.row(self.session).await;
        if presented < row.generation && (world.now() - row.rotated_at).abs() >= WINDOW {
            self.late_retry_generation = Some(row.generation);
        }
        let tokens = world.present(self.session, presented).await;
        let tokens =
            tokens.unwrap_or_else(|| panic!("the client was signed out at generation {presented}"));
        self.history.push(world.row(self.session).await);
        if arrives {
            self.stored = world.decode(&tokens.refresh_token).generation;
        }
        world.step_clock(WINDOW / 16);
    }

    /// Whether the next retry may be late: not at another generation within the spacing of the last late retry.
    fn may_be_late(&self) -> bool {
        let generation = self.stored + 1;
        self.late_retry_generation
            .is_none_or(|late| late == generation || generation - late > SPACING)
    }
}

async fn run_rounds(world: &World, rounds: &[Round]) {
    let (session, _) = world.sign_in().await;
    let mut client = Client {
        session,
        stored: 0,
        late_retry_generation: None,
        history: vec![world.row(session).await],
    };
    for round in rounds {
        client.refresh(world, &round.tabs).await;
        world.step_clock(round.pause);
        let kept = client.history.len().saturating_sub(round.lost).max(1);
        client.history.truncate(kept);
        world.restore(session, client.history[kept - 1]).await;
    }
    client.refresh(world, &[true]).await;
}

/// rows 27 to 30, in random rounds.
#[test]
fn an_honest_client_is_never_signed_out() {
    let world = block_on(World::new());
    proptest!(ProptestConfig::with_cases(48), |(rounds in rounds())| {
        block_on(run_rounds(&world, &rounds));
    });
}
