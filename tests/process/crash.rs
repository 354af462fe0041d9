//! A server that is killed while it works signs no user out.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::sleep;
use std::time::{Duration, Instant};

use jeton::audit::Cause;
use jeton::clock::Clock;
use jeton::root_secret::RootSecrets;
use jeton::secret::random_bytes;
use jeton::store::session::{self, NewSession};
use jeton::store::{Store, client, user};
use jeton::token::refresh_token::RefreshToken;

use super::http::Connection;
use super::{PATIENCE, Place, read};
use crate::support::NO_DEVICE;
use crate::support::database::connect;

const CLIENTS: usize = 8;
const KILLS: usize = 4;

/// A client's sessions, each with the newest token that the client has received. It sends a token again if
/// there was no response.
struct Client {
    tokens: Vec<String>,
}

/// Counters and the stop flag of all clients.
#[derive(Default)]
struct Progress {
    stop: AtomicBool,
    answers: AtomicUsize,
    failures: AtomicUsize,
}

impl Client {
    /// Refreshes its sessions in turn until `stop`, then each of them once more.
    fn work(&mut self, address: SocketAddr, progress: &Progress) {
        let mut connection = None;
        while !progress.stop.load(Ordering::SeqCst) {
            for token in &mut self.tokens {
                if progress.stop.load(Ordering::SeqCst) {
                    break;
                }
                refresh(token, &mut connection, address, progress);
            }
        }
        for token in &mut self.tokens {
            refresh(token, &mut connection, address, progress);
        }
    }
}

/// Retries until there is a response, which must be a success.
fn refresh(
    token: &mut String,
    connection: &mut Option<Connection>,
    address: SocketAddr,
    progress: &Progress,
) {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let attempt = match connection.take() {
            Some(open) => Ok(open),
            None => Connection::open(address),
        };
        let answer = attempt.and_then(|mut open| {
            let answer = open.refresh(token)?;
            *connection = Some(open);
            Ok(answer)
        });
        if let Ok(answer) = answer {
            let successor = answer.refresh_token();
            assert_ne!(successor, *token);
            *token = successor;
            progress.answers.fetch_add(1, Ordering::SeqCst);
            return;
        }
        progress.failures.fetch_add(1, Ordering::SeqCst);
        assert!(Instant::now() < deadline, "the server does not start again");
        sleep(Duration::from_millis(10));
    }
}

/// Begins `count` sessions of `admin` without the cost of hashing.
pub(super) async fn begin_sessions(place: &Place, count: usize) -> Vec<String> {
    let data = place.path("data");
    let store = match &place.on_server {
        Some(database) => connect(&database.url()).await,
        None => Store::open(&data.join("jeton.db")).await.unwrap(),
    };
    let secrets = RootSecrets::parse(&read(&data.join("root-secret"))).unwrap();
    let user = user::find_by_username(&store, "admin")
        .await
        .unwrap()
        .unwrap();
    let client = client::find(&store, "first-party").await;
    let client = client.unwrap().unwrap();
    let now = Clock::system().now();
    let mut tokens = Vec::new();
    for _ in 0..count {
        let new = NewSession {
            user_id: user.id,
            session_epoch: user.session_epoch,
            client_id: "first-party",
            client_epoch: &client.epoch,
            scope: "account".to_owned(),
            audience: String::new(),
            acr: "pwd",
            authenticated_at: now,
            expires_at: now.plus(Duration::from_hours(1)),
            idle_lifetime: Duration::from_hours(1),
            device: NO_DEVICE,
            code: None,
        };
        let begun = session::begin(&store, new, &[], &Cause::system(now)).await;
        let token = RefreshToken {
            session: begun.unwrap().unwrap().id,
            generation: 0,
        };
        tokens.push(token.encode(&secrets).expose().to_owned());
    }
    store.close().await.unwrap();
    tokens
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_killed_repeatedly_signs_no_user_out() {
    let seed = u32::from_ne_bytes(random_bytes());
    println!("seed {seed}");
    // A slow machine starts more slowly than the default window.
    let place = Place::on_server().set("JETON_SESSION__RETRY_WINDOW", "60s");
    let mut abandoned = begin_sessions(&place, 40).await;
    let tokens = begin_sessions(&place, 2_000).await;
    let mut clients: Vec<Client> = tokens
        .chunks(tokens.len() / CLIENTS)
        .map(|tokens| Client {
            tokens: tokens.to_vec(),
        })
        .collect();
    let progress = Progress::default();
    let mut server = place.start();
    let address = server.address;
    let _alive = std::thread::scope(|scope| {
        for client in &mut clients {
            scope.spawn(|| client.work(address, &progress));
        }
        for moment in moments(seed) {
            // The server must respond before it is killed.
            let before = progress.answers.load(Ordering::SeqCst);
            super::eventually("the clients continue", || {
                progress.answers.load(Ordering::SeqCst) > before + CLIENTS
            });
            sleep(moment);
            // These responses are certainly lost: no client reads them.
            let unread = abandoned.iter().map(|token| send_refresh(address, token));
            let unread: Vec<Connection> = unread.collect();
            sleep(Duration::from_millis(50));
            let failures = progress.failures.load(Ordering::SeqCst);
            server.kill();
            super::eventually("the clients notice", || {
                progress.failures.load(Ordering::SeqCst) > failures
            });
            drop(unread);
            server = place.start_at(address);
            for token in &mut abandoned {
                *token = server.refresh(token).refresh_token();
            }
        }
        progress.stop.store(true, Ordering::SeqCst);
        server
    });
    // Each client has refreshed all its sessions once more, or failed.
    let living = "SELECT count(*) FROM sessions WHERE revoked_at IS NULL AND generation > 0";
    assert_eq!(place.number(living).await, 2_040);
}

/// Sends a refresh without waiting for the response.
fn send_refresh(address: SocketAddr, token: &str) -> Connection {
    let mut connection = Connection::open(address).unwrap();
    let form = format!("grant_type=refresh_token&refresh_token={token}");
    let length = format!("Content-Length: {}\r\n", form.len());
    connection
        .send(Connection::token_head(&length) + &form)
        .unwrap();
    connection
}

/// Delays before a kill, up to two seconds.
fn moments(seed: u32) -> impl Iterator<Item = Duration> {
    let mut state = seed;
    (0..KILLS).map(move |_| {
        // The linear congruential generator of Numerical Recipes.
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        Duration::from_millis(u64::from(state >> 21))
    })
}

/// After a power failure, writes of relaxed durability are lost. The tokens are ahead of the store and prove
/// their generations.
#[tokio::test]
async fn a_store_that_lost_its_last_writes_signs_no_user_out() {
    let place = Place::furnished();
    let mut tokens = begin_sessions(&place, 20).await;
    let saved = fs::read(place.path("data/jeton.db")).unwrap();
    let server = place.start();
    for (token, times) in tokens.iter_mut().zip(1..) {
        for _ in 0..times {
            *token = server.refresh(token).refresh_token();
        }
    }
    server.kill();
    put_back(&place.path("data"), &saved);

    let server = place.start();
    for token in &mut tokens {
        *token = server.refresh(token).refresh_token();
        *token = server.refresh(token).refresh_token();
    }
    server.log_with("refresh_ahead_of_store");
}

fn put_back(data: &Path, database: &[u8]) {
    for name in ["jeton.db-wal", "jeton.db-shm"] {
        let _ = fs::remove_file(data.join(name));
    }
    fs::write(data.join("jeton.db"), database).unwrap();
}

/// What the system would write to the disk at a crash: keys, passwords and tokens.
#[test]
fn the_memory_is_in_no_core_dump() {
    let place = Place::furnished();
    let server = place.start_in_shell("ulimit -S -c $(ulimit -H -c)");
    let limits = fs::read_to_string(format!("/proc/{}/limits", server.child.id())).unwrap();
    let limit = limits
        .lines()
        .find(|line| line.starts_with("Max core file size"));
    let values: Vec<_> = limit.unwrap().split_whitespace().skip(4).collect();
    assert_eq!(values, ["0", "0", "bytes"]);
}
