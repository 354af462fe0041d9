//! An honest client is never signed out: any number of tabs, any retries inside the window, a lost
//! answer now and then outside it, clock steps, and a store that loses its last rotations.

use proptest::prelude::*;
use uuid::Uuid;

use super::world::{Row, SECOND, SPACING, WINDOW, World, block_on};

/// One moment at which the client finds its access token expired.
#[derive(Clone, Debug)]
struct Round {
    /// For each tab that refreshes, whether its answer arrives.
    tabs: Vec<bool>,
    /// What happens before the next round, in microseconds of the server's clock.
    pause: i64,
    /// The number of rotations that the store loses in the pause.
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

/// What a client's tabs share.
struct Client {
    session: Uuid,
    stored: u32,
    /// The generation at which an answer was last lost for longer than the window.
    late: Option<u32>,
    history: Vec<Row>,
}

impl Client {
    /// All tabs read the stored token, then each sends it. An answer is lost for longer than the
    /// window only now and then; otherwise the network is back in time.
    async fn refresh(&mut self, world: &World, tabs: &[bool]) {
        let shown = self.stored;
        for arrives in tabs {
            self.send(world, shown, *arrives).await;
        }
        if self.stored == shown && !self.may_be_late() {
            self.send(world, shown, true).await;
        }
    }

    async fn send(&mut self, world: &World, shown: u32, arrives: bool) {
        let row = world.row(self.session).await;
        if shown < row.generation && (world.now() - row.rotated_at).abs() >= WINDOW {
            self.late = Some(row.generation);
        }
        let tokens = world.present(self.session, shown).await;
        let tokens = tokens.unwrap_or_else(|| panic!("signed out at generation {shown}"));
        self.history.push(world.row(self.session).await);
        if arrives {
            self.stored = world.decode(&tokens.refresh_token).generation;
        }
        world.step_clock(WINDOW / 16);
    }

    /// Whether an answer may be lost for longer than the window: not at another generation within
    /// the spacing of the last one.
    fn may_be_late(&self) -> bool {
        let generation = self.stored + 1;
        self.late
            .is_none_or(|late| late == generation || generation - late > SPACING)
    }
}

async fn live(world: &World, rounds: &[Round]) {
    let (session, _) = world.sign_in().await;
    let mut client = Client {
        session,
        stored: 0,
        late: None,
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

/// rows 27 to 30.
#[test]
fn an_honest_client_is_never_signed_out() {
    let world = block_on(World::new());
    proptest!(ProptestConfig::with_cases(48), |(rounds in rounds())| {
        block_on(live(&world, &rounds));
    });
}
