//! An honest client is never signed out by many tabs, retries within the window, lost responses on one device, a lost
//! response now and then across a change of network, clock steps, or a database that loses its last rotations.

use jeton::config::RetryDevice;
use proptest::prelude::*;
use uuid::Uuid;

use super::server::{Row, SECOND, SPACING, TestServer, WINDOW, block_on};

/// The owner's device in each of its networks, and a server that renders pages for it.
const NETWORKS: [usize; 2] = [0, 1];
const SERVER: usize = 3;

/// One refresh by several tabs after the access token has expired.
#[derive(Clone, Debug)]
struct Round {
    /// Whether the device changes its network before the round.
    moves: bool,
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
        prop::bool::weighted(0.3),
        prop::collection::vec(prop::bool::weighted(0.6), 1..7),
        pause,
        lost,
    )
        .prop_map(|(moves, tabs, pause, lost)| Round {
            moves,
            tabs,
            pause,
            lost,
        });
    prop::collection::vec(round, 1..28)
}

/// The state that all tabs of a client share.
struct Client {
    session: Uuid,
    device: usize,
    stored: u32,
    /// The generation of the last late retry from another network.
    late_retry_generation: Option<u32>,
    history: Vec<Row>,
}

impl Client {
    /// Changes the network, unless a response was lost too soon after the last one across a change of network.
    async fn change_network(&mut self, server: &TestServer) {
        let row = server.row(self.session).await;
        let generation = self.stored + 1;
        let may_be_late = self
            .late_retry_generation
            .is_none_or(|late| late == generation || generation - late > SPACING);
        if self.stored >= row.generation || may_be_late {
            self.device = NETWORKS[1 - self.device];
        }
    }

    /// All tabs read the stored token, then each sends it.
    async fn refresh(&mut self, server: &TestServer, tabs: &[bool]) {
        let presented = self.stored;
        for arrives in tabs {
            self.send(server, presented, *arrives).await;
        }
    }

    async fn send(&mut self, server: &TestServer, presented: u32, arrives: bool) {
        let row = server.row(self.session).await;
        let is_late = presented < row.generation && (server.now() - row.rotated_at).abs() >= WINDOW;
        if is_late && row.device != self.device {
            self.late_retry_generation = Some(row.generation);
        }
        let tokens = server.present(self.device, self.session, presented).await;
        let tokens =
            tokens.unwrap_or_else(|| panic!("the client was signed out at generation {presented}"));
        self.history.push(server.row(self.session).await);
        if arrives {
            self.stored = server.decode(&tokens.refresh_token).generation;
        }
        server.step_clock(WINDOW / 16);
    }
}

async fn run_rounds(server: &TestServer, rounds: &[Round]) {
    let session = server.sign_in().await;
    let mut client = Client {
        session,
        device: 0,
        stored: 0,
        late_retry_generation: None,
        history: vec![server.row(session).await],
    };
    for round in rounds {
        if round.moves {
            client.change_network(server).await;
        }
        client.refresh(server, &round.tabs).await;
        server.step_clock(round.pause);
        let kept = client.history.len().saturating_sub(round.lost).max(1);
        client.history.truncate(kept);
        server.restore(session, client.history[kept - 1]).await;
    }
    client.refresh(server, &[true]).await;
    assert!(!server.row(session).await.repeated_elsewhere);
}

async fn server(retry_device: RetryDevice) -> TestServer {
    TestServer::with(|settings| settings.session.retry_device = retry_device).await
}

/// rows 27 to 30, in random rounds.
#[test]
fn an_honest_client_is_never_signed_out() {
    for retry_device in RetryDevice::ALL {
        let server = block_on(server(retry_device));
        proptest!(ProptestConfig::with_cases(32), |(rounds in rounds())| {
            block_on(run_rounds(&server, &rounds));
        });
    }
}

/// row 29: each tab has a copy of the storage, and uses its own newest token.
#[test]
fn two_tabs_with_copied_storage_that_refresh_in_turn_stay_signed_in() {
    let pauses = prop::collection::vec(0..7200 * SECOND, 1..40);
    for retry_device in RetryDevice::ALL {
        let server = block_on(server(retry_device));
        proptest!(ProptestConfig::with_cases(16), |(pauses in pauses.clone())| {
            block_on(async {
                let session = server.sign_in().await;
                let mut tabs = [0, 0];
                for (turn, pause) in pauses.iter().enumerate() {
                    let tokens = server.present(0, session, tabs[turn % 2]).await.unwrap();
                    tabs[turn % 2] = server.decode(&tokens.refresh_token).generation;
                    server.step_clock(*pause);
                }
                assert_eq!(server.row(session).await.late_retry_generation, None);
            });
        });
    }
}

/// row 29: from the same device, a late retry is forgiven at every generation.
#[test]
fn a_client_that_loses_every_first_response_stays_signed_in() {
    for retry_device in RetryDevice::ALL {
        let server = block_on(server(retry_device));
        block_on(async {
            let session = server.sign_in().await;
            for generation in 0..50 {
                for _ in 0..3 {
                    server.present(0, session, generation).await.unwrap();
                    server.step_clock(3600 * SECOND);
                }
            }
        });
    }
}

/// row 29: the client moves with each lost response. A spacing of 10 forgives one in eleven generations.
#[test]
fn a_client_that_loses_one_response_per_spacing_across_a_change_of_network_stays_signed_in() {
    let server = block_on(server(RetryDevice::Same));
    block_on(async {
        let session = server.sign_in().await;
        let mut device = 0;
        for generation in 0..100 {
            server.present(device, session, generation).await.unwrap();
            server.step_clock(900 * SECOND);
            if generation % (SPACING + 1) == 0 {
                device = NETWORKS[1 - device];
                server.present(device, session, generation).await.unwrap();
                server.step_clock(900 * SECOND);
            }
        }
        assert_eq!(server.row(session).await.late_retry_generation, Some(100));
    });
}

/// row 28: with `retry_device = "any"`, a page and the server that renders it send one cookie under two names.
#[test]
fn a_page_and_its_server_that_refresh_within_the_window_stay_signed_in() {
    let server = block_on(server(RetryDevice::Any));
    let rounds = prop::collection::vec((any::<bool>(), 0..WINDOW), 1..30);
    proptest!(ProptestConfig::with_cases(16), |(rounds in rounds)| {
        block_on(async {
            let session = server.sign_in().await;
            for (generation, (server_first, apart)) in (0..).zip(rounds) {
                let (first, second) = if server_first { (SERVER, 0) } else { (0, SERVER) };
                let one = server.present(first, session, generation).await.unwrap();
                server.step_clock(apart);
                let other = server.present(second, session, generation).await.unwrap();
                assert_eq!(one.refresh_token, other.refresh_token);
                assert_eq!(one.access_token, other.access_token);
                server.step_clock(900 * SECOND);
            }
            let row = server.row(session).await;
            assert_eq!((row.repeated_elsewhere, row.late_retry_generation), (true, None));
        });
    });
}
